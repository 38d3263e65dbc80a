// Loops over vectors, shared by the SIMD files; compiled once for each instruction set that includes it.

#if defined(HUBEL_SIMD_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_VECTORS_INL_H_
#undef HUBEL_SIMD_VECTORS_INL_H_
#else
#define HUBEL_SIMD_VECTORS_INL_H_
#endif

#include <cstddef>
#include <utility>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// f(0), ..., f(N - 1) written out, so that arrays of accumulators become registers under every compiler.
template <int N, class F>
HWY_INLINE void unroll(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) HWY_ATTR { (f(std::integral_constant<int, i>()), ...); }
  (std::make_integer_sequence<int, N>());
}

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
