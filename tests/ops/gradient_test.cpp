// The gradients of every operation against central differences in float64.
#include <gtest/gtest.h>

#include "conv_cases.hpp"
#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/dense.hpp"
#include "hubel/loss.hpp"
#include "hubel/pool.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// Linear operations: differences with a large step are exact but for rounding.
constexpr double kLinearStep = 0.5;
constexpr double kLinear = 1e-12;

// Curved ones: the error of a central difference is step^2 / 6 times the third derivative, here up to about 100 times
// the gradient, plus eps / step of the loss.
constexpr double kCurvedStep = 1e-5;
constexpr double kCurved = 1e-8;

void check_conv(const ConvCase& c) {
  ConvData<double> data(c, 21);
  const Tensor<double> weights = random_tensor<double>(c.output(), 22);
  const auto loss = [&] {
    return weighted_sum(weights, conv_forward(data.A_prev, data.W, data.b, Activation::identity, c.options));
  };
  const ConvGradients<double> got = conv_backward(weights, data.A_prev, data.W, data.b, c.options);
  EXPECT_TRUE(close(got.dA_prev, numerical_gradient(data.A_prev, loss, kLinearStep), kLinear)) << "dA_prev: " << c;
  EXPECT_TRUE(close(got.dW, numerical_gradient(data.W, loss, kLinearStep), kLinear)) << "dW: " << c;
  EXPECT_TRUE(close(got.db, numerical_gradient(data.b, loss, kLinearStep), kLinear)) << "db: " << c;
}

TEST(GradientTest, Conv) {
  check_conv({{2, 6, 5, 3}, {3, 3, 3, 4}, {Padding::same(), {1, 1}, {1, 1}, 1}});
  check_conv({{2, 7, 8, 2}, {3, 2, 2, 3}, {Padding::valid(), {2, 3}, {1, 1}, 1}});
  check_conv({{1, 5, 6, 2}, {2, 3, 2, 3}, {Padding::sides(3, 1, 0, 4), {1, 2}, {1, 1}, 1}});
  check_conv({{1, 9, 8, 2}, {3, 3, 2, 2}, {Padding::same(), {1, 2}, {2, 3}, 1}});
  check_conv({{1, 7, 7, 2}, {2, 2, 2, 3}, {Padding::valid(), {3, 4}, {1, 1}, 1}});
  check_conv({{2, 5, 5, 5}, {3, 3, 1, 5}, {Padding::same(), {1, 1}, {1, 1}, 5}});
  check_conv({{2, 5, 5, 3}, {3, 3, 1, 6}, {Padding::same(), {2, 2}, {1, 1}, 3}});
  check_conv({{1, 5, 5, 6}, {3, 3, 3, 8}, {Padding::all(2), {1, 1}, {1, 1}, 2}});
  check_conv({{3, 4, 4, 9}, {1, 1, 9, 5}, {Padding::same(), {1, 1}, {1, 1}, 1}});
}

// Distinct values, far enough apart that no step changes which is the largest.
Tensor<double> shuffled_integers(Shape shape, std::uint64_t seed) {
  Tensor<double> x(shape);
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  Noise noise(seed);
  for (std::int64_t i = x.size() - 1; i > 0; --i) std::swap(x[i], x[noise.integer(0, i)]);
  return x;
}

TEST(GradientTest, Pool) {
  for (PoolMode mode : {PoolMode::max, PoolMode::avg})
    for (const PoolCase& c :
         {PoolCase{{2, 6, 4, 3}, {{2, 2}, {2, 2}, mode}}, PoolCase{{1, 7, 6, 5}, {{3, 2}, {1, 2}, mode}},
          PoolCase{{1, 8, 9, 2}, {{2, 3}, {3, 4}, mode}}, PoolCase{{2, 5, 5, 9}, {{5, 5}, {1, 1}, mode}}}) {
      Tensor<double> A_prev = shuffled_integers(c.A_prev, 23);
      const Tensor<double> weights = random_tensor<double>(c.output(), 24);
      const auto loss = [&] { return weighted_sum(weights, pool_forward(A_prev, c.options)); };
      const Tensor<double> got = pool_backward(weights, A_prev, c.options);
      EXPECT_TRUE(close(got, numerical_gradient(A_prev, loss, 0.25), kLinear * 100)) << c;  // values up to 450
    }
}

TEST(GradientTest, Dense) {
  Tensor<double> X = random_tensor<double>({3, 11}, 25), W = random_tensor<double>({11, 7}, 26),
                 b = random_tensor<double>({7}, 27);
  const Tensor<double> weights = random_tensor<double>({3, 7}, 28);
  const auto loss = [&] { return weighted_sum(weights, dense_forward(X, W, b)); };
  const DenseGradients<double> got = dense_backward(weights, X, W);
  EXPECT_TRUE(close(got.dX, numerical_gradient(X, loss, kLinearStep), kLinear));
  EXPECT_TRUE(close(got.dW, numerical_gradient(W, loss, kLinearStep), kLinear));
  EXPECT_TRUE(close(got.db, numerical_gradient(b, loss, kLinearStep), kLinear));
}

TEST(GradientTest, Activations) {
  for (std::string_view name : activation_names()) {
    const Activation activation = activation_from_name(name);
    Tensor<double> x = random_tensor<double>({6, 19}, 29, -8, 8);
    const Tensor<double> weights = random_tensor<double>({6, 19}, 30);
    Tensor<double> dx(x.shape());
    activation_backward(weights, x, activation_forward(x, activation), activation, dx);
    const auto loss = [&] { return weighted_sum(weights, activation_forward(x, activation)); };
    EXPECT_TRUE(close(dx, numerical_gradient(x, loss, kCurvedStep), kCurved)) << name;
  }
}

TEST(GradientTest, SoftmaxCrossEntropy) {
  Tensor<double> logits = random_tensor<double>({5, 10}, 31, -4, 4);
  const std::vector<std::int32_t> labels = {3, 0, 9, 9, 5};
  Tensor<double> dlogits(logits.shape());
  softmax_cross_entropy(logits, labels, dlogits);
  const auto loss = [&] { return static_cast<long double>(softmax_cross_entropy(logits, labels).loss); };
  EXPECT_TRUE(close(dlogits, numerical_gradient(logits, loss, kCurvedStep), kCurved));
}

}  // namespace
}  // namespace hubel::test
