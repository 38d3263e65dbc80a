// U-Net: an encoder that halves four times, a decoder that doubles as often, and a connection at each size.
#include <array>
#include <stdexcept>
#include <vector>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"
#include "text/formatted.hpp"

namespace hubel::zoo {

namespace {

constexpr std::array<std::int64_t, 4> kFilters = {64, 128, 256, 512};

Graph::Value two_convs(Graph& graph, std::int64_t filters, const Padding& padding, Graph::Value x) {
  const Conv2D conv{.filters = filters, .padding = padding, .activation = Activation::relu};
  return graph(conv, graph(conv, x));
}

// The middle of `skip` that has the size of `up`, beside `up`.
Graph::Value join(Graph& graph, Graph::Value skip, Graph::Value up) {
  const Shape outer = graph.shape(skip), inner = graph.shape(up);
  const std::int64_t h = outer[0] - inner[0], w = outer[1] - inner[1];
  if (h > 0 || w > 0) skip = graph(Cropping2D{{h / 2, h - h / 2, w / 2, w - w / 2}}, skip);
  return graph(Concatenate{}, {skip, up});
}

Graph build(const Padding& padding, std::int64_t classes, const Shape& input_shape) {
  Graph graph(input_shape);
  auto x = graph.input();
  std::vector<Graph::Value> skips;
  for (const std::int64_t filters : kFilters) {
    x = two_convs(graph, filters, padding, x);
    if (filters == kFilters.back()) x = graph(Dropout{}, x);  // "at the end of the contracting path"
    skips.push_back(x);
    x = graph(Pool2D{}, x);
  }
  x = graph(Dropout{}, two_convs(graph, 2 * kFilters.back(), padding, x));
  for (std::size_t i = kFilters.size(); i-- > 0;) {
    x = graph(Conv2DTranspose{.filters = kFilters[i], .kernel_size = {2, 2}, .strides = {2, 2}}, x);
    x = two_convs(graph, kFilters[i], padding, join(graph, skips[i], x));
  }
  graph(Conv2D{.filters = classes,
               .kernel_size = {1, 1},
               .activation = Activation::softmax,
               .kernel_initializer = Initializer::glorot_uniform},
        x);
  return graph;
}

}  // namespace

Graph unet(std::int64_t classes, const Shape& input_shape) { return build(Padding::valid(), classes, input_shape); }
Graph unet_same(std::int64_t classes, const Shape& input_shape) {
  constexpr std::int64_t kHalvings = 1 << kFilters.size();
  if (input_shape.rank() == 3 && (input_shape[0] % kHalvings != 0 || input_shape[1] % kHalvings != 0)) {
    throw std::invalid_argument(
        detail::formatted("unet_same: input_shape is {}, its height and width must be multiples of {}",
                          input_shape.to_string(), kHalvings));
  }
  return build(Padding::same(), classes, input_shape);
}

}  // namespace hubel::zoo
