// GoogLeNet: inception blocks, four branches side by side.
#include <array>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

// Channels of a block's convolutions: 1x1; 1x1 and 3x3; 1x1 and the second 3x3 (the paper's 5x5); 1x1 behind pooling.
struct Inception {
  std::int64_t one, three_from, three, five_from, five, pool;
};

Graph::Value unit(Graph& graph, const Conv2D& conv, Graph::Value x) {
  BatchNorm norm = detail::torch_norm();
  norm.epsilon = 1e-3;
  return detail::conv_norm(graph, conv, norm, x);
}

Graph::Value inception(Graph& graph, const Inception& b, Graph::Value x) {
  using detail::square_conv;
  const auto one = unit(graph, square_conv(b.one, 1), x);
  const auto three = unit(graph, square_conv(b.three, 3), unit(graph, square_conv(b.three_from, 1), x));
  const auto five = unit(graph, square_conv(b.five, 3), unit(graph, square_conv(b.five_from, 1), x));
  const auto pooled = graph(detail::max_pool(3, 1, Padding::same()), x);
  return graph(Concatenate{}, {one, three, five, unit(graph, square_conv(b.pool, 1), pooled)});
}

Pool2D halve(std::int64_t kernel) {
  Pool2D pool = detail::max_pool(kernel, 2);
  pool.ceil_mode = true;
  return pool;
}

constexpr std::array<Inception, 2> kThird = {{{64, 96, 128, 16, 32, 32}, {128, 128, 192, 32, 96, 64}}};
constexpr std::array<Inception, 5> kFourth = {{{192, 96, 208, 16, 48, 64},
                                               {160, 112, 224, 24, 64, 64},
                                               {128, 128, 256, 24, 64, 64},
                                               {112, 144, 288, 32, 64, 64},
                                               {256, 160, 320, 32, 128, 128}}};
constexpr std::array<Inception, 2> kFifth = {{{256, 160, 320, 32, 128, 128}, {384, 192, 384, 48, 128, 128}}};

}  // namespace

Graph googlenet(std::int64_t classes, const Shape& input_shape, bool small_images) {
  using detail::square_conv;
  Graph graph(input_shape);
  auto x = unit(graph, square_conv(64, 7, small_images ? 1 : 2), graph.input());
  if (!small_images) x = graph(halve(3), x);
  x = unit(graph, square_conv(192, 3), unit(graph, square_conv(64, 1), x));
  x = graph(halve(3), x);
  for (const Inception& b : kThird) x = inception(graph, b, x);
  x = graph(halve(3), x);
  for (const Inception& b : kFourth) x = inception(graph, b, x);
  x = graph(halve(2), x);
  for (const Inception& b : kFifth) x = inception(graph, b, x);
  detail::pool_and_classify(graph, classes, 0.2, x);
  return graph;
}

}  // namespace hubel::zoo
