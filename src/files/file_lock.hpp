// Keeps a second training from writing to the same file. An advisory lock of the system's: it goes with its process,
// however that ends.
#pragma once

#include <string>

namespace hubel::detail {

class FileLock {
 public:
  // Locks what will be written to `path`, whether or not it exists: a file that is replaced cannot carry the lock, so a
  // hidden one beside it does (.hubel-....lock), for as long as the object lives. What is no regular file, such as a
  // pipe, is not locked, nor anything where the system or the folder does not allow it. Throws IoError when somebody
  // else holds it.
  explicit FileLock(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  std::string beside_;
  int descriptor_ = -1;
};

}  // namespace hubel::detail
