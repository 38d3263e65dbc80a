// Gaussian noise, added and multiplied: each number as the definition has it from single Philox blocks; its
// distribution; what it depends on, cuts of the batch, threads, memory, instruction sets, errors.
#include "hubel/noise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "every_target.hpp"
#include "hubel/random.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

constexpr DropoutKey kKey{0x1234567890abcdef, 0x123456789abc, 0xfedc};

template <class T>
class NoiseTest : public ::testing::Test {};
TYPED_TEST_SUITE(NoiseTest, FloatTypes);

// Element e's number: its 16 bits of four are those of words 0 and 1 or 2 and 3, low halves first, of the counters that
// stand for its 32 elements.
long double normal(const DropoutKey& key, std::int64_t sample, std::int64_t e) {
  const auto low = [](auto x) { return static_cast<std::uint32_t>(x); };
  const std::int64_t place = e % 32;
  const auto block = philox4x32(
      {low(e / 32 * 16 + place % 16), low(sample), low(key.step), low(key.step >> 32) << 16 | low(key.layer)},
      {low(key.seed), low(key.seed >> 32) ^ 0x6E6F6973u});
  const std::size_t word = place < 16 ? 0 : 1;
  const long double u = ((block[word] & 0xFFFF) * 65536.0L + (block[word + 2] & 0xFFFF) + 1) / 4294967296.0L;
  const long double v = ((block[word] >> 16) * 65536.0L + (block[word + 2] >> 16)) / 4294967296.0L;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi_v<long double> * v);
}

template <class T>
Tensor<T> noisy(TensorView<const T> x, double stddev, const DropoutKey& key = kKey, std::int64_t first = 0) {
  auto y = constant_tensor<T>(x.shape(), T(77));
  gaussian_noise(x, stddev, key, first, y);
  return y;
}

template <class T>
Tensor<T> multiplied(TensorView<const T> x, double rate, const DropoutKey& key = kKey, std::int64_t first = 0) {
  auto y = constant_tensor<T>(x.shape(), T(77));
  gaussian_dropout(x, rate, key, first, y);
  return y;
}

TYPED_TEST(NoiseTest, AsDefined) {
  using T = TypeParam;
  with_every_target([] {
    for (const Shape& shape : {Shape{300}, Shape{3, 1}, Shape{5, 31}, Shape{2, 33}, Shape{1, 5003}, Shape{2, 17, 19, 3},
                               Shape{0, 5}, Shape{5, 0, 4}}) {
      const Tensor<T> x = random_tensor<T>(shape, 1);
      const Tensor<T> y = noisy<T>(x, 0.5, kKey, 5), z = multiplied<T>(x, 0.2, kKey, 5);  // a deviation of 1/2
      const std::int64_t size = shape.without_first().elements();
      // Beside 0, where a cosine has few digits of its own, the error is that of 2 pi v in double.
      constexpr double kTolerance = std::is_same_v<T, float> ? 4e-7 : 1e-14;
      for (std::int64_t i = 0; i < x.size(); ++i) {
        const long double noise = 0.5L * normal(kKey, 5 + i / size, i % size), value = x[i];
        ASSERT_NEAR(static_cast<double>(y[i]), static_cast<double>(value + noise), kTolerance) << shape.to_string();
        ASSERT_NEAR(static_cast<double>(z[i]), static_cast<double>(value * (1 + noise)), kTolerance) << i;
      }
    }
  });
}

TYPED_TEST(NoiseTest, IsNormal) {
  using T = TypeParam;
  const Tensor<T> z = noisy<T>(Tensor<T>({50, 4000}), 1);
  double sum = 0, squares = 0, fourth = 0, neighbours = 0, below = 0;
  for (std::int64_t i = 0; i < z.size(); ++i) {
    const auto x = static_cast<double>(z[i]);
    sum += x, squares += x * x, fourth += x * x * x * x, below += x < -1 ? 1 : 0;
    if (i > 0) neighbours += x * static_cast<double>(z[i - 1]);
  }
  const auto n = static_cast<double>(z.size());
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4 * std::sqrt(96 / n));
  EXPECT_NEAR(neighbours / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(below / n, 0.158655, 4 * std::sqrt(0.1335 / n));
}

TYPED_TEST(NoiseTest, EveryPartOfTheKeyCounts) {
  using T = TypeParam;
  const Tensor<T> x({4, 10'000});
  const Tensor<T> y = noisy<T>(x, 1);
  EXPECT_TRUE(same_bits(noisy<T>(x, 1), y));
  const auto correlation = [&](const Tensor<T>& other) {
    double sum = 0;
    for (std::int64_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * static_cast<double>(other[i]);
    return sum / static_cast<double>(y.size());
  };
  for (const DropoutKey& other :
       {DropoutKey{kKey.seed + 1, kKey.step, kKey.layer}, DropoutKey{kKey.seed, kKey.step + 1, kKey.layer},
        DropoutKey{kKey.seed, kKey.step, kKey.layer - 1}})
    EXPECT_NEAR(correlation(noisy<T>(x, 1, other)), 0, 4 / 200.0);
  EXPECT_NEAR(correlation(noisy<T>(x, 1, kKey, 4)), 0, 4 / 200.0);
}

TYPED_TEST(NoiseTest, AnyCutOfTheBatchInPlaceAndOnAnyNumberOfThreads) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({9, 41, 43, 5}, 2);
  const std::int64_t size = x.size() / 9;
  const Tensor<T> whole = with_threads(1, [&] { return noisy<T>(x, 0.25, kKey, 3); });
  for (const int threads : {2, 4})
    EXPECT_TRUE(same_bits(with_threads(threads, [&] { return noisy<T>(x, 0.25, kKey, 3); }), whole));
  for (std::int64_t i = 0; i < 9; ++i) {
    const Shape one{1, 41, 43, 5};
    const Tensor<T> y = noisy<T>(TensorView<const T>(x.data() + i * size, one), 0.25, kKey, 3 + i);
    EXPECT_TRUE(same_bits<T>(y, TensorView<const T>(whole.data() + i * size, one)));
  }
  Tensor<T> changed = x;
  gaussian_noise(changed, 0.25, kKey, 3, changed);
  EXPECT_TRUE(same_bits(changed, whole));
  changed = x;
  gaussian_dropout(changed, 0.25, kKey, 3, changed);
  EXPECT_TRUE(same_bits(changed, multiplied<T>(x, 0.25, kKey, 3)));
  EXPECT_TRUE(same_bits(noisy<T>(x, 0), x));
  EXPECT_TRUE(same_bits(multiplied<T>(x, 0), x));
}

TYPED_TEST(NoiseTest, StaysWithinItsArrays) {
  using T = TypeParam;
  for (std::int64_t n = 1; n <= 70; ++n)
    for (const Fence fence : {Fence::before, Fence::after}) {
      const OnCrashSay say(detail::formatted("noise of {}", n));
      const FencedTensor<T> x(random_tensor<T>({2, n}, 1), fence);
      FencedTensor<T> y({2, n}, fence);
      gaussian_noise(x.view(), 1, kKey, 0, y);
      EXPECT_TRUE(y.untouched());
    }
}

TEST(Noise, RefusesWrongArguments) {
  const Tensor<float> x({2, 3});
  Tensor<float> y({2, 3}), other({3, 2});
  const auto with = [&](double stddev, const DropoutKey& key, std::int64_t first, Tensor<float>& out) {
    return [&, stddev, key, first] { gaussian_noise(x, stddev, key, first, out); };
  };
  for (const double wrong : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_TRUE(refuses(with(wrong, kKey, 0, y), "gaussian_noise", {"stddev = "}));
  for (const double wrong : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_TRUE(refuses([&] { gaussian_dropout(x, wrong, kKey, 0, y); }, "gaussian_dropout", {"rate = "}));
  EXPECT_TRUE(refuses([&] { gaussian_dropout(x, 0.5, kKey, 0, other); }, "gaussian_dropout", {"(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses(with(1, {0, 0, 1 << 16}, 0, y), "gaussian_noise", {"key.layer"}));
  EXPECT_TRUE(refuses(with(1, kKey, -1, y), "gaussian_noise", {"first_sample = -1"}));
  EXPECT_TRUE(refuses(with(1, kKey, 0, other), "gaussian_noise", {"(3, 2)", "(2, 3)"}));
}

}  // namespace
}  // namespace hubel::test
