// TensorBoard's event files; see event_file.hpp.
#include "hubel/event_file.hpp"

#include <errno.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// ---- CRC-32C (Castagnoli), as TFRecord masks it ----------------------------------------------------------------

constexpr std::array<std::uint32_t, 256> crc_table() {
  constexpr std::uint32_t kReflected = 0x82f63b78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kReflected : 0);
    table[i] = crc;
  }
  return table;
}

std::uint32_t masked_crc(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 255];
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

// ---- Protocol buffers: a field's number and wire type, and its value -------------------------------------------

enum class Wire : unsigned { varint = 0, bits64 = 1, bytes = 2, bits32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  out += static_cast<char>(value);
}

void put_key(std::string& out, unsigned field, Wire wire) { put_varint(out, field << 3 | static_cast<unsigned>(wire)); }

// Little-endian, as is every machine that Hubel reads safetensors on.
template <class Number>
void put_bits(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}

std::string event_head() {
  std::string event;
  put_key(event, 1, Wire::bits64);  // wall_time
  put_bits(event, std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  return event;
}

std::string version_event() {
  std::string event = event_head();
  put_bytes(event, 3, "brain.Event:2");  // file_version
  return event;
}

std::string scalars_event(std::int64_t step, std::span<const Scalar> scalars) {
  std::string event = event_head(), summary;
  put_key(event, 2, Wire::varint);  // step
  put_varint(event, static_cast<std::uint64_t>(step));
  for (const Scalar& scalar : scalars) {
    std::string value;
    put_bytes(value, 1, scalar.tag);
    put_key(value, 2, Wire::bits32);  // simple_value
    put_bits(value, static_cast<float>(scalar.value));
    put_bytes(summary, 1, value);
  }
  put_bytes(event, 5, summary);
  return event;
}

// A name that no other run has taken: TensorBoard reads all files of this beginning, in their names' order.
std::string new_path(const std::string& folder, std::string_view suffix) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() % 1'000'000'000;
  return std::filesystem::path(folder) /
         detail::formatted("events.out.tfevents.{:010}.{:09}.{}.{}", seconds, rest, getpid(), suffix);
}

[[noreturn]] void fail(const std::string& path) {
  throw IoError(detail::formatted("{}: cannot be written: {}", path, std::strerror(errno)));
}

}  // namespace

EventFile::EventFile(const std::string& folder, std::string_view suffix) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(detail::formatted("{}: cannot be made a folder: {}", folder, error.message()));
  path_ = new_path(folder, suffix);
  file_.reset(std::fopen(path_.c_str(), "wbxe"));
  if (!file_) fail(path_);
  write_record(version_event());
}

void EventFile::write(std::int64_t step, std::span<const Scalar> scalars) {
  write_record(scalars_event(step, scalars));
}

void EventFile::write_record(std::string_view record) {
  std::string head, framed;
  put_bits(head, static_cast<std::uint64_t>(record.size()));
  framed = head;
  put_bits(framed, masked_crc(head));
  framed += record;
  put_bits(framed, masked_crc(record));
  if (std::fwrite(framed.data(), 1, framed.size(), file_.get()) != framed.size() || std::fflush(file_.get()) != 0)
    fail(path_);
}

}  // namespace hubel
