// Residual networks for large images: blocks of two 3x3 convolutions, or bottlenecks, plain, wide or in groups.
#include <array>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

struct Variant {
  std::array<int, 4> depths;     // blocks of each stage
  bool bottleneck;               // 1x1, 3x3, 1x1 instead of 3x3, 3x3
  std::int64_t groups = 1;       // of the bottleneck's 3x3
  std::int64_t base_width = 64;  // a group's channels at the first stage
};

// The shortcut goes first, so that the sum comes directly after the layers of the main path.
Graph::Value block(Graph& graph, const Variant& variant, std::int64_t width, std::int64_t stride, Graph::Value x) {
  using namespace hubel::detail;
  constexpr auto kNone = Activation::identity;
  const std::int64_t filters = variant.bottleneck ? 4 * width : width;
  const std::int64_t inner = width * variant.base_width / 64 * variant.groups;
  auto shortcut = x, y = x;
  if (stride != 1 || channels_of(graph, x) != filters)
    shortcut = conv_norm(graph, square_conv(filters, 1, stride), torch_norm(kNone), x);
  if (variant.bottleneck) {
    y = conv_norm(graph, square_conv(inner, 1), torch_norm(), y);
    y = conv_norm(graph, square_conv(inner, 3, stride, variant.groups), torch_norm(), y);
    y = conv_norm(graph, square_conv(filters, 1), torch_norm(kNone), y);
  } else {
    y = conv_norm(graph, square_conv(filters, 3, stride), torch_norm(), y);
    y = conv_norm(graph, square_conv(filters, 3), torch_norm(kNone), y);
  }
  return graph(Add{.activation = Activation::relu}, {y, shortcut});
}

Graph resnet(const Variant& variant, std::int64_t classes, const Shape& input_shape, bool small_images) {
  using namespace hubel::detail;
  Graph graph(input_shape);
  auto x = conv_norm(graph, small_images ? square_conv(64, 3) : square_conv(64, 7, 2), torch_norm(), graph.input());
  if (!small_images) x = graph(max_pool(3, 2, Padding::sides(1, 1, 1, 1)), x);
  std::int64_t width = 64;
  for (std::size_t stage = 0; stage < variant.depths.size(); ++stage, width *= 2)
    for (int i = 0; i < variant.depths[stage]; ++i) x = block(graph, variant, width, stage > 0 && i == 0 ? 2 : 1, x);
  pool_and_classify(graph, classes, 0, x);
  return graph;
}

}  // namespace

Graph resnet18(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {2, 2, 2, 2}, .bottleneck = false}, classes, input_shape, small_images);
}
Graph resnet34(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {3, 4, 6, 3}, .bottleneck = false}, classes, input_shape, small_images);
}
Graph resnet50(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {3, 4, 6, 3}, .bottleneck = true}, classes, input_shape, small_images);
}
Graph resnet101(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {3, 4, 23, 3}, .bottleneck = true}, classes, input_shape, small_images);
}
Graph resnet152(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {3, 8, 36, 3}, .bottleneck = true}, classes, input_shape, small_images);
}
Graph resnext50_32x4d(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {3, 4, 6, 3}, .bottleneck = true, .groups = 32, .base_width = 4}, classes, input_shape,
                small_images);
}
Graph wide_resnet50_2(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return resnet({.depths = {3, 4, 6, 3}, .bottleneck = true, .base_width = 128}, classes, input_shape, small_images);
}

}  // namespace hubel::zoo
