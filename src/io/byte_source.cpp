// Reading files and memory at an offset; see byte_source.hpp.
#include "io/byte_source.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

FileSource::FileSource(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) throw IoError(detail::formatted("{}: cannot be read: {}", path, std::strerror(errno)));
  struct stat info;
  if (fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(descriptor_);
    throw IoError(detail::formatted("{}: cannot be read: not a regular file", path));
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
}

FileSource::~FileSource() { close(descriptor_); }

void FileSource::read(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw IoError(detail::formatted("{}: cannot be read: {}", path_, std::strerror(errno)));
    if (n == 0) throw IoError(detail::formatted("{}: cannot be read: it became shorter meanwhile", path_));
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void MemorySource::read(std::uint64_t offset, std::span<std::byte> out) const {
  const auto part = bytes_.subspan(static_cast<std::size_t>(offset), out.size());
  std::copy(part.begin(), part.end(), out.begin());
}

}  // namespace hubel::detail
