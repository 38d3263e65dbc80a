// Gradients of networks by central differences in double: each kind of layer with its options, each activation fused
// and alone, and the whole of LeNet-5.
#include <gtest/gtest.h>

#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

constexpr std::int64_t kAll = 1 << 20;

void check(Shape input, std::vector<Layer> layers, std::uint64_t seed = 7) {
  Network<double> network(input, layers, seed);
  expect_network_gradients(network, 3, kAll, seed);
}

TEST(Gradients, DenseLayers) {
  check({6}, {Dense{.units = 5, .activation = Activation::tanh}, Dense{.units = 4}});
  check({6}, {Dense{.units = 5, .activation = Activation::sigmoid, .use_bias = false}, Dense{.units = 1}});
}

TEST(Gradients, ConvolutionOptions) {
  const auto with = [](Conv2D conv) {
    conv.activation = Activation::tanh;
    check({7, 6, 4}, {conv, Flatten{}, Dense{.units = 3}});
  };
  with({.filters = 3});
  with({.filters = 3, .padding = Padding::same(), .use_bias = false});
  with({.filters = 2, .kernel_size = {3, 2}, .strides = {2, 3}, .padding = Padding::same()});
  with({.filters = 2, .kernel_size = {2, 2}, .padding = Padding::sides(2, 0, 1, 3)});
  with({.filters = 2, .padding = Padding::same(), .dilation_rate = {2, 1}});
  with({.filters = 6, .groups = 2});
  with({.filters = 8, .padding = Padding::same(), .groups = 4});  // depthwise, two filters a channel
  with({.filters = 5, .kernel_size = {1, 1}, .strides = {2, 2}});
}

TEST(Gradients, Pooling) {
  for (const PoolMode mode : {PoolMode::max, PoolMode::avg}) {
    check({6, 7, 2}, {Conv2D{.filters = 3}, Pool2D{.mode = mode}, Flatten{}, Dense{.units = 3}});
    check({6, 7, 2}, {Pool2D{.mode = mode, .pool_size = {3, 2}, .strides = {1, 2}}, Conv2D{.filters = 2}});
  }
}

TEST(Gradients, ActivationsFusedAndAlone) {
  std::uint64_t seed = 20;
  for (const std::string_view name : activation_names()) {
    SCOPED_TRACE(name);
    const Activation activation = activation_from_name(name);
    ++seed;
    check({5, 5, 2},
          {Conv2D{.filters = 3, .activation = activation}, Flatten{}, Dense{.units = 4, .activation = activation},
           Dense{.units = 3}},
          seed);
    check({5, 5, 2}, {ActivationLayer{activation}, Conv2D{.filters = 3}, ActivationLayer{activation}}, seed);
  }
}

TEST(Gradients, EndsOfTheNetwork) {
  check({6}, {Dense{.units = 4, .activation = Activation::softmax}});
  check({6}, {Dense{.units = 4}, ActivationLayer{Activation::softmax}});
  check({6}, {Dense{.units = 4, .activation = Activation::log_softmax}});
  check({3, 3, 2}, {Conv2D{.filters = 4, .activation = Activation::softmax}});
  check({3, 3, 2}, {Conv2D{.filters = 4, .activation = Activation::softmax}, Flatten{}});
  check({6}, {Dense{.units = 4, .activation = Activation::gelu}});
  check({3, 3, 1}, {Pool2D{.pool_size = {3, 3}}});  // no parameters at all
  check({2, 2, 1}, {Flatten{}});
  check({4}, {ActivationLayer{Activation::softmax}});
}

TEST(Gradients, WholeLeNet5) {
  Network<double> network = lenet5<double>(3);
  expect_network_gradients(network, 2, 40, 3);
}

TEST(Gradients, LeNet5OfColourImages) {
  Network<double> network = lenet5<double>(4, 7, {20, 24, 3});
  expect_network_gradients(network, 2, 10, 4);
}

}  // namespace
}  // namespace hubel::test
