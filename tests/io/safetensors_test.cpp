// The safetensors format: what is written is read back, other writers' dtypes are read, and every lie is found.
#include "io/safetensors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/io_testing.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

using detail::MemorySource;
using detail::SafetensorsHeader;

SafetensorsHeader header_of(const std::string& bytes) {
  return detail::read_safetensors_header(MemorySource(std::as_bytes(std::span(bytes))), "m");
}

Tensor<float> only_tensor(const std::string& bytes) {
  const MemorySource source(std::as_bytes(std::span(bytes)));
  return detail::read_float_tensor(source, detail::read_safetensors_header(source, "m").tensors.at(0), "m");
}

template <class Stored>
std::string bytes_of(std::initializer_list<Stored> values) {
  std::string bytes(values.size() * sizeof(Stored), '\0');
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

TEST(Safetensors, RoundTrip) {
  const Folder folder;
  Tensor<float> a = random_tensor<float>({3, 5, 7}, 1), b({0, 4}), c({}, {42.0f});
  a[0] = std::numeric_limits<float>::quiet_NaN();
  a[1] = -0.0f;
  a[2] = std::numeric_limits<float>::infinity();
  const std::map<std::string, std::string> metadata = {{"note", "line\nand \"quotes\" and ü"}, {"", ""}};
  const detail::NamedTensor tensors[] = {{"z", a}, {"empty", b}, {"scalar", c}};
  detail::write_safetensors(folder / "a", metadata, tensors);
  const detail::FileSource source(folder / "a");
  const SafetensorsHeader header = detail::read_safetensors_header(source, "a");
  EXPECT_EQ(header.metadata, metadata);
  ASSERT_EQ(header.tensors.size(), 3u);
  for (const detail::NamedTensor& wanted : tensors) {
    const auto found = std::find_if(header.tensors.begin(), header.tensors.end(),
                                    [&](const auto& entry) { return entry.name == wanted.name; });
    ASSERT_NE(found, header.tensors.end());
    const Tensor<float> values = detail::read_float_tensor(source, *found, "a");
    EXPECT_TRUE(same_bits<float>(values, wanted.values));
  }
  EXPECT_EQ(header.tensors[0].begin % 8, 0u);
}

// Written down by hand from the format's description.
TEST(Safetensors, BytesAsPublished) {
  const Folder folder;
  const Tensor<float> w({1, 2}, {1.0f, -2.0f});
  const detail::NamedTensor tensors[] = {{"w", w}};
  detail::write_safetensors(folder / "a", {{"k", "v"}}, tensors);
  const std::string header = R"({"__metadata__":{"k":"v"},"w":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]}})";
  EXPECT_EQ(read_file(folder / "a"), safetensors(header + std::string((8 - header.size() % 8) % 8, ' '),
                                                 bytes_of<std::uint32_t>({0x3f800000, 0xc0000000})));
}

TEST(Safetensors, OtherDtypesBecomeFloat) {
  const auto of = [](const std::string& dtype, const std::string& data, int n) {
    return only_tensor(safetensors(
        detail::formatted(R"({{"w":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", dtype, n, data.size()),
        data));
  };
  const Tensor<float> f64 = of("F64", bytes_of<double>({0.1, -1e300, 1e-60}), 3);
  EXPECT_EQ(f64[0], 0.1f);
  EXPECT_EQ(f64[1], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(f64[2], 0.0f);
  // IEEE 754-2008 binary16: 1, -2, the largest (65504), the smallest subnormal, a subnormal, -0, infinity, NaN.
  const Tensor<float> f16 =
      of("F16", bytes_of<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x8200, 0x8000, 0x7c00, 0x7e00}), 8);
  const float wanted[] = {1, -2, 65504, 0x1p-24f, -0x1p-15f, -0.0f, std::numeric_limits<float>::infinity()};
  for (int i = 0; i < 7; ++i) EXPECT_EQ(std::memcmp(&f16[i], &wanted[i], 4), 0) << f16[i];
  EXPECT_TRUE(std::isnan(f16[7]));
  const Tensor<float> bf16 = of("BF16", bytes_of<std::uint16_t>({0x3f80, 0xc040}), 2);
  EXPECT_EQ(bf16[0], 1.0f);
  EXPECT_EQ(bf16[1], -3.0f);
  EXPECT_TRUE(fails<FormatError>([&] { of("I32", bytes_of<std::int32_t>({1}), 1); }, {"\"w\"", "I32", "F32, F64"}));
  // Across the pieces in which it is read.
  std::string many(9000 * 8, '\0');
  for (int i = 0; i < 9000; ++i) {
    const double x = i;
    std::memcpy(&many[static_cast<std::size_t>(i) * 8], &x, 8);
  }
  const Tensor<float> long_one = of("F64", many, 9000);
  for (int i = 0; i < 9000; ++i) ASSERT_EQ(long_one[i], static_cast<float>(i));
}

TEST(Safetensors, OrderOfTheHeaderDoesNotMatter) {
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
      R"("e":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}   )";
  const SafetensorsHeader read = header_of(safetensors(header, bytes_of<float>({1, 2})));
  ASSERT_EQ(read.tensors.size(), 3u);
  EXPECT_EQ(read.tensors[0].name, "a");
  EXPECT_EQ(read.tensors[1].name, "e");
  EXPECT_EQ(read.tensors[2].name, "b");
}

TEST(Safetensors, EmptyIsValid) { EXPECT_TRUE(header_of(safetensors("{}")).tensors.empty()); }

TEST(Safetensors, RefusesLies) {
  const std::string eight(8, 'x');
  const auto says = [](const std::string& bytes, const std::vector<std::string>& parts) {
    return fails<FormatError>([&] { header_of(bytes); }, parts);
  };
  const auto tensor = [&](const std::string& body) { return safetensors("{\"w\":" + body + "}", eight); };
  EXPECT_TRUE(says("", {"m: not a safetensors file", "0 bytes"}));
  EXPECT_TRUE(says("1234567", {"7 bytes"}));
  EXPECT_TRUE(says(std::string(8, '\xff'), {"18446744073709551615", "0 follow"}));
  EXPECT_TRUE(says(std::string("\x03\0\0\0\0\0\0\0{}", 10), {"header of 3 bytes, 2 follow"}));
  EXPECT_TRUE(says(safetensors(""), {"no JSON object"}));
  EXPECT_TRUE(says(safetensors("[]"), {"no JSON object"}));
  EXPECT_TRUE(says(safetensors(" {}"), {"no JSON object"}));
  EXPECT_TRUE(says(safetensors("{"), {"not valid JSON"}));
  EXPECT_TRUE(says(safetensors("{} x"), {"not valid JSON"}));
  EXPECT_TRUE(says(safetensors("{\"\xff\":1}"), {"not valid JSON"}));
  EXPECT_TRUE(says(safetensors("{\"w\":1e999}"), {"not valid JSON"}));
  EXPECT_TRUE(says(tensor("5"), {"\"w\"", "5 is not an object"}));
  EXPECT_TRUE(says(tensor("{}"), {"'dtype' is missing"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":7})"), {"'dtype' is not a string"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32"})"), {"'shape' is missing"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[2]})"), {"'data_offsets' is missing"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"), {"unknown dtype \"F33\""}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), {"12 bytes", "leave 8"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), {"'shape' is [-2]"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), {"'shape' is [2.0]"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), {"'shape' is 2"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})"), {"too large"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"), {"too many"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[1,1,1,1,1,1,2],"data_offsets":[0,8]})"), {"7 axes"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), {"[begin, end]", "8 bytes"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), {"[begin, end]"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"), {"[begin, end]"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})"), {"[begin, end]"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), {"accounts for"}));
  EXPECT_TRUE(says(tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"), {"leaves a gap"}));
  EXPECT_TRUE(says(safetensors("{}", eight), {"accounts for"}));
  const std::string half = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_TRUE(says(safetensors("{\"v\":" + half + ",\"w\":" + half + "}", eight), {"overlaps"}));
  EXPECT_TRUE(says(safetensors("{\"w\":" + half + ",\"w\":" + half + "}", eight), {"\"w\" is there twice"}));
  EXPECT_TRUE(says(safetensors(R"({"__metadata__":{"k":1}})"), {"__metadata__", "strings"}));
  EXPECT_TRUE(says(safetensors(R"({"__metadata__":[]})"), {"__metadata__", "strings"}));
  EXPECT_TRUE(says(safetensors("{\"w\":" + std::string(100'000, '[')), {"levels of JSON"}));
}

// Control characters and what is not ASCII do not reach the terminal through a message, and it stays short.
TEST(Safetensors, MessagesAreSafeToPrint) {
  try {
    header_of(safetensors("{\"\\u001b[31m\xc3\xbc" + std::string(5000, 'a') + "\":5}"));
    FAIL();
  } catch (const FormatError& error) {
    for (const char* c = error.what(); *c; ++c) EXPECT_TRUE(*c >= ' ' && *c <= '~');
    EXPECT_LT(std::strlen(error.what()), 200u);
  }
}

TEST(Safetensors, RefusesToWriteWhatNobodyCouldRead) {
  const Folder folder;
  const Tensor<float> w({1}, {1.0f});
  const auto write = [&](const std::map<std::string, std::string>& metadata, std::vector<detail::NamedTensor> tensors) {
    detail::write_safetensors(folder / "a", metadata, tensors);
  };
  EXPECT_TRUE(fails<std::invalid_argument>([&] { write({}, {{"w", w}, {"w", w}}); }, {"\"w\""}));
  EXPECT_TRUE(fails<std::invalid_argument>([&] { write({{"k", "\xff"}}, {}); }, {"UTF-8"}));
  EXPECT_TRUE(fails<std::invalid_argument>([&] { write({{"k", std::string(17 << 20, 'x')}}, {}); }, {"at most"}));
  EXPECT_TRUE(folder.names().empty());
}

TEST(Safetensors, ReadsRegularFilesAlone) {
  const Folder folder;
  EXPECT_TRUE(fails<IoError>([&] { detail::FileSource(folder / "absent"); }, {"absent", "No such file"}));
  EXPECT_TRUE(fails<IoError>([&] { detail::FileSource(folder.path()); }, {"not a regular file"}));
  EXPECT_TRUE(fails<IoError>([&] { detail::FileSource("/dev/zero"); }, {"not a regular file"}));
}

}  // namespace
}  // namespace hubel::test
