// load_dataset: what a name, a folder, a file or a URL means.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "data/data_dir.hpp"
#include "data/fetch.hpp"
#include "data/splits.hpp"
#include "hubel/dataset.hpp"
#include "hubel/errors.hpp"

namespace hubel {
namespace {

namespace fs = std::filesystem;

// Where Debian's package dataset-fashion-mnist puts its files.
constexpr const char* kDebianFashionMnist = "/usr/share/datasets/fashion-mnist";

// Xiao, Rasul & Vollgraf, "Fashion-MNIST", table 2.
constexpr std::array kFashionMnistNames{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                        "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

// The folder of a named data set; throws IoError with `advice` when there is none.
std::string named_folder(const std::string& name, std::string_view also, std::string_view advice) {
  std::error_code error;
  if (const fs::path found = detail::find_in_data_dirs(name); !found.empty()) return found.string();
  if (!also.empty() && fs::is_directory(also, error)) return std::string(also);
  std::vector<std::string> looked;
  for (const fs::path& dir : detail::data_dirs()) looked.push_back((dir / name).string());
  if (!also.empty()) looked.emplace_back(also);
  throw IoError(fmt::format("{}: not found{}; {}", name,
                            looked.empty() ? "" : fmt::format(" (looked for {})", fmt::join(looked, ", ")), advice));
}

DatasetSplits from_folder(const std::string& folder, const ReadLimits& limits) {
  DatasetSplits splits = detail::read_idx_folder(folder, limits);
  detail::finish_splits(splits);
  return splits;
}

DatasetSplits load_fashion_mnist(const std::string& folder, const ReadLimits& limits) {
  DatasetSplits splits = from_folder(folder, limits);
  if (splits.class_names.size() == kFashionMnistNames.size()) {
    splits.class_names.assign(kFashionMnistNames.begin(), kFashionMnistNames.end());
  }
  return splits;
}

DatasetSplits from_npz(const std::string& where, const ReadLimits& limits) {
  const detail::Bytes bytes = detail::read_file_or_url(where, limits);
  DatasetSplits splits = detail::read_npz_splits(bytes, detail::name_for_messages(where), limits);
  detail::finish_splits(splits);
  return splits;
}

DatasetSplits load(const std::string& where, const ReadLimits& limits) {
  if (where == "mnist") {
    return from_folder(named_folder(where, "", "set HUBEL_DATA_DIR to a folder that has it, or pass its own folder"),
                       limits);
  }
  if (where == "fashion-mnist") {
    return load_fashion_mnist(
        named_folder(where, kDebianFashionMnist,
                     "install it with apt-get install dataset-fashion-mnist, or pass the folder with its IDX files"),
        limits);
  }
  std::error_code error;
  if (!detail::is_url(where)) {
    if (fs::equivalent(where, kDebianFashionMnist, error)) return load_fashion_mnist(where, limits);
    if (fs::is_directory(where, error)) return from_folder(where, limits);
    if (!fs::exists(where, error)) {
      throw IoError(
          fmt::format("{}: there is no such file or folder, and it is not the name of a data set (mnist, "
                      "fashion-mnist) or an http(s) URL",
                      where.empty() ? "''" : where));
    }
  }
  return from_npz(where, limits);
}

}  // namespace

DatasetSplits load_dataset(const std::string& where, const ReadLimits& limits) {
  return detail::with_memory_for(detail::name_for_messages(where), [&] { return load(where, limits); });
}

}  // namespace hubel
