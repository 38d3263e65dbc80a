// A network as a value: LeNet-5 as the paper's successors have it, names, summary, weights; and its execution.
#include "hubel/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hubel/dense.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

using Mode = Execution<float>::Mode;

TEST(Network, LeNet5Layers) {
  const Network<float> network = lenet5();
  const std::vector<std::pair<std::string, Shape>> wanted = {{"conv2d_1", {28, 28, 6}},  {"max_pool2d_1", {14, 14, 6}},
                                                             {"conv2d_2", {10, 10, 16}}, {"max_pool2d_2", {5, 5, 16}},
                                                             {"flatten_1", {400}},       {"dense_1", {120}},
                                                             {"dense_2", {84}},          {"dense_3", {10}}};
  ASSERT_EQ(network.info().size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(network.info()[i].name, wanted[i].first);
    EXPECT_EQ(network.info()[i].output_shape, wanted[i].second) << wanted[i].first;
  }
  EXPECT_EQ(network.output_shape(), Shape({10}));
  EXPECT_EQ(network.parameter_count(), 61'706);
  EXPECT_EQ(network.info()[0].macs, 28 * 28 * 6 * 25);
  EXPECT_TRUE(network.ends_in_softmax());
  EXPECT_EQ(network.parameters().size(), 10u);
  EXPECT_EQ(network.parameter("conv2d_2.kernel").value.shape(), Shape({5, 5, 6, 16}));
  EXPECT_EQ(network.parameter("dense_1.bias").value.shape(), Shape({120}));
}

TEST(Network, LeNet5Summary) {
  EXPECT_EQ(lenet5().summary(),
            " Layer                              Output shape   Params      MACs     Memory   Field\n"
            "────────────────────────────────────────────────────────────────────────────────────────\n"
            " input                              (28, 28, 1)         0         0    3.1 KiB     1x1\n"
            " conv2d_1 (6 @ 5x5, same, relu)     (28, 28, 6)       156   117,600   18.4 KiB     5x5\n"
            " max_pool2d_1 (2x2, stride 2x2)     (14, 14, 6)         0         0    4.6 KiB     6x6\n"
            " conv2d_2 (16 @ 5x5, valid, relu)   (10, 10, 16)    2,416   240,000    6.2 KiB   14x14\n"
            " max_pool2d_2 (2x2, stride 2x2)     (5, 5, 16)          0         0    1.6 KiB   16x16\n"
            " flatten_1                          (400,)              0         0    1.6 KiB   16x16\n"
            " dense_1 (120, relu)                (120,)         48,120    48,000      480 B     all\n"
            " dense_2 (84, relu)                 (84,)          10,164    10,080      336 B     all\n"
            " dense_3 (10, softmax)              (10,)             850       840       40 B     all\n"
            "────────────────────────────────────────────────────────────────────────────────────────\n"
            " Parameters: 61,706 (241.0 KiB). Multiply-adds for one sample: 416,520.\n"
            " Activations of one sample: 23.0 KiB in inference, 31.6 KiB in training.\n");
}

TEST(Network, SummaryTellsOptionsThatAreNotTheUsual) {
  const Network<double> network({9, 9, 4},
                                {Conv2D{.filters = 8,
                                        .strides = {2, 1},
                                        .padding = Padding::sides(1, 0, 2, 3),
                                        .dilation_rate = {1, 2},
                                        .groups = 4},
                                 ActivationLayer{Activation::silu}, Flatten{}, Dense{.units = 1'000}},
                                0);
  const std::string text = network.summary();
  for (const char* part : {"conv2d_1 (8 @ 3x3, padding 1,0,2,3, stride 2x1, dilation 1x2, groups 4)",
                           "activation_1 (silu)", "dense_1 (1000)", "Parameters: 321,080 (2.4 MiB)"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
}

TEST(Network, LeNet5OfOtherShapes) {
  const Network<float> network = lenet5<float>(0, 100, {32, 40, 3});
  EXPECT_EQ(network.output_shape(), Shape({100}));
  EXPECT_EQ(network.parameter("conv2d_1.kernel").value.shape(), Shape({5, 5, 3, 6}));
  EXPECT_EQ(network.parameter("dense_1.kernel").value.shape(), Shape({6 * 8 * 16, 120}));
}

TEST(Network, SeedsDecideTheWeights) {
  Network<float> a = lenet5<float>(1);
  const Network<float> b = lenet5<float>(1), c = lenet5<float>(2);
  EXPECT_TRUE(same_weights(a, b));
  EXPECT_FALSE(same_weights(a, c));
  a.reset(2);
  EXPECT_TRUE(same_weights(a, c));
  // Tensors of one network are started apart from one another.
  const Network<float> twins({4}, {Dense{.units = 4}, Dense{.units = 4}}, 1);
  EXPECT_FALSE(same_bits(twins.parameter("dense_1.kernel").value, twins.parameter("dense_2.kernel").value));
  for (float bias : a.parameter("dense_1.bias").value) EXPECT_EQ(bias, 0.0f);
}

// The variance of n normal numbers is within 5 sqrt(2 / n) of itself but for one seed in a million.
void expect_variance(const Tensor<float>& w, double variance) {
  double sum = 0;
  for (float v : w) sum += static_cast<double>(v) * v;
  const double n = static_cast<double>(w.size());
  EXPECT_NEAR(sum / n, variance, variance * 5 * std::sqrt(2 / n));
}

TEST(Network, WeightsStartByTheFansOfTheirLayer) {
  const auto conv = [](Initializer initializer) {
    return Conv2D{.filters = 96, .kernel_size = {3, 5}, .groups = 2, .kernel_initializer = initializer};
  };
  const Network<float> he({9, 9, 64}, {conv(Initializer::he_normal), Flatten{}, Dense{.units = 40}}, 1);
  expect_variance(he.parameter("conv2d_1.kernel").value, 2.0 / (15 * 32));
  expect_variance(he.parameter("dense_1.kernel").value, 2.0 / (7 * 5 * 96));
  const Network<float> glorot({9, 9, 64},
                              {conv(Initializer::glorot_normal), Flatten{},
                               Dense{.units = 40, .kernel_initializer = Initializer::glorot_normal}},
                              1);
  expect_variance(glorot.parameter("conv2d_1.kernel").value, 2.0 / (15 * 32 + 15 * 48));
  expect_variance(glorot.parameter("dense_1.kernel").value, 2.0 / (7 * 5 * 96 + 40));
}

TEST(Network, BiasesAndNormsStartByTheirInitializers) {
  const auto all = [](const Network<float>& network, std::string_view name, float value) {
    const Tensor<float>& w = network.parameter(name).value;
    return w.size() > 0 && std::all_of(w.begin(), w.end(), [&](float v) { return v == value; });
  };
  constexpr Initializer ones = Initializer::ones, zeros = Initializer::zeros;
  const Network<float> changed(
      {6, 6, 4},
      {Conv2D{.filters = 4, .bias_initializer = ones}, DepthwiseConv2D{.bias_initializer = ones},
       Conv2DTranspose{.filters = 4, .bias_initializer = ones},
       BatchNorm{.beta_initializer = ones, .gamma_initializer = zeros},
       GroupNorm{.groups = 2, .beta_initializer = ones, .gamma_initializer = zeros},
       LayerNorm{.axes = 3, .beta_initializer = ones, .gamma_initializer = zeros}, Reshape{{-1, 4}},
       Conv1D{.filters = 4, .bias_initializer = ones}, Flatten{}, Dense{.units = 3, .bias_initializer = ones}},
      1);
  for (const char* layer : {"conv2d_1", "depthwise_conv2d_1", "conv2d_transpose_1", "conv1d_1", "dense_1"})
    EXPECT_TRUE(all(changed, std::string(layer) + ".bias", 1)) << layer;
  for (const std::string layer : {"batch_norm_1", "group_norm_1", "layer_norm_1"}) {
    EXPECT_TRUE(all(changed, layer + ".gamma", 0)) << layer;
    EXPECT_TRUE(all(changed, layer + ".beta", 1)) << layer;
  }
  const Network<float> plain({4}, {Dense{.units = 5}, BatchNorm{}, LayerNorm{}}, 1);
  EXPECT_TRUE(all(plain, "dense_1.bias", 0));
  EXPECT_TRUE(all(plain, "batch_norm_1.gamma", 1) && all(plain, "batch_norm_1.beta", 0));
  EXPECT_TRUE(all(plain, "layer_norm_1.gamma", 1) && all(plain, "layer_norm_1.beta", 0));
  // A vector's fans are its elements.
  const Network<float> wide({2}, {Dense{.units = 20'000, .bias_initializer = Initializer::lecun_normal}}, 1);
  expect_variance(wide.parameter("dense_1.bias").value, 1.0 / 20'000);
}

TEST(Network, IsAValue) {
  const Network<float> a = lenet5<float>(1);
  Network<float> b = a;
  b.parameter("dense_3.bias").value[0] = 1;
  EXPECT_EQ(a.parameter("dense_3.bias").value[0], 0);
}

TEST(Network, GivenWeights) {
  const Network<float> a = lenet5<float>(1);
  const auto with = [&](auto change) {
    std::vector<Parameter<float>> weights(a.parameters().begin(), a.parameters().end());
    change(weights);
    return Network<float>(a.graph(), std::move(weights));
  };
  EXPECT_TRUE(same_weights(a, with([](auto&) {})));
  EXPECT_TRUE(refuses([&] { with([](auto& w) { w.pop_back(); }); }, "Network", {"9 parameters", "have 10"}));
  EXPECT_TRUE(refuses([&] { with([](auto& w) { w[1].name = "x"; }); }, "Network", {"x (6,)", "conv2d_1.bias (6,)"}));
  EXPECT_TRUE(refuses([&] { with([](auto& w) { w[1].value = Tensor<float>(Shape{7}); }); }, "Network",
                      {"conv2d_1.bias (7,)", "conv2d_1.bias (6,)"}));
}

TEST(Network, UnknownParameter) {
  EXPECT_TRUE(refuses([] { lenet5().parameter("dense_9.kernel"); }, "Network", {"dense_9.kernel", "dense_1.kernel"}));
}

TEST(Network, EndsInSoftmax) {
  const auto ends = [](Shape input, std::vector<Layer> layers) {
    return Network<float>(input, layers, 0).ends_in_softmax();
  };
  EXPECT_TRUE(ends({4}, {Dense{.units = 3, .activation = Activation::softmax}}));
  EXPECT_TRUE(ends({4}, {Dense{.units = 3}, ActivationLayer{Activation::softmax}}));
  EXPECT_TRUE(ends({3, 3, 1}, {Conv2D{.activation = Activation::softmax}, Flatten{}}));
  EXPECT_FALSE(ends({4}, {Dense{.units = 3}}));
  EXPECT_FALSE(ends({4}, {Dense{.units = 3, .activation = Activation::softmax}, Dense{.units = 3}}));
  EXPECT_FALSE(ends({4, 4, 1}, {Conv2D{.activation = Activation::softmax}, Flatten{}}));  // a softmax for each pixel
  EXPECT_FALSE(ends({4}, {Flatten{}}));
}

// ---- Execution -------------------------------------------------------------------------------------------------

// The network's layers one by one through the plain functions.
std::vector<Tensor<float>> layer_by_layer(const Network<float>& n, const Tensor<float>& x) {
  const auto w = [&](const char* name) { return n.parameter(name).value.view(); };
  const TensorView<const float> b1 = w("conv2d_1.bias");
  std::vector<Tensor<float>> y;
  y.push_back(conv_forward(x, w("conv2d_1.kernel"), {b1.data(), Shape{1, 1, 1, 5}}, Activation::relu));
  y.push_back(pool_forward(y.back(), {.stride = {2, 2}}));
  y.push_back(conv_forward(y.back(), w("conv2d_2.kernel"), {w("conv2d_2.bias").data(), Shape{1, 1, 1, 6}},
                           Activation::identity, {.padding = Padding::valid()}));
  y.push_back(activation_forward(y.back(), Activation::gelu));
  const Tensor<float>& image = y.back();
  Tensor<float> flat = Tensor<float>::uninitialized({image.shape()[0], image.size() / image.shape()[0]});
  std::copy(image.begin(), image.end(), flat.begin());
  y.push_back(flat);
  y.push_back(dense_forward(flat, w("dense_1.kernel"), w("dense_1.bias"), Activation::tanh));
  y.push_back(dense_forward(y.back(), w("dense_2.kernel"), w("dense_2.bias"), Activation::softmax));
  return y;
}

TEST(Execution, EveryLayersOutputAndTheSameInEveryWayOfRunning) {
  const Network<float> network = quadrant_network(3);
  const Samples samples = quadrants(6, 1);
  const std::vector<Tensor<float>> wanted = layer_by_layer(network, samples.x());
  Execution<float> inspection(network, 6, Mode::inspection);
  const auto expect_outputs = [&](const char* how) {
    for (std::size_t i = wanted.size(); i-- > 0;)
      EXPECT_TRUE(same_bits(inspection.layer_output(i), wanted[i].view())) << how << ", layer " << i;
  };
  inspection.forward(samples.x());
  expect_outputs("forward");
  inspection.loss(samples.x(), samples.labels());
  expect_outputs("loss");
  Execution<float> inference(network, 6, Mode::inference), training(network, 9, Mode::training);
  EXPECT_TRUE(same_bits(inference.forward(samples.x()), wanted.back().view()));
  EXPECT_TRUE(same_bits(training.forward(samples.x()), wanted.back().view()));
}

TEST(Execution, LossIsTheCrossEntropyOfTheLogits) {
  const Network<float> network = quadrant_network(3);
  const Samples samples = quadrants(7, 1);
  Execution<float> execution(network, 7, Mode::training);
  const LossResult loss = execution.loss_and_gradients(samples.x(), samples.labels());
  const LossResult again = softmax_cross_entropy(execution.logits(), samples.labels());
  EXPECT_EQ(loss.loss, again.loss);
  EXPECT_EQ(loss.correct, again.correct);
  double sum = 0;
  const auto p = execution.forward(samples.x());
  for (std::int64_t i = 0; i < 7; ++i) sum -= std::log(static_cast<double>(p[i * 4 + i % 4])) / 7;
  EXPECT_NEAR(loss.loss, sum, 1e-6);
}

TEST(Execution, LossStaysFiniteWhereProbabilitiesUnderflow) {
  Network<float> network({1}, {Dense{.units = 2, .activation = Activation::softmax}}, 0);
  network.parameter("dense_1.kernel").value[0] = 500;
  network.parameter("dense_1.kernel").value[1] = -500;
  Execution<float> execution(network, 1, Mode::inference);
  EXPECT_EQ(execution.loss(Tensor<float>({1, 1}, {1.0f}), std::vector<std::int32_t>{1}).loss, 1000);
}

TEST(Execution, BatchesOfAnySizeUpToTheLargest) {
  const Network<float> network = quadrant_network(3);
  const Samples samples = quadrants(9, 1);
  Execution<float> execution(network, 9, Mode::training);
  const auto all = execution.forward(samples.x());
  for (const std::int64_t m : {0, 1, 4, 9}) {
    Execution<float> alone(network, 9, Mode::training);
    const auto y = alone.forward({samples.x().data(), Shape{m, 8, 8, 1}});
    EXPECT_TRUE(same_bits(y, TensorView<const float>(all.data(), Shape{m, 4})));
    alone.loss_and_gradients({samples.x().data(), Shape{m, 8, 8, 1}},
                             std::span(samples.labels()).first(static_cast<std::size_t>(m)));
    if (m == 0) {
      for (const TensorView<float>& g : alone.gradients())
        for (float v : g) EXPECT_EQ(v, 0.0f);
    }
  }
}

TEST(Execution, GradientsOfABatchAreTheMeanOfItsSamples) {
  const Network<double> network(
      {5, 5, 1}, {Conv2D{.filters = 3, .activation = Activation::tanh}, Flatten{}, Dense{.units = 3}}, 1);
  const Tensor<double> x = random_tensor<double>({4, 5, 5, 1}, 2);
  const std::vector<std::int32_t> labels = {2, 0, 1, 1};
  Execution<double> batch(network, 4, Execution<double>::Mode::training), single = std::move(batch);
  batch = Execution<double>(network, 4, Execution<double>::Mode::training);
  batch.loss_and_gradients(x, labels);
  for (std::size_t p = 0; p < network.parameters().size(); ++p) {
    reference::Array mean(batch.gradients()[p].size());
    for (std::int64_t i = 0; i < 4; ++i) {
      single.loss_and_gradients({x.data() + i * 25, Shape{1, 5, 5, 1}},
                                std::span(labels).subspan(static_cast<std::size_t>(i), 1));
      for (std::int64_t k = 0; k < mean.size(); ++k) mean[k] += single.gradients()[p][k] / 4;
    }
    EXPECT_TRUE(close(batch.gradients()[p], mean, 1e-14));
  }
}

TEST(Execution, ReadsTheCurrentWeights) {
  Network<float> network({2}, {Dense{.units = 1, .use_bias = false}}, 0);
  Execution<float> execution(network, 1, Mode::inference);
  const Tensor<float> x({1, 2}, {1, 2});
  network.parameter("dense_1.kernel").value = Tensor<float>({2, 1}, {3, 4});
  EXPECT_EQ(execution.forward(x)[0], 11);
  network.parameter("dense_1.kernel").value[0] = 5;
  EXPECT_EQ(execution.forward(x)[0], 13);
}

TEST(Execution, RefusesWhatDoesNotFit) {
  const Network<float> network = quadrant_network(3);
  const Samples samples = quadrants(4, 1);
  const std::vector<std::int32_t> labels = samples.labels();
  Execution<float> execution(network, 4, Mode::training);
  const auto forward = [&](Shape shape) { execution.forward(Tensor<float>(shape)); };
  EXPECT_TRUE(refuses([&] { Execution<float>(network, 0, Mode::inference); }, "Execution", {"max_batch = 0"}));
  EXPECT_TRUE(refuses([&] { forward({5, 8, 8, 1}); }, "Execution", {"(5, 8, 8, 1)", "at most 4"}));
  EXPECT_TRUE(refuses([&] { forward({2, 8, 7, 1}); }, "Execution", {"(2, 8, 7, 1)", "(8, 8, 1)"}));
  EXPECT_TRUE(refuses([&] { forward({2, 64}); }, "Execution", {"(2, 64)", "(8, 8, 1)"}));
  EXPECT_TRUE(refuses([&] { execution.forward(TensorView<const float>()); }, "Execution", {"()"}));
  EXPECT_THROW(execution.loss_and_gradients(samples.x(), std::vector<std::int32_t>{0, 1, 2}), std::invalid_argument);
  EXPECT_THROW(execution.loss_and_gradients(samples.x(), std::vector<std::int32_t>{0, 1, 2, 4}), std::invalid_argument);
  forward({3, 8, 8, 1});
  EXPECT_TRUE(refuses([&] { execution.backward(Tensor<float>({4, 4})); }, "Execution", {"(4, 4)", "(3, 4)"}));
  Execution<float> inspection(network, 4, Mode::inspection);
  inspection.forward(Tensor<float>({3, 8, 8, 1}));
  EXPECT_TRUE(refuses([&] { inspection.layer_output(7); }, "Execution", {"no layer 7", "has 7"}));
  const Network<float> images({8, 8, 1}, {Conv2D{.filters = 2}}, 0);
  Execution<float> of_images(images, 4, Mode::inference);
  EXPECT_TRUE(refuses([&] { of_images.loss(samples.x(), labels); }, "Execution", {"(6, 6, 2)", "(classes,)"}));
}

TEST(Execution, TellsWhatIsCalledInTheWrongOrder) {
  const Network<float> network = quadrant_network(3);
  const Samples samples = quadrants(4, 1);
  Execution<float> inference(network, 4, Mode::inference), training(network, 4, Mode::training);
  EXPECT_THROW(inference.loss_and_gradients(samples.x(), samples.labels()), std::logic_error);
  EXPECT_THROW(inference.gradients(), std::logic_error);
  EXPECT_THROW(training.backward(Tensor<float>({4, 4})), std::logic_error);
  EXPECT_THROW(training.layer_output(0), std::logic_error);
  EXPECT_THROW(Execution<float>(network, 4, Mode::inspection).layer_output(0), std::logic_error);
  EXPECT_THROW(training.logits(), std::logic_error);
  training.loss_and_gradients(samples.x(), samples.labels());
  EXPECT_THROW(training.backward(Tensor<float>({4, 4})), std::logic_error);  // what it needs is gone
  training.forward(samples.x());
  training.backward(Tensor<float>({4, 4}));
  EXPECT_THROW(training.backward(Tensor<float>({4, 4})), std::logic_error);
}

}  // namespace
}  // namespace hubel::test
