// Elementwise loops; see elementwise.hpp. exp, tanh and log1p are Highway's (at most 4 ulp); what their ranges leave
// out (overflow, NaN) is mended here.
#include "simd/elementwise.hpp"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/elementwise.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// exp(x) for every x: beyond Highway's range the result is infinite, and NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_any(D d, V x) {
  using T = hn::TFromD<D>;
  const V top = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? 104.0 : 1000.0));  // exp is infinite here
  const V y = hn::Exp(d, hn::IfThenElse(hn::Gt(x, top), top, x));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V expm1_any(D d, V x) {
  using T = hn::TFromD<D>;
  const V top = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? 104.0 : 1000.0));
  const V y = hn::Expm1(d, hn::IfThenElse(hn::Gt(x, top), top, x));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// By the exponential of -|x|, which cannot overflow: 1 / (1 + e) to the right of 0, e / (1 + e) to the left.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, hn::TFromD<D>(1));
  const V e = exp_any(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

// min(max(x, low), high) that lets NaN through: a comparison with NaN is false.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V clamp(D d, V x, double low, double high) {
  const V lo = hn::Set(d, static_cast<hn::TFromD<D>>(low)), hi = hn::Set(d, static_cast<hn::TFromD<D>>(high));
  const V raised = hn::IfThenElse(hn::Lt(x, lo), lo, x);
  return hn::IfThenElse(hn::Gt(raised, hi), hi, raised);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V scalar(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// SELU's constants, from the paper's fixed point (Klambauer et al. 2017).
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
inline constexpr double kLeakySlope = 0.01;

// Each activation: forward(d, x), and slope(d, x, y), its derivative. Whether slope reads x is derivative_needs_input's
// business (ops/derivative.hpp).
struct Identity {
  template <class D, class V>
  static HWY_INLINE V forward(D, V x) {
    return x;
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V) {
    return scalar<D, V>(d, 1);
  }
};
struct Relu {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    const V zero = hn::Zero(d);
    return hn::IfThenElse(hn::Lt(x, zero), zero, x);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    return hn::IfThenElse(hn::Eq(y, hn::Zero(d)), hn::Zero(d), scalar<D, V>(d, 1));
  }
};
struct Relu6 {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return clamp(d, x, 0, 6);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    const auto flat = hn::Or(hn::Eq(y, hn::Zero(d)), hn::Ge(y, scalar<D, V>(d, 6)));
    return hn::IfThenElse(flat, hn::Zero(d), scalar<D, V>(d, 1));
  }
};
struct LeakyRelu {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, scalar<D, V>(d, kLeakySlope)), x);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    return hn::IfThenElse(hn::Le(y, hn::Zero(d)), scalar<D, V>(d, kLeakySlope), scalar<D, V>(d, 1));
  }
};
struct Elu {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, expm1_any(d, x));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    const V one = scalar<D, V>(d, 1);
    return hn::IfThenElse(hn::Gt(y, hn::Zero(d)), one, hn::Add(y, one));
  }
};
struct Selu {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    const V scale = scalar<D, V>(d, kSeluScale), alpha = scalar<D, V>(d, kSeluAlpha);
    return hn::Mul(scale, hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(alpha, expm1_any(d, x))));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    const V scale = scalar<D, V>(d, kSeluScale);
    return hn::IfThenElse(hn::Gt(y, hn::Zero(d)), scale, hn::Add(y, scalar<D, V>(d, kSeluScale * kSeluAlpha)));
  }
};
// x times a factor that goes to 0 on the left: at -inf the product would be -inf * 0; the limit is 0.
template <class D, class V>
HWY_INLINE V gated(D d, V x, V factor) {
  const V least = scalar<D, V>(d, -std::numeric_limits<hn::TFromD<D>>::max());
  return hn::IfThenElse(hn::Lt(x, least), hn::Zero(d), hn::Mul(x, factor));
}
struct Silu {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return gated(d, x, sigmoid(d, x));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V x, V y) {
    const V s = sigmoid(d, x);
    return hn::MulAdd(y, hn::Sub(scalar<D, V>(d, 1), s), s);
  }
};
// (1 + tanh(u)) / 2 = sigmoid(2 u), whose left tail is accurate.
struct GeluTanh {
  static constexpr double kLinear = 1.59576912160573071176;  // sqrt(8 / pi)
  static constexpr double kCubic = 0.044715 * kLinear;

  template <class D, class V>
  static HWY_INLINE V twice_u(D d, V x) {
    return hn::Mul(x, hn::MulAdd(hn::Mul(x, x), scalar<D, V>(d, kCubic), scalar<D, V>(d, kLinear)));
  }
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return gated(d, x, sigmoid(d, twice_u(d, x)));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V x, V) {
    const V near = clamp(d, x, -30, 30);  // beyond it is 0 or 1, and powers would overflow
    const V u = twice_u(d, near);
    const V inner = hn::MulAdd(hn::Mul(near, near), scalar<D, V>(d, 3 * kCubic), scalar<D, V>(d, kLinear));
    // Where the sigmoid is close to 1, 1 less it would have few digits; its other side has all.
    return hn::MulAdd(hn::Mul(near, inner), hn::Mul(sigmoid(d, u), sigmoid(d, hn::Neg(u))), sigmoid(d, u));
  }
};
// With w = exp(x) and n = w (w + 2): tanh(log(1 + w)) = n / (n + 2).
struct Mish {
  template <class D, class V>
  static HWY_INLINE V bounded_exp(D d, V x) {
    return exp_any(d, clamp(d, x, -std::numeric_limits<double>::infinity(), kTop));
  }
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    const V two = scalar<D, V>(d, 2), w = bounded_exp(d, x), n = hn::Mul(w, hn::Add(w, two));
    return gated(d, x, hn::Div(n, hn::Add(n, two)));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V x, V) {
    const V one = scalar<D, V>(d, 1), two = scalar<D, V>(d, 2);
    const V w = bounded_exp(d, x), n = hn::Mul(w, hn::Add(w, two)), divisor = hn::Add(n, two);
    // sech^2 of softplus times the sigmoid: 4 (n + 1) / (n + 2)^2 * w / (1 + w), and n + 1 = (w + 1)^2.
    const V bend = hn::Div(hn::Mul(hn::Mul(scalar<D, V>(d, 4), w), hn::Add(w, one)), hn::Mul(divisor, divisor));
    return hn::Add(hn::Div(n, divisor), gated(d, clamp(d, x, -std::numeric_limits<double>::infinity(), kTop), bend));
  }

 private:
  static constexpr double kTop = 20;  // from here on tanh(softplus(x)) is 1 to the last bit
};
struct Softplus {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    const V positive = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
    return hn::Add(positive, hn::Log1p(d, exp_any(d, hn::Neg(hn::Abs(x)))));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V x, V) {
    return sigmoid(d, x);
  }
};
struct Softsign {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    const V size = hn::Abs(x);
    const V y = hn::Div(x, hn::Add(scalar<D, V>(d, 1), size));
    const V one = hn::CopySign(scalar<D, V>(d, 1), x);
    return hn::IfThenElse(hn::Gt(size, scalar<D, V>(d, std::numeric_limits<hn::TFromD<D>>::max())), one, y);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    const V rest = hn::Sub(scalar<D, V>(d, 1), hn::Abs(y));
    return hn::Mul(rest, rest);
  }
};
struct Sigmoid {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return sigmoid(d, x);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    return hn::Mul(y, hn::Sub(scalar<D, V>(d, 1), y));
  }
};
struct HardSigmoid {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return clamp(d, hn::MulAdd(x, scalar<D, V>(d, 1.0 / 6), scalar<D, V>(d, 0.5)), 0, 1);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V x, V) {
    const auto flat = hn::Or(hn::Le(x, scalar<D, V>(d, -3)), hn::Ge(x, scalar<D, V>(d, 3)));
    return hn::IfThenElse(flat, hn::Zero(d), scalar<D, V>(d, 1.0 / 6));
  }
};
struct HardSwish {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    const V y = hn::Mul(x, HardSigmoid::forward(d, x));
    return hn::IfThenElse(hn::Le(x, scalar<D, V>(d, -3)), hn::Zero(d), y);  // also where x is -inf
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V x, V) {
    const V inner = hn::MulAdd(x, scalar<D, V>(d, 1.0 / 3), scalar<D, V>(d, 0.5));
    const V upper = hn::IfThenElse(hn::Ge(x, scalar<D, V>(d, 3)), scalar<D, V>(d, 1), inner);
    return hn::IfThenElse(hn::Le(x, scalar<D, V>(d, -3)), hn::Zero(d), upper);
  }
};
struct HardTanh {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return clamp(d, x, -1, 1);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    return hn::IfThenElse(hn::Ge(hn::Abs(y), scalar<D, V>(d, 1)), hn::Zero(d), scalar<D, V>(d, 1));
  }
};
struct Tanh {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, x));
  }
  template <class D, class V>
  static HWY_INLINE V slope(D d, V, V y) {
    return hn::NegMulAdd(y, y, scalar<D, V>(d, 1));
  }
};
struct Exponential {
  template <class D, class V>
  static HWY_INLINE V forward(D d, V x) {
    return exp_any(d, x);
  }
  template <class D, class V>
  static HWY_INLINE V slope(D, V, V y) {
    return y;
  }
};

// GELU needs the error function, which Highway lacks, so it runs through the C library element by element.
// erfc keeps the left tail accurate, where 1 + erf would cancel.
template <class T>
T gelu(T x) {
  if (x == -std::numeric_limits<T>::infinity()) return T(0);
  return x * T(0.5) * std::erfc(-x * static_cast<T>(0.70710678118654752440));
}
template <class T>
T gelu_slope(T x) {
  if (std::isinf(x)) return x > 0 ? T(1) : T(0);
  const T density = static_cast<T>(0.39894228040143267794) * std::exp(T(-0.5) * x * x);
  return T(0.5) * std::erfc(-x * static_cast<T>(0.70710678118654752440)) + x * density;
}

// Calls f(an object of the activation's struct); gelu and the softmaxes are handled by the callers.
template <class F>
HWY_INLINE void with_activation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::relu:
      return f(Relu());
    case Activation::relu6:
      return f(Relu6());
    case Activation::leaky_relu:
      return f(LeakyRelu());
    case Activation::elu:
      return f(Elu());
    case Activation::selu:
      return f(Selu());
    case Activation::gelu_tanh:
      return f(GeluTanh());
    case Activation::silu:
      return f(Silu());
    case Activation::mish:
      return f(Mish());
    case Activation::softplus:
      return f(Softplus());
    case Activation::softsign:
      return f(Softsign());
    case Activation::sigmoid:
      return f(Sigmoid());
    case Activation::hard_sigmoid:
      return f(HardSigmoid());
    case Activation::hard_swish:
      return f(HardSwish());
    case Activation::hard_tanh:
      return f(HardTanh());
    case Activation::tanh:
      return f(Tanh());
    case Activation::exponential:
      return f(Exponential());
    default:
      return f(Identity());
  }
}

template <class T>
HWY_INLINE void activate_any(Activation activation, const T* x, T* y, std::size_t n) {
  if (activation == Activation::gelu) {
    for (std::size_t i = 0; i < n; ++i) y[i] = gelu(x[i]);
    return;
  }
  with_activation(activation, [&](auto function) HWY_ATTR {
    using Function = decltype(function);
    for_each_vector<T>(
        n, [&](auto d, std::size_t i) HWY_ATTR { hn::StoreU(Function::forward(d, hn::LoadU(d, x + i)), d, y + i); });
  });
}

template <class T>
HWY_INLINE void activate_backward_any(Activation activation, const T* dy, const T* x, const T* y, T* dx,
                                      std::size_t n) {
  if (activation == Activation::gelu) {
    for (std::size_t i = 0; i < n; ++i) dx[i] = dy[i] * gelu_slope(x[i]);
    return;
  }
  if (!x) x = y;  // never looked at then, but the loop below loads it
  with_activation(activation, [&](auto function) HWY_ATTR {
    using Function = decltype(function);
    for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
      const auto slope = Function::slope(d, hn::LoadU(d, x + i), hn::LoadU(d, y + i));
      hn::StoreU(hn::Mul(hn::LoadU(d, dy + i), slope), d, dx + i);
    });
  });
}

// The row is shifted by its maximum, so that the largest exponential is 1 and none overflows. A row with NaN, or with
// +inf, becomes NaN, as the formula has it.
template <class T>
HWY_INLINE void softmax_row(bool log, const T* x, T* y, std::size_t n) {
  T top = x[0];
  for (std::size_t i = 1; i < n; ++i) top = x[i] > top || std::isnan(x[i]) ? x[i] : top;
  double sum = 0;
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto shifted = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, top));
    const auto e = exp_any(d, shifted);
    hn::StoreU(log ? shifted : e, d, y + i);
    // GetLane of a sum would depend on the vector's width; a plain loop over the lanes does not.
    HWY_ALIGN T lanes_of[HWY_MAX_BYTES / sizeof(T)];
    hn::StoreU(e, d, lanes_of);
    for (std::size_t k = 0; k < hn::Lanes(d); ++k) sum += lanes_of[k];
  });
  const T scale = static_cast<T>(log ? std::log(sum) : sum);
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, y + i);
    hn::StoreU(log ? hn::Sub(v, hn::Set(d, scale)) : hn::Div(v, hn::Set(d, scale)), d, y + i);
  });
}

template <class T>
HWY_INLINE void softmax_rows_any(bool log, const T* x, T* y, std::size_t rows, std::size_t columns) {
  if (columns == 0) return;
  for (std::size_t r = 0; r < rows; ++r) softmax_row(log, x + r * columns, y + r * columns, columns);
}

template <class T>
HWY_INLINE void column_sums(const T* x, std::size_t rows, std::size_t columns, T* sums) {
  for_each_vector<T>(columns, [&](auto d, std::size_t c) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (std::size_t r = 0; r < rows; ++r) sum = hn::Add(sum, hn::LoadU(d, x + r * columns + c));
    hn::StoreU(hn::Add(hn::LoadU(d, sums + c), sum), d, sums + c);
  });
}

void ActivateF32(Activation a, const float* x, float* y, std::size_t n) { activate_any(a, x, y, n); }
void ActivateF64(Activation a, const double* x, double* y, std::size_t n) { activate_any(a, x, y, n); }
void ActivateBackwardF32(Activation a, const float* dy, const float* x, const float* y, float* dx, std::size_t n) {
  activate_backward_any(a, dy, x, y, dx, n);
}
void ActivateBackwardF64(Activation a, const double* dy, const double* x, const double* y, double* dx, std::size_t n) {
  activate_backward_any(a, dy, x, y, dx, n);
}
void SoftmaxRowsF32(bool log, const float* x, float* y, std::size_t rows, std::size_t columns) {
  softmax_rows_any(log, x, y, rows, columns);
}
void SoftmaxRowsF64(bool log, const double* x, double* y, std::size_t rows, std::size_t columns) {
  softmax_rows_any(log, x, y, rows, columns);
}
void ColumnSumsF32(const float* x, std::size_t rows, std::size_t columns, float* sums) {
  column_sums(x, rows, columns, sums);
}
void ColumnSumsF64(const double* x, std::size_t rows, std::size_t columns, double* sums) {
  column_sums(x, rows, columns, sums);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ActivateF32);
HWY_EXPORT(ActivateF64);
HWY_EXPORT(ActivateBackwardF32);
HWY_EXPORT(ActivateBackwardF64);
HWY_EXPORT(SoftmaxRowsF32);
HWY_EXPORT(SoftmaxRowsF64);
HWY_EXPORT(ColumnSumsF32);
HWY_EXPORT(ColumnSumsF64);

template <>
void activate(Activation activation, const float* x, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(ActivateF32)(activation, x, y, n);
}
template <>
void activate(Activation activation, const double* x, double* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(ActivateF64)(activation, x, y, n);
}
template <>
void activate_backward(Activation activation, const float* dy, const float* x, const float* y, float* dx,
                       std::size_t n) {
  HWY_DYNAMIC_DISPATCH(ActivateBackwardF32)(activation, dy, x, y, dx, n);
}
template <>
void activate_backward(Activation activation, const double* dy, const double* x, const double* y, double* dx,
                       std::size_t n) {
  HWY_DYNAMIC_DISPATCH(ActivateBackwardF64)(activation, dy, x, y, dx, n);
}
template <>
void softmax_rows(bool log, const float* x, float* y, std::size_t rows, std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRowsF32)(log, x, y, rows, columns);
}
template <>
void softmax_rows(bool log, const double* x, double* y, std::size_t rows, std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRowsF64)(log, x, y, rows, columns);
}
template <>
void add_column_sums(const float* x, std::size_t rows, std::size_t columns, float* sums) {
  HWY_DYNAMIC_DISPATCH(ColumnSumsF32)(x, rows, columns, sums);
}
template <>
void add_column_sums(const double* x, std::size_t rows, std::size_t columns, double* sums) {
  HWY_DYNAMIC_DISPATCH(ColumnSumsF64)(x, rows, columns, sums);
}

}  // namespace hubel::simd
#endif
