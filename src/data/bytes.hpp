// What the readers share: borrowed bytes, owned bytes, and text from a file made safe to print.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/errors.hpp"

namespace hubel::detail {

using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;

// Deflate (gzip, zip, PNG) codes at most 258 bytes in 2 bits, so that nothing unpacks to more than 1032 times its
// size. A header that promises more lies, and is refused before memory is taken for it.
inline constexpr std::size_t kMaxDeflateRatio = 1032;

// The most that `packed` bytes of deflate can hold.
inline std::size_t most_unpacked(std::size_t packed) {
  constexpr std::size_t max = std::numeric_limits<std::size_t>::max();
  return packed > max / kMaxDeflateRatio ? max : packed * kMaxDeflateRatio;
}

// Text that came out of a file, for a message: control and non-ASCII characters are escaped, so that it cannot drive
// a terminal, and what is long is cut.
std::string printable(std::string_view text);

// Calls read(). Where there is no memory for what it reads, throws IoError, naming `name`.
template <class Read>
auto with_memory_for(const std::string& name, Read read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw IoError(name + ": there is not enough memory to read it");
  }
}

// Memory as a source of bytes, with GzipReader's manners: fewer than n only at the end.
class MemoryReader {
 public:
  explicit MemoryReader(ByteSpan bytes) : bytes_(bytes) {}
  std::size_t read(std::byte* out, std::size_t n) {
    n = std::min(n, bytes_.size());
    if (n > 0) std::memcpy(out, bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return n;
  }

 private:
  ByteSpan bytes_;
};

// Whether the bytes begin with this text.
bool starts_with(ByteSpan bytes, std::string_view prefix);

}  // namespace hubel::detail
