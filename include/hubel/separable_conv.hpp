// A separable convolution (Chollet 2017, Keras's SeparableConv2D): each channel by itself, then 1x1 across them.
#pragma once

#include <array>
#include <cstdint>

#include "hubel/graph.hpp"

namespace hubel {

struct SeparableConv2D {
  std::int64_t filters = 1;
  std::array<std::int64_t, 2> kernel_size = {3, 3};
  std::array<std::int64_t, 2> strides = {1, 1};
  Padding padding = Padding::valid();
  std::array<std::int64_t, 2> dilation_rate = {1, 1};
  std::int64_t depth_multiplier = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;  // of the 1x1 convolution; the other has none
  Initializer kernel_initializer = Initializer::he_normal;
  Initializer bias_initializer = Initializer::zeros;
};

// Adds its two layers, a DepthwiseConv2D and a Conv2D, which options and errors are passed on to.
Graph::Value separable_conv2d(Graph& graph, const SeparableConv2D& layer, Graph::Value x);

}  // namespace hubel
