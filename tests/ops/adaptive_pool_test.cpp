// Adaptive pooling: against the reference over random shapes, global pooling of many pixels, NaN, gradients by central
// differences, errors, bits, memory and instruction sets.
#include "hubel/adaptive_pool.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "every_target.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"
#include "window_reference.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 2e-15;

template <class T>
class AdaptivePoolTest : public ::testing::Test {};
TYPED_TEST_SUITE(AdaptivePoolTest, FloatTypes);

struct AdaptiveCase {
  Shape x;
  std::array<std::int64_t, 2> size;
  PoolMode mode;

  reference::WindowPool windows() const { return {x, size[0], size[1], mode}; }
  Shape output() const { return {x[0], size[0], size[1], x[3]}; }
  std::string to_string() const {
    return detail::formatted("x {} to {}, {}", x.to_string(), test::to_string(size), pool_mode_name(mode));
  }
};

std::ostream& operator<<(std::ostream& out, const AdaptiveCase& c) { return out << c.to_string(); }

AdaptiveCase random_case(std::uint64_t seed) {
  Noise noise(seed);
  AdaptiveCase c{{noise.integer(0, 3), noise.integer(1, 15), noise.integer(1, 15), noise.integer(1, 40)},
                 {noise.integer(1, 17), noise.integer(1, 17)},
                 seed % 2 == 0 ? PoolMode::max : PoolMode::avg};
  if (noise.chance(0.3)) c.size = {1, 1};
  return c;
}

template <class T>
void check(const AdaptiveCase& c, const Tensor<T>& x, const Tensor<T>& dy) {
  const Tensor<T> y = adaptive_pool_forward(x, c.size, c.mode);
  ASSERT_EQ(y.shape(), c.output()) << c;
  const double exact_for_max = c.mode == PoolMode::max ? 0 : kTolerance<T>;
  EXPECT_TRUE(close(y, reference::pool_forward<T>(x, c.windows()), exact_for_max)) << c;
  EXPECT_TRUE(
      close(adaptive_pool_backward(dy, x, c.mode), reference::pool_backward<T>(dy, x, c.windows()), kTolerance<T>))
      << "dx: " << c;
}

TYPED_TEST(AdaptivePoolTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    const AdaptiveCase c = random_case(seed);
    check(c, random_tensor<TypeParam>(c.x, seed), random_tensor<TypeParam>(c.output(), seed + 1));
  }
}

// Every number of channels on both sides of where sixteen pixels go as one, and of pixels around sixteen and halves.
TYPED_TEST(AdaptivePoolTest, GlobalOfEveryNumberOfChannels) {
  for (PoolMode mode : {PoolMode::max, PoolMode::avg})
    for (std::int64_t channels = 1; channels <= 70; channels += channels < 36 ? 1 : 7)
      for (const auto& [h, w] : {std::pair{5, 7}, {8, 4}, {16, 16}, {19, 17}, {53, 41}}) {
        const AdaptiveCase c{{1, h, w, channels}, {1, 1}, mode};
        Tensor<TypeParam> x = random_tensor<TypeParam>(c.x, 3, -5, 5);
        check(c, x, random_tensor<TypeParam>(c.output(), 4));
        for (TypeParam& v : x) v = std::floor(v);  // the first of equals
        check(c, x, random_tensor<TypeParam>(c.output(), 4));
      }
}

// Sums of a million equal values, where a running sum in float is off in the third digit.
TYPED_TEST(AdaptivePoolTest, LongAveragesAreAccurate) {
  using T = TypeParam;
  for (std::int64_t channels : {1, 3, 33}) {
    const Tensor<T> x = constant_tensor<T>({1, 1024, 1000, channels}, T(0.1));
    const double rounding = std::is_same_v<T, float> ? 0x1p-23 : 0x1p-52;
    const Tensor<T> y = adaptive_pool_forward(x, {1, 1}, PoolMode::avg);
    for (T mean : y) EXPECT_NEAR(mean, T(0.1), 0.1 * 8 * rounding);
  }
}

// The numbers among them are positive: where nearly all outputs are NaN, the others' scale must not be what cancels.
TYPED_TEST(AdaptivePoolTest, NanAndInfinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const AdaptiveCase c = random_case(seed);
    Tensor<T> x = random_tensor<T>(c.x, seed, 0.5, 1);
    Noise noise(seed);
    for (T& v : x)
      if (noise.chance(seed % 3 == 0 ? 0.7 : 0.02)) v = noise.chance(0.2) ? nan : noise.chance(0.2) ? inf : -inf;
    check(c, x, random_tensor<T>(c.output(), seed + 1));
  }
}

// Five pixels to three windows: [0, 2), [1, 4), [3, 5).
TYPED_TEST(AdaptivePoolTest, ByHand) {
  using T = TypeParam;
  const Tensor<T> x({1, 1, 5, 1}, {1, 2, 6, 4, 5});
  EXPECT_TRUE(same_bits(adaptive_pool_forward(x, {1, 3}, PoolMode::avg), Tensor<T>({1, 1, 3, 1}, {1.5, 4, 4.5})));
  EXPECT_TRUE(same_bits(adaptive_pool_forward(x, {1, 3}, PoolMode::max), Tensor<T>({1, 1, 3, 1}, {2, 6, 5})));
  const Tensor<T> dy({1, 1, 3, 1}, {2, 3, 4});
  EXPECT_TRUE(same_bits(adaptive_pool_backward(dy, x, PoolMode::avg), Tensor<T>({1, 1, 5, 1}, {1, 2, 1, 3, 2})));
  EXPECT_TRUE(same_bits(adaptive_pool_backward(dy, x, PoolMode::max), Tensor<T>({1, 1, 5, 1}, {0, 2, 3, 0, 4})));
}

TEST(AdaptivePoolGradientTest, CentralDifferences) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    AdaptiveCase c = random_case(seed);
    c.x = {c.x[0], c.x[1], c.x[2], 2};
    Tensor<double> x = random_tensor<double>(c.x, seed);
    const Tensor<double> dy = random_tensor<double>(c.output(), seed + 1);
    const auto loss = [&] { return weighted_sum(dy, adaptive_pool_forward(x, c.size, c.mode)); };
    const Tensor<double> got = adaptive_pool_backward(dy, x, c.mode);
    EXPECT_TRUE(close(got, numerical_gradient(x, loss, 0x1p-24), 1e-7)) << c;
  }
}

TEST(AdaptivePoolErrorTest, ShapesAndSizes) {
  const Tensor<float> x({2, 8, 9, 4}), flat({2, 8, 9}), empty({2, 0, 9, 4}), dy({2, 3, 3, 4});
  Tensor<float> wrong({2, 2, 3, 4});
  constexpr std::string_view forward = "adaptive_pool_forward", backward = "adaptive_pool_backward";
  const PoolMode max = PoolMode::max;
  EXPECT_TRUE(refuses([&] { adaptive_pool_forward(flat, {1, 1}, max); }, forward, {"x", "(2, 8, 9)", "(m, h, w, c)"}));
  EXPECT_TRUE(refuses([&] { adaptive_pool_forward(empty, {1, 1}, max); }, forward, {"x", "(0, 9)", "at least 1"}));
  EXPECT_TRUE(refuses([&] { adaptive_pool_forward(x, {1, 0}, max); }, forward, {"size", "(1, 0)", "at least 1"}));
  EXPECT_TRUE(refuses(
      [&] {
        adaptive_pool_forward(x, {1, std::int64_t{1} << 31}, max);
      },
      forward, {"size", "(1, 2147483648)", "below 2^31"}));
  EXPECT_TRUE(refuses(
      [&] {
        adaptive_pool_forward(x, {3, 3}, max, wrong);
      },
      forward, {"y", "(2, 2, 3, 4)", "(2, 3, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { adaptive_pool_backward(flat, x, max); }, backward, {"dy", "(2, 8, 9)"}));
  EXPECT_TRUE(refuses([&] { adaptive_pool_backward(dy, empty, max); }, backward, {"x", "(0, 9)"}));
  const Tensor<float> other({1, 3, 3, 4});
  EXPECT_TRUE(
      refuses([&] { adaptive_pool_backward(other, x, max); }, backward, {"dy", "(1, 3, 3, 4)", "(2, 3, 3, 4)"}));
  EXPECT_TRUE(
      refuses([&] { adaptive_pool_backward(dy, x, max, wrong); }, backward, {"dx", "(2, 2, 3, 4)", "(2, 8, 9, 4)"}));
  EXPECT_TRUE(refuses([&] { adaptive_pool_output_shape({8, 9}, {1, 1}, "layer 3"); }, "layer 3", {"x", "(8, 9)"}));
}

TYPED_TEST(AdaptivePoolTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (PoolMode mode : {PoolMode::max, PoolMode::avg})
    for (const AdaptiveCase& c :
         {AdaptiveCase{{8, 56, 57, 33}, {1, 1}, mode}, AdaptiveCase{{4, 90, 60, 6}, {7, 11}, mode},
          AdaptiveCase{{4, 17, 19, 40}, {40, 30}, mode}}) {
      const Tensor<T> x = random_tensor<T>(c.x, 1), dy = random_tensor<T>(c.output(), 2);
      const auto forward = [&] { return adaptive_pool_forward(x, c.size, c.mode); };
      const auto backward = [&] { return adaptive_pool_backward(dy, x, c.mode); };
      for (int threads : {2, 4}) {
        EXPECT_TRUE(same_bits(with_threads(threads, forward), with_threads(1, forward))) << c;
        EXPECT_TRUE(same_bits(with_threads(threads, backward), with_threads(1, backward))) << c;
      }
    }
}

template <class T>
void check_fenced(const AdaptiveCase& c, Fence fence) {
  const OnCrashSay say(c.to_string());
  const Tensor<T> x = random_tensor<T>(c.x, 12), dy = random_tensor<T>(c.output(), 13);
  const FencedTensor<T> fenced_x(x, fence), fenced_dy(dy, fence);
  FencedTensor<T> y(c.output(), fence), dx(c.x, fence);
  adaptive_pool_forward(fenced_x, c.size, c.mode, y);
  adaptive_pool_backward(fenced_dy, fenced_x, c.mode, dx);
  EXPECT_TRUE(y.untouched() && dx.untouched()) << c;
  EXPECT_TRUE(same_bits<T>(y.view(), adaptive_pool_forward(x, c.size, c.mode))) << c;
  EXPECT_TRUE(same_bits<T>(dx.view(), adaptive_pool_backward(dy, x, c.mode))) << c;
  check(c, x, dy);
}

TYPED_TEST(AdaptivePoolTest, StaysInItsArraysOnEveryInstructionSet) {
  with_every_target([] {
    for (Fence fence : {Fence::before, Fence::after}) {
      for (std::uint64_t seed = 5000; seed < 5100; ++seed) check_fenced<TypeParam>(random_case(seed), fence);
      for (PoolMode mode : {PoolMode::max, PoolMode::avg})
        for (std::int64_t channels = 1; channels <= 40; ++channels)
          check_fenced<TypeParam>({{2, 17, 9, channels}, {1, 1}, mode}, fence);
    }
  });
}

}  // namespace
}  // namespace hubel::test
