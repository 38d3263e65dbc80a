// Depthwise inner loops; see depthwise.hpp.
//
// A multiply-add needs one input and one weight, and a core loads no more vectors a cycle than it multiplies: the loops
// live on what they do not load again. A tile is 8 pixels in a row of one vector of channels (8 accumulators hide the
// latency of the multiply-add). Where the kernel's columns are neighbouring pixels and few, each input of a tile is
// loaded once for all of them: with a 3x3 kernel 10 loads serve 24 multiply-adds. It also spares the cache, in which
// neighbouring pixels conflict when the channels are a power of two.
#include "simd/depthwise.hpp"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/depthwise.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

inline constexpr int kDepthwiseTile = 8;

// The widest kernels whose columns are unrolled, and the longest stride.
inline constexpr int kColumns = 5, kStride = 2;

// One row of the kernel into the accumulators of P pixels: Columns neighbouring pixels at a stride of Stride, each
// input loaded once.
template <int P, int Columns, int Stride, class D, class T, class V = hn::Vec<D>>
HWY_INLINE void add_kernel_row(D d, const T* in, std::ptrdiff_t pixel, const T* weights, std::ptrdiff_t column,
                               V (&acc)[P]) {
  V w[Columns];
  HUBEL_UNROLL
  for (int j = 0; j < Columns; ++j) w[j] = hn::LoadU(d, weights + j * column);
  HUBEL_UNROLL
  for (int i = 0; i < (P - 1) * Stride + Columns; ++i) {
    const V x = hn::LoadU(d, in + i * pixel);
    HUBEL_UNROLL
    for (int j = 0; j < Columns; ++j) {
      const int at = i - j;
      if (at >= 0 && at % Stride == 0 && at / Stride < P) acc[at / Stride] = hn::MulAdd(x, w[j], acc[at / Stride]);
    }
  }
}

// Columns = 0: any number of columns at any distance.
template <int P, int Columns, int Stride, class D, class T>
HWY_INLINE void depthwise_tile(D d, const DepthwiseRow<T>& a, const T* in, T* out, std::size_t c) {
  hn::Vec<D> acc[P];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) acc[p] = hn::Zero(d);
  for (std::size_t r = 0; r < a.taps.rows; ++r) {
    const T* HWY_RESTRICT x = in + a.taps.input[r] + c;
    const T* HWY_RESTRICT w = a.weights + a.taps.weights[r] + c;
    if constexpr (Columns > 0) {
      add_kernel_row<P, Columns, Stride>(d, x, a.taps.input_column, w, a.taps.weights_column, acc);
    } else {
      for (std::size_t j = 0; j < a.taps.columns; ++j, x += a.taps.input_column, w += a.taps.weights_column) {
        const auto weight = hn::LoadU(d, w);
        HUBEL_UNROLL
        for (int p = 0; p < P; ++p) acc[p] = hn::MulAdd(hn::LoadU(d, x + p * a.pixel_step), weight, acc[p]);
      }
    }
  }
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    T* to = out + p * a.out_step + c;
    auto sum = a.bias ? hn::Add(acc[p], hn::LoadU(d, a.bias + c)) : acc[p];
    if (a.accumulate) sum = hn::Add(hn::LoadU(d, to), sum);
    hn::StoreU(sum, d, to);
  }
}

// Calls f(columns, stride) with integral constants: in float those of the taps where they are neighbouring pixels and
// few, else 0 and 1.
template <class T, class F>
HWY_INLINE void with_columns(const DepthwiseTaps& taps, std::ptrdiff_t pixel_step, const F& f) {
  using std::integral_constant;
  const bool known = std::is_same_v<T, float> && (taps.columns == 3 || taps.columns == kColumns);
  const bool near = taps.input_column * 1 == pixel_step, far = taps.input_column * kStride == pixel_step;
  if (!known || !(near || far)) return f(integral_constant<int, 0>(), integral_constant<int, 1>());
  if constexpr (std::is_same_v<T, float>) {
    const auto with_stride = [&](auto columns) HWY_ATTR {
      near ? f(columns, integral_constant<int, 1>()) : f(columns, integral_constant<int, kStride>());
    };
    taps.columns == 3 ? with_stride(integral_constant<int, 3>()) : with_stride(integral_constant<int, kColumns>());
  }
}

// Calls f(d, c) for each whole vector of channels, and rest(d, c) for what remains: unrolled tiles of every narrower
// vector would take compilers minutes.
template <class T, class F, class Rest>
HWY_INLINE void for_channels(std::size_t channels, const F& f, const Rest& rest) {
  const hn::ScalableTag<T> d;
  std::size_t c = 0;
  for (; c + hn::Lanes(d) <= channels; c += hn::Lanes(d)) f(d, c);
  if constexpr (hn::MaxLanes(d) > 1) for_each_tail_vector<T, hn::MaxLanes(d) / 2>(c, channels, rest);
}

// The pixels [begin, pixels) by tiles of P and ever smaller ones.
template <int P, int Columns, int Stride, class T>
HWY_INLINE void depthwise_pixels(const DepthwiseRow<T>& a, std::size_t begin) {
  for (; begin + P <= a.pixels; begin += P) {
    const T* in = a.in + static_cast<std::ptrdiff_t>(begin) * a.pixel_step;
    T* out = a.out + static_cast<std::ptrdiff_t>(begin) * a.out_step;
    for_channels<T>(
        a.channels, [&](auto d, std::size_t c) HWY_ATTR { depthwise_tile<P, Columns, Stride>(d, a, in, out, c); },
        [&](auto d, std::size_t c) HWY_ATTR {
          for (std::ptrdiff_t p = 0; p < P; ++p)
            depthwise_tile<1, 0, 1>(d, a, in + p * a.pixel_step, out + p * a.out_step, c);
        });
  }
  if constexpr (P > 1) depthwise_pixels<P / 2, Columns, Stride>(a, begin);
}

template <class T>
HWY_INLINE void depthwise_row_of(const DepthwiseRow<T>& a) {
  with_columns<T>(a.taps, a.pixel_step,
                  [&](auto columns, auto stride) HWY_ATTR { depthwise_pixels<kDepthwiseTile, columns, stride>(a, 0); });
}

// Adds P pixels' products with Rows x Columns taps: each input is loaded once for the columns, each gradient once for
// all taps.
template <int P, int Rows, int Columns, int Stride, class D, class T, class V = hn::Vec<D>>
HWY_INLINE void add_pixels(D d, const DepthwiseWeights<T>& a, const std::ptrdiff_t* rows, const T* x, const T* z,
                           V (&acc)[Rows][Columns]) {
  V g[P];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) g[p] = hn::LoadU(d, z + p * a.dz_pixel);
  HUBEL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    HUBEL_UNROLL
    for (int i = 0; i < (P - 1) * Stride + Columns; ++i) {
      const V in = hn::LoadU(d, x + rows[r] + i * a.taps.input_column);
      HUBEL_UNROLL
      for (int j = 0; j < Columns; ++j) {
        const int at = i - j;
        if (at >= 0 && at % Stride == 0 && at / Stride < P) acc[r][j] = hn::MulAdd(in, g[at / Stride], acc[r][j]);
      }
    }
  }
}

// Rows of the kernel from `first` on.
template <int Rows, int Columns, int Stride, class D, class T>
HWY_INLINE void depthwise_weights_rows(D d, const DepthwiseWeights<T>& a, std::size_t first, std::size_t c) {
  constexpr int kPixels = 4;  // Rows x Columns = 9 accumulators, 4 gradients and an input are within 16 registers
  hn::Vec<D> acc[Rows][Columns];
  HUBEL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    HUBEL_UNROLL
    for (int j = 0; j < Columns; ++j) acc[r][j] = hn::Zero(d);
  }
  const std::ptrdiff_t* rows = a.taps.input + first;
  for (std::size_t l = 0; l < a.lines; ++l) {
    const T* x = a.in + static_cast<std::ptrdiff_t>(l) * a.in_line + c;
    const T* z = a.dz + static_cast<std::ptrdiff_t>(l) * a.dz_line + c;
    std::size_t p = 0;
    for (; p + kPixels <= a.pixels; p += kPixels, x += kPixels * a.in_pixel, z += kPixels * a.dz_pixel)
      add_pixels<kPixels, Rows, Columns, Stride>(d, a, rows, x, z, acc);
    for (; p < a.pixels; ++p, x += a.in_pixel, z += a.dz_pixel)
      add_pixels<1, Rows, Columns, Stride>(d, a, rows, x, z, acc);
  }
  HUBEL_UNROLL
  for (int r = 0; r < Rows; ++r) {
    HUBEL_UNROLL
    for (int j = 0; j < Columns; ++j) {
      T* to = a.dw + a.taps.weights[first + static_cast<std::size_t>(r)] + j * a.taps.weights_column + c;
      hn::StoreU(hn::Add(hn::LoadU(d, to), acc[r][j]), d, to);
    }
  }
}

// N columns of one row of the kernel, from column `first` on, at any distance.
template <int N, class D, class T>
HWY_INLINE void depthwise_weights_columns(D d, const DepthwiseWeights<T>& a, std::size_t row, std::size_t first,
                                          std::size_t c) {
  const std::ptrdiff_t input = a.taps.input[row] + static_cast<std::ptrdiff_t>(first) * a.taps.input_column;
  const std::ptrdiff_t weights = a.taps.weights[row] + static_cast<std::ptrdiff_t>(first) * a.taps.weights_column;
  hn::Vec<D> acc[N];
  HUBEL_UNROLL
  for (int j = 0; j < N; ++j) acc[j] = hn::Zero(d);
  for (std::size_t l = 0; l < a.lines; ++l) {
    const T* HWY_RESTRICT x = a.in + static_cast<std::ptrdiff_t>(l) * a.in_line + input + c;
    const T* HWY_RESTRICT z = a.dz + static_cast<std::ptrdiff_t>(l) * a.dz_line + c;
    for (std::size_t p = 0; p < a.pixels; ++p, x += a.in_pixel, z += a.dz_pixel) {
      const auto g = hn::LoadU(d, z);
      HUBEL_UNROLL
      for (int j = 0; j < N; ++j) acc[j] = hn::MulAdd(hn::LoadU(d, x + j * a.taps.input_column), g, acc[j]);
    }
  }
  HUBEL_UNROLL
  for (int j = 0; j < N; ++j) {
    T* to = a.dw + weights + j * a.taps.weights_column + c;
    hn::StoreU(hn::Add(hn::LoadU(d, to), acc[j]), d, to);
  }
}

template <class T>
HWY_INLINE void depthwise_weights_run(const DepthwiseWeights<T>& a) {
  with_columns<T>(a.taps, a.in_pixel, [&](auto columns, auto stride) HWY_ATTR {
    constexpr int kRows = columns == 3 ? 3 : 1;
    std::size_t r = 0;
    if constexpr (columns > 0) {
      for (; r + kRows <= a.taps.rows; r += kRows) {
        for_channels<T>(
            a.channels,
            [&](auto d, std::size_t c) HWY_ATTR { depthwise_weights_rows<kRows, columns, stride>(d, a, r, c); },
            [&](auto d, std::size_t c) HWY_ATTR {
              for (std::size_t i = 0; i < kRows * columns; ++i)
                depthwise_weights_columns<1>(d, a, r + i / columns, i % columns, c);
            });
      }
    }
    for (; r < a.taps.rows; ++r) {
      for (std::size_t first = 0; first < a.taps.columns; first += kDepthwiseTile) {
        const std::size_t count = HWY_MIN(a.taps.columns - first, static_cast<std::size_t>(kDepthwiseTile));
        with_constant<kDepthwiseTile>(count, [&](auto tile) HWY_ATTR {
          for_channels<T>(
              a.channels, [&](auto d, std::size_t c) HWY_ATTR { depthwise_weights_columns<tile>(d, a, r, first, c); },
              [&](auto d, std::size_t c) HWY_ATTR {
                for (std::size_t j = 0; j < tile; ++j) depthwise_weights_columns<1>(d, a, r, first + j, c);
              });
        });
      }
    }
  });
}

// In runs of some pixels of a line: all channels of a run are read while it is on its way from memory, and 16 pixels
// make up for adding to dw.
template <class T>
HWY_INLINE void depthwise_weights_of(const DepthwiseWeights<T>& a) {
  constexpr std::size_t kRun = 16;
  DepthwiseWeights<T> run = a;
  run.lines = 1;
  for (std::size_t l = 0; l < a.lines; ++l) {
    for (std::size_t p = 0; p < a.pixels; p += kRun) {
      run.in = a.in + static_cast<std::ptrdiff_t>(l) * a.in_line + static_cast<std::ptrdiff_t>(p) * a.in_pixel;
      run.dz = a.dz + static_cast<std::ptrdiff_t>(l) * a.dz_line + static_cast<std::ptrdiff_t>(p) * a.dz_pixel;
      run.pixels = HWY_MIN(kRun, a.pixels - p);
      depthwise_weights_run(run);
    }
  }
}

void DepthwiseRowF32(const DepthwiseRow<float>& a) { depthwise_row_of(a); }
void DepthwiseRowF64(const DepthwiseRow<double>& a) { depthwise_row_of(a); }
void DepthwiseWeightsF32(const DepthwiseWeights<float>& a) { depthwise_weights_of(a); }
void DepthwiseWeightsF64(const DepthwiseWeights<double>& a) { depthwise_weights_of(a); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(DepthwiseRowF32);
HWY_EXPORT(DepthwiseRowF64);
HWY_EXPORT(DepthwiseWeightsF32);
HWY_EXPORT(DepthwiseWeightsF64);

template <>
void depthwise_row(const DepthwiseRow<float>& row) {
  HWY_DYNAMIC_DISPATCH(DepthwiseRowF32)(row);
}
template <>
void depthwise_row(const DepthwiseRow<double>& row) {
  HWY_DYNAMIC_DISPATCH(DepthwiseRowF64)(row);
}
template <>
void depthwise_weights(const DepthwiseWeights<float>& args) {
  HWY_DYNAMIC_DISPATCH(DepthwiseWeightsF32)(args);
}
template <>
void depthwise_weights(const DepthwiseWeights<double>& args) {
  HWY_DYNAMIC_DISPATCH(DepthwiseWeightsF64)(args);
}

}  // namespace hubel::simd
#endif
