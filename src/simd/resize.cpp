// Resizing inner loops; see resize.hpp.
#include "simd/resize.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/resize.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

template <class T>
HWY_INLINE void blend(T a_weight, const T* a, T b_weight, const T* b, std::size_t n, T* out) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto second = hn::Mul(hn::Set(d, b_weight), hn::LoadU(d, b + i));
    hn::StoreU(hn::MulAdd(hn::Set(d, a_weight), hn::LoadU(d, a + i), second), d, out + i);
  });
}

template <class T>
HWY_INLINE void add_scaled(T weight, const T* in, std::size_t n, T* out) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, weight), hn::LoadU(d, in + i), hn::LoadU(d, out + i)), d, out + i);
  });
}

// Pixels of so few channels are loops that the compiler writes out; with more, vectors over the channels pay.
inline constexpr int kFewChannels = 4;

template <class T>
HWY_INLINE void few_channels_row(const ResizeTap<T>* taps, std::size_t pixels, std::size_t channels, const T* in,
                                 T* out) {
  with_constant<kFewChannels>(channels, [&](auto c) {
    constexpr std::size_t kChannels = decltype(c)::value;
    for (std::size_t p = 0; p < pixels; ++p) {
      const ResizeTap<T>& tap = taps[p];
      const T* first = in + static_cast<std::size_t>(tap.first) * kChannels;
      if (tap.second_weight != 0) {
        for (std::size_t k = 0; k < kChannels; ++k)
          out[p * kChannels + k] = tap.first_weight * first[k] + tap.second_weight * first[kChannels + k];
      } else {
        for (std::size_t k = 0; k < kChannels; ++k) out[p * kChannels + k] = first[k];
      }
    }
  });
}

template <class T>
HWY_INLINE void row(const ResizeTap<T>* taps, std::size_t pixels, std::size_t channels, const T* in, T* out) {
  if (channels <= kFewChannels) return few_channels_row(taps, pixels, channels, in, out);
  for (std::size_t p = 0; p < pixels; ++p, out += channels) {
    const ResizeTap<T>& tap = taps[p];
    const T* first = in + static_cast<std::size_t>(tap.first) * channels;
    if (tap.second_weight != 0) {
      blend(tap.first_weight, first, tap.second_weight, first + channels, channels, out);
    } else {
      for_each_vector<T>(channels,
                         [&](auto d, std::size_t c) HWY_ATTR { hn::StoreU(hn::LoadU(d, first + c), d, out + c); });
    }
  }
}

template <class T>
HWY_INLINE void few_channels_row_backward(const ResizeTap<T>* taps, std::size_t pixels, std::size_t channels,
                                          const T* dout, T* din) {
  with_constant<kFewChannels>(channels, [&](auto c) {
    constexpr std::size_t kChannels = decltype(c)::value;
    for (std::size_t p = 0; p < pixels; ++p) {
      const ResizeTap<T>& tap = taps[p];
      T* first = din + static_cast<std::size_t>(tap.first) * kChannels;
      for (std::size_t k = 0; k < kChannels; ++k) first[k] += tap.first_weight * dout[p * kChannels + k];
      if (tap.second_weight == 0) continue;
      for (std::size_t k = 0; k < kChannels; ++k) first[kChannels + k] += tap.second_weight * dout[p * kChannels + k];
    }
  });
}

template <class T>
HWY_INLINE void row_backward(const ResizeTap<T>* taps, std::size_t pixels, std::size_t channels, const T* dout,
                             T* din) {
  if (channels <= kFewChannels) return few_channels_row_backward(taps, pixels, channels, dout, din);
  for (std::size_t p = 0; p < pixels; ++p, dout += channels) {
    const ResizeTap<T>& tap = taps[p];
    T* first = din + static_cast<std::size_t>(tap.first) * channels;
    add_scaled(tap.first_weight, dout, channels, first);
    if (tap.second_weight != 0) add_scaled(tap.second_weight, dout, channels, first + channels);
  }
}

template <class T>
HWY_INLINE void cubic_row(const CubicTap<T>* taps, std::size_t pixels, std::size_t channels, const T* in, T* out) {
  for (std::size_t p = 0; p < pixels; ++p, out += channels) {
    const CubicTap<T>& tap = taps[p];
    const T* first = in + static_cast<std::size_t>(tap.first) * channels;
    for_each_vector<T>(channels, [&](auto d, std::size_t c) HWY_ATTR {
      auto sum = hn::Mul(hn::Set(d, tap.weights[0]), hn::LoadU(d, first + c));
      for (std::size_t k = 1; k < static_cast<std::size_t>(tap.count); ++k)
        sum = hn::MulAdd(hn::Set(d, tap.weights[k]), hn::LoadU(d, first + k * channels + c), sum);
      hn::StoreU(sum, d, out + c);
    });
  }
}

template <class T>
HWY_INLINE void cubic_row_backward(const CubicTap<T>* taps, std::size_t pixels, std::size_t channels, const T* dout,
                                   T* din) {
  for (std::size_t p = 0; p < pixels; ++p, dout += channels) {
    const CubicTap<T>& tap = taps[p];
    for (std::size_t k = 0; k < static_cast<std::size_t>(tap.count); ++k)
      add_scaled(tap.weights[k], dout, channels, din + (static_cast<std::size_t>(tap.first) + k) * channels);
  }
}

void AddScaledF32(float weight, const float* in, std::size_t n, float* out) { add_scaled(weight, in, n, out); }
void AddScaledF64(double weight, const double* in, std::size_t n, double* out) { add_scaled(weight, in, n, out); }
void RowF32(const ResizeTap<float>* taps, std::size_t pixels, std::size_t channels, const float* in, float* out) {
  row(taps, pixels, channels, in, out);
}
void RowF64(const ResizeTap<double>* taps, std::size_t pixels, std::size_t channels, const double* in, double* out) {
  row(taps, pixels, channels, in, out);
}
void RowBackwardF32(const ResizeTap<float>* taps, std::size_t pixels, std::size_t channels, const float* dout,
                    float* din) {
  row_backward(taps, pixels, channels, dout, din);
}
void RowBackwardF64(const ResizeTap<double>* taps, std::size_t pixels, std::size_t channels, const double* dout,
                    double* din) {
  row_backward(taps, pixels, channels, dout, din);
}
void CubicRowF32(const CubicTap<float>* taps, std::size_t pixels, std::size_t channels, const float* in, float* out) {
  cubic_row(taps, pixels, channels, in, out);
}
void CubicRowF64(const CubicTap<double>* taps, std::size_t pixels, std::size_t channels, const double* in,
                 double* out) {
  cubic_row(taps, pixels, channels, in, out);
}
void CubicRowBackwardF32(const CubicTap<float>* taps, std::size_t pixels, std::size_t channels, const float* dout,
                         float* din) {
  cubic_row_backward(taps, pixels, channels, dout, din);
}
void CubicRowBackwardF64(const CubicTap<double>* taps, std::size_t pixels, std::size_t channels, const double* dout,
                         double* din) {
  cubic_row_backward(taps, pixels, channels, dout, din);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(AddScaledF32);
HWY_EXPORT(AddScaledF64);
HWY_EXPORT(RowF32);
HWY_EXPORT(RowF64);
HWY_EXPORT(RowBackwardF32);
HWY_EXPORT(RowBackwardF64);
HWY_EXPORT(CubicRowF32);
HWY_EXPORT(CubicRowF64);
HWY_EXPORT(CubicRowBackwardF32);
HWY_EXPORT(CubicRowBackwardF64);

template <>
void add_scaled(float weight, const float* in, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(AddScaledF32)(weight, in, n, out);
}
template <>
void add_scaled(double weight, const double* in, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(AddScaledF64)(weight, in, n, out);
}
template <>
void resize_row(const ResizeTap<float>* taps, std::size_t pixels, std::size_t channels, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(RowF32)(taps, pixels, channels, in, out);
}
template <>
void resize_row(const ResizeTap<double>* taps, std::size_t pixels, std::size_t channels, const double* in,
                double* out) {
  HWY_DYNAMIC_DISPATCH(RowF64)(taps, pixels, channels, in, out);
}
template <>
void resize_row_backward(const ResizeTap<float>* taps, std::size_t pixels, std::size_t channels, const float* dout,
                         float* din) {
  HWY_DYNAMIC_DISPATCH(RowBackwardF32)(taps, pixels, channels, dout, din);
}
template <>
void resize_row_backward(const ResizeTap<double>* taps, std::size_t pixels, std::size_t channels, const double* dout,
                         double* din) {
  HWY_DYNAMIC_DISPATCH(RowBackwardF64)(taps, pixels, channels, dout, din);
}
template <>
void resize_row(const CubicTap<float>* taps, std::size_t pixels, std::size_t channels, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(CubicRowF32)(taps, pixels, channels, in, out);
}
template <>
void resize_row(const CubicTap<double>* taps, std::size_t pixels, std::size_t channels, const double* in, double* out) {
  HWY_DYNAMIC_DISPATCH(CubicRowF64)(taps, pixels, channels, in, out);
}
template <>
void resize_row_backward(const CubicTap<float>* taps, std::size_t pixels, std::size_t channels, const float* dout,
                         float* din) {
  HWY_DYNAMIC_DISPATCH(CubicRowBackwardF32)(taps, pixels, channels, dout, din);
}
template <>
void resize_row_backward(const CubicTap<double>* taps, std::size_t pixels, std::size_t channels, const double* dout,
                         double* din) {
  HWY_DYNAMIC_DISPATCH(CubicRowBackwardF64)(taps, pixels, channels, dout, din);
}

}  // namespace hubel::simd
#endif
