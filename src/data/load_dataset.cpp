// load_dataset: what a name, a folder, a file or a URL means.

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "data/cache.hpp"
#include "data/cifar.hpp"
#include "data/data_dir.hpp"
#include "data/fetch.hpp"
#include "data/gzip.hpp"
#include "data/registry.hpp"
#include "data/splits.hpp"
#include "hubel/dataset.hpp"
#include "hubel/errors.hpp"
#include "hubel/image_folder.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

DatasetSplits from_folder(const std::string& folder, const ReadLimits& limits) {
  if (!detail::has_idx_files(folder)) {
    if (detail::is_cifar_folder(folder)) return detail::read_cifar_folder(folder, limits);
    if (is_image_folder(folder)) return load_image_folder(folder, {}, limits);
  }
  return detail::read_idx_folder(folder, limits);
}

DatasetSplits from_file_or_url(const std::string& where, const ReadLimits& limits) {
  const detail::Bytes bytes = detail::read_file_or_url(where, limits);
  const std::string name = detail::name_for_messages(where);
  if (detail::is_gzip(bytes)) return detail::read_cifar_archive(bytes, name, limits);
  return detail::read_npz_splits(bytes, name, limits);
}

// The folder of a named data set, which is downloaded into the cache when nobody has it.
std::string named_folder(const detail::NamedData& data, const ReadLimits& limits) {
  if (const fs::path found = detail::find_in_data_dirs(data.name); !found.empty()) return found.string();
  if (!data.system_folder.empty() && is_folder(data.system_folder)) return data.system_folder;
  const fs::path cache = detail::cache_folder(data.name);
  if (cache.empty()) {
    throw IoError(detail::formatted(
        "{}: not found, and there is no cache to download it to; set XDG_CACHE_HOME or HOME", data.name));
  }
  if (!detail::has_files(cache, data)) detail::fetch_files(cache, data, limits);
  return cache.string();
}

// Where the folder is that of a distribution's package, its data set's own class names are used too.
const detail::NamedData* data_of_system_folder(const std::string& folder) {
  for (const detail::NamedData& data : detail::named_data()) {
    std::error_code error;
    if (!data.system_folder.empty() && fs::equivalent(folder, data.system_folder, error)) return &data;
  }
  return nullptr;
}

DatasetSplits named(const detail::NamedData& data, const std::string& folder, const ReadLimits& limits) {
  DatasetSplits splits = from_folder(folder, limits);
  if (!data.class_names.empty()) splits.class_names = data.class_names;
  return splits;
}

DatasetSplits load(const std::string& where, const ReadLimits& limits) {
  if (const detail::NamedData* data = detail::find_named_data(where)) {
    return named(*data, named_folder(*data, limits), limits);
  }
  if (detail::is_url(where)) return from_file_or_url(where, limits);
  if (is_folder(where)) {
    const detail::NamedData* data = data_of_system_folder(where);
    return data != nullptr ? named(*data, where, limits) : from_folder(where, limits);
  }
  std::error_code error;
  if (!fs::exists(where, error)) {
    throw IoError(
        detail::formatted("{}: there is no such file or folder, and it is not the name of a data set ({}) or an "
                          "http(s) URL",
                          where.empty() ? "''" : where, detail::joined(dataset_names(), ", ")));
  }
  return from_file_or_url(where, limits);
}

}  // namespace

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const detail::NamedData& data : detail::named_data()) names.push_back(data.name);
  return names;
}

DatasetSplits load_dataset(const std::string& where, const ReadLimits& limits) {
  return detail::with_memory_for(detail::name_for_messages(where), [&] {
    DatasetSplits splits = load(where, limits);
    detail::finish_splits(splits);
    return splits;
  });
}

}  // namespace hubel
