// The zoo's networks: as many parameters as published, the right outputs, and gradients of what they are built of.
#include "hubel/zoo.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "hubel/network.hpp"
#include "hubel/separable_conv.hpp"
#include "nn/network_plan.hpp"
#include "nn/nn_testing.hpp"
#include "nn/zoo_blocks.hpp"

namespace hubel::test {
namespace {

struct Count {
  std::int64_t trainable = 0, other = 0;
};

Count parameters_of(const Graph& graph) {
  Count count;
  for (const auto& parameter : detail::plan_network(graph).parameters)
    (parameter.role == ParameterRole::statistic ? count.other : count.trainable) += parameter.shape.elements();
  return count;
}

// torchvision's, but for: LeNet-5 (the paper's layers), CIFAR's ResNets (added up below), MobileNet V1 and Xception
// (Keras's trainable ones) and U-Net (added up below).
const std::map<std::string_view, std::int64_t> kPublished = {
    {"lenet5", 61'706},
    {"lenet5_1998", 61'706},
    {"alexnet", 61'100'840},
    {"vgg11", 132'863'336},
    {"vgg13", 133'047'848},
    {"vgg16", 138'357'544},
    {"vgg19", 143'667'240},
    {"vgg11_bn", 132'868'840},
    {"vgg13_bn", 133'053'736},
    {"vgg16_bn", 138'365'992},
    {"vgg19_bn", 143'678'248},
    {"resnet18", 11'689'512},
    {"resnet34", 21'797'672},
    {"resnet50", 25'557'032},
    {"resnet101", 44'549'160},
    {"resnet152", 60'192'808},
    {"resnext50_32x4d", 25'028'904},
    {"wide_resnet50_2", 68'883'240},
    {"resnet20", 269'722},
    {"resnet32", 464'154},
    {"resnet44", 658'586},
    {"resnet56", 853'018},
    {"resnet110", 1'727'962},
    {"googlenet", 6'624'904},
    {"squeezenet1_0", 1'248'424},
    {"squeezenet1_1", 1'235'496},
    {"densenet121", 7'978'856},
    {"densenet161", 28'681'000},
    {"densenet169", 14'149'480},
    {"densenet201", 20'013'928},
    {"mobilenet_v1", 4'231'976},
    {"mobilenet_v2", 3'504'872},
    {"mobilenet_v3_small", 2'542'856},
    {"mobilenet_v3_large", 5'483'032},
    {"shufflenet_v2_x0_5", 1'366'792},
    {"shufflenet_v2_x1_0", 2'278'604},
    {"shufflenet_v2_x1_5", 3'503'624},
    {"shufflenet_v2_x2_0", 7'393'996},
    {"xception", 22'855'952},
    {"efficientnet_b0", 5'288'548},
    {"efficientnet_b1", 7'794'184},
    {"efficientnet_b2", 9'109'994},
    {"efficientnet_b3", 12'233'232},
    {"efficientnet_b4", 19'341'616},
    {"efficientnet_b5", 30'389'784},
    {"efficientnet_b6", 43'040'704},
    {"efficientnet_b7", 66'347'960},
    {"convnext_tiny", 28'589'128},
    {"convnext_small", 50'223'688},
    {"convnext_base", 88'591'464},
    {"unet", 31'030'658},
    {"unet_same", 31'030'658},
};

class Zoo : public ::testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(Each, Zoo, ::testing::ValuesIn(zoo_names()),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Zoo, HasAsManyParametersAsPublished) {
  const Graph graph = zoo_graph(GetParam());
  EXPECT_EQ(parameters_of(graph).trainable, kPublished.at(GetParam()));
}

// Images that leave something at each layer, in the variant for small ones where there is one.
Graph small_network(std::string_view name) {
  static const std::map<std::string_view, Shape> kShapes = {
      {"lenet5", {28, 28, 1}},        {"lenet5_1998", {32, 32, 1}},    {"alexnet", {64, 64, 3}},
      {"squeezenet1_0", {64, 64, 3}}, {"squeezenet1_1", {64, 64, 3}},  {"xception", {71, 71, 3}},
      {"convnext_tiny", {32, 32, 3}}, {"convnext_small", {32, 32, 3}}, {"convnext_base", {32, 32, 3}},
      {"unet", {188, 204, 1}},        {"unet_same", {32, 48, 1}}};
  ZooOptions options{.classes = 5, .input_shape = Shape{32, 32, 3}};
  if (const auto shape = kShapes.find(name); shape != kShapes.end()) {
    options.input_shape = shape->second;
  } else if (name.starts_with("resnet") && parameters_of(zoo_graph(name)).trainable < 2'000'000) {
    options.input_shape = Shape{16, 16, 3};
  } else {
    options.small_images = true;
  }
  return zoo_graph(name, options);
}

// With weights of He's size that are quick to make: the largest networks have 10^8 of them.
Network<float> network_of(const Graph& graph) {
  std::vector<Parameter<float>> parameters;
  std::uint32_t state = 1;
  for (const detail::ParameterSpec& spec : detail::plan_network(graph).parameters) {
    auto value = Tensor<float>::uninitialized(spec.shape);
    const float bound = std::sqrt(6.0F / static_cast<float>(spec.fan_in));
    for (float& x : value) {
      state = state * 1664525 + 1013904223;  // Numerical Recipes' generator, good enough here
      x = spec.constant ? static_cast<float>(*spec.constant)
                        : bound * static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31F;
    }
    parameters.push_back({spec.name, std::move(value), spec.role});
  }
  return Network<float>(graph, std::move(parameters));
}

TEST_P(Zoo, GivesProbabilitiesForSmallImages) {
  const Network<float> network = network_of(small_network(GetParam()));
  const Shape output = network.output_shape();
  EXPECT_EQ(output.back(), 5);
  EXPECT_TRUE(network.ends_in_softmax());
  const Tensor<float> x = random_tensor<float>(detail::batch_shape(1, network.input_shape()), 1);
  Execution<float> execution(network, 1, Execution<float>::Mode::inference);
  const auto y = execution.forward(x);
  ASSERT_EQ(y.size(), output.elements());
  double sum = 0;
  for (const float p : y) {
    ASSERT_TRUE(std::isfinite(p));
    sum += static_cast<double>(p);
  }
  EXPECT_NEAR(sum / static_cast<double>(output.elements() / 5), 1, 1e-4);
}

TEST(Zoo, NonTrainableParametersAreThoseOfBatchNorms) {
  EXPECT_EQ(parameters_of(zoo::mobilenet_v1()).other, 4'253'864 - 4'231'976);
  EXPECT_EQ(parameters_of(zoo::xception()).other, 22'910'480 - 22'855'952);
  EXPECT_EQ(parameters_of(zoo::alexnet()).other, 0);
}

TEST(Zoo, UnetWithPaddingWantsMultiplesOf16) {
  for (const Shape& shape : {Shape{30, 32, 1}, Shape{32, 8, 1}})
    EXPECT_TRUE(refuses([&] { zoo::unet_same(2, shape); }, "unet_same", {shape.to_string(), "16"}));
}

TEST(Zoo, VariantsForSmallImages) {
  EXPECT_EQ(parameters_of(zoo::resnet18(10, {32, 32, 3}, true)).trainable, 11'173'962);
  EXPECT_EQ(parameters_of(zoo::vgg16_bn(10, {32, 32, 3}, true)).trainable, 14'728'266);
  // What comes before the last pooling keeps the size that the papers' networks for CIFAR have there.
  const auto last_size = [](const Graph& graph) {
    for (auto i = std::ssize(graph.layers()); i-- > 0;)
      if (graph.shape(graph.value(i)).rank() == 3) return graph.shape(graph.value(i))[0];
    return std::int64_t{0};
  };
  EXPECT_EQ(last_size(zoo::resnet50(10, {32, 32, 3}, true)), 4);
  EXPECT_EQ(last_size(zoo::densenet121(10, {32, 32, 3}, true)), 4);
  EXPECT_EQ(last_size(zoo::mobilenet_v2(10, {32, 32, 3}, true)), 4);
  EXPECT_EQ(last_size(zoo::efficientnet_b0(10, {32, 32, 3}, true)), 4);
  EXPECT_EQ(last_size(zoo::shufflenet_v2_x1_0(10, {32, 32, 3}, true)), 4);
  EXPECT_EQ(last_size(zoo::mobilenet_v1()), 7);
}

// The sizes that the papers' tables give.
TEST(Zoo, SizesOnTheWay) {
  const auto has_shape = [](const Graph& graph, const Shape& shape) {
    for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i)
      if (graph.shape(graph.value(i)) == shape) return true;
    return false;
  };
  for (const Shape& shape : {Shape{112, 112, 64}, Shape{56, 56, 256}, Shape{7, 7, 2048}})
    EXPECT_TRUE(has_shape(zoo::resnet50(), shape)) << shape.to_string();
  for (const Shape& shape : {Shape{28, 28, 256}, Shape{14, 14, 832}, Shape{7, 7, 1024}})
    EXPECT_TRUE(has_shape(zoo::googlenet(), shape)) << shape.to_string();
  for (const Shape& shape : {Shape{55, 55, 64}, Shape{27, 27, 192}, Shape{6, 6, 256}})
    EXPECT_TRUE(has_shape(zoo::alexnet(), shape)) << shape.to_string();
  for (const Shape& shape : {Shape{149, 149, 32}, Shape{19, 19, 728}, Shape{10, 10, 2048}})
    EXPECT_TRUE(has_shape(zoo::xception(), shape)) << shape.to_string();
  for (const Shape& shape : {Shape{28, 28, 1024}, Shape{392, 392, 128}, Shape{388, 388, 2}})
    EXPECT_TRUE(has_shape(zoo::unet(), shape)) << shape.to_string();
  for (const Shape& shape : {Shape{112, 112, 24}, Shape{56, 56, 24}, Shape{28, 28, 116}, Shape{7, 7, 1024}})
    EXPECT_TRUE(has_shape(zoo::shufflenet_v2_x1_0(), shape)) << shape.to_string();
  for (const Shape& shape : {Shape{56, 56, 96}, Shape{28, 28, 192}, Shape{14, 14, 1536}, Shape{7, 7, 768}})
    EXPECT_TRUE(has_shape(zoo::convnext_tiny(), shape)) << shape.to_string();
  EXPECT_TRUE(has_shape(zoo::squeezenet1_0(), {13, 13, 512}));
  EXPECT_TRUE(has_shape(zoo::densenet121(), {14, 14, 1024}));
}

// Convolutions with a batch norm: k x k x a x b + 2 b.
TEST(Zoo, CifarResNetsCountsAddUp) {
  const auto unit = [](std::int64_t a, std::int64_t b) { return 9 * a * b + 2 * b; };
  for (const auto& [graph, n] : {std::pair(zoo::resnet20(), 3), {zoo::resnet56(), 9}, {zoo::resnet110(), 18}}) {
    const std::int64_t stages = unit(3, 16) + 2 * n * unit(16, 16) + unit(16, 32) + (2 * n - 1) * unit(32, 32) +
                                unit(32, 64) + (2 * n - 1) * unit(64, 64);
    EXPECT_EQ(parameters_of(graph).trainable, stages + 64 * 10 + 10);
  }
}

TEST(Zoo, UNetsCountsAddUp) {
  const auto conv = [](std::int64_t k, std::int64_t a, std::int64_t b) { return k * k * a * b + b; };
  for (const auto& [channels, classes] : {std::pair(1, 2), {3, 21}}) {
    std::int64_t sum = conv(3, channels, 64) + conv(3, 64, 64) + conv(1, 64, classes);
    for (std::int64_t c = 64; c < 1024; c *= 2) {
      sum += conv(3, c, 2 * c) + conv(3, 2 * c, 2 * c);              // down
      sum += conv(2, 2 * c, c) + conv(3, 2 * c, c) + conv(3, c, c);  // up
    }
    EXPECT_EQ(parameters_of(zoo::unet(classes, {572, 572, channels})).trainable, sum);
    EXPECT_EQ(parameters_of(zoo::unet_same(classes, {64, 64, channels})).trainable, sum);
  }
}

TEST(Zoo, SaysWhatIsWrong) {
  EXPECT_TRUE(refuses([] { zoo_graph("resnet19"); }, "zoo", {"'resnet19'", "resnet18, resnet34"}));
  EXPECT_TRUE(refuses([] { zoo_graph("alexnet", {.small_images = true}); }, "zoo", {"alexnet", "small images"}));
  EXPECT_TRUE(refuses([] { zoo::lenet5(0); }, "dense_3", {"units = 0"}));
  EXPECT_TRUE(refuses([] { zoo::resnet18(10, {32}); }, "conv2d_1", {"(m, h, w, c)"}));
  EXPECT_TRUE(refuses([] { zoo::vgg11(10, {8, 8, 3}); }, "max_pool2d_4", {"larger"}));
}

// ---- Gradients of what the networks are built of, small and with smooth activations ------------------------------

void expect_gradients(Graph graph, Graph::Value x) {
  x = graph(GlobalPool2D{}, x);
  detail::classify(graph, 3, x);
  Network<double> network(std::move(graph), 1);
  expect_network_gradients(network, 3, 4, 1);
}

TEST(ZooGradients, ResidualBottleneckWithProjection) {
  using namespace hubel::detail;
  constexpr auto kSmooth = Activation::silu;
  Graph graph({6, 5, 3});
  auto x = conv_norm(graph, square_conv(4, 3), torch_norm(kSmooth), graph.input());
  const auto shortcut = conv_norm(graph, square_conv(8, 1, 2), torch_norm(Activation::identity), x);
  auto y = conv_norm(graph, square_conv(4, 1), torch_norm(kSmooth), x);
  y = conv_norm(graph, square_conv(4, 3, 2, 2), torch_norm(kSmooth), y);
  y = conv_norm(graph, square_conv(8, 1), torch_norm(Activation::identity), y);
  expect_gradients(graph, graph(Add{.activation = Activation::tanh}, {y, shortcut}));
}

TEST(ZooGradients, InvertedResidualWithSqueezeAndExcitation) {
  Graph graph({6, 5, 4});
  auto x = graph.input();
  for (const std::int64_t stride : {1, 2}) {
    x = detail::inverted_residual(graph,
                                  {.expanded = 8,
                                   .filters = 4,
                                   .kernel = 3,
                                   .stride = stride,
                                   .squeezed = 2,
                                   .norm = detail::keras_norm(Activation::silu),
                                   .squeeze = Activation::silu},
                                  x);
  }
  expect_gradients(graph, x);
}

TEST(ZooGradients, ShuffledHalves) {
  using namespace hubel::detail;
  Graph graph({5, 6, 3});
  auto x = conv_norm(graph, square_conv(8, 3), torch_norm(Activation::silu), graph.input());
  auto y = graph(ChannelSlice{4, 8}, x);
  y = conv_norm(graph, square_depthwise(3, 1), torch_norm(Activation::silu), y);
  x = graph(Concatenate{}, {graph(ChannelSlice{0, 4}, x), y});
  x = graph(Permute{{1, 2, 4, 3}}, graph(Reshape{{5, 6, 2, 4}}, x));
  expect_gradients(graph, graph(square_conv(4, 3), graph(Reshape{{5, 6, 8}}, x)));
}

TEST(ZooGradients, DenseLayersOfPixels) {
  Graph graph({5, 6, 4});
  auto x = graph(DepthwiseConv2D{.padding = Padding::same()}, graph.input());
  x = graph(Dense{.units = 9, .activation = Activation::gelu}, graph(LayerNorm{}, x));
  x = graph(LayerScale{0.5}, graph(Dense{.units = 4}, x));
  expect_gradients(graph, graph(Add{}, {x, graph.input()}));
}

TEST(ZooGradients, DenseBlock) {
  using namespace hubel::detail;
  Graph graph({5, 6, 3});
  auto x = graph.input();
  for (int i = 0; i < 3; ++i) {
    const auto y = graph(square_conv(2, 3), graph(torch_norm(Activation::softplus), x));
    x = graph(Concatenate{}, {x, y});
  }
  expect_gradients(graph, graph(Pool2D{.mode = PoolMode::avg}, x));
}

TEST(ZooGradients, UNet) {
  const auto conv = [](std::int64_t filters) { return Conv2D{.filters = filters, .activation = Activation::tanh}; };
  Graph graph({10, 12, 1});
  auto x = graph(conv(2), graph.input());
  const auto skip = x;
  x = graph(conv(4), graph(Pool2D{.mode = PoolMode::avg}, x));
  x = graph(Conv2DTranspose{.filters = 2, .kernel_size = {2, 2}, .strides = {2, 2}}, x);
  x = graph(Concatenate{}, {graph(Cropping2D{{2, 2, 2, 2}}, skip), x});
  graph(Conv2D{.filters = 2, .kernel_size = {1, 1}, .activation = Activation::softmax}, x);
  Network<double> network(graph, 1);
  const Tensor<double> probabilities = random_tensor<double>({3, 4, 6, 2}, 1);
  Execution<double> execution(network, 3, Execution<double>::Mode::training);
  const Tensor<double> input = random_tensor<double>({3, 10, 12, 1}, 2);
  const auto loss = [&] {
    const auto y = execution.forward(input);
    double sum = 0;
    for (std::int64_t i = 0; i < y.size(); ++i) sum += probabilities[i] * y[i];
    return sum;
  };
  loss();
  execution.backward(probabilities);
  Noise noise(1);
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    const auto gradient = execution.gradients()[i];
    Tensor<double> kept = Tensor<double>::uninitialized(gradient.shape());
    std::copy(gradient.begin(), gradient.end(), kept.begin());
    Parameter<double>& parameter = network.parameters()[i];
    expect_gradient(parameter.name, parameter.value.data(), kept, loss, 4, noise);
  }
}

TEST(SeparableConv, IsDepthwiseThenPointwise) {
  Graph graph({9, 8, 3});
  const auto y = separable_conv2d(graph,
                                  {.filters = 7,
                                   .kernel_size = {5, 3},
                                   .strides = {2, 2},
                                   .padding = Padding::same(),
                                   .depth_multiplier = 2,
                                   .activation = Activation::tanh},
                                  graph.input());
  EXPECT_EQ(graph.shape(y), Shape({5, 4, 7}));
  const Count count = parameters_of(graph);
  EXPECT_EQ(count.trainable, 5 * 3 * 6 + 6 * 7 + 7);
  expect_gradients(graph, y);
  Graph other({9, 8, 3});
  EXPECT_TRUE(refuses([&] { separable_conv2d(other, {.depth_multiplier = 0}, other.input()); }, "depthwise_conv2d_1",
                      {"depth_multiplier"}));
}

}  // namespace
}  // namespace hubel::test
