// The answer of a row of outputs: the place of its largest.
#pragma once

#include <cmath>
#include <cstdint>

namespace hubel::detail {

// The first of the largest; a NaN counts as the largest, so that a network gone wrong is never right by accident.
template <class T>
std::int64_t argmax(const T* x, std::int64_t n) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    if (x[i] > x[best] || (std::isnan(x[i]) && !std::isnan(x[best]))) best = i;
  }
  return best;
}

}  // namespace hubel::detail
