// LeNet-5, as trained today and as it was.
#include "hubel/network.hpp"
#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

Graph lenet5(std::int64_t classes, const Shape& input_shape) { return {input_shape, lenet5_layers(classes)}; }

Graph lenet5_1998(std::int64_t classes, const Shape& input_shape) {
  const auto conv = [](std::int64_t filters) {
    return Conv2D{.filters = filters,
                  .kernel_size = {5, 5},
                  .activation = Activation::tanh,
                  .kernel_initializer = Initializer::glorot_uniform};
  };
  Graph graph(input_shape);
  auto x = graph(conv(6), graph.input());
  x = graph(Pool2D{.mode = PoolMode::avg}, x);
  x = graph(conv(16), x);
  x = graph(Pool2D{.mode = PoolMode::avg}, x);
  x = graph(conv(120), x);
  x = graph(Flatten{}, x);
  x = graph(Dense{.units = 84, .activation = Activation::tanh, .kernel_initializer = Initializer::glorot_uniform}, x);
  hubel::detail::classify(graph, classes, x);
  return graph;
}

}  // namespace hubel::zoo
