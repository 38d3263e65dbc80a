// Downloads into the cache. A file is held in memory until its checksum is known to be right, and then written under
// another name and renamed: so that whatever is in the cache is whole, also when two processes fill it at once.
#include "data/cache.hpp"

#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "data/checksum.hpp"
#include "data/fetch.hpp"
#include "files/atomic_file.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

namespace fs = std::filesystem;

// An environment variable; empty when it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool has_file(const fs::path& folder, const PublishedFile& file) {
  std::error_code error;
  return fs::exists(folder / file.name, error) || fs::exists(folder / file.instead, error);
}

std::vector<std::string> urls_of(const NamedData& data, const PublishedFile& file) {
  std::vector<std::string> urls;
  if (const std::string mirror = environment("HUBEL_MIRROR"); !mirror.empty()) {
    urls.push_back(detail::formatted("{}/{}/{}", mirror, data.name, file.name));
  }
  for (const std::string& mirror : data.mirrors) urls.push_back(detail::formatted("{}/{}", mirror, file.name));
  return urls;
}

// The file's bytes from the first URL that has the right ones. Adds to `failures` what the others said.
Bytes fetch_published(const NamedData& data, const PublishedFile& file, const ReadLimits& limits,
                      std::vector<std::string>& failures) {
  for (const std::string& url : urls_of(data, file)) {
    try {
      Bytes bytes = fetch_url(url, limits);
      const std::string sum = md5(bytes);
      if (sum == file.md5) return bytes;
      failures.push_back(detail::formatted("{}: its {} bytes have the MD5 {}, but {} is published",
                                           name_for_messages(url), bytes.size(), sum, file.md5));
    } catch (const Stopped&) {
      throw;
    } catch (const IoError& error) {
      failures.emplace_back(error.what());
    }
  }
  return {};
}

// What to do without a network.
std::string by_hand(const fs::path& folder, const NamedData& data) {
  std::vector<std::string> names;
  for (const PublishedFile& file : data.files) {
    if (!has_file(folder, file)) names.push_back(file.name);
  }
  return detail::formatted("put {} into {}{}", detail::joined(names, ", "), folder.string(),
                           data.advice.empty() ? "" : detail::formatted(", or {}", data.advice));
}

}  // namespace

fs::path cache_folder(const std::string& name) {
  if (const fs::path cache = environment("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "hubel" / name;
  if (const fs::path home = environment("HOME"); home.is_absolute()) return home / ".cache" / "hubel" / name;
  return {};
}

bool has_files(const fs::path& folder, const NamedData& data) {
  for (const PublishedFile& file : data.files) {
    if (!has_file(folder, file)) return false;
  }
  return true;
}

void fetch_files(const fs::path& folder, const NamedData& data, const ReadLimits& limits) {
  if (is_offline()) {
    throw IoError(detail::formatted("{}: not found, and not downloaded since HUBEL_OFFLINE is set; {}", data.name,
                                    by_hand(folder, data)));
  }
  for (const PublishedFile& file : data.files) {
    if (has_file(folder, file)) continue;
    std::vector<std::string> failures;
    const Bytes bytes = fetch_published(data, file, limits, failures);
    if (bytes.empty()) {
      throw IoError(detail::formatted("{}: not found, and {} could not be downloaded ({}); {}", data.name, file.name,
                                      detail::joined(failures, "; "), by_hand(folder, data)));
    }
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw IoError(detail::formatted("{}: cannot be made: {}", folder.string(), error.message()));
    AtomicFile out((folder / file.name).string());
    out.write(bytes);
    out.commit();
  }
}

}  // namespace hubel::detail
