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
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SCALAR
inline constexpr std::size_t kRegisters = 16;
#else
inline constexpr std::size_t kRegisters = 32;
#endif

// Asks for memory before it is needed: for reading, into L2, or into L1 to be read or written at once. (Any address
// may be asked for.)
template <class T>
HWY_INLINE void expect_read(const T* from) {
#if defined(__GNUC__)
  __builtin_prefetch(from, 0, 2);
#else
  (void)from;
#endif
}
template <class T>
HWY_INLINE void expect_read_soon(const T* from) {
#if defined(__GNUC__)
  __builtin_prefetch(from, 0, 3);
#else
  (void)from;
#endif
}
template <class T>
HWY_INLINE void expect_write(const T* to) {
#if defined(__GNUC__)
  __builtin_prefetch(to, 1, 3);
#else
  (void)to;
#endif
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

// The first n <= Lanes(d) lanes from memory, the others 0; and writing the first n. Memory beyond them is not touched:
// MaskedLoad and BlendedStore promise as much only where the instruction set has masked loads and stores. Elsewhere
// Highway's read a whole vector (an aligned one at that) and on NEON write one, with what stood there before, which in
// the meantime another thread may have changed.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_part(D d, const T* from, std::size_t n) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, n), d, from);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)] = {};
  for (std::size_t i = 0; i < n; ++i) lanes[i] = from[i];
  return hn::Load(d, lanes);
#endif
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_part(D d, hn::Vec<D> value, T* to, std::size_t n) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(value, hn::FirstN(d, n), d, to);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(value, d, lanes);
  for (std::size_t i = 0; i < n; ++i) to[i] = lanes[i];
#endif
}

// The same where all of the vector may be wanted.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, const T* from, std::size_t n) {
  return n >= hn::Lanes(d) ? hn::LoadU(d, from) : load_part(d, from, n);
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, hn::Vec<D> value, T* to, std::size_t n) {
  if (n >= hn::Lanes(d)) {
    hn::StoreU(value, d, to);
  } else {
    store_part(d, value, to, n);
  }
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
