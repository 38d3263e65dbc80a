// .npy and .npz: every type, byte order and layout; files that NumPy wrote; files that are broken or lie.
#include "hubel/npz.hpp"

#include <cmath>
#include <limits>

#include "data/npy.hpp"
#include "data_testing.hpp"

namespace hubel::test {
namespace {

NpyArray parse(const Bytes& bytes) { return parse_npy(bytes, "file"); }

template <class Error = FormatError>
::testing::AssertionResult refuses(const Bytes& bytes, const std::vector<std::string>& parts) {
  return throws<Error>([&] { parse(bytes); }, parts);
}

::testing::AssertionResult refuses_zip(const Bytes& bytes, const std::vector<std::string>& parts,
                                       const ReadLimits& limits = {}) {
  return throws<FormatError>([&] { parse_npz(bytes, "file", limits); }, parts);
}

// 2, 1 and 0 read back from an array of T, in both byte orders and through to_float and to_int64.
template <class T>
void expect_round_trip(const std::string& type) {
  const std::vector<T> values{T(2), T(1), T(0)};
  for (const bool big_endian : {false, true}) {
    const NpyArray array = parse(npy((big_endian ? ">" : "<") + type, "(3,)", elements(values, big_endian)));
    EXPECT_EQ(array.shape, std::vector<std::int64_t>{3});
    EXPECT_EQ(array.item_size, sizeof(T));
    EXPECT_EQ(array.dtype(), (sizeof(T) == 1 ? "|" : big_endian ? ">" : "<") + type);
    EXPECT_EQ(array.to_float(), (std::vector<float>{2, 1, 0})) << type;
    EXPECT_EQ(array.to_int64(), (std::vector<std::int64_t>{2, 1, 0})) << type;
  }
}

TEST(Npy, ReadsEveryTypeInBothByteOrders) {
  expect_round_trip<std::int8_t>("i1");
  expect_round_trip<std::int16_t>("i2");
  expect_round_trip<std::int32_t>("i4");
  expect_round_trip<std::int64_t>("i8");
  expect_round_trip<std::uint8_t>("u1");
  expect_round_trip<std::uint16_t>("u2");
  expect_round_trip<std::uint32_t>("u4");
  expect_round_trip<std::uint64_t>("u8");
  expect_round_trip<float>("f4");
  expect_round_trip<double>("f8");
}

TEST(Npy, ReadsBoolAsZeroAndOne) {
  const NpyArray array = parse(npy("|b1", "(3,)", elements<std::uint8_t>({0, 1, 2})));
  EXPECT_EQ(array.to_float(), (std::vector<float>{0, 1, 1}));
  EXPECT_EQ(array.to_int64(), (std::vector<std::int64_t>{0, 1, 1}));
}

TEST(Npy, ReadsNegativeNumbers) {
  EXPECT_EQ(parse(npy(">i2", "(2,)", elements<std::int16_t>({-2, -32768}, true))).to_int64(),
            (std::vector<std::int64_t>{-2, -32768}));
}

// Values from IEEE 754's table of binary16.
TEST(Npy, ReadsHalfPrecision) {
  const std::vector<std::uint16_t> halves{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001,
                                          0x03ff, 0x8000, 0x7c00, 0xfc00, 0x3555};
  const std::vector<float> expected{1,
                                    -2,
                                    65504,
                                    0x1p-14F,
                                    0x1p-24F,
                                    0x1.ff8p-15F,
                                    -0.0F,
                                    std::numeric_limits<float>::infinity(),
                                    -std::numeric_limits<float>::infinity(),
                                    0x1.554p-2F};
  for (const bool big_endian : {false, true}) {
    EXPECT_EQ(parse(npy(big_endian ? ">f2" : "<f2", "(10,)", elements(halves, big_endian))).to_float(), expected);
  }
  EXPECT_TRUE(std::signbit(detail::half_to_float(0x8000)));
  EXPECT_TRUE(std::isnan(detail::half_to_float(0x7e00)));
}

TEST(Npy, ReadsFortranOrder) {
  // a[i][j][k] = 100 i + 10 j + k, stored with i fastest.
  std::vector<std::int32_t> stored;
  std::vector<float> expected;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) stored.push_back(100 * i + 10 * j + k);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) expected.push_back(static_cast<float>(100 * i + 10 * j + k));
  EXPECT_EQ(parse(npy("<i4", "(2, 3, 4)", elements(stored), true)).to_float(), expected);
  EXPECT_EQ(parse(npy(">i4", "(2, 3, 4)", elements(stored, true), true)).to_float(), expected);
  EXPECT_EQ(parse(npy("<i4", "(24,)", elements(stored), true)).to_int64().size(), 24u);
  EXPECT_TRUE(parse(npy("<i4", "(2, 0, 4)", {}, true)).to_float().empty());
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(parse(npy("<f8", "()", elements<double>({3.25}))).to_float(), std::vector<float>{3.25F});
  const NpyArray empty = parse(npy("|u1", "(0, 28, 28)", {}));
  EXPECT_EQ(empty.shape, (std::vector<std::int64_t>{0, 28, 28}));
  EXPECT_EQ(empty.elements(), 0);
}

TEST(Npy, ReadsHeadersOfAnyStyle) {
  const Bytes data = elements<std::int32_t>({7, 8});
  for (const char* header : {
           "{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}",
           "{'shape':(2,),'descr':'<i4','fortran_order':False}",
           "  { \"fortran_order\" : False , \"shape\" : ( 2 , ) , \"descr\" : \"<i4\" , }  ",
           "{'descr': '<i4', 'fortran_order': False, 'shape': (2L,), }",  // Python 2
           "{'descr': 'i4',\n 'fortran_order': False,\n 'shape': (2,), }",
           "{'descr': '=i4', 'fortran_order': True, 'shape': (2,), }",
       }) {
    for (const int version : {1, 2, 3}) {
      EXPECT_EQ(parse(npy_with_header(header, data, version)).to_int64(), (std::vector<std::int64_t>{7, 8})) << header;
    }
  }
  const std::string padded = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}" + std::string(60000, ' ');
  EXPECT_EQ(parse(npy_with_header(padded, data)).elements(), 2);
}

TEST(Npy, TellsWhatIsWrongWithTheHeader) {
  const auto refuses_header = [](const std::string& header, const std::vector<std::string>& parts) {
    return refuses(npy_with_header(header, Bytes(8)), parts) << " for " << header;
  };
  EXPECT_TRUE(refuses_header("", {"file", "no '{'"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'shape': (2,)}", {"lacks"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'descr': '<i4', 'shape': (2,)}", {"'descr' twice"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': 0, 'shape': (2,)}", {"True nor False"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (2)}", {"not a tuple"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (1 2)}", {"comma"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (-2,)}", {"whole numbers"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (2.0,)}", {"comma"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (,)}", {"whole numbers"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (2,)} x", {"after its end"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'x': 1}", {"unknown key 'x'"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4', 'fortran_order': False 'shape': (2,)}", {"no '}'"}));
  EXPECT_TRUE(refuses_header("{'descr': '<i4", {"without an end"}));
  EXPECT_TRUE(refuses_header("{'de\\x73cr': '<i4'}", {"backslash"}));
  EXPECT_TRUE(
      refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775808,)}", {"too large"}));
  EXPECT_TRUE(
      refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", {"too large"}));
  EXPECT_TRUE(
      refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", {"too large"}));
  std::string axes;
  for (int i = 0; i < 65; ++i) axes += "1, ";
  EXPECT_TRUE(refuses_header("{'descr': '<i8', 'fortran_order': False, 'shape': (" + axes + ")}", {"64 axes"}));
}

TEST(Npy, TellsWhichTypesAreNotRead) {
  const auto refuses_type = [](const std::string& descr, const std::vector<std::string>& parts) {
    return refuses(npy_with_header("{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,)}", Bytes(8)), parts);
  };
  EXPECT_TRUE(refuses_type("'|O'", {"file", "'|O'", "pickled Python objects"}));
  EXPECT_TRUE(refuses_type("'|O8'", {"pickled Python objects"}));
  EXPECT_TRUE(refuses_type("[('x', '<f4'), ('y', '<f4')]", {"structured"}));
  EXPECT_TRUE(refuses_type("('<f4', (2,))", {"structured"}));
  for (const char* descr :
       {"'<f16'", "'<i3'", "'<M8[ns]'", "'|V8'", "'<U0'", "'<f'", "'f4f'", "''", "'<'", "'<S99999999999'", "'<f-4'"}) {
    EXPECT_TRUE(refuses_type(descr, {"dtype", "not read"})) << descr;
  }
  EXPECT_TRUE(refuses_type("'|i8'", {"byte order"}));
  EXPECT_TRUE(refuses_type("'\x1b[31m'", {"\\x1b[31m"}));  // nothing that drives a terminal
}

TEST(Npy, TellsWhenItsSizeIsNotWhatTheHeaderPromises) {
  EXPECT_TRUE(refuses(npy("<i4", "(2,)", Bytes(7)), {"file", "promises 8 bytes", "holds 7"}));
  EXPECT_TRUE(refuses(npy("<i4", "(2,)", Bytes(9)), {"promises 8 bytes", "holds 9"}));
  EXPECT_TRUE(refuses(npy("<f8", "(1000000000000,)", Bytes(8)), {"promises 8000000000000 bytes"}));
}

TEST(Npy, RefusesEveryTruncation) {
  const auto use = [](const Bytes& bytes) { parse(bytes).to_float(); };
  EXPECT_EQ(survive_damage(npy("<f4", "(2, 3)", Bytes(24)), 1, use), 0);
  EXPECT_TRUE(refuses({}, {"not a .npy"}));
  EXPECT_TRUE(refuses(to_bytes("\x93NUMPY"), {"truncated"}));
  EXPECT_TRUE(refuses(npy_with_header("{}", {}, 4), {"version 4"}));
  EXPECT_TRUE(refuses(npy_with_header(std::string(70000, ' '), {}, 2), {"too long"}));
}

TEST(Npy, TextAndComplexAreKeptButAreNotNumbers) {
  const NpyArray text = parse(npy("<U2", "(2,)", Bytes(16)));
  EXPECT_EQ(text.dtype(), "<U2");
  EXPECT_EQ(text.item_size, 8u);
  EXPECT_EQ(parse(npy("|S5", "(2,)", Bytes(10))).dtype(), "|S5");
  EXPECT_TRUE(throws<FormatError>([&] { text.to_float(); }, {"'<U2'", "real numbers"}));
  EXPECT_TRUE(throws<FormatError>([] { parse(npy("<c8", "(1,)", Bytes(8))).to_int64(); }, {"'<c8'"}));
}

TEST(Npy, ToInt64RefusesWhatIsNoInteger) {
  const auto refuses_value = [](const std::string& descr, const Bytes& data) {
    return throws<FormatError>([&] { parse(npy(descr, "(1,)", data)).to_int64(); }, {});
  };
  EXPECT_TRUE(refuses_value("<f4", elements<float>({0.5F})));
  EXPECT_TRUE(refuses_value("<f8", elements<double>({std::nan("")})));
  EXPECT_TRUE(refuses_value("<f8", elements<double>({0x1p63})));
  EXPECT_TRUE(refuses_value("<u8", elements<std::uint64_t>({std::uint64_t{1} << 63})));
  EXPECT_EQ(parse(npy("<f8", "(1,)", elements<double>({-0x1p63}))).to_int64()[0],
            std::numeric_limits<std::int64_t>::min());
}

TEST(Npy, AnArrayMadeByHandIsChecked) {
  NpyArray array;
  array.shape = {4};
  EXPECT_TRUE(throws<std::invalid_argument>([&] { array.to_float(); }, {"data"}));
  array.shape = {-4};
  EXPECT_TRUE(throws<std::invalid_argument>([&] { array.elements(); }, {"negative"}));
}

const Bytes kOne = npy("<f4", "(2,)", elements<float>({1.5F, -2}));

TEST(Npz, ReadsStoredAndDeflated) {
  for (const int method : {0, 8}) {
    const NpzArrays arrays = parse_npz(zip({{"a.npy", kOne, method},
                                            {"folder/b.npy", npy("|u1", "(3,)", Bytes(3)), method},
                                            {"README", to_bytes("not an array"), method}}),
                                       "file");
    ASSERT_EQ(arrays.size(), 2u);
    EXPECT_EQ(arrays.at("a").to_float(), (std::vector<float>{1.5F, -2}));
    EXPECT_EQ(arrays.at("folder/b").elements(), 3);
  }
}

TEST(Npz, AnArchiveOfNothingIsEmpty) { EXPECT_TRUE(parse_npz(zip({}), "file").empty()); }

// tests/data/numpy was written by NumPy 2.4 (np.savez and np.savez_compressed of the arrays that are checked here).
TEST(Npz, ReadsWhatNumPyWrote) {
  for (const char* file : {"savez.npz", "savez_compressed.npz"}) {
    const NpzArrays arrays = load_npz(std::string(HUBEL_SOURCE_DIR "/tests/data/numpy/") + file);
    ASSERT_EQ(arrays.size(), 9u);
    EXPECT_EQ(arrays.at("b1").to_float(), (std::vector<float>{1, 0, 1}));
    EXPECT_EQ(arrays.at("i4").shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(arrays.at("i4").to_int64(), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(arrays.at("i8_big").to_int64(), (std::vector<std::int64_t>{-3, -2, -1, 0, 1, 2}));
    EXPECT_EQ(arrays.at("i8_big").dtype(), ">i8");
    EXPECT_EQ(arrays.at("f2").to_float(), (std::vector<float>{0.5F, -2, 65504}));
    EXPECT_TRUE(arrays.at("f4_fortran").fortran_order);
    const std::vector<float> fortran = arrays.at("f4_fortran").to_float();
    for (std::size_t i = 0; i < fortran.size(); ++i) EXPECT_EQ(fortran[i], static_cast<float>(i));
    EXPECT_EQ(arrays.at("f8").to_float(), std::vector<float>{3.25F});
    EXPECT_EQ(arrays.at("u1_empty").shape, (std::vector<std::int64_t>{0, 28, 28}));
    EXPECT_EQ(arrays.at("text").dtype(), "<U2");
    EXPECT_EQ(arrays.at("c8").kind, 'c');
  }
  EXPECT_TRUE(throws<FormatError>([] { load_npz(HUBEL_SOURCE_DIR "/tests/data/numpy/objects.npz"); },
                                  {"objects.npz: array 'bad'", "pickled Python objects"}));
}

TEST(Npz, SurvivesEveryTruncationAndBitFlip) {
  const auto use = [](const Bytes& bytes) {
    for (const auto& [name, array] : parse_npz(bytes, "file")) array.to_float();
  };
  for (const int method : {0, 8}) {
    EXPECT_EQ(survive_damage(zip({{"a.npy", kOne, method}, {"b.npy", kOne, method}}), 1, use), 0);
  }
}

// The CRC sees any flip in the data of a deflated or stored array.
TEST(Npz, RefusesEveryFlipInTheData) {
  const Bytes good = zip({{"a.npy", kOne, 0}});
  const std::size_t data = 30 + 5 + kOne.size() - 8;
  for (std::size_t bit = 0; bit < 64; ++bit) {
    Bytes bad = good;
    bad[data + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    EXPECT_TRUE(refuses_zip(bad, {"file: array 'a'", "CRC"}));
  }
}

TEST(Npz, TellsWhatIsNoArchive) {
  EXPECT_TRUE(refuses_zip({}, {"file", "not an NPZ", "empty"}));
  EXPECT_TRUE(refuses_zip(to_bytes("<!DOCTYPE html>"), {"not an NPZ", "web page"}));
  EXPECT_TRUE(refuses_zip(kOne, {"not an NPZ", "single .npy"}));
  EXPECT_TRUE(refuses_zip(gzipped(kOne), {"not an NPZ", "gzip"}));
  EXPECT_TRUE(refuses_zip(zip({{"README", to_bytes("x")}}), {"no entry in it is a .npy"}));
}

TEST(Npz, TellsWhichArrayIsWrong) {
  const auto refuses_entry = [](ZipEntry entry, const std::vector<std::string>& parts) {
    entry.name = "bad.npy";
    return refuses_zip(zip({{"good.npy", kOne}, entry}), parts);
  };
  EXPECT_TRUE(refuses_entry({"", to_bytes("no array")}, {"file: array 'bad'", "not a .npy"}));
  EXPECT_TRUE(refuses_entry({"", npy("|O", "(1,)", Bytes(8))}, {"array 'bad'", "pickled Python objects"}));
  EXPECT_TRUE(refuses_entry({"", npy("<f4", "(3,)", Bytes(8))}, {"array 'bad'", "promises 12 bytes", "holds 8"}));
  EXPECT_TRUE(refuses_entry({"", npy("<f4", "(1,)", Bytes(8))}, {"array 'bad'", "promises 4 bytes", "holds more"}));
  EXPECT_TRUE(refuses_entry({"", npy("<f4", "(3,)", Bytes(8)), 8}, {"promises 12 bytes", "holds 8"}));
  EXPECT_TRUE(
      refuses_entry({"", npy("<f4", "(100000000,)", Bytes(8)), 8}, {"promises 400000000 bytes", "cannot hold"}));
  EXPECT_TRUE(refuses_entry({"", npy("<f4", "(1000,)", Bytes(8))}, {"promises 4000 bytes", "cannot hold"}));
  EXPECT_TRUE(refuses_entry({"", Bytes(), 0}, {"array 'bad'", "not a .npy"}));
  EXPECT_TRUE(refuses_entry({"", kOne, 0, 1}, {"array 'bad'", "encrypted"}));
  EXPECT_TRUE(refuses_entry({"", kOne, 12}, {"array 'bad'", "method 12"}));
  EXPECT_TRUE(refuses_entry({"", kOne, 0, 0, {}, {}, 123}, {"array 'bad'", "CRC"}));
  EXPECT_TRUE(refuses_entry({"", kOne, 8, 0, 5}, {"array 'bad'"}));            // a size smaller than the data's
  EXPECT_TRUE(refuses_entry({"", kOne, 8, 0, 4000000000u}, {"array 'bad'"}));  // and larger
  EXPECT_TRUE(refuses_zip(zip({{"a.npy", kOne}, {"a.npy", kOne}}), {"array 'a'", "twice"}));
  EXPECT_TRUE(refuses_zip(zip({{"\x1b[2J.npy", to_bytes("no array")}}), {"array '\\xe2\\x86\\x90[2J'"}));
}

// 64 MiB of zeros pack into 64 KiB; the limit stops them before they are unpacked, and counts all arrays together.
TEST(Npz, ABombIsRefused) {
  const Bytes zeros = npy("|u1", "(67108864,)", Bytes(std::size_t{64} << 20));
  ReadLimits limits;
  limits.max_bytes = std::size_t{100} << 20;
  const Bytes once = zip({{"a.npy", zeros, 8}});
  ASSERT_LT(once.size(), std::size_t{100000});
  EXPECT_EQ(parse_npz(once, "file", limits).at("a").elements(), std::int64_t{64} << 20);
  EXPECT_TRUE(refuses_zip(zip({{"a.npy", zeros, 8}, {"b.npy", zeros, 8}}), {"array 'b'", "limit"}, limits));
  limits.max_bytes = 1000;
  EXPECT_TRUE(refuses_zip(once, {"array 'a'", "67108864", "limit"}, limits));
}

TEST(WithMemoryFor, TellsThatThereIsNone) {
  EXPECT_EQ(detail::with_memory_for("file", [] { return 7; }), 7);
  EXPECT_TRUE(throws<IoError>([] { detail::with_memory_for("file", []() -> int { throw std::bad_alloc(); }); },
                              {"file: ", "not enough memory"}));
}

}  // namespace
}  // namespace hubel::test
