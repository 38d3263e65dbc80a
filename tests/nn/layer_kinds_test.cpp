// Every kind of layer: its gradients, its shapes and errors, and that it runs on none and on one sample.
#include <gtest/gtest.h>

#include "hubel/network.hpp"
#include "nn/check_gradients.hpp"
#include "nn/network_plan.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

struct Case {
  Shape input;
  Layer layer;
  Shape output;
};

// Activations are smooth here, and random inputs keep away from kinks and ties.
std::vector<Case> cases() {
  const Shape image{7, 6, 4};
  const Activation tanh = Activation::tanh, gelu = Activation::gelu;
  return {
      {image,
       Conv2D{.filters = 6, .strides = {2, 1}, .padding = Padding::same(), .groups = 2, .activation = tanh},
       {4, 6, 6}},
      {image, DepthwiseConv2D{.padding = Padding::sides(1, 0, 2, 1), .depth_multiplier = 2}, {6, 7, 8}},
      {image, DepthwiseConv2D{.strides = {2, 2}, .activation = gelu, .use_bias = false}, {3, 2, 4}},
      {image, Conv2DTranspose{.filters = 3, .strides = {2, 3}, .padding = Padding::same()}, {14, 18, 3}},
      {image,
       Conv2DTranspose{.filters = 4,
                       .kernel_size = {4, 2},
                       .strides = {2, 2},
                       .padding = Padding::symmetric(1, 0),
                       .output_padding = {1, 0},
                       .groups = 2,
                       .activation = tanh},
       {15, 12, 4}},
      {image, Conv2DTranspose{.filters = 2, .kernel_size = {1, 1}, .strides = {3, 3}, .use_bias = false}, {19, 16, 2}},
      {{9, 4}, Conv1D{.filters = 6, .strides = 2, .padding = Padding::same(), .groups = 2}, {5, 6}},
      {{9, 4}, Conv1D{.filters = 3, .dilation_rate = 2, .activation = gelu, .use_bias = false}, {5, 3}},
      {{9, 4}, Pool1D{.pool_size = 3, .padding = Padding::symmetric(0, 1)}, {5, 4}},
      {{9, 4}, Pool1D{.mode = PoolMode::avg, .pool_size = 4, .strides = 3, .ceil_mode = true}, {3, 4}},
      {{9, 4}, GlobalPool1D{}, {4}},
      {{9, 4}, GlobalPool1D{.mode = PoolMode::max, .keepdims = true}, {1, 4}},
      {image, Pool2D{.pool_size = {3, 3}, .strides = {2, 2}, .padding = Padding::symmetric(1, 1)}, {4, 3, 4}},
      {image, Pool2D{.mode = PoolMode::avg, .pool_size = {3, 2}, .strides = {2, 2}, .ceil_mode = true}, {3, 3, 4}},
      {image,
       Pool2D{.mode = PoolMode::avg,
              .pool_size = {3, 3},
              .strides = {2, 2},
              .padding = Padding::same(),
              .count_include_pad = true},
       {4, 3, 4}},
      {image, GlobalPool2D{}, {4}},
      {image, GlobalPool2D{.mode = PoolMode::max, .keepdims = true}, {1, 1, 4}},
      {image, AdaptivePool2D{.output_size = {3, 4}}, {3, 4, 4}},
      {image, AdaptivePool2D{.mode = PoolMode::max, .output_size = {2, 9}}, {2, 9, 4}},
      {image, UpSampling2D{.size = {2, 3}}, {14, 18, 4}},
      {image, UpSampling2D{.interpolation = Interpolation::bilinear, .align_corners = true}, {14, 12, 4}},
      {image, Resizing{.size = {5, 9}}, {5, 9, 4}},
      {image, UpSampling2D{.interpolation = Interpolation::bicubic}, {14, 12, 4}},
      {image, ZeroPadding2D{{1, 2, 0, 3}}, {10, 9, 4}},
      {image, Cropping2D{{1, 2, 0, 3}}, {4, 3, 4}},
      {image, Padding2D{{1, 2, 0, 3}}, {10, 9, 4}},
      {image, Padding2D{{1, 2, 0, 3}, PadMode::symmetric}, {10, 9, 4}},
      {image, Padding2D{{9, 0, 1, 8}, PadMode::replicate}, {16, 15, 4}},
      {image, Padding2D{{7, 0, 1, 6}, PadMode::circular}, {14, 13, 4}},
      {image, DepthToSpace{}, {14, 12, 1}},
      {{6, 9, 4}, SpaceToDepth{3}, {2, 3, 36}},
      {image, Permute{{3, 1, 2}}, {4, 7, 6}},
      {{7, 3, 2, 4}, Permute{{1, 2, 4, 3}}, {7, 3, 4, 2}},
      {image, ChannelSlice{1, 3}, {7, 6, 2}},
      {{9}, ChannelSlice{0, 4}, {4}},
      {image, Reshape{{3, -1, 2}}, {3, 28, 2}},
      {image, Flatten{}, {168}},
      {{9}, Dense{.units = 5, .activation = tanh}, {5}},
      {{900}, Dense{.units = 500}, {500}},
      {image, Dense{.units = 5, .activation = gelu}, {7, 6, 5}},
      {{9, 4}, Dense{.units = 3, .activation = Activation::softmax, .use_bias = false}, {9, 3}},
      {{3, 2, 5, 4}, Dense{.units = 33}, {3, 2, 5, 33}},
      {image, ActivationLayer{Activation::hard_swish}, image},
      {image, LeakyReLU{}, image},
      {image, ELU{1.5}, image},
      {image, PReLU{}, image},
      {image, PReLU{.shared = true}, image},
      {image, Dropout{0.3}, image},
      {image, SpatialDropout2D{0.4}, image},
      {image, StochasticDepth{0.4}, image},
      {image, AlphaDropout{0.3}, image},
      {image, GaussianNoise{0.4}, image},
      {image, GaussianDropout{0.4}, image},
      {image, Rescaling{.scale = -0.4, .offset = 3}, image},
      {image, LocalResponseNorm{.size = 3, .alpha = 0.9, .k = 2}, image},
      {{9}, LocalResponseNorm{.size = 4, .alpha = 2, .beta = 1.3}, {9}},
      {image, BatchNorm{}, image},
      {image, BatchNorm{.center = false, .scale = false, .activation = tanh}, image},
      {{9}, BatchNorm{.activation = gelu}, {9}},
      {image, GroupNorm{.groups = 2}, image},
      {image, GroupNorm{.groups = 4, .center = false}, image},
      {image, GroupNorm{.groups = -1}, image},
      {image, LayerNorm{}, image},
      {image, LayerNorm{.axes = 3, .scale = false}, image},
      {image, RMSNorm{}, image},
      {image, RMSNorm{.epsilon = 0.1, .scale = false}, image},
      {{9}, RMSNorm{}, {9}},
      {image, UnitNorm{}, image},
      {image, LayerScale{}, image},
      {{9}, LayerScale{0.5}, {9}},
      {{9}, UnitNorm{}, {9}},
  };
}

Graph graph_of(const Case& c) { return Graph(c.input, std::span(&c.layer, 1)); }

TEST(LayerKinds, Gradients) {
  for (const Case& c : cases()) check_gradients(graph_of(c), 3, 7);
}

// Behind and before others, so that they are fused, go by sample or in place, and their gradients go on.
TEST(LayerKinds, GradientsAmongOthers) {
  for (const Case& c : cases()) {
    if (c.input.rank() != 3) continue;
    Graph graph(c.input);
    auto x = graph(Conv2D{.filters = 4, .padding = Padding::same()}, graph.input());
    const auto y = graph(c.layer, x);
    x = graph(ActivationLayer{Activation::silu}, y);
    const auto z = graph(ActivationLayer{Activation::tanh}, y);
    x = graph(Flatten{}, graph(Add{}, {x, z}));
    graph(Dense{.units = 3, .activation = Activation::softmax}, x);
    check_gradients(graph, 2, 8);
  }
}

TEST(LayerKinds, ShapesAndAnyNumberOfSamples) {
  for (const Case& c : cases()) {
    const Network<float> network(graph_of(c), 1);
    SCOPED_TRACE(network.summary());
    EXPECT_EQ(network.output_shape(), c.output);
    for (const std::int64_t m : {0, 1, 2}) {
      std::vector<std::int64_t> extents = {m};
      extents.insert(extents.end(), c.input.begin(), c.input.end());
      const Tensor<float> x = random_tensor<float>(Shape(extents), 3);
      for (const auto mode : {Execution<float>::Mode::inference, Execution<float>::Mode::training}) {
        Execution<float> execution(network, 2, mode);
        const auto y = execution.forward(x);
        EXPECT_EQ(y.shape()[0], m);
        EXPECT_EQ(y.size(), m * c.output.elements());
        if (mode == Execution<float>::Mode::training) {
          EXPECT_EQ(execution.backward(Tensor<float>(y.shape())).shape(), x.shape());
        }
      }
    }
  }
}

// A sample's output does not depend on what else is in the batch.
TEST(LayerKinds, SamplesKeepToThemselves) {
  for (const Case& c : cases()) {
    const Network<float> network(graph_of(c), 1);
    SCOPED_TRACE(network.summary());
    const Tensor<float> x = random_batches<float>(network.input_shapes(), 5, 3)[0];
    for (const auto mode : {Execution<float>::Mode::inference, Execution<float>::Mode::frozen}) {
      Execution<float> together(network, 5, mode), alone(network, 1, mode);
      const auto all = together.forward(x);
      const std::int64_t size = x.size() / 5, out = all.size() / 5;
      for (std::int64_t i = 0; i < 5; ++i) {
        const auto one = alone.forward({x.data() + i * size, detail::batch_shape(1, c.input)});
        EXPECT_TRUE(same_bits<float>(one, {all.data() + i * out, one.shape()}));
      }
    }
  }
}

TEST(LayerKinds, JoinsAndTheirErrors) {
  Graph graph({4, 4, 3});
  const auto x = graph.input();
  const auto a = graph(Conv2D{.filters = 5, .padding = Padding::same(), .activation = Activation::tanh}, x);
  const auto s = graph(GlobalPool2D{.keepdims = true}, a);
  const auto b = graph(Multiply{}, {a, s});
  const auto p = graph(Conv2D{.filters = 1, .kernel_size = {1, 1}}, b);
  const auto c = graph(Concatenate{}, {b, x, b});
  EXPECT_EQ(graph.shape(c), Shape({4, 4, 13}));
  const auto d = graph(Multiply{}, {c, p});
  graph(Flatten{}, d);
  check_gradients(graph, 3, 9);
  EXPECT_TRUE(refuses([&] { graph(Multiply{}, {s, a}); }, "multiply_3", {"(1, 1, 5)", "(4, 4, 5)"}));
  EXPECT_TRUE(refuses([&] { graph(Multiply{}, {a, a, a}); }, "multiply_3", {"3 inputs"}));
  EXPECT_TRUE(refuses([&] { graph(Concatenate{}, {a, s}); }, "concatenate_2", {"(4, 4, 5)", "(1, 1, 5)"}));
  EXPECT_TRUE(refuses([&] { graph(Concatenate{}, a); }, "concatenate_2", {"1 input"}));
}

TEST(LayerKinds, Merges) {
  for (const MergeMode mode : {MergeMode::subtract, MergeMode::average, MergeMode::maximum, MergeMode::minimum}) {
    Graph graph({4, 5, 3});
    const auto x = graph.input();
    const Conv2D conv{.filters = 3, .padding = Padding::same(), .activation = Activation::tanh};
    const auto a = graph(conv, x), b = graph(conv, a);
    auto y = graph(Merge{mode}, {a, b});
    if (mode != MergeMode::subtract) y = graph(Merge{mode}, {x, y, b});
    graph(Flatten{}, graph(Merge{mode}, {y, x}));
    check_gradients(graph, 3, 9);
    EXPECT_TRUE(refuses([&] { graph(Merge{mode}, x, "one"); }, "one", {"1 input", "two or more"}));
    const auto small = graph(Pool2D{}, x);
    EXPECT_TRUE(refuses([&] { graph(Merge{mode}, {x, small}, "two"); }, "two", {"(4, 5, 3)", "(2, 2, 3)"}));
  }
  Graph graph({3});
  const auto x = graph.input();
  EXPECT_TRUE(refuses([&] { graph(Merge{MergeMode::subtract}, {x, x, x}); }, "subtract_1", {"3 inputs"}));
}

TEST(LayerKinds, OptionsOutOfRange) {
  const auto says = [](const Layer& layer, const std::vector<std::string>& parts) {
    return refuses([&] { Graph({6, 6, 4}, std::span(&layer, 1)); }, std::string(layer_kind(layer)) + "_1", parts);
  };
  EXPECT_TRUE(says(DepthwiseConv2D{.depth_multiplier = 0}, {"depth_multiplier = 0"}));
  EXPECT_TRUE(says(Conv2DTranspose{.filters = 3, .groups = 2}, {"groups = 2"}));
  EXPECT_TRUE(says(Conv2DTranspose{.strides = {2, 2}, .output_padding = {2, 0}}, {"output_padding is (2, 0)"}));
  EXPECT_TRUE(says(Conv2DTranspose{.padding = Padding::all(9)}, {"the padding leaves"}));
  EXPECT_TRUE(says(Conv2DTranspose{.strides = {0, 1}}, {"stride is 0"}));
  EXPECT_TRUE(says(Conv1D{}, {"(1, 6, 6, 4)", "(m, w, c)"}));
  EXPECT_TRUE(says(Pool2D{.padding = Padding::all(2)}, {"padding"}));
  EXPECT_TRUE(says(AdaptivePool2D{.output_size = {0, 1}}, {"output_size = 0"}));
  EXPECT_TRUE(says(UpSampling2D{.size = {2, 0}}, {"size = 0"}));
  EXPECT_TRUE(says(UpSampling2D{.align_corners = true}, {"align_corners"}));
  EXPECT_TRUE(says(ZeroPadding2D{{-1, 0, 0, 0}}, {"-1"}));
  EXPECT_TRUE(says(Cropping2D{{3, 3, 0, 0}}, {"leaves nothing"}));
  for (const std::vector<std::int64_t>& target : {std::vector<std::int64_t>{}, {5}, {-1, -1}, {0, 144}, {7, -1}})
    EXPECT_TRUE(says(Reshape{target}, {"target_shape"}));
  EXPECT_TRUE(says(LeakyReLU{std::nan("")}, {"negative_slope = nan"}));
  for (const double rate : {-0.1, 1.0, std::nan("")}) {
    EXPECT_TRUE(says(Dropout{rate}, {"rate = "}));
    EXPECT_TRUE(says(SpatialDropout2D{rate}, {"rate = "}));
    EXPECT_TRUE(says(StochasticDepth{rate}, {"rate = "}));
  }
  for (const double stddev : {-0.1, std::nan(""), double{INFINITY}})
    EXPECT_TRUE(says(GaussianNoise{stddev}, {"stddev = "}));
  EXPECT_TRUE(says(GaussianDropout{1}, {"rate = 1"}));
  EXPECT_TRUE(says(AlphaDropout{-0.5}, {"rate = -0.5"}));
  EXPECT_TRUE(says(DepthToSpace{3}, {"4 channels", "block_size^2 = 9"}));
  EXPECT_TRUE(says(DepthToSpace{0}, {"block_size = 0"}));
  EXPECT_TRUE(says(SpaceToDepth{4}, {"(1, 6, 6, 4)", "block_size = 4"}));
  EXPECT_TRUE(says(Padding2D{{6, 0, 0, 0}}, {"(6, 0)", "height of 6", "reflect", "at most 5"}));
  EXPECT_TRUE(says(Padding2D{{0, 0, 7, 0}, PadMode::circular}, {"(7, 0)", "width of 6", "at most 6"}));
  EXPECT_TRUE(says(Padding2D{{-1, 0, 0, 0}}, {"-1"}));
  for (const std::vector<std::int64_t>& dims :
       {std::vector<std::int64_t>{}, {1, 2}, {0, 1, 2}, {1, 2, 2}, {1, 2, 4}, {1, 2, 3, 4}})
    EXPECT_TRUE(says(Permute{dims}, {"dims is (", "1 to 3 in some order", "(6, 6, 4)"}));
  for (const ChannelSlice& slice : {ChannelSlice{-1, 2}, ChannelSlice{2, 2}, ChannelSlice{0, 5}})
    EXPECT_TRUE(says(slice, {"begin = ", "end = ", "<= 4, the channels of (6, 6, 4)"}));
  EXPECT_TRUE(says(RMSNorm{.epsilon = 0}, {"epsilon = 0"}));
  EXPECT_TRUE(says(LayerScale{INFINITY}, {"initial = inf"}));
  EXPECT_TRUE(says(BatchNorm{.momentum = 1.5}, {"momentum = 1.5"}));
  EXPECT_TRUE(says(BatchNorm{.epsilon = 0}, {"epsilon = 0"}));
  EXPECT_TRUE(says(GroupNorm{.groups = 3}, {"groups = 3"}));
  EXPECT_TRUE(says(GroupNorm{.groups = -2}, {"groups = -2", "at least 1, or -1"}));
  const auto refuses_vectors = [](const Layer& layer, const Shape& x) {
    return refuses([&] { layer_output_shape(layer, x, "norm"); }, "norm", {"by itself", x.to_string()});
  };
  EXPECT_TRUE(refuses_vectors(GroupNorm{.groups = -1}, {1, 4}));
  EXPECT_TRUE(refuses_vectors(GroupNorm{.groups = 4}, {1, 1, 1, 4}));
  EXPECT_TRUE(refuses_vectors(LayerNorm{}, {1, 6, 6, 1}));
  EXPECT_NO_THROW(layer_output_shape(GroupNorm{.groups = 2}, {1, 4}, "norm"));
  EXPECT_NO_THROW(layer_output_shape(GroupNorm{.groups = -1}, {1, 1, 2, 4}, "norm"));
  EXPECT_NO_THROW(layer_output_shape(LayerNorm{.axes = 2}, {1, 6, 6, 1}, "norm"));
  const auto says_of_sequence = [](const Pool1D& layer, const std::vector<std::string>& parts) {
    return refuses([&] { layer_output_shape(layer, {1, 9, 4}, "pool"); }, "pool", parts);
  };
  EXPECT_TRUE(says_of_sequence({.pool_size = 10, .strides = 1}, {"pool_size = 10", "9 steps"}));
  EXPECT_TRUE(says_of_sequence({.pool_size = 12, .strides = 3, .ceil_mode = true}, {"pool_size = 12", "9 steps"}));
  EXPECT_TRUE(says_of_sequence({.pool_size = 12, .padding = Padding::sides(0, 0, 1, 1)}, {"padding of (1, 1)"}));
  EXPECT_TRUE(says_of_sequence({.pool_size = 2, .padding = Padding::sides(0, 0, 1, 2)}, {"(1, 2)", "pool_size = 2"}));
  EXPECT_EQ(layer_output_shape(Pool1D{.pool_size = 11, .strides = 3, .ceil_mode = true}, {1, 9, 4}, "pool"),
            (Shape{1, 1, 4}));
  EXPECT_TRUE(says(Pool1D{}, {"(1, 6, 6, 4)", "(m, w, c)"}));
  EXPECT_TRUE(says(GlobalPool1D{}, {"(1, 6, 6, 4)", "(m, w, c)"}));
  EXPECT_TRUE(says(Rescaling{.scale = std::nan("")}, {"scale = nan"}));
  EXPECT_TRUE(says(Rescaling{.offset = INFINITY}, {"offset = inf"}));
  EXPECT_TRUE(says(Rescaling{.scale = 1e39}, {"scale = 1e+39", "float32"}));
  EXPECT_TRUE(says(LocalResponseNorm{.size = 0}, {"size = 0"}));
  EXPECT_TRUE(says(LocalResponseNorm{.k = 0}, {"k = 0"}));
  EXPECT_TRUE(says(LayerNorm{.axes = 4}, {"axes = 4", "1 to 3"}));
}

TEST(LayerKinds, NoiseIsOfItsKeyAndNothingInInference) {
  const Network<float> network({8, 8, 4}, {GaussianNoise{0.5}, AlphaDropout{0.2}, GaussianDropout{0.3}}, 1);
  const Tensor<float> x = random_tensor<float>({5, 8, 8, 4}, 1);
  const auto run = [&](int threads, std::uint64_t seed, std::uint64_t step) {
    return with_threads(threads, [&] {
      Execution<float> training(network, 5, Execution<float>::Mode::training);
      training.set_dropout(seed, step);
      const auto y = training.forward(x);
      const auto dx = training.backward(x);
      std::vector<float> both(y.begin(), y.end());
      both.insert(both.end(), dx.begin(), dx.end());
      return both;
    });
  };
  const std::vector<float> first = run(1, 1, 1);
  for (const int threads : {2, 4}) EXPECT_EQ(run(threads, 1, 1), first);
  EXPECT_NE(run(1, 1, 2), first);
  EXPECT_NE(run(1, 2, 1), first);
  Execution<float> inference(network, 5, Execution<float>::Mode::inference);
  EXPECT_TRUE(same_bits(inference.forward(x), x.view()));
}

TEST(LayerKinds, DropoutIsOfItsKeyAndNothingInInference) {
  const Network<float> network({8, 8, 4}, {Dropout{0.5}, SpatialDropout2D{0.25}}, 1);
  const Tensor<float> x = constant_tensor<float>({3, 8, 8, 4}, 1);
  Execution<float> training(network, 3, Execution<float>::Mode::training);
  const auto run = [&](std::uint64_t seed, std::uint64_t step) {
    training.set_dropout(seed, step);
    const auto y = training.forward(x);
    return std::vector<float>(y.begin(), y.end());
  };
  const std::vector<float> first = run(1, 1);
  EXPECT_EQ(run(1, 1), first);
  EXPECT_NE(run(1, 2), first);
  EXPECT_NE(run(2, 1), first);
  EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), 0.0F)) / 768, 1 - 0.5 * 0.75, 0.1);
  Execution<float> inference(network, 3, Execution<float>::Mode::inference);
  EXPECT_TRUE(same_bits(inference.forward(x), x.view()));
}

}  // namespace
}  // namespace hubel::test
