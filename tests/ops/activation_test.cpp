// The values of the activations and their derivatives: accuracy over the whole range, extremes, names, shapes,
// softmax, the same bits for any number of threads.
#include "hubel/activation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

// About eight units in the last place of a float; a few hundred of a double.
template <class T>
constexpr double kRelative = std::is_same_v<T, float> ? 1e-6 : 1e-13;

std::vector<Activation> elementwise() {
  std::vector<Activation> found;
  for (std::string_view name : activation_names())
    if (reference::is_elementwise(activation_from_name(name))) found.push_back(activation_from_name(name));
  return found;
}

// Every magnitude from the smallest normal number to 1e4, both signs, and the usual range densely.
template <class T>
Tensor<T> arguments() {
  std::vector<double> values;
  for (int i = -2000; i <= 2000; ++i) values.push_back(i * 0.01 + 0.0033);
  for (double x = static_cast<double>(std::numeric_limits<T>::min()); x < 1e4; x *= 1.7) {
    values.push_back(x);
    values.push_back(-x);
  }
  for (double x : {1e4, 89.0, 88.0, 104.0, 87.5, 710.0, 746.0, 700.0}) {
    values.push_back(x);
    values.push_back(-x);
  }
  Tensor<T> x({static_cast<std::int64_t>(values.size())});
  for (std::int64_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(values[static_cast<std::size_t>(i)]);
  return x;
}

// What an error at x is measured against: the result; or, where terms cancel, the size of the terms. gelu's exp(-x^2/2)
// moves by x^2 / 2 times the rounding of its argument, its approximation's by the argument of its exponential.
long double magnitude(Activation activation, long double x, long double y) {
  if (activation == Activation::hard_sigmoid) return 0.5L;
  if (activation == Activation::hard_swish) return std::abs(x);
  if (activation == Activation::gelu) return std::abs(y) * (1 + x * x);
  if (activation == Activation::gelu_tanh) return std::abs(y) * (1 + std::abs(reference::gelu_gate(x)));
  return std::abs(y);
}

template <class T>
class ActivationTest : public ::testing::Test {};
TYPED_TEST_SUITE(ActivationTest, FloatTypes);

TYPED_TEST(ActivationTest, AccurateOverTheWholeRange) {
  using T = TypeParam;
  const Tensor<T> x = arguments<T>();
  for (Activation activation : elementwise()) {
    const Tensor<T> y = activation_forward(x, activation);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const long double expected = reference::activation(activation, x[i]);
      if (std::isinf(static_cast<T>(expected))) {
        EXPECT_EQ(y[i], static_cast<T>(expected)) << activation_name(activation) << "(" << x[i] << ")";
        continue;
      }
      // A factor of x, or a result, below the normal numbers may be flushed to zero.
      const long double flushed = std::numeric_limits<T>::min() * std::max(std::abs(x[i]), T(1));
      const long double allowed = kRelative<T> * magnitude(activation, x[i], expected) + flushed;
      EXPECT_LE(std::abs(y[i] - expected), allowed)
          << activation_name(activation) << "(" << x[i] << ") is " << y[i] << ", the reference has " << expected;
    }
  }
}

TYPED_TEST(ActivationTest, DerivativeAccurateOverTheWholeRange) {
  using T = TypeParam;
  const Tensor<T> x = arguments<T>(), dy = random_tensor<T>(x.shape(), 1);
  for (Activation activation : elementwise()) {
    Tensor<T> y(x.shape()), dx(x.shape());
    for (std::int64_t i = 0; i < x.size(); ++i) y[i] = static_cast<T>(reference::activation(activation, x[i]));
    activation_backward(dy, x, y, activation, dx);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const long double slope = reference::activation_slope(activation, x[i]);
      if (std::isinf(static_cast<T>(slope))) continue;
      // Derivatives taken from y, as y (1 - y), have the absolute error of y.
      EXPECT_LE(std::abs(dx[i] - dy[i] * slope), kRelative<T> * std::max(std::abs(slope), 1.0L))
          << activation_name(activation) << "'(" << x[i] << ") * " << dy[i] << " is " << dx[i];
    }
  }
}

template <class T>
T at(Activation activation, T x) {
  return activation_forward(Tensor<T>({1}, {x}), activation)[0];
}

template <class T>
T slope_at(Activation activation, T x) {
  const Tensor<T> y({1}, {at(activation, x)}), one({1}, {T(1)});
  Tensor<T> dx({1});
  activation_backward(one, Tensor<T>({1}, {x}), y, activation, dx);
  return dx[0];
}

TYPED_TEST(ActivationTest, KnownValues) {
  using T = TypeParam;
  const T near = std::is_same_v<T, float> ? T(1e-6) : T(1e-14);
  EXPECT_EQ(at<T>(Activation::identity, -3), T(-3));
  EXPECT_EQ(at<T>(Activation::relu, -3), T(0));
  EXPECT_EQ(at<T>(Activation::relu, 3), T(3));
  EXPECT_EQ(at<T>(Activation::relu6, 7), T(6));
  EXPECT_NEAR(at<T>(Activation::leaky_relu, -3), -0.03, near);
  EXPECT_NEAR(at<T>(Activation::elu, -1), -0.63212055882855768, near);
  EXPECT_NEAR(at<T>(Activation::selu, -1), -1.1113307378125625, near);
  EXPECT_NEAR(at<T>(Activation::selu, 1), 1.0507009873554805, near);
  EXPECT_NEAR(at<T>(Activation::gelu, 1), 0.84134474606854293, near);  // Phi(1)
  EXPECT_NEAR(at<T>(Activation::gelu_tanh, 1), 0.84119199060827676, near);
  EXPECT_NEAR(at<T>(Activation::silu, 1), 0.73105857863000488, near);
  EXPECT_NEAR(at<T>(Activation::mish, 1), 0.86509838826731040, near);
  EXPECT_EQ(at<T>(Activation::hard_tanh, 3), T(1));
  EXPECT_NEAR(at<T>(Activation::softplus, 0), 0.69314718055994531, near);
  EXPECT_EQ(at<T>(Activation::softsign, -3), T(-0.75));
  EXPECT_EQ(at<T>(Activation::sigmoid, 0), T(0.5));
  EXPECT_EQ(at<T>(Activation::hard_sigmoid, 0), T(0.5));
  EXPECT_NEAR(at<T>(Activation::hard_swish, 1), 2.0 / 3, near);
  EXPECT_NEAR(at<T>(Activation::tanh, 1), 0.76159415595576489, near);
  EXPECT_NEAR(at<T>(Activation::exponential, 1), 2.7182818284590452, 3 * near);
}

TYPED_TEST(ActivationTest, NanGivesNan) {
  using T = TypeParam;
  Tensor<T> x({37, 1});  // each lane of a vector, and softmax over one channel
  for (Activation activation : elementwise())
    for (std::int64_t lane = 0; lane < x.size(); ++lane) {
      std::fill(x.begin(), x.end(), T(0.5));
      x[lane] = std::numeric_limits<T>::quiet_NaN();
      const Tensor<T> y = activation_forward(x, activation);
      for (std::int64_t i = 0; i < x.size(); ++i)
        EXPECT_EQ(std::isnan(y[i]), i == lane) << activation_name(activation) << " at " << i << " of " << lane;
    }
}

TYPED_TEST(ActivationTest, NanGivesNanInSmoothDerivatives) {
  using T = TypeParam;
  for (Activation activation :
       {Activation::elu, Activation::selu, Activation::gelu, Activation::gelu_tanh, Activation::silu, Activation::mish,
        Activation::softplus, Activation::softsign, Activation::sigmoid, Activation::tanh, Activation::exponential})
    EXPECT_TRUE(std::isnan(slope_at(activation, std::numeric_limits<T>::quiet_NaN()))) << activation_name(activation);
}

TYPED_TEST(ActivationTest, Infinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  struct Limits {
    Activation activation;
    T below, above;
  };
  for (const Limits& c : std::initializer_list<Limits>{{Activation::identity, -inf, inf},
                                                       {Activation::relu, 0, inf},
                                                       {Activation::relu6, 0, 6},
                                                       {Activation::leaky_relu, -inf, inf},
                                                       {Activation::elu, -1, inf},
                                                       {Activation::softplus, 0, inf},
                                                       {Activation::sigmoid, 0, 1},
                                                       {Activation::hard_sigmoid, 0, 1},
                                                       {Activation::hard_tanh, -1, 1},
                                                       {Activation::tanh, -1, 1},
                                                       {Activation::exponential, 0, inf}}) {
    EXPECT_EQ(at(c.activation, -inf), c.below) << activation_name(c.activation);
    EXPECT_EQ(at(c.activation, inf), c.above) << activation_name(c.activation);
  }
  EXPECT_EQ(at(Activation::selu, inf), inf);
  EXPECT_NEAR(at(Activation::selu, -inf), -1.7580993408473766, 1e-6);
  for (Activation activation :
       {Activation::gelu, Activation::gelu_tanh, Activation::silu, Activation::mish, Activation::hard_swish})
    EXPECT_EQ(at(activation, inf), inf) << activation_name(activation);
}

// Where the formula meets infinity * 0 or infinity / infinity, IEEE arithmetic says NaN and the limit is a number:
// nothing else is acceptable.
TYPED_TEST(ActivationTest, InfinityTimesZeroIsNanOrTheLimit) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  for (Activation activation :
       {Activation::gelu, Activation::gelu_tanh, Activation::silu, Activation::mish, Activation::hard_swish}) {
    const T y = at(activation, -inf);
    EXPECT_TRUE(std::isnan(y) || y == 0) << activation_name(activation) << " is " << y;
  }
  for (T sign : {T(-1), T(1)}) {
    const T y = at(Activation::softsign, sign * inf);
    EXPECT_TRUE(std::isnan(y) || y == sign) << "softsign is " << y;
  }
}

TYPED_TEST(ActivationTest, ZeroAndDenormals) {
  using T = TypeParam;
  const T tiny = std::numeric_limits<T>::denorm_min();
  for (T x : {T(0), -T(0), tiny, -tiny, 1000 * tiny, -1000 * tiny})
    for (Activation activation : elementwise()) {
      const long double expected = reference::activation(activation, x);
      const long double relative = kRelative<T> * std::abs(expected) + std::numeric_limits<T>::min();
      EXPECT_LE(std::abs(at(activation, x) - expected), relative) << activation_name(activation) << "(" << x << ")";
    }
  for (Activation activation : {Activation::identity, Activation::relu, Activation::relu6, Activation::leaky_relu})
    EXPECT_EQ(at(activation, tiny), tiny) << activation_name(activation);
  EXPECT_TRUE(std::signbit(at(Activation::identity, -T(0))));
}

// As in PyTorch.
TYPED_TEST(ActivationTest, DerivativeAtAKink) {
  using T = TypeParam;
  for (T zero : {T(0), -T(0)}) {
    EXPECT_EQ(slope_at(Activation::relu, zero), T(0));
    EXPECT_EQ(slope_at(Activation::relu6, zero), T(0));
    EXPECT_EQ(slope_at(Activation::leaky_relu, zero), T(0.01));
  }
  EXPECT_EQ(slope_at(Activation::relu6, T(6)), T(0));
  EXPECT_EQ(slope_at(Activation::relu6, std::nextafter(T(6), T(0))), T(1));
  EXPECT_EQ(slope_at(Activation::hard_sigmoid, T(-3)), T(0));
  EXPECT_EQ(slope_at(Activation::hard_sigmoid, T(3)), T(0));
  EXPECT_EQ(slope_at(Activation::relu, std::numeric_limits<T>::denorm_min()), T(1));
}

TYPED_TEST(ActivationTest, DerivativeAtInfinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  for (Activation activation : {Activation::relu, Activation::elu, Activation::softplus}) {
    EXPECT_EQ(slope_at(activation, -inf), T(0)) << activation_name(activation);
    EXPECT_EQ(slope_at(activation, inf), T(1)) << activation_name(activation);
  }
  for (Activation activation : {Activation::sigmoid, Activation::tanh, Activation::hard_sigmoid, Activation::relu6})
    for (T x : {-inf, inf}) EXPECT_EQ(slope_at(activation, x), T(0)) << activation_name(activation);
}

// ---- Softmax ---------------------------------------------------------------------------------------------------

TYPED_TEST(ActivationTest, SoftmaxOfRandomRows) {
  using T = TypeParam;
  for (Activation activation : {Activation::softmax, Activation::log_softmax})
    for (std::int64_t n = 1; n <= 70; ++n)
      for (double range : {1.0, 30.0, 1e4}) {
        const Tensor<T> x = random_tensor<T>({3, n}, static_cast<std::uint64_t>(n), -range, range),
                        dy = random_tensor<T>({3, n}, 1);
        const reference::Array expected = reference::activate(activation, reference::Array::of(x.view()), n);
        const Tensor<T> y = activation_forward(x, activation);
        EXPECT_TRUE(close(y, expected, kRelative<T>)) << activation_name(activation) << " of " << n;
        Tensor<T> dx(x.shape());
        activation_backward(dy, x, y, activation, dx);
        const reference::Array slope = reference::activate_backward(activation, reference::Array::of(dy.view()),
                                                                    reference::Array::of(x.view()), n);
        long double largest = 0;  // of what is added up in a row
        for (T d : dy) largest = std::max(largest, static_cast<long double>(std::abs(d)) * static_cast<long double>(n));
        for (std::int64_t i = 0; i < dx.size(); ++i)
          ASSERT_LE(std::abs(dx[i] - slope[i]), 4 * kRelative<T> * largest) << activation_name(activation) << " " << n;
      }
}

TYPED_TEST(ActivationTest, SoftmaxIsOverTheLastAxis) {
  using T = TypeParam;
  const Tensor<T> flat = random_tensor<T>({24, 5}, 2);
  Tensor<T> images({2, 3, 4, 5});
  std::copy(flat.begin(), flat.end(), images.begin());
  const Tensor<T> a = activation_forward(flat, Activation::softmax),
                  b = activation_forward(images, Activation::softmax);
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  for (std::int64_t row = 0; row < 24; ++row) {
    long double sum = 0;
    for (std::int64_t j = 0; j < 5; ++j) sum += a[row * 5 + j];
    EXPECT_NEAR(static_cast<double>(sum), 1.0, kRelative<T>);
  }
}

TYPED_TEST(ActivationTest, SoftmaxOfInfinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> x({4, 3}, {1, -inf, 1, -inf, -inf, -inf, 1, inf, 1, 1, nan, 1});
  const Tensor<T> y = activation_forward(x, Activation::softmax),
                  log_y = activation_forward(x, Activation::log_softmax);
  EXPECT_EQ(y[0], T(0.5));
  EXPECT_EQ(y[1], T(0));
  EXPECT_EQ(log_y[1], -inf);
  EXPECT_NEAR(log_y[2], -0.69314718055994531, kRelative<T>);
  for (std::int64_t i : {3, 4, 5, 7, 9, 10, 11}) {
    EXPECT_TRUE(std::isnan(y[i])) << i;
    EXPECT_TRUE(std::isnan(log_y[i])) << i;
  }
}

// ---- Shapes, memory, threads -----------------------------------------------------------------------------------

TYPED_TEST(ActivationTest, AnyShape) {
  using T = TypeParam;
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{3}, Shape{2, 0, 4}, Shape{1, 2, 3, 4, 5, 6}}) {
    const Tensor<T> x = random_tensor<T>(shape, 3);
    const Tensor<T> y = activation_forward(x, Activation::tanh);
    ASSERT_EQ(y.shape(), shape);
    for (std::int64_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], std::tanh(x[i]), kRelative<T>);
  }
}

TYPED_TEST(ActivationTest, SoftmaxOfEmptyShapes) {
  using T = TypeParam;
  for (const Shape& shape : {Shape{0, 5}, Shape{5, 0}, Shape{0}})
    EXPECT_EQ(activation_forward(Tensor<T>(shape), Activation::softmax).shape(), shape);
}

TYPED_TEST(ActivationTest, InPlace) {
  using T = TypeParam;
  for (std::string_view name : activation_names()) {
    const Activation activation = activation_from_name(name);
    const Tensor<T> x = random_tensor<T>({3, 21}, 4, -4, 4), dy = random_tensor<T>({3, 21}, 5);
    const Tensor<T> y = activation_forward(x, activation);
    Tensor<T> both = x;
    activation_forward(both, activation, both);
    EXPECT_TRUE(same_bits(both, y)) << name;
    Tensor<T> dx(x.shape());
    activation_backward(dy, x, y, activation, dx);
    both = dy;
    activation_backward(both, x, y, activation, both);
    EXPECT_TRUE(same_bits(both, dx)) << name;
  }
}

// An element's result does not depend on where in the array it stands.
TYPED_TEST(ActivationTest, SameBitsAtEveryPosition) {
  using T = TypeParam;
  for (Activation activation : elementwise()) {
    const Tensor<T> x = random_tensor<T>({67}, 6, -6, 6);
    const Tensor<T> y = activation_forward(x, activation);
    for (std::int64_t i = 0; i < x.size(); ++i) EXPECT_EQ(at(activation, x[i]), y[i]) << activation_name(activation);
  }
}

TYPED_TEST(ActivationTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (std::string_view name : activation_names()) {
    const Activation activation = activation_from_name(name);
    const Tensor<T> x = random_tensor<T>({1000, 70}, 7, -4, 4), dy = random_tensor<T>({1000, 70}, 8);
    const auto forward = [&] { return activation_forward(x, activation); };
    const Tensor<T> y = with_threads(1, forward);
    const auto backward = [&] {
      Tensor<T> dx(x.shape());
      activation_backward(dy, x, y, activation, dx);
      return dx;
    };
    for (int threads : {2, 3, 5}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), y)) << name;
      EXPECT_TRUE(same_bits(with_threads(threads, backward), with_threads(1, backward))) << name;
    }
  }
}

// ---- Names -----------------------------------------------------------------------------------------------------

TEST(ActivationNameTest, NamesGoBothWays) {
  const std::vector<std::string_view> names = activation_names();
  EXPECT_EQ(std::set<std::string_view>(names.begin(), names.end()).size(), names.size());
  for (int i = 0; i <= static_cast<int>(Activation::log_softmax); ++i) {
    const Activation activation = static_cast<Activation>(i);
    const std::string_view name = activation_name(activation);
    EXPECT_EQ(activation_from_name(name), activation) << name;
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST(ActivationNameTest, TheNamesOfTheEnumeration) {
  EXPECT_EQ(activation_from_name("relu"), Activation::relu);
  EXPECT_EQ(activation_from_name("leaky_relu"), Activation::leaky_relu);
  EXPECT_EQ(activation_from_name("hard_swish"), Activation::hard_swish);
  EXPECT_EQ(activation_from_name("celu"), Activation::elu);
  EXPECT_EQ(activation_from_name("hard_silu"), Activation::hard_swish);
  EXPECT_EQ(activation_from_name("log_softmax"), Activation::log_softmax);
  EXPECT_EQ(activation_from_name("linear"), Activation::identity);
  EXPECT_EQ(activation_from_name("swish"), Activation::silu);
  EXPECT_EQ(activation_name(Activation::identity), "identity");
  EXPECT_EQ(activation_name(Activation::silu), "silu");
}

}  // namespace
}  // namespace hubel::test
