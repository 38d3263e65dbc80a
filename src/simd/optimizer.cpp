// The optimisers' loops; see optimizer.hpp. They are bound by memory and by one square root and one division an
// element, which the vector units do a register at a time.
#include "simd/optimizer.hpp"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/optimizer.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/doubles-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Zero for what is smaller than `least`. A moment whose gradients have stopped would otherwise decay to a subnormal
// number and stay one, and those cost processors ten times the time.
template <class D, class V, class T>
HWY_INLINE V without_subnormals(D d, V x, T least) {
  return hn::IfThenZeroElse(hn::Lt(hn::Abs(x), hn::Set(d, least)), x);
}

// g + decay w.
template <class D, class V, class T>
HWY_INLINE V decayed(D d, V g, T decay, const T* w) {
  return decay != T(0) ? hn::MulAdd(hn::Set(d, decay), hn::LoadU(d, w), g) : g;
}

template <class T>
HWY_INLINE void sgd_any(const SgdStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT v, T* HWY_RESTRICT w,
                        std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto momentum = hn::Set(d, step.momentum);
    const auto gradient = decayed(d, hn::LoadU(d, g + i), step.decay, w + i);
    auto change = gradient;
    if (step.momentum != T(0)) {
      const auto velocity =
          without_subnormals(d, hn::MulAdd(momentum, hn::LoadU(d, v + i), gradient), std::numeric_limits<T>::min());
      hn::StoreU(velocity, d, v + i);
      change = step.nesterov ? hn::MulAdd(momentum, velocity, gradient) : velocity;
    }
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), change, hn::LoadU(d, w + i)), d, w + i);
  });
}

// Both moments after a gradient, which are also put back.
template <class V>
struct Moments {
  V first, second;
};
template <class D, class V, class T>
HWY_INLINE Moments<V> update_moments(D d, const AdamStep<T>& step, V gradient, T* m, T* v) {
  const V mean =
      hn::MulAdd(hn::Set(d, step.beta_1), hn::LoadU(d, m), hn::Mul(hn::Set(d, step.one_minus_beta_1), gradient));
  const V square = hn::MulAdd(hn::Set(d, step.beta_2), hn::LoadU(d, v),
                              hn::Mul(hn::Mul(hn::Set(d, step.one_minus_beta_2), gradient), gradient));
  const V first = without_subnormals(d, mean, step.least), second = without_subnormals(d, square, step.least);
  hn::StoreU(first, d, m);
  hn::StoreU(second, d, v);
  return {first, second};
}

// What the first moment is divided by.
template <class D, class V, class T>
HWY_INLINE V size_of(D d, const AdamStep<T>& step, V second) {
  return hn::MulAdd(hn::Sqrt(second), hn::Set(d, step.root), hn::Set(d, step.epsilon));
}

template <class T>
HWY_INLINE void adam_any(const AdamStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT m, T* HWY_RESTRICT v,
                         T* HWY_RESTRICT largest, T* HWY_RESTRICT w, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto gradient = decayed(d, hn::LoadU(d, g + i), step.decay, w + i);
    const auto moments = update_moments(d, step, gradient, m + i, v + i);
    auto second = moments.second;
    if (largest) {
      second = hn::Max(hn::LoadU(d, largest + i), second);
      hn::StoreU(second, d, largest + i);
    }
    const auto change = step.divides ? hn::Div(moments.first, size_of(d, step, second)) : moments.first;
    const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, w + i));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), change, kept), d, w + i);
  });
}

template <class T>
HWY_INLINE void moments_any(const AdamStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT m, T* HWY_RESTRICT v,
                            std::size_t n) {
  for_each_vector<T>(
      n, [&](auto d, std::size_t i) HWY_ATTR { update_moments(d, step, hn::LoadU(d, g + i), m + i, v + i); });
}

template <class T>
HWY_INLINE void direction_any(const AdamStep<T>& step, const T* HWY_RESTRICT m, const T* HWY_RESTRICT v,
                              const T* HWY_RESTRICT w, T* HWY_RESTRICT u, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto ratio = hn::Div(hn::LoadU(d, m + i), size_of(d, step, hn::LoadU(d, v + i)));
    hn::StoreU(decayed(d, hn::Mul(hn::Set(d, step.rate), ratio), step.decay, w + i), d, u + i);
  });
}

template <class T>
HWY_INLINE void rmsprop_any(const RmsPropStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT v,
                            T* HWY_RESTRICT velocity, T* HWY_RESTRICT mean, T* HWY_RESTRICT w, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto rho = hn::Set(d, step.rho), zero = hn::Zero(d);
    const auto gradient = decayed(d, hn::LoadU(d, g + i), step.decay, w + i);
    const auto part = hn::Mul(hn::Set(d, step.one_minus_rho), gradient);
    auto square = without_subnormals(d, hn::MulAdd(rho, hn::LoadU(d, v + i), hn::Mul(part, gradient)), step.least);
    hn::StoreU(square, d, v + i);
    if (step.centered) {
      const auto average = without_subnormals(d, hn::MulAdd(rho, hn::LoadU(d, mean + i), part), step.least);
      hn::StoreU(average, d, mean + i);
      square = hn::NegMulAdd(average, average, square);
      square = hn::IfThenElse(hn::Lt(square, zero), zero, square);  // by rounding
    }
    auto change = hn::Div(gradient, hn::Add(hn::Sqrt(square), hn::Set(d, step.epsilon)));
    if (step.momentum != T(0)) {
      const auto moved = hn::MulAdd(hn::Set(d, step.momentum), hn::LoadU(d, velocity + i), change);
      change = without_subnormals(d, moved, std::numeric_limits<T>::min());
      hn::StoreU(change, d, velocity + i);
    }
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), change, hn::LoadU(d, w + i)), d, w + i);
  });
}

template <class T>
HWY_INLINE void adagrad_any(const AdagradStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT sum, T* HWY_RESTRICT w,
                            std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto gradient = decayed(d, hn::LoadU(d, g + i), step.decay, w + i);
    const auto total = hn::MulAdd(gradient, gradient, hn::LoadU(d, sum + i));
    hn::StoreU(total, d, sum + i);
    const auto change = hn::Div(gradient, hn::Add(hn::Sqrt(total), hn::Set(d, step.epsilon)));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), change, hn::LoadU(d, w + i)), d, w + i);
  });
}

template <class T>
HWY_INLINE void nadam_any(const AdamStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT m, T* HWY_RESTRICT v,
                          T* HWY_RESTRICT w, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto [first, second] = update_moments(d, step, gradient, m + i, v + i);
    const auto ahead = hn::MulAdd(hn::Set(d, step.gradient_rate), gradient, hn::Mul(hn::Set(d, step.rate), first));
    const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, w + i));
    hn::StoreU(hn::Sub(kept, hn::Div(ahead, size_of(d, step, second))), d, w + i);
  });
}

template <class T>
HWY_INLINE void adamax_any(const AdamStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT m, T* HWY_RESTRICT u,
                           T* HWY_RESTRICT w, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto mean =
        hn::MulAdd(hn::Set(d, step.beta_1), hn::LoadU(d, m + i), hn::Mul(hn::Set(d, step.one_minus_beta_1), gradient));
    const auto largest = hn::Max(hn::Mul(hn::Set(d, step.beta_2), hn::LoadU(d, u + i)), hn::Abs(gradient));
    const auto first = without_subnormals(d, mean, step.least), norm = without_subnormals(d, largest, step.least);
    hn::StoreU(first, d, m + i);
    hn::StoreU(norm, d, u + i);
    const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, w + i));
    const auto change = hn::Div(first, hn::Add(norm, hn::Set(d, step.epsilon)));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), change, kept), d, w + i);
  });
}

template <class T>
HWY_INLINE void adadelta_any(const AdadeltaStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT a,
                             T* HWY_RESTRICT change, T* HWY_RESTRICT w, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto rho = hn::Set(d, step.rho), rest = hn::Set(d, step.one_minus_rho), epsilon = hn::Set(d, step.epsilon);
    const auto gradient = hn::LoadU(d, g + i), old = hn::LoadU(d, change + i);
    const auto square = without_subnormals(
        d, hn::MulAdd(rho, hn::LoadU(d, a + i), hn::Mul(hn::Mul(rest, gradient), gradient)), step.least);
    hn::StoreU(square, d, a + i);
    const auto u = hn::Mul(gradient, hn::Sqrt(hn::Div(hn::Add(old, epsilon), hn::Add(square, epsilon))));
    hn::StoreU(without_subnormals(d, hn::MulAdd(rho, old, hn::Mul(hn::Mul(rest, u), u)), step.least), d, change + i);
    const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, w + i));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), u, kept), d, w + i);
  });
}

template <class T>
HWY_INLINE void lion_any(const LionStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT m, T* HWY_RESTRICT w,
                         std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i), old = hn::LoadU(d, m + i);
    const auto ahead = hn::MulAdd(hn::Set(d, step.beta_1), old, hn::Mul(hn::Set(d, step.one_minus_beta_1), gradient));
    // 0 and NaN stay what they are.
    const auto sign = hn::IfThenElse(hn::Gt(hn::Abs(ahead), hn::Zero(d)), hn::CopySign(hn::Set(d, T(1)), ahead), ahead);
    const auto mean = hn::MulAdd(hn::Set(d, step.beta_2), old, hn::Mul(hn::Set(d, step.one_minus_beta_2), gradient));
    hn::StoreU(without_subnormals(d, mean, std::numeric_limits<T>::min()), d, m + i);
    const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, w + i));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), sign, kept), d, w + i);
  });
}

template <class T>
HWY_INLINE double squares_any(const T* x, std::size_t n) {
  DoubleSum sum;
  for_each_vector<double>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto value = load_as_double(d, x + i);
    sum.add(d, hn::Mul(value, value));
  });
  return sum.value();
}

void SgdF32(const SgdStep<float>& step, const float* g, float* v, float* w, std::size_t n) {
  sgd_any(step, g, v, w, n);
}
void SgdF64(const SgdStep<double>& step, const double* g, double* v, double* w, std::size_t n) {
  sgd_any(step, g, v, w, n);
}
void AdamF32(const AdamStep<float>& step, const float* g, float* m, float* v, float* largest, float* w, std::size_t n) {
  adam_any(step, g, m, v, largest, w, n);
}
void AdamF64(const AdamStep<double>& step, const double* g, double* m, double* v, double* largest, double* w,
             std::size_t n) {
  adam_any(step, g, m, v, largest, w, n);
}
void MomentsF32(const AdamStep<float>& step, const float* g, float* m, float* v, std::size_t n) {
  moments_any(step, g, m, v, n);
}
void MomentsF64(const AdamStep<double>& step, const double* g, double* m, double* v, std::size_t n) {
  moments_any(step, g, m, v, n);
}
void DirectionF32(const AdamStep<float>& step, const float* m, const float* v, const float* w, float* u,
                  std::size_t n) {
  direction_any(step, m, v, w, u, n);
}
void DirectionF64(const AdamStep<double>& step, const double* m, const double* v, const double* w, double* u,
                  std::size_t n) {
  direction_any(step, m, v, w, u, n);
}
void RmsPropF32(const RmsPropStep<float>& step, const float* g, float* v, float* velocity, float* mean, float* w,
                std::size_t n) {
  rmsprop_any(step, g, v, velocity, mean, w, n);
}
void RmsPropF64(const RmsPropStep<double>& step, const double* g, double* v, double* velocity, double* mean, double* w,
                std::size_t n) {
  rmsprop_any(step, g, v, velocity, mean, w, n);
}
void AdagradF32(const AdagradStep<float>& step, const float* g, float* sum, float* w, std::size_t n) {
  adagrad_any(step, g, sum, w, n);
}
void AdagradF64(const AdagradStep<double>& step, const double* g, double* sum, double* w, std::size_t n) {
  adagrad_any(step, g, sum, w, n);
}
void NadamF32(const AdamStep<float>& step, const float* g, float* m, float* v, float* w, std::size_t n) {
  nadam_any(step, g, m, v, w, n);
}
void NadamF64(const AdamStep<double>& step, const double* g, double* m, double* v, double* w, std::size_t n) {
  nadam_any(step, g, m, v, w, n);
}
void AdamaxF32(const AdamStep<float>& step, const float* g, float* m, float* u, float* w, std::size_t n) {
  adamax_any(step, g, m, u, w, n);
}
void AdamaxF64(const AdamStep<double>& step, const double* g, double* m, double* u, double* w, std::size_t n) {
  adamax_any(step, g, m, u, w, n);
}
void AdadeltaF32(const AdadeltaStep<float>& step, const float* g, float* a, float* d, float* w, std::size_t n) {
  adadelta_any(step, g, a, d, w, n);
}
void AdadeltaF64(const AdadeltaStep<double>& step, const double* g, double* a, double* d, double* w, std::size_t n) {
  adadelta_any(step, g, a, d, w, n);
}
void LionF32(const LionStep<float>& step, const float* g, float* m, float* w, std::size_t n) {
  lion_any(step, g, m, w, n);
}
void LionF64(const LionStep<double>& step, const double* g, double* m, double* w, std::size_t n) {
  lion_any(step, g, m, w, n);
}
double SquaresF32(const float* x, std::size_t n) { return squares_any(x, n); }
double SquaresF64(const double* x, std::size_t n) { return squares_any(x, n); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(SgdF32);
HWY_EXPORT(SgdF64);
HWY_EXPORT(AdamF32);
HWY_EXPORT(AdamF64);
HWY_EXPORT(MomentsF32);
HWY_EXPORT(MomentsF64);
HWY_EXPORT(DirectionF32);
HWY_EXPORT(DirectionF64);
HWY_EXPORT(RmsPropF32);
HWY_EXPORT(RmsPropF64);
HWY_EXPORT(AdagradF32);
HWY_EXPORT(AdagradF64);
HWY_EXPORT(NadamF32);
HWY_EXPORT(NadamF64);
HWY_EXPORT(AdamaxF32);
HWY_EXPORT(AdamaxF64);
HWY_EXPORT(AdadeltaF32);
HWY_EXPORT(AdadeltaF64);
HWY_EXPORT(LionF32);
HWY_EXPORT(LionF64);
HWY_EXPORT(SquaresF32);
HWY_EXPORT(SquaresF64);

template <>
void sgd_step(const SgdStep<float>& step, const float* g, float* v, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SgdF32)(step, g, v, w, n);
}
template <>
void sgd_step(const SgdStep<double>& step, const double* g, double* v, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SgdF64)(step, g, v, w, n);
}
template <>
void adam_step(const AdamStep<float>& step, const float* g, float* m, float* v, float* largest, float* w,
               std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamF32)(step, g, m, v, largest, w, n);
}
template <>
void adam_step(const AdamStep<double>& step, const double* g, double* m, double* v, double* largest, double* w,
               std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamF64)(step, g, m, v, largest, w, n);
}
template <>
void moments_step(const AdamStep<float>& step, const float* g, float* m, float* v, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(MomentsF32)(step, g, m, v, n);
}
template <>
void moments_step(const AdamStep<double>& step, const double* g, double* m, double* v, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(MomentsF64)(step, g, m, v, n);
}
template <>
void direction(const AdamStep<float>& step, const float* m, const float* v, const float* w, float* u, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(DirectionF32)(step, m, v, w, u, n);
}
template <>
void direction(const AdamStep<double>& step, const double* m, const double* v, const double* w, double* u,
               std::size_t n) {
  HWY_DYNAMIC_DISPATCH(DirectionF64)(step, m, v, w, u, n);
}
template <>
void rmsprop_step(const RmsPropStep<float>& step, const float* g, float* v, float* velocity, float* mean, float* w,
                  std::size_t n) {
  HWY_DYNAMIC_DISPATCH(RmsPropF32)(step, g, v, velocity, mean, w, n);
}
template <>
void rmsprop_step(const RmsPropStep<double>& step, const double* g, double* v, double* velocity, double* mean,
                  double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(RmsPropF64)(step, g, v, velocity, mean, w, n);
}
template <>
void adagrad_step(const AdagradStep<float>& step, const float* g, float* sum, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdagradF32)(step, g, sum, w, n);
}
template <>
void adagrad_step(const AdagradStep<double>& step, const double* g, double* sum, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdagradF64)(step, g, sum, w, n);
}
template <>
void nadam_step(const AdamStep<float>& step, const float* g, float* m, float* v, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(NadamF32)(step, g, m, v, w, n);
}
template <>
void nadam_step(const AdamStep<double>& step, const double* g, double* m, double* v, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(NadamF64)(step, g, m, v, w, n);
}
template <>
void adamax_step(const AdamStep<float>& step, const float* g, float* m, float* u, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamaxF32)(step, g, m, u, w, n);
}
template <>
void adamax_step(const AdamStep<double>& step, const double* g, double* m, double* u, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamaxF64)(step, g, m, u, w, n);
}
template <>
void adadelta_step(const AdadeltaStep<float>& step, const float* g, float* a, float* d, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdadeltaF32)(step, g, a, d, w, n);
}
template <>
void adadelta_step(const AdadeltaStep<double>& step, const double* g, double* a, double* d, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdadeltaF64)(step, g, a, d, w, n);
}
template <>
void lion_step(const LionStep<float>& step, const float* g, float* m, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(LionF32)(step, g, m, w, n);
}
template <>
void lion_step(const LionStep<double>& step, const double* g, double* m, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(LionF64)(step, g, m, w, n);
}
template <>
double sum_of_squares(const float* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(SquaresF32)(x, n);
}
template <>
double sum_of_squares(const double* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(SquaresF64)(x, n);
}

}  // namespace hubel::simd
#endif
