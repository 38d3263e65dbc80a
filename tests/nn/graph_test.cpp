// Networks that branch: how they are built, and that what several layers take gets the sum of their gradients.
#include "hubel/graph.hpp"

#include <gtest/gtest.h>

#include "hubel/network.hpp"
#include "nn/check_gradients.hpp"
#include "nn/nn_testing.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

Conv2D conv(std::int64_t filters, Activation activation = Activation::identity) {
  return {.filters = filters, .padding = Padding::same(), .activation = activation};
}

TEST(Graph, NamesAndShapes) {
  Graph graph({8, 8, 3});
  EXPECT_EQ(graph.shape(graph.input()), Shape({8, 8, 3}));
  const auto a = graph(conv(4), graph.input()), b = graph(Pool2D{}, a);
  const auto c = graph(conv(2), b, "conv2d_3"), d = graph(conv(2), c), e = graph(conv(2), d);
  EXPECT_EQ(graph.shape(b), Shape({4, 4, 4}));
  EXPECT_EQ(graph.layers()[0].name, "conv2d_1");
  EXPECT_EQ(graph.layers()[3].name, "conv2d_4");  // the third is taken
  EXPECT_EQ(graph.layers()[4].name, "conv2d_5");
  EXPECT_EQ(graph.find("conv2d_5")->layer(), e.layer());
  EXPECT_EQ(graph.find("input")->layer(), GraphLayer::kInput);
  EXPECT_FALSE(graph.find("conv2d_6"));
}

TEST(Graph, SaysWhatDoesNotFit) {
  Graph graph({8, 8, 3});
  const auto a = graph(conv(4), graph.input()), b = graph(Pool2D{}, a);
  EXPECT_TRUE(refuses([&] { graph(Add{}, {a, b}); }, "add_1", {"(8, 8, 4)", "(4, 4, 4)", "one shape"}));
  EXPECT_TRUE(refuses([&] { graph(Add{}, a); }, "add_1", {"1 input", "two or more"}));
  EXPECT_TRUE(refuses([&] { graph(Pool2D{}, {a, a}); }, "max_pool2d_2", {"2 inputs", "takes one"}));
  EXPECT_TRUE(refuses([&] { graph(Flatten{}, a, "conv2d_1"); }, "Network", {"'conv2d_1' already"}));
  EXPECT_TRUE(refuses([&] { graph(Flatten{}, a, "input"); }, "Network", {"'input' already"}));
  EXPECT_TRUE(refuses([&] { graph(Flatten{}, a, ""); }, "Network", {"name"}));
  EXPECT_TRUE(refuses([&] { graph(Flatten{}, a, "a\n"); }, "Network", {"name"}));
  EXPECT_TRUE(refuses([&] { graph.value(2); }, "Network", {"no layer 2"}));
  EXPECT_TRUE(refuses([&] { Graph({8, 0}); }, "Network", {"(8, 0)"}));
  EXPECT_EQ(graph.layers().size(), 2u);  // what was refused is not in it
  EXPECT_TRUE(refuses([&] { Network<float>(Graph({3})); }, "Network", {"no layers"}));
  graph(Flatten{}, a);
  EXPECT_TRUE(refuses([&] { Network<float> network(graph); }, "Network", {"no layer takes", "max_pool2d_1"}));
}

TEST(Graph, AppendsAnother) {
  Graph base({8, 8, 3});
  const auto a = base(conv(4), base.input());
  base(Add{}, {base(conv(4), a, "inner"), a});
  Graph graph({8, 8, 3});
  const auto x = graph(conv(3), graph.input());
  const auto y = graph.append(base, x, "base/");
  EXPECT_EQ(graph.shape(y), Shape({8, 8, 4}));
  ASSERT_EQ(graph.layers().size(), 4u);
  EXPECT_EQ(graph.layers()[1].name, "base/conv2d_1");
  EXPECT_EQ(graph.layers()[2].name, "base/inner");
  EXPECT_EQ(graph.layers()[3], (GraphLayer{Add{}, {2, 1}, "base/add_1"}));
  const auto z = graph(conv(3), y);
  graph.append(graph, z, "all/");
  ASSERT_EQ(graph.layers().size(), 10u);
  EXPECT_EQ(graph.layers()[8], (GraphLayer{Add{}, {7, 6}, "all/base/add_1"}));
}

TEST(Graph, UpToAValue) {
  Graph graph;
  const auto a = graph.add_input({8, 8, 3}, "a"), b = graph.add_input({4}, "b");
  const auto x = graph(conv(4), a), y = graph(Pool2D{}, x), flat = graph(Flatten{}, y, "flat");
  const auto d = graph(Dense{.units = 5}, b), both = graph(Concatenate{}, {flat, d});
  graph(Dense{.units = 2}, both);
  const Graph part = graph.up_to(y);
  ASSERT_EQ(part.inputs().size(), 1u);
  EXPECT_EQ(part.inputs()[0].name, "a");
  ASSERT_EQ(part.layers().size(), 2u);
  EXPECT_EQ(part.layers()[1], graph.layers()[1]);
  EXPECT_EQ(part.outputs(), std::vector{*part.find("max_pool2d_1")});
  const Graph other = graph.up_to(d);
  EXPECT_EQ(other.inputs()[0].name, "b");
  EXPECT_EQ(other.layers()[0].inputs, std::vector{GraphLayer::kInput});
  EXPECT_EQ(other.shape(other.outputs()[0]), Shape({5}));
  const Graph several = graph.up_to(std::vector{both, x});
  EXPECT_EQ(several.layers().size(), 5u);
  EXPECT_EQ(several.outputs(), (std::vector{*several.find("concatenate_1"), *several.find("conv2d_1")}));
  EXPECT_EQ(graph.layers().size(), 6u);
  EXPECT_TRUE(refuses([&] { graph.up_to(a); }, "Network", {"input 'a'"}));
  EXPECT_TRUE(refuses([&] { graph.up_to(std::vector{x, x}); }, "Network", {"conv2d_1", "twice"}));
  EXPECT_TRUE(refuses([&] { graph.up_to(std::vector<Graph::Value>{}); }, "Network", {"no outputs"}));
}

// Its layers compute what they do in the whole, and learn what is not frozen.
TEST(Graph, NetworkUpToAValue) {
  Network<float> whole({8, 8, 1}, quadrant_layers(), 3);
  whole.freeze("conv2d_1");
  const auto inner = whole.graph().value(4);
  Network<float> part = whole.up_to(inner);
  EXPECT_EQ(part.parameters().size(), 4u);
  EXPECT_TRUE(part.parameter("conv2d_1.kernel").frozen);
  EXPECT_FALSE(part.parameter("conv2d_2.kernel").frozen);
  const Tensor<float> x = random_tensor<float>({3, 8, 8, 1}, 2);
  Execution<float> of_whole(whole, 3, Execution<float>::Mode::inspection);
  of_whole.forward(x);
  Execution<float> of_part(part, 3, Execution<float>::Mode::inference);
  EXPECT_TRUE(same_bits(of_part.forward(x), of_whole.layer_output(4)));
  part.parameter("conv2d_2.bias").value[0] = 7;  // a copy
  EXPECT_EQ(whole.parameter("conv2d_2.bias").value[0], 0);
}

TEST(Graph, RefusesToAppendWhatDoesNotFit) {
  const std::vector<Layer> layers = {conv(4), Flatten{}};
  const Graph base({8, 8, 3}, layers);
  Graph graph({8, 8, 3});
  const auto x = graph(conv(3), graph.input(), "taken/flatten_1"), y = graph(conv(2), x);
  EXPECT_TRUE(refuses([&] { graph.append(base, y); }, "Network", {"takes (8, 8, 3)", "(8, 8, 2)"}));
  EXPECT_TRUE(refuses([&] { graph.append(base, x, "taken/"); }, "Network", {"'taken/flatten_1' already"}));
  EXPECT_TRUE(refuses([&] { graph.append(base, x, "\n"); }, "Network", {"name"}));
  EXPECT_TRUE(refuses([&] { graph.append(Graph({8, 8, 3}), x, "none/"); }, "Network", {"no layers"}));
  EXPECT_EQ(graph.layers().size(), 2u);
}

// A residual block whose shortcut is its input, as it is or through a layer; tanh, so that nothing has a kink.
Graph residual(Activation behind, bool projected) {
  Graph graph({6, 5, 3});
  auto x = graph(conv(4, Activation::tanh), graph.input());
  auto y = graph(conv(4), x);
  y = graph(ActivationLayer{Activation::silu}, y);
  y = graph(conv(4), y);
  if (projected) x = graph(Conv2D{.filters = 4, .kernel_size = {1, 1}}, x);
  x = graph(Add{}, {y, x});
  x = graph(ActivationLayer{behind}, x);
  x = graph(Flatten{}, x);
  graph(Dense{.units = 3}, x);
  return graph;
}

TEST(GraphGradients, ResidualBlocks) {
  for (const Activation behind : {Activation::tanh, Activation::gelu, Activation::identity})
    for (const bool projected : {false, true}) check_gradients(residual(behind, projected), 3, 1);
}

TEST(GraphGradients, OneValueForManyAndTwice) {
  Graph graph({4, 4, 2});
  const auto x = graph.input();
  const auto twice = graph(Add{}, {x, x, x});
  const auto a = graph(conv(2, Activation::tanh), twice), b = graph(ActivationLayer{Activation::sigmoid}, twice);
  const auto c = graph(Add{.activation = Activation::tanh}, {twice, a, b, a});
  const auto flat = graph(Flatten{}, c), other = graph(Flatten{}, a);
  graph(Add{}, {flat, other, flat});
  check_gradients(graph, 2, 2);
}

// A graph of random layers over images of one shape, each taking random earlier values.
Graph random_graph(std::uint64_t seed) {
  Noise noise(seed);
  Graph graph({5, 4, 3});
  std::vector<Graph::Value> values = {graph.input()}, unused;
  const auto any = [&] { return values[static_cast<std::size_t>(noise.integer(0, std::ssize(values) - 1))]; };
  for (std::int64_t i = noise.integer(1, 12); i > 0; --i) {
    const auto x = noise.chance(0.5) ? values.back() : any();
    const std::int64_t kind = noise.integer(0, 4);
    const Activation activation = noise.chance(0.5) ? Activation::tanh : Activation::gelu;
    if (kind == 0) {
      values.push_back(graph(Add{.activation = activation}, {x, any()}));
    } else if (kind == 1) {
      values.push_back(graph(ActivationLayer{activation}, x));
    } else {
      values.push_back(graph(conv(3, noise.chance(0.5) ? activation : Activation::identity), x));
    }
  }
  graph(Flatten{}, graph(Add{}, ends(graph)));
  graph(Dense{.units = 2}, graph.value(std::ssize(graph.layers()) - 1));
  return graph;
}

TEST(GraphGradients, RandomGraphs) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed)
    check_gradients(random_graph(seed), 1 + static_cast<std::int64_t>(seed % 3), seed);
}

TEST(Graph, TheSameBitsInEveryModeAndOnAnyNumberOfThreads) {
  for (std::uint64_t seed = 100; seed < 120; ++seed) {
    const Network<float> network(random_graph(seed), seed);
    const Tensor<float> x = random_tensor<float>({9, 5, 4, 3}, seed), dout = random_tensor<float>({9, 2}, seed + 1);
    const auto run = [&](Execution<float>::Mode mode) {
      Execution<float> execution(network, 9, mode);
      const auto y = execution.forward(x);
      std::vector<float> result(y.begin(), y.end());
      if (mode != Execution<float>::Mode::training) return result;
      const auto dx = execution.backward(dout);
      result.insert(result.end(), dx.begin(), dx.end());
      for (const auto& gradient : execution.gradients()) result.insert(result.end(), gradient.begin(), gradient.end());
      return result;
    };
    const std::vector<float> trained = with_threads(1, [&] { return run(Execution<float>::Mode::training); });
    for (const int threads : {2, 4})
      EXPECT_EQ(with_threads(threads, [&] { return run(Execution<float>::Mode::training); }), trained);
    const std::vector<float> output(trained.begin(), trained.begin() + 18);
    EXPECT_EQ(run(Execution<float>::Mode::inference), output);
    EXPECT_EQ(run(Execution<float>::Mode::inspection), output);
  }
}

}  // namespace
}  // namespace hubel::test
