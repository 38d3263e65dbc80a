// Networks whose weights do not change: what is folded and added in place keeps their results, up to rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "hubel/network.hpp"
#include "nn/execution_plan.hpp"
#include "nn/nn_testing.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

constexpr std::int64_t kChannels = 18;  // enough for convolutions that can add, and no whole number of vectors

Conv2D conv(std::int64_t filters, Activation activation = Activation::identity) {
  return {.filters = filters, .padding = Padding::same(), .activation = activation};
}

// Batch normalisations with statistics that matter, folded or not, fused with what is behind them or not.
TEST(Frozen, IsInferenceUpToRounding) {
  Graph graph({9, 10, 6});
  const BatchNorm norm{.activation = Activation::relu}, plain{}, bare{.center = false, .scale = false};
  auto x = graph(norm, graph(Conv2D{.filters = 16, .padding = Padding::same(), .use_bias = false}, graph.input()));
  auto y = graph(plain, graph(DepthwiseConv2D{.padding = Padding::same()}, x));
  y = graph(ActivationLayer{Activation::hard_swish}, y);
  y = graph(Dropout{0.3}, graph(bare, graph(Conv2D{.filters = 16, .kernel_size = {1, 1}}, y)));
  x = graph(Add{}, {x, y});
  x = graph(ActivationLayer{Activation::relu}, x);
  y = graph(Conv2D{.filters = 8, .kernel_size = {1, 1}, .activation = Activation::tanh}, x);
  y = graph(norm, y);  // behind an activation: not to be folded
  const auto z = graph(Conv2D{.filters = 8, .kernel_size = {1, 1}}, x);
  y = graph(Concatenate{}, {y, graph(plain, z), z});  // z is taken twice: not to be folded
  graph(Dense{.units = 5, .activation = Activation::softmax}, graph(GlobalPool2D{}, y));
  Network<float> network(graph, 1);
  for (Parameter<float>& p : network.parameters()) {
    if (p.name.find("batch_norm") == std::string::npos) continue;
    p.value = random_tensor<float>(p.value.shape(), 3, p.name.ends_with("variance") ? 0.5 : -1, 1.5);
  }
  const Tensor<float> t = random_tensor<float>({5, 9, 10, 6}, 2);
  using FloatMode = Execution<float>::Mode;
  Execution<float> inference(network, 5, FloatMode::inference), inspection(network, 5, FloatMode::inspection);
  const auto wanted = inference.forward(t);
  EXPECT_TRUE(same_bits(inspection.forward(t), wanted));
  Execution<float> frozen(network, 5, FloatMode::frozen);
  EXPECT_TRUE(close(frozen.forward(t), reference::Array::of(wanted), 1e-5));
  // Of one image the result is the same in any batch.
  const std::vector<float> before(frozen.forward(t).begin(), frozen.forward(t).end());
  Execution<float> single(network, 1, FloatMode::frozen);
  const auto first = single.forward({t.data(), Shape{1, 9, 10, 6}});
  EXPECT_TRUE(std::equal(first.begin(), first.end(), before.begin()));
}

// A dense layer of images is a convolution: packed once, and what follows folded into it.
TEST(Frozen, DenseOfImages) {
  Graph graph({9, 10, 16});
  const auto x = graph(Dense{.units = 24}, graph.input());
  const auto y = graph(Dense{.units = 24, .use_bias = false}, graph(BatchNorm{.activation = Activation::relu}, x));
  graph(Add{.activation = Activation::relu}, {x, graph(BatchNorm{}, y)});
  Network<float> network(graph, 1);
  for (Parameter<float>& p : network.parameters())
    p.value = random_tensor<float>(p.value.shape(), 3, p.name.ends_with("variance") ? 0.5 : -1, 1.5);
  const Tensor<float> t = random_tensor<float>({3, 9, 10, 16}, 2);
  Execution<float> inference(network, 3, Execution<float>::Mode::inference);
  Execution<float> frozen(network, 3, Execution<float>::Mode::frozen);
  EXPECT_TRUE(close(frozen.forward(t), reference::Array::of(inference.forward(t)), 1e-5));
  const detail::ExecutionPlan<float> plan(network, 3, Execution<float>::Mode::frozen);
  EXPECT_TRUE(plan.nodes[0].frozen && plan.nodes[2].frozen && plan.nodes[2].adds_to);
}

// Additions that a frozen convolution does where the other summand lies: only where nobody reads that any more.
class FrozenAdditions : public ::testing::Test {
 protected:
  Graph graph{{7, 6, kChannels}};
  const BatchNorm norm{.activation = Activation::relu};
  const Conv2D five{.filters = kChannels, .padding = Padding::same(), .activation = Activation::relu};

  // A branch whose last layer has no activation.
  Graph::Value branch(Graph::Value x) { return graph(BatchNorm{}, graph(conv(kChannels), graph(five, x))); }
  // How many additions the network does in place; its outputs are checked.
  int in_place() {
    graph(Flatten{}, graph.value(std::ssize(graph.layers()) - 1));
    const Network<float> network(graph, 3);
    const Tensor<float> x = random_tensor<float>({3, 7, 6, kChannels}, 5);
    Execution<float> inference(network, 3, Execution<float>::Mode::inference);
    Execution<float> frozen(network, 3, Execution<float>::Mode::frozen);
    const auto expected = reference::Array::of(inference.forward(x));
    for (const int threads : {1, 2}) {
      with_threads(threads, [&] { EXPECT_TRUE(close(frozen.forward(x), expected, 1e-5)); });
    }
    const detail::ExecutionPlan<float> plan(network, 3, Execution<float>::Mode::frozen);
    return static_cast<int>(
        std::ranges::count_if(plan.nodes, [](const auto& node) { return node.adds_to.has_value(); }));
  }
};

TEST_F(FrozenAdditions, OfResidualBlocks) {
  auto x = graph(five, graph.input());
  x = graph(Add{.activation = Activation::relu}, {branch(x), x});
  x = graph(ActivationLayer{Activation::relu}, graph(Add{}, {x, branch(x)}));
  x = graph(Add{.activation = Activation::silu},
            {graph(Conv2D{.filters = kChannels, .kernel_size = {1, 1}}, x), branch(x)});
  EXPECT_EQ(in_place(), 3);
}

TEST_F(FrozenAdditions, NotToTheNetworksInput) {
  graph(Add{}, {graph.input(), branch(graph.input())});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotToTheNetworksInputByAnotherName) {
  const auto same = graph(Dropout{0.5}, graph.input());
  graph(Add{}, {same, branch(graph.input())});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotToItsOwnInput) {
  const auto x = graph(five, graph.input());
  graph(Add{}, {graph(conv(kChannels), x), x});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotToItsOwnInputByAnotherName) {
  const auto x = graph(five, graph.input());
  const auto same = graph(Dropout{0.5}, x);
  graph(Add{}, {x, graph(conv(kChannels), same)});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotToWhatIsReadLater) {
  const auto x = graph(five, graph.input());
  const auto sum = graph(Add{}, {x, branch(x)});
  graph(Concatenate{}, {sum, x});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotToWhatIsReadLaterByAnotherName) {
  const auto x = graph(five, graph.input());
  const auto same = graph(Dropout{0.5}, x);
  const auto sum = graph(Add{}, {same, branch(x)});
  graph(Concatenate{}, {sum, x});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotOfThreeNorOfOneTwice) {
  const auto x = graph(five, graph.input()), y = branch(x);
  const auto three = graph(Add{}, {x, y, branch(x)});
  const auto z = graph(conv(kChannels), three);
  graph(Add{}, {z, z});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotOfConvolutionsThatCannotAdd) {
  const auto x = graph(five, graph.input());
  graph(Add{}, {x, graph(DepthwiseConv2D{.padding = Padding::same()}, graph(five, x))});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, NotOfWhatOthersTake) {
  const auto x = graph(five, graph.input()), y = branch(x);
  const auto sum = graph(Add{}, {x, y});
  graph(Concatenate{}, {sum, y});
  EXPECT_EQ(in_place(), 0);
}

TEST_F(FrozenAdditions, OfRandomGraphs) {
  int added = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Noise noise(seed);
    graph = Graph({7, 6, kChannels});
    std::vector<Graph::Value> values = {graph.input()};
    const auto any = [&] { return values[static_cast<std::size_t>(noise.integer(0, std::ssize(values) - 1))]; };
    const auto recent = [&] {
      return values[static_cast<std::size_t>(
          noise.integer(std::max<std::int64_t>(std::ssize(values) - 4, 0), std::ssize(values) - 1))];
    };
    const auto drawn = [&] { return noise.chance(0.5) ? Activation::identity : Activation::relu; };
    for (std::int64_t i = noise.integer(4, 24); i > 0; --i) {
      const auto x = noise.chance(0.7) ? values.back() : any();
      switch (noise.integer(0, 6)) {
        case 0:
        case 1:
          values.push_back(graph(Add{.activation = drawn()}, {recent(), values.back()}));
          break;
        case 2:
          values.push_back(graph(Dropout{0.5}, x));
          break;
        case 3:
          values.push_back(graph(Reshape{{7, 6, kChannels}}, x));
          break;
        case 4:
          values.push_back(graph(BatchNorm{.activation = drawn()}, graph(conv(kChannels), x)));
          break;
        default:
          values.push_back(graph(conv(kChannels, drawn()), x));
      }
    }
    graph(Concatenate{}, ends(graph));
    SCOPED_TRACE(seed);
    added += in_place();
  }
  EXPECT_GT(added, 50);
}

}  // namespace
}  // namespace hubel::test
