// Memory that the inner loops ask for while they compute something else, shared out over their calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "simd/ahead.hpp"

namespace hubel::detail {

// `rows` rows of so many elements, `step` elements apart.
template <class T>
simd::Ahead ahead_of(const T* from, std::int64_t elements, std::int64_t rows = 1, std::int64_t step = 0) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T)), kLine = static_cast<std::int64_t>(simd::kCacheLine);
  // The last lines of a row: the first may belong to what was read before.
  const std::int64_t count = (elements * kBytes + kLine - 1) / kLine;
  return {reinterpret_cast<const char*>(from + elements) - 1 - (count - 1) * kLine, static_cast<std::size_t>(count),
          static_cast<std::size_t>(rows), step * kBytes};
}

// Up to two ranges of memory in `calls` shares of nearly equal size.
class AheadShares {
 public:
  explicit AheadShares(std::int64_t calls) : calls_(calls) {}

  template <class T>
  void add(const T* begin, const T* end) {
    const std::int64_t bytes = (end - begin) * static_cast<std::int64_t>(sizeof(T));
    ranges_[count_++] = {reinterpret_cast<const char*>(begin), std::max<std::int64_t>(bytes, 0) / kLine};
  }

  // The share of the next call.
  simd::Ahead next() {
    const std::int64_t lines = ranges_[0].lines + ranges_[1].lines;
    const std::int64_t begin = lines * call_ / calls_, end = lines * (call_ + 1) / calls_;
    ++call_;
    const bool first = begin < ranges_[0].lines;
    const Range& range = ranges_[first ? 0 : 1];
    const std::int64_t from = first ? begin : begin - ranges_[0].lines;
    return {range.from + from * kLine, static_cast<std::size_t>(std::clamp<std::int64_t>(end - begin, 0, kMostLines))};
  }

 private:
  static constexpr std::int64_t kLine = static_cast<std::int64_t>(simd::kCacheLine);
  static constexpr std::int64_t kMostLines = 4096;  // 256 KB: more would not stay in L2 until it is wanted
  struct Range {
    const char* from = nullptr;
    std::int64_t lines = 0;
  };

  Range ranges_[2];
  int count_ = 0;
  std::int64_t calls_, call_ = 0;
};

}  // namespace hubel::detail
