// Networks of several inputs and outputs: how they are built, and that each output is what a network of its own would
// make of it, forward and backward, in every mode.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hubel/network.hpp"
#include "hubel/trainer.hpp"
#include "nn/check_gradients.hpp"
#include "nn/execution_plan.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

using Mode = Execution<float>::Mode;

Conv2D conv(std::int64_t filters, Activation activation = Activation::identity) {
  return {.filters = filters, .padding = Padding::same(), .activation = activation};
}

// An image and a place; classes and a box, of a trunk that makes an output too.
Graph of_two() {
  Graph graph;
  const auto image = graph.add_input({6, 5, 3}, "image"), place = graph.add_input({2}, "place");
  const auto trunk = graph(conv(4, Activation::tanh), image, "trunk");
  const auto flat = graph(Flatten{}, graph(conv(3, Activation::silu), trunk));
  const auto both = graph(Concatenate{}, {flat, graph(Dense{.units = 3, .activation = Activation::tanh}, place)});
  const auto classes = graph(Dense{.units = 4, .activation = Activation::softmax}, both, "classes");
  const auto box = graph(Dense{.units = 2}, both, "box");
  graph.set_outputs({box, trunk, classes});
  return graph;
}

TEST(Several, NamesShapesAndOrder) {
  Graph graph;
  const auto a = graph.add_input({4}), b = graph.add_input({3}, "b"), c = graph.add_input({2});
  EXPECT_EQ(graph.name(a), "input");
  EXPECT_EQ(graph.name(c), "input_2");
  EXPECT_EQ(graph.shape(b), Shape({3}));
  EXPECT_EQ(graph.input(2), c);
  EXPECT_EQ(graph.find("b"), b);
  EXPECT_EQ(graph.value(b.layer()), b);
  EXPECT_TRUE(graph.outputs().empty());
  const auto x = graph(Concatenate{}, {a, b, c});
  EXPECT_EQ(graph.outputs(), std::vector{x});
  const Network<float> network(of_two());
  EXPECT_EQ(std::vector<Shape>(network.input_shapes().begin(), network.input_shapes().end()),
            (std::vector<Shape>{{6, 5, 3}, {2}}));
  EXPECT_EQ(std::vector<Shape>(network.output_shapes().begin(), network.output_shapes().end()),
            (std::vector<Shape>{{2}, {6, 5, 4}, {4}}));
  EXPECT_FALSE(network.ends_in_softmax(0));
  EXPECT_TRUE(network.ends_in_softmax(2));
  Graph other = of_two();
  EXPECT_EQ(other, of_two());
  other.set_outputs({*other.find("trunk"), *other.find("box"), *other.find("classes")});
  EXPECT_FALSE(other == of_two());
}

TEST(Several, SaysWhatDoesNotFit) {
  Graph graph;
  EXPECT_TRUE(refuses([&] { Network<float> none(graph); }, "Network", {"no layers"}));
  EXPECT_TRUE(refuses([&] { graph.input(); }, "Network", {"no input 0"}));
  const auto a = graph.add_input({4}), b = graph.add_input({3}, "b");
  EXPECT_TRUE(refuses([&] { graph.add_input({3}, "b"); }, "Network", {"'b' already"}));
  EXPECT_TRUE(refuses([&] { graph.add_input({3}, "input"); }, "Network", {"'input' already"}));
  EXPECT_TRUE(refuses([&] { graph.add_input({0}); }, "Network", {"(0,)"}));
  EXPECT_TRUE(refuses([&] { graph.add_input({3}, ""); }, "Network", {"name"}));
  EXPECT_TRUE(refuses([&] { graph(Dense{}, a, "b"); }, "Network", {"'b' already"}));
  EXPECT_TRUE(refuses([&] { graph.value(GraphLayer::kInput - 2); }, "Network", {"no input 2"}));
  const auto x = graph(Dense{.units = 2}, a, "x"), y = graph(Dense{.units = 2}, x, "y");
  EXPECT_TRUE(refuses([&] { Network<float> network(graph); }, "Network", {"no layer takes the input b"}));
  const auto z = graph(Dense{.units = 2}, b, "z");
  EXPECT_TRUE(refuses([&] { Network<float> network(graph); }, "Network", {"the output of y", "the network's is z"}));
  EXPECT_TRUE(refuses([&] { graph.set_outputs({}); }, "Network", {"no outputs"}));
  EXPECT_TRUE(refuses([&] { graph.set_outputs({y, z, y}); }, "Network", {"output of y", "twice"}));
  EXPECT_TRUE(refuses([&] { graph.set_outputs({y, b}); }, "Network", {"input 'b'"}));
  graph.set_outputs({y, z});
  const Network<float> network(graph);
  EXPECT_TRUE(refuses([&] { Graph({4}).append(graph, a); }, "Network", {"2 inputs", "1 were given"}));
}

TEST(Several, AppendedWithAllItsInputsAndOutputs) {
  const Graph base = of_two();
  Graph graph;
  const auto place = graph.add_input({2}), image = graph.add_input({6, 5, 3});
  const auto made = graph.append(base, std::vector{image, place}, "base/");
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(graph.name(made[0]), "base/box");
  EXPECT_EQ(graph.name(made[1]), "base/trunk");
  graph.set_outputs(made);
  const Network<float> own(base, 3);
  Network<float> network(graph, 4);
  EXPECT_TRUE(network.copy_weights(own, "base/").empty());
  const auto x = random_batches<float>(own.input_shapes(), 3, 1);
  const std::vector<TensorView<const float>> turned = {x[1], x[0]};
  Execution<float> a(own, 3, Mode::inference), b(network, 3, Mode::inference);
  const auto wanted = a.forward(views_of(x)), got = b.forward(turned);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(std::equal(got[i].begin(), got[i].end(), wanted[i].begin()));
}

// By hand: tanh(a W1 + b1) and, of it beside the second input, [h, c] W2 + b2.
TEST(Several, AgainstPlainSums) {
  Graph graph;
  const auto a = graph.add_input({3}), c = graph.add_input({2});
  const auto h = graph(Dense{.units = 4, .activation = Activation::tanh, .bias_initializer = Initializer::ones}, a);
  const auto y = graph(Dense{.units = 2}, graph(Concatenate{}, {h, c}));
  graph.set_outputs({h, y});
  const Network<double> network(graph, 5);
  const auto x = random_batches<double>(network.input_shapes(), 2, 1);
  Execution<double> execution(network, 2, Execution<double>::Mode::inference);
  const auto outputs = execution.forward(views_of(x));
  const auto& W1 = network.parameter("dense_1.kernel").value;
  const auto& W2 = network.parameter("dense_2.kernel").value;
  for (std::int64_t s = 0; s < 2; ++s) {
    std::vector<double> joined;
    for (std::int64_t k = 0; k < 4; ++k) {
      double z = 1;
      for (std::int64_t i = 0; i < 3; ++i) z += x[0][s * 3 + i] * W1[i * 4 + k];
      joined.push_back(std::tanh(z));
      EXPECT_NEAR(outputs[0][s * 4 + k], joined.back(), 1e-12);
    }
    joined.insert(joined.end(), {x[1][s * 2], x[1][s * 2 + 1]});
    for (std::int64_t k = 0; k < 2; ++k) {
      double z = 0;
      for (std::int64_t i = 0; i < 6; ++i) z += joined[static_cast<std::size_t>(i)] * W2[i * 2 + k];
      EXPECT_NEAR(outputs[1][s * 2 + k], z, 1e-12);
    }
  }
}

// Random layers over images of one shape, from one to three inputs, each taking random earlier values. What no layer
// takes is an output, and so are some values that layers take. With norms: those, and what runs as one in a frozen
// network or moves no data.
Graph random_graph(std::uint64_t seed, bool with_norms) {
  const std::int64_t channels = with_norms ? 18 : 3;  // enough for convolutions that can add
  Noise noise(seed);
  Graph graph;
  std::vector<Graph::Value> values;
  for (std::int64_t i = noise.integer(1, 3); i > 0; --i) values.push_back(graph.add_input({5, 4, channels}));
  std::size_t unused = values.size() - 1;  // inputs that no layer takes yet
  const auto any = [&] {
    if (unused > 0) return values[unused--];
    return values[static_cast<std::size_t>(noise.integer(0, std::ssize(values) - 1))];
  };
  const auto recent = [&] {
    const auto last = std::ssize(values) - 1;
    return values[static_cast<std::size_t>(noise.integer(std::max<std::ptrdiff_t>(last - 3, 0), last))];
  };
  const auto drawn = [&] {
    return noise.chance(0.4) ? Activation::identity : noise.chance(0.5) ? Activation::tanh : Activation::gelu;
  };
  values.push_back(graph(conv(channels), values[0]));
  for (std::int64_t i = noise.integer(3, 14); i > 0; --i) {
    const auto x = unused == 0 && noise.chance(0.6) ? values.back() : any();
    switch (noise.integer(0, with_norms ? 6 : 4)) {
      case 0:
      case 1:  // often of what is recent, which a frozen convolution may add to
        values.push_back(graph(Add{.activation = drawn()}, {recent(), x}));
        break;
      case 2:
        values.push_back(graph(ActivationLayer{drawn()}, x));
        break;
      case 5:
        values.push_back(graph(BatchNorm{.activation = drawn()}, graph(conv(channels), x)));
        break;
      case 6:
        values.push_back(noise.chance(0.5) ? graph(Dropout{0.5}, x) : graph(Reshape{{5, 4, channels}}, x));
        break;
      default:
        values.push_back(graph(conv(channels, drawn()), x));
    }
  }
  while (unused > 0) values.push_back(graph(conv(channels), any()));
  if (noise.chance(0.5)) {
    const auto flat = graph(Flatten{}, values.back());
    values.push_back(graph(Dense{.units = 4, .activation = Activation::softmax}, flat));
    if (noise.chance(0.3)) graph(Dense{.units = 2}, values.back());
  }
  std::vector<Graph::Value> outputs(ends(graph));
  std::erase_if(outputs, [](Graph::Value v) { return v.layer() < 0; });
  for (std::int64_t i = noise.integer(0, 3); i > 0; --i) {
    const auto v = values[static_cast<std::size_t>(noise.integer(0, std::ssize(values) - 1))];
    if (v.layer() >= 0 && std::ranges::find(outputs, v) == outputs.end())
      outputs.insert(outputs.begin() + noise.integer(0, std::ssize(outputs)), v);
  }
  graph.set_outputs(outputs);
  return graph;
}

TEST(Several, GradientsOfTwo) { check_gradients(of_two(), 3, 1); }

TEST(Several, GradientsOfRandomGraphs) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed)
    check_gradients(random_graph(seed, false), 1 + static_cast<std::int64_t>(seed % 3), seed);
}

// An output that feeds layers of its own kind of segment: dense layers that go by sample.
TEST(Several, GradientsOfOutputsAmongDenseLayers) {
  Graph graph({6});
  const auto a = graph(Dense{.units = 5, .activation = Activation::tanh}, graph.input());
  const auto b = graph(Dense{.units = 4, .activation = Activation::softmax}, a);
  const auto c = graph(ActivationLayer{Activation::silu}, b);
  const auto d = graph(Dense{.units = 3, .activation = Activation::softmax}, c);
  graph.set_outputs({d, b, a});
  check_gradients(graph, 11, 2);
  graph.set_outputs({d, c});
  check_gradients(graph, 11, 2);
}

// Outputs that lie where their input does, sample by sample and, of large images, the batch as a whole.
TEST(Several, GradientsOfOutputsThatMoveNoData) {
  for (const std::int64_t size : {4, 130}) {
    Graph graph({size, size, 1});
    const auto a = graph(Reshape{{size, 1, size}}, graph.input());
    const auto b = graph(Flatten{}, a), c = graph(Reshape{{size, size, 1}}, a);
    const auto d = graph(GlobalPool2D{}, graph(conv(2, Activation::tanh), c));
    graph.set_outputs({b, d, a});
    check_gradients(graph, 2, 3);
    graph.set_outputs({d, c, b});
    check_gradients(graph, 2, 4);
  }
}

std::vector<float> joined(std::span<const TensorView<const float>> views) {
  std::vector<float> all;
  for (const auto& view : views) all.insert(all.end(), view.begin(), view.end());
  return all;
}

// Each output as what inspection finds there, which computes nothing as one.
TEST(Several, TheSameInEveryModeAndOnAnyNumberOfThreads) {
  for (std::uint64_t seed = 100; seed < 140; ++seed) {
    const Network<float> network(random_graph(seed, false), seed);
    SCOPED_TRACE(network.summary());
    const auto x = random_batches<float>(network.input_shapes(), 9, seed);
    const auto dout = random_batches<float>(network.output_shapes(), 9, seed + 1);
    Execution<float> inspection(network, 9, Mode::inspection);
    inspection.forward(views_of(x));
    std::vector<float> wanted;
    for (const Graph::Value output : network.graph().outputs()) {
      const auto y = inspection.layer_output(static_cast<std::size_t>(output.layer()));
      wanted.insert(wanted.end(), y.begin(), y.end());
    }
    const auto train = [&] {
      Execution<float> training(network, 9, Mode::training);
      EXPECT_EQ(joined(training.forward(views_of(x))), wanted);
      std::vector<float> all = joined(training.backward(views_of(dout)));
      for (const auto& gradient : training.gradients()) all.insert(all.end(), gradient.begin(), gradient.end());
      return all;
    };
    const std::vector<float> gradients = with_threads(1, train);
    for (const int threads : {2, 4}) EXPECT_EQ(with_threads(threads, train), gradients);
    Execution<float> inference(network, 9, Mode::inference);
    EXPECT_EQ(joined(inference.forward(views_of(x))), wanted);
  }
}

TEST(Several, FrozenMakesTheSameOutputs) {
  int added = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    const Network<float> network(random_graph(seed, true), seed);
    SCOPED_TRACE(network.summary());
    const auto x = random_batches<float>(network.input_shapes(), 3, seed);
    const std::vector<Tensor<float>> before = x;
    Execution<float> inference(network, 3, Mode::inference), frozen(network, 3, Mode::frozen);
    const auto wanted = inference.forward(views_of(x)), got = frozen.forward(views_of(x));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_TRUE(close(got[i], reference::Array::of(wanted[i]), 1e-5)) << "output " << i;
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(same_bits(x[i], before[i]));  // the caller's own
    const detail::ExecutionPlan<float> plan(network, 3, Mode::frozen);
    added +=
        static_cast<int>(std::ranges::count_if(plan.nodes, [](const auto& node) { return node.adds_to.has_value(); }));
  }
  EXPECT_GT(added, 20);
}

// Of each output what a network with that output alone has, and of the shared part the sum.
TEST(Several, GradientsAreThoseOfTheOutputsTogether) {
  const auto graph_with = [](const std::vector<std::string>& names) {
    Graph graph({6, 5, 3});
    const auto trunk = graph(conv(4, Activation::relu), graph.input(), "trunk");
    const auto a = graph(conv(2), trunk, "a");
    if (std::ranges::find(names, "b") != names.end()) {
      const auto b = graph(GlobalPool2D{}, trunk, "b");
      graph.set_outputs({a, b});
    }
    return graph;
  };
  const Network<double> both(graph_with({"a", "b"}), 1), one(graph_with({"a"}), 1);
  const auto x = random_batches<double>(both.input_shapes(), 2, 1),
             dout = random_batches<double>(both.output_shapes(), 2, 3);
  using DoubleMode = Execution<double>::Mode;
  Execution<double> of_both(both, 2, DoubleMode::training), of_one(one, 2, DoubleMode::training);
  const Tensor<double> none(dout[1].shape());
  of_both.forward(views_of(x));
  const auto dx = of_both.backward(std::vector<TensorView<const double>>{dout[0], none})[0];
  of_one.forward(x[0]);
  const auto wanted = of_one.backward(dout[0]);
  EXPECT_TRUE(std::equal(dx.begin(), dx.end(), wanted.begin()));
}

TEST(Several, SoftmaxesArePutOffWhereNobodyElseTakesThem) {
  Graph graph({6});
  const auto a = graph(Dense{.units = 3, .activation = Activation::softmax}, graph.input());
  const auto b = graph(Dense{.units = 4, .activation = Activation::softmax}, a);
  graph.set_outputs({a, b});
  const Network<float> network(graph, 1);
  EXPECT_TRUE(network.ends_in_softmax(0));
  EXPECT_TRUE(network.ends_in_softmax(1));
  EXPECT_THROW(network.ends_in_softmax(2), std::out_of_range);
  const auto x = random_batches<float>(network.input_shapes(), 3, 1);
  Execution<float> execution(network, 3, Mode::inference);
  execution.forward(x[0]);
  const auto logits = execution.logits(1), p = execution.output(1);
  EXPECT_EQ(execution.logits(0).data(), execution.output(0).data());
  Tensor<float> wanted(Shape{3, 4});
  activation_forward(logits, Activation::softmax, wanted.view());
  EXPECT_TRUE(std::equal(p.begin(), p.end(), wanted.begin()));
  EXPECT_THROW(execution.output(2), std::out_of_range);
}

TEST(Several, ExecutionSaysWhatDoesNotFit) {
  const Network<float> network(of_two(), 1);
  Execution<float> execution(network, 3, Mode::training);
  const auto x = random_batches<float>(network.input_shapes(), 3, 1),
             longer = random_batches<float>(network.input_shapes(), 4, 1);
  const auto dout = random_batches<float>(network.output_shapes(), 3, 1);
  EXPECT_TRUE(refuses([&] { execution.forward(x[0]); }, "Execution", {"2 inputs", "1 given"}));
  const std::vector<TensorView<const float>> uneven = {x[0], TensorView<const float>(x[1].data(), Shape{2, 2})};
  EXPECT_TRUE(refuses([&] { execution.forward(uneven); }, "Execution", {"x of place", "(2, 2)", "(2,)"}));
  EXPECT_TRUE(refuses([&] { execution.forward(views_of(longer)); }, "Execution", {"at most 3"}));
  execution.forward(views_of(x));
  EXPECT_TRUE(refuses([&] { execution.backward(dout[0]); }, "Execution", {"3 outputs", "1 gradients"}));
  const std::vector<TensorView<const float>> turned = {dout[1], dout[0], dout[2]};
  EXPECT_TRUE(refuses([&] { execution.backward(turned); }, "Execution", {"dout 0", "(3, 2)"}));
  execution.backward(views_of(dout));
  const std::vector<std::int32_t> labels(3, 0);
  EXPECT_TRUE(refuses([&] { execution.loss(x[0], labels); }, "Execution", {"3 outputs", "a loss is of one"}));
  EXPECT_TRUE(refuses([&] { execution.loss_and_gradients(x[0], labels); }, "Execution", {"3 outputs"}));
  const Loss mse = MeanSquaredError{};
  std::vector<OutputAim<float>> aims(2);
  EXPECT_TRUE(refuses([&] { execution.losses(views_of(x), aims); }, "Execution", {"3 outputs", "2 aims"}));
  aims.resize(3);
  aims[0].loss = aims[1].loss = &mse;
  EXPECT_TRUE(refuses([&] { execution.losses(views_of(x), aims); }, "Execution", {"output 2", "no loss"}));
  Execution<float> inference(network, 3, Mode::inference);
  aims[2].loss = &mse;
  EXPECT_THROW(inference.losses_and_gradients(views_of(x), aims), std::logic_error);
}

TEST(Several, PredictTakesOneOfEach) {
  const Network<float> network(of_two(), 1);
  EXPECT_TRUE(refuses([&] { predict(network, Tensor<float>({2, 6, 5, 3})); }, "predict", {"2 inputs and 3 outputs"}));
}

TEST(Several, Summary) {
  const std::string text = summary(of_two());
  for (const char* part : {" image ", " place ", "image\n", "flatten_1, dense_1\n",
                           " Outputs: box (2,), trunk (6, 5, 4), classes (4,).\n"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
  EXPECT_EQ(summary(Graph({4}, std::vector<Layer>{Dense{}})).find("Outputs"), std::string::npos);
}

// An output in the middle is kept to the end.
TEST(Several, MemoryOfActivations) {
  Graph graph({16, 16, 4});
  const auto a = graph(conv(4), graph.input()), b = graph(conv(4), a), c = graph(conv(4), b);
  EXPECT_NE(summary(graph).find("8.0 KiB in inference, 12.0 KiB in training"), std::string::npos) << summary(graph);
  graph.set_outputs({c, a});
  EXPECT_NE(summary(graph).find("12.0 KiB in inference, 12.0 KiB in training"), std::string::npos) << summary(graph);
}

}  // namespace
}  // namespace hubel::test
