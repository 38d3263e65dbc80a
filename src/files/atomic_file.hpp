// A file that appears whole or not at all: it is written under a temporary name in the same folder, flushed to the
// disk, and renamed. Whoever reads `path` meanwhile sees the old content, and after any failure it is still there.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace hubel::detail {

class AtomicFile {
 public:
  // A symbolic link is followed: it stays, and what it points to is replaced. Throws IoError when the file cannot be
  // made, or when something that is no regular file (a folder, a device, a pipe) has that name.
  explicit AtomicFile(const std::string& path);
  // Without a commit the temporary file goes and `path` is untouched.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Throws IoError, as when the disk is full.
  void write(std::span<const std::byte> bytes);
  // Everything has been written: makes it the content of `path`. Throws IoError.
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_;    // as given, for messages
  std::string target_;  // where links lead
  std::string temporary_;
  int descriptor_ = -1;
};

}  // namespace hubel::detail
