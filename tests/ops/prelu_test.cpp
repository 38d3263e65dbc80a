// PReLU, leaky ReLU and ELU with numbers of their own: against plain loops, in place, NaN, threads, memory, instruction
// sets, gradients by differences, errors.
#include "hubel/prelu.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "every_target.hpp"
#include "hubel/activation.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 1e-14;

template <class T>
class PreluTest : public ::testing::Test {};
TYPED_TEST_SUITE(PreluTest, FloatTypes);

struct PreluCase {
  Shape x, alpha;
};

std::ostream& operator<<(std::ostream& out, const PreluCase& c) {
  return out << c.x.to_string() << " with " << c.alpha.to_string();
}

std::vector<PreluCase> cases() {
  std::vector<PreluCase> all = {{{7}, {1}},          {{7}, {7}},         {{3, 61, 67, 3}, {3}}, {{2, 33, 35, 67}, {67}},
                                {{5, 1203}, {1203}}, {{50'001, 3}, {1}}, {{0, 4}, {4}},         {{3, 0}, {0}}};
  for (std::int64_t c = 1; c <= 40; ++c) {
    all.push_back({{2, 3, 5, c}, {c}});
    all.push_back({{2, 3, 5, c}, {1}});
  }
  return all;
}

template <class T>
struct Results {
  Tensor<T> y, dx, dalpha;
};

template <class T>
Results<T> run(const PreluCase& c, TensorView<const T> x, TensorView<const T> alpha, TensorView<const T> dy) {
  Results<T> r{prelu_forward(x, alpha), Tensor<T>(c.x), Tensor<T>(c.alpha)};
  prelu_backward(dy, x, alpha, r.dx, r.dalpha);
  return r;
}

template <class T>
void check(const PreluCase& c) {
  SCOPED_TRACE(testing::PrintToString(c));
  const Tensor<T> x = random_tensor<T>(c.x, 1), alpha = random_tensor<T>(c.alpha, 2), dy = random_tensor<T>(c.x, 3);
  const Results<T> r = run<T>(c, x, alpha, dy);
  reference::Array y(x.size()), dx(x.size()), dalpha(alpha.size());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const std::int64_t k = i % alpha.size();
    const reference::Real slope = x[i] > 0 ? 1 : reference::Real(alpha[k]);
    y[i] = slope * x[i], dx[i] = slope * dy[i];
    if (x[i] <= 0) dalpha[k] += reference::Real(x[i]) * dy[i];
  }
  EXPECT_TRUE(close(r.y, y, kTolerance<T>));
  EXPECT_TRUE(close(r.dx, dx, kTolerance<T>));
  const double terms = std::sqrt(static_cast<double>(x.size() / std::max<std::int64_t>(alpha.size(), 1)));
  for (std::int64_t k = 0; k < alpha.size(); ++k)
    ASSERT_LE(std::abs(r.dalpha[k] - dalpha[k]), terms * kTolerance<T>) << k;
}

TYPED_TEST(PreluTest, Values) {
  with_every_target([] {
    for (const PreluCase& c : cases()) check<TypeParam>(c);
  });
}

TYPED_TEST(PreluTest, InPlaceAndInPart) {
  using T = TypeParam;
  for (const PreluCase& c : cases()) {
    const Tensor<T> x = random_tensor<T>(c.x, 4), alpha = random_tensor<T>(c.alpha, 5), dy = random_tensor<T>(c.x, 6);
    const Results<T> r = run<T>(c, x, alpha, dy);
    Tensor<T> both = x, dalpha(c.alpha);
    prelu_forward(both, alpha, both);
    EXPECT_TRUE(same_bits(both, r.y)) << c;
    both = dy;
    prelu_backward(both, x, alpha, both, dalpha);
    EXPECT_TRUE(same_bits(both, r.dx) && same_bits(dalpha, r.dalpha)) << c;
    prelu_backward(dy, x, alpha, {}, dalpha);
    EXPECT_TRUE(same_bits(dalpha, r.dalpha)) << c;
  }
}

TYPED_TEST(PreluTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  for (const PreluCase& c : cases()) {
    if (c.x.elements() < 5000) continue;
    const Tensor<T> x = random_tensor<T>(c.x, 7), alpha = random_tensor<T>(c.alpha, 8), dy = random_tensor<T>(c.x, 9);
    const auto call = [&] { return run<T>(c, x, alpha, dy); };
    const Results<T> one = with_threads(1, call);
    for (int threads : {2, 4}) {
      const Results<T> r = with_threads(threads, call);
      EXPECT_TRUE(same_bits(r.y, one.y) && same_bits(r.dx, one.dx) && same_bits(r.dalpha, one.dalpha)) << c;
    }
  }
}

TYPED_TEST(PreluTest, NothingOutsideItsArrays) {
  using T = TypeParam;
  with_every_target([] {
    for (const PreluCase& c : cases())
      for (Fence fence : {Fence::before, Fence::after}) {
        const OnCrashSay say(testing::PrintToString(c));
        const Tensor<T> x = random_tensor<T>(c.x, 10), alpha = random_tensor<T>(c.alpha, 11),
                        dy = random_tensor<T>(c.x, 12);
        const Results<T> r = run<T>(c, x, alpha, dy);
        const FencedTensor<T> fenced_x(x, fence), fenced_alpha(alpha, fence), fenced_dy(dy, fence);
        FencedTensor<T> y(c.x, fence), dx(c.x, fence), dalpha(c.alpha, fence);
        prelu_forward(fenced_x, fenced_alpha, y);
        prelu_backward(fenced_dy, fenced_x, fenced_alpha, dx, dalpha);
        EXPECT_TRUE(same_bits(y.view(), r.y.view()) && same_bits(dx.view(), r.dx.view())) << c;
        EXPECT_TRUE(same_bits(dalpha.view(), r.dalpha.view())) << c;
        elu_forward(fenced_x, 0.7, y);
        elu_backward(fenced_dy, fenced_x, 0.7, dx);
        EXPECT_TRUE(y.untouched() && dx.untouched() && dalpha.untouched()) << c;
      }
  });
}

TYPED_TEST(PreluTest, NanAndTheKink) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  const Tensor<T> x({5}, {nan, 0, inf, -inf, -2}), alpha({1}, {T(0.25)}), dy({5}, {1, 1, 1, 1, 1});
  const Tensor<T> y = prelu_forward(x, alpha);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[2], inf);
  EXPECT_EQ(y[3], -inf);
  Tensor<T> dx({5}), dalpha({1});
  prelu_backward(dy, x, alpha, dx, dalpha);
  EXPECT_EQ(dx[1], T(0.25));
  EXPECT_TRUE(std::isnan(dalpha[0]));
}

// ---- One number for all ----------------------------------------------------------------------------------------

TYPED_TEST(PreluTest, LeakyReluAndElu) {
  using T = TypeParam;
  for (std::int64_t n : {0, 1, 7, 64, 1001, 40'003})
    for (double number : {0.0, 0.2, 1.5}) {
      const Tensor<T> x = random_tensor<T>({n}, 13, -4, 4), dy = random_tensor<T>({n}, 14);
      reference::Array leaky(n), leaky_dx(n), elu(n), elu_dx(n);
      for (std::int64_t i = 0; i < n; ++i) {
        const reference::Real slope = x[i] > 0 ? 1 : static_cast<T>(number);
        leaky[i] = slope * x[i], leaky_dx[i] = slope * dy[i];
        elu[i] = x[i] > 0 ? x[i] : slope * std::expm1(reference::Real(x[i]));
        elu_dx[i] = x[i] > 0 ? dy[i] : slope * std::exp(reference::Real(x[i])) * dy[i];
      }
      Tensor<T> y({n}), dx({n}), both = x;
      leaky_relu_forward(x, number, y);
      leaky_relu_backward(dy, x, number, dx);
      EXPECT_TRUE(close(y, leaky, kTolerance<T>) && close(dx, leaky_dx, kTolerance<T>)) << n << ", " << number;
      elu_forward(x, number, y);
      elu_backward(dy, x, number, dx);
      EXPECT_TRUE(close(y, elu, kTolerance<T>) && close(dx, elu_dx, kTolerance<T>)) << n << ", " << number;
      elu_forward(both, number, both);
      EXPECT_TRUE(same_bits(both, y));
      both = dy;
      elu_backward(both, x, number, both);
      EXPECT_TRUE(same_bits(both, dx));
    }
}

// With the usual numbers they are the activations of that name, to the bit.
TYPED_TEST(PreluTest, AsTheActivations) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({3, 77}, 15, -4, 4);
  Tensor<T> y(x.shape());
  leaky_relu_forward(x, 0.01, y);
  EXPECT_TRUE(same_bits(y, activation_forward(x, Activation::leaky_relu)));
  elu_forward(x, 1, y);
  EXPECT_TRUE(same_bits(y, activation_forward(x, Activation::elu)));
}

TEST(PreluGradientTest, ByDifferences) {
  for (const Shape& shape : {Shape{5}, Shape{1}}) {
    Tensor<double> x = random_tensor<double>({3, 4, 5}, 16), alpha = random_tensor<double>(shape, 17);
    const Tensor<double> weights = random_tensor<double>({3, 4, 5}, 18);
    const auto loss = [&] { return weighted_sum(weights, prelu_forward(x, alpha)); };
    Tensor<double> dx(x.shape()), dalpha(shape);
    prelu_backward(weights, x, alpha, dx, dalpha);
    EXPECT_TRUE(close(dx, numerical_gradient(x, loss, 1e-6), 1e-8));
    EXPECT_TRUE(close(dalpha, numerical_gradient(alpha, loss, 1e-3), 1e-10));
  }
}

TEST(PreluErrorTest, Shapes) {
  const Tensor<float> x({2, 3}), scalar(Shape{}), one({1}), three({3}), two({2}), square({1, 3});
  Tensor<float> wrong({3, 2}), right({2, 3}), dalpha({2});
  for (const Tensor<float>* alpha : {&two, &square, &scalar}) {
    const std::vector<std::string> parts = {"alpha", alpha->shape().to_string(), "(3,)", "(1,)"};
    EXPECT_TRUE(refuses([&] { prelu_forward(x, *alpha); }, "prelu_forward", parts));
    EXPECT_TRUE(refuses([&] { prelu_backward(x, x, *alpha, {}, {}); }, "prelu_backward", parts));
  }
  EXPECT_TRUE(refuses([&] { prelu_forward(scalar, one); }, "prelu_forward", {"x", "()"}));
  EXPECT_TRUE(refuses([&] { prelu_forward(x, three, wrong); }, "prelu_forward", {"y", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { prelu_backward(wrong, x, one, {}, {}); }, "prelu_backward", {"dy", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { prelu_backward(x, x, one, wrong, {}); }, "prelu_backward", {"dx", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { prelu_backward(x, x, one, {}, dalpha); }, "prelu_backward", {"dalpha", "(2,)", "(1,)"}));
  EXPECT_TRUE(refuses([&] { leaky_relu_forward(x, 0.1, wrong); }, "leaky_relu_forward", {"y", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { leaky_relu_backward(wrong, x, 0.1, right); }, "leaky_relu_backward", {"dy", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { leaky_relu_backward(x, x, 0.1, wrong); }, "leaky_relu_backward", {"dx", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { elu_forward(x, 0.1, wrong); }, "elu_forward", {"y", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { elu_backward(wrong, x, 0.1, right); }, "elu_backward", {"dy", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { elu_backward(x, x, 0.1, wrong); }, "elu_backward", {"dx", "(3, 2)"}));
}

}  // namespace
}  // namespace hubel::test
