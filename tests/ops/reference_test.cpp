// The oracle itself, against numbers worked out by hand and tables: who trusts the tests may begin here.
#include "reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

void expect_values(const reference::Array& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), static_cast<std::int64_t>(expected.size()));
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const double value = static_cast<double>(got[i]), wanted = expected[static_cast<std::size_t>(i)];
    EXPECT_TRUE(same_kind(value, wanted)) << i << ": " << value;
    EXPECT_TRUE(!std::isfinite(wanted) || std::abs(value - wanted) <= 1e-15 * std::abs(wanted)) << i << ": " << value;
  }
}

using View = TensorView<const double>;

// 6 pixels, kernel 2, stride 2, dilation 3: "same" gives ceil(6 / 2) = 3 windows of extent 4, total padding 2 * 2 + 4 -
// 6 = 2, one on each side. Taps at padded pixels (0, 3), (2, 5), (4, 7), that is at (-1, 2), (1, 4), (3, 6).
TEST(ReferenceTest, ConvWithStrideAndDilation) {
  const Tensor<double> A_prev({1, 1, 6, 1}, {1, 2, 3, 4, 5, 6}), W({1, 2, 1, 1}, {10, 1}), dZ({1, 1, 3, 1}, {1, 2, 3});
  ConvOptions options;
  options.stride = {1, 2};
  options.dilation = {1, 3};
  expect_values(reference::conv_forward<double>(A_prev, W, View(), options), {3, 25, 40});
  const reference::ConvGradients got = reference::conv_backward<double>(dZ, A_prev, W, options);
  expect_values(got.dA_prev, {0, 20, 1, 30, 2, 0});
  expect_values(got.dW, {2 * 2 + 3 * 4, 1 * 3 + 2 * 5});
  expect_values(got.db, {6});
}

// Two groups of two input and one output channel.
TEST(ReferenceTest, ConvWithGroups) {
  const Tensor<double> A_prev({1, 1, 1, 4}, {1, 2, 3, 4}), W({1, 1, 2, 2}, {1, 10, 100, 1000}),
      dZ({1, 1, 1, 2}, {5, 7});
  ConvOptions options;
  options.groups = 2;
  expect_values(reference::conv_forward<double>(A_prev, W, View(), options), {1 + 200, 30 + 4000});
  const reference::ConvGradients got = reference::conv_backward<double>(dZ, A_prev, W, options);
  expect_values(got.dA_prev, {5, 500, 70, 7000});
  expect_values(got.dW, {5, 21, 10, 28});
}

// An even kernel with stride 1: the single zero of "same" comes last. Explicit padding may be uneven.
TEST(ReferenceTest, ConvPadding) {
  const Tensor<double> A_prev({1, 1, 3, 1}, {1, 2, 3}), W({1, 2, 1, 1}, {10, 1}), b({1, 1, 1, 1}, {1000});
  ConvOptions options;
  expect_values(reference::conv_forward<double>(A_prev, W, b, options), {1012, 1023, 1030});
  options.padding = Padding::valid();
  expect_values(reference::conv_forward<double>(A_prev, W, b, options), {1012, 1023});
  options.padding = Padding::sides(0, 0, 3, 1);
  expect_values(reference::conv_forward<double>(A_prev, W, b, options), {1000, 1000, 1001, 1012, 1023, 1030});
}

TEST(ReferenceTest, ConvPaddingTimesInfinityIsNan) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor<double> A_prev({1, 1, 2, 1}, {1, 2}), W({1, 3, 1, 1}, {inf, 1, 1}), dZ({1, 1, 2, 1}, {1, inf});
  const reference::Array out = reference::conv_forward<double>(A_prev, W, View(), {});
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], inf);
  const reference::ConvGradients got = reference::conv_backward<double>(dZ, A_prev, W, {});
  expect_values(got.dW, {inf, inf, std::numeric_limits<double>::quiet_NaN()});
}

TEST(ReferenceTest, PoolTakesTheFirstMaximumAndNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const PoolOptions options{{1, 3}, {1, 3}, PoolMode::max};
  const Tensor<double> A_prev({1, 1, 12, 1}, {5, 7, 7, 9, nan, nan, -inf, -inf, -inf, -0.0, 0.0, -1});
  const Tensor<double> dA({1, 1, 4, 1}, {1, 2, 3, 4});
  const reference::Array out = reference::pool_forward<double>(A_prev, options);
  EXPECT_EQ(out[0], 7);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], -inf);
  EXPECT_EQ(out[3], 0);
  expect_values(reference::pool_backward<double>(dA, A_prev, options), {0, 1, 0, 0, 2, 0, 3, 0, 0, 4, 0, 0});
}

TEST(ReferenceTest, PoolAverages) {
  const PoolOptions options{{2, 2}, {1, 1}, PoolMode::avg};
  const Tensor<double> A_prev({1, 2, 3, 1}, {1, 2, 3, 4, 5, 6}), dA({1, 1, 2, 1}, {4, 40});
  expect_values(reference::pool_forward<double>(A_prev, options), {3, 4});
  expect_values(reference::pool_backward<double>(dA, A_prev, options), {1, 11, 10, 1, 11, 10});
}

TEST(ReferenceTest, Dense) {
  const Tensor<double> X({2, 2}, {1, 2, 3, 4}), W({2, 1}, {10, 1}), b({1}, {100}), dZ({2, 1}, {5, 7});
  expect_values(reference::dense_forward<double>(X, W, b), {112, 134});
  const reference::DenseGradients got = reference::dense_backward<double>(dZ, X, W);
  expect_values(got.dX, {50, 5, 70, 7});
  expect_values(got.dW, {26, 38});
  expect_values(got.db, {12});
}

// Table 26.1 of Abramowitz & Stegun for gelu; the rest from the definitions.
TEST(ReferenceTest, Activations) {
  const auto at = [](Activation which, double x) { return static_cast<double>(reference::activation(which, x)); };
  EXPECT_NEAR(at(Activation::gelu, 1), 0.841344746068543, 1e-15);
  EXPECT_NEAR(at(Activation::gelu, -2), -2 * 0.022750131948179, 1e-15);
  EXPECT_NEAR(at(Activation::silu, std::log(3.0)), 0.75 * std::log(3.0), 1e-15);
  EXPECT_NEAR(at(Activation::sigmoid, -std::log(3.0)), 0.25, 1e-15);
  EXPECT_NEAR(at(Activation::softplus, std::log(3.0)), std::log(4.0), 1e-15);
  EXPECT_NEAR(at(Activation::softplus, -std::log(3.0)), std::log(4.0 / 3), 1e-15);
  EXPECT_NEAR(at(Activation::tanh, std::log(3.0)), 0.8, 1e-15);
  EXPECT_NEAR(at(Activation::elu, -std::log(2.0)), -0.5, 1e-15);
  EXPECT_NEAR(at(Activation::selu, -std::log(2.0)), -0.5 * 1.0507009873554805 * 1.6732632423543772, 1e-15);
  EXPECT_EQ(at(Activation::softsign, 4), 0.8);
  EXPECT_NEAR(at(Activation::leaky_relu, -4), -0.04, 1e-17);
  EXPECT_EQ(at(Activation::hard_swish, -1.5), -0.375);
  EXPECT_NEAR(at(Activation::gelu_tanh, 1), 0.841191990607477, 1e-12);           // PyTorch 2.15's
  EXPECT_NEAR(at(Activation::mish, std::log(2.0)), 0.8 * std::log(2.0), 1e-15);  // tanh(log(3)) = 0.8
  EXPECT_EQ(at(Activation::hard_tanh, -1.5), -1);
  EXPECT_EQ(at(Activation::hard_tanh, 0.25), 0.25);
  EXPECT_EQ(at(Activation::hard_sigmoid, 5), 1);
  EXPECT_EQ(at(Activation::relu6, 8), 6);
}

// The derivatives against differences of the functions, in long double.
TEST(ReferenceTest, ActivationSlopes) {
  const long double step = 1e-6L;
  for (std::string_view name :
       {"identity", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softplus",
        "softsign", "sigmoid", "hard_sigmoid", "hard_swish", "hard_tanh", "tanh", "exponential"}) {
    const Activation which = activation_from_name(name);
    for (long double x = -7.77L; x < 8; x += 0.31L) {
      const long double difference =
          (reference::activation(which, x + step) - reference::activation(which, x - step)) / (2 * step);
      const long double slope = reference::activation_slope(which, x);
      EXPECT_LE(std::abs(slope - difference), 1e-9L * std::max(std::abs(slope), 1.0L)) << name << " at " << x;
    }
  }
}

TEST(ReferenceTest, SoftmaxAndItsGradient) {
  reference::Array x(3), dy(3);
  x[0] = std::log(1.0L), x[1] = std::log(2.0L), x[2] = std::log(5.0L);
  dy[0] = 8;
  expect_values(reference::activate(Activation::softmax, x, 3), {0.125, 0.25, 0.625});
  expect_values(reference::activate_backward(Activation::softmax, dy, x, 3), {0.875, -0.25, -0.625});
  expect_values(reference::activate_backward(Activation::log_softmax, dy, x, 3), {7, -2, -5});
}

TEST(ReferenceTest, CrossEntropy) {
  const Tensor<double> logits({2, 2}, {0, 0, std::log(3.0), 0});
  const std::vector<std::int32_t> labels = {1, 0};
  const reference::CrossEntropy got = reference::softmax_cross_entropy<double>(logits, labels);
  EXPECT_NEAR(static_cast<double>(got.loss), (std::log(2.0) - std::log(0.75)) / 2, 1e-15);
  EXPECT_EQ(got.correct, 1);
  expect_values(got.dlogits, {0.25, -0.25, -0.125, 0.125});
}

}  // namespace
}  // namespace hubel::test
