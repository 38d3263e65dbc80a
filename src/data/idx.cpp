// IDX read from memory. The header is read first and decides how much is unpacked, so that neither a gzip bomb nor a
// header that lies takes memory.
#include "data/idx.hpp"

#include <algorithm>
#include <array>

#include "data/gzip.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

template <class Source>
std::uint32_t read_big_endian_32(Source& source, const std::string& name) {
  std::array<std::byte, 4> b{};
  if (source.read(b.data(), b.size()) < b.size()) {
    throw FormatError(detail::formatted("{}: is truncated in its IDX header", name));
  }
  std::uint32_t value = 0;
  for (const std::byte x : b) value = value << 8 | std::to_integer<std::uint32_t>(x);
  return value;
}

// Reads the magic number; returns the rank.
template <class Source>
std::uint32_t read_magic(Source& source, const std::string& name) {
  constexpr std::uint32_t kUnsignedByte = 0x08;
  constexpr std::uint32_t kMaxRank = 4;  // (n, h, w, c)
  const std::uint32_t magic = read_big_endian_32(source, name);
  const std::uint32_t type = magic >> 8, rank = magic & 0xff;
  if (magic >> 16 != 0)
    throw FormatError(detail::formatted("{}: is not an IDX file (its first bytes are {:08x})", name, magic));
  if (type != kUnsignedByte) {
    throw FormatError(
        detail::formatted("{}: has IDX element type 0x{:02x}, but only unsigned bytes (0x08) are read", name, type));
  }
  if (rank < 1 || rank > kMaxRank) {
    throw FormatError(detail::formatted("{}: has {} IDX dimensions, but 1 to {} are read", name, rank, kMaxRank));
  }
  return rank;
}

// `available`: the source cannot yield more bytes than this.
template <class Source>
IdxArray read_idx(Source& source, const std::string& name, std::size_t available, std::size_t max_bytes) {
  IdxArray array;
  std::size_t product = 1;  // of the extents other than 0, so that one 0 cannot hide others that overflow
  bool overflow = false, empty = false;
  for (std::uint32_t rank = read_magic(source, name); rank > 0; --rank) {
    const std::uint32_t extent = read_big_endian_32(source, name);
    array.shape.push_back(extent);
    if (extent == 0) empty = true;
    if (extent != 0) overflow |= __builtin_mul_overflow(product, std::size_t{extent}, &product);
  }
  const std::string promise = detail::formatted("its IDX header promises {} bytes", detail::joined(array.shape, " x "));
  if (overflow || product > max_bytes) {
    throw FormatError(detail::formatted("{}: {}, more than the limit of {}", name, promise, max_bytes));
  }
  const std::size_t size = empty ? 0 : product;
  if (size > available) throw FormatError(detail::formatted("{}: {}, but it cannot hold so many", name, promise));
  array.data.resize(size);
  const std::size_t got = source.read(reinterpret_cast<std::byte*>(array.data.data()), size);
  if (got < size) throw FormatError(detail::formatted("{}: {}, but it ends after {} of them", name, promise, got));
  std::byte more{};
  if (source.read(&more, 1) != 0) throw FormatError(detail::formatted("{}: {}, but it holds more", name, promise));
  return array;
}

}  // namespace

IdxArray parse_idx(ByteSpan bytes, const std::string& name, std::size_t max_bytes) {
  if (is_gzip(bytes)) {
    GzipReader source(bytes, name);
    return read_idx(source, name, most_unpacked(bytes.size()), max_bytes);
  }
  MemoryReader source(bytes);
  return read_idx(source, name, bytes.size(), max_bytes);
}

}  // namespace hubel::detail
