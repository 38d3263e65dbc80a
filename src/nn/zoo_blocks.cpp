// See zoo_blocks.hpp.
#include "nn/zoo_blocks.hpp"

namespace hubel::detail {

namespace {

Graph::Value squeeze_and_excite(Graph& graph, const InvertedResidual& block, Graph::Value x) {
  const auto one_by_one = [](std::int64_t filters, Activation activation) {
    return Conv2D{.filters = filters, .kernel_size = {1, 1}, .activation = activation};
  };
  auto gate = graph(GlobalPool2D{.keepdims = true}, x);
  gate = graph(one_by_one(block.squeezed, block.squeeze), gate);
  gate = graph(one_by_one(block.expanded, block.gate), gate);
  return graph(Multiply{}, {x, gate});
}

}  // namespace

Graph::Value inverted_residual(Graph& graph, const InvertedResidual& block, Graph::Value x) {
  const bool shortcut = block.stride == 1 && channels_of(graph, x) == block.filters;
  auto y = x;
  if (block.expanded != channels_of(graph, x)) y = conv_norm(graph, square_conv(block.expanded, 1), block.norm, y);
  y = conv_norm(graph, square_depthwise(block.kernel, block.stride), block.norm, y);
  if (block.squeezed > 0) y = squeeze_and_excite(graph, block, y);
  BatchNorm last = block.norm;
  last.activation = Activation::identity;
  y = conv_norm(graph, square_conv(block.filters, 1), last, y);
  return shortcut ? graph(Add{}, {y, x}) : y;
}

}  // namespace hubel::detail
