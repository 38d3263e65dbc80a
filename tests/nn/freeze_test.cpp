// Frozen parameters: they keep their bits through any training, and what is not frozen gets the gradients that it gets
// without. A frozen batch normalisation is its inference.
#include <gtest/gtest.h>

#include "hubel/moving_average.hpp"
#include "nn/check_gradients.hpp"
#include "nn/nn_testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

using Mode = Execution<float>::Mode;

// Every kind that has parameters, in segments of both sorts, and a branch.
Graph many_kinds() {
  Graph graph({12, 12, 3});
  auto x = graph(Conv2D{.filters = 6, .kernel_size = {3, 3}, .activation = Activation::relu}, graph.input(), "stem");
  x = graph(Pool2D{}, x, "pool");
  const auto side = graph(DepthwiseConv2D{.kernel_size = {3, 3}, .padding = Padding::same()}, x, "depthwise");
  auto y = graph(Conv2D{.filters = 6, .kernel_size = {1, 1}}, x, "pointwise");
  y = graph(PReLU{}, y, "prelu");
  x = graph(Add{}, {side, y}, "add");
  x = graph(GroupNorm{.groups = 2}, x, "group_norm");
  x = graph(Conv2DTranspose{.filters = 4, .kernel_size = {2, 2}, .strides = {2, 2}}, x, "transposed");
  x = graph(LayerNorm{}, x, "layer_norm");
  x = graph(Reshape{{10, 40}}, x, "rows");
  x = graph(Conv1D{.filters = 5, .kernel_size = 3}, x, "conv1d");
  x = graph(Flatten{}, x, "flatten");
  x = graph(Dense{.units = 9, .activation = Activation::tanh}, x, "hidden");
  graph(Dense{.units = 4, .activation = Activation::softmax}, x, "output");
  return graph;
}

std::vector<Tensor<float>> gradients_of(Network<float>& network, const Tensor<float>& x, Tensor<float>& dx) {
  Execution<float> execution(network, x.shape()[0], Mode::training);
  const Shape output = execution.forward(x).shape();
  const auto to_input = execution.backward(random_tensor<float>(output, 3));
  dx = Tensor<float>::uninitialized(to_input.shape());
  std::copy(to_input.begin(), to_input.end(), dx.begin());
  std::vector<Tensor<float>> all;
  for (const TensorView<float>& g : execution.gradients()) {
    all.push_back(Tensor<float>::uninitialized(g.shape().rank() ? g.shape() : Shape{0}));
    if (g.shape().rank()) std::copy(g.begin(), g.end(), all.back().begin());
  }
  return all;
}

TEST(Freeze, LeavesTheOthersGradientsAsTheyAre) {
  const Tensor<float> x = random_tensor<float>(Shape{5, 12, 12, 3}, 1);
  Network<float> network(many_kinds(), 2);
  Tensor<float> dx, other_dx;
  const auto all = gradients_of(network, x, dx);
  Noise noise(4);
  for (int round = 0; round < 60; ++round) {
    for (Parameter<float>& p : network.parameters()) p.frozen = noise.chance(round % 3 == 0 ? 0.9 : 0.4);
    const auto some = gradients_of(network, x, other_dx);
    EXPECT_TRUE(same_bits(dx, other_dx));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Parameter<float>& p = network.parameters()[i];
      if (p.frozen) {
        EXPECT_EQ(some[i].size(), 0) << p.name;
      } else {
        EXPECT_TRUE(same_bits(all[i], some[i])) << p.name << ", round " << round;
      }
    }
  }
}

// By a loss, where backward ends at the first layer that learns.
TEST(Freeze, EndsBackwardWhereNothingLearns) {
  const Tensor<float> x = random_tensor<float>(Shape{6, 12, 12, 3}, 1);
  const std::vector<std::int32_t> labels = {0, 1, 2, 3, 0, 1};
  Network<float> whole(many_kinds(), 2), part(many_kinds(), 2);
  Execution<float> of_whole(whole, 6, Mode::training);
  const double loss = of_whole.loss_and_gradients(x, labels).loss;
  const std::span<const TensorView<float>> all = of_whole.gradients();
  for (const GraphLayer& layer : part.layers()) {
    part.freeze(layer.name);
    Execution<float> execution(part, 6, Mode::training);
    EXPECT_EQ(execution.loss_and_gradients(x, labels).loss, loss);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (part.parameters()[i].frozen) continue;
      const TensorView<const float> got = execution.gradients()[i], wanted = all[i];
      EXPECT_TRUE(same_bits(got, wanted)) << part.parameters()[i].name;
    }
  }
}

TEST(Freeze, BatchNormIsItsInference) {
  Graph graph({5, 4, 3});
  graph(BatchNorm{.activation = Activation::relu}, graph.input(), "norm");
  Network<double> network(graph, 1);
  Noise noise(2);
  for (Parameter<double>& p : network.parameters())
    for (double& v : p.value) v = noise.real(0.5, 1.5);
  const Tensor<double> x = random_tensor<double>(Shape{3, 5, 4, 3}, 3);
  Execution<double> inference(network, 3, Execution<double>::Mode::inference);
  for (const char* pattern : {"norm", "*.running_*"}) {
    network.unfreeze("*");
    network.freeze(pattern);
    Execution<double> training(network, 3, Execution<double>::Mode::training);
    EXPECT_TRUE(same_bits(training.forward(x), inference.forward(x))) << pattern;
  }
}

// The same with gradients: those of a function whose statistics are constants.
TEST(Freeze, BatchNormGradients) {
  Graph graph({5, 4, 3});
  auto x = graph(Conv2D{.filters = 4, .kernel_size = {3, 3}}, graph.input(), "conv");
  x = graph(BatchNorm{}, x, "norm");
  x = graph(ActivationLayer{Activation::silu}, x, "act");
  graph(Conv2D{.filters = 2, .kernel_size = {2, 2}}, x, "last");
  Network<double> network(graph, 1);
  for (const char* pattern : {"*.running_*", "norm", "*.running_mean"}) {
    network.unfreeze("*");
    network.freeze(pattern);
    Tensor<double> input = random_tensor<double>(Shape{3, 5, 4, 3}, 3);
    Execution<double> training(network, 3, Execution<double>::Mode::training);
    const Tensor<double> dout = random_tensor<double>(training.forward(input).shape(), 4);
    const auto loss = [&] {
      const auto y = training.forward(input);
      double sum = 0;
      for (std::int64_t i = 0; i < y.size(); ++i) sum += y[i] * dout[i];
      return sum;
    };
    const auto view = training.backward(dout);
    Tensor<double> dx = Tensor<double>::uninitialized(view.shape());
    std::copy(view.begin(), view.end(), dx.begin());
    std::vector<Tensor<double>> gradients;
    for (const Parameter<double>& p : network.parameters()) {
      const auto& g = training.gradients()[gradients.size()];
      gradients.push_back(Tensor<double>::uninitialized(p.frozen ? Shape{0} : g.shape()));
      if (!p.frozen) std::copy(g.begin(), g.end(), gradients.back().begin());
    }
    Noise noise(5);
    expect_gradient("x", input.data(), dx, loss, 12, noise);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      Parameter<double>& p = network.parameters()[i];
      if (p.role == ParameterRole::statistic) {
        for (const double step : gradients[i]) EXPECT_EQ(step, 0) << p.name;
      } else if (!p.frozen) {
        expect_gradient(p.name, p.value.data(), gradients[i], loss, 12, noise);
      }
    }
  }
}

Network<float> with_norms() {
  return {Shape{8, 8, 1},
          {Conv2D{.filters = 4, .kernel_size = {3, 3}}, BatchNorm{}, ActivationLayer{Activation::relu}, Pool2D{},
           Conv2D{.filters = 5, .kernel_size = {3, 3}}, BatchNorm{}, Flatten{}, Dropout{.rate = 0.2},
           Dense{.units = 6, .activation = Activation::relu}, Dense{.units = 4, .activation = Activation::softmax}},
          2};
}

TEST(Freeze, KeepsItsBitsThroughAnyTraining) {
  const Samples train = quadrants(64, 1);
  const OptimizerOptions optimizers[] = {SGD{.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 0.1},
                                         Adam{.learning_rate = 0.01},
                                         AdamW{.learning_rate = 0.01, .weight_decay = 0.1},
                                         RMSProp{.learning_rate = 0.01},
                                         Adagrad{},
                                         LAMB{},
                                         Nadam{},
                                         Adamax{},
                                         Adadelta{.learning_rate = 1, .weight_decay = 0.1},
                                         Lion{.weight_decay = 0.1},
                                         Adam{.amsgrad = true},
                                         RAdam{.weight_decay = 0.1}};
  for (const OptimizerOptions& optimizer : optimizers) {
    SCOPED_TRACE(optimizer_name(optimizer));
    TrainOptions o;
    o.epochs = 2;
    o.batch_size = 16;
    o.optimizer = optimizer;
    o.clip_norm = 1;
    o.average = AverageOptions{.decay = 0.9, .bias_correction = true};
    const Network<float> before = with_norms();
    std::optional<Network<float>> first;
    for (const int threads : {1, 2, 4}) {
      Network<float> network = before;
      network.freeze("conv2d_*");
      network.freeze("batch_norm_1");
      network.freeze("dense_1.bias");
      with_threads(threads, [&] { fit(network, train, o); });
      for (std::size_t i = 0; i < network.parameters().size(); ++i) {
        const Parameter<float>& p = network.parameters()[i];
        EXPECT_EQ(static_cast<bool>(same_bits(p.value, before.parameters()[i].value)), p.frozen) << p.name;
      }
      if (!first) first = network;
      EXPECT_TRUE(same_weights(network, *first)) << threads;
    }
  }
}

TEST(Freeze, AllOfItTrainsToo) {
  const Samples train = quadrants(20, 1);
  Network<float> network = with_norms();
  network.freeze("*");
  TrainOptions o;
  o.epochs = 1;
  const TrainResult result = fit(network, train, o);
  EXPECT_TRUE(std::isfinite(result.epochs[0].loss));
  EXPECT_TRUE(same_weights(network, with_norms()));
}

TEST(Freeze, TheSameLayersOnResuming) {
  const Samples train = quadrants(32, 1);
  TrainOptions o;
  o.epochs = 2;
  o.save_every_epochs = 1;
  Network<float> network = with_norms();
  network.freeze("conv2d_1");
  TrainingState state;
  std::vector<Tensor<float>> memory;
  o.save_state = [&](const TrainingState& now) {
    state.settings = now.settings;
    state.numbers = now.numbers;
    state.tensors.clear();
    memory.clear();
    for (const auto& [name, value] : now.tensors) {
      memory.push_back(Tensor<float>::uninitialized(value.shape()));
      std::copy(value.begin(), value.end(), memory.back().begin());
    }
    for (std::size_t i = 0; i < memory.size(); ++i) state.tensors.push_back({now.tensors[i].name, memory[i]});
  };
  o.on_epoch = [](const EpochResult&) { return false; };
  fit(network, train, o);
  TrainOptions again;
  again.epochs = 2;
  again.resume = &state;
  Network<float> other = with_norms();
  EXPECT_TRUE(refuses([&] { fit(other, train, again); }, "fit", {"frozen = conv2d_1.kernel, conv2d_1.bias"}));
  other.freeze("conv2d_1");
  fit(other, train, again);
  Network<float> whole = with_norms();
  whole.freeze("conv2d_1");
  TrainOptions at_once;
  at_once.epochs = 2;
  fit(whole, train, at_once);
  EXPECT_TRUE(same_weights(other, whole));
}

std::vector<std::string> frozen_names(const Network<float>& network) {
  std::vector<std::string> names;
  for (const Parameter<float>& p : network.parameters())
    if (p.frozen) names.push_back(p.name);
  return names;
}

TEST(Freeze, Patterns) {
  Network<float> network = with_norms();
  using Names = std::vector<std::string>;
  const auto freeze = [&](std::string_view pattern) {
    network.unfreeze("*");
    network.freeze(pattern);
    return frozen_names(network);
  };
  EXPECT_EQ(freeze("dense_2"), (Names{"dense_2.kernel", "dense_2.bias"}));
  EXPECT_EQ(freeze("dense_2.bias"), (Names{"dense_2.bias"}));
  EXPECT_EQ(freeze("conv2d_*.kernel"), (Names{"conv2d_1.kernel", "conv2d_2.kernel"}));
  EXPECT_EQ(freeze("*_1.b*a*"), (Names{"conv2d_1.bias", "batch_norm_1.beta", "dense_1.bias"}));
  EXPECT_EQ(freeze("***2.k*l"), (Names{"conv2d_2.kernel", "dense_2.kernel"}));
  EXPECT_EQ(freeze("*").size(), network.parameters().size());
  EXPECT_EQ(freeze("dropout_1").size(), 0u);  // a layer without parameters
  network.freeze("*");
  network.unfreeze("dense_*");
  for (const std::string& name : frozen_names(network)) EXPECT_FALSE(name.starts_with("dense_")) << name;
  for (const char* wrong : {"dense_3", "", "conv", "*kernels", "Dense_1"})
    EXPECT_TRUE(refuses([&] { network.freeze(wrong); }, "Network",
                        {detail::formatted("no layer or parameter is named '{}'", wrong)}));
}

TEST(Freeze, IsTold) {
  Network<float> network = with_norms();
  const std::string all = network.summary();
  EXPECT_NE(all.find("trainable"), std::string::npos);  // a batch normalisation's statistics are not
  network.freeze("dense_2");
  EXPECT_EQ(network.info().back().trainable, 0);
  EXPECT_EQ(network.info().back().parameters, 28);
  EXPECT_NE(network.summary(), all);
  network.unfreeze("dense_2");
  EXPECT_EQ(network.summary(), all);
}

TEST(CopyWeights, TakesWhatFits) {
  const Network<float> trained = with_norms();
  Network<float> other(Shape{8, 8, 1},
                       {Conv2D{.filters = 4, .kernel_size = {3, 3}}, BatchNorm{}, Flatten{}, Dense{.units = 7}}, 9);
  const Network<float> before = other;
  const std::vector<std::string> left = other.copy_weights(trained);
  EXPECT_EQ(left, (std::vector<std::string>{"dense_1.kernel", "dense_1.bias"}));
  EXPECT_TRUE(same_bits(other.parameter("conv2d_1.kernel").value, trained.parameter("conv2d_1.kernel").value));
  EXPECT_TRUE(same_bits(other.parameter("dense_1.kernel").value, before.parameter("dense_1.kernel").value));
  EXPECT_TRUE(other.copy_weights(before).empty());
}

TEST(CopyWeights, TakesAllOfALayerOrNothing) {
  const Network<float> trained({8, 8, 2}, {Conv2D{.filters = 3}, Flatten{}, Dense{.units = 2}}, 1);
  const auto left_by = [&](const Conv2D& conv) {
    Network<float> network({8, 8, 2}, {conv, Flatten{}, Dense{.units = 2}}, 2);
    return network.copy_weights(trained);
  };
  EXPECT_TRUE(left_by({.filters = 3}).empty());
  EXPECT_EQ(left_by({.filters = 3, .groups = 1, .use_bias = false}), std::vector<std::string>{"conv2d_1.kernel"});
  // The bias alone would fit.
  EXPECT_EQ(left_by({.filters = 3, .kernel_size = {1, 1}}),
            (std::vector<std::string>{"conv2d_1.kernel", "conv2d_1.bias", "dense_1.kernel", "dense_1.bias"}));
}

TEST(CopyWeights, OfAnAppendedNetwork) {
  const Network<float> base = with_norms();
  Graph graph(base.input_shape());
  graph(Dense{.units = 2}, graph.append(base.graph(), graph.input(), "base/"));
  Network<float> network(graph, 9);
  const std::vector<std::string> left = network.copy_weights(base, "base/");
  EXPECT_EQ(left, (std::vector<std::string>{"dense_3.kernel", "dense_3.bias"}));
  for (const Parameter<float>& p : base.parameters())
    EXPECT_TRUE(same_bits(network.parameter("base/" + p.name).value, p.value)) << p.name;
}

}  // namespace
}  // namespace hubel::test
