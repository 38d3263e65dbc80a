// The activations that other loops run in their registers: identity, relu and relu6, each forward(d, x) and
// backward(d, dy, y), y being its output. They give the bits of activate and activate_backward (elementwise.cpp).

#if defined(HUBEL_SIMD_FUSED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_FUSED_INL_H_
#undef HUBEL_SIMD_FUSED_INL_H_
#else
#define HUBEL_SIMD_FUSED_INL_H_
#endif

#include "hubel/activation.hpp"
#include "hwy/highway.h"
#include "simd/fused.hpp"
#include "simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// x within bounds, with the bits of FusedRelu and FusedRelu6: -0 is not below 0.
template <class V>
HWY_INLINE V bounded(V x, V low, V high) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Min(high, hn::Max(low, x));  // x86 takes the second operand where one is NaN or both are equal
#else
  const V raised = hn::IfThenElse(hn::Lt(x, low), low, x);
  return hn::IfThenElse(hn::Gt(raised, high), high, raised);
#endif
}

struct FusedIdentity {
  static constexpr bool kReadsOutput = false;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V forward(D, V x) {
    return x;
  }
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V backward(D, V dy, V) {
    return dy;
  }
};

// Comparisons with NaN are false, so that NaN passes.
struct FusedRelu {
  static constexpr bool kReadsOutput = true;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V forward(D d, V x) {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
  }
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V backward(D d, V dy, V y) {
    const V one = hn::Set(d, hn::TFromD<D>(1));
    return hn::Mul(dy, hn::IfThenElse(hn::Eq(y, hn::Zero(d)), hn::Zero(d), one));
  }
};

struct FusedRelu6 {
  static constexpr bool kReadsOutput = true;
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V forward(D d, V x) {
    const V six = hn::Set(d, hn::TFromD<D>(6)), raised = FusedRelu::forward(d, x);
    return hn::IfThenElse(hn::Gt(raised, six), six, raised);
  }
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V backward(D d, V dy, V y) {
    const V six = hn::Set(d, hn::TFromD<D>(6));
    return hn::IfThenElse(hn::Ge(y, six), hn::Mul(dy, hn::Zero(d)), FusedRelu::backward(d, dy, y));
  }
};

// Calls f(an object of the activation's struct).
template <class F>
HWY_INLINE void with_fused(Activation activation, const F& f) {
  switch (activation) {
    case Activation::relu:
      return f(FusedRelu());
    case Activation::relu6:
      return f(FusedRelu6());
    default:
      return f(FusedIdentity());
  }
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
