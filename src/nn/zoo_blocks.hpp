// What the zoo's families are built of. Layers are added so that one comes directly after the layer that it takes where
// it can: the execution joins a convolution with the batch norm, activation and pooling that follow it so.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hubel/graph.hpp"

namespace hubel::detail {

// PyTorch's usual padding, half the kernel at each side; at stride 1 that is "same".
inline Padding half_padding(std::int64_t kernel, std::int64_t stride) {
  const std::int64_t p = (kernel - 1) / 2;
  return p == 0 ? Padding::valid() : stride == 1 ? Padding::same() : Padding::sides(p, p, p, p);
}

// A convolution with a square kernel and such padding, without bias: what stands before a batch norm.
inline Conv2D square_conv(std::int64_t filters, std::int64_t kernel, std::int64_t stride = 1, std::int64_t groups = 1) {
  return {.filters = filters,
          .kernel_size = {kernel, kernel},
          .strides = {stride, stride},
          .padding = half_padding(kernel, stride),
          .groups = groups,
          .use_bias = false};
}
inline DepthwiseConv2D square_depthwise(std::int64_t kernel, std::int64_t stride) {
  return {.kernel_size = {kernel, kernel},
          .strides = {stride, stride},
          .padding = half_padding(kernel, stride),
          .use_bias = false};
}

inline Pool2D max_pool(std::int64_t kernel, std::int64_t stride, const Padding& padding = Padding::valid()) {
  return {.pool_size = {kernel, kernel}, .strides = {stride, stride}, .padding = padding};
}

// Batch norm with PyTorch's defaults, and with Keras's, which TensorFlow's networks have.
inline BatchNorm torch_norm(Activation activation = Activation::relu) {
  return {.momentum = 0.9, .epsilon = 1e-5, .activation = activation};
}
inline BatchNorm keras_norm(Activation activation = Activation::relu) {
  return {.momentum = 0.99, .epsilon = 1e-3, .activation = activation};
}

inline Graph::Value conv_norm(Graph& graph, const Layer& conv, const BatchNorm& norm, Graph::Value x) {
  return graph(norm, graph(conv, x));
}

inline std::int64_t channels_of(const Graph& graph, Graph::Value x) { return graph.shape(x).back(); }

// The last layer, and what most networks have before it.
inline Graph::Value classify(Graph& graph, std::int64_t classes, Graph::Value x) {
  return graph(
      Dense{.units = classes, .activation = Activation::softmax, .kernel_initializer = Initializer::glorot_uniform}, x);
}
inline Graph::Value pool_and_classify(Graph& graph, std::int64_t classes, double dropout, Graph::Value x) {
  x = graph(GlobalPool2D{}, x);
  if (dropout > 0) x = graph(Dropout{dropout}, x);
  return classify(graph, classes, x);
}

// Channels as mobile networks have them: a multiple of 8 near c, at most a tenth below it.
inline std::int64_t make_divisible(double c) {
  const std::int64_t rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(c + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * c ? rounded + 8 : rounded;
}

// Sandler et al. 2018: 1x1 to more channels, a depthwise convolution, 1x1 to few, with a shortcut where shapes allow
// it; and between the last two, of `squeezed` channels, squeeze and excitation (Hu et al. 2018).
struct InvertedResidual {
  std::int64_t expanded, filters, kernel, stride;
  std::int64_t squeezed = 0;  // 0: none
  BatchNorm norm;             // with the activation of the first two convolutions
  Activation squeeze = Activation::relu, gate = Activation::sigmoid;
};
Graph::Value inverted_residual(Graph& graph, const InvertedResidual& block, Graph::Value x);

}  // namespace hubel::detail
