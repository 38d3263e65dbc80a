// Sparse inner loops; see sparse.hpp.
#include "simd/sparse.hpp"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/sparse.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

template <class T>
using Tag = hn::CappedTag<T, kSparseBytes / sizeof(T)>;

// Lines x vectors of a window that are summed in registers at a time.
inline constexpr int kLines = 5, kSums = kRegisters == 16 ? 15 : 25;

template <class T>
std::size_t padded(std::size_t run) {
  const std::size_t lanes = hn::Lanes(Tag<T>());
  return (run + lanes - 1) / lanes * lanes;
}

// R lines from `row` on, V vectors from element e on. Few sums would each wait for their last addition, so they are
// made U times over, of every U-th window.
template <int R, int V, class T>
HWY_NOINLINE void sparse_weights_tile(const Windows<T>& a, const T* in, const T* g, T* dw, std::size_t row,
                                      std::size_t e) {
  constexpr int U = 2 * R * V <= kSums ? 2 : 1;
  const Tag<T> d;
  const std::size_t lanes = hn::Lanes(d), width = padded<T>(a.run), count = a.count;
  const std::ptrdiff_t line = a.line;
  hn::Vec<decltype(d)> acc[U][R][V];
  T* to = dw + row * width + e;
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      acc[0][r][v] = hn::LoadU(d, to + static_cast<std::size_t>(r) * width + static_cast<std::size_t>(v) * lanes);
      if constexpr (U == 2) acc[1][r][v] = hn::Zero(d);
    }
  }
  const T* from = in + static_cast<std::ptrdiff_t>(row) * line + static_cast<std::ptrdiff_t>(e);
  const auto add = [&](std::size_t i, auto& sums) HWY_ATTR {
    const T* HWY_RESTRICT x = from + static_cast<std::ptrdiff_t>(a.at[i]);
    const auto gradient = hn::Set(d, g[i]);
    HUBEL_UNROLL
    for (int r = 0; r < R; ++r) {
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) {
        const auto pixels =
            hn::LoadU(d, x + r * line + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(v) * lanes));
        sums[r][v] = hn::MulAdd(pixels, gradient, sums[r][v]);
      }
    }
  };
  std::size_t i = 0;
  if constexpr (U == 2) {
    for (; i + 2 <= count; i += 2) {
      add(i, acc[0]);
      add(i + 1, acc[1]);
    }
  }
  for (; i < count; ++i) add(i, acc[0]);
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      const auto sum = U == 2 ? hn::Add(acc[0][r][v], acc[U - 1][r][v]) : acc[0][r][v];
      hn::StoreU(sum, d, to + static_cast<std::size_t>(r) * width + static_cast<std::size_t>(v) * lanes);
    }
  }
}

template <int V, class T>
HWY_INLINE void sparse_weights_column(const Windows<T>& a, const T* in, const T* g, T* dw, std::size_t e) {
  constexpr int kRows = kSums / V < kLines ? kSums / V : kLines;
  const std::size_t parts = (a.rows + kRows - 1) / kRows;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t begin = a.rows * i / parts, end = a.rows * (i + 1) / parts;
    with_constant<kRows>(end - begin,
                         [&](auto rows) HWY_ATTR { sparse_weights_tile<rows, V>(a, in, g, dw, begin, e); });
  }
}

// f(constant number of vectors, first element) for columns of at most kColumn vectors that make up a line.
template <class T, class F>
HWY_INLINE void for_each_column(std::size_t run, const F& f) {
  constexpr int kColumn = 5;
  const std::size_t lanes = hn::Lanes(Tag<T>()), vectors = padded<T>(run) / lanes;
  const std::size_t columns = (vectors + kColumn - 1) / kColumn;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::size_t begin = vectors * i / columns, end = vectors * (i + 1) / columns;
    with_constant<kColumn>(end - begin, [&](auto count) HWY_ATTR { f(count, begin * lanes); });
  }
}

template <class T>
HWY_INLINE void sparse_weights_of(const Windows<T>& a, const T* in, const T* g, T* dw) {
  for_each_column<T>(a.run, [&](auto count, std::size_t e) HWY_ATTR { sparse_weights_column<count>(a, in, g, dw, e); });
}

// V vectors of each line from element e on. The weights of a line stay where they are for all windows; what is added
// to goes through memory, and the stores are the limit.
template <int V, class T>
HWY_INLINE void sparse_data_column(const Windows<T>& a, const T* w, const T* g, T* dx, std::ptrdiff_t buffer,
                                   std::size_t buffers, std::size_t e) {
  const Tag<T> d;
  const std::size_t lanes = hn::Lanes(d), width = padded<T>(a.run);
  const Windows<T> windows = a;  // a copy, which stores cannot change
  T* of_window = dx + e;
  std::size_t next = 0;
  for (std::size_t i = 0; i < windows.count; ++i) {
    T* HWY_RESTRICT to = of_window + static_cast<std::ptrdiff_t>(windows.at[i]);
    const T* HWY_RESTRICT weights = w + e;
    const auto gradient = hn::Set(d, g[i]);
    for (std::size_t r = 0; r < windows.rows; ++r, to += windows.line, weights += width) {
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) {
        const std::size_t at = static_cast<std::size_t>(v) * lanes;
        hn::StoreU(hn::MulAdd(hn::LoadU(d, weights + at), gradient, hn::LoadU(d, to + at)), d, to + at);
      }
    }
    of_window += buffer;
    if (++next == buffers) next = 0, of_window = dx + e;
  }
}

template <class T>
HWY_INLINE void sparse_data_of(const Windows<T>& a, const T* w, const T* g, T* dx, std::ptrdiff_t buffer,
                               std::size_t buffers) {
  for_each_column<T>(
      a.run, [&](auto count, std::size_t e) HWY_ATTR { sparse_data_column<count>(a, w, g, dx, buffer, buffers, e); });
}

// The lanes of `v` whose bit is set, first: Compress, which Highway 1.0.3 makes slow for AVX2 (it copies its table each
// time).
#if HWY_TARGET == HWY_AVX2
struct Order {
  alignas(8) std::uint8_t lanes[256][8];
};
constexpr Order make_order() {
  Order order{};
  for (unsigned bits = 0; bits < 256; ++bits) {
    unsigned n = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      if (bits >> lane & 1) order.lanes[bits][n++] = static_cast<std::uint8_t>(lane);
    }
  }
  return order;
}
inline constexpr Order kOrder = make_order();
#endif

template <class T>
HWY_INLINE std::size_t list_nonzero_of(const T* HWY_RESTRICT g, const T* HWY_RESTRICT origin,
                                       const T* HWY_RESTRICT distance, std::size_t n, T* HWY_RESTRICT at,
                                       T* HWY_RESTRICT out) {
  std::size_t count = 0, i = 0;
  // Not CompressStore, whose masked store takes AMD's processors some twenty cycles.
#if HWY_TARGET == HWY_AVX2
  if constexpr (sizeof(T) == 4) {
    const hn::ScalableTag<T> d;
    const hn::RebindToSigned<decltype(d)> di;
    for (; i + 8 <= n; i += 8) {
      const auto gradient = hn::LoadU(d, g + i);
      const auto place = hn::Add(hn::LoadU(d, origin + i), hn::LoadU(d, distance + i));
      std::uint8_t bits[8];
      hn::StoreMaskBits(d, hn::Ne(gradient, hn::Zero(d)), bits);
      const auto lanes = hn::LoadU(hn::Rebind<std::uint8_t, decltype(d)>(), kOrder.lanes[bits[0]]);
      const auto order = hn::IndicesFromVec(d, hn::PromoteTo(di, lanes));
      hn::StoreU(hn::TableLookupLanes(place, order), d, at + count);
      hn::StoreU(hn::TableLookupLanes(gradient, order), d, out + count);
      count += hwy::PopCount(bits[0]);
    }
  }
#elif HWY_TARGET <= HWY_AVX3
  const hn::ScalableTag<T> d;
  for (const std::size_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto gradient = hn::LoadU(d, g + i);
    const auto wanted = hn::Ne(gradient, hn::Zero(d));
    const auto place = hn::Add(hn::LoadU(d, origin + i), hn::LoadU(d, distance + i));
    hn::StoreU(hn::Compress(place, wanted), d, at + count);
    hn::StoreU(hn::Compress(gradient, wanted), d, out + count);
    count += hn::CountTrue(d, wanted);
  }
#endif
  for (; i < n; ++i) {
    at[count] = origin[i] + distance[i];
    out[count] = g[i];
    count += g[i] != T(0);  // false only for a zero: the next one takes its place
  }
  return count;
}

template <class T>
HWY_INLINE void copy_pixels_of(const T* HWY_RESTRICT from, std::ptrdiff_t from_step, T* HWY_RESTRICT to,
                               std::ptrdiff_t to_step, std::size_t channels, std::size_t count) {
  const Tag<T> d;
  const std::size_t lanes = hn::Lanes(d), width = padded<T>(channels);
  // The pixels behind which there is room for whole vectors on both sides.
  const auto step = static_cast<std::size_t>(HWY_MIN(from_step, to_step));
  const std::size_t at_end = HWY_MIN(count, (width - channels + step - 1) / step);
  std::size_t i = 0;
  for (; i + at_end < count; ++i, from += from_step, to += to_step) {
    for (std::size_t e = 0; e < width; e += lanes) hn::StoreU(hn::LoadU(d, from + e), d, to + e);
  }
  for (; i < count; ++i, from += from_step, to += to_step) {
    for (std::size_t e = 0; e < channels; ++e) to[e] = from[e];
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void SparseWeightsF32(const Windows<float>& a, const float* in, const float* g, float* dw) {
  sparse_weights_of(a, in, g, dw);
}
void SparseWeightsF64(const Windows<double>& a, const double* in, const double* g, double* dw) {
  sparse_weights_of(a, in, g, dw);
}
void SparseDataF32(const Windows<float>& a, const float* w, const float* g, float* dx, std::ptrdiff_t buffer,
                   std::size_t buffers) {
  sparse_data_of(a, w, g, dx, buffer, buffers);
}
void SparseDataF64(const Windows<double>& a, const double* w, const double* g, double* dx, std::ptrdiff_t buffer,
                   std::size_t buffers) {
  sparse_data_of(a, w, g, dx, buffer, buffers);
}
std::size_t ListNonzeroF32(const float* g, const float* origin, const float* distance, std::size_t n, float* at,
                           float* out) {
  return list_nonzero_of(g, origin, distance, n, at, out);
}
std::size_t ListNonzeroF64(const double* g, const double* origin, const double* distance, std::size_t n, double* at,
                           double* out) {
  return list_nonzero_of(g, origin, distance, n, at, out);
}
void CopyPixelsF32(const float* from, std::ptrdiff_t from_step, float* to, std::ptrdiff_t to_step, std::size_t channels,
                   std::size_t count) {
  copy_pixels_of(from, from_step, to, to_step, channels, count);
}
void CopyPixelsF64(const double* from, std::ptrdiff_t from_step, double* to, std::ptrdiff_t to_step,
                   std::size_t channels, std::size_t count) {
  copy_pixels_of(from, from_step, to, to_step, channels, count);
}
std::size_t PaddedF32(std::size_t run) { return padded<float>(run); }
std::size_t PaddedF64(std::size_t run) { return padded<double>(run); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(SparseWeightsF32);
HWY_EXPORT(SparseWeightsF64);
HWY_EXPORT(SparseDataF32);
HWY_EXPORT(SparseDataF64);
HWY_EXPORT(ListNonzeroF32);
HWY_EXPORT(ListNonzeroF64);
HWY_EXPORT(CopyPixelsF32);
HWY_EXPORT(CopyPixelsF64);
HWY_EXPORT(PaddedF32);
HWY_EXPORT(PaddedF64);

template <>
std::size_t padded_run<float>(std::size_t run) {
  return HWY_DYNAMIC_DISPATCH(PaddedF32)(run);
}
template <>
std::size_t padded_run<double>(std::size_t run) {
  return HWY_DYNAMIC_DISPATCH(PaddedF64)(run);
}
template <>
void sparse_weights(const Windows<float>& windows, const float* in, const float* g, float* dw) {
  HWY_DYNAMIC_DISPATCH(SparseWeightsF32)(windows, in, g, dw);
}
template <>
void sparse_weights(const Windows<double>& windows, const double* in, const double* g, double* dw) {
  HWY_DYNAMIC_DISPATCH(SparseWeightsF64)(windows, in, g, dw);
}
template <>
void sparse_data(const Windows<float>& windows, const float* w, const float* g, float* dx, std::ptrdiff_t buffer,
                 std::size_t buffers) {
  HWY_DYNAMIC_DISPATCH(SparseDataF32)(windows, w, g, dx, buffer, buffers);
}
template <>
void sparse_data(const Windows<double>& windows, const double* w, const double* g, double* dx, std::ptrdiff_t buffer,
                 std::size_t buffers) {
  HWY_DYNAMIC_DISPATCH(SparseDataF64)(windows, w, g, dx, buffer, buffers);
}

template <>
std::size_t list_nonzero(const float* g, const float* origin, const float* distance, std::size_t n, float* at,
                         float* out) {
  return HWY_DYNAMIC_DISPATCH(ListNonzeroF32)(g, origin, distance, n, at, out);
}
template <>
std::size_t list_nonzero(const double* g, const double* origin, const double* distance, std::size_t n, double* at,
                         double* out) {
  return HWY_DYNAMIC_DISPATCH(ListNonzeroF64)(g, origin, distance, n, at, out);
}
template <>
void copy_pixels(const float* from, std::ptrdiff_t from_step, float* to, std::ptrdiff_t to_step, std::size_t channels,
                 std::size_t count) {
  HWY_DYNAMIC_DISPATCH(CopyPixelsF32)(from, from_step, to, to_step, channels, count);
}
template <>
void copy_pixels(const double* from, std::ptrdiff_t from_step, double* to, std::ptrdiff_t to_step, std::size_t channels,
                 std::size_t count) {
  HWY_DYNAMIC_DISPATCH(CopyPixelsF64)(from, from_step, to, to_step, channels, count);
}

}  // namespace hubel::simd
#endif
