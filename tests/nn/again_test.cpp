// One layer in several places, with the same weights: what the places make is what copies of it would, and the gradient
// of the weights is the sum of theirs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "hubel/network.hpp"
#include "nn/check_gradients.hpp"
#include "nn/joint_testing.hpp"

namespace hubel::test {
namespace {

using Mode = Execution<float>::Mode;

// Every kind that has parameters, on two images each, one layer in both places; with `shared` false each place has its
// own. Pairs of a convolution and a pooling, small dense layers, activations and norms behind convolutions are there.
Graph two_towers(bool shared) {
  Graph graph;
  const auto a = graph.add_input({12, 12, 3}, "a"), b = graph.add_input({12, 12, 3}, "b");
  std::vector<Graph::Value> xs = {a, b};
  const auto both = [&](const Layer& layer) {
    const auto first = graph(layer, xs[0]);
    xs = {first, shared ? graph.again(first, xs[1]) : graph(layer, xs[1])};
  };
  both(Conv2D{.filters = 6, .kernel_size = {3, 3}, .padding = Padding::same(), .activation = Activation::tanh});
  both(Pool2D{});
  both(DepthwiseConv2D{.kernel_size = {3, 3}, .padding = Padding::same()});
  both(BatchNorm{.activation = Activation::silu});
  both(Conv2D{.filters = 8, .kernel_size = {1, 1}});
  both(ActivationLayer{Activation::tanh});
  both(PReLU{});
  both(GroupNorm{.groups = 2});
  both(Conv2DTranspose{.filters = 4, .kernel_size = {2, 2}, .strides = {2, 2}});
  both(LayerNorm{});
  both(Reshape{{24, 24}});
  both(Conv1D{.filters = 5, .kernel_size = 3});
  both(Flatten{});
  both(Dense{.units = 9, .activation = Activation::gelu});
  graph(Dense{.units = 4}, graph(Merge{.mode = MergeMode::subtract}, xs), "classes");
  return graph;
}

// A layer on what it makes itself, three times, and in a branch.
Graph recurrent() {
  Graph graph({5, 4, 2});
  const Conv2D step{.filters = 2, .kernel_size = {3, 3}, .padding = Padding::same(), .activation = Activation::tanh};
  const auto once = graph(step, graph.input(), "step");
  const auto twice = graph.again(once, once), thrice = graph.again(twice, twice);
  const auto sum = graph(Add{}, {graph.again(once, thrice), once});
  const auto dense = graph(Dense{.units = 3, .activation = Activation::silu}, graph(Flatten{}, sum));
  graph(Dense{.units = 2}, graph.again(graph(Dense{.units = 3}, dense, "square"), dense));
  graph.set_outputs({graph.value(std::ssize(graph.layers()) - 1), *graph.find("square")});
  return graph;
}

// For each parameter of a network of copies: the number of the one that it is a copy of.
template <class T>
std::vector<std::size_t> copied_from(const Network<T>& shared, const Network<T>& copies) {
  std::vector<std::size_t> from;
  for (std::size_t i = 0; i < copies.layers().size(); ++i) {
    const std::int64_t owner = shared.layers()[i].weights_of;
    const std::string& name = shared.layers()[owner < 0 ? i : static_cast<std::size_t>(owner)].name;
    const std::string own = copies.layers()[i].name + ".";
    while (from.size() < copies.parameters().size() && copies.parameters()[from.size()].name.starts_with(own)) {
      const std::string field = copies.parameters()[from.size()].name.substr(own.size());
      from.push_back(static_cast<std::size_t>(&shared.parameter(name + "." + field) - shared.parameters().data()));
    }
  }
  return from;
}

template <class T>
void give_copies(const Network<T>& shared, Network<T>& copies) {
  const std::vector<std::size_t> from = copied_from(shared, copies);
  ASSERT_EQ(from.size(), copies.parameters().size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Parameter<T>& parameter = shared.parameters()[from[i]];
    std::copy(parameter.value.begin(), parameter.value.end(), copies.parameters()[i].value.begin());
    copies.parameters()[i].frozen = parameter.frozen;
  }
}

TEST(Again, NamesAndWeights) {
  Graph graph({4});
  const auto x = graph(Dense{.units = 4}, graph.input(), "first");
  const auto y = graph.again(x, x), z = graph.again(y, y, "third");
  EXPECT_EQ(graph.name(y), "first_2");
  EXPECT_EQ(graph.default_name(x), "first_3");
  EXPECT_EQ(graph.layers()[1], (GraphLayer{Dense{.units = 4}, {0}, "first_2", 0}));
  EXPECT_EQ(graph.layers()[2].weights_of, 0);  // the first's, also by way of the second
  const auto act = graph(ActivationLayer{Activation::relu}, z);
  const auto last = graph.again(act, act);
  EXPECT_EQ(graph.layers().back().weights_of, -1);                   // it has none
  EXPECT_EQ(graph.name(graph(Dense{.units = 1}, last)), "dense_2");  // the second of its kind, not the fourth
  const Network<float> network(graph, 1);
  EXPECT_EQ(network.parameter_count(), 20 + 5);
  ASSERT_EQ(network.parameters().size(), 4u);
  EXPECT_EQ(network.parameters()[2].name, "dense_2.kernel");
  EXPECT_EQ(network.info()[1].parameters, 0);
  EXPECT_EQ(network.info()[1].macs, 16);
  EXPECT_NE(network.summary().find("weights of first"), std::string::npos);
}

TEST(Again, SaysWhatDoesNotFit) {
  Graph graph;
  const auto a = graph.add_input({4}), b = graph.add_input({3}, "b");
  const auto x = graph(Dense{.units = 4}, a, "x");
  EXPECT_TRUE(refuses([&] { graph.again(a, x); }, "Network", {"input 'input'", "again"}));
  EXPECT_TRUE(refuses([&] { graph.again(x, b); }, "x_2", {"(3,)", "weights of x", "(4,)"}));
  EXPECT_TRUE(refuses([&] { graph.again(x, {a, b}); }, "x_2", {"2 inputs"}));
  EXPECT_TRUE(refuses([&] { graph.again(x, std::span<const Graph::Value>()); }, "x_2", {"0 inputs"}));
  EXPECT_TRUE(refuses([&] { graph.again(x, a, "b"); }, "Network", {"'b' already"}));
  EXPECT_TRUE(refuses([&] { graph.again(x, a, ""); }, "Network", {"name"}));
  EXPECT_EQ(graph.layers().size(), 1u);
}

TEST(Again, WholeNetworks) {
  const Graph base = recurrent();
  Graph graph;
  const auto a = graph.add_input({5, 4, 2}), b = graph.add_input({5, 4, 2}, "b");
  const auto left = graph.append(base, std::vector{a}, "left/");
  const auto right = graph.append(base, std::vector{b}, "right/", "left/");
  EXPECT_TRUE(refuses([&] { graph.append(base, b, "third/", "nobody/"); }, "Network", {"nobody/step"}));
  EXPECT_TRUE(refuses(
      [&] {
        graph.append(two_towers(false), std::vector{a, b}, "c/", "left/");
      },
      "Network", {"(12, 12, 3)"}));
  graph.set_outputs({left[0], left[1], right[0], right[1]});
  const Network<float> own(base, 3);
  Network<float> network(graph, 4);
  EXPECT_EQ(network.parameter_count(), own.parameter_count());
  EXPECT_TRUE(network.copy_weights(own, "left/").empty());
  const auto x = random_batches<float>(network.input_shapes(), 3, 1);
  Execution<float> siamese(network, 3, Mode::inference), alone(own, 3, Mode::inference);
  const auto got = siamese.forward(views_of(x));
  for (std::size_t i = 0; i < 4; ++i) {
    const auto wanted = alone.forward(std::span<const TensorView<const float>>(views_of(x)).subspan(i / 2, 1));
    EXPECT_TRUE(same_bits(got[i], wanted[i % 2])) << i;
  }
}

TEST(Again, MakesWhatCopiesMake) {
  for (const Mode mode : {Mode::inference, Mode::frozen, Mode::inspection}) {
    for (const std::int64_t m : {0, 1, 5}) {
      const Network<float> network(two_towers(true), 1);
      Network<float> copies(two_towers(false), 2);
      give_copies(network, copies);
      const auto x = random_batches<float>(network.input_shapes(), m, 1);
      Execution<float> a(network, 5, mode), b(copies, 5, mode);
      EXPECT_TRUE(same_bits(a.forward(views_of(x))[0], b.forward(views_of(x))[0]));
    }
  }
}

// Also of what batch normalisations measure, and with some frozen.
TEST(Again, GradientIsTheSumOfTheCopies) {
  using Double = Execution<double>;
  for (int round = 0; round < 12; ++round) {
    Network<double> network(two_towers(true), 1), copies(two_towers(false), 2);
    Noise noise(static_cast<std::uint64_t>(round));
    for (Parameter<double>& p : network.parameters()) p.frozen = round > 0 && noise.chance(0.3);
    give_copies(network, copies);
    const std::vector<std::size_t> from = copied_from(network, copies);
    const std::int64_t m = round % 3 == 0 ? 1 : 6;
    const auto x = random_batches<double>(network.input_shapes(), m, 1);
    const auto dout = random_batches<double>(network.output_shapes(), m, 5);
    Double a(network, 6, Double::Mode::training), b(copies, 6, Double::Mode::training);
    for (int repeat = 0; repeat < 2; ++repeat) {
      a.forward(views_of(x)), b.forward(views_of(x));
      const auto dx = a.backward(views_of(dout)), wanted_dx = b.backward(views_of(dout));
      for (std::size_t k = 0; k < dx.size(); ++k)
        for (std::int64_t i = 0; i < dx[k].size(); ++i) ASSERT_NEAR(dx[k][i], wanted_dx[k][i], 1e-11);
      for (std::size_t p = 0; p < network.parameters().size(); ++p) {
        const TensorView<double> got = a.gradients()[p];
        ASSERT_EQ(got.shape().rank() == 0, network.parameters()[p].frozen);
        if (network.parameters()[p].frozen) continue;
        for (std::int64_t i = 0; i < got.size(); ++i) {
          double sum = 0;
          for (std::size_t q = 0; q < from.size(); ++q) {
            if (from[q] != p) continue;
            if (network.parameters()[p].role == ParameterRole::statistic) sum *= BatchNorm{}.momentum;
            sum += b.gradients()[q][i];
          }
          ASSERT_NEAR(got[i], sum, 1e-11) << network.parameters()[p].name << " at " << i << ", round " << round;
        }
      }
    }
  }
}

// As if each place were a step of its own: s <- momentum s + (1 - momentum) measured.
TEST(Again, StatisticsMoveByOnePlaceAfterTheOther) {
  Graph graph({3});
  const BatchNorm norm{.momentum = 0.4, .center = false, .scale = false};
  const auto x = graph(norm, graph(Rescaling{.scale = 2, .offset = 1}, graph.input()), "norm");
  graph.again(x, graph.again(x, x));
  Network<double> network(graph, 1);
  const Tensor<double> batch = random_tensor<double>(Shape{4, 3}, 1);
  Execution<double> training(network, 4, Execution<double>::Mode::training);
  training.forward(batch);
  training.backward(random_tensor<double>(Shape{4, 3}, 2));
  const double epsilon = norm.epsilon;
  for (std::int64_t c = 0; c < 3; ++c) {
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < 4; ++i) mean += (2 * batch[i * 3 + c] + 1) / 4;
    for (std::int64_t i = 0; i < 4; ++i) variance += std::pow(2 * batch[i * 3 + c] + 1 - mean, 2) / 4;
    double running_mean = 0, running_variance = 1;
    for (int place = 0; place < 3; ++place) {
      running_mean = 0.4 * running_mean + 0.6 * mean;
      running_variance = 0.4 * running_variance + 0.6 * variance * 4 / 3;
      mean = 0, variance /= variance + epsilon;  // what the place makes
    }
    const auto moved = [&](std::size_t p) { return network.parameters()[p].value[c] - training.gradients()[p][c]; };
    EXPECT_NEAR(moved(0), running_mean, 1e-12);
    EXPECT_NEAR(moved(1), running_variance, 1e-12);
  }
}

TEST(Again, Gradients) {
  check_gradients(two_towers(true), 3, 1);
  check_gradients(recurrent(), 3, 2);
  check_gradients(recurrent(), 1, 3);
}

// Also where the layer that the weights are called by is left out.
TEST(Again, UpToAnInnerLayer) {
  const Network<float> network(two_towers(true), 1);
  const Graph& graph = network.graph();
  const auto x = random_batches<float>(network.input_shapes(), 3, 1);
  Execution<float> whole(network, 3, Mode::inspection);
  whole.forward(views_of(x));
  const std::int64_t last = std::ssize(graph.layers()) - 3;  // what the second image's tower makes
  for (const bool both : {false, true}) {
    const std::vector<Graph::Value> ends = {graph.value(last), graph.value(last - 1)};
    const Network<float> part = network.up_to(std::span(ends).first(both ? 2 : 1));
    EXPECT_EQ(part.layers().size(), both ? 28u : 14u);
    EXPECT_EQ(part.parameter_count() + 4 * 9 + 4, network.parameter_count());
    EXPECT_EQ(part.parameters()[0].name, both ? "conv2d_1.kernel" : "conv2d_1_2.kernel");
    Execution<float> run(part, 3, Mode::inference);
    const auto views = views_of(x);
    const auto got = run.forward(both ? std::span(views) : std::span(views).subspan(1));
    EXPECT_TRUE(same_bits(got[0], whole.layer_output(static_cast<std::size_t>(last))));
  }
}

TEST(Again, FrozenByAnyOfItsNames) {
  Network<float> network(recurrent(), 1);
  network.freeze("step_2");
  EXPECT_TRUE(network.parameter("step.kernel").frozen);
  EXPECT_FALSE(network.parameter("square.kernel").frozen);
  EXPECT_EQ(network.info()[0].trainable, 0);
  network.unfreeze("step.bias");
  EXPECT_FALSE(network.parameter("step.bias").frozen);
}

// Trains, to the same bits on any number of threads.
TEST(Again, Trains) {
  std::optional<Network<float>> first;
  for (const int threads : {1, 2, 4}) {
    with_threads(threads, [&] {
      Graph graph;
      const auto a = graph.add_input({8, 8, 1}), b = graph.add_input({8, 8, 1}, "b");
      Graph tower({8, 8, 1}, quadrant_layers());
      const auto left = graph.append(tower, a, "tower/"), right = graph.append(tower, b, "again/", "tower/");
      graph.set_outputs({left, right});
      Network<float> network(graph, 1);
      const Samples samples = quadrants(80, 1), others = quadrants(80, 9);
      std::vector<Tensor<float>> xs;
      for (const Samples* of : {&samples, &others}) xs.push_back(of->x());
      std::vector<JointSamples::Answers> answers(2);
      answers[0].labels = samples.labels(), answers[1].labels = others.labels();
      const JointSamples joint(std::move(xs), std::move(answers));
      fit(network, joint, quadrant_options(8));
      const Evaluation result = evaluate(network, joint);
      EXPECT_GT(result.outputs[0].accuracy, 0.9);
      EXPECT_GT(result.outputs[1].accuracy, 0.9);
      if (!first) first = network;
      EXPECT_TRUE(same_weights(*first, network)) << threads;
    });
  }
}

}  // namespace
}  // namespace hubel::test
