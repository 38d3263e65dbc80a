// DenseNet: each layer takes the outputs of all before it in its block.
#include <array>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

Graph densenet(std::int64_t growth, const std::array<int, 4>& depths, std::int64_t classes, const Shape& input_shape,
               bool small_images) {
  using namespace hubel::detail;
  Graph graph(input_shape);
  const Conv2D stem = small_images ? square_conv(2 * growth, 3) : square_conv(2 * growth, 7, 2);
  auto x = conv_norm(graph, stem, torch_norm(), graph.input());
  if (!small_images) x = graph(max_pool(3, 2, Padding::sides(1, 1, 1, 1)), x);
  for (std::size_t stage = 0; stage < depths.size(); ++stage) {
    if (stage > 0) {
      x = graph(square_conv(channels_of(graph, x) / 2, 1), graph(torch_norm(), x));
      x = graph(Pool2D{.mode = PoolMode::avg}, x);
    }
    for (int i = 0; i < depths[stage]; ++i) {
      auto y = conv_norm(graph, square_conv(4 * growth, 1), torch_norm(), graph(torch_norm(), x));
      y = graph(square_conv(growth, 3), y);
      x = graph(Concatenate{}, {x, y});
    }
  }
  pool_and_classify(graph, classes, 0, graph(torch_norm(), x));
  return graph;
}

}  // namespace

Graph densenet121(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return densenet(32, {6, 12, 24, 16}, classes, input_shape, small_images);
}
Graph densenet161(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return densenet(48, {6, 12, 36, 24}, classes, input_shape, small_images);
}
Graph densenet169(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return densenet(32, {6, 12, 32, 32}, classes, input_shape, small_images);
}
Graph densenet201(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return densenet(32, {6, 12, 48, 32}, classes, input_shape, small_images);
}

}  // namespace hubel::zoo
