// A folder of IDX files under MNIST's names, which Fashion-MNIST, KMNIST and others keep.

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "data/file.hpp"
#include "data/idx.hpp"
#include "data/splits.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

namespace fs = std::filesystem;

// The path of e.g. ("train-images", rank 3) in the folder, in any of its spellings.
std::optional<std::string> find_idx(const std::string& folder, const std::string& stem, int rank) {
  for (const char* dot : {"-", "."}) {
    for (const char* suffix : {"", ".gz"}) {
      const fs::path path = fs::path(folder) / detail::formatted("{}{}idx{}-ubyte{}", stem, dot, rank, suffix);
      std::error_code error;
      if (fs::exists(path, error)) return path.string();
    }
  }
  return std::nullopt;
}

IdxArray read_idx_file(const std::string& path, const ReadLimits& limits) {
  return parse_idx(read_file(path, limits.max_bytes), path, limits.max_bytes);
}

// The part whose files are <prefix>-images-idx3-ubyte and <prefix>-labels-idx1-ubyte; an empty one when neither is
// there.
Dataset read_part(const std::string& folder, const std::string& prefix, const ReadLimits& limits) {
  const auto images_path = find_idx(folder, prefix + "-images", 3),
             labels_path = find_idx(folder, prefix + "-labels", 1);
  if (!images_path && !labels_path) return {};
  if (!images_path || !labels_path) {
    throw IoError(detail::formatted("{}: has {} but not the file with its {} ({}-{}-idx{}-ubyte or .gz)", folder,
                                    images_path ? *images_path : *labels_path, images_path ? "labels" : "images",
                                    prefix, images_path ? "labels" : "images", images_path ? 1 : 3));
  }
  IdxArray images = read_idx_file(*images_path, limits), labels = read_idx_file(*labels_path, limits);
  if (images.shape.size() < 3) throw FormatError(detail::formatted("{}: has no images (n, h, w) in it", *images_path));
  if (labels.shape.size() != 1) throw FormatError(detail::formatted("{}: has no labels (n) in it", *labels_path));
  if (images.shape[0] != labels.shape[0]) {
    throw FormatError(detail::formatted("{}: has {} labels, but {} has {} images", *labels_path, labels.shape[0],
                                        *images_path, images.shape[0]));
  }
  if (images.shape.size() == 3) images.shape.push_back(1);
  Dataset data;
  data.shape = Shape(images.shape);
  data.pixels = std::move(images.data);
  data.labels.assign(labels.data.begin(), labels.data.end());
  return data;
}

}  // namespace

bool has_idx_files(const std::string& folder) {
  for (const char* prefix : {"train", "t10k"}) {
    if (find_idx(folder, std::string(prefix) + "-images", 3) || find_idx(folder, std::string(prefix) + "-labels", 1)) {
      return true;
    }
  }
  return false;
}

DatasetSplits read_idx_folder(const std::string& folder, const ReadLimits& limits) {
  DatasetSplits splits;
  splits.source = folder;
  splits.train = read_part(folder, "train", limits);
  splits.test = read_part(folder, "t10k", limits);
  if (splits.train.labels.empty() && splits.test.labels.empty()) {
    throw IoError(detail::formatted(
        "{}: has no IDX files; expected train-images-idx3-ubyte and train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or .gz (nor has it CIFAR's binary "
        "files, or subfolders of images, one a class)",
        folder));
  }
  return splits;
}

}  // namespace hubel::detail
