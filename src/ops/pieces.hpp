// Several tensors as one stretch of work: pieces that threads share, each of one tensor, whose number depends on
// the tensors alone.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hubel::detail {

// Elements of a piece: its 64 KiB of weights, gradients and moments (float32) fit a core's cache, and LeNet-5's largest
// parameter gives both cores of a small machine work.
inline constexpr std::int64_t kPiece = 4096;

inline std::int64_t piece_count(std::int64_t n) { return (n + kPiece - 1) / kPiece; }

// add(begin, end) for each piece of a tensor of n elements, in order.
template <class Add>
void cut_into_pieces(std::int64_t n, const Add& add) {
  for (std::int64_t begin = 0; begin < n; begin += kPiece) add(begin, std::min(begin + kPiece, n));
}

}  // namespace hubel::detail
