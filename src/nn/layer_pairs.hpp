// Neighbouring layers that are computed as one.
#pragma once

#include <optional>

#include "nn/layer_conv2d.hpp"
#include "nn/layer_pool2d.hpp"
#include "ops/conv_pool.hpp"

namespace hubel::detail {

// The plan, when the layers are a convolution, with this activation, on samples of shape x and a max pooling that are
// better computed together; if it is not for training, only where forward gains by it.
template <class T>
std::optional<ConvPoolPlan<T>> conv_pool_pair(const Layer& first, Activation activation, const Layer& second,
                                              const Shape& x, bool training) {
  const auto* conv = std::get_if<Conv2D>(&first);
  const auto* pool = std::get_if<Pool2D>(&second);
  if (!conv || !pool || x.rank() != 3 || derivative_needs_input(activation)) return std::nullopt;
  if (activation == Activation::softmax || activation == Activation::log_softmax) return std::nullopt;
  const ConvPool pair{LayerKind<Conv2D>::options(*conv), activation, LayerKind<Pool2D>::options(*pool)};
  const Shape kernel{conv->kernel_size[0], conv->kernel_size[1], x[2] / conv->groups, conv->filters};
  if (!ConvPoolPlan<T>::pays(pair, x, kernel)) return std::nullopt;
  ConvPoolPlan<T> plan(pair, x, kernel);
  if (!training && !plan.fused()) return std::nullopt;
  return plan;
}

}  // namespace hubel::detail
