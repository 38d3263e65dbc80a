// Sums that threads share: the work is cut into parts, each sums into memory of its own, and the parts' sums are added
// in order. How many parts there are depends on the problem only, so the bits are the same on any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/parallel.hpp"
#include "ops/workspace.hpp"

namespace hubel::detail {

// The most parts that a sum is cut into.
inline constexpr std::int64_t kMaxParts = 16;

// to[i] = the sum of the parts' copies[part * n + i], in order. `to` may be the first copy.
template <class T>
void add_parts(const T* copies, std::int64_t parts, std::int64_t n, T* to) {
  constexpr std::int64_t kRun = 4096;  // elements of an item: some microseconds
  parallel_for((n + kRun - 1) / kRun, 4.0 * static_cast<double>(parts * n), [&](std::int64_t item) {
    const std::int64_t begin = item * kRun, end = std::min(begin + kRun, n);
    if (to != copies) std::copy(copies + begin, copies + end, to + begin);
    for (std::int64_t part = 1; part < parts; ++part) {
      for (std::int64_t i = begin; i < end; ++i) to[i] += copies[part * n + i];
    }
  });
}

// Returns n sums, which last until the calling thread's next call: add(part, sums) adds part `part` of `parts` (at
// least one) to its n zeros. `flops` is what the whole costs.
template <class T, class Add>
T* sum_in_parts(std::int64_t parts, std::int64_t n, double flops, const Add& add) {
  T* sums = scratch<T>(Scratch::partials, static_cast<std::size_t>(parts * n));
  parallel_for(parts, flops, [&](std::int64_t part) {
    T* own = sums + part * n;
    std::fill(own, own + n, T(0));
    add(part, own);
  });
  add_parts(sums, parts, n, sums);
  return sums;
}

}  // namespace hubel::detail
