// Activations with numbers of their own: PReLU, leaky ReLU of any slope, ELU of any alpha.
//
// All arrays of an operation but alpha and dalpha are of one shape. y may be the memory of x, dx that of dy. Everything
// throws std::invalid_argument for shapes that do not fit.
#pragma once

#include "hubel/tensor.hpp"

namespace hubel {

// PReLU (He et al. 2015): y = x for x > 0, else alpha x. x (..., c), of rank 1 or more; alpha (c), a slope for each
// channel, or (1), one for all.
void prelu_forward(TensorView<const float> x, TensorView<const float> alpha, TensorView<float> y);
void prelu_forward(TensorView<const double> x, TensorView<const double> alpha, TensorView<double> y);
Tensor<float> prelu_forward(TensorView<const float> x, TensorView<const float> alpha);
Tensor<double> prelu_forward(TensorView<const double> x, TensorView<const double> alpha);

// From dy = dL/dy: dx = dy for x > 0, else alpha dy (at 0 too, as in PyTorch); dalpha, of alpha's shape, the sum of
// dy x over the elements x <= 0 that it is the slope of. An empty view (default-constructed) leaves a gradient out.
void prelu_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> alpha,
                    TensorView<float> dx, TensorView<float> dalpha);
void prelu_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> alpha,
                    TensorView<double> dx, TensorView<double> dalpha);

// Leaky ReLU (Maas et al. 2013): y = x for x > 0, else slope x; Activation::leaky_relu has 0.01. Any shape. The
// derivative at 0 is the slope.
void leaky_relu_forward(TensorView<const float> x, double slope, TensorView<float> y);
void leaky_relu_forward(TensorView<const double> x, double slope, TensorView<double> y);
void leaky_relu_backward(TensorView<const float> dy, TensorView<const float> x, double slope, TensorView<float> dx);
void leaky_relu_backward(TensorView<const double> dy, TensorView<const double> x, double slope, TensorView<double> dx);

// ELU (Clevert et al. 2016): y = x for x > 0, else alpha (exp(x) - 1); Activation::elu has 1. Any shape. The derivative
// at 0 is alpha.
void elu_forward(TensorView<const float> x, double alpha, TensorView<float> y);
void elu_forward(TensorView<const double> x, double alpha, TensorView<double> y);
void elu_backward(TensorView<const float> dy, TensorView<const float> x, double alpha, TensorView<float> dx);
void elu_backward(TensorView<const double> dy, TensorView<const double> x, double alpha, TensorView<double> dx);

}  // namespace hubel
