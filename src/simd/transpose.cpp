// Transposition by square blocks in registers; see transpose.hpp.
//
// A square is as wide as a vector, of 256 bits at most: L loads, L log2(L) shuffles and L stores for L L elements. The
// matrices are narrow, such as the pixels of three channels, so squares may also lie across the edges.
#include "simd/transpose.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/transpose.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/transpose-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

template <class T>
HWY_INLINE void transpose_scalars(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                                  std::ptrdiff_t out_step) {
  for (std::size_t j = 0; j < columns; ++j, ++in, out += out_step) {
    for (std::size_t i = 0; i < rows; ++i) out[i] = in[static_cast<std::ptrdiff_t>(i) * in_step];
  }
}

#if HWY_TARGET != HWY_SCALAR
// Pixels of two to four channels, one after another: Highway has instructions for them.
template <std::size_t C, class T>
HWY_INLINE void transpose_pixels(const T* in, std::size_t rows, T* out, std::ptrdiff_t out_step) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t row = 0; row < rows; row += lanes) {
    const std::size_t i = row + lanes < rows ? row : rows - lanes;
    Vec a, b, c, e;
    if constexpr (C == 2) hn::LoadInterleaved2(d, in + i * C, a, b);
    if constexpr (C == 3) hn::LoadInterleaved3(d, in + i * C, a, b, c);
    if constexpr (C == 4) hn::LoadInterleaved4(d, in + i * C, a, b, c, e);
    hn::StoreU(a, d, out + i);
    hn::StoreU(b, d, out + out_step + i);
    if constexpr (C >= 3) hn::StoreU(c, d, out + 2 * out_step + i);
    if constexpr (C >= 4) hn::StoreU(e, d, out + 3 * out_step + i);
  }
}
#endif

// Whether it was one of the simple cases.
template <class T>
HWY_INLINE bool transpose_dense(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                                std::ptrdiff_t out_step) {
  if (in_step != static_cast<std::ptrdiff_t>(columns)) return false;
  if (columns == 1) {
    for_each_vector<T>(rows, [&](auto d, std::size_t i) HWY_ATTR { hn::StoreU(hn::LoadU(d, in + i), d, out + i); });
    return true;
  }
#if HWY_TARGET != HWY_SCALAR
  if (columns <= 4 && rows >= hn::Lanes(hn::ScalableTag<T>())) {
    if (columns == 2) transpose_pixels<2>(in, rows, out, out_step);
    if (columns == 3) transpose_pixels<3>(in, rows, out, out_step);
    if (columns == 4) transpose_pixels<4>(in, rows, out, out_step);
    return true;
  }
#else
  (void)out_step;
#endif
  return false;
}

// The columns [0, C) of at least kSide rows, in squares, the last of which overlaps the one before it. Squares read on
// into the following rows; those that would read too far are done one by one.
template <int C, class T>
HWY_INLINE void transpose_strip(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t readable, T* out,
                                std::ptrdiff_t out_step) {
  constexpr std::size_t kLanes = kSide<T>;
  const auto step_in = static_cast<std::size_t>(in_step);
  for (std::size_t row = 0; row < rows; row += kLanes) {
    const std::size_t i = row + kLanes < rows ? row : rows - kLanes;
    if ((i + kLanes - 1) * step_in + kLanes <= readable) {
      transpose_square(in + i * step_in, in_step, kLanes, static_cast<std::size_t>(C), out + i, out_step);
    } else {
      transpose_scalars(in + i * step_in, in_step, kLanes, static_cast<std::size_t>(C), out + i, out_step);
    }
  }
}

// Fewer than kSide rows, to dense rows of `out`: squares write on into the following ones, which are written later, but
// not beyond the last.
template <class T>
HWY_INLINE void transpose_low(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out) {
  constexpr std::size_t kLanes = kSide<T>;
  std::size_t j = 0;
  for (; j + kLanes <= columns && (j + kLanes - 1) * rows + kLanes <= columns * rows; j += kLanes) {
    transpose_square(in + j, in_step, rows, kLanes, out + j * rows, static_cast<std::ptrdiff_t>(rows));
  }
  transpose_scalars(in + j, in_step, rows, columns - j, out + j * rows, static_cast<std::ptrdiff_t>(rows));
}

template <class T>
HWY_INLINE void transpose_of(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns,
                             std::size_t readable, T* out, std::ptrdiff_t out_step) {
  constexpr std::size_t kLanes = kSide<T>;
  if (rows == 0 || columns == 0 || transpose_dense(in, in_step, rows, columns, out, out_step)) return;
  if (rows < kLanes) {
    out_step == static_cast<std::ptrdiff_t>(rows) ? transpose_low(in, in_step, rows, columns, out)
                                                  : transpose_scalars(in, in_step, rows, columns, out, out_step);
    return;
  }
  if (columns < kLanes) {
    with_constant<static_cast<int>(kLanes)>(
        columns, [&](auto c) HWY_ATTR { transpose_strip<c>(in, in_step, rows, readable, out, out_step); });
    return;
  }
  for (std::size_t column = 0; column < columns; column += kLanes) {
    const std::size_t j = column + kLanes < columns ? column : columns - kLanes;
    transpose_strip<static_cast<int>(kLanes)>(in + j, in_step, rows, readable - j,
                                              out + static_cast<std::ptrdiff_t>(j) * out_step, out_step);
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void TransposeF32(const float* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, std::size_t readable,
                  float* out, std::ptrdiff_t out_step) {
  transpose_of(in, in_step, rows, columns, readable, out, out_step);
}
void TransposeF64(const double* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, std::size_t readable,
                  double* out, std::ptrdiff_t out_step) {
  transpose_of(in, in_step, rows, columns, readable, out, out_step);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(TransposeF32);
HWY_EXPORT(TransposeF64);

template <>
void transpose(const float* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, std::size_t readable,
               float* out, std::ptrdiff_t out_step) {
  HWY_DYNAMIC_DISPATCH(TransposeF32)(in, in_step, rows, columns, readable, out, out_step);
}
template <>
void transpose(const double* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, std::size_t readable,
               double* out, std::ptrdiff_t out_step) {
  HWY_DYNAMIC_DISPATCH(TransposeF64)(in, in_step, rows, columns, readable, out, out_step);
}

}  // namespace hubel::simd
#endif
