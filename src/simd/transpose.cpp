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

#if HWY_TARGET == HWY_SCALAR
template <class T>
HWY_INLINE void transpose_of(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                             std::ptrdiff_t out_step) {
  transpose_scalars(in, in_step, rows, columns, out, out_step);
}
#else
// The lanes of a block: vectors of a size that is known here, and 128 bits where vectors can be of any size.
template <class T>
inline constexpr std::size_t kSide = (HWY_TARGET <= HWY_AVX2 ? std::size_t{32} : std::size_t{16}) / sizeof(T);

// Within each 128-bit block of so many vectors, the transposed block of as many elements.
template <class D, class Vec>
HWY_INLINE void transpose_blocks(D d, Vec (&v)[4]) {
  const hn::Repartition<double, D> wide;
  const auto pairs = [&](Vec x) HWY_ATTR { return hn::BitCast(wide, x); };
  const auto low01 = pairs(hn::InterleaveLower(d, v[0], v[1])), high01 = pairs(hn::InterleaveUpper(d, v[0], v[1]));
  const auto low23 = pairs(hn::InterleaveLower(d, v[2], v[3])), high23 = pairs(hn::InterleaveUpper(d, v[2], v[3]));
  v[0] = hn::BitCast(d, hn::InterleaveLower(wide, low01, low23));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23));
  v[2] = hn::BitCast(d, hn::InterleaveLower(wide, high01, high23));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23));
}
template <class D, class Vec>
HWY_INLINE void transpose_blocks(D d, Vec (&v)[2]) {
  const Vec low = hn::InterleaveLower(d, v[0], v[1]), high = hn::InterleaveUpper(d, v[0], v[1]);
  v[0] = low;
  v[1] = high;
}

// The columns [0, columns) of one square; of its rows those from `rows` on are copies of the last and mean nothing.
template <class T>
HWY_INLINE void transpose_square(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                                 std::ptrdiff_t out_step) {
  constexpr std::size_t kLanes = kSide<T>, kBlock = 16 / sizeof(T);
  const hn::FixedTag<T, kLanes> d;
  using Vec = hn::Vec<decltype(d)>;
  Vec quarter[kLanes / kBlock][kBlock];
  HUBEL_UNROLL
  for (std::size_t i = 0; i < kLanes; ++i) {
    const std::size_t row = i < rows ? i : rows - 1;
    quarter[i / kBlock][i % kBlock] = hn::LoadU(d, in + static_cast<std::ptrdiff_t>(row) * in_step);
  }
  HUBEL_UNROLL
  for (std::size_t i = 0; i < kLanes / kBlock; ++i) transpose_blocks(d, quarter[i]);
  HUBEL_UNROLL
  for (std::size_t j = 0; j < kLanes; ++j) {
    if (j >= columns) return;
    Vec column = quarter[0][j % kBlock];
    if constexpr (kLanes > kBlock) {
      const Vec other = quarter[kLanes / kBlock - 1][j % kBlock];
      column = j < kBlock ? hn::ConcatLowerLower(d, other, column) : hn::ConcatUpperUpper(d, other, column);
    }
    hn::StoreU(column, d, out + static_cast<std::ptrdiff_t>(j) * out_step);
  }
}

template <class T>
HWY_INLINE void transpose_of(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                             std::ptrdiff_t out_step) {
  constexpr std::size_t kLanes = kSide<T>;
  if (rows == 0 || columns == 0) return;
  const auto step_in = static_cast<std::size_t>(in_step), step_out = static_cast<std::size_t>(out_step);
  const std::size_t in_size = (rows - 1) * step_in + columns, out_size = (columns - 1) * step_out + rows;
  const std::size_t count = rows < kLanes ? rows : kLanes, width = columns < kLanes ? columns : kLanes;
  // What remains at the edges is done by squares that overlap those before them. Where a matrix is narrower than one,
  for (std::size_t row = 0; row < rows; row += kLanes) {
    const std::size_t i = row + count < rows ? row : rows - count;
    for (std::size_t column = 0; column < columns; column += kLanes) {
      const std::size_t j = column + width < columns ? column : columns - width;
      const T* from = in + i * step_in + j;
      T* to = out + j * step_out + i;
      // squares read on into the following rows of `in`, but not beyond the last,
      std::size_t whole = i * step_in + j + (count - 1) * step_in + kLanes <= in_size ? width : 0;
      // and write on into the following rows of `out`, which are written later, but not beyond the last nor into a gap.
      if (count < kLanes && step_out != rows) whole = 0;
      while (whole > 0 && (j + whole - 1) * step_out + i + kLanes > out_size) --whole;
      if (whole > 0) transpose_square(from, in_step, count, whole, to, out_step);
      transpose_scalars(from + whole, in_step, count, width - whole, to + whole * step_out, out_step);
    }
  }
}
#endif  // HWY_SCALAR

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
