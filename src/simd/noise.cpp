// Normal numbers in vectors; see noise.hpp.
#include "simd/noise.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/noise.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "simd/doubles-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// 2^16 high + low, of numbers below 2^16.
template <class D>
HWY_INLINE hn::Vec<D> joined(D d, const std::uint32_t* high, const std::uint32_t* low) {
  const hn::Rebind<std::uint32_t, D> du;
  const hn::Rebind<std::int32_t, D> di;
  const auto as_double = [&](const std::uint32_t* bits)
                             HWY_ATTR { return hn::PromoteTo(d, hn::BitCast(di, hn::LoadU(du, bits))); };
  return hn::MulAdd(as_double(high), hn::Set(d, 0x1p16), as_double(low));
}

template <class T>
HWY_INLINE void noisy(std::size_t n, const std::uint32_t* numbers, NoiseMode mode, double stddev, const T* x, T* y) {
  constexpr double kTwoPi = 6.283185307179586477;
  for (std::size_t begin = 0; begin < n; begin += kNoiseRow, numbers += kPhiloxRow) {
    for_each_vector<double>(std::min(kNoiseRow, n - begin), [&](auto d, std::size_t i) HWY_ATTR {
      const std::uint32_t* bits = numbers + i;
      const auto u = hn::Mul(hn::Add(joined(d, bits, bits + kNoiseRow), hn::Set(d, 1.0)), hn::Set(d, 0x1p-32));
      const auto angle = hn::Mul(joined(d, bits + 2 * kNoiseRow, bits + 3 * kNoiseRow), hn::Set(d, kTwoPi * 0x1p-32));
      const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0), hn::Log(d, u)));
      const auto normal = hn::Mul(radius, hn::Cos(d, angle));
      const auto value = load_as_double(d, x + begin + i);
      const auto share = mode == NoiseMode::added ? hn::Set(d, stddev) : hn::Mul(hn::Set(d, stddev), value);
      store_from_double(d, hn::MulAdd(share, normal, value), y + begin + i);
    });
  }
}

void NoisyF32(std::size_t n, const std::uint32_t* numbers, NoiseMode mode, double stddev, const float* x, float* y) {
  noisy(n, numbers, mode, stddev, x, y);
}
void NoisyF64(std::size_t n, const std::uint32_t* numbers, NoiseMode mode, double stddev, const double* x, double* y) {
  noisy(n, numbers, mode, stddev, x, y);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(NoisyF32);
HWY_EXPORT(NoisyF64);

template <>
void make_noisy(std::size_t n, const std::uint32_t* numbers, NoiseMode mode, double stddev, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(NoisyF32)(n, numbers, mode, stddev, x, y);
}
template <>
void make_noisy(std::size_t n, const std::uint32_t* numbers, NoiseMode mode, double stddev, const double* x,
                double* y) {
  HWY_DYNAMIC_DISPATCH(NoisyF64)(n, numbers, mode, stddev, x, y);
}

}  // namespace hubel::simd
#endif
