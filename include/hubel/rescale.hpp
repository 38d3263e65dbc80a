// Numbers scaled and shifted by constants.
#pragma once

#include "hubel/tensor.hpp"

namespace hubel {

// y = scale x + offset, elementwise, in the type of x. Any shape; y may be the memory of x. Backward is the same
// without the offset. Throws std::invalid_argument when the shapes differ.
void rescale(TensorView<const float> x, double scale, double offset, TensorView<float> y);
void rescale(TensorView<const double> x, double scale, double offset, TensorView<double> y);

}  // namespace hubel
