// Loops over vectors, shared by the SIMD files; compiled once for each instruction set that includes it.

#if defined(HUBEL_SIMD_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_VECTORS_INL_H_
#undef HUBEL_SIMD_VECTORS_INL_H_
#else
#define HUBEL_SIMD_VECTORS_INL_H_
#endif

#include <cstddef>
#include <type_traits>

#include "hwy/highway.h"

#ifndef HUBEL_UNROLL
// Before a loop of a tile's pixels, taps or vectors: written out, its array of accumulators becomes registers.
// Sanitizers check every access, and written out that takes compilers minutes and gigabytes; there the loops stay
// loops.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HUBEL_UNROLL
#else
#define HUBEL_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vector registers, for the sizes of register tiles.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
inline constexpr std::size_t kRegisters = 16;
#else
inline constexpr std::size_t kRegisters = 32;
#endif

// Calls f(integral_constant<int, n>) for the n in [1, Max] that equals `value`.
template <int Max, class F>
HWY_INLINE void with_constant(std::size_t value, const F& f) {
  if constexpr (Max > 1) {
    if (value < static_cast<std::size_t>(Max)) return with_constant<Max - 1>(value, f);
  }
  f(std::integral_constant<int, Max>());
}

template <class T, std::size_t kCap, class F>
HWY_INLINE void for_each_tail_vector(std::size_t i, std::size_t n, const F& f) {
  const hn::CappedTag<T, kCap> d;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) f(d, i);
  if constexpr (kCap > 1) for_each_tail_vector<T, kCap / 2>(i, n, f);
}

// Covers [0, n) with vectors: f(d, i) for each, d its Highway tag. Whole vectors first, then the rest by ever narrower
// ones, so that nothing outside [0, n) is read or written.
template <class T, class F>
HWY_INLINE void for_each_vector(std::size_t n, const F& f) {
  const hn::ScalableTag<T> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) f(d, i);
  if constexpr (hn::MaxLanes(d) > 1) for_each_tail_vector<T, hn::MaxLanes(d) / 2>(i, n, f);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
