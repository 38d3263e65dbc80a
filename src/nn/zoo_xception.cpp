// Xception: residual blocks of separable convolutions.
#include "hubel/separable_conv.hpp"
#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

using namespace hubel::detail;

constexpr auto kNone = Activation::identity;

Graph::Value unit(Graph& graph, std::int64_t filters, Activation behind, Graph::Value x) {
  x = separable_conv2d(graph, {.filters = filters, .padding = Padding::same(), .use_bias = false}, x);
  return graph(keras_norm(behind), x);
}

// Two separable convolutions and a pooling that halves, beside a 1x1 convolution that does.
Graph::Value halving(Graph& graph, std::int64_t first, std::int64_t filters, bool activates, Graph::Value x) {
  Conv2D projection = square_conv(filters, 1, 2);
  const auto shortcut = conv_norm(graph, projection, keras_norm(kNone), x);
  if (activates) x = graph(ActivationLayer{Activation::relu}, x);
  x = unit(graph, first, Activation::relu, x);
  x = unit(graph, filters, kNone, x);
  x = graph(max_pool(3, 2, Padding::same()), x);
  return graph(Add{}, {x, shortcut});
}

Graph::Value keeping(Graph& graph, Graph::Value x) {
  const std::int64_t filters = channels_of(graph, x);
  auto y = graph(ActivationLayer{Activation::relu}, x);
  y = unit(graph, filters, Activation::relu, y);
  y = unit(graph, filters, Activation::relu, y);
  return graph(Add{}, {unit(graph, filters, kNone, y), x});
}

}  // namespace

Graph xception(std::int64_t classes, const Shape& input_shape) {
  Graph graph(input_shape);
  Conv2D stem{.filters = 32, .strides = {2, 2}, .use_bias = false};
  auto x = conv_norm(graph, stem, keras_norm(), graph.input());
  x = conv_norm(graph, Conv2D{.filters = 64, .use_bias = false}, keras_norm(), x);
  x = halving(graph, 128, 128, false, x);
  x = halving(graph, 256, 256, true, x);
  x = halving(graph, 728, 728, true, x);
  for (int i = 0; i < 8; ++i) x = keeping(graph, x);
  x = halving(graph, 728, 1024, true, x);
  x = unit(graph, 1536, Activation::relu, x);
  x = unit(graph, 2048, Activation::relu, x);
  pool_and_classify(graph, classes, 0, x);
  return graph;
}

}  // namespace hubel::zoo
