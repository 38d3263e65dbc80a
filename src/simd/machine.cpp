// Measuring loops; see machine.hpp.
#include "simd/machine.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/machine.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

const char* Name() { return hwy::TargetName(HWY_TARGET); }

// 12 sums: more than the 8 to 10 that hide the latency of two multiply-adds a cycle, and few enough for 16 registers.
double MultiplyAdds(std::size_t rounds) {
  constexpr int kSums = 12;
  const hn::ScalableTag<float> d;
  hn::Vec<decltype(d)> acc[kSums];
  HUBEL_UNROLL
  for (int i = 0; i < kSums; ++i) acc[i] = hn::Set(d, static_cast<float>(i));
  const auto factor = hn::Set(d, 0.999f), term = hn::Set(d, 0.001f);
  for (std::size_t r = 0; r < rounds; ++r) {
    HUBEL_UNROLL
    for (int i = 0; i < kSums; ++i) acc[i] = hn::MulAdd(acc[i], factor, term);
  }
  auto all = acc[0];
  HUBEL_UNROLL
  for (int i = 1; i < kSums; ++i) all = hn::Add(all, acc[i]);
  volatile float used = hn::GetLane(hn::SumOfLanes(d, all));
  (void)used;
  return 2.0 * kSums * static_cast<double>(rounds * hn::Lanes(d));
}

float Sum(const float* x, std::size_t n) {
  constexpr int kSums = 8;
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> acc[kSums];
  HUBEL_UNROLL
  for (int i = 0; i < kSums; ++i) acc[i] = hn::Zero(d);
  std::size_t at = 0;
  for (; at + kSums * lanes <= n; at += kSums * lanes) {
    HUBEL_UNROLL
    for (int i = 0; i < kSums; ++i)
      acc[i] = hn::Add(acc[i], hn::LoadU(d, x + at + static_cast<std::size_t>(i) * lanes));
  }
  auto all = acc[0];
  HUBEL_UNROLL
  for (int i = 1; i < kSums; ++i) all = hn::Add(all, acc[i]);
  float total = hn::GetLane(hn::SumOfLanes(d, all));
  for (; at < n; ++at) total += x[at];
  return total;
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(Name);
HWY_EXPORT(MultiplyAdds);
HWY_EXPORT(Sum);

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(Name)(); }
double busy_multiply_adds(std::size_t rounds) { return HWY_DYNAMIC_DISPATCH(MultiplyAdds)(rounds); }
float sum(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(Sum)(x, n); }

}  // namespace hubel::simd
#endif
