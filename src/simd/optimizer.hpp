// The loops of the optimisers: one pass over a parameter, its gradient and its moments.
#pragma once

#include <cstddef>

namespace hubel::simd {

// In all of these that have a decay the gradient is g + decay w, where it is not 0.

// v = momentum v + g (zero instead of a subnormal number); w -= rate v, or with nesterov w -= rate (g + momentum v).
// Without momentum v is not touched and may be null.
template <class T>
struct SgdStep {
  T rate, momentum;
  bool nesterov;
  T decay = 0;
};
template <class T>
void sgd_step(const SgdStep<T>& step, const T* g, T* v, T* w, std::size_t n);

// m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2;
// w = keep w - rate m / (sqrt(v) root + epsilon), or unless it `divides` w = keep w - rate m.
// The caller puts the bias corrections into rate (divided by 1 - beta_1^t) and root (1 / sqrt(1 - beta_2^t)), and the
// decoupled decay into keep. Where `largest` is not null it becomes max(largest, v), and takes v's place under the
// root.
template <class T>
struct AdamStep {
  T rate, root, epsilon, keep;
  T beta_1, beta_2;
  T one_minus_beta_1, one_minus_beta_2;  // rounded once, from double: 1 - 0.999f is off by 1e-5 of itself
  T least;                               // moments smaller than this are taken as zero
  T decay = 0;
  T gradient_rate = 0;  // Nadam's
  bool divides = true;
};
template <class T>
void adam_step(const AdamStep<T>& step, const T* g, T* m, T* v, T* largest, T* w, std::size_t n);

// The same without `largest` and always dividing, but w = keep w - (rate m + gradient_rate g) / (sqrt(v) root +
// epsilon).
template <class T>
void nadam_step(const AdamStep<T>& step, const T* g, T* m, T* v, T* w, std::size_t n);

// The same, but u = max(beta_2 u, |g|) and w = keep w - rate m / (u + epsilon).
template <class T>
void adamax_step(const AdamStep<T>& step, const T* g, T* m, T* u, T* w, std::size_t n);

// As adam_step without w's last change, and the direction that change would take, for layers that scale it:
// u = rate m / (sqrt(v) root + epsilon) + decay w, the decay being outside the moments.
template <class T>
void moments_step(const AdamStep<T>& step, const T* g, T* m, T* v, std::size_t n);
template <class T>
void direction(const AdamStep<T>& step, const T* m, const T* v, const T* w, T* u, std::size_t n);

// v = rho v + (1 - rho) g^2; centered, mean = rho mean + (1 - rho) g and v - mean^2 takes the place of v in what
// follows; change = g / (sqrt(v) + epsilon); with momentum, velocity = momentum velocity + change, which takes change's
// place; w -= rate change. `mean` and `velocity` may be null where they are not used.
template <class T>
struct RmsPropStep {
  T rate, rho, one_minus_rho, epsilon, momentum;
  bool centered;
  T least;
  T decay = 0;
};
template <class T>
void rmsprop_step(const RmsPropStep<T>& step, const T* g, T* v, T* velocity, T* mean, T* w, std::size_t n);

// sum += g^2; w -= rate g / (sqrt(sum) + epsilon).
template <class T>
struct AdagradStep {
  T rate, epsilon;
  T decay = 0;
};
template <class T>
void adagrad_step(const AdagradStep<T>& step, const T* g, T* sum, T* w, std::size_t n);

// a = rho a + (1 - rho) g^2; u = g sqrt(d + epsilon) / sqrt(a + epsilon); d = rho d + (1 - rho) u^2; w = keep w - rate
// u. The decay is the caller's, in keep, here and in lion_step.
template <class T>
struct AdadeltaStep {
  T rate, rho, one_minus_rho, epsilon, keep;
  T least;
};
template <class T>
void adadelta_step(const AdadeltaStep<T>& step, const T* g, T* a, T* d, T* w, std::size_t n);

// w = keep w - rate sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g (zero instead of a subnormal number,
// which then has no sign any more).
template <class T>
struct LionStep {
  T rate, keep;
  T beta_1, one_minus_beta_1, beta_2, one_minus_beta_2;
};
template <class T>
void lion_step(const LionStep<T>& step, const T* g, T* m, T* w, std::size_t n);

// In double, in an order that depends on n and the vectors' width alone.
template <class T>
double sum_of_squares(const T* x, std::size_t n);

}  // namespace hubel::simd
