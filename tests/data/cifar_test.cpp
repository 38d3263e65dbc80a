// CIFAR's binary version: planes to pixels, the folder and archive forms, class names, and files that are wrong.
#include "data/cifar.hpp"

#include <filesystem>
#include <numeric>

#include "tar_files.hpp"

namespace hubel::test {
namespace {

constexpr std::size_t kPlane = 1024;

// The byte of the i-th image's channel c at pixel p.
std::uint8_t sample(std::size_t i, std::size_t c, std::size_t p) {
  return static_cast<std::uint8_t>(31 * i + 87 * c + 7 * p + p / 32);
}

// Records numbered from `first`, with labels i % classes.
Bytes records(bool hundred, std::size_t first, std::size_t count) {
  Bytes bytes;
  for (std::size_t i = first; i < first + count; ++i) {
    if (hundred) bytes.push_back(std::byte{19});
    bytes.push_back(static_cast<std::byte>(i % (hundred ? 100 : 10)));
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t p = 0; p < kPlane; ++p) bytes.push_back(static_cast<std::byte>(sample(i, c, p)));
    }
  }
  return bytes;
}

std::vector<TarEntry> ten_files(const std::string& folder) {
  std::vector<TarEntry> files;
  for (std::size_t batch = 0; batch < 5; ++batch) {
    files.push_back({folder + "data_batch_" + std::to_string(batch + 1) + ".bin", records(false, 2 * batch, 2)});
  }
  files.push_back({folder + "test_batch.bin", records(false, 100, 3)});
  files.push_back({folder + "readme.html", to_bytes("<html>")});
  return files;
}

std::vector<TarEntry> hundred_files(const std::string& folder) {
  return {{folder + "train.bin", records(true, 0, 4)}, {folder + "test.bin", records(true, 97, 3)}};
}

void expect_images(const Dataset& data, std::size_t first, std::size_t count, std::size_t classes) {
  ASSERT_EQ(data.shape, (Shape{static_cast<std::int64_t>(count), 32, 32, 3}));
  const auto& pixels = std::get<std::vector<std::uint8_t>>(data.pixels);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(data.labels[i], static_cast<std::int32_t>((first + i) % classes));
    for (std::size_t p = 0; p < kPlane; ++p) {
      for (std::size_t c = 0; c < 3; ++c) ASSERT_EQ(pixels[(i * kPlane + p) * 3 + c], sample(first + i, c, p));
    }
  }
}

void expect_ten(const DatasetSplits& splits) {
  expect_images(splits.train, 0, 10, 10);
  expect_images(splits.test, 100, 3, 10);
  EXPECT_EQ(splits.train.classes, 10);
  EXPECT_EQ(splits.validation.count(), 0);
  ASSERT_EQ(splits.class_names.size(), 10u);
  EXPECT_EQ(splits.class_names[9], "truck");
}

void write(const TemporaryFolder& folder, const std::vector<TarEntry>& files) {
  for (const TarEntry& file : files) {
    std::filesystem::create_directories((std::filesystem::path(folder.path()) / file.name).parent_path());
    folder.write(file.name, file.content);
  }
}

TEST(Cifar, IsReadFromAnArchiveByAnyName) {
  const TemporaryFolder folder;
  const Bytes archive = gzipped(tar(ten_files("cifar-10-batches-bin/")));
  expect_ten(load_dataset(folder.write("x.tar.gz", archive)));
  folder.write("cifar-10-binary.tar.gz", archive);
  expect_ten(load_dataset(folder.path()));
}

TEST(Cifar, IsReadUnpacked) {
  const TemporaryFolder flat, nested;
  write(flat, ten_files(""));
  expect_ten(load_dataset(flat.path()));
  write(nested, ten_files("cifar-10-batches-bin/"));
  expect_ten(load_dataset(nested.path()));
}

TEST(Cifar, HundredHasFineLabels) {
  const TemporaryFolder folder;
  for (const DatasetSplits& splits :
       {load_dataset(folder.write("x.tgz", gzipped(tar(hundred_files("cifar-100-binary/"))))), [&] {
          write(folder, hundred_files("cifar-100-binary/"));
          return load_dataset(folder.path());
        }()}) {
    expect_images(splits.train, 0, 4, 100);
    expect_images(splits.test, 97, 3, 100);
    EXPECT_EQ(splits.train.classes, 100);
    ASSERT_EQ(splits.class_names.size(), 100u);
    EXPECT_EQ(splits.class_names[0], "apple");
    EXPECT_EQ(splits.class_names[99], "worm");
  }
}

TEST(Cifar, TakesTheFilesOwnNames) {
  const TemporaryFolder folder;
  write(folder, ten_files(""));
  folder.write("batches.meta.txt", to_bytes("a\nb\r\nc\nd\ne\nf\ng\nh\ni\nj\xff\n\n"));
  const std::vector<std::string> names = load_dataset(folder.path()).class_names;
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j\xef\xbf\xbd"}));
  folder.write("batches.meta.txt", to_bytes("a\nb\n"));
  EXPECT_TRUE(throws<FormatError>([&] { load_dataset(folder.path()); }, {"batches.meta.txt", "2 class names", "10"}));
}

TEST(Cifar, BuiltInNamesAreSorted) {  // as both sets' labels are, but for the first ten's
  const auto names = detail::cifar_class_names(detail::Cifar::hundred);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end(), [](std::string_view a, std::string_view b) { return a < b; }));
}

TEST(Cifar, ATestSetAloneWillDo) {
  const TemporaryFolder folder;
  folder.write("test_batch.bin", records(false, 0, 1));
  const DatasetSplits splits = load_dataset(folder.path());
  EXPECT_EQ(splits.train.count(), 0);
  EXPECT_EQ(splits.test.count(), 1);
  EXPECT_EQ(splits.test.classes, 10);
}

TEST(Cifar, TellsWhatIsWrong) {
  const TemporaryFolder folder;
  write(folder, ten_files(""));
  const auto refuses = [&](const std::vector<std::string>& parts) {
    return throws<FormatError>([&] { load_dataset(folder.path()); }, parts);
  };
  std::filesystem::remove(folder.path() + "/data_batch_3.bin");
  EXPECT_TRUE(refuses({folder.path(), "data_batch_2.bin but not data_batch_3.bin"}));
  folder.write("data_batch_3.bin", Bytes(3072));
  EXPECT_TRUE(refuses({"data_batch_3.bin", "3072 bytes", "records of 3073"}));
  folder.write("data_batch_3.bin", {});
  EXPECT_TRUE(refuses({"data_batch_3.bin", "0 bytes"}));
  Bytes wrong = records(false, 0, 2);
  wrong[3073] = std::byte{10};
  folder.write("data_batch_3.bin", wrong);
  EXPECT_TRUE(refuses({"data_batch_3.bin", "record 1 has label 10", "10 classes"}));
  EXPECT_TRUE(throws<FormatError>([&] { load_dataset(folder.write("x.tar.gz", gzipped(tar({{"x.bin"}})))); },
                                  {"x.tar.gz", "none of the files", "test_batch.bin"}));
  EXPECT_TRUE(throws<FormatError>(
      [&] {
        load_dataset(folder.write("x.tar.gz", gzipped(tar({{"a/test.bin"}, {"b/test.bin"}}))));
      },
      {"test.bin in two folders"}));
  ReadLimits limits;
  limits.max_bytes = 40000;
  EXPECT_TRUE(throws<FormatError>([&] { load_dataset(folder.write("x.tar.gz", gzipped(tar(ten_files("")))), limits); },
                                  {"limit of 40000 bytes"}));
}

TEST(Cifar, SurvivesDamage) {
  const Bytes archive = gzipped(tar({{"test_batch.bin", records(false, 0, 1)}}));
  EXPECT_EQ(survive_damage(archive, 7, [](const Bytes& b) { detail::read_cifar_archive(b, "x", {}); }), 0);
}

}  // namespace
}  // namespace hubel::test
