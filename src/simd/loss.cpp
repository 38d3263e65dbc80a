// The loops of losses that are sums over elements; see loss.hpp. Everything is computed in double, whose sums of float
// losses round well; the losses without logarithms stay bound by memory.
#include "simd/loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/loss.cpp"
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

// max(x, low) that lets NaN through: a comparison with NaN is false.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V at_least(D d, V x, double low) {
  const V bound = hn::Set(d, low);
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
}

// A loss and its slope in y. `p` is the parameter.
template <class V>
struct LossAndSlope {
  V loss, slope;
};

struct Squared {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D, V y, V t, V) {
    const V d = hn::Sub(y, t);
    return {hn::Mul(d, d), hn::Add(d, d)};
  }
};
struct Absolute {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, V) {
    const V x = hn::Sub(y, t), one = hn::Set(d, 1.0);
    const V sign = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Zero(d), hn::CopySign(one, x));
    return {hn::Abs(x), hn::IfThenElse(hn::IsNaN(x), x, sign)};
  }
};
struct HuberLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, V p) {
    const V x = hn::Sub(y, t), size = hn::Abs(x), half = hn::Set(d, 0.5);
    const auto far = hn::Gt(size, p);
    return {hn::IfThenElse(far, hn::Mul(p, hn::NegMulAdd(half, p, size)), hn::Mul(half, hn::Mul(x, x))),
            hn::IfThenElse(far, hn::CopySign(p, x), x)};
  }
};
// Probabilities too small for their logarithm to be above -100 lie below e^-100; slopes are bounded as in PyTorch.
struct Binary {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, V p) {
    constexpr double kSmallest = 3.720075976020836e-44, kSmallestDivisor = 1e-12;
    const V one = hn::Set(d, 1.0), rest = hn::Sub(one, y), pt = hn::Mul(p, t), not_t = hn::Sub(one, t);
    const V yes = log_any(d, at_least(d, y, kSmallest)), no = log_any(d, at_least(d, rest, kSmallest));
    const V slope =
        hn::Sub(hn::Div(not_t, at_least(d, rest, kSmallestDivisor)), hn::Div(pt, at_least(d, y, kSmallestDivisor)));
    return {hn::Neg(hn::MulAdd(pt, yes, hn::Mul(not_t, no))), slope};
  }
  template <class D, class V>
  static HWY_INLINE V log_any(D d, V x) {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Log(d, x));
  }
};
// -log sigmoid(y) = log(1 + e^-|y|) + max(-y, 0), whose exponential cannot overflow, and -log(1 - sigmoid(y)) the same
// of -y. What has no share in the loss may be infinite.
struct BinaryLogits {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, V p) {
    const V one = hn::Set(d, 1.0), zero = hn::Zero(d), pt = hn::Mul(p, t), not_t = hn::Sub(one, t);
    const V e = hn::Exp(d, hn::Neg(hn::Abs(y))), curve = hn::Log1p(d, e);
    const auto negative = hn::Lt(y, zero);
    const V yes = hn::Add(curve, hn::IfThenElse(negative, hn::Neg(y), zero));
    const V no = hn::Add(curve, hn::IfThenElse(negative, zero, y));
    const V loss = hn::Add(hn::IfThenZeroElse(hn::Eq(pt, zero), hn::Mul(pt, yes)),
                           hn::IfThenZeroElse(hn::Eq(not_t, zero), hn::Mul(not_t, no)));
    const V large = hn::Div(one, hn::Add(one, e)), small = hn::Div(e, hn::Add(one, e));  // sigmoids of |y| and -|y|
    const V slope = hn::NegMulAdd(pt, hn::IfThenElse(negative, large, small),
                                  hn::Mul(not_t, hn::IfThenElse(negative, small, large)));
    const auto unknown = hn::IsNaN(y);
    return {hn::IfThenElse(unknown, y, loss), hn::IfThenElse(unknown, y, slope)};
  }
};
// 1 - t y, where that is above 0 (or NaN); t = 0 stands for -1.
template <class D, class V>
HWY_INLINE LossAndSlope<V> margin(D d, V y, V t) {
  const V one = hn::Set(d, 1.0), zero = hn::Zero(d);
  const V side = hn::IfThenElse(hn::Eq(t, zero), hn::Neg(one), t);
  const V short_by = hn::NegMulAdd(side, y, one);
  const auto enough = hn::Le(short_by, zero);
  return {hn::IfThenZeroElse(enough, short_by), hn::IfThenZeroElse(enough, hn::Neg(side))};
}
struct HingeLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, V) {
    return margin(d, y, t);
  }
};
struct SquaredHingeLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, V) {
    const auto [loss, slope] = margin(d, y, t);
    return {hn::Mul(loss, loss), hn::Mul(hn::Add(loss, loss), slope)};
  }
};

template <class Kind, class T>
HWY_INLINE double sum_of(double parameter, double scale, const T* y, const T* t, T* gradient, std::size_t n) {
  DoubleSum sum;
  for_each_vector<double>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto [loss, slope] = Kind::at(d, load_as_double(d, y + i), load_as_double(d, t + i), hn::Set(d, parameter));
    if (gradient) store_from_double(d, hn::Mul(slope, hn::Set(d, scale)), gradient + i);
    sum.add(d, loss);
  });
  return sum.value();
}

template <class T>
HWY_INLINE double element_loss_any(ElementLoss loss, double p, double scale, const T* y, const T* t, T* gradient,
                                   std::size_t n) {
  switch (loss) {
    case ElementLoss::squared:
      return sum_of<Squared>(p, scale, y, t, gradient, n);
    case ElementLoss::absolute:
      return sum_of<Absolute>(p, scale, y, t, gradient, n);
    case ElementLoss::huber:
      return sum_of<HuberLoss>(p, scale, y, t, gradient, n);
    case ElementLoss::binary:
      return sum_of<Binary>(p, scale, y, t, gradient, n);
    case ElementLoss::binary_logits:
      return sum_of<BinaryLogits>(p, scale, y, t, gradient, n);
    case ElementLoss::hinge:
      return sum_of<HingeLoss>(p, scale, y, t, gradient, n);
    case ElementLoss::squared_hinge:
      return sum_of<SquaredHingeLoss>(p, scale, y, t, gradient, n);
  }
  return 0;
}

double ElementLossF32(ElementLoss loss, double p, double scale, const float* y, const float* t, float* gradient,
                      std::size_t n) {
  return element_loss_any(loss, p, scale, y, t, gradient, n);
}
double ElementLossF64(ElementLoss loss, double p, double scale, const double* y, const double* t, double* gradient,
                      std::size_t n) {
  return element_loss_any(loss, p, scale, y, t, gradient, n);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ElementLossF32);
HWY_EXPORT(ElementLossF64);

template <>
double element_loss(ElementLoss loss, double parameter, double scale, const float* y, const float* t, float* gradient,
                    std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(ElementLossF32)(loss, parameter, scale, y, t, gradient, n);
}
template <>
double element_loss(ElementLoss loss, double parameter, double scale, const double* y, const double* t,
                    double* gradient, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(ElementLossF64)(loss, parameter, scale, y, t, gradient, n);
}

}  // namespace hubel::simd
#endif
