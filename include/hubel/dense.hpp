// The dense (fully connected) layer's function and its gradients.
//
// Shapes: X (m, n_in); W (n_in, n_out); b (n_out); output and dZ (m, n_out).
#pragma once

#include "hubel/activation.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// activation(X W + b). b may be an empty view (default-constructed) for no bias. Throws std::invalid_argument for a
// wrong rank or sizes that do not fit.
Tensor<float> dense_forward(TensorView<const float> X, TensorView<const float> W, TensorView<const float> b,
                            Activation activation = Activation::identity);
Tensor<double> dense_forward(TensorView<const double> X, TensorView<const double> W, TensorView<const double> b,
                             Activation activation = Activation::identity);
void dense_forward(TensorView<const float> X, TensorView<const float> W, TensorView<const float> b,
                   Activation activation, TensorView<float> out);
void dense_forward(TensorView<const double> X, TensorView<const double> W, TensorView<const double> b,
                   Activation activation, TensorView<double> out);

template <class T>
struct DenseGradients {
  Tensor<T> dX;  // (m, n_in)  = dZ W^T
  Tensor<T> dW;  // (n_in, n_out) = X^T dZ
  Tensor<T> db;  // (n_out) = the sum of dZ's rows
};

// From dZ, the gradient with respect to the pre-activation.
DenseGradients<float> dense_backward(TensorView<const float> dZ, TensorView<const float> X, TensorView<const float> W);
DenseGradients<double> dense_backward(TensorView<const double> dZ, TensorView<const double> X,
                                      TensorView<const double> W);
// The same into given memory; an empty view (default-constructed) leaves that gradient out.
void dense_backward(TensorView<const float> dZ, TensorView<const float> X, TensorView<const float> W,
                    TensorView<float> dX, TensorView<float> dW, TensorView<float> db);
void dense_backward(TensorView<const double> dZ, TensorView<const double> X, TensorView<const double> W,
                    TensorView<double> dX, TensorView<double> dW, TensorView<double> db);

}  // namespace hubel
