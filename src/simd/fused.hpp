// Which activations other loops run in their registers (fused-inl.h): those that keep a value within bounds.
#pragma once

#include <limits>

#include "hubel/activation.hpp"

namespace hubel::simd {

inline bool is_fused(Activation activation) {
  return activation == Activation::identity || activation == Activation::relu || activation == Activation::relu6;
}

// Numbers below `low` become low, those above `high` high; NaN passes.
template <class T>
struct Bounds {
  T low = -std::numeric_limits<T>::infinity(), high = std::numeric_limits<T>::infinity();

  bool any() const {
    constexpr Bounds kNone;
    return low > kNone.low || high < kNone.high;
  }
};

// A fused activation as bounds; none for another.
template <class T>
Bounds<T> bounds_of(Activation activation) {
  if (activation == Activation::relu) return {.low = T(0)};
  if (activation == Activation::relu6) return {.low = T(0), .high = T(6)};
  return {};
}

}  // namespace hubel::simd
