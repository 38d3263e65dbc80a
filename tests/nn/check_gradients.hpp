// A network's gradients against central differences.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "hubel/network.hpp"
#include "testing.hpp"

namespace hubel::test {

template <class T>
std::vector<TensorView<const T>> views_of(const std::vector<Tensor<T>>& tensors) {
  return {tensors.begin(), tensors.end()};
}

// A batch for each of the shapes, of uniform noise in [-1, 1).
template <class T>
std::vector<Tensor<T>> random_batches(std::span<const Shape> samples, std::int64_t m, std::uint64_t seed) {
  std::vector<Tensor<T>> batches;
  for (const Shape& sample : samples) {
    std::vector<std::int64_t> extents = {m};
    extents.insert(extents.end(), sample.begin(), sample.end());
    batches.push_back(random_tensor<T>(Shape(extents), seed++));
  }
  return batches;
}

// The slope of loss() at a number, by central differences.
inline double slope_at(double& at, const std::function<double()>& loss) {
  const double kept = at, step = 1e-5;
  at = kept + step;
  const double above = loss();
  at = kept - step;
  const double below = loss();
  at = kept;
  return (above - below) / (2 * step);
}

// dL/dx of each input and dL/dp for L = the sum of dout * output over all outputs, in training, against central
// differences, at some random elements.
inline void check_gradients(const Graph& graph, std::int64_t m, std::uint64_t seed) {
  Network<double> network(graph, seed);
  SCOPED_TRACE(network.summary());
  std::vector<Tensor<double>> x = random_batches<double>(network.input_shapes(), m, seed);
  const std::vector<Tensor<double>> dout = random_batches<double>(network.output_shapes(), m, seed + 1);
  using Mode = Execution<double>::Mode;
  Execution<double> training(network, m, Mode::training), other(network, m, Mode::training);
  const auto loss = [&] {
    const auto outputs = other.forward(views_of(x));
    double sum = 0;
    for (std::size_t k = 0; k < outputs.size(); ++k)
      for (std::int64_t i = 0; i < outputs[k].size(); ++i) sum += outputs[k][i] * dout[k][i];
    return sum;
  };
  training.forward(views_of(x));
  const auto dx = training.backward(views_of(dout));
  ASSERT_EQ(dx.size(), x.size());
  Noise noise(seed);
  for (std::size_t k = 0; k < x.size(); ++k) {
    ASSERT_EQ(dx[k].shape(), x[k].shape());
    for (int i = 0; i < 12; ++i) {
      const std::int64_t at = noise.integer(0, x[k].size() - 1);
      EXPECT_NEAR(dx[k][at], slope_at(x[k][at], loss), 1e-6) << "x " << k << " at " << at;
    }
  }
  for (std::size_t p = 0; p < network.parameters().size(); ++p) {
    if (network.parameters()[p].role == ParameterRole::statistic) continue;
    Tensor<double>& value = network.parameters()[p].value;
    for (int i = 0; i < 4; ++i) {
      const std::int64_t at = noise.integer(0, value.size() - 1);
      EXPECT_NEAR(training.gradients()[p][at], slope_at(value[at], loss), 1e-6)
          << network.parameters()[p].name << " at " << at;
    }
  }
}

}  // namespace hubel::test
