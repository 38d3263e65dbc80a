// A whole file read into memory, with POSIX calls: they alone can open a pipe without waiting for its writer, and then
// tell what was opened.
#include "data/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

class File {
 public:
  explicit File(const std::string& path) : path_(path) {
    if (path.find('\0') != std::string::npos)
      throw IoError(detail::formatted("{}: a zero byte in a path", printable(path)));
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0) fail("cannot be opened");
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // The size that the file system tells.
  std::size_t size() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail("cannot be examined");
    if (S_ISDIR(status.st_mode)) throw IoError(detail::formatted("{}: is a folder, not a file", path_));
    if (!S_ISREG(status.st_mode)) throw IoError(detail::formatted("{}: is not a regular file", path_));
    return static_cast<std::size_t>(status.st_size);
  }

  // Up to n bytes to out; 0 at the end.
  std::size_t read(std::byte* out, std::size_t n) const {
    for (;;) {
      const ssize_t got = ::read(fd_, out, n);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail("cannot be read");
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw IoError(detail::formatted("{}: {}: {}", path_, what, std::generic_category().message(errno)));
  }

  const std::string& path_;
  int fd_ = -1;
};

}  // namespace

Bytes read_file(const std::string& path, std::size_t max_bytes) {
  const File file(path);
  const std::size_t expected = file.size();
  const auto check = [&](std::size_t size) {
    if (size > max_bytes) throw IoError(detail::formatted("{}: is larger than the limit of {} bytes", path, max_bytes));
  };
  check(expected);
  // One byte more than expected finds the end with one read. The file may still grow, or tell no size (/proc).
  constexpr std::size_t kLeast = 4096;
  Bytes bytes(std::max(expected + 1, kLeast));
  std::size_t size = 0;
  while (const std::size_t got = file.read(bytes.data() + size, bytes.size() - size)) {
    size += got;
    check(size);
    if (size == bytes.size()) bytes.resize(2 * size);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace hubel::detail
