// The values of pooling and its gradient: against the reference over random shapes, ties, NaN and infinity, results
// into given memory, the same bits for any number of threads.
#include "hubel/pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

// Windows here have at most 50 terms; a gradient is a sum of at most 50 parts.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 2e-15;

template <class T>
class PoolTest : public ::testing::Test {};
TYPED_TEST_SUITE(PoolTest, FloatTypes);

PoolCase random_pool(std::uint64_t seed) {
  Noise noise(seed);
  const std::int64_t h = noise.integer(1, 14), w = noise.integer(1, 14);
  const std::int64_t kh = noise.integer(1, std::min<std::int64_t>(h, 7)),
                     kw = noise.integer(1, std::min<std::int64_t>(w, 7));
  const bool usual = noise.chance(0.3) && h > 1 && w > 1;  // 2x2 with stride 2
  PoolCase c{{noise.integer(0, 3), h, w, noise.integer(1, 40)}, {}};
  c.options.kernel_shape = {usual ? 2 : kh, usual ? 2 : kw};
  c.options.stride = {usual ? 2 : noise.integer(1, kh + 2), usual ? 2 : noise.integer(1, kw + 2)};
  c.options.mode = seed % 2 == 0 ? PoolMode::max : PoolMode::avg;
  return c;
}

template <class T>
void check(const PoolCase& c, const Tensor<T>& A_prev, const Tensor<T>& dA) {
  const Tensor<T> out = pool_forward(A_prev, c.options);
  ASSERT_EQ(out.shape(), c.output()) << c;
  const double exact_for_max = c.options.mode == PoolMode::max ? 0 : kTolerance<T>;
  EXPECT_TRUE(close(out, reference::pool_forward<T>(A_prev, c.options), exact_for_max)) << c;
  const Tensor<T> dA_prev = pool_backward(dA, A_prev, c.options);
  ASSERT_EQ(dA_prev.shape(), c.A_prev) << c;
  EXPECT_TRUE(close(dA_prev, reference::pool_backward<T>(dA, A_prev, c.options), kTolerance<T>)) << "dA_prev: " << c;
}

TYPED_TEST(PoolTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    const PoolCase c = random_pool(seed);
    check(c, random_tensor<TypeParam>(c.A_prev, seed), random_tensor<TypeParam>(c.output(), seed + 1));
  }
}

// Few distinct values, as after ReLU: the gradient goes to the first of equals.
TYPED_TEST(PoolTest, Ties) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const PoolCase c = random_pool(seed);
    Tensor<TypeParam> A_prev = random_tensor<TypeParam>(c.A_prev, seed, -2, 2);
    for (TypeParam& x : A_prev) x = std::max(std::floor(x), TypeParam(-1));
    check(c, A_prev, random_tensor<TypeParam>(c.output(), seed + 1));
  }
}

TYPED_TEST(PoolTest, TiesByHand) {
  using T = TypeParam;
  const Tensor<T> A_prev({1, 3, 3, 1}, {0, 7, 7, 7, 0, 7, -1, -1, -1}), dA({1, 2, 2, 1}, {1, 10, 100, 1000});
  const PoolOptions options{{2, 2}, {1, 1}, PoolMode::max};
  EXPECT_TRUE(same_bits(pool_forward(A_prev, options), Tensor<T>({1, 2, 2, 1}, {7, 7, 7, 7})));
  EXPECT_TRUE(
      same_bits(pool_backward(dA, A_prev, options), Tensor<T>({1, 3, 3, 1}, {0, 11, 0, 100, 0, 1000, 0, 0, 0})));
}

TYPED_TEST(PoolTest, AverageByHand) {
  using T = TypeParam;
  const Tensor<T> A_prev({1, 2, 3, 1}, {1, 2, 3, 4, 5, 6}), dA({1, 1, 2, 1}, {4, 40});
  const PoolOptions options{{2, 2}, {1, 1}, PoolMode::avg};
  EXPECT_TRUE(same_bits(pool_forward(A_prev, options), Tensor<T>({1, 1, 2, 1}, {3, 4})));
  EXPECT_TRUE(same_bits(pool_backward(dA, A_prev, options), Tensor<T>({1, 2, 3, 1}, {1, 11, 10, 1, 11, 10})));
}

// NaN counts as the maximum, the first NaN of a window gets its gradient; a window of -infinity has a first maximum
// too.
TYPED_TEST(PoolTest, NanAndInfinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const PoolCase c = random_pool(seed);
    Tensor<T> A_prev = random_tensor<T>(c.A_prev, seed);
    Noise noise(seed);
    for (T& x : A_prev)
      if (noise.chance(seed % 3 == 0 ? 0.7 : 0.2)) x = noise.chance(0.2) ? nan : noise.chance(0.2) ? inf : -inf;
    check(c, A_prev, random_tensor<T>(c.output(), seed + 1));
  }
}

TYPED_TEST(PoolTest, NanAndInfinityInTheGradient) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const PoolCase c = random_pool(seed);
    Tensor<T> dA = random_tensor<T>(c.output(), seed);
    Noise noise(seed);
    for (T& x : dA)
      if (noise.chance(0.05))
        x = noise.chance(0.5) ? std::numeric_limits<T>::quiet_NaN() : -std::numeric_limits<T>::infinity();
    check(c, random_tensor<T>(c.A_prev, seed + 1), dA);
  }
}

// Global pooling of equal values, where a running sum in float drifts.
TYPED_TEST(PoolTest, LongAverages) {
  using T = TypeParam;
  for (const PoolCase& c : {PoolCase{{1, 112, 112, 3}, {{112, 112}, {1, 1}, PoolMode::avg}},
                            PoolCase{{2, 56, 56, 17}, {{56, 56}, {56, 56}, PoolMode::avg}},
                            PoolCase{{1, 1000, 1500, 1}, {{1000, 1500}, {1, 1}, PoolMode::avg}},
                            PoolCase{{1, 1, 100'000, 2}, {{1, 100'000}, {1, 1}, PoolMode::avg}}}) {
    const Tensor<T> A_prev = constant_tensor<T>(c.A_prev, T(0.1));
    const double contract = std::is_same_v<T, float> ? 2e-5 : 1e-12;
    EXPECT_TRUE(close(pool_forward(A_prev, c.options), reference::pool_forward<T>(A_prev, c.options), contract)) << c;
  }
}

// A stride beyond the image is one window, and no multiple of it is ever taken.
TYPED_TEST(PoolTest, HugeStride) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (PoolMode mode : {PoolMode::max, PoolMode::avg}) {
    const PoolCase c{{1, 4, 5, 3}, {{2, 3}, {most, most}, mode}};
    check(c, random_tensor<TypeParam>(c.A_prev, 1), random_tensor<TypeParam>(c.output(), 2));
  }
}

TYPED_TEST(PoolTest, IntoGivenMemory) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const PoolCase c = random_pool(seed);
    const Tensor<T> A_prev = random_tensor<T>(c.A_prev, seed), dA = random_tensor<T>(c.output(), seed + 1);
    Tensor<T> out = constant_tensor<T>(c.output(), std::numeric_limits<T>::quiet_NaN());
    pool_forward(A_prev, c.options, out);
    EXPECT_TRUE(same_bits(out, pool_forward(A_prev, c.options))) << c;
    Tensor<T> dA_prev = constant_tensor<T>(c.A_prev, std::numeric_limits<T>::quiet_NaN());
    pool_backward(dA, A_prev, c.options, dA_prev);
    EXPECT_TRUE(same_bits(dA_prev, pool_backward(dA, A_prev, c.options))) << c;
  }
}

TYPED_TEST(PoolTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (PoolMode mode : {PoolMode::max, PoolMode::avg})
    for (const PoolCase& c :
         {PoolCase{{32, 28, 28, 6}, {{2, 2}, {2, 2}, mode}}, PoolCase{{1, 90, 90, 20}, {{3, 3}, {1, 1}, mode}},
          PoolCase{{3, 50, 40, 33}, {{5, 4}, {2, 3}, mode}}}) {
      const Tensor<T> A_prev = random_tensor<T>(c.A_prev, 1), dA = random_tensor<T>(c.output(), 2);
      const auto forward = [&] { return pool_forward(A_prev, c.options); };
      const auto backward = [&] { return pool_backward(dA, A_prev, c.options); };
      for (int threads : {2, 3, 5}) {
        EXPECT_TRUE(same_bits(with_threads(threads, forward), with_threads(1, forward))) << c;
        EXPECT_TRUE(same_bits(with_threads(threads, backward), with_threads(1, backward))) << c;
      }
    }
}

TEST(PoolModeTest, NamesGoBothWays) {
  for (PoolMode mode : {PoolMode::max, PoolMode::avg}) EXPECT_EQ(pool_mode_from_name(pool_mode_name(mode)), mode);
  EXPECT_EQ(pool_mode_name(PoolMode::max), "max");
  EXPECT_EQ(pool_mode_name(PoolMode::avg), "avg");
}

}  // namespace
}  // namespace hubel::test
