// The loops of losses that are sums over elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

enum class ElementLoss {
  squared,              // (y - t)^2
  absolute,             // |y - t|
  huber,                // (y - t)^2 / 2, beyond p, p (|y - t| - p / 2)
  binary,               // -(p t log y + (1 - t) log(1 - y)), the logarithms at least -100
  binary_logits,        // the same of sigmoid(y)
  hinge,                // max(0, 1 - t y), t = 0 standing for -1
  squared_hinge,        // its square
  log_cosh,             // log(cosh(y - t))
  poisson,              // y - t log(max(y, 0) + p)
  absolute_percentage,  // 100 |y - t| / max(|t|, p)
  squared_logarithmic,  // (log(1 + max(y, p)) - log(1 + max(t, p)))^2
  focal,        // (1 - y_t)^p times binary's without its p, y_t = t y + (1 - t) (1 - y); with q >= 0 also times t q +
                // (1 - t) (1 - q)
  focal_logits  // the same of sigmoid(y)
};

struct ElementParameters {
  double p = 0, q = 0;
  double smoothing = 0;  // of t: (1 - smoothing) t + smoothing / 2 takes its place
};

// Returns the sum of the losses of y against t, taken in double, and writes their slopes times scale to `gradient`,
// unless that is null; it may be y. The order of the sum depends on n and the vectors' width alone.
template <class T>
double element_loss(ElementLoss loss, const ElementParameters& parameters, double scale, const T* y, const T* t,
                    T* gradient, std::size_t n);

}  // namespace hubel::simd
