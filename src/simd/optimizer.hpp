// The loops of the optimisers: one pass over a parameter, its gradient and its moments.
#pragma once

#include <cstddef>

namespace hubel::simd {

// v = momentum v + g (zero instead of a subnormal number); w -= rate v, or with nesterov w -= rate (g + momentum v).
// Without momentum v is not touched and may be null.
template <class T>
struct SgdStep {
  T rate, momentum;
  bool nesterov;
};
template <class T>
void sgd_step(const SgdStep<T>& step, const T* g, T* v, T* w, std::size_t n);

// m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2;
// w = keep w - rate m / (sqrt(v) root + epsilon).
// The caller puts the bias corrections into rate (divided by 1 - beta_1^t) and root (1 / sqrt(1 - beta_2^t)), and the
// decoupled decay into keep.
template <class T>
struct AdamStep {
  T rate, root, epsilon, keep;
  T beta_1, beta_2;
  T one_minus_beta_1, one_minus_beta_2;  // rounded once, from double: 1 - 0.999f is off by 1e-5 of itself
  T least;                               // moments smaller than this are taken as zero
};
template <class T>
void adam_step(const AdamStep<T>& step, const T* g, T* m, T* v, T* w, std::size_t n);

}  // namespace hubel::simd
