// A network's gradients against central differences.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "hubel/network.hpp"
#include "testing.hpp"

namespace hubel::test {

// dL/dx and dL/dp for L = sum(dout * output), in training, against central differences, at some random elements.
inline void check_gradients(const Graph& graph, std::int64_t m, std::uint64_t seed) {
  Network<double> network(graph, seed);
  SCOPED_TRACE(network.summary());
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), graph.input_shape().begin(), graph.input_shape().end());
  Tensor<double> x = random_tensor<double>(Shape(extents), seed);
  using Mode = Execution<double>::Mode;
  Execution<double> training(network, m, Mode::training), other(network, m, Mode::training);
  const Tensor<double> dout = random_tensor<double>(training.forward(x).shape(), seed + 1);
  const auto loss = [&] {
    const auto y = other.forward(x);
    double sum = 0;
    for (std::int64_t i = 0; i < y.size(); ++i) sum += y[i] * dout[i];
    return sum;
  };
  const auto slope = [&](double& at) {
    const double kept = at, step = 1e-5;
    at = kept + step;
    const double above = loss();
    at = kept - step;
    const double below = loss();
    at = kept;
    return (above - below) / (2 * step);
  };
  training.forward(x);
  const auto dx = training.backward(dout);
  Noise noise(seed);
  for (int i = 0; i < 12; ++i) {
    const std::int64_t at = noise.integer(0, x.size() - 1);
    EXPECT_NEAR(dx[at], slope(x[at]), 1e-6) << "x at " << at;
  }
  for (std::size_t p = 0; p < network.parameters().size(); ++p) {
    if (network.parameters()[p].role == ParameterRole::statistic) continue;
    Tensor<double>& value = network.parameters()[p].value;
    for (int i = 0; i < 4; ++i) {
      const std::int64_t at = noise.integer(0, value.size() - 1);
      EXPECT_NEAR(training.gradients()[p][at], slope(value[at]), 1e-6) << network.parameters()[p].name << " at " << at;
    }
  }
}

}  // namespace hubel::test
