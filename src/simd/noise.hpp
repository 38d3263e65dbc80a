// Normal numbers of Philox's bits (philox.hpp), added to others or multiplied with them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/philox.hpp"

namespace hubel::simd {

// Elements that a row of Philox's numbers is enough for, of which each takes four.
inline constexpr std::size_t kNoiseRow = kPhiloxRow / 4;

enum class NoiseMode { added, multiplied };

// y[e] = x[e] + stddev z[e], or x[e] (1 + stddev z[e]), with z[e] = sqrt(-2 log u) cos(2 pi v), where u in (0, 1] and v
// in [0, 1) come of the numbers p0, ..., p3 that stand at e % 32 + 0, 32, 64, 96 of row e / 32: u = (2^16 p0 + p1 + 1)
// / 2^32, v = (2^16 p2 + p3) / 2^32. Computed in double. y may be x.
template <class T>
void make_noisy(std::size_t n, const std::uint32_t* numbers, NoiseMode mode, double stddev, const T* x, T* y);

}  // namespace hubel::simd
