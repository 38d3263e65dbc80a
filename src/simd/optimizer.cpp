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

template <class T>
HWY_INLINE void sgd_any(const SgdStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT v, T* HWY_RESTRICT w,
                        std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto momentum = hn::Set(d, step.momentum);
    const auto gradient = hn::LoadU(d, g + i);
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

template <class T>
HWY_INLINE void adam_any(const AdamStep<T>& step, const T* HWY_RESTRICT g, T* HWY_RESTRICT m, T* HWY_RESTRICT v,
                         T* HWY_RESTRICT w, std::size_t n) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto gradient = hn::LoadU(d, g + i);
    const auto mean =
        hn::MulAdd(hn::Set(d, step.beta_1), hn::LoadU(d, m + i), hn::Mul(hn::Set(d, step.one_minus_beta_1), gradient));
    const auto square = hn::MulAdd(hn::Set(d, step.beta_2), hn::LoadU(d, v + i),
                                   hn::Mul(hn::Mul(hn::Set(d, step.one_minus_beta_2), gradient), gradient));
    const auto first = without_subnormals(d, mean, step.least), second = without_subnormals(d, square, step.least);
    hn::StoreU(first, d, m + i);
    hn::StoreU(second, d, v + i);
    const auto size = hn::MulAdd(hn::Sqrt(second), hn::Set(d, step.root), hn::Set(d, step.epsilon));
    const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, w + i));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate), hn::Div(first, size), kept), d, w + i);
  });
}

void SgdF32(const SgdStep<float>& step, const float* g, float* v, float* w, std::size_t n) {
  sgd_any(step, g, v, w, n);
}
void SgdF64(const SgdStep<double>& step, const double* g, double* v, double* w, std::size_t n) {
  sgd_any(step, g, v, w, n);
}
void AdamF32(const AdamStep<float>& step, const float* g, float* m, float* v, float* w, std::size_t n) {
  adam_any(step, g, m, v, w, n);
}
void AdamF64(const AdamStep<double>& step, const double* g, double* m, double* v, double* w, std::size_t n) {
  adam_any(step, g, m, v, w, n);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(SgdF32);
HWY_EXPORT(SgdF64);
HWY_EXPORT(AdamF32);
HWY_EXPORT(AdamF64);

template <>
void sgd_step(const SgdStep<float>& step, const float* g, float* v, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SgdF32)(step, g, v, w, n);
}
template <>
void sgd_step(const SgdStep<double>& step, const double* g, double* v, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SgdF64)(step, g, v, w, n);
}
template <>
void adam_step(const AdamStep<float>& step, const float* g, float* m, float* v, float* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamF32)(step, g, m, v, w, n);
}
template <>
void adam_step(const AdamStep<double>& step, const double* g, double* m, double* v, double* w, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamF64)(step, g, m, v, w, n);
}

}  // namespace hubel::simd
#endif
