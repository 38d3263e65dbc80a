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

// A loss and its slope in y.
template <class V>
struct LossAndSlope {
  V loss, slope;
};
// ElementParameters' p and q.
template <class V>
struct Parameters {
  V p, q;
};

struct Squared {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D, V y, V t, Parameters<V>) {
    const V d = hn::Sub(y, t);
    return {hn::Mul(d, d), hn::Add(d, d)};
  }
};
struct Absolute {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V>) {
    const V x = hn::Sub(y, t), one = hn::Set(d, 1.0);
    const V sign = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Zero(d), hn::CopySign(one, x));
    return {hn::Abs(x), hn::IfThenElse(hn::IsNaN(x), x, sign)};
  }
};
struct AbsolutePercentage {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const V size = hn::Abs(t), factor = hn::Div(hn::Set(d, 100.0), hn::IfThenElse(hn::Lt(size, own.p), own.p, size));
    const auto [loss, slope] = Absolute::at(d, y, t, own);
    return {hn::Mul(factor, loss), hn::Mul(factor, slope)};
  }
};
struct HuberLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const V x = hn::Sub(y, t), size = hn::Abs(x), half = hn::Set(d, 0.5), p = own.p;
    const auto far = hn::Gt(size, p);
    return {hn::IfThenElse(far, hn::Mul(p, hn::NegMulAdd(half, p, size)), hn::Mul(half, hn::Mul(x, x))),
            hn::IfThenElse(far, hn::CopySign(p, x), x)};
  }
};
// Probabilities too small for their logarithm to be above -100 lie below e^-100; slopes are bounded as in PyTorch.
struct Binary {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    constexpr double kSmallest = 3.720075976020836e-44, kSmallestDivisor = 1e-12;
    const V one = hn::Set(d, 1.0), rest = hn::Sub(one, y), pt = hn::Mul(own.p, t), not_t = hn::Sub(one, t);
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
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const V one = hn::Set(d, 1.0), zero = hn::Zero(d), pt = hn::Mul(own.p, t), not_t = hn::Sub(one, t);
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
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V>) {
    return margin(d, y, t);
  }
};
struct SquaredHingeLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V>) {
    const auto [loss, slope] = margin(d, y, t);
    return {hn::Mul(loss, loss), hn::Mul(hn::Add(loss, loss), slope)};
  }
};

// |x| + log((1 + e^(-2 |x|)) / 2), whose exponential cannot overflow.
struct LogCoshLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V>) {
    constexpr double kLog2 = 0.69314718055994530942;
    const V x = hn::Sub(y, t), size = hn::Abs(x), e = hn::Exp(d, hn::Mul(size, hn::Set(d, -2.0)));
    const V one = hn::Set(d, 1.0), loss = hn::Add(size, hn::Sub(hn::Log1p(d, e), hn::Set(d, kLog2)));
    // Near 0 the terms cancel: x^2 / 2 - x^4 / 12 has more digits.
    const V square = hn::Mul(x, x);
    const V near = hn::Mul(square, hn::NegMulAdd(square, hn::Set(d, 1.0 / 12), hn::Set(d, 0.5)));
    const V tanh = hn::CopySign(hn::Div(hn::Neg(hn::Expm1(d, hn::Mul(size, hn::Set(d, -2.0)))), hn::Add(one, e)), x);
    const auto unknown = hn::IsNaN(x);
    return {hn::IfThenElse(unknown, x, hn::IfThenElse(hn::Lt(size, hn::Set(d, 1e-3)), near, loss)),
            hn::IfThenElse(unknown, x, tanh)};
  }
};
struct SquaredLogarithmic {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const auto below = hn::Lt(y, own.p);
    const V output = hn::IfThenElse(below, own.p, y), target = hn::IfThenElse(hn::Lt(t, own.p), own.p, t);
    const V difference = hn::Sub(hn::Log1p(d, output), hn::Log1p(d, target));
    const V slope = hn::Div(hn::Add(difference, difference), hn::Add(hn::Set(d, 1.0), output));
    const V either = hn::Add(y, t);
    const auto unknown = hn::IsNaN(either);
    return {hn::IfThenElse(unknown, either, hn::Mul(difference, difference)),
            hn::IfThenElse(unknown, either, hn::IfThenZeroElse(below, slope))};
  }
};
struct PoissonLoss {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const V rate = hn::Add(at_least(d, y, 0), own.p);
    return {hn::NegMulAdd(t, Binary::log_any(d, rate), y), hn::Sub(hn::Set(d, 1.0), hn::Div(t, rate))};
  }
};

// The focal losses from a binary cross-entropy, how much is missing to the right answer, and the slopes of both: of
// missing^p times the loss.
template <class D, class V>
HWY_INLINE LossAndSlope<V> focused(D d, LossAndSlope<V> entropy, LossAndSlope<V> missing, V t, Parameters<V> own) {
  const V zero = hn::Zero(d), one = hn::Set(d, 1.0);
  const auto found = hn::Le(missing.loss, zero);
  const V power = hn::Exp(d, hn::Mul(own.p, hn::Log(d, hn::IfThenElse(found, one, missing.loss))));
  const V factor = hn::IfThenElse(found, hn::IfThenElse(hn::Eq(own.p, zero), one, zero), power);
  const V bend = hn::IfThenZeroElse(found, hn::Div(hn::Mul(hn::Mul(own.p, power), entropy.loss), missing.loss));
  const V balanced = hn::MulAdd(t, own.q, hn::Mul(hn::Sub(one, t), hn::Sub(one, own.q)));
  const V weight = hn::IfThenElse(hn::Lt(own.q, zero), one, balanced);
  return {hn::Mul(weight, hn::Mul(factor, entropy.loss)),
          hn::Mul(weight, hn::MulAdd(bend, missing.slope, hn::Mul(factor, entropy.slope)))};
}
struct Focal {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const V one = hn::Set(d, 1.0);
    const V raw = hn::MulAdd(t, hn::Sub(one, y), hn::Mul(hn::Sub(one, t), y));
    const V missing = hn::IfThenElse(hn::Gt(raw, one), one, raw);  // NaN passes
    return focused(d, Binary::at(d, y, t, Parameters<V>{one, one}), {missing, hn::Sub(one, hn::Add(t, t))}, t, own);
  }
};
struct FocalLogits {
  template <class D, class V>
  static HWY_INLINE LossAndSlope<V> at(D d, V y, V t, Parameters<V> own) {
    const V one = hn::Set(d, 1.0), e = hn::Exp(d, hn::Neg(hn::Abs(y)));
    const V large = hn::Div(one, hn::Add(one, e)), small = hn::Div(e, hn::Add(one, e));
    const auto negative = hn::Lt(y, hn::Zero(d));
    const V yes = hn::IfThenElse(negative, small, large), no = hn::IfThenElse(negative, large, small);
    const V missing = hn::MulAdd(t, no, hn::Mul(hn::Sub(one, t), yes));
    const V slope = hn::Mul(hn::Sub(one, hn::Add(t, t)), hn::Mul(yes, no));
    return focused(d, BinaryLogits::at(d, y, t, Parameters<V>{one, one}), {missing, slope}, t, own);
  }
};

template <class Kind, class T>
HWY_INLINE double sum_of(const ElementParameters& own, double scale, const T* y, const T* t, T* gradient,
                         std::size_t n) {
  DoubleSum sum;
  for_each_vector<double>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto target =
        hn::MulAdd(load_as_double(d, t + i), hn::Set(d, 1 - own.smoothing), hn::Set(d, own.smoothing / 2));
    const Parameters<hn::Vec<decltype(d)>> parameters = {hn::Set(d, own.p), hn::Set(d, own.q)};
    const auto [loss, slope] = Kind::at(d, load_as_double(d, y + i), target, parameters);
    if (gradient) store_from_double(d, hn::Mul(slope, hn::Set(d, scale)), gradient + i);
    sum.add(d, loss);
  });
  return sum.value();
}

template <class T>
HWY_INLINE double element_loss_any(ElementLoss loss, const ElementParameters& own, double scale, const T* y, const T* t,
                                   T* gradient, std::size_t n) {
  switch (loss) {
    case ElementLoss::squared:
      return sum_of<Squared>(own, scale, y, t, gradient, n);
    case ElementLoss::absolute:
      return sum_of<Absolute>(own, scale, y, t, gradient, n);
    case ElementLoss::absolute_percentage:
      return sum_of<AbsolutePercentage>(own, scale, y, t, gradient, n);
    case ElementLoss::squared_logarithmic:
      return sum_of<SquaredLogarithmic>(own, scale, y, t, gradient, n);
    case ElementLoss::huber:
      return sum_of<HuberLoss>(own, scale, y, t, gradient, n);
    case ElementLoss::binary:
      return sum_of<Binary>(own, scale, y, t, gradient, n);
    case ElementLoss::binary_logits:
      return sum_of<BinaryLogits>(own, scale, y, t, gradient, n);
    case ElementLoss::hinge:
      return sum_of<HingeLoss>(own, scale, y, t, gradient, n);
    case ElementLoss::squared_hinge:
      return sum_of<SquaredHingeLoss>(own, scale, y, t, gradient, n);
    case ElementLoss::log_cosh:
      return sum_of<LogCoshLoss>(own, scale, y, t, gradient, n);
    case ElementLoss::poisson:
      return sum_of<PoissonLoss>(own, scale, y, t, gradient, n);
    case ElementLoss::focal:
      return sum_of<Focal>(own, scale, y, t, gradient, n);
    case ElementLoss::focal_logits:
      return sum_of<FocalLogits>(own, scale, y, t, gradient, n);
  }
  return 0;
}

double ElementLossF32(ElementLoss loss, const ElementParameters& own, double scale, const float* y, const float* t,
                      float* gradient, std::size_t n) {
  return element_loss_any(loss, own, scale, y, t, gradient, n);
}
double ElementLossF64(ElementLoss loss, const ElementParameters& own, double scale, const double* y, const double* t,
                      double* gradient, std::size_t n) {
  return element_loss_any(loss, own, scale, y, t, gradient, n);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ElementLossF32);
HWY_EXPORT(ElementLossF64);

template <>
double element_loss(ElementLoss loss, const ElementParameters& parameters, double scale, const float* y, const float* t,
                    float* gradient, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(ElementLossF32)(loss, parameters, scale, y, t, gradient, n);
}
template <>
double element_loss(ElementLoss loss, const ElementParameters& parameters, double scale, const double* y,
                    const double* t, double* gradient, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(ElementLossF64)(loss, parameters, scale, y, t, gradient, n);
}

}  // namespace hubel::simd
#endif
