// He et al.'s residual networks for CIFAR-10: three stages of 16, 32 and 64 channels, 6 n + 2 layers.
#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

// The paper's option A: every second pixel, and channels of zeros behind those there are. A pixel's channels are padded
// as a row of an image of one channel.
Graph::Value padded_shortcut(Graph& graph, std::int64_t filters, Graph::Value x) {
  x = graph(detail::max_pool(1, 2), x);
  const Shape small = graph.shape(x);
  x = graph(Reshape{{small[0] * small[1], small[2], 1}}, x);
  x = graph(ZeroPadding2D{{0, 0, 0, filters - small[2]}}, x);
  return graph(Reshape{{small[0], small[1], filters}}, x);
}

Graph::Value block(Graph& graph, std::int64_t filters, std::int64_t stride, Graph::Value x) {
  using namespace hubel::detail;
  const auto shortcut = channels_of(graph, x) == filters ? x : padded_shortcut(graph, filters, x);
  auto y = conv_norm(graph, square_conv(filters, 3, stride), torch_norm(), x);
  y = conv_norm(graph, square_conv(filters, 3), torch_norm(Activation::identity), y);
  return graph(Add{.activation = Activation::relu}, {y, shortcut});
}

Graph resnet(int n, std::int64_t classes, const Shape& input_shape) {
  using namespace hubel::detail;
  Graph graph(input_shape);
  auto x = conv_norm(graph, square_conv(16, 3), torch_norm(), graph.input());
  for (const std::int64_t filters : {16, 32, 64})
    for (int i = 0; i < n; ++i) x = block(graph, filters, filters > 16 && i == 0 ? 2 : 1, x);
  pool_and_classify(graph, classes, 0, x);
  return graph;
}

}  // namespace

Graph resnet20(std::int64_t classes, const Shape& input_shape) { return resnet(3, classes, input_shape); }
Graph resnet32(std::int64_t classes, const Shape& input_shape) { return resnet(5, classes, input_shape); }
Graph resnet44(std::int64_t classes, const Shape& input_shape) { return resnet(7, classes, input_shape); }
Graph resnet56(std::int64_t classes, const Shape& input_shape) { return resnet(9, classes, input_shape); }
Graph resnet110(std::int64_t classes, const Shape& input_shape) { return resnet(18, classes, input_shape); }

}  // namespace hubel::zoo
