// A convolution that is prepared once and run many times: the algorithm is chosen, and the kernel is packed or
// transformed, beforehand. What the functions of conv.hpp do in every call is done here once for each kernel.
#pragma once

#include <memory>

#include "hubel/conv.hpp"

namespace hubel {

// Shapes and options as for conv_forward. T is float or double.
//
// Running allocates nothing once a batch of the size has been seen. Runs of one plan may go on in several threads at
// the same time, set_weights not beside them.
template <class T>
class ConvPlan {
 public:
  // For inputs of shape A_prev, kernels of shape W. With ConvAlgorithm::automatic the algorithm is chosen for A_prev's
  // number of images; it then serves any number, with the same result for each image whatever its company.
  // Throws std::invalid_argument as conv_geometry does.
  ConvPlan(const Shape& A_prev, const Shape& W, const ConvOptions& options = {});
  ~ConvPlan();
  ConvPlan(ConvPlan&&) noexcept;
  ConvPlan& operator=(ConvPlan&&) noexcept;

  const ConvGeometry& geometry() const;
  // What was chosen for each pass: direct or winograd.
  ConvAlgorithm forward_algorithm() const;
  ConvAlgorithm backward_data_algorithm() const;
  ConvAlgorithm backward_weights_algorithm() const;

  // Takes the kernel, of the plan's shape W; it is copied. `for_backward` also prepares backward_data. To be called
  // before forward and backward_data, and again whenever the kernel has changed.
  // Throws std::invalid_argument for another shape.
  void set_weights(TensorView<const T> W, bool for_backward = true);

  // out = activation(A_prev * W + b); b may be an empty view. Throws std::invalid_argument for wrong shapes, and
  // std::logic_error without weights.
  void forward(TensorView<const T> A_prev, TensorView<const T> b, Activation activation, TensorView<T> out) const;
  // out = activation(out + A_prev * W + b), as where a residual network adds a branch to its shortcut: no pass over out
  // of its own. In place, so A_prev must not overlap out. Errors as forward's, and std::logic_error unless can_add().
  void forward_add(TensorView<const T> A_prev, TensorView<const T> b, Activation activation, TensorView<T> out) const;
  // False for depthwise convolutions and those with very few output channels, whose loops do not add.
  bool can_add() const;
  // dA_prev from dZ, the gradient with respect to the pre-activation. Errors as forward's.
  void backward_data(TensorView<const T> dZ, TensorView<T> dA_prev) const;
  // dW from dZ and A_prev. Needs no weights. Throws std::invalid_argument for wrong shapes.
  void backward_weights(TensorView<const T> dZ, TensorView<const T> A_prev, TensorView<T> dW) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hubel
