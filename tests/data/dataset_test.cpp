// load_dataset for NPZ files in the shapes and types that people save them in; Dataset's batches and slices; the
// folders of the named data sets.
#include "hubel/dataset.hpp"

#include <cmath>
#include <limits>

#include "data_testing.hpp"

namespace hubel::test {
namespace {

// NPZ files whose arrays are given, written where load_dataset finds them.
class NpzDataset : public ::testing::Test {
 protected:
  DatasetSplits load(const std::vector<ZipEntry>& entries) {
    return load_dataset(folder_.write("data.npz", zip(entries)));
  }
  ::testing::AssertionResult refuses(const std::vector<ZipEntry>& entries, std::vector<std::string> parts) {
    parts.push_back("data.npz");
    return throws<FormatError>([&] { load(entries); }, parts);
  }
  // As training data with one 1x2 image and a label for each pair of pixels.
  ::testing::AssertionResult refuses_pixels(const std::string& descr, const Bytes& pixels,
                                            const std::vector<std::string>& parts) {
    return refuses({{"X_train.npy", npy(descr, "(1, 1, 2)", pixels)}, {"Y_train.npy", npy("|u1", "(1,)", Bytes(1))}},
                   parts);
  }
  ::testing::AssertionResult refuses_labels(const std::string& descr, const std::string& shape, const Bytes& labels,
                                            const std::vector<std::string>& parts) {
    return refuses({{"X_train.npy", npy("|u1", "(2, 1, 2)", Bytes(4))}, {"Y_train.npy", npy(descr, shape, labels)}},
                   parts);
  }
  ::testing::AssertionResult refuses_shape(const std::string& shape, std::size_t size,
                                           const std::vector<std::string>& parts) {
    return refuses({{"X_train.npy", npy("|u1", shape, Bytes(size))}, {"Y_train.npy", npy("|u1", "(2,)", Bytes(2))}},
                   parts);
  }
  Shape shape_of(const std::string& shape, std::size_t size) {
    return load({{"X_train.npy", npy("|u1", shape, Bytes(size))}, {"Y_train.npy", npy("|u1", "(2,)", Bytes(2))}})
        .train.shape;
  }
  std::vector<std::int32_t> labels_of(const std::string& descr, const std::string& shape, const Bytes& labels,
                                      bool fortran_order = false) {
    return load({{"X_train.npy", npy("|u1", "(2, 1, 2)", Bytes(4))},
                 {"Y_train.npy", npy(descr, shape, labels, fortran_order)}})
        .train.labels;
  }
  // All pixels as gather gives them.
  static std::vector<float> floats_of(const Dataset& data) {
    std::vector<std::int32_t> all(static_cast<std::size_t>(data.count()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int32_t>(i);
    std::vector<float> out(static_cast<std::size_t>(data.shape.elements()));
    data.gather(all.data(), data.count(), out.data(), nullptr);
    return out;
  }
  std::vector<float> pixels_of(const std::string& descr, const Bytes& pixels) {
    return floats_of(
        load({{"X_train.npy", npy(descr, "(1, 1, 2)", pixels)}, {"Y_train.npy", npy("|u1", "(1,)", Bytes(1))}}).train);
  }
  TemporaryFolder folder_;
};

const ZipEntry kXTrain{"X_train.npy", npy("|u1", "(2, 1, 2)", elements<std::uint8_t>({0, 51, 102, 255}))};
const ZipEntry kYTrain{"Y_train.npy", npy("<i8", "(2,)", elements<std::int64_t>({1, 3}))};

TEST_F(NpzDataset, ReadsAllParts) {
  const DatasetSplits splits = load({kXTrain,
                                     kYTrain,
                                     {"X_valid.npy", npy("|u1", "(1, 1, 2)", Bytes(2)), 8},
                                     {"Y_valid.npy", npy("|u1", "(1,)", Bytes(1)), 8},
                                     {"X_test.npy", npy("|u1", "(3, 1, 2)", Bytes(6)), 8},
                                     {"Y_test.npy", npy("|u1", "(3,)", elements<std::uint8_t>({4, 2, 0})), 8},
                                     {"other.npy", npy("|O", "(1,)", Bytes(8))}});  // not asked for
  EXPECT_EQ(splits.train.shape, (Shape{2, 1, 2, 1}));
  EXPECT_EQ(splits.validation.shape, (Shape{1, 1, 2, 1}));
  EXPECT_EQ(splits.test.shape, (Shape{3, 1, 2, 1}));
  EXPECT_EQ(splits.test.labels, (std::vector<std::int32_t>{4, 2, 0}));
  EXPECT_EQ(splits.train.classes, 5);
  EXPECT_EQ(splits.class_names.size(), 5u);
  EXPECT_EQ(floats_of(splits.train), (std::vector<float>{0, 0.2F, 0.4F, 1}));
}

TEST_F(NpzDataset, ReadsKerassNames) {
  const DatasetSplits splits = load({{"x_test.npy", kXTrain.content}, {"y_test.npy", kYTrain.content}});
  EXPECT_EQ(splits.test.labels, (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(splits.train.count(), 0);
}

TEST_F(NpzDataset, TellsWhichArraysAreMissing) {
  EXPECT_TRUE(refuses({{"weights.npy", kXTrain.content}, {"bias.npy", kXTrain.content}},
                      {"X_train and Y_train", "X_test and Y_test", "weights, bias"}));
  EXPECT_TRUE(refuses({}, {"has none"}));
  EXPECT_TRUE(refuses({kXTrain}, {"X_train but no Y_train"}));
  EXPECT_TRUE(refuses({kYTrain}, {"Y_train but no X_train"}));
  EXPECT_TRUE(refuses({{"X_valid.npy", kXTrain.content}, {"Y_valid.npy", kYTrain.content}}, {"X_train and Y_train"}));
  EXPECT_TRUE(refuses({kXTrain, kYTrain, {"x_train.npy", kXTrain.content}}, {"both X_train and x_train"}));
  EXPECT_TRUE(refuses({{"X_train.npy", npy("|u1", "(0, 1, 2)", {})}, {"Y_train.npy", npy("|u1", "(0,)", {})}},
                      {"neither training nor test"}));
}

TEST_F(NpzDataset, ImagesHaveManyShapes) {
  EXPECT_EQ(shape_of("(2, 3, 5)", 30), (Shape{2, 3, 5, 1}));
  EXPECT_EQ(shape_of("(2, 3, 5, 3)", 90), (Shape{2, 3, 5, 3}));
  EXPECT_EQ(shape_of("(2, 784)", 1568), (Shape{2, 28, 28, 1}));
  EXPECT_TRUE(refuses_shape("(2, 785)", 1570, {"array 'X_train'", "(2, 785)", "reshape"}));
  EXPECT_TRUE(refuses_shape("(2,)", 2, {"(2,)", "(n, h, w)"}));
  EXPECT_TRUE(refuses_shape("(2, 1, 1, 1, 1)", 2, {"(2, 1, 1, 1, 1)", "(n, h, w, c)"}));
  EXPECT_TRUE(refuses_shape("(2, 3, 32, 32)", 6144, {"(2, 3, 32, 32)", "channels last"}));
  EXPECT_TRUE(refuses_shape("(2, 0, 5)", 0, {"no pixels"}));
  EXPECT_TRUE(refuses_shape("(3, 1, 2)", 6, {"3 images", "2 labels"}));
  EXPECT_TRUE(refuses_shape("()", 1, {"0 images", "2 labels"}));
}

TEST_F(NpzDataset, PartsMustAgreeInShape) {
  EXPECT_TRUE(refuses({kXTrain,
                       kYTrain,
                       {"X_test.npy", npy("|u1", "(2, 2, 1)", Bytes(4))},
                       {"Y_test.npy", npy("|u1", "(2,)", Bytes(2))}},
                      {"training images are (1, 2, 1)", "test images are (2, 1, 1)"}));
}

TEST_F(NpzDataset, PixelsHaveManyTypes) {
  const std::vector<float> expected{0.2F, 1};
  EXPECT_EQ(pixels_of("|u1", elements<std::uint8_t>({51, 255})), expected);
  EXPECT_EQ(pixels_of("<i4", elements<std::int32_t>({51, 255})), expected);
  EXPECT_EQ(pixels_of(">u8", elements<std::uint64_t>({51, 255}, true)), expected);
  EXPECT_EQ(pixels_of("<f8", elements<double>({51, 255})), expected);  // floats up to 255 are bytes in disguise
  EXPECT_EQ(pixels_of("|b1", elements<std::uint8_t>({0, 1})), (std::vector<float>{0, 1}));
  EXPECT_EQ(pixels_of("<f4", elements<float>({0.25F, 1})), (std::vector<float>{0.25F, 1}));
  EXPECT_EQ(pixels_of("<f2", elements<std::uint16_t>({0x3400, 0x3c00})), (std::vector<float>{0.25F, 1}));
  EXPECT_EQ(pixels_of("<f4", elements<float>({-0.5F, 200})), (std::vector<float>{-0.5F, 200}));  // standardised
  EXPECT_EQ(pixels_of("<f4", elements<float>({0, 256})), (std::vector<float>{0, 256}));
}

// One part alone could pass for values in [0, 1]; all parts are scaled alike.
TEST_F(NpzDataset, FloatsOfAllPartsAreScaledAlike) {
  const DatasetSplits splits = load({{"X_train.npy", npy("<f4", "(1, 1, 2)", elements<float>({0, 255}))},
                                     {"Y_train.npy", npy("|u1", "(1,)", Bytes(1))},
                                     {"X_test.npy", npy("<f4", "(1, 1, 2)", elements<float>({0, 1}))},
                                     {"Y_test.npy", npy("|u1", "(1,)", Bytes(1))}});
  EXPECT_EQ(floats_of(splits.train), (std::vector<float>{0, 1}));
  EXPECT_EQ(floats_of(splits.test), (std::vector<float>{0, 1.0F / 255}));
}

TEST_F(NpzDataset, TellsWhichPixelIsWrong) {
  EXPECT_TRUE(refuses_pixels("<i2", elements<std::int16_t>({0, 256}), {"array 'X_train'", "256", "0 ... 255"}));
  EXPECT_TRUE(refuses_pixels("|i1", elements<std::int8_t>({0, -1}), {"-1", "0 ... 255"}));
  EXPECT_TRUE(refuses_pixels("<u8", elements<std::uint64_t>({0, ~std::uint64_t{0}}), {"0 ... 255"}));
  EXPECT_TRUE(refuses_pixels("<f4", elements<float>({0, std::nanf("")}), {"array 'X_train'", "nan", "element 1"}));
  EXPECT_TRUE(refuses_pixels("<f8", elements<double>({1e300, 0}), {"inf", "element 0", "float32"}));
  EXPECT_TRUE(refuses_pixels("<U2", Bytes(16), {"'<U2'", "numbers"}));
}

TEST_F(NpzDataset, LabelsAreIntegersOrOneHot) {
  const std::vector<std::int32_t> expected{1, 3};
  EXPECT_EQ(labels_of("|u1", "(2,)", elements<std::uint8_t>({1, 3})), expected);
  EXPECT_EQ(labels_of(">i4", "(2, 1)", elements<std::int32_t>({1, 3}, true)), expected);
  EXPECT_EQ(labels_of("<f4", "(2,)", elements<float>({1, 3})), expected);
  EXPECT_EQ(labels_of("<f8", "(2, 4)", elements<double>({0, 1, 0, 0, 0, 0, 0, 1})), expected);
  EXPECT_EQ(labels_of("|b1", "(2, 4)", elements<std::uint8_t>({0, 1, 0, 0, 0, 0, 0, 1})), expected);
  EXPECT_EQ(labels_of("|u1", "(2, 4)", elements<std::uint8_t>({0, 0, 1, 0, 0, 0, 0, 1}, false), true), expected);
}

TEST_F(NpzDataset, OneHotRowsTellTheClasses) {
  const DatasetSplits splits = load({kXTrain, {"Y_train.npy", npy("|u1", "(2, 7)", [] {
                                                 Bytes rows(14);
                                                 rows[0] = rows[9] = std::byte{1};
                                                 return rows;
                                               }())}});
  EXPECT_EQ(splits.train.labels, (std::vector<std::int32_t>{0, 2}));
  EXPECT_EQ(splits.train.classes, 7);
}

TEST_F(NpzDataset, TellsWhichLabelIsWrong) {
  EXPECT_TRUE(refuses_labels("|i1", "(2,)", elements<std::int8_t>({0, -1}), {"training label", "-1"}));
  EXPECT_TRUE(refuses_labels("<i4", "(2,)", elements<std::int32_t>({0, 65536}), {"65536", "0 ... 65535"}));
  EXPECT_TRUE(refuses_labels("<i8", "(2,)", elements<std::int64_t>({0, std::int64_t{1} << 40}), {"array 'Y_train'"}));
  EXPECT_TRUE(refuses_labels("<f4", "(2,)", elements<float>({0, 0.5F}), {"array 'Y_train'", "0.5"}));
  EXPECT_TRUE(refuses_labels("<U1", "(2,)", Bytes(8), {"'<U1'"}));
  EXPECT_TRUE(refuses_labels("|u1", "(2, 2)", elements<std::uint8_t>({0, 1, 1, 1}), {"(2, 2)", "row 1"}));
  EXPECT_TRUE(refuses_labels("|u1", "(2, 2)", elements<std::uint8_t>({0, 0, 0, 1}), {"row 0", "all 0"}));
  EXPECT_TRUE(refuses_labels("<f4", "(2, 2)", elements<float>({0.5F, 0.5F, 0, 1}), {"row 0"}));
  EXPECT_TRUE(refuses_labels("|u1", "(2, 1, 1)", Bytes(2), {"(2, 1, 1)", "one-hot"}));
  EXPECT_TRUE(refuses_labels("|u1", "(2, 65537)", Bytes(131074), {"(2, 65537)", "65536 columns"}));
  EXPECT_TRUE(refuses_labels("|u1", "(2, 0)", Bytes(0), {"(2, 0)"}));
}

TEST_F(NpzDataset, SurvivesDamage) {
  const Bytes good = zip({kXTrain, kYTrain});
  survive_damage(good, 7, [&](const Bytes& bytes) { load_dataset(folder_.write("data.npz", bytes)); });
}

Dataset three_images() {
  Dataset data;
  data.shape = {3, 1, 2, 1};
  data.pixels = std::vector<std::uint8_t>{0, 51, 102, 153, 204, 255};
  data.labels = {7, 8, 9};
  data.classes = 10;
  return data;
}

TEST(Dataset, GathersBytesAndFloats) {
  Dataset data = three_images();
  const std::vector<std::int32_t> indices{2, 0, 2};
  std::vector<float> out(6);
  std::vector<std::int32_t> labels(3);
  data.gather(indices.data(), 3, out.data(), labels.data());
  EXPECT_EQ(out, (std::vector<float>{0.8F, 1, 0, 0.2F, 0.8F, 1}));
  EXPECT_EQ(labels, (std::vector<std::int32_t>{9, 7, 9}));
  data.pixels = std::vector<float>{0, 1, 2, 3, 4, -5};
  data.gather(indices.data(), 3, out.data(), nullptr);
  EXPECT_EQ(out, (std::vector<float>{4, -5, 0, 1, 4, -5}));
  data.gather(nullptr, 0, nullptr, nullptr);
}

// Every byte becomes exactly the float nearest byte / 255, so that training from bytes and from floats is the same.
TEST(Dataset, BytesBecomeTheNearestFloat) {
  Dataset data;
  data.shape = {1, 16, 16, 1};
  std::vector<std::uint8_t> all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  data.pixels = all;
  data.labels = {0};
  std::vector<float> out(256);
  const std::int32_t zero = 0;
  data.gather(&zero, 1, out.data(), nullptr);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], static_cast<float>(i) / 255.0F) << i;
}

TEST(Dataset, GatherRefusesWhatIsNotThere) {
  Dataset data = three_images();
  std::vector<float> out(2);
  for (const std::int32_t index : {3, -1}) {
    EXPECT_TRUE(throws<std::invalid_argument>([&] { data.gather(&index, 1, out.data(), nullptr); },
                                              {std::to_string(index), "0 ... 2"}));
  }
  data.labels.pop_back();
  const std::int32_t zero = 0;
  EXPECT_TRUE(throws<std::invalid_argument>([&] { data.gather(&zero, 1, out.data(), nullptr); },
                                            {"6 pixels and 2 labels", "(3, 1, 2, 1)"}));
}

TEST(Dataset, Slices) {
  const Dataset data = three_images(), part = data.slice(1, 3);
  EXPECT_EQ(part.shape, (Shape{2, 1, 2, 1}));
  EXPECT_EQ(std::get<0>(part.pixels), (std::vector<std::uint8_t>{102, 153, 204, 255}));
  EXPECT_EQ(part.labels, (std::vector<std::int32_t>{8, 9}));
  EXPECT_EQ(part.classes, 10);
  EXPECT_EQ(data.slice(3, 3).count(), 0);
  Dataset shortened = data;
  shortened.keep_first(2);
  EXPECT_EQ(shortened.shape, data.slice(0, 2).shape);
  EXPECT_EQ(shortened.pixels, data.slice(0, 2).pixels);
  EXPECT_EQ(shortened.labels, data.slice(0, 2).labels);
  for (const std::int64_t count : {-1, 4}) {
    EXPECT_TRUE(throws<std::invalid_argument>([&] { Dataset(data).keep_first(count); }, {"3 images"})) << count;
  }
  for (const auto& [begin, end] : {std::pair{-1, 2}, {2, 1}, {0, 4}}) {
    EXPECT_TRUE(throws<std::invalid_argument>([&, b = begin, e = end] { data.slice(b, e); }, {"3 images"}));
  }
}

// The named data sets' folders. Other tests in this process must not see what these set.
class DataDir : public ::testing::Test {
 protected:
  ~DataDir() override {
    unsetenv("HUBEL_DATA_DIR");
    set_data_dir("");
  }
  // A folder whose mnist has `count` test images.
  static void write_mnist(const TemporaryFolder& folder, std::uint32_t count) {
    std::filesystem::create_directory(folder.path() + "/mnist");
    folder.write("mnist/t10k-images-idx3-ubyte", idx({count, 1, 1}, Bytes(count)));
    folder.write("mnist/t10k-labels-idx1-ubyte", idx({count}, Bytes(count)));
  }
};

TEST_F(DataDir, TheEnvironmentComesBeforeTheProgramsChoiceBeforeTheEmbedded) {
  const TemporaryFolder chosen, environment, empty;
  write_mnist(chosen, 3);
  write_mnist(environment, 5);
  EXPECT_EQ(load_dataset("mnist").test.count(), 10000);
  set_data_dir(chosen.path());
  EXPECT_EQ(load_dataset("mnist").test.count(), 3);
  setenv("HUBEL_DATA_DIR", environment.path().c_str(), 1);
  EXPECT_EQ(load_dataset("mnist").test.count(), 5);
  EXPECT_EQ(load_dataset("mnist").source, environment.path() + "/mnist");
  setenv("HUBEL_DATA_DIR", empty.path().c_str(), 1);  // has none: the next one is asked
  EXPECT_EQ(load_dataset("mnist").test.count(), 3);
}

TEST_F(DataDir, AFolderThatIsBrokenIsNotPassedOver) {
  const TemporaryFolder chosen;
  std::filesystem::create_directory(chosen.path() + "/mnist");
  set_data_dir(chosen.path());
  EXPECT_TRUE(throws<IoError>([] { load_dataset("mnist"); }, {chosen.path() + "/mnist", "no IDX files"}));
}

TEST(LoadDataset, TellsWhatItTakes) {
  const TemporaryFolder folder;
  EXPECT_TRUE(throws<IoError>([] { load_dataset("no-such-data"); },
                              {"no-such-data", "no such file", "fashion-mnist", "cifar100"}));
  EXPECT_TRUE(throws<IoError>([] { load_dataset(""); }, {"'': there is no such file"}));
  EXPECT_TRUE(throws<IoError>([] { load_dataset("ftp://example.org/x.npz"); }, {"ftp://", "http:// or https://"}));
  EXPECT_TRUE(
      throws<FormatError>([&] { load_dataset(folder.write("x.txt", to_bytes("text"))); }, {"x.txt", "not an NPZ"}));
}

}  // namespace
}  // namespace hubel::test
