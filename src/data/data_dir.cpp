// Where the named data sets lie: what the user says comes first, then what lies beside the running program (so that an
// installation may be moved), then what was known when it was built.
#include "data/data_dir.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <system_error>

#include "hubel/dataset.hpp"

namespace hubel {
namespace detail {
namespace {

namespace fs = std::filesystem;

struct ChosenDir {
  std::mutex mutex;
  std::string folder;
};

ChosenDir& chosen_dir() {
  static ChosenDir chosen;
  return chosen;
}

// <prefix>/share/hubel for a file <prefix>/bin/x or <prefix>/lib/x (or <prefix>/lib/<architecture>/x).
void add_share_of(const fs::path& file, std::vector<fs::path>& dirs) {
  std::error_code error;
  const fs::path folder = fs::canonical(file, error).parent_path();
  if (error) return;
  for (const fs::path& prefix : {folder.parent_path(), folder.parent_path().parent_path()}) {
    const fs::path share = prefix / "share" / "hubel";
    if (fs::is_directory(share, error)) dirs.push_back(share);
  }
}

}  // namespace

std::vector<fs::path> data_dirs() {
  std::vector<fs::path> dirs;
  if (const char* environment = std::getenv("HUBEL_DATA_DIR"); environment != nullptr && *environment != '\0') {
    dirs.emplace_back(environment);
  }
  {
    const std::scoped_lock lock(chosen_dir().mutex);
    if (!chosen_dir().folder.empty()) dirs.emplace_back(chosen_dir().folder);
  }
  Dl_info library{};
  if (dladdr(reinterpret_cast<const void*>(&find_in_data_dirs), &library) != 0 && library.dli_fname != nullptr) {
    add_share_of(library.dli_fname, dirs);
  }
  add_share_of("/proc/self/exe", dirs);
#ifdef HUBEL_INSTALL_DATA_DIR
  dirs.emplace_back(HUBEL_INSTALL_DATA_DIR);
#endif
#ifdef HUBEL_SOURCE_DATA_DIR
  dirs.emplace_back(HUBEL_SOURCE_DATA_DIR);
#endif
  return dirs;
}

fs::path find_in_data_dirs(const std::string& name) {
  for (const fs::path& dir : data_dirs()) {
    std::error_code error;
    if (fs::is_directory(dir / name, error)) return dir / name;
  }
  return {};
}

}  // namespace detail

void set_data_dir(const std::string& folder) {
  const std::scoped_lock lock(detail::chosen_dir().mutex);
  detail::chosen_dir().folder = folder;
}

}  // namespace hubel
