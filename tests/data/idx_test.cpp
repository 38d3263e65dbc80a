// IDX files, plain and gzip-compressed, good and bad; IDX folders; the embedded MNIST and Debian's Fashion-MNIST.
#include "data/idx.hpp"

#include <numeric>

#include "data_testing.hpp"
#include "hubel/dataset.hpp"

namespace hubel::test {
namespace {

constexpr std::size_t kLimit = std::size_t{1} << 30;

detail::IdxArray parse(const Bytes& bytes, std::size_t limit = kLimit) {
  return detail::parse_idx(bytes, "file", limit);
}

// 2 images of 2 x 3, and their labels.
const Bytes kPixels = elements<std::uint8_t>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255});
const Bytes kImages = idx({2, 2, 3}, kPixels);
const Bytes kLabels = idx({2}, elements<std::uint8_t>({3, 0}));

TEST(Idx, ReadsPlainAndGzip) {
  for (const Bytes& bytes : {kImages, gzipped(kImages)}) {
    const detail::IdxArray array = parse(bytes);
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 2, 3}));
    EXPECT_EQ(array.data, (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255}));
  }
}

TEST(Idx, ReadsSeveralGzipMembersAsOne) {
  Bytes two = gzipped(Bytes(kImages.begin(), kImages.begin() + 7));
  append(two, gzipped(Bytes(kImages.begin() + 7, kImages.end())));
  EXPECT_EQ(parse(two).data, parse(kImages).data);
}

TEST(Idx, RefusesEveryTruncation) {
  const auto use = [](const Bytes& bytes) { parse(bytes); };
  EXPECT_EQ(survive_damage(kImages, 1, use), 0);
  EXPECT_EQ(survive_damage(gzipped(kImages), 1, use), 0);
}

TEST(Idx, TellsWhatIsWrong) {
  const auto refuses = [](const Bytes& bytes, const std::vector<std::string>& parts, std::size_t limit = kLimit) {
    return throws<FormatError>([&] { parse(bytes, limit); }, parts);
  };
  Bytes longer = kImages;
  longer.push_back(std::byte{0});
  EXPECT_TRUE(refuses(Bytes(kImages.begin(), kImages.end() - 1), {"file", "2 x 2 x 3 bytes", "ends after 11"}));
  EXPECT_TRUE(refuses(longer, {"file", "2 x 2 x 3 bytes", "more"}));
  EXPECT_TRUE(refuses(gzipped(longer), {"2 x 2 x 3 bytes", "more"}));
  EXPECT_TRUE(refuses(gzipped(idx({10, 10, 20}, Bytes(1000))), {"10 x 10 x 20", "ends after 1000"}));
  EXPECT_TRUE(refuses(gzipped(idx({60000, 28, 28}, {})), {"60000 x 28 x 28", "cannot hold"}));
  EXPECT_TRUE(refuses(idx({0xffffffff, 0xffffffff, 0xffffffff}, {}), {"more than the limit"}));
  EXPECT_TRUE(refuses(idx({0, 0xffffffff, 0xffffffff}, {}), {"more than the limit"}));
  EXPECT_TRUE(refuses(kImages, {"more than the limit of 11"}, 11));
  EXPECT_TRUE(refuses(to_bytes("<!DOCTYPE html>"), {"not an IDX file"}));
  EXPECT_TRUE(refuses({}, {"truncated"}));
  EXPECT_TRUE(refuses(idx({1, 1, 1, 1, 1}, Bytes(1)), {"5 IDX dimensions"}));
  Bytes floats = kImages;
  floats[2] = std::byte{0x0d};
  EXPECT_TRUE(refuses(floats, {"0x0d", "unsigned bytes"}));
}

TEST(Idx, TellsWhatIsWrongWithGzip) {
  const auto refuses = [](const Bytes& bytes, const std::vector<std::string>& parts) {
    return throws<FormatError>([&] { parse(bytes); }, parts);
  };
  Bytes packed = gzipped(kImages);
  Bytes garbage = packed, wrong_crc = packed;
  garbage.push_back(std::byte{'x'});
  wrong_crc[packed.size() - 8] ^= std::byte{1};
  EXPECT_TRUE(refuses(garbage, {"file", "after the end of the gzip data"}));
  EXPECT_TRUE(refuses(wrong_crc, {"file", "incorrect data check"}));
  EXPECT_TRUE(refuses(Bytes(packed.begin(), packed.end() - 9), {"file", "truncated"}));
  EXPECT_TRUE(refuses(to_bytes("\x1f\x8b\x08 no more gzip than this"), {"file", "gzip"}));
}

// A gzip bomb behind a small header unpacks one byte more than promised, not its 64 MiB.
TEST(Idx, UnpacksNoMoreThanTheHeaderPromises) {
  EXPECT_TRUE(throws<FormatError>(
      [] {
        parse(gzipped(idx({1, 2, 2}, Bytes(std::size_t{64} << 20))), 1000);
      },
      {"1 x 2 x 2", "more"}));
}

class IdxFolder : public ::testing::Test {
 protected:
  void write_train() {
    folder_.write("train-images-idx3-ubyte", kImages);
    folder_.write("train-labels-idx1-ubyte.gz", gzipped(kLabels));
  }
  template <class Error>
  ::testing::AssertionResult refuses(const std::vector<std::string>& parts) {
    return throws<Error>([&] { load_dataset(folder_.path()); }, parts);
  }
  TemporaryFolder folder_;
};

TEST_F(IdxFolder, ReadsBothSpellingsPlainAndGzip) {
  write_train();
  folder_.write("t10k-images.idx3-ubyte.gz", gzipped(kImages));
  folder_.write("t10k-labels.idx1-ubyte", idx({2}, elements<std::uint8_t>({1, 4})));
  const DatasetSplits splits = load_dataset(folder_.path());
  EXPECT_EQ(splits.train.shape, (Shape{2, 2, 3, 1}));
  EXPECT_EQ(splits.test.shape, (Shape{2, 2, 3, 1}));
  EXPECT_EQ(splits.validation.shape, (Shape{0, 2, 3, 1}));
  EXPECT_EQ(splits.train.labels, (std::vector<std::int32_t>{3, 0}));
  EXPECT_EQ(splits.test.labels, (std::vector<std::int32_t>{1, 4}));
  EXPECT_EQ(splits.train.classes, 5);  // the largest label of any part, + 1
  EXPECT_EQ(splits.class_names, (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(splits.source, folder_.path());
}

TEST_F(IdxFolder, OnePartIsEnough) {
  write_train();
  const DatasetSplits splits = load_dataset(folder_.path());
  EXPECT_EQ(splits.train.count(), 2);
  EXPECT_EQ(splits.test.count(), 0);
}

TEST_F(IdxFolder, ReadsColour) {
  folder_.write("t10k-images-idx3-ubyte", idx({1, 2, 2, 3}, kPixels));
  folder_.write("t10k-labels-idx1-ubyte", idx({1}, elements<std::uint8_t>({0})));
  const DatasetSplits splits = load_dataset(folder_.path());
  EXPECT_EQ(splits.test.shape, (Shape{1, 2, 2, 3}));
  EXPECT_EQ(splits.test.classes, 2);  // at least
}

TEST_F(IdxFolder, TellsWhatIsMissing) {
  EXPECT_TRUE(refuses<IoError>({folder_.path(), "no IDX files", "train-images-idx3-ubyte"}));
  folder_.write("train-images-idx3-ubyte", kImages);
  EXPECT_TRUE(refuses<IoError>({"train-images-idx3-ubyte", "labels", "train-labels-idx1-ubyte"}));
}

TEST_F(IdxFolder, TellsWhatDoesNotFit) {
  write_train();
  folder_.write("train-labels-idx1-ubyte.gz", gzipped(idx({3}, Bytes(3))));
  EXPECT_TRUE(refuses<FormatError>({"3 labels", "2 images"}));
  folder_.write("train-labels-idx1-ubyte.gz", gzipped(kImages));
  EXPECT_TRUE(refuses<FormatError>({"train-labels-idx1-ubyte.gz", "labels"}));
  write_train();
  folder_.write("train-images-idx3-ubyte", kLabels);
  EXPECT_TRUE(refuses<FormatError>({"train-images-idx3-ubyte", "images"}));
  folder_.write("train-images-idx3-ubyte", idx({2, 0, 3}, {}));
  EXPECT_TRUE(refuses<FormatError>({"no pixels"}));
  write_train();
  folder_.write("t10k-images-idx3-ubyte", idx({2, 3, 2}, kPixels));
  folder_.write("t10k-labels-idx1-ubyte", kLabels);
  EXPECT_TRUE(refuses<FormatError>({"training", "(2, 3, 1)", "test", "(3, 2, 1)"}));
}

TEST_F(IdxFolder, RefusesWhatIsNoFile) {
  write_train();
  std::filesystem::create_directory(folder_.path() + "/t10k-images-idx3-ubyte");
  folder_.write("t10k-labels-idx1-ubyte", kLabels);
  EXPECT_TRUE(refuses<IoError>({"t10k-images-idx3-ubyte", "folder"}));
}

// FNV-1a (Fowler, Noll & Vo), which tells any change of a file.
std::uint64_t fnv1a(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

std::vector<int> label_counts(const Dataset& data) {
  std::vector<int> counts(static_cast<std::size_t>(data.classes));
  for (const std::int32_t label : data.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

std::vector<std::int32_t> first_labels(const Dataset& data) { return {data.labels.begin(), data.labels.begin() + 10}; }

// The label counts are those that are published for MNIST; the hashes are of the files whose MD5 sums
// data/mnist/README.md gives, without their headers.
TEST(EmbeddedMnist, IsMnist) {
  const DatasetSplits splits = load_dataset("mnist");
  EXPECT_EQ(splits.train.shape, (Shape{60000, 28, 28, 1}));
  EXPECT_EQ(splits.test.shape, (Shape{10000, 28, 28, 1}));
  EXPECT_EQ(splits.validation.count(), 0);
  EXPECT_EQ(splits.train.classes, 10);
  EXPECT_EQ(splits.class_names.back(), "9");
  EXPECT_EQ(first_labels(splits.train), (std::vector<std::int32_t>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}));
  EXPECT_EQ(first_labels(splits.test), (std::vector<std::int32_t>{7, 2, 1, 0, 4, 1, 4, 9, 5, 9}));
  EXPECT_EQ(label_counts(splits.train), (std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(label_counts(splits.test), (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  EXPECT_EQ(fnv1a(std::get<0>(splits.train.pixels)), 0xb6e6196608671562u);
  EXPECT_EQ(fnv1a(std::get<0>(splits.test.pixels)), 0x8614c3e55764d65fu);
}

TEST(FashionMnist, IsReadFromDebiansPackage) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder)) {
    const TemporaryFolder cache;
    setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
    setenv("HUBEL_OFFLINE", "1", 1);
    EXPECT_TRUE(throws<IoError>([] { load_dataset("fashion-mnist"); },
                                {"fashion-mnist: not found", "HUBEL_OFFLINE", cache.path() + "/hubel/fashion-mnist",
                                 "apt-get install dataset-fashion-mnist"}));
    unsetenv("HUBEL_OFFLINE");
    unsetenv("XDG_CACHE_HOME");
    return;
  }
  for (const std::string& where : {std::string("fashion-mnist"), folder}) {
    const DatasetSplits splits = load_dataset(where);
    EXPECT_EQ(splits.train.shape, (Shape{60000, 28, 28, 1}));
    EXPECT_EQ(splits.test.shape, (Shape{10000, 28, 28, 1}));
    EXPECT_EQ(label_counts(splits.train), std::vector<int>(10, 6000));
    EXPECT_EQ(first_labels(splits.test), (std::vector<std::int32_t>{9, 2, 1, 1, 6, 1, 4, 6, 5, 7}));
    EXPECT_EQ(splits.class_names[0], "T-shirt/top");
    EXPECT_EQ(splits.class_names[9], "Ankle boot");
  }
}

}  // namespace
}  // namespace hubel::test
