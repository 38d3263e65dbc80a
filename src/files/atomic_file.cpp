// Atomic replacement of a file by POSIX's rename; see atomic_file.hpp.
#include "files/atomic_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <utility>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

namespace fs = std::filesystem;

// As many links in a row as Linux itself follows.
constexpr int kMaxLinks = 40;

fs::path follow_links(const std::string& path) {
  fs::path target = path;
  for (int i = 0; i < kMaxLinks; ++i) {
    std::error_code error;
    const fs::path next = fs::read_symlink(target, error);
    if (error) return target;  // not a link
    target = target.parent_path() / next;
  }
  throw IoError(detail::formatted("{}: cannot be written: {}", path, std::strerror(ELOOP)));
}

// Attempts to find a name that nobody has. Names hold the process and a count, so a clash takes a leftover of a crashed
// process of the same number, or another machine on a shared disk.
constexpr int kMaxNames = 100;

// Makes a new file in the folder, with the permissions of the user's umask. Its name is short, so that it is possible
// wherever the final one is.
int make_temporary(const fs::path& folder, std::string& name) {
  static std::atomic<unsigned> count{0};
  for (int i = 0; i < kMaxNames; ++i) {
    name = folder / detail::formatted(".hubel-{}-{}.tmp", getpid(), count++);
    const int descriptor = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

// After a rename the folder's entry must reach the disk too. Not every file system can do this, and the file is whole
// either way, so a failure is no error.
void flush_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

fs::path folder_of(const fs::path& file) {
  const fs::path parent = file.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(follow_links(path)) {
  struct stat existing;
  const bool exists = stat(target_.c_str(), &existing) == 0;
  if (!exists && errno != ENOENT) fail("cannot be written");
  if (exists) {
    if (S_ISDIR(existing.st_mode)) errno = EISDIR, fail("cannot be written");
    if (!S_ISREG(existing.st_mode))
      throw IoError(detail::formatted("{}: cannot be written: not a regular file", path_));
    // A rename asks for the folder's permission only; whoever has made the file read-only means the file.
    if ((existing.st_mode & 0222) == 0 || access(target_.c_str(), W_OK) != 0) {
      errno = EACCES;
      fail("cannot be written");
    }
  }
  if (fs::path(target_).filename().empty())
    throw IoError(detail::formatted("{}: cannot be written: not a file's name", path_));
  descriptor_ = make_temporary(folder_of(target_), temporary_);
  if (descriptor_ < 0) fail("cannot be written");
  if (exists) fchmod(descriptor_, existing.st_mode & 07777);  // where that is not to be had, the umask's will do
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (fsync(descriptor_) != 0) fail("cannot be flushed to the disk");
  if (close(std::exchange(descriptor_, -1)) != 0) fail("cannot be written");
  if (rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot be replaced");
  temporary_.clear();
  flush_folder(folder_of(target_));
}

void AtomicFile::fail(const char* what) const {
  throw IoError(detail::formatted("{}: {}: {}", path_, what, std::strerror(errno)));
}

}  // namespace hubel::detail
