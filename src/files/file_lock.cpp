// A lock by flock; see file_lock.hpp.
#include "files/file_lock.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <system_error>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

namespace fs = std::filesystem;

// FNV-1a. A name of fixed length is possible wherever the file's own is.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Empty for what is not to be locked.
std::string name_beside(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::weakly_canonical(path, error);
  if (error || (fs::exists(target, error) && !fs::is_regular_file(target, error))) return {};
  return target.parent_path() / formatted(".hubel-{:016x}.lock", hash_of(target.filename().string()));
}

// Whether that name is still the open file's: whoever held the lock before may have removed it.
bool is_at(int descriptor, const std::string& name) {
  struct stat open_file, named;
  return fstat(descriptor, &open_file) == 0 && stat(name.c_str(), &named) == 0 && open_file.st_dev == named.st_dev &&
         open_file.st_ino == named.st_ino;
}

}  // namespace

FileLock::FileLock(const std::string& path) : beside_(name_beside(path)) {
  while (!beside_.empty()) {
    const int descriptor = open(beside_.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return;  // if the file itself cannot be written either, that is told by who writes it
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const bool held = errno == EWOULDBLOCK;
      close(descriptor);
      if (held)
        throw IoError(formatted("{}: another training is writing to it; wait for its end, or name another file", path));
      return;
    }
    if (is_at(descriptor, beside_)) {
      descriptor_ = descriptor;
      return;
    }
    close(descriptor);
  }
}

// Removed while it is locked, so that no two can hold locks of files of this name.
FileLock::~FileLock() {
  if (descriptor_ < 0) return;
  unlink(beside_.c_str());
  close(descriptor_);
}

}  // namespace hubel::detail
