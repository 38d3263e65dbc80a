// Philox in vectors; see philox.hpp. A lane is a counter.
#include "simd/philox.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/philox.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

inline constexpr std::size_t kCounters = 16;  // of a row

// The high and low 32 bits of the products of each lane with the same number. (Vectors multiply every other lane; the
// baseline has one lane, and no wider ones.)
template <class D, class V = hn::Vec<D>>
HWY_INLINE void multiply(D d, V a, V b, V& high, V& low) {
#if HWY_TARGET == HWY_SCALAR
  const std::uint64_t product = std::uint64_t{hn::GetLane(a)} * hn::GetLane(b);
  high = hn::Set(d, static_cast<std::uint32_t>(product >> 32));
  low = hn::Set(d, static_cast<std::uint32_t>(product));
#else
  const hn::RepartitionToWide<D> wide;
  const V even = hn::BitCast(d, hn::MulEven(a, b));
  const V odd = hn::BitCast(d, hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), b));
  high = hn::OddEven(odd, hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, even))));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(hn::BitCast(wide, odd))), even);
#endif
}

// The ten rounds, on a vector of counters (Salmon et al. 2011; constants and order as in ops/random.cpp).
template <class D, class V = hn::Vec<D>>
HWY_INLINE void philox(D d, const PhiloxRun& run, V& c0, V& c1, V& c2, V& c3) {
  const V m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  std::uint32_t k0 = run.key[0], k1 = run.key[1];
  for (int round = 0; round < 10; ++round) {
    V high0, low0, high1, low1;
    multiply(d, c0, m0, high0, low0);
    multiply(d, c2, m1, high1, low1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, k0));
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, k1));
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

void PhiloxRows(const PhiloxRun& run, std::uint32_t first, std::size_t rows, std::uint32_t* to) {
  const hn::CappedTag<std::uint32_t, kCounters> d;
  const auto half = hn::Set(d, 0xFFFFu);
  for (std::size_t r = 0; r < rows; ++r, to += kPhiloxRow) {
    const std::uint32_t counter = (first + static_cast<std::uint32_t>(r)) * static_cast<std::uint32_t>(kCounters);
    for (std::size_t i = 0; i < kCounters; i += hn::Lanes(d)) {
      auto c0 = hn::Iota(d, counter + static_cast<std::uint32_t>(i)), c1 = hn::Set(d, run.words[0]);
      auto c2 = hn::Set(d, run.words[1]), c3 = hn::Set(d, run.words[2]);
      philox(d, run, c0, c1, c2, c3);
      const auto store = [&](auto word, std::size_t w) HWY_ATTR {
        hn::StoreU(hn::And(word, half), d, to + kCounters * w + i);
        hn::StoreU(hn::ShiftRight<16>(word), d, to + kPhiloxRow / 2 + kCounters * w + i);
      };
      store(c0, 0);
      store(c1, 1);
      store(c2, 2);
      store(c3, 3);
    }
  }
}

void KeepF32(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, float scale, const float* x, float* y) {
  for_each_vector<float>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const auto number = hn::BitCast(di, hn::LoadU(hn::RebindToUnsigned<decltype(d)>(), bits + i));
    const auto dropped = hn::Lt(number, hn::Set(di, static_cast<std::int32_t>(threshold)));
    const auto kept = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale));
    hn::StoreU(hn::IfThenElse(hn::RebindMask(d, dropped), hn::Zero(d), kept), d, y + i);
  });
}

// The numbers are converted to doubles, of which there are as many in a vector.
void KeepF64(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, double scale, const double* x,
             double* y) {
  for_each_vector<double>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const hn::Rebind<std::uint32_t, decltype(d)> du;
    const hn::Rebind<std::int32_t, decltype(d)> di;
    const auto number = hn::PromoteTo(d, hn::BitCast(di, hn::LoadU(du, bits + i)));
    const auto dropped = hn::Lt(number, hn::Set(d, static_cast<double>(threshold)));
    const auto kept = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale));
    hn::StoreU(hn::IfThenElse(dropped, hn::Zero(d), kept), d, y + i);
  });
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(PhiloxRows);
HWY_EXPORT(KeepF32);
HWY_EXPORT(KeepF64);

void philox_rows(const PhiloxRun& run, std::uint32_t first, std::size_t rows, std::uint32_t* to) {
  HWY_DYNAMIC_DISPATCH(PhiloxRows)(run, first, rows, to);
}
template <>
void keep_elements(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, float scale, const float* x,
                   float* y) {
  HWY_DYNAMIC_DISPATCH(KeepF32)(n, bits, threshold, scale, x, y);
}
template <>
void keep_elements(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, double scale, const double* x,
                   double* y) {
  HWY_DYNAMIC_DISPATCH(KeepF64)(n, bits, threshold, scale, x, y);
}

}  // namespace hubel::simd
#endif
