// AlexNet in one column.
#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

Graph alexnet(std::int64_t classes, const Shape& input_shape) {
  Graph graph(input_shape);
  const auto conv = [&](std::int64_t filters, std::int64_t kernel, Graph::Value x) {
    return graph(Conv2D{.filters = filters,
                        .kernel_size = {kernel, kernel},
                        .padding = Padding::same(),
                        .activation = Activation::relu},
                 x);
  };
  auto x = graph(Conv2D{.filters = 64,
                        .kernel_size = {11, 11},
                        .strides = {4, 4},
                        .padding = Padding::sides(2, 2, 2, 2),
                        .activation = Activation::relu},
                 graph.input());
  x = graph(detail::max_pool(3, 2), x);
  x = graph(detail::max_pool(3, 2), conv(192, 5, x));
  x = conv(256, 3, conv(256, 3, conv(384, 3, x)));
  x = graph(detail::max_pool(3, 2), x);
  x = graph(AdaptivePool2D{.output_size = {6, 6}}, x);
  x = graph(Flatten{}, x);
  for (int i = 0; i < 2; ++i) {
    x = graph(Dropout{}, x);
    x = graph(Dense{.units = 4096, .activation = Activation::relu}, x);
  }
  detail::classify(graph, classes, x);
  return graph;
}

}  // namespace hubel::zoo
