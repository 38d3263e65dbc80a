// Neighbouring layers that are computed as one while training.
#pragma once

#include <optional>

#include "nn/layer_conv2d.hpp"
#include "nn/layer_pool2d.hpp"
#include "ops/conv_pool.hpp"

namespace hubel::detail {

// The pair, when the layers are a convolution on samples of shape x and a max pooling that are better computed
// together.
inline std::optional<ConvPool> conv_pool_pair(const Layer& first, const Layer& second, const Shape& x) {
  const auto* conv = std::get_if<Conv2D>(&first);
  const auto* pool = std::get_if<Pool2D>(&second);
  if (!conv || !pool || derivative_needs_input(conv->activation)) return std::nullopt;
  if (conv->activation == Activation::softmax || conv->activation == Activation::log_softmax) return std::nullopt;
  const ConvPool pair{LayerKind<Conv2D>::options(*conv), conv->activation, LayerKind<Pool2D>::options(*pool)};
  const Shape kernel{conv->kernel_size[0], conv->kernel_size[1], x[2] / conv->groups, conv->filters};
  return conv_pool_pays(pair, x, kernel) ? std::optional(pair) : std::nullopt;
}

}  // namespace hubel::detail
