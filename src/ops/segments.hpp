// Where along one axis which taps of a kernel lie inside the source.
#pragma once

#include <cstdint>
#include <span>

#include "ops/patch.hpp"

namespace hubel::detail {

// Positions [begin, end), at all of which exactly the taps [first, last) lie inside the source.
struct Segment {
  std::int64_t begin, end;
  std::size_t first, last;
};

// How many segments there may be: each tap enters the source once and leaves it once.
inline std::size_t most_segments(std::size_t taps) { return 2 * taps + 1; }

// Cuts `positions` positions, `step` source elements apart, into segments, which are written to `out`. Offsets ascend.
inline std::span<const Segment> axis_segments(std::int64_t positions, std::int64_t step, std::int64_t extent,
                                              std::span<const Tap> taps, Segment* out) {
  std::size_t count = 0, first = taps.size(), last = taps.size();
  for (std::int64_t p = 0; p < positions; ++p) {
    // As p grows, taps enter at the front of the kernel and leave at its back: both ends only fall.
    while (first > 0 && p * step + taps[first - 1].offset >= 0) --first;
    while (last > first && p * step + taps[last - 1].offset >= extent) --last;
    if (count > 0 && out[count - 1].first == first && out[count - 1].last == last) {
      out[count - 1].end = p + 1;
    } else {
      out[count++] = {p, p + 1, first, last};
    }
  }
  return {out, count};
}

}  // namespace hubel::detail
