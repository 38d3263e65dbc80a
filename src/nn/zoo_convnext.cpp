// ConvNeXt: a ResNet with what vision transformers have taught: large depthwise kernels, layer norms, few activations.
#include <array>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

constexpr LayerNorm kNorm{.epsilon = 1e-6};

// Depthwise 7x7, then each pixel through two dense layers, the inner one four times as wide.
Graph::Value block(Graph& graph, Graph::Value x) {
  const std::int64_t c = detail::channels_of(graph, x);
  auto y = graph(DepthwiseConv2D{.kernel_size = {7, 7}, .padding = Padding::same()}, x);
  y = graph(kNorm, y);
  y = graph(Dense{.units = 4 * c, .activation = Activation::gelu}, y);
  y = graph(LayerScale{}, graph(Dense{.units = c}, y));
  return graph(Add{}, {y, x});
}

// Patches of k x k pixels that do not overlap.
Conv2D patches(std::int64_t filters, std::int64_t k) {
  return {.filters = filters, .kernel_size = {k, k}, .strides = {k, k}};
}

Graph convnext(const std::array<int, 4>& blocks, std::int64_t width, std::int64_t classes, const Shape& input_shape) {
  Graph graph(input_shape);
  auto x = graph(kNorm, graph(patches(width, 4), graph.input()));
  for (std::size_t stage = 0; stage < blocks.size(); ++stage, width *= 2) {
    if (stage > 0) x = graph(patches(width, 2), graph(kNorm, x));
    for (int i = 0; i < blocks[stage]; ++i) x = block(graph, x);
  }
  detail::classify(graph, classes, graph(kNorm, graph(GlobalPool2D{}, x)));
  return graph;
}

}  // namespace

Graph convnext_tiny(std::int64_t classes, const Shape& input_shape) {
  return convnext({3, 3, 9, 3}, 96, classes, input_shape);
}
Graph convnext_small(std::int64_t classes, const Shape& input_shape) {
  return convnext({3, 3, 27, 3}, 96, classes, input_shape);
}
Graph convnext_base(std::int64_t classes, const Shape& input_shape) {
  return convnext({3, 3, 27, 3}, 128, classes, input_shape);
}

}  // namespace hubel::zoo
