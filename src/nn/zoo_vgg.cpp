// VGG: stages of 3x3 convolutions with max pooling between them, and three dense layers.
#include <array>
#include <span>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

namespace {

using Depths = std::array<int, 5>;  // convolutions of each stage
constexpr Depths kVgg11 = {1, 1, 2, 2, 2}, kVgg13 = {2, 2, 2, 2, 2}, kVgg16 = {2, 2, 3, 3, 3}, kVgg19 = {2, 2, 4, 4, 4};
constexpr std::array<std::int64_t, 5> kFilters = {64, 128, 256, 512, 512};

Graph vgg(const Depths& depths, bool norm, std::int64_t classes, const Shape& input_shape, bool small_images) {
  Graph graph(input_shape);
  auto x = graph.input();
  for (std::size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 0; i < depths[stage]; ++i) {
      Conv2D conv{.filters = kFilters[stage], .padding = Padding::same()};
      if (!norm) conv.activation = Activation::relu;
      x = graph(conv, x);
      if (norm) x = graph(detail::torch_norm(), x);
    }
    x = graph(Pool2D{}, x);
  }
  if (!small_images) x = graph(AdaptivePool2D{.output_size = {7, 7}}, x);
  x = graph(Flatten{}, x);
  for (int i = 0; i < 2 && !small_images; ++i) {
    x = graph(Dense{.units = 4096, .activation = Activation::relu}, x);
    x = graph(Dropout{}, x);
  }
  detail::classify(graph, classes, x);
  return graph;
}

}  // namespace

Graph vgg11(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg11, false, classes, input_shape, small_images);
}
Graph vgg11_bn(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg11, true, classes, input_shape, small_images);
}
Graph vgg13(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg13, false, classes, input_shape, small_images);
}
Graph vgg13_bn(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg13, true, classes, input_shape, small_images);
}
Graph vgg16(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg16, false, classes, input_shape, small_images);
}
Graph vgg16_bn(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg16, true, classes, input_shape, small_images);
}
Graph vgg19(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg19, false, classes, input_shape, small_images);
}
Graph vgg19_bn(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return vgg(kVgg19, true, classes, input_shape, small_images);
}

}  // namespace hubel::zoo
