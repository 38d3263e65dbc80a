// CIFAR's binary version, from its archive or from the files in it.
#include "data/cifar.hpp"

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "data/file.hpp"
#include "data/tar.hpp"
#include "data/utf8.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32, kChannels = 3;
constexpr std::size_t kPlane = kSide * kSide, kPixels = kChannels * kPlane;

struct Files {
  Cifar kind;
  std::vector<std::string> train;
  std::string test, names, archive, subfolder;
};

const std::array<Files, 2>& both() {
  static const std::array<Files, 2> files{
      Files{Cifar::ten,
            {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
            "test_batch.bin",
            "batches.meta.txt",
            "cifar-10-binary.tar.gz",
            "cifar-10-batches-bin"},
      Files{Cifar::hundred,
            {"train.bin"},
            "test.bin",
            "fine_label_names.txt",
            "cifar-100-binary.tar.gz",
            "cifar-100-binary"}};
  return files;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Of the two sets, the one that `has` a first training or a test file.
const Files* files_of(const std::function<bool(const std::string&)>& has) {
  for (const Files& files : both()) {
    if (has(files.train[0]) || has(files.test)) return &files;
  }
  return nullptr;
}

// The folder itself, or the one in it that the archive unpacks to, where the files lie.
std::optional<fs::path> unpacked_folder(const fs::path& folder) {
  for (const fs::path& place : {folder, folder / both()[0].subfolder, folder / both()[1].subfolder}) {
    if (files_of([&](const std::string& file) { return is_there(place / file); }) != nullptr) return place;
  }
  return std::nullopt;
}

std::optional<fs::path> archive_in(const fs::path& folder) {
  for (const Files& files : both()) {
    if (is_there(folder / files.archive)) return folder / files.archive;
  }
  return std::nullopt;
}

// The names, one a line.
std::vector<std::string> class_names(Cifar kind, const std::optional<Bytes>& file, const std::string& name) {
  const std::span<const char* const> built_in = cifar_class_names(kind);
  if (!file) return {built_in.begin(), built_in.end()};
  std::vector<std::string> names;
  std::string line;
  for (const std::byte byte : *file) {
    const char c = std::to_integer<char>(byte);
    if (c != '\n' && c != '\r') line += c;
    if (c == '\n' && !line.empty()) names.push_back(as_utf8(std::exchange(line, {})));
  }
  if (!line.empty()) names.push_back(as_utf8(line));
  if (names.size() != built_in.size()) {
    throw FormatError(
        detail::formatted("{}: has {} class names, but there are {} classes", name, names.size(), built_in.size()));
  }
  return names;
}

// Gives a file's content by its name; nothing when it is not there.
using Open = std::function<std::optional<Bytes>(const std::string&)>;

// Some of a part's files without the others are no part.
void read_part(const Files& files, const std::vector<std::string>& names, const Open& open, const std::string& source,
               Dataset& part) {
  part.pixels = std::vector<std::uint8_t>();
  part.shape = Shape{0, kSide, kSide, kChannels};
  part.classes = static_cast<std::int32_t>(cifar_class_names(files.kind).size());
  std::string found, missing;
  for (const std::string& name : names) {
    const std::optional<Bytes> bytes = open(name);
    (bytes ? found : missing) = name;
    if (bytes) append_cifar_records(files.kind, *bytes, detail::formatted("{}/{}", source, name), part);
    if (!found.empty() && !missing.empty()) {
      throw FormatError(detail::formatted("{}: has {} but not {}", source, found, missing));
    }
  }
}

DatasetSplits read_files(const Files& files, const Open& open, const std::string& source) {
  DatasetSplits splits;
  splits.source = source;
  read_part(files, files.train, open, source, splits.train);
  read_part(files, {files.test}, open, source, splits.test);
  splits.class_names = class_names(files.kind, open(files.names), detail::formatted("{}/{}", source, files.names));
  return splits;
}

}  // namespace

void append_cifar_records(Cifar kind, ByteSpan bytes, const std::string& name, Dataset& part) {
  const std::size_t label_bytes = kind == Cifar::ten ? 1 : 2, record = label_bytes + kPixels;
  if (bytes.empty() || bytes.size() % record != 0) {
    throw FormatError(
        detail::formatted("{}: has {} bytes, which is no whole number of records of {}", name, bytes.size(), record));
  }
  const std::size_t classes = cifar_class_names(kind).size(), count = bytes.size() / record;
  auto& pixels = std::get<std::vector<std::uint8_t>>(part.pixels);
  const std::size_t before = pixels.size();
  pixels.resize(before + count * kPixels);
  std::uint8_t* out = pixels.data() + before;
  for (std::size_t i = 0; i < count; ++i, out += kPixels) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data()) + i * record;
    const std::uint8_t label = in[label_bytes - 1];
    if (label >= classes) {
      throw FormatError(
          detail::formatted("{}: record {} has label {}, but there are {} classes", name, i, label, classes));
    }
    part.labels.push_back(label);
    for (std::size_t pixel = 0; pixel < kPlane; ++pixel) {
      for (std::size_t c = 0; c < kChannels; ++c) out[pixel * kChannels + c] = in[label_bytes + c * kPlane + pixel];
    }
  }
  part.shape = part.shape.with_first(std::ssize(part.labels));
}

bool is_cifar_folder(const std::string& folder) { return unpacked_folder(folder) || archive_in(folder); }

DatasetSplits read_cifar_folder(const std::string& folder, const ReadLimits& limits) {
  const std::optional<fs::path> place = unpacked_folder(folder);
  if (!place) {
    const std::optional<fs::path> archive = archive_in(folder);
    if (!archive) throw IoError(detail::formatted("{}: has no files of CIFAR-10 or CIFAR-100", folder));
    return read_cifar_archive(read_file(archive->string(), limits.max_bytes), archive->string(), limits);
  }
  const auto has = [&](const std::string& file) { return is_there(*place / file); };
  const auto open = [&](const std::string& file) -> std::optional<Bytes> {
    if (!has(file)) return std::nullopt;
    return read_file((*place / file).string(), limits.max_bytes);
  };
  return read_files(*files_of(has), open, place->string());
}

DatasetSplits read_cifar_archive(ByteSpan bytes, const std::string& name, const ReadLimits& limits) {
  const auto file_name = [](const std::string& path) { return fs::path(path).filename().string(); };
  const auto wanted = [&](const std::string& path) {
    const std::string file = file_name(path);
    return file.ends_with(".bin") || file == both()[0].names || file == both()[1].names;
  };
  std::map<std::string, Bytes> by_name;
  for (auto& [path, content] : read_tar(bytes, name, limits.max_bytes, wanted)) {
    if (!by_name.emplace(file_name(path), std::move(content)).second) {
      throw FormatError(detail::formatted("{}: has {} in two folders", name, printable(file_name(path))));
    }
  }
  const Files* files = files_of([&](const std::string& file) { return by_name.contains(file); });
  if (files == nullptr) {
    throw FormatError(
        detail::formatted("{}: is a tar archive, but has none of the files of CIFAR's binary version ({}, {})", name,
                          both()[0].test, both()[1].test));
  }
  // Each file is let go when it has been read, since all of them together are as large as what is made of them.
  const auto open = [&](const std::string& file) -> std::optional<Bytes> {
    auto node = by_name.extract(file);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  };
  return read_files(*files, open, name);
}

}  // namespace hubel::detail
