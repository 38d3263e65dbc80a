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

template <class T>
HWY_INLINE void transpose_of(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                             std::ptrdiff_t out_step) {
  constexpr std::size_t kLanes = kSide<T>;
  if (rows == 0 || columns == 0) return;
  if (columns == 1 && in_step == 1) {
    for_each_vector<T>(rows, [&](auto d, std::size_t i) HWY_ATTR { hn::StoreU(hn::LoadU(d, in + i), d, out + i); });
    return;
  }
  const auto step_in = static_cast<std::size_t>(in_step), step_out = static_cast<std::size_t>(out_step);
  const std::size_t in_size = (rows - 1) * step_in + columns, out_size = (columns - 1) * step_out + rows;
  const std::size_t count = rows < kLanes ? rows : kLanes, width = columns < kLanes ? columns : kLanes;
  // What remains at the edges is done by squares that overlap those before them. Where a matrix is narrower than one,
  // squares read on into the following rows of `in`, the last of them from a copy; and they write on into the following
  // rows of `out`, which are written later, but not beyond the last nor into a gap.
  T copy[3 * kLanes * kLanes];
  const bool narrow = step_in <= 2 * kLanes;
  for (std::size_t row = 0; row < rows; row += kLanes) {
    const std::size_t i = row + count < rows ? row : rows - count;
    for (std::size_t column = 0; column < columns; column += kLanes) {
      const std::size_t j = column + width < columns ? column : columns - width;
      const T* from = in + i * step_in + j;
      T* to = out + j * step_out + i;
      std::size_t whole = count < kLanes && step_out != rows ? 0 : width;
      if ((i + count - 1) * step_in + j + kLanes > in_size) {
        if (narrow && whole > 0) {
          const std::size_t rest = (count - 1) * step_in + width;
          for (std::size_t e = 0; e < rest; ++e) copy[e] = from[e];
          from = copy;
        } else {
          whole = 0;
        }
      }
      while (whole > 0 && (j + whole - 1) * step_out + i + kLanes > out_size) --whole;
      if (whole > 0) transpose_square(from, in_step, count, whole, to, out_step);
      transpose_scalars(from + whole, in_step, count, width - whole, to + whole * step_out, out_step);
    }
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void TransposeF32(const float* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, float* out,
                  std::ptrdiff_t out_step) {
  transpose_of(in, in_step, rows, columns, out, out_step);
}
void TransposeF64(const double* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, double* out,
                  std::ptrdiff_t out_step) {
  transpose_of(in, in_step, rows, columns, out, out_step);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(TransposeF32);
HWY_EXPORT(TransposeF64);

template <>
void transpose(const float* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, float* out,
               std::ptrdiff_t out_step) {
  HWY_DYNAMIC_DISPATCH(TransposeF32)(in, in_step, rows, columns, out, out_step);
}
template <>
void transpose(const double* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, double* out,
               std::ptrdiff_t out_step) {
  HWY_DYNAMIC_DISPATCH(TransposeF64)(in, in_step, rows, columns, out, out_step);
}

}  // namespace hubel::simd
#endif
