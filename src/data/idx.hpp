// IDX, the format that MNIST came in: big-endian, two zero bytes, a type, the rank, the extents, the elements
// (described at the end of LeCun, Cortes & Burges, "The MNIST database of handwritten digits").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/bytes.hpp"

namespace hubel::detail {

struct IdxArray {
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> data;
};

// Parses IDX bytes, plain or gzip-compressed. Only bytes as elements, which is what MNIST and its kin have. Throws
// FormatError, naming `name`, when they are not IDX, hold fewer or more bytes than the header promises, or promise more
// than max_bytes.
IdxArray parse_idx(ByteSpan bytes, const std::string& name, std::size_t max_bytes);

}  // namespace hubel::detail
