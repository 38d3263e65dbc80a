// MobileNet, versions 1 to 3.
#include <array>
#include <span>

#include "hubel/zoo.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::zoo {

using namespace hubel::detail;

// ---- Version 1: depthwise separable convolutions with a batch norm behind each half -------------------------------

namespace {

// Keras pads at stride 2 below and to the right only.
template <class Conv>
Conv padded_as_keras(Conv conv) {
  if (conv.strides[0] == 2) conv.padding = Padding::sides(0, 1, 0, 1);
  return conv;
}

struct Stage {
  std::int64_t filters, stride;
};
constexpr std::array<Stage, 13> kVersion1 = {{{64, 1},
                                              {128, 2},
                                              {128, 1},
                                              {256, 2},
                                              {256, 1},
                                              {512, 2},
                                              {512, 1},
                                              {512, 1},
                                              {512, 1},
                                              {512, 1},
                                              {512, 1},
                                              {1024, 2},
                                              {1024, 1}}};

}  // namespace

Graph mobilenet_v1(std::int64_t classes, const Shape& input_shape, bool small_images) {
  const BatchNorm norm = keras_norm(Activation::relu6);
  Graph graph(input_shape);
  auto x = conv_norm(graph, padded_as_keras(square_conv(32, 3, small_images ? 1 : 2)), norm, graph.input());
  for (std::size_t i = 0; i < kVersion1.size(); ++i) {
    const auto [filters, stride] = kVersion1[i];
    x = conv_norm(graph, padded_as_keras(square_depthwise(3, small_images && i == 1 ? 1 : stride)), norm, x);
    x = conv_norm(graph, square_conv(filters, 1), norm, x);
  }
  pool_and_classify(graph, classes, 1e-3, x);
  return graph;
}

// ---- Version 2: inverted residuals --------------------------------------------------------------------------------

namespace {

struct Stage2 {
  std::int64_t expansion, filters, repeats, stride;
};
constexpr std::array<Stage2, 7> kVersion2 = {
    {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};

}  // namespace

Graph mobilenet_v2(std::int64_t classes, const Shape& input_shape, bool small_images) {
  const BatchNorm norm = torch_norm(Activation::relu6);
  Graph graph(input_shape);
  auto x = conv_norm(graph, square_conv(32, 3, small_images ? 1 : 2), norm, graph.input());
  for (std::size_t stage = 0; stage < kVersion2.size(); ++stage) {
    const auto [expansion, filters, repeats, stride] = kVersion2[stage];
    for (std::int64_t i = 0; i < repeats; ++i) {
      const bool strides = i == 0 && !(small_images && stage == 1);
      x = inverted_residual(graph,
                            {.expanded = expansion * channels_of(graph, x),
                             .filters = filters,
                             .kernel = 3,
                             .stride = strides ? stride : 1,
                             .norm = norm},
                            x);
    }
  }
  x = conv_norm(graph, square_conv(1280, 1), norm, x);
  pool_and_classify(graph, classes, 0.2, x);
  return graph;
}

// ---- Version 3: with squeeze and excitation, and other activations ------------------------------------------------

namespace {

struct Block3 {
  std::int64_t kernel, expanded, filters;
  bool squeezes;
  Activation activation;
  std::int64_t stride;
};
constexpr auto kRelu = Activation::relu, kSwish = Activation::hard_swish;
constexpr std::array<Block3, 11> kSmall = {{{3, 16, 16, true, kRelu, 2},
                                            {3, 72, 24, false, kRelu, 2},
                                            {3, 88, 24, false, kRelu, 1},
                                            {5, 96, 40, true, kSwish, 2},
                                            {5, 240, 40, true, kSwish, 1},
                                            {5, 240, 40, true, kSwish, 1},
                                            {5, 120, 48, true, kSwish, 1},
                                            {5, 144, 48, true, kSwish, 1},
                                            {5, 288, 96, true, kSwish, 2},
                                            {5, 576, 96, true, kSwish, 1},
                                            {5, 576, 96, true, kSwish, 1}}};
constexpr std::array<Block3, 15> kLarge = {{{3, 16, 16, false, kRelu, 1},
                                            {3, 64, 24, false, kRelu, 2},
                                            {3, 72, 24, false, kRelu, 1},
                                            {5, 72, 40, true, kRelu, 2},
                                            {5, 120, 40, true, kRelu, 1},
                                            {5, 120, 40, true, kRelu, 1},
                                            {3, 240, 80, false, kSwish, 2},
                                            {3, 200, 80, false, kSwish, 1},
                                            {3, 184, 80, false, kSwish, 1},
                                            {3, 184, 80, false, kSwish, 1},
                                            {3, 480, 112, true, kSwish, 1},
                                            {3, 672, 112, true, kSwish, 1},
                                            {5, 672, 160, true, kSwish, 2},
                                            {5, 960, 160, true, kSwish, 1},
                                            {5, 960, 160, true, kSwish, 1}}};

Graph version3(std::span<const Block3> blocks, std::int64_t hidden, std::int64_t classes, const Shape& input_shape,
               bool small_images) {
  Graph graph(input_shape);
  auto x = conv_norm(graph, square_conv(16, 3, small_images ? 1 : 2), keras_norm(kSwish), graph.input());
  bool keeps_next = small_images;  // the first stride among the blocks
  for (const Block3& b : blocks) {
    const bool keeps = keeps_next && b.stride == 2;
    if (keeps) keeps_next = false;
    x = inverted_residual(graph,
                          {.expanded = b.expanded,
                           .filters = b.filters,
                           .kernel = b.kernel,
                           .stride = keeps ? 1 : b.stride,
                           .squeezed = b.squeezes ? make_divisible(static_cast<double>(b.expanded / 4)) : 0,
                           .norm = keras_norm(b.activation),
                           .gate = Activation::hard_sigmoid},
                          x);
  }
  x = conv_norm(graph, square_conv(6 * channels_of(graph, x), 1), keras_norm(kSwish), x);
  x = graph(GlobalPool2D{}, x);
  x = graph(Dense{.units = hidden, .activation = kSwish}, x);
  classify(graph, classes, graph(Dropout{0.2}, x));
  return graph;
}

}  // namespace

Graph mobilenet_v3_small(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return version3(kSmall, 1024, classes, input_shape, small_images);
}
Graph mobilenet_v3_large(std::int64_t classes, const Shape& input_shape, bool small_images) {
  return version3(kLarge, 1280, classes, input_shape, small_images);
}

}  // namespace hubel::zoo
