// Transposing by squares of one 128-bit vector's lanes; see transpose.hpp. The last square of a row or column overlaps
// the one before it instead of reaching out.
#include "simd/transpose.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/transpose.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Squares whose vectors are shorter than they should be (on a target without vectors) are transposed element by
// element.
inline void square(const float* from, std::size_t from_pitch, float* to, std::size_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t c = 0; c < 4; ++c) to[c * to_pitch + r] = from[r * from_pitch + c];
  }
#else
  const hn::CappedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> wide;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_pitch);
  const auto c = hn::LoadU(d, from + 2 * from_pitch), e = hn::LoadU(d, from + 3 * from_pitch);
  const auto ab_low = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(wide, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_low, ce_low)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_low, ce_low)), d, to + to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab_high, ce_high)), d, to + 2 * to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab_high, ce_high)), d, to + 3 * to_pitch);
#endif
}

inline void square(const double* from, std::size_t from_pitch, double* to, std::size_t to_pitch) {
  for (std::size_t r = 0; r < 2; ++r) {
    for (std::size_t c = 0; c < 2; ++c) to[c * to_pitch + r] = from[r * from_pitch + c];
  }
}

template <class T>
HWY_INLINE void transpose_of(const T* HWY_RESTRICT from, std::size_t from_pitch, std::size_t rows, std::size_t columns,
                             T* HWY_RESTRICT to, std::size_t to_pitch) {
  constexpr std::size_t kSide = 16 / sizeof(T);
  if (rows < kSide || columns < kSide) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) to[c * to_pitch + r] = from[r * from_pitch + c];
    }
    return;
  }
  for (std::size_t r = 0; r < rows; r += kSide) {
    const std::size_t row = HWY_MIN(r, rows - kSide);
    for (std::size_t c = 0; c < columns; c += kSide) {
      const std::size_t column = HWY_MIN(c, columns - kSide);
      square(from + row * from_pitch + column, from_pitch, to + column * to_pitch + row, to_pitch);
    }
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void TransposeF32(const float* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, float* to,
                  std::size_t to_pitch) {
  transpose_of(from, from_pitch, rows, columns, to, to_pitch);
}
void TransposeF64(const double* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, double* to,
                  std::size_t to_pitch) {
  transpose_of(from, from_pitch, rows, columns, to, to_pitch);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(TransposeF32);
HWY_EXPORT(TransposeF64);

template <>
void transpose(const float* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, float* to,
               std::size_t to_pitch) {
  HWY_DYNAMIC_DISPATCH(TransposeF32)(from, from_pitch, rows, columns, to, to_pitch);
}
template <>
void transpose(const double* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, double* to,
               std::size_t to_pitch) {
  HWY_DYNAMIC_DISPATCH(TransposeF64)(from, from_pitch, rows, columns, to, to_pitch);
}

}  // namespace hubel::simd
#endif
