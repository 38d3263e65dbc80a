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

// Counters are kept in the low halves of lanes of 64 bits: products of 32 bits need no shuffling then, and what stands
// in the high halves is never looked at. The baseline's one lane is an integer.
#if HWY_TARGET == HWY_SCALAR
using Lanes = std::uint64_t;
HWY_INLINE Lanes set_lanes(std::uint32_t value) { return value; }
HWY_INLINE Lanes multiply(Lanes a, std::uint32_t b) { return (a & 0xFFFFFFFFu) * b; }
HWY_INLINE Lanes high_half(Lanes a) { return a >> 32; }
HWY_INLINE Lanes exclusive_or(Lanes a, Lanes b) { return a ^ b; }
// Counters n, n + 2, ... of a vector.
HWY_INLINE Lanes every_other(std::uint32_t n) { return n; }
// 16 bits of each of the counters n, n + 1, ... from two vectors of every other.
HWY_INLINE void store_halves(Lanes even, Lanes odd, std::uint32_t* low, std::uint32_t* high) {
  low[0] = even & 0xFFFFu;
  low[1] = odd & 0xFFFFu;
  high[0] = (even & 0xFFFFFFFFu) >> 16;
  high[1] = (odd & 0xFFFFFFFFu) >> 16;
}
inline constexpr std::size_t kLanes = 1;
#else
using Wide = hn::CappedTag<std::uint64_t, kCounters / 2>;
using Narrow = hn::Repartition<std::uint32_t, Wide>;
using Lanes = hn::Vec<Wide>;
HWY_INLINE Lanes set_lanes(std::uint32_t value) { return hn::Set(Wide(), value); }
HWY_INLINE Lanes multiply(Lanes a, std::uint32_t b) {
  return hn::MulEven(hn::BitCast(Narrow(), a), hn::Set(Narrow(), b));
}
HWY_INLINE Lanes high_half(Lanes a) { return hn::ShiftRight<32>(a); }
HWY_INLINE Lanes exclusive_or(Lanes a, Lanes b) { return hn::Xor(a, b); }
HWY_INLINE Lanes every_other(std::uint32_t n) { return hn::Add(set_lanes(n), hn::ShiftLeft<1>(hn::Iota(Wide(), 0))); }
HWY_INLINE void store_halves(Lanes even, Lanes odd, std::uint32_t* low, std::uint32_t* high) {
  const Narrow d;
  const auto words = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
  hn::StoreU(hn::And(words, hn::Set(d, 0xFFFFu)), d, low);
  hn::StoreU(hn::ShiftRight<16>(words), d, high);
}
inline constexpr std::size_t kLanes = hn::MaxLanes(Wide());
#endif

struct Counters {
  Lanes c0, c1, c2, c3;
};

// One of the ten rounds (Salmon et al. 2011; constants and order as in ops/random.cpp).
HWY_INLINE void philox_round(Counters& c, std::uint32_t k0, std::uint32_t k1) {
  const Lanes p0 = multiply(c.c0, 0xD2511F53u), p1 = multiply(c.c2, 0xCD9E8D57u);
  c.c0 = exclusive_or(exclusive_or(high_half(p1), c.c1), set_lanes(k0));
  c.c2 = exclusive_or(exclusive_or(high_half(p0), c.c3), set_lanes(k1));
  c.c1 = p1;
  c.c3 = p0;
}

void PhiloxRows(const PhiloxRun& run, std::uint32_t first, std::size_t rows, std::uint32_t* to) {
  const Lanes w0 = set_lanes(run.words[0]), w1 = set_lanes(run.words[1]), w2 = set_lanes(run.words[2]);
  for (std::size_t i = 0; i < rows * kCounters; i += 2 * kLanes) {
    const std::uint32_t n = first * static_cast<std::uint32_t>(kCounters) + static_cast<std::uint32_t>(i);
    Counters even{every_other(n), w0, w1, w2}, odd{every_other(n + 1), w0, w1, w2};
    std::uint32_t k0 = run.key[0], k1 = run.key[1];
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
      philox_round(even, k0, k1);
      philox_round(odd, k0, k1);
    }
    std::uint32_t* low = to + i / kCounters * kPhiloxRow + i % kCounters;
    std::uint32_t* high = low + kPhiloxRow / 2;
    store_halves(even.c0, odd.c0, low, high);
    store_halves(even.c1, odd.c1, low + kCounters, high + kCounters);
    store_halves(even.c2, odd.c2, low + 2 * kCounters, high + 2 * kCounters);
    store_halves(even.c3, odd.c3, low + 3 * kCounters, high + 3 * kCounters);
  }
}

void KeepF32(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, const Keeping<float>& keeping,
             const float* x, float* y) {
  for_each_vector<float>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> di;
    const auto number = hn::BitCast(di, hn::LoadU(hn::RebindToUnsigned<decltype(d)>(), bits + i));
    const auto dropped = hn::Lt(number, hn::Set(di, static_cast<std::int32_t>(threshold)));
    const auto kept = hn::MulAdd(hn::LoadU(d, x + i), hn::Set(d, keeping.scale), hn::Set(d, keeping.offset));
    hn::StoreU(hn::IfThenElse(hn::RebindMask(d, dropped), hn::Set(d, keeping.otherwise), kept), d, y + i);
  });
}

// The numbers are converted to doubles, of which there are as many in a vector.
void KeepF64(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, const Keeping<double>& keeping,
             const double* x, double* y) {
  for_each_vector<double>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const hn::Rebind<std::uint32_t, decltype(d)> du;
    const hn::Rebind<std::int32_t, decltype(d)> di;
    const auto number = hn::PromoteTo(d, hn::BitCast(di, hn::LoadU(du, bits + i)));
    const auto dropped = hn::Lt(number, hn::Set(d, static_cast<double>(threshold)));
    const auto kept = hn::MulAdd(hn::LoadU(d, x + i), hn::Set(d, keeping.scale), hn::Set(d, keeping.offset));
    hn::StoreU(hn::IfThenElse(dropped, hn::Set(d, keeping.otherwise), kept), d, y + i);
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
void keep_elements(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, const Keeping<float>& keeping,
                   const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(KeepF32)(n, bits, threshold, keeping, x, y);
}
template <>
void keep_elements(std::size_t n, const std::uint32_t* bits, std::uint32_t threshold, const Keeping<double>& keeping,
                   const double* x, double* y) {
  HWY_DYNAMIC_DISPATCH(KeepF64)(n, bits, threshold, keeping, x, y);
}

}  // namespace hubel::simd
#endif
