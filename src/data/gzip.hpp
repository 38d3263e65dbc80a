// Gzip (RFC 1952) unpacked piece by piece, so that the reader decides how much it takes.
#pragma once

#include <zlib.h>

#include <string>

#include "data/bytes.hpp"

namespace hubel::detail {

// Whether the bytes begin as a gzip stream does.
bool is_gzip(ByteSpan bytes);

// A reader of a gzip stream in memory, of one or several members. What is wrong with it (truncated, a wrong checksum,
// something else behind it) throws FormatError with `name` when it is reached.
class GzipReader {
 public:
  GzipReader(ByteSpan packed, std::string name);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Up to n bytes to out: fewer only at the end of the stream, whose checksum is then right.
  std::size_t read(std::byte* out, std::size_t n);

 private:
  void feed();
  void end_of_member();
  [[noreturn]] void fail(const char* what) const;

  ByteSpan packed_;
  std::size_t fed_ = 0;  // bytes of packed_ given to zlib so far
  std::string name_;
  z_stream stream_{};
  bool done_ = false;
};

}  // namespace hubel::detail
