// The cache of downloaded data sets.
#pragma once

#include <filesystem>
#include <string>

#include "data/registry.hpp"
#include "hubel/npz.hpp"

namespace hubel::detail {

// <cache>/hubel/<name>, where <cache> is the environment's XDG_CACHE_HOME (an absolute path: the XDG Base Directory
// Specification has others ignored), or else HOME's .cache. Empty when the environment names neither.
std::filesystem::path cache_folder(const std::string& name);

// Whether all files of the data set are in the folder, packed or unpacked.
bool has_files(const std::filesystem::path& folder, const NamedData& data);

// Downloads the files that the folder lacks from the first of the mirrors that gives them with the right checksum, and
// before those from <HUBEL_MIRROR>/<name>, when the environment has a HUBEL_MIRROR. Each appears in the folder when it
// is whole. Throws IoError (its message names the URLs tried, and which files may be put where by hand) or Stopped.
void fetch_files(const std::filesystem::path& folder, const NamedData& data, const ReadLimits& limits);

}  // namespace hubel::detail
