// Folders of images: which files count, classes and parts, resizing, broken files, and the same images read whole and
// on demand, on any number of threads.
#include "hubel/image_folder.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "data/utf8.hpp"
#include "hubel/image.hpp"
#include "hubel/threads.hpp"
#include "image_files.hpp"

namespace hubel::test {
namespace {

namespace fs = std::filesystem;

Bytes grey(std::uint8_t value, std::uint32_t side = 2) {
  return png(side, side, {}, std::vector<std::uint8_t>(side * side, value));
}

Bytes rgb(std::uint8_t r, std::uint8_t g, std::uint8_t b) { return png(1, 1, {PNG_COLOR_TYPE_RGB, 8}, {r, g, b}); }

const std::vector<std::uint8_t>& bytes_of(const Dataset& data) {
  return std::get<std::vector<std::uint8_t>>(data.pixels);
}

class ImageFolder : public ::testing::Test {
 protected:
  void write(const std::string& name, const Bytes& bytes) {
    fs::create_directories((fs::path(folder_.path()) / name).parent_path());
    folder_.write(name, bytes);
  }
  DatasetSplits load(const ImageFolderOptions& options = {}) { return load_image_folder(folder_.path(), options); }
  template <class Error = FormatError>
  ::testing::AssertionResult refuses(const std::vector<std::string>& parts, const ImageFolderOptions& options = {}) {
    return throws<Error>([&] { load(options); }, parts);
  }

  TemporaryFolder folder_;
};

TEST_F(ImageFolder, ClassesAreSubfoldersSortedByName) {
  write("dog/b.PNG", grey(3));
  write("dog/a.png", grey(2));
  write("cat/deeper/x.png", grey(1));
  write("Zebra/1.jpeg", jpeg(2, 2, {}, {200, 200, 200, 200}));
  EXPECT_TRUE(is_image_folder(folder_.path()));
  for (const DatasetSplits& splits : {load(), load_dataset(folder_.path())}) {
    EXPECT_EQ(splits.class_names, (std::vector<std::string>{"Zebra", "cat", "dog"}));
    EXPECT_EQ(splits.train.labels, (std::vector<std::int32_t>{0, 1, 2, 2}));
    EXPECT_EQ(splits.train.shape, (Shape{4, 2, 2, 1}));
    EXPECT_EQ(splits.train.classes, 3);
    EXPECT_NEAR(bytes_of(splits.train)[0], 200, 2);
    EXPECT_EQ(bytes_of(splits.train)[4], 1);
    EXPECT_EQ(bytes_of(splits.train)[8], 2);
    EXPECT_EQ(bytes_of(splits.train)[12], 3);
    EXPECT_EQ(splits.source, folder_.path());
  }
}

TEST_F(ImageFolder, HasParts) {
  write("train/a/1.png", grey(1));
  write("train/b/1.png", grey(2));
  write("valid/b/1.png", grey(3));
  write("test/a/1.png", grey(4));
  write("docs/readme.txt", to_bytes("x"));
  DatasetSplits splits = load();
  EXPECT_EQ(bytes_of(splits.train), (std::vector<std::uint8_t>{1, 1, 1, 1, 2, 2, 2, 2}));
  EXPECT_EQ(splits.validation.labels, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(splits.test.labels, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(splits.test.classes, 2);
  write("val/b/1.png", grey(3));
  EXPECT_TRUE(refuses({folder_.path(), "both val and valid"}));
  fs::remove_all(folder_.path() + "/val");
  write("test/c/1.png", grey(4));
  EXPECT_TRUE(refuses({"test/c", "training images do not have"}));
  fs::remove_all(folder_.path() + "/train");  // the test images' classes then count
  fs::remove_all(folder_.path() + "/valid");
  splits = load();
  EXPECT_EQ(splits.class_names, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(splits.train.count(), 0);
}

TEST_F(ImageFolder, AClassMayBeCalledTrain) {
  write("bus/1.png", grey(1));
  write("train/1.png", grey(2));
  EXPECT_EQ(load().class_names, (std::vector<std::string>{"bus", "train"}));
}

TEST_F(ImageFolder, PassesOverHiddenAndOtherFilesAndLinksOutOfIt) {
  const TemporaryFolder elsewhere;
  write("a/1.png", grey(1));
  write("a/.2.png", to_bytes("hidden"));
  write("a/notes.txt", to_bytes("text"));
  write(".git/x/1.png", to_bytes("hidden"));
  write("readme.png", to_bytes("in no class"));
  fs::create_symlink(elsewhere.write("out.png", grey(9)), folder_.path() + "/a/3.png");
  fs::create_symlink("1.png", folder_.path() + "/a/4.png");
  fs::create_symlink("nothing.png", folder_.path() + "/a/5.png");
  fs::create_directory_symlink("..", folder_.path() + "/a/loop");
  fs::create_directory_symlink(elsewhere.path(), folder_.path() + "/b");
  const DatasetSplits splits = load();
  EXPECT_EQ(bytes_of(splits.train), std::vector<std::uint8_t>(8, 1));
  EXPECT_EQ(splits.class_names, std::vector<std::string>{"a"});
  EXPECT_EQ(splits.train.classes, 1);  // as there is one folder
}

TEST_F(ImageFolder, TellsWhatHasNoImages) {
  EXPECT_FALSE(is_image_folder(folder_.path()));
  EXPECT_FALSE(is_image_folder(folder_.path() + "/nothing"));
  EXPECT_TRUE(refuses({folder_.path(), "no images"}));
  EXPECT_TRUE(throws<IoError>([&] { load_image_folder(folder_.path() + "/nothing"); }, {"nothing", "cannot be read"}));
  EXPECT_TRUE(throws<IoError>([&] { load_dataset(folder_.path()); }, {"no IDX files", "subfolders of images"}));
  write("a/1.png", grey(1));
  fs::create_directory(folder_.path() + "/b\n");
  EXPECT_TRUE(refuses({"/b?", "class without images"}));
}

TEST_F(ImageFolder, NamesThatAreNotUtf8) {
  write("caf\xc3\xa9/1.png", grey(1));
  write("caf\xe9/\xff.png", grey(2));
  const DatasetSplits splits = load();
  EXPECT_EQ(splits.class_names, (std::vector<std::string>{"caf\xc3\xa9", "caf\xef\xbf\xbd"}));
  EXPECT_EQ(bytes_of(splits.train), (std::vector<std::uint8_t>{1, 1, 1, 1, 2, 2, 2, 2}));
}

TEST_F(ImageFolder, ResizesAndConverts) {
  std::vector<std::uint8_t> samples(4 * 6);
  std::iota(samples.begin(), samples.end(), std::uint8_t{10});
  const Bytes file = png(6, 4, {}, samples);
  write("a/1.png", file);
  write("b/1.png", rgb(100, 50, 200));
  ImageFolderOptions options;
  options.height = 2, options.width = 3;
  DatasetSplits splits = load(options);  // the first image of b is not grey
  EXPECT_EQ(splits.train.shape, (Shape{2, 2, 3, 3}));
  const Tensor<float> expected = prepare_image(decode_image(file, "x"), Shape{2, 3, 3}, false);
  for (std::int64_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(bytes_of(splits.train)[static_cast<std::size_t>(i)], std::lround(255 * expected[i]));
  options.channels = 1;
  splits = load(options);
  EXPECT_EQ(splits.train.shape, (Shape{2, 2, 3, 1}));
  EXPECT_EQ(bytes_of(splits.train)[6], std::lround(0.299 * 100 + 0.587 * 50 + 0.114 * 200));
  splits = load();
  EXPECT_EQ(splits.train.shape, (Shape{2, 4, 6, 3}));
  EXPECT_EQ(bytes_of(splits.train)[3], samples[1]);  // of the same size: exactly as they are
  EXPECT_EQ(splits.made_alike, "4x6, colour");
  EXPECT_EQ(load(options).made_alike, "2x3, grey");
}

TEST_F(ImageFolder, BrokenImagesAreNamed) {
  write("a/1.png", to_bytes("no image"));
  write("a/2.png", grey(2));
  write("a/3.png", to_bytes("\x89PNG\r\n\x1a\n"));
  write("b/1.png", grey(4));
  write("b/2.jpg", {});
  EXPECT_TRUE(refuses({"a/1.png", "neither a PNG nor a JPEG"}));
  ImageFolderOptions options;
  options.height = options.width = 2, options.channels = 1;
  EXPECT_TRUE(refuses({"a/1.png"}, options));
  options.on_broken = OnBroken::skip;
  for (const ImageFolderOptions& o : {options, ImageFolderOptions{0, 0, 0, OnBroken::skip}}) {
    const DatasetSplits splits = load(o);
    EXPECT_EQ(splits.train.labels, (std::vector<std::int32_t>{0, 1}));
    EXPECT_EQ(bytes_of(splits.train), (std::vector<std::uint8_t>{2, 2, 2, 2, 4, 4, 4, 4}));
    ASSERT_EQ(splits.skipped.size(), 3u);
    EXPECT_NE(splits.skipped[0].find("a/1.png"), std::string::npos);
    EXPECT_NE(splits.skipped[1].find("a/3.png"), std::string::npos);
    EXPECT_NE(splits.skipped[2].find("b/2.jpg"), std::string::npos);
    const FolderSplits opened = FolderSplits::open(folder_.path(), o);
    EXPECT_EQ(opened.skipped, splits.skipped);
    EXPECT_EQ(opened.train.count(), 2);
  }
  fs::remove(folder_.path() + "/a/2.png");
  fs::remove(folder_.path() + "/b/1.png");
  EXPECT_TRUE(refuses({"nor can any other"}, {0, 0, 0, OnBroken::skip}));
  EXPECT_TRUE(refuses({"neither training nor test images"}, options));
}

TEST_F(ImageFolder, RefusesOptionsThatAreNone) {
  write("a/1.png", grey(1));
  ImageFolderOptions options;
  options.height = 3;
  EXPECT_TRUE(refuses<std::invalid_argument>({"load_image_folder: height = 3, width = 0"}, options));
  options = {-1, -1};
  EXPECT_TRUE(refuses<std::invalid_argument>({"height = -1"}, options));
  options = {0, 0, 2};
  EXPECT_TRUE(refuses<std::invalid_argument>({"channels = 2"}, options));
  options = {};
  options.max_pixels = 0;
  EXPECT_TRUE(refuses<std::invalid_argument>({"max_pixels = 0"}, options));
  options.max_pixels = 3;
  EXPECT_TRUE(refuses({"a/1.png", "limit of 3"}, options));
}

TEST_F(ImageFolder, KeepsToTheLimits) {
  write("a/1.png", grey(1, 30));
  write("a/2.png", grey(1, 30));
  ReadLimits limits;
  limits.max_bytes = 1799;
  EXPECT_TRUE(throws<IoError>([&] { load_image_folder(folder_.path(), {}, limits); },
                              {"2 images of shape (30, 30, 1)", "limit of 1799 bytes", "FolderDataset"}));
  limits.max_bytes = 1800;
  EXPECT_EQ(load_image_folder(folder_.path(), {}, limits).train.count(), 2);
  limits.keep_going = [] { return false; };
  EXPECT_TRUE(throws<IoError>([&] { load_image_folder(folder_.path(), {}, limits); }, {"stopped"}));
}

// A hundred images of which every third is of another size, in 7 classes.
void write_many(const TemporaryFolder& folder) {
  for (int i = 0; i < 100; ++i) {
    const std::string name = "c" + std::to_string(i % 7);
    fs::create_directories(folder.path() + "/" + name);
    const std::uint32_t side = i % 3 == 0 ? 9 : 5;
    std::vector<std::uint8_t> samples(side * side * 3);
    for (std::size_t k = 0; k < samples.size(); ++k)
      samples[k] = static_cast<std::uint8_t>(k * k + 11 * static_cast<std::size_t>(i));
    folder.write(name + "/" + std::to_string(i) + ".png", png(side, side, {PNG_COLOR_TYPE_RGB, 8}, samples));
  }
}

TEST(FolderDataset, GivesWhatLoadingAllGives) {
  const TemporaryFolder folder;
  write_many(folder);
  ImageFolderOptions options;
  options.height = 6, options.width = 7;
  const Dataset all = load_image_folder(folder.path(), options).train;
  ASSERT_EQ(all.shape, (Shape{100, 6, 7, 3}));
  const std::int64_t size = 6 * 7 * 3;
  std::vector<std::int32_t> order(101);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(37 * i % 100);
  std::vector<float> expected(order.size() * size);
  std::vector<std::int32_t> labels(order.size());
  all.gather(order.data(), std::ssize(order), expected.data(), labels.data());
  for (const std::size_t cache : {std::size_t{0}, std::size_t{40 * size}, std::size_t{1} << 30}) {
    for (const int threads : {1, 2, 4}) {
      set_num_threads(threads);
      options.cache_bytes = cache;
      const FolderSplits splits = FolderSplits::open(folder.path(), options);
      EXPECT_EQ(splits.class_names.size(), 7u);
      EXPECT_EQ(splits.train.sample_shape(), (Shape{6, 7, 3}));
      for (int repeat = 0; repeat < 2; ++repeat) {  // the second time from the cache
        std::vector<float> out(order.size() * size);
        std::vector<std::int32_t> own(order.size());
        splits.train.gather(order.data(), std::ssize(order), out.data(), own.data());
        EXPECT_EQ(out, expected);
        EXPECT_EQ(own, labels);
      }
      EXPECT_EQ(load_image_folder(folder.path(), options).train.pixels, all.pixels);
    }
  }
  set_num_threads(0);
}

TEST(FolderDataset, ReadsNoMoreThanOnceWhatItKeeps) {
  const TemporaryFolder folder;
  write_many(folder);
  const FolderSplits splits = FolderSplits::open(folder.path());
  std::vector<float> out(static_cast<std::size_t>(splits.train.sample_shape().elements()));
  const std::int32_t first = 0, second = 1;
  splits.train.gather(&first, 1, out.data(), nullptr);
  const std::string path = splits.train.path(0), other = splits.train.path(1);
  fs::remove(path);
  fs::remove(other);
  splits.train.gather(&first, 1, out.data(), nullptr);
  EXPECT_TRUE(throws<IoError>([&] { splits.train.gather(&second, 1, out.data(), nullptr); }, {other}));
}

TEST(FolderDataset, RefusesWhatIsNotThere) {
  const TemporaryFolder folder;
  write_many(folder);
  const FolderSplits splits = FolderSplits::open(folder.path());
  for (const std::int32_t index : {-1, 100}) {
    EXPECT_TRUE(throws<std::invalid_argument>([&] { splits.train.gather(&index, 1, nullptr, nullptr); },
                                              {"FolderDataset::gather: index " + std::to_string(index), "0 ... 99"}));
  }
  EXPECT_EQ(splits.test.count(), 0);
  EXPECT_EQ(FolderDataset().count(), 0);
  FolderDataset().gather(nullptr, 0, nullptr, nullptr);
  ImageFolderOptions options;
  options.channels = 4;
  EXPECT_TRUE(throws<std::invalid_argument>([&] { FolderSplits::open(folder.path(), options); },
                                            {"FolderSplits::open: channels = 4"}));
}

// RFC 3629: overlong forms, surrogates, what is beyond U+10FFFF, and what is cut short are not well-formed.
TEST(Utf8, ReplacesWhatIsNotWellFormed) {
  const std::string bad = "\xef\xbf\xbd";
  for (const char* good :
       {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(detail::as_utf8(good), good);
  }
  EXPECT_EQ(detail::as_utf8("a\xff"
                            "b"),
            "a" + bad + "b");
  EXPECT_EQ(detail::as_utf8("\xc3"), bad);
  EXPECT_EQ(detail::as_utf8("\xc0\xaf"), bad + bad);
  EXPECT_EQ(detail::as_utf8("\xe0\x80\xaf"), bad + bad + bad);
  EXPECT_EQ(detail::as_utf8("\xed\xa0\x80"), bad + bad + bad);
  EXPECT_EQ(detail::as_utf8("\xf4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(detail::as_utf8("\xe2\x82z"), bad + bad + "z");
}

}  // namespace
}  // namespace hubel::test
