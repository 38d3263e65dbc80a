// EfficientNet: one network of inverted residuals with squeeze and excitation, scaled in width and depth.
#include <array>
#include <cmath>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

struct Stage {
  std::int64_t expansion, kernel, stride, filters, repeats;
};
constexpr std::array<Stage, 7> kStages = {{{1, 3, 1, 16, 1},
                                           {6, 3, 2, 24, 2},
                                           {6, 5, 2, 40, 2},
                                           {6, 3, 2, 80, 3},
                                           {6, 5, 1, 112, 3},
                                           {6, 5, 2, 192, 4},
                                           {6, 3, 1, 320, 1}}};

struct Scale {
  double width, depth, dropout;
};

Graph efficientnet(const Scale& scale, std::int64_t classes, const Shape& input_shape, bool small_images) {
  using namespace hubel::detail;
  const auto scaled = [&](std::int64_t filters) { return make_divisible(static_cast<double>(filters) * scale.width); };
  const BatchNorm norm = keras_norm(Activation::silu);
  Graph graph(input_shape);
  auto x = conv_norm(graph, square_conv(scaled(32), 3, small_images ? 1 : 2), norm, graph.input());
  for (std::size_t s = 0; s < kStages.size(); ++s) {
    const Stage& stage = kStages[s];
    const auto repeats = static_cast<std::int64_t>(std::ceil(static_cast<double>(stage.repeats) * scale.depth));
    for (std::int64_t i = 0; i < repeats; ++i) {
      const std::int64_t c = channels_of(graph, x);
      const bool strides = i == 0 && !(small_images && s == 1);
      x = inverted_residual(graph,
                            {.expanded = stage.expansion * c,
                             .filters = scaled(stage.filters),
                             .kernel = stage.kernel,
                             .stride = strides ? stage.stride : 1,
                             .squeezed = std::max<std::int64_t>(1, c / 4),
                             .norm = norm,
                             .squeeze = Activation::silu},
                            x);
    }
  }
  x = conv_norm(graph, square_conv(4 * channels_of(graph, x), 1), norm, x);
  pool_and_classify(graph, classes, scale.dropout, x);
  return graph;
}

}  // namespace

Graph efficientnet_b0(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.0, 1.0, 0.2}, classes, input_shape, small_images);
}
Graph efficientnet_b1(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.0, 1.1, 0.2}, classes, input_shape, small_images);
}
Graph efficientnet_b2(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.1, 1.2, 0.3}, classes, input_shape, small_images);
}
Graph efficientnet_b3(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.2, 1.4, 0.3}, classes, input_shape, small_images);
}
Graph efficientnet_b4(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.4, 1.8, 0.4}, classes, input_shape, small_images);
}
Graph efficientnet_b5(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.6, 2.2, 0.4}, classes, input_shape, small_images);
}
Graph efficientnet_b6(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({1.8, 2.6, 0.5}, classes, input_shape, small_images);
}
Graph efficientnet_b7(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return efficientnet({2.0, 3.1, 0.5}, classes, input_shape, small_images);
}

}  // namespace hubel::zoo
