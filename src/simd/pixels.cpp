// Loops over whole pixels; see pixels.hpp. Memory is read from one end to the other; what has been summed so far lies
// in L1. Pixels of few channels are taken sixteen at a time, as one of sixteen times the channels.
#include "simd/pixels.hpp"

#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/pixels.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

#ifndef HUBEL_SIMD_PIXELS_CONSTANTS
#define HUBEL_SIMD_PIXELS_CONSTANTS
namespace hubel::simd {
inline constexpr std::size_t kFold = 16;         // pixels that are taken as one, where they have
inline constexpr std::size_t kFewChannels = 32;  // fewer channels than this; a multiple of every vector's lanes
inline constexpr std::size_t kLeaf = 128;        // pixels up to which a sum is not halved
}  // namespace hubel::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

struct Sum {
  template <class Vec>
  static HWY_INLINE Vec of(Vec a, Vec b) {
    return hn::Add(a, b);
  }
};
struct Maximum {
  template <class Vec>
  static HWY_INLINE Vec of(Vec best, Vec value) {
    return hn::IfThenElse(hn::Or(hn::Gt(value, best), hn::IsNaN(value)), value, best);
  }
};

// N pixels, in pairs and pairs of pairs. (Four at a time are taken below: eight were half as fast with 64 channels.)
template <class Op, int N, class D, class T>
HWY_INLINE hn::Vec<D> of_pixels(D d, const T* in, std::size_t channels) {
  if constexpr (N == 1) {
    return hn::LoadU(d, in);
  } else {
    return Op::of(of_pixels<Op, N / 2>(d, in, channels), of_pixels<Op, N / 2>(d, in + N / 2 * channels, channels));
  }
}

// to = N pixels; with kMore together with what `to` has.
template <class Op, int N, bool kMore, class T>
HWY_INLINE void take_pixels(const T* in, std::size_t channels, T* to) {
  for_each_vector<T>(channels, [&](auto d, std::size_t c) HWY_ATTR {
    auto value = of_pixels<Op, N>(d, in + c, channels);
    if constexpr (kMore) value = Op::of(hn::LoadU(d, to + c), value);
    hn::StoreU(value, d, to + c);
  });
}

// to = n more pixels together with what it has.
template <class Op, class T>
HWY_INLINE void take_more(const T* in, std::size_t n, std::size_t channels, T* to) {
  std::size_t p = 0;
  for (; p + 4 <= n; p += 4) take_pixels<Op, 4, true>(in + p * channels, channels, to);
  for (; p < n; ++p) take_pixels<Op, 1, true>(in + p * channels, channels, to);
}

// to = n >= 1 pixels; halves are put together by way of `buffers`, one pixel for each halving.
template <class Op, class T>
void reduce(const T* in, std::size_t n, std::size_t channels, T* buffers, T* to) {
  if (n > kLeaf) {
    const std::size_t half = n / 8 * 4;
    reduce<Op>(in, half, channels, buffers, to);
    reduce<Op>(in + half * channels, n - half, channels, buffers + channels, buffers);
    return take_pixels<Op, 1, true>(buffers, channels, to);
  }
  const bool four = n >= 4;
  four ? take_pixels<Op, 4, false>(in, channels, to) : take_pixels<Op, 1, false>(in, channels, to);
  const std::size_t first = four ? 4 : 1;
  take_more<Op>(in + first * channels, n - first, channels, to);
}

template <class Op, class T>
HWY_INLINE void reduce_pixels(const T* in, std::size_t n, std::size_t channels, T* buffers, T* out) {
  const std::size_t folds = n / kFold;
  if (channels >= kFewChannels || folds == 0) return reduce<Op>(in, n, channels, buffers, out);
  const std::size_t wide = kFold * channels;
  reduce<Op>(in, folds, wide, buffers + wide, buffers);
  reduce<Op>(buffers, kFold, channels, buffers + wide, out);
  take_more<Op>(in + folds * wide, n - folds * kFold, channels, out);
}

// best = the maximum so far, at pixel `place`, which is kept in the bits of a T; N pixels more, from the p-th on.
template <int N, class T>
HWY_INLINE void track_pixels(const T* in, std::size_t p, std::size_t channels, T* best, T* place) {
  for_each_vector<T>(channels, [&](auto d, std::size_t c) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    auto most = hn::LoadU(d, best + c);
    auto at = hn::BitCast(di, hn::LoadU(d, place + c));
    for (std::size_t k = 0; k < N; ++k) {
      const auto value = hn::LoadU(d, in + k * channels + c);
      const auto larger = hn::AndNot(hn::IsNaN(most), hn::Or(hn::Gt(value, most), hn::IsNaN(value)));
      most = hn::IfThenElse(larger, value, most);
      at = hn::IfThenElse(hn::RebindMask(di, larger), hn::Set(di, static_cast<hn::TFromD<decltype(di)>>(p + k)), at);
    }
    hn::StoreU(most, d, best + c);
    hn::StoreU(hn::BitCast(d, at), d, place + c);
  });
}

template <class T>
HWY_INLINE void track(const T* in, std::size_t n, std::size_t channels, T* best, T* place) {
  take_pixels<Maximum, 1, false>(in, channels, best);
  for_each_vector<T>(channels, [&](auto d, std::size_t c) HWY_ATTR { hn::StoreU(hn::Zero(d), d, place + c); });
  std::size_t p = 1;
  for (; p + 4 <= n; p += 4) track_pixels<4>(in + p * channels, p, channels, best, place);
  for (; p < n; ++p) track_pixels<1>(in + p * channels, p, channels, best, place);
}

// The larger value of two, a NaN being larger than all else, or of equals the first.
template <class T>
struct Winner {
  T value;
  std::int64_t place;

  void meet(const Winner& other) {
    const bool nan = value != value, other_nan = other.value != other.value;
    const bool equal = value == other.value || (nan && other_nan);
    const bool larger = other_nan ? !nan : other.value > value;
    if (larger || (equal && other.place < place)) *this = other;
  }
};

template <class T>
HWY_INLINE void max_places(const T* in, std::size_t n, std::size_t channels, T* buffers, std::int64_t* places) {
  const std::size_t fold = channels < kFewChannels && n >= kFold ? kFold : 1, wide = fold * channels, folds = n / fold;
  T *best = buffers, *place = buffers + wide;
  track(in, folds, wide, best, place);
  for (std::size_t c = 0; c < channels; ++c) {
    const auto winner = [&](std::size_t i) {
      const auto folded = static_cast<std::size_t>(std::bit_cast<hwy::MakeSigned<T>>(place[i]));
      return Winner<T>{best[i], static_cast<std::int64_t>(folded * fold + i / channels)};
    };
    Winner<T> first = winner(c);
    for (std::size_t i = c + channels; i < wide; i += channels) first.meet(winner(i));
    for (std::size_t p = folds * fold; p < n; ++p) first.meet({in[p * channels + c], static_cast<std::int64_t>(p)});
    places[c] = first.place;
  }
}

void SumOfPixelsF32(const float* in, std::size_t n, std::size_t channels, float* buffers, float* out) {
  reduce_pixels<Sum>(in, n, channels, buffers, out);
}
void SumOfPixelsF64(const double* in, std::size_t n, std::size_t channels, double* buffers, double* out) {
  reduce_pixels<Sum>(in, n, channels, buffers, out);
}
void MaxOfPixelsF32(const float* in, std::size_t n, std::size_t channels, float* buffers, float* out) {
  reduce_pixels<Maximum>(in, n, channels, buffers, out);
}
void MaxOfPixelsF64(const double* in, std::size_t n, std::size_t channels, double* buffers, double* out) {
  reduce_pixels<Maximum>(in, n, channels, buffers, out);
}
void MaxPlacesF32(const float* in, std::size_t n, std::size_t channels, float* buffers, std::int64_t* places) {
  max_places(in, n, channels, buffers, places);
}
void MaxPlacesF64(const double* in, std::size_t n, std::size_t channels, double* buffers, std::int64_t* places) {
  max_places(in, n, channels, buffers, places);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(SumOfPixelsF32);
HWY_EXPORT(SumOfPixelsF64);
HWY_EXPORT(MaxOfPixelsF32);
HWY_EXPORT(MaxOfPixelsF64);
HWY_EXPORT(MaxPlacesF32);
HWY_EXPORT(MaxPlacesF64);

std::size_t pixel_buffers(std::size_t pixels, std::size_t channels) {
  const std::size_t pixel = channels < kFewChannels ? kFold * channels : channels;
  return pixel * (1 + static_cast<std::size_t>(std::bit_width(pixels)));
}

template <>
void sum_of_pixels(const float* in, std::size_t pixels, std::size_t channels, float* buffers, float* out) {
  HWY_DYNAMIC_DISPATCH(SumOfPixelsF32)(in, pixels, channels, buffers, out);
}
template <>
void sum_of_pixels(const double* in, std::size_t pixels, std::size_t channels, double* buffers, double* out) {
  HWY_DYNAMIC_DISPATCH(SumOfPixelsF64)(in, pixels, channels, buffers, out);
}
template <>
void max_of_pixels(const float* in, std::size_t pixels, std::size_t channels, float* buffers, float* out) {
  HWY_DYNAMIC_DISPATCH(MaxOfPixelsF32)(in, pixels, channels, buffers, out);
}
template <>
void max_of_pixels(const double* in, std::size_t pixels, std::size_t channels, double* buffers, double* out) {
  HWY_DYNAMIC_DISPATCH(MaxOfPixelsF64)(in, pixels, channels, buffers, out);
}
template <>
void max_places_of_pixels(const float* in, std::size_t pixels, std::size_t channels, float* buffers,
                          std::int64_t* places) {
  HWY_DYNAMIC_DISPATCH(MaxPlacesF32)(in, pixels, channels, buffers, places);
}
template <>
void max_places_of_pixels(const double* in, std::size_t pixels, std::size_t channels, double* buffers,
                          std::int64_t* places) {
  HWY_DYNAMIC_DISPATCH(MaxPlacesF64)(in, pixels, channels, buffers, places);
}

}  // namespace hubel::simd
#endif
