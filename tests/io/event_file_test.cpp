// TensorBoard's event files, byte by byte.
#include "hubel/event_file.hpp"

#include <cmath>

#include "io/io_testing.hpp"

namespace hubel::test {
namespace {

// CRC-32C bit by bit.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class Number>
Number number_at(const std::string& bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::vector<std::string> records(const std::string& bytes) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = number_at<std::uint64_t>(bytes, at);
    EXPECT_EQ(number_at<std::uint32_t>(bytes, at + 8), masked(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(bytes, at + 12 + length), masked(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(EventFile, HasTheChecksumOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // the check value of CRC-32C (Koopman; RFC 3720)
}

TEST(EventFile, HoldsScalars) {
  const Folder folder;
  EventFile file(folder / "a/b", "test");
  const Scalar scalars[] = {{"loss/train", 0.25}, {"accuracy", 1}};
  file.write(300, scalars);
  const auto written = records(read_file(file.path()));  // without closing it
  ASSERT_EQ(written.size(), 2u);
  EXPECT_EQ(written[0].substr(9),
            "\x1a\x0d"
            "brain.Event:2");
  const std::string& event = written[1];
  EXPECT_EQ(event[0], '\x09');
  EXPECT_GT(number_at<double>(event, 1), 1.7e9);  // seconds since 1970
  const std::string value_1 = std::string("\x0a\x0a") + "loss/train" + std::string("\x15\x00\x00\x80\x3e", 5);
  const std::string value_2 = std::string("\x0a\x08") + "accuracy" + std::string("\x15\x00\x00\x80\x3f", 5);
  const std::string summary = "\x0a\x11" + value_1 + "\x0a\x0f" + value_2;
  EXPECT_EQ(event.substr(9), "\x10\xac\x02\x2a" + std::string(1, static_cast<char>(summary.size())) + summary);
}

TEST(EventFile, EachHasItsOwnName) {
  const Folder folder;
  const EventFile a(folder / "run"), b(folder / "run");
  EXPECT_NE(a.path(), b.path());
  EXPECT_TRUE(std::filesystem::path(a.path()).filename().string().starts_with("events.out.tfevents."));
}

TEST(EventFile, TellsWhatCannotBeWritten) {
  const Folder folder;
  write_file(folder / "file", "");
  EXPECT_TRUE(fails<IoError>([&] { EventFile(folder / "file/run"); }, {folder / "file/run"}));
  EventFile file(folder / "run");
  const SizeLimit limit(100);
  const std::vector<Scalar> many(50, Scalar{"loss", 1});
  EXPECT_TRUE(fails<IoError>([&] { file.write(1, many); }, {file.path(), "File too large"}));
}

}  // namespace
}  // namespace hubel::test
