// ShuffleNet V2: blocks that change one half of the channels and shuffle both.
#include <array>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

using detail::conv_norm;
using detail::square_conv;
using detail::square_depthwise;
using detail::torch_norm;

// Of each pair of channels that lie half of them all apart: one after the other.
Graph::Value shuffle(Graph& graph, Graph::Value x) {
  const Shape shape = graph.shape(x);
  x = graph(Reshape{{shape[0], shape[1], 2, shape[2] / 2}}, x);
  x = graph(Permute{{1, 2, 4, 3}}, x);
  return graph(Reshape{{shape[0], shape[1], shape[2]}}, x);
}

// 1x1, a depthwise 3x3, 1x1, all to `filters` channels.
Graph::Value branch(Graph& graph, std::int64_t filters, std::int64_t stride, Graph::Value x) {
  x = conv_norm(graph, square_conv(filters, 1), torch_norm(), x);
  x = conv_norm(graph, square_depthwise(3, stride), torch_norm(Activation::identity), x);
  return conv_norm(graph, square_conv(filters, 1), torch_norm(), x);
}

// The paper's figure 3 (c): one half of the channels goes through, the other through a branch.
Graph::Value unit(Graph& graph, Graph::Value x) {
  const std::int64_t c = detail::channels_of(graph, x), half = c / 2;
  const auto changed = branch(graph, half, 1, graph(ChannelSlice{half, c}, x));
  return shuffle(graph, graph(Concatenate{}, {graph(ChannelSlice{0, half}, x), changed}));
}

// Figure 3 (d): half the size, and `channels` from two branches.
Graph::Value halving_unit(Graph& graph, std::int64_t channels, Graph::Value x) {
  auto left = conv_norm(graph, square_depthwise(3, 2), torch_norm(Activation::identity), x);
  left = conv_norm(graph, square_conv(channels / 2, 1), torch_norm(), left);
  return shuffle(graph, graph(Concatenate{}, {left, branch(graph, channels / 2, 2, x)}));
}

// channels: of the three stages and of the last convolution.
Graph shufflenet_v2(const std::array<std::int64_t, 4>& channels, std::int64_t classes, const Shape& input_shape,
                    bool small_images) {
  constexpr std::int64_t kStem = 24;
  constexpr std::array<int, 3> kUnits = {4, 8, 4};
  Graph graph(input_shape);
  auto x = conv_norm(graph, square_conv(kStem, 3, small_images ? 1 : 2), torch_norm(), graph.input());
  if (!small_images) x = graph(detail::max_pool(3, 2, Padding::all(1)), x);
  for (std::size_t stage = 0; stage < kUnits.size(); ++stage) {
    x = halving_unit(graph, channels[stage], x);
    for (int i = 1; i < kUnits[stage]; ++i) x = unit(graph, x);
  }
  x = conv_norm(graph, square_conv(channels.back(), 1), torch_norm(), x);
  detail::pool_and_classify(graph, classes, 0, x);
  return graph;
}

}  // namespace

Graph shufflenet_v2_x0_5(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return shufflenet_v2({48, 96, 192, 1024}, classes, input_shape, small_images);
}
Graph shufflenet_v2_x1_0(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return shufflenet_v2({116, 232, 464, 1024}, classes, input_shape, small_images);
}
Graph shufflenet_v2_x1_5(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return shufflenet_v2({176, 352, 704, 1024}, classes, input_shape, small_images);
}
Graph shufflenet_v2_x2_0(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return shufflenet_v2({244, 488, 976, 2048}, classes, input_shape, small_images);
}

}  // namespace hubel::zoo
