// Each channel times a number of its own, which is learned: CaiT's LayerScale (Touvron et al. 2021), with which
// ConvNeXt weighs its blocks.
#pragma once

#include "hubel/tensor.hpp"

namespace hubel {

// y = x gamma[channel]; x and y (..., c), of rank 1 or more, gamma (c). y may be the memory of x. Throws
// std::invalid_argument for shapes that do not fit.
void channel_scale_forward(TensorView<const float> x, TensorView<const float> gamma, TensorView<float> y);
void channel_scale_forward(TensorView<const double> x, TensorView<const double> gamma, TensorView<double> y);

// From dy = dL/dy: dx = dy gamma, which may be the memory of dy, and dgamma = the sum of dy x over each channel. An
// empty view (default-constructed) leaves a gradient out.
void channel_scale_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> gamma,
                            TensorView<float> dx, TensorView<float> dgamma);
void channel_scale_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> gamma,
                            TensorView<double> dx, TensorView<double> dgamma);

}  // namespace hubel
