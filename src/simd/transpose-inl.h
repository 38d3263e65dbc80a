// Square blocks of a matrix transposed in registers, shared by the SIMD files; compiled once for each instruction set
// that includes it.

#if defined(HUBEL_SIMD_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_TRANSPOSE_INL_H_
#undef HUBEL_SIMD_TRANSPOSE_INL_H_
#else
#define HUBEL_SIMD_TRANSPOSE_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

template <class T>
inline constexpr std::size_t kSide = 1;
template <class T>
inline constexpr std::size_t kBlockSide = 1;

template <class D, class Vec, class T = hn::TFromD<D>>
HWY_INLINE void load_columns(D d, const T* in, std::ptrdiff_t, std::size_t, Vec (&columns)[1][1]) {
  columns[0][0] = hn::LoadU(d, in);
}
template <class T>
HWY_INLINE void transpose_square(const T* in, std::ptrdiff_t, std::size_t, std::size_t columns, T* out,
                                 std::ptrdiff_t) {
  if (columns > 0) *out = *in;
}
template <class T>
inline constexpr int kNarrow = 1;
template <int N, class T>
HWY_INLINE void transpose_narrow(const T* in, std::size_t, T* out) {
  *out = *in;
}

#else

// The lanes of a block: vectors of a size that is known here, and 128 bits where vectors can be of any size.
template <class T>
inline constexpr std::size_t kSide = (HWY_TARGET <= HWY_AVX2 ? std::size_t{32} : std::size_t{16}) / sizeof(T);
// The lanes of 128 bits, within which shuffles are cheap.
template <class T>
inline constexpr std::size_t kBlockSide = 16 / sizeof(T);

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

// The columns of a square of kSide rows, of which those from `rows` on are copies of the last and mean nothing: column
// j is columns[j / kBlockSide][j % kBlockSide]. Two rows' halves are joined as they are loaded, which takes no shuffle.
template <class D, class Vec, class T = hn::TFromD<D>>
HWY_INLINE void load_columns(D d, const T* in, std::ptrdiff_t in_step, std::size_t rows,
                             Vec (&columns)[kSide<T> / kBlockSide<T>][kBlockSide<T>]) {
  constexpr std::size_t kLanes = kSide<T>, kBlock = kBlockSide<T>;
  const T* row[kLanes];
  HUBEL_UNROLL
  for (std::size_t i = 0; i < kLanes; ++i) row[i] = in + static_cast<std::ptrdiff_t>(HWY_MIN(i, rows - 1)) * in_step;
  HUBEL_UNROLL
  for (std::size_t i = 0; i < kLanes; ++i) {
    const std::size_t r = i % kBlock, at = i / kBlock * kBlock;
    if constexpr (kLanes == kBlock) {
      columns[0][r] = hn::LoadU(d, row[r]);
    } else {
      const hn::Half<D> half;
      columns[i / kBlock][r] = hn::Combine(d, hn::LoadU(half, row[r + kBlock] + at), hn::LoadU(half, row[r] + at));
    }
  }
  HUBEL_UNROLL
  for (std::size_t i = 0; i < kLanes / kBlock; ++i) transpose_blocks(d, columns[i]);
}

// The columns [0, columns) of one square. It has `rows` rows, the others are copies of the last and mean nothing.
template <class T>
HWY_INLINE void transpose_square(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, T* out,
                                 std::ptrdiff_t out_step) {
  constexpr std::size_t kLanes = kSide<T>, kBlock = kBlockSide<T>;
  const hn::FixedTag<T, kLanes> d;
  hn::Vec<decltype(d)> column[kLanes / kBlock][kBlock];
  load_columns(d, in, in_step, rows, column);
  HUBEL_UNROLL
  for (std::size_t j = 0; j < kLanes; ++j, out += out_step) {
    if (j >= columns) return;
    hn::StoreU(column[j / kBlock][j % kBlock], d, out);
  }
}

// Rows that fit in 128 bits when transposed.
template <class T>
inline constexpr int kNarrow = 16 / sizeof(T);

// The transpose of N <= kNarrow rows of kSide elements, in_step apart, to as many dense rows of N. It writes up to
// kNarrow elements at the last of these.
template <int N, class T>
HWY_INLINE void transpose_narrow(const T* in, std::size_t in_step, T* out) {
  constexpr std::size_t kLanes = kSide<T>, kBlock = kBlockSide<T>;
  const hn::FixedTag<T, kLanes> d;
  const hn::FixedTag<T, kBlock> d_block;
  if constexpr (N == 1) {
    hn::StoreU(hn::LoadU(d, in), d, out);
  } else {
    hn::Vec<decltype(d)> v[kBlock];
    HUBEL_UNROLL
    for (std::size_t i = 0; i < kBlock; ++i) v[i] = hn::LoadU(d, in + (i < N ? i : N - 1) * in_step);
    transpose_blocks(d, v);
    HUBEL_UNROLL
    for (std::size_t i = 0; i < kLanes; ++i) {
      if constexpr (kLanes == kBlock) {
        hn::StoreU(v[i], d, out + i * N);
      } else {
        const auto half = i < kBlock ? hn::LowerHalf(d_block, v[i % kBlock]) : hn::UpperHalf(d_block, v[i % kBlock]);
        hn::StoreU(half, d_block, out + i * N);
      }
    }
  }
}

#endif  // HWY_SCALAR

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
