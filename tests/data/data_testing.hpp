// What the tests of the data layer share: files built byte by byte (also ones that lie), and checks of messages.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubel/errors.hpp"

namespace hubel::test {

using Bytes = std::vector<std::byte>;

inline Bytes to_bytes(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

// The low `size` bytes of the value, the least first or last.
inline void append_integer(Bytes& to, std::uint64_t value, int size, bool big_endian = false) {
  for (int i = 0; i < size; ++i) {
    to.push_back(static_cast<std::byte>(value >> 8 * (big_endian ? size - 1 - i : i) & 0xff));
  }
}

// The elements as a file of this byte order has them.
template <class T>
Bytes elements(const std::vector<T>& values, bool big_endian = false) {
  Bytes bytes;
  for (const T value : values) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    append_integer(bytes, bits, sizeof(T), big_endian);
  }
  return bytes;
}

// A folder of the test's own, removed with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "hubel-test-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string write(const std::string& name, const Bytes& bytes) const {
    const std::filesystem::path file = path_ / name;
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

// Raw deflate, or gzip when `wrapper` is 16.
inline Bytes deflated(const Bytes& bytes, int wrapper) {
  z_stream stream{};
  const int bits = wrapper == 16 ? MAX_WBITS + 16 : -MAX_WBITS;
  if (deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  Bytes out(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline Bytes gzipped(const Bytes& bytes) { return deflated(bytes, 16); }

// An IDX file of bytes.
inline Bytes idx(const std::vector<std::uint32_t>& shape, const Bytes& data) {
  Bytes bytes;
  append_integer(bytes, 0x0800 | shape.size(), 4, true);
  for (const std::uint32_t extent : shape) append_integer(bytes, extent, 4, true);
  append(bytes, data);
  return bytes;
}

// A .npy file of the version with this header, padded as NumPy does.
inline Bytes npy_with_header(std::string header, const Bytes& data, int version = 1) {
  const std::size_t preamble = version == 1 ? 10 : 12;
  while ((preamble + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  Bytes bytes = to_bytes("\x93NUMPY");
  append_integer(bytes, static_cast<std::uint64_t>(version), 1);
  append_integer(bytes, 0, 1);
  append_integer(bytes, header.size(), version == 1 ? 2 : 4);
  append(bytes, to_bytes(header));
  append(bytes, data);
  return bytes;
}

inline Bytes npy(const std::string& descr, const std::string& shape, const Bytes& data, bool fortran_order = false) {
  return npy_with_header("{'descr': '" + descr + "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                             ", 'shape': " + shape + ", }",
                         data);
}

// An entry of a zip, and the lies that its headers tell.
struct ZipEntry {
  std::string name;
  Bytes content;
  int method = 0;  // stored; 8 is deflate
  int flags = 0;   // 1 is encrypted
  std::optional<std::uint32_t> stated_size{}, stated_packed_size{}, stated_crc{};
};

// A zip archive: local headers with their data, the central directory, its end (APPNOTE.TXT 4.3.6).
inline Bytes zip(const std::vector<ZipEntry>& entries) {
  Bytes bytes, directory;
  for (const ZipEntry& entry : entries) {
    const Bytes packed = entry.method == 8 ? deflated(entry.content, 0) : entry.content;
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()), static_cast<uInt>(entry.content.size()));
    Bytes common;
    append_integer(common, 20, 2);  // version needed
    append_integer(common, static_cast<std::uint64_t>(entry.flags), 2);
    append_integer(common, static_cast<std::uint64_t>(entry.method), 2);
    append_integer(common, 0x00210000, 4);  // 1 January 1980
    append_integer(common, entry.stated_crc.value_or(static_cast<std::uint32_t>(crc)), 4);
    append_integer(common, entry.stated_packed_size.value_or(static_cast<std::uint32_t>(packed.size())), 4);
    append_integer(common, entry.stated_size.value_or(static_cast<std::uint32_t>(entry.content.size())), 4);
    append_integer(common, entry.name.size(), 2);
    append_integer(common, 0, 2);  // no extra field
    const std::size_t offset = bytes.size();
    append(bytes, to_bytes("PK\x03\x04"));
    append(bytes, common);
    append(bytes, to_bytes(entry.name));
    append(bytes, packed);
    append(directory, to_bytes("PK\x01\x02"));
    append_integer(directory, 20, 2);
    append(directory, common);
    append(directory, Bytes(10));  // no comment, disk 0, no attributes
    append_integer(directory, offset, 4);
    append(directory, to_bytes(entry.name));
  }
  const std::size_t begin = bytes.size();
  append(bytes, directory);
  append(bytes, to_bytes(std::string_view("PK\x05\x06\0\0\0\0", 8)));
  append_integer(bytes, entries.size(), 2);
  append_integer(bytes, entries.size(), 2);
  append_integer(bytes, directory.size(), 4);
  append_integer(bytes, begin, 4);
  append_integer(bytes, 0, 2);
  return bytes;
}

// Succeeds when call() throws Error (and nothing derived elsewhere) whose message is one line and holds all the parts.
template <class Error, class Call>
::testing::AssertionResult throws(Call call, const std::vector<std::string>& parts) {
  try {
    call();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    if (message.find('\n') != std::string_view::npos)
      return ::testing::AssertionFailure() << "is more than one line: " << message;
    for (const std::string& part : parts)
      if (message.find(part) == std::string_view::npos)
        return ::testing::AssertionFailure() << "does not say \"" << part << "\": " << message;
    return ::testing::AssertionSuccess();
  } catch (const std::exception& error) {
    return ::testing::AssertionFailure() << "threw something else: " << error.what();
  }
  return ::testing::AssertionFailure() << "did not throw";
}

// Calls use(bytes) with the file cut off at every length (or every step-th), and with bits flipped. It must return or
// throw one of Hubel's two exceptions; what else it does (a crash, another exception) fails the test. Returns how many
// of the truncated files were taken without an exception.
template <class Use>
int survive_damage(const Bytes& good, std::size_t step, Use use) {
  int accepted = 0;
  const auto attempt = [&](const Bytes& bytes) {
    try {
      use(bytes);
      return 1;
    } catch (const FormatError&) {
    } catch (const IoError&) {
    }
    return 0;
  };
  for (std::size_t length = 0; length < good.size(); length += step) {
    accepted += attempt(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  Bytes bad = good;
  for (std::size_t bit = 0; bit < 8 * good.size(); bit += step) {
    bad[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    attempt(bad);
    bad[bit / 8] = good[bit / 8];
  }
  return accepted;
}

}  // namespace hubel::test
