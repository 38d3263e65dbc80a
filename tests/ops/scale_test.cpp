// Channels times numbers of their own: against plain loops over random shapes, gradients by differences, in place,
// empty, threads, memory, errors.
#include "hubel/scale.hpp"

#include <gtest/gtest.h>

#include "every_target.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 1e-14;

template <class T>
class ChannelScaleTest : public ::testing::Test {};
TYPED_TEST_SUITE(ChannelScaleTest, FloatTypes);

template <class T>
void check(const Shape& shape, std::uint64_t seed) {
  SCOPED_TRACE(shape.to_string());
  const std::int64_t c = shape.back();
  const Tensor<T> x = random_tensor<T>(shape, seed), dy = random_tensor<T>(shape, seed + 1);
  const Tensor<T> gamma = random_tensor<T>({c}, seed + 2);
  Tensor<T> y(shape), dx(shape), dgamma = constant_tensor<T>({c}, 77);
  channel_scale_forward(x, gamma, y);
  channel_scale_backward(dy, x, gamma, dx, dgamma);
  reference::Array sums(c);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(y[i], x[i] * gamma[i % c]);
    ASSERT_EQ(dx[i], dy[i] * gamma[i % c]);
    sums[i % c] += static_cast<long double>(dy[i]) * x[i];
  }
  EXPECT_TRUE(close(dgamma, sums, kTolerance<T>));
}

TYPED_TEST(ChannelScaleTest, RandomShapesAndEveryInstructionSet) {
  with_every_target([] {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      Noise noise(seed);
      check<TypeParam>({noise.integer(0, 4), noise.integer(1, 15), noise.integer(1, 15), noise.integer(1, 90)}, seed);
    }
    for (const Shape& shape : {Shape{7}, Shape{3, 0}, Shape{2, 63, 65, 3}, Shape{1200, 1031}})
      check<TypeParam>(shape, 1);
  });
}

TEST(ChannelScaleGradientTest, ByDifferences) {
  Tensor<double> x = random_tensor<double>({2, 3, 5}, 1), gamma = random_tensor<double>({5}, 2);
  const Tensor<double> dy = random_tensor<double>({2, 3, 5}, 3);
  Tensor<double> dx(x.shape()), dgamma({5});
  channel_scale_backward(dy, x, gamma, dx, dgamma);
  const auto loss = [&] {
    Tensor<double> y(x.shape());
    channel_scale_forward(x, gamma, y);
    return weighted_sum(dy, y);
  };
  EXPECT_TRUE(close(dx, numerical_gradient(x, loss, 0.5), 1e-13));
  EXPECT_TRUE(close(dgamma, numerical_gradient(gamma, loss, 0.5), 1e-13));
}

TYPED_TEST(ChannelScaleTest, InPlaceAndOnAnyNumberOfThreads) {
  using T = TypeParam;
  const Shape shape{3, 71, 73, 33};
  const Tensor<T> x = random_tensor<T>(shape, 1), gamma = random_tensor<T>({33}, 2), dy = random_tensor<T>(shape, 3);
  const auto run = [&](int threads) {
    Tensor<T> y = x, d = dy, dgamma({33});
    with_threads(threads, [&] {
      channel_scale_forward(y, gamma, y);
      channel_scale_backward(d, x, gamma, d, dgamma);
    });
    return std::array{std::move(y), std::move(d), std::move(dgamma)};
  };
  const auto one = run(1);
  for (const int threads : {2, 4}) {
    const auto other = run(threads);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(other[i], one[i]));
  }
  for (std::int64_t i = 0; i < x.size(); ++i) ASSERT_EQ(one[0][i], x[i] * gamma[i % 33]);
}

TYPED_TEST(ChannelScaleTest, NothingOutsideItsArrays) {
  using T = TypeParam;
  with_every_target([] {
    for (std::int64_t c = 1; c <= 40; ++c)
      for (const Fence fence : {Fence::before, Fence::after}) {
        const OnCrashSay say(detail::formatted("{} channels", c));
        const Shape shape{3, 5, c};
        const FencedTensor<T> x(random_tensor<T>(shape, 1), fence), gamma(random_tensor<T>({c}, 2), fence);
        FencedTensor<T> y(shape, fence), dx(shape, fence), dgamma({c}, fence);
        channel_scale_forward(x.view(), gamma.view(), y);
        channel_scale_backward(x.view(), x.view(), gamma.view(), dx, dgamma);
        EXPECT_TRUE(y.untouched() && dx.untouched() && dgamma.untouched());
      }
  });
}

TEST(ChannelScaleErrorTest, Shapes) {
  const Tensor<float> x({2, 3}), scalar(Shape{}), gamma({3}), four({4});
  Tensor<float> y({2, 3}), wrong({3, 2});
  constexpr std::string_view who = "channel_scale_forward", back = "channel_scale_backward";
  EXPECT_TRUE(refuses([&] { channel_scale_forward(scalar, gamma, y); }, who, {"x", "()"}));
  EXPECT_TRUE(refuses([&] { channel_scale_forward(x, four, y); }, who, {"gamma", "(4,)", "(3,)"}));
  EXPECT_TRUE(refuses([&] { channel_scale_forward(x, gamma, wrong); }, who, {"y", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { channel_scale_backward(wrong, x, gamma, y, {}); }, back, {"dy", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { channel_scale_backward(x, x, gamma, wrong, {}); }, back, {"dx", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { channel_scale_backward(x, x, gamma, y, y); }, back, {"dgamma", "(2, 3)", "(3,)"}));
}

}  // namespace
}  // namespace hubel::test
