// Depthwise inner loops; see depthwise.hpp. A tile is 8 pixels (or taps) of one vector of channels: 8 accumulators hide
// the latency of the multiply-add, and each loaded weight (or gradient) serves all of them.
#include "simd/depthwise.hpp"

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

template <int P, class D, class T>
HWY_INLINE void depthwise_tile(D d, const DepthwiseRow<T>& a, const T* in, T* out, std::size_t c) {
  hn::Vec<D> acc[P];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) acc[p] = hn::Zero(d);
  for (std::size_t t = 0; t < a.tap_count; ++t) {
    const auto w = hn::LoadU(d, a.weights + a.taps[t].weights + c);
    const T* HWY_RESTRICT x = in + a.taps[t].input + c;
    HUBEL_UNROLL
    for (int p = 0; p < P; ++p) acc[p] = hn::MulAdd(hn::LoadU(d, x + p * a.pixel_step), w, acc[p]);
  }
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    T* to = out + p * a.out_step + c;
    auto sum = a.bias ? hn::Add(acc[p], hn::LoadU(d, a.bias + c)) : acc[p];
    if (a.accumulate) sum = hn::Add(hn::LoadU(d, to), sum);
    hn::StoreU(sum, d, to);
  }
}

template <class T>
HWY_INLINE void depthwise_row_of(const DepthwiseRow<T>& a) {
  for (std::size_t p = 0; p < a.pixels; p += kDepthwiseTile) {
    const std::size_t count = HWY_MIN(a.pixels - p, static_cast<std::size_t>(kDepthwiseTile));
    const T* in = a.in + static_cast<std::ptrdiff_t>(p) * a.pixel_step;
    T* out = a.out + static_cast<std::ptrdiff_t>(p) * a.out_step;
    with_constant<kDepthwiseTile>(count, [&](auto tile) HWY_ATTR {
      for_each_vector<T>(a.channels, [&](auto d, std::size_t c) HWY_ATTR { depthwise_tile<tile>(d, a, in, out, c); });
    });
  }
}

template <int N, class D, class T>
HWY_INLINE void depthwise_weights_tile(D d, const DepthwiseWeights<T>& a, const DepthwiseTap* taps, std::size_t c) {
  hn::Vec<D> acc[N];
  HUBEL_UNROLL
  for (int t = 0; t < N; ++t) acc[t] = hn::Zero(d);
  for (std::size_t l = 0; l < a.lines; ++l) {
    const T* HWY_RESTRICT x = a.in + static_cast<std::ptrdiff_t>(l) * a.in_line + c;
    const T* HWY_RESTRICT z = a.dz + static_cast<std::ptrdiff_t>(l) * a.dz_line + c;
    for (std::size_t p = 0; p < a.pixels; ++p, x += a.in_pixel, z += a.dz_pixel) {
      const auto g = hn::LoadU(d, z);
      HUBEL_UNROLL
      for (int t = 0; t < N; ++t) acc[t] = hn::MulAdd(hn::LoadU(d, x + taps[t].input), g, acc[t]);
    }
  }
  HUBEL_UNROLL
  for (int t = 0; t < N; ++t) {
    T* to = a.dw + taps[t].weights + c;
    hn::StoreU(hn::Add(hn::LoadU(d, to), acc[t]), d, to);
  }
}

template <class T>
HWY_INLINE void depthwise_weights_of(const DepthwiseWeights<T>& a) {
  for (std::size_t t = 0; t < a.tap_count; t += kDepthwiseTile) {
    const std::size_t count = HWY_MIN(a.tap_count - t, static_cast<std::size_t>(kDepthwiseTile));
    with_constant<kDepthwiseTile>(count, [&](auto tile) HWY_ATTR {
      for_each_vector<T>(a.channels,
                         [&](auto d, std::size_t c) HWY_ATTR { depthwise_weights_tile<tile>(d, a, a.taps + t, c); });
    });
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
