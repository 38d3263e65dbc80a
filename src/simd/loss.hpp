// The loops of losses that are sums over elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

enum class ElementLoss {
  squared,        // (y - t)^2
  absolute,       // |y - t|
  huber,          // (y - t)^2 / 2, beyond parameter parameter (|y - t| - parameter / 2)
  binary,         // -(parameter t log y + (1 - t) log(1 - y)), the logarithms at least -100
  binary_logits,  // the same of sigmoid(y)
  hinge,          // max(0, 1 - t y), t = 0 standing for -1
  squared_hinge   // its square
};

// Returns the sum of the losses of y against t, taken in double, and writes their slopes times scale to `gradient`,
// unless that is null; it may be y. The order of the sum depends on n and the vectors' width alone.
template <class T>
double element_loss(ElementLoss loss, double parameter, double scale, const T* y, const T* t, T* gradient,
                    std::size_t n);

}  // namespace hubel::simd
