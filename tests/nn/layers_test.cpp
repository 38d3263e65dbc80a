// Shape inference through layers and networks, and what is said when a layer does not fit.
#include "hubel/layers.hpp"

#include <gtest/gtest.h>

#include "hubel/network.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

Shape output(const Layer& layer, const Shape& input) { return layer_output_shape(layer, input, "layer"); }

TEST(Layers, Kinds) {
  EXPECT_EQ(layer_kind(Conv2D{}), "conv2d");
  EXPECT_EQ(layer_kind(Pool2D{}), "max_pool2d");
  EXPECT_EQ(layer_kind(Pool2D{.mode = PoolMode::avg}), "avg_pool2d");
  EXPECT_EQ(layer_kind(Flatten{}), "flatten");
  EXPECT_EQ(layer_kind(Dense{}), "dense");
  EXPECT_EQ(layer_kind(ActivationLayer{}), "activation");
}

TEST(Layers, OutputShapes) {
  EXPECT_EQ(output(Conv2D{.filters = 8}, {2, 9, 7, 3}), Shape({2, 7, 5, 8}));
  EXPECT_EQ(output(Conv2D{.filters = 8, .strides = {2, 3}, .padding = Padding::same()}, {2, 9, 7, 3}),
            Shape({2, 5, 3, 8}));
  EXPECT_EQ(output(Conv2D{.filters = 4, .padding = Padding::sides(1, 2, 3, 4), .dilation_rate = {2, 2}, .groups = 2},
                   {1, 9, 7, 2}),
            Shape({1, 8, 10, 4}));
  EXPECT_EQ(output(Pool2D{}, {5, 9, 7, 3}), Shape({5, 4, 3, 3}));
  EXPECT_EQ(output(Pool2D{.pool_size = {3, 2}, .strides = {1, 2}}, {5, 9, 7, 3}), Shape({5, 7, 3, 3}));
  EXPECT_EQ(output(Flatten{}, {5, 2, 3, 4}), Shape({5, 24}));
  EXPECT_EQ(output(Flatten{}, {5, 24}), Shape({5, 24}));
  EXPECT_EQ(output(Dense{.units = 10}, {0, 24}), Shape({0, 10}));
  EXPECT_EQ(output(Dense{.units = 10}, {5, 2, 3, 24}), Shape({5, 2, 3, 10}));
  EXPECT_EQ(output(ActivationLayer{}, {5, 2, 3}), Shape({5, 2, 3}));
}

TEST(Layers, RefuseInputsThatDoNotFit) {
  const auto says = [](const Layer& layer, const Shape& input, const std::vector<std::string>& parts) {
    return refuses([&] { layer_output_shape(layer, input, "conv2d_3"); }, "conv2d_3", parts);
  };
  EXPECT_TRUE(says(Conv2D{}, {5, 24}, {"(5, 24)", "(m, h, w, c)"}));
  EXPECT_TRUE(says(Pool2D{}, {5, 24}, {"(5, 24)", "(m, h, w, c)"}));
  EXPECT_TRUE(says(Dense{}, {5}, {"(5,)", "batch axis"}));
  EXPECT_TRUE(says(Flatten{}, {5}, {"(5,)", "batch axis"}));
  EXPECT_TRUE(says(Conv2D{.kernel_size = {5, 5}}, {1, 4, 9, 1}, {"5", "4"}));
  EXPECT_TRUE(says(Pool2D{.pool_size = {2, 3}}, {1, 4, 2, 1}, {"3", "2"}));
}

TEST(Layers, RefuseOptionsOutOfRange) {
  const auto says = [](const Layer& layer, const std::vector<std::string>& parts) {
    return refuses([&] { layer_output_shape(layer, {1, 8, 8, 4}, "layer"); }, "layer", parts);
  };
  EXPECT_TRUE(says(Conv2D{.filters = 0}, {"filters = 0", "at least 1"}));
  EXPECT_TRUE(says(Conv2D{.filters = std::int64_t{1} << 40}, {"filters = 1099511627776", "2^31"}));
  EXPECT_TRUE(says(Conv2D{.filters = 1 << 30, .kernel_size = {1 << 30, 1 << 30}}, {"too many elements"}));
  EXPECT_TRUE(says(Conv2D{.kernel_size = {0, 3}}, {"kernel_size = 0"}));
  EXPECT_TRUE(says(Conv2D{.strides = {1, 0}}, {"stride"}));
  EXPECT_TRUE(says(Conv2D{.padding = Padding::all(-1)}, {"-1"}));
  EXPECT_TRUE(says(Conv2D{.dilation_rate = {0, 1}}, {"dilation"}));
  EXPECT_TRUE(says(Conv2D{.filters = 4, .groups = 0}, {"groups = 0"}));
  EXPECT_TRUE(says(Conv2D{.filters = 4, .groups = 3}, {"groups = 3", "channels (4)", "filters (4)"}));
  EXPECT_TRUE(says(Conv2D{.filters = 3, .groups = 2}, {"groups = 2", "filters (3)"}));
  EXPECT_TRUE(says(Pool2D{.pool_size = {2, -1}}, {"pool_size = -1"}));
  EXPECT_TRUE(says(Pool2D{.strides = {0, 1}}, {"strides = 0"}));
  EXPECT_TRUE(refuses([] { layer_output_shape(Dense{.units = 0}, {1, 4}, "layer"); }, "layer", {"units = 0"}));
}

TEST(Layers, NetworkNamesTheLayerThatDoesNotFit) {
  const auto make = [](Shape input, std::vector<Layer> layers) { Network<float>(input, layers, 0); };
  EXPECT_TRUE(refuses(
      [&] {
        make({28, 28, 1}, {Conv2D{}, Pool2D{}, Conv2D{.kernel_size = {15, 15}}});
      },
      "conv2d_2", {"15", "13"}));
  EXPECT_TRUE(refuses([&] { make({28, 28, 1}, {Flatten{}, Conv2D{}}); }, "conv2d_1", {"(1, 784)"}));
  EXPECT_TRUE(refuses([&] { lenet5<float>(0, 10, {8, 8, 1}); }, "conv2d_2", {"5", "4"}));
  EXPECT_TRUE(refuses([&] { lenet5<float>(0, 0); }, "dense_3", {"units = 0"}));
  EXPECT_TRUE(refuses([&] { make({28, 28, 1}, {}); }, "Network", {"no layers"}));
  EXPECT_TRUE(refuses([&] { make({28, 0, 1}, {Flatten{}}); }, "Network", {"input_shape is (28, 0, 1)"}));
  EXPECT_TRUE(refuses([&] { make(Shape(), {Flatten{}}); }, "Network", {"input_shape is ()"}));
  EXPECT_TRUE(refuses([&] { make({1, 1, 1, 1, 1, 1}, {Flatten{}}); }, "Network", {"1 to 5 axes"}));
}

}  // namespace
}  // namespace hubel::test
