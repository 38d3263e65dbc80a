// Random networks of all kinds of layers, against their layers one by one: whatever an execution fuses, folds, absorbs,
// puts off, does sample by sample or lays into the same memory, forward and backward are those of a plain chain of
// single layers without activations, each followed by the activation's own operation.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "hubel/activation.hpp"
#include "hubel/network.hpp"
#include "nn/check_gradients.hpp"

namespace hubel::test {
namespace {

using Exec = Execution<double>;
using Values = std::vector<Tensor<double>>;

template <class L>
constexpr bool kActivates = requires(L layer) {
  layer.activation;
};

// ---- Networks --------------------------------------------------------------------------------------------------

Activation random_activation(Noise& noise) {
  if (noise.chance(0.4)) return Activation::identity;
  if (noise.chance(0.2)) return Activation::softmax;
  return static_cast<Activation>(noise.integer(0, static_cast<std::int64_t>(Activation::log_softmax)));
}

Padding random_padding(Noise& noise) { return noise.chance(0.5) ? Padding::same() : Padding::valid(); }

// What layers of one input may be, for a sample of shape x; their options may not fit that.
std::vector<Layer> layers_for_any(Noise& noise, const Shape& x, Activation activation) {
  return {BatchNorm{.activation = activation},
          ActivationLayer{activation},
          LayerNorm{},
          RMSNorm{},
          UnitNorm{},
          LayerScale{.initial = 0.7},
          PReLU{.shared = noise.chance(0.3)},
          Rescaling{.scale = 0.5, .offset = 0.1},
          LocalResponseNorm{.size = 3},
          ChannelSlice{.begin = 0, .end = noise.integer(1, x.back())},
          Dropout{.rate = 0},
          GaussianNoise{.stddev = 0},
          Flatten{},
          Dense{.units = noise.integer(1, 9), .activation = activation, .use_bias = noise.chance(0.7)}};
}

std::vector<Layer> layers_for_rows(Noise& noise, const Shape& x, Activation activation) {
  const auto mode = noise.chance(0.5) ? PoolMode::max : PoolMode::avg;
  return {Pool1D{.mode = mode, .padding = random_padding(noise)},
          GlobalPool1D{.mode = mode, .keepdims = noise.chance(0.3)}, Reshape{{1, x[0], x[1]}}, Permute{{2, 1}},
          Conv1D{.filters = noise.integer(1, 6), .padding = random_padding(noise), .activation = activation}};
}

std::vector<Layer> layers_for_images(Noise& noise, const Shape& x, Activation activation) {
  const auto some = [&](std::int64_t most) { return noise.integer(1, most); };
  const auto mode = noise.chance(0.5) ? PoolMode::max : PoolMode::avg;
  const auto interpolation = static_cast<Interpolation>(noise.integer(0, 2));
  return {Conv2D{.filters = some(9),
                 .kernel_size = {some(3), 3},
                 .strides = {some(2), 1},
                 .padding = random_padding(noise),
                 .groups = x[2] % 2 == 0 ? some(2) : 1,
                 .activation = activation},
          Conv2D{.filters = some(9), .kernel_size = {1, 1}, .activation = activation, .use_bias = noise.chance(0.5)},
          DepthwiseConv2D{.padding = random_padding(noise), .depth_multiplier = some(2), .activation = activation},
          Conv2DTranspose{.filters = some(4), .kernel_size = {2, 2}, .strides = {some(2), 2}, .activation = activation},
          Pool2D{.mode = mode, .strides = {some(2), 2}, .padding = random_padding(noise)},
          GlobalPool2D{.mode = mode, .keepdims = noise.chance(0.5)},
          AdaptivePool2D{.mode = mode, .output_size = {some(3), some(3)}},
          UpSampling2D{.interpolation = interpolation},
          GroupNorm{.groups = some(3)},
          ZeroPadding2D{{some(2), 0, 1, 0}},
          Padding2D{{1, some(2), 0, 1}, static_cast<PadMode>(noise.integer(0, 3))},
          Cropping2D{{0, 1, some(2), 0}},
          DepthToSpace{},
          SpaceToDepth{},
          Permute{{2, 3, 1}},
          Reshape{{x[0] * x[1], x[2]}}};
}

Layer random_layer(Noise& noise, const Shape& x) {
  const Activation activation = random_activation(noise);
  const std::vector<Layer> layers = x.rank() == 1 || noise.chance(0.3) ? layers_for_any(noise, x, activation)
                                    : x.rank() == 2                    ? layers_for_rows(noise, x, activation)
                                                                       : layers_for_images(noise, x, activation);
  const std::int64_t last = std::ssize(layers) - 1;
  return layers[static_cast<std::size_t>(noise.chance(0.3) ? noise.integer(0, std::min<std::int64_t>(last, 1))
                                                           : noise.integer(0, last))];
}

Layer random_join(Noise& noise) {
  switch (noise.integer(0, 6)) {
    case 0:
      return Multiply{};
    case 1:
      return Concatenate{};
    case 2:
      return Merge{.mode = static_cast<MergeMode>(noise.integer(0, 3))};
    default:
      return Add{.activation = random_activation(noise)};
  }
}

Shape random_sample(Noise& noise) {
  if (noise.chance(0.2)) return {noise.integer(1, 9)};
  if (noise.chance(0.2)) return {noise.integer(3, 9), noise.integer(1, 5)};
  return {noise.integer(3, 8), noise.integer(3, 8), noise.integer(1, 5)};
}

// Adds a layer behind random values, mostly late ones; nothing when it does not fit.
void grow(Graph& graph, std::vector<Graph::Value>& values, Noise& noise) {
  const auto any = [&] {
    const auto last = static_cast<std::int64_t>(values.size()) - 1;
    return values[static_cast<std::size_t>(noise.chance(0.6) ? last : noise.integer(0, last))];
  };
  const Graph::Value x = any(), other = any();
  try {
    if (other.layer() >= 0 && noise.chance(0.15)) {
      values.push_back(graph.again(other, x));
    } else if (noise.chance(0.2)) {
      values.push_back(graph(random_join(noise), {x, other}));
    } else {
      values.push_back(graph(random_layer(noise, graph.shape(x)), x));
    }
  } catch (const std::invalid_argument&) {
  }
}

Graph random_graph(Noise& noise) {
  Graph graph;
  std::vector<Graph::Value> values;
  for (std::int64_t i = noise.integer(1, 2); i > 0; --i)
    values.push_back(graph(ActivationLayer{Activation::tanh}, graph.add_input(random_sample(noise))));
  for (std::int64_t i = noise.integer(2, 14); i > 0; --i) grow(graph, values, noise);
  std::vector<bool> used(values.size(), false);
  for (const GraphLayer& layer : graph.layers())
    for (const std::int64_t input : layer.inputs)
      if (input >= 0) used[static_cast<std::size_t>(input)] = true;
  std::vector<Graph::Value> outputs;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!used[i] || noise.chance(0.1)) outputs.push_back(values[i]);
  graph.set_outputs(outputs);
  return graph;
}

// Weights, offsets and running statistics off what they start from.
Network<double> random_network(Noise& noise) {
  Network<double> network(random_graph(noise), noise.bits());
  for (Parameter<double>& p : network.parameters()) {
    const bool is_variance = p.name.ends_with("running_variance");
    for (double& value : p.value) value += is_variance ? noise.real(0, 0.5) : noise.real(-0.2, 0.2);
  }
  return network;
}

// ---- One by one ------------------------------------------------------------------------------------------------

// A layer of the network by itself, without its activation.
class Alone {
 public:
  Alone(const Network<double>& network, std::size_t i, std::int64_t m, Exec::Mode mode)
      : network_(without_activation(network, i, activation_)), run_(network_, m, mode) {
    const GraphLayer& placed = network.layers()[i];
    const GraphLayer& owner =
        placed.weights_of < 0 ? placed : network.layers()[static_cast<std::size_t>(placed.weights_of)];
    for (Parameter<double>& p : network_.parameters()) {
      names_.push_back(owner.name + p.name.substr(p.name.rfind('.')));
      const Tensor<double>& value = network.parameter(names_.back()).value;
      std::copy(value.begin(), value.end(), p.value.begin());
    }
  }

  const Tensor<double>& forward(const std::vector<TensorView<const double>>& xs) {
    const TensorView<const double> z = run_.forward(xs)[0];
    z_ = Tensor<double>(z.shape());
    std::copy(z.begin(), z.end(), z_.begin());
    y_ = activation_forward(z_.view(), activation_);
    return y_;
  }
  // From dL/dy.
  std::span<const TensorView<const double>> backward(const Tensor<double>& dy) {
    dz_ = Tensor<double>(dy.shape());
    activation_backward(dy, z_, y_, activation_, dz_.view());
    const TensorView<const double> dz = dz_;
    return run_.backward(std::span(&dz, 1));
  }
  std::span<const TensorView<double>> gradients() { return run_.gradients(); }
  const std::vector<std::string>& names() const { return names_; }  // of what the gradients are of

 private:
  static Graph without_activation(const Network<double>& network, std::size_t i, Activation& activation) {
    const GraphLayer& placed = network.layers()[i];
    Layer layer = placed.layer;
    activation = Activation::identity;
    std::visit(
        [&](auto& l) {
          if constexpr (kActivates<std::decay_t<decltype(l)>>) std::swap(activation, l.activation);
        },
        layer);
    Graph graph;
    std::vector<Graph::Value> xs;
    for (const std::int64_t input : placed.inputs)
      xs.push_back(graph.add_input(network.graph().shape(network.graph().value(input))));
    graph(layer, xs);
    return graph;
  }

  Activation activation_;
  Network<double> network_;
  Exec run_;
  Tensor<double> z_, y_, dz_;
  std::vector<std::string> names_;
};

class Chain {
 public:
  Chain(const Network<double>& network, std::int64_t m, Exec::Mode mode) : network_(network) {
    for (std::size_t i = 0; i < network.layers().size(); ++i)
      layers_.push_back(std::make_unique<Alone>(network, i, m, mode));
  }

  void forward(const Values& x) {
    values_ = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      std::vector<TensorView<const double>> xs;
      for (const std::int64_t input : network_.layers()[i].inputs) xs.push_back(values_[position(input)]);
      values_.push_back(layers_[i]->forward(xs));
    }
  }
  const Tensor<double>& output(std::size_t i) const { return values_[position(network_.graph().outputs()[i].layer())]; }
  // From dL/d(output) of each output.
  void backward(const Values& douts) {
    gradients.clear();
    for (const Tensor<double>& value : values_) gradients.emplace_back(value.shape());
    parameter_gradients.clear();
    for (const Parameter<double>& p : network_.parameters()) parameter_gradients.emplace_back(p.value.shape());
    std::vector<double> left_of_step(parameter_gradients.size(), 1);
    for (std::size_t i = 0; i < douts.size(); ++i)
      add(douts[i], gradients[position(network_.graph().outputs()[i].layer())]);
    for (std::size_t i = layers_.size(); i-- > 0;) {
      const auto dxs = layers_[i]->backward(gradients[position(static_cast<std::int64_t>(i))]);
      const std::vector<std::int64_t>& inputs = network_.layers()[i].inputs;
      for (std::size_t k = 0; k < dxs.size(); ++k) add(dxs[k], gradients[position(inputs[k])]);
      for (std::size_t p = 0; p < layers_[i]->names().size(); ++p) {
        const Parameter<double>& parameter = network_.parameter(layers_[i]->names()[p]);
        const auto number = static_cast<std::size_t>(&parameter - network_.parameters().data());
        const bool is_step = parameter.role == ParameterRole::statistic;  // one layer's after the other's
        add(layers_[i]->gradients()[p], parameter_gradients[number], is_step ? left_of_step[number] : 1);
        left_of_step[number] *= BatchNorm{}.momentum;
      }
    }
  }
  bool is_tame() const {
    return std::ranges::all_of(values_, [](const Tensor<double>& value) {
      return std::ranges::all_of(value, [](double v) { return std::abs(v) < 1e3; });
    });
  }

  Values gradients, parameter_gradients;  // of each value, the inputs first, and of each parameter

 private:
  std::size_t position(std::int64_t layer) const { return network_.graph().position(layer); }
  static void add(TensorView<const double> d, Tensor<double>& sum, double factor = 1) {
    for (std::int64_t i = 0; i < d.size(); ++i) sum[i] += factor * d[i];
  }

  const Network<double>& network_;
  std::vector<std::unique_ptr<Alone>> layers_;
  Values values_;
};

// ---- Comparison ------------------------------------------------------------------------------------------------

// Both are sums of the same numbers in other orders, up to those that a norm of nearly equal numbers makes larger.
void expect_close(TensorView<const double> got, const Tensor<double>& wanted, const std::string& what) {
  ASSERT_EQ(got.shape(), wanted.shape()) << what;
  double largest = 1;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (std::int64_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-9 * largest) << what << " at " << i;
}

void expect_same_gradients(Exec& run, const Chain& chain, const Network<double>& network) {
  for (std::size_t p = 0; p < network.parameters().size(); ++p)
    expect_close(run.gradients()[p], chain.parameter_gradients[p], network.parameters()[p].name);
}

// The cross-entropy of labels for an output, and its gradient with respect to that.
double cross_entropy(const Tensor<double>& y, bool of_probabilities, std::span<const std::int32_t> labels,
                     Tensor<double>& dy) {
  const std::int64_t classes = y.shape().back(), rows = y.size() / std::max<std::int64_t>(classes, 1);
  const double share = 1 / static_cast<double>(rows);
  const Tensor<double> p = of_probabilities ? y : activation_forward(y.view(), Activation::softmax);
  double loss = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = row * classes + labels[static_cast<std::size_t>(row)];
    loss -= share * std::log(p[at]);
    if (of_probabilities) dy[at] = -share / p[at];
    for (std::int64_t c = 0; !of_probabilities && c < classes; ++c) {
      const std::int64_t i = row * classes + c;
      dy[i] = share * (p[i] - (i == at ? 1 : 0));
    }
  }
  return loss;
}

class RandomGraph : public ::testing::TestWithParam<int> {
 protected:
  Noise noise_{static_cast<std::uint64_t>(GetParam()) * 7919 + 1};
};

constexpr int kGraphs = 40;  // in each of the tests' instances

TEST_P(RandomGraph, IsItsLayersOneByOne) {
  int compared = 0;
  for (int graph = 0; graph < kGraphs; ++graph) {
    const Network<double> network = random_network(noise_);
    SCOPED_TRACE(network.summary());
    const std::int64_t m = noise_.integer(1, 19);
    const Values x = random_batches<double>(network.input_shapes(), m, noise_.bits());
    for (const auto mode : {Exec::Mode::training, Exec::Mode::inference, Exec::Mode::frozen, Exec::Mode::inspection}) {
      const bool training = mode == Exec::Mode::training;
      Chain chain(network, m, training ? Exec::Mode::training : Exec::Mode::inference);
      chain.forward(x);
      if (!chain.is_tame()) continue;
      ++compared;
      Exec run(network, m, mode);
      const auto outputs = run.forward(views_of(x));
      for (std::size_t i = 0; i < outputs.size(); ++i)
        expect_close(outputs[i], chain.output(i),
                     "output " + std::to_string(i) + ", mode " + std::to_string(int(mode)));
      if (!training || HasFatalFailure()) continue;
      const Values douts = random_batches<double>(network.output_shapes(), m, noise_.bits());
      chain.backward(douts);
      const auto dxs = run.backward(views_of(douts));
      for (std::size_t i = 0; i < dxs.size(); ++i) expect_close(dxs[i], chain.gradients[i], "dx " + std::to_string(i));
      expect_same_gradients(run, chain, network);
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(compared, 2 * kGraphs);  // exponentials of exponentials are left out
}

TEST_P(RandomGraph, LossesAreThoseOfItsOutputs) {
  for (int graph = 0; graph < kGraphs; ++graph) {
    const Network<double> network = random_network(noise_);
    SCOPED_TRACE(network.summary());
    const std::int64_t m = noise_.integer(1, 19);
    const Values x = random_batches<double>(network.input_shapes(), m, noise_.bits());
    Chain chain(network, m, Exec::Mode::training);
    chain.forward(x);
    if (!chain.is_tame()) continue;
    const std::size_t n = network.output_shapes().size();
    std::vector<std::vector<std::int32_t>> labels(n);
    const Values targets = random_batches<double>(network.output_shapes(), m, noise_.bits());
    const Loss entropy = CrossEntropy{}, squares = MeanSquaredError{};
    std::vector<OutputAim<double>> aims(n);
    Values douts;
    std::vector<double> wanted;
    for (std::size_t i = 0; i < n; ++i) {
      const Tensor<double>& y = chain.output(i);
      Tensor<double>& dy = douts.emplace_back(y.shape());
      aims[i].weight = noise_.chance(0.2) ? 0 : noise_.real(0.2, 2);
      if (noise_.chance(0.7)) {
        for (std::int64_t row = y.size() / y.shape().back(); row > 0; --row)
          labels[i].push_back(static_cast<std::int32_t>(noise_.integer(0, y.shape().back() - 1)));
        aims[i].loss = &entropy, aims[i].labels = labels[i];
        wanted.push_back(cross_entropy(y, network.ends_in_softmax(i), labels[i], dy));
      } else {
        aims[i].loss = &squares, aims[i].targets = targets[i];
        wanted.push_back(compute_loss(squares, y, targets[i], dy).loss);
      }
      for (double& d : dy) d *= aims[i].weight;
    }
    if (std::ranges::any_of(wanted, [](double loss) { return !(loss < 50); })) continue;  // a softmax come to 0
    chain.backward(douts);
    Exec run(network, m, Exec::Mode::training);
    const std::span<const LossResult> results = run.losses_and_gradients(views_of(x), aims);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(results[i].loss, wanted[i], 1e-9 * std::max(1.0, wanted[i])) << i;
    expect_same_gradients(run, chain, network);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraph, ::testing::Range(0, 8));

}  // namespace
}  // namespace hubel::test
