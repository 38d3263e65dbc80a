// Bytes that can be read from anywhere in them: a file, or memory. Formats are read through it, so that nothing larger
// than what a header promises and the source holds is ever taken into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hubel::detail {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `out` from the byte `offset` on; offset + out.size() <= size(). Throws IoError.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

class FileSource : public ByteSource {
 public:
  // A regular file: a folder, a pipe or a device is refused, for reading one may never end. Throws IoError.
  explicit FileSource(const std::string& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace hubel::detail
