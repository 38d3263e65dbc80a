// Bytes as the floats that they mean.
#pragma once

#include <cstdint>

namespace hubel::detail {

// byte / 255, rounded as that division is, but with two products, which vectorise. kHigh has 9 bits, so that
// byte * kHigh is exact, and the sum is rounded once; a test tries all 256.
inline float unit_from_byte(std::uint8_t byte) {
  constexpr float kHigh = 0x1.01p-8F;
  constexpr float kLow = 0x1.010102p-24F;  // 1/255 - kHigh
  const auto value = static_cast<float>(byte);
  return value * kHigh + value * kLow;
}

inline void write_pixels(const std::uint8_t* from, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = unit_from_byte(from[i]);
}

}  // namespace hubel::detail
