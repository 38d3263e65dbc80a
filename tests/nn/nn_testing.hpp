// What the tests of networks and training share: sources of samples in memory, and gradient checks of a whole network.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hubel/network.hpp"
#include "hubel/trainer.hpp"
#include "testing.hpp"

namespace hubel::test {

// Labelled samples in memory. `gathered` notes which were asked for, batch by batch.
class Samples : public SampleSource {
 public:
  Samples(Tensor<float> x, std::vector<std::int32_t> labels) : x_(std::move(x)), labels_(std::move(labels)) {}

  std::int64_t count() const override { return static_cast<std::int64_t>(labels_.size()); }
  Shape sample_shape() const override { return x_.shape().without_first(); }
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override {
    if (notes) gathered.emplace_back(indices, indices + n);
    const std::int64_t size = sample_shape().elements();
    for (std::int64_t i = 0; i < n; ++i) {
      std::copy_n(x_.data() + indices[i] * size, size, out + i * size);
      labels[i] = labels_[static_cast<std::size_t>(indices[i])];
    }
  }

  const Tensor<float>& x() const { return x_; }
  const std::vector<std::int32_t>& labels() const { return labels_; }

  bool notes = false;
  mutable std::vector<std::vector<std::int32_t>> gathered;

 private:
  Tensor<float> x_;
  std::vector<std::int32_t> labels_;
};

// A problem that a small network solves: images of noise whose bright quadrant is the label, 0 to 3.
inline Samples quadrants(std::int64_t count, std::uint64_t seed) {
  Tensor<float> x = random_tensor<float>(Shape{count, 8, 8, 1}, seed, 0, 0.5);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int32_t>(i % 4);
    labels.push_back(label);
    for (std::int64_t row = 0; row < 4; ++row)
      for (std::int64_t column = 0; column < 4; ++column)
        x[i * 64 + (row + 4 * (label / 2)) * 8 + column + 4 * (label % 2)] += 0.5f;
  }
  return {std::move(x), std::move(labels)};
}

// Layers for it, one at least of each kind.
inline std::vector<Layer> quadrant_layers() {
  return {Conv2D{.filters = 5, .padding = Padding::same(), .activation = Activation::relu},
          Pool2D{},
          Conv2D{.filters = 6},
          ActivationLayer{Activation::gelu},
          Flatten{},
          Dense{.units = 12, .activation = Activation::tanh},
          Dense{.units = 4, .activation = Activation::softmax}};
}

inline Network<float> quadrant_network(std::uint64_t seed) { return {Shape{8, 8, 1}, quadrant_layers(), seed}; }

// With which it learns them.
inline TrainOptions quadrant_options(std::int64_t epochs, double learning_rate = 3e-3) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = 16;
  o.optimizer = Adam{.learning_rate = learning_rate};
  return o;
}

// The graph's input, and what none of its layers takes.
inline std::vector<Graph::Value> ends(const Graph& graph) {
  std::vector<bool> used(graph.layers().size(), false);
  for (const GraphLayer& layer : graph.layers())
    for (const std::int64_t input : layer.inputs)
      if (input >= 0) used[static_cast<std::size_t>(input)] = true;
  std::vector<Graph::Value> ends = {graph.input()};
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) ends.push_back(graph.value(static_cast<std::int64_t>(i)));
  return ends;
}

template <class T>
::testing::AssertionResult same_weights(const Network<T>& a, const Network<T>& b) {
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    const auto same = same_bits(a.parameters()[i].value, b.parameters()[i].value);
    if (!same) return ::testing::AssertionFailure() << a.parameters()[i].name << ": " << same.message();
  }
  return ::testing::AssertionSuccess();
}

// dL/dx[i] by central differences.
inline double slope(const std::function<double()>& loss, double& x, double step) {
  const double kept = x;
  x = kept + step;
  const double above = x, high = loss();
  x = kept - step;
  const double below = x, low = loss();
  x = kept;
  return (high - low) / (above - below);
}

// Compares `gradient` of `values` with central differences of `loss` at up to `entries` places chosen by `noise`.
// The step's own error is about step^2 (1e-12) of truncation and 1e-16 / step (1e-10) of rounding, times the loss's
// scale; 1e-6 of the tensor's largest gradient is far above both and far below any mistake.
inline void expect_gradient(const std::string& name, double* values, TensorView<const double> gradient,
                            const std::function<double()>& loss, std::int64_t entries, Noise& noise) {
  constexpr double kStep = 1e-6, kTolerance = 1e-6, kRounding = 1e-9;
  double largest = 0;
  for (double g : gradient) largest = std::max(largest, std::abs(g));
  const bool all = gradient.size() <= entries;
  for (std::int64_t k = 0; k < std::min(entries, gradient.size()); ++k) {
    const std::int64_t i = all ? k : noise.integer(0, gradient.size() - 1);
    EXPECT_NEAR(slope(loss, values[i], kStep), gradient[i], kTolerance * largest + kRounding)
        << name << position(gradient.shape(), i);
  }
}

// Checks every gradient of a network on a random batch: of the cross-entropy, where the network is a classifier, and of
// a random linear function of its output, with respect to the parameters and, for the latter, the input.
inline void expect_network_gradients(Network<double>& network, std::int64_t m, std::int64_t entries,
                                     std::uint64_t seed) {
  SCOPED_TRACE(network.summary());
  Noise noise(seed);
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), network.input_shape().begin(), network.input_shape().end());
  Tensor<double> x = random_tensor<double>(Shape(extents), seed + 1);
  // Biases start at zero, where many units of a ReLU network have their kink.
  for (Parameter<double>& p : network.parameters())
    if (p.name.ends_with(".bias"))
      for (double& b : p.value) b = noise.real(-0.1, 0.1);
  Execution<double> execution(network, m, Execution<double>::Mode::training);

  const Shape output = execution.forward(x).shape();
  const Tensor<double> dout = random_tensor<double>(output, seed + 2);
  const auto linear = [&] {
    double sum = 0;
    const auto y = execution.forward(x);
    for (std::int64_t i = 0; i < y.size(); ++i) sum += dout[i] * y[i];
    return sum;
  };
  const auto check_parameters = [&](const std::string& what, const std::function<double()>& loss) {
    std::vector<Tensor<double>> gradients;  // copies, for the losses run the same execution
    for (const TensorView<double>& g : execution.gradients()) {
      gradients.push_back(Tensor<double>::uninitialized(g.shape()));
      std::copy(g.begin(), g.end(), gradients.back().begin());
    }
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      Parameter<double>& p = network.parameters()[i];
      if (p.role == ParameterRole::statistic) continue;  // has a step instead
      expect_gradient(what + p.name, p.value.data(), gradients[i], loss, entries, noise);
    }
  };

  const auto dx_view = execution.backward(dout);
  Tensor<double> dx = Tensor<double>::uninitialized(dx_view.shape());
  std::copy(dx_view.begin(), dx_view.end(), dx.begin());
  ASSERT_EQ(dx.shape(), x.shape());
  check_parameters("linear function, ", linear);
  expect_gradient("linear function, x", x.data(), dx, linear, entries, noise);

  const std::int64_t classes = network.output_shape().back();
  if (network.output_shape().elements() != classes) return;
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < m; ++i) labels.push_back(static_cast<std::int32_t>(noise.integer(0, classes - 1)));
  execution.loss_and_gradients(x, labels);
  check_parameters("cross-entropy, ", [&] { return execution.loss(x, labels).loss; });
}

}  // namespace hubel::test
