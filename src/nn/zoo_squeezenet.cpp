// SqueezeNet: fire blocks, few channels that widen into 1x1 and 3x3 convolutions side by side.
#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

Conv2D conv(std::int64_t filters, std::int64_t kernel) {
  return {
      .filters = filters, .kernel_size = {kernel, kernel}, .padding = Padding::same(), .activation = Activation::relu};
}

Graph::Value fire(Graph& graph, std::int64_t squeezed, std::int64_t expanded, Graph::Value x) {
  x = graph(conv(squeezed, 1), x);
  const auto one = graph(conv(expanded, 1), x), three = graph(conv(expanded, 3), x);
  return graph(Concatenate{}, {one, three});
}

Graph::Value halve(Graph& graph, Graph::Value x) {
  Pool2D pool = detail::max_pool(3, 2);
  pool.ceil_mode = true;
  return graph(pool, x);
}

Graph::Value stem(Graph& graph, std::int64_t filters, std::int64_t kernel) {
  Conv2D first = conv(filters, kernel);
  first.strides = {2, 2};
  first.padding = Padding::valid();
  return halve(graph, graph(first, graph.input()));
}

void head(Graph& graph, std::int64_t classes, Graph::Value x) {
  x = graph(Dropout{}, x);
  x = graph(conv(classes, 1), x);
  x = graph(GlobalPool2D{}, x);
  graph(ActivationLayer{Activation::softmax}, x);
}

}  // namespace

Graph squeezenet1_0(std::int64_t classes, const Shape& input_shape) {
  Graph graph(input_shape);
  auto x = stem(graph, 96, 7);
  for (const auto& [squeezed, expanded] : {std::pair(16, 64), {16, 64}, {32, 128}})
    x = fire(graph, squeezed, expanded, x);
  x = halve(graph, x);
  for (const auto& [squeezed, expanded] : {std::pair(32, 128), {48, 192}, {48, 192}, {64, 256}})
    x = fire(graph, squeezed, expanded, x);
  head(graph, classes, fire(graph, 64, 256, halve(graph, x)));
  return graph;
}

Graph squeezenet1_1(std::int64_t classes, const Shape& input_shape) {
  Graph graph(input_shape);
  auto x = stem(graph, 64, 3);
  x = halve(graph, fire(graph, 16, 64, fire(graph, 16, 64, x)));
  x = halve(graph, fire(graph, 32, 128, fire(graph, 32, 128, x)));
  for (const auto& [squeezed, expanded] : {std::pair(48, 192), {48, 192}, {64, 256}, {64, 256}})
    x = fire(graph, squeezed, expanded, x);
  head(graph, classes, x);
  return graph;
}

}  // namespace hubel::zoo
