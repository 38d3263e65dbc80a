// Vectors of double from memory that holds float or double, for sums and losses that are taken in double; compiled once
// for each instruction set that includes it.

#if defined(HUBEL_SIMD_DOUBLES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_DOUBLES_INL_H_
#undef HUBEL_SIMD_DOUBLES_INL_H_
#else
#define HUBEL_SIMD_DOUBLES_INL_H_
#endif

#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load_as_double(D d, const double* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load_as_double(D d, const float* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), from));
}
template <class D>
HWY_INLINE void store_from_double(D d, hn::Vec<D> value, double* to) {
  hn::StoreU(value, d, to);
}
template <class D>
HWY_INLINE void store_from_double(D, hn::Vec<D> value, float* to) {
  const hn::Rebind<float, D> df;
  hn::StoreU(hn::DemoteTo(df, value), df, to);
}

// A sum of vectors of whatever width for_each_vector hands out: whole ones lane by lane, what is left over apart.
class DoubleSum {
 public:
  HWY_INLINE DoubleSum() : whole_(hn::Zero(hn::ScalableTag<double>())), rest_(0) {}
  template <class D>
  HWY_INLINE void add(D d, hn::Vec<D> value) {
    if constexpr (std::is_same_v<D, hn::ScalableTag<double>>) {
      whole_ = hn::Add(whole_, value);
    } else {
      rest_ += hn::GetLane(hn::SumOfLanes(d, value));
    }
  }
  HWY_INLINE double value() const { return hn::GetLane(hn::SumOfLanes(hn::ScalableTag<double>(), whole_)) + rest_; }

 private:
  hn::Vec<hn::ScalableTag<double>> whole_;
  double rest_;
};

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
