// Dropout: which elements are dropped, as the definition has it from single Philox blocks; how many; backward as
// forward, cuts of the batch, independence of what the key holds, threads, memory, instruction sets, errors.
#include "hubel/dropout.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "every_target.hpp"
#include "hubel/random.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

constexpr DropoutKey kKey{0x1234567890abcdef, 0x123456789abc, 0xfedc};

template <class T>
class DropoutTest : public ::testing::Test {};
TYPED_TEST_SUITE(DropoutTest, FloatTypes);

// The 16 bits of element e of a sample.
std::uint32_t bits(const DropoutKey& key, std::int64_t sample, std::int64_t e) {
  const auto low = [](auto x) { return static_cast<std::uint32_t>(x); };
  const auto block =
      philox4x32({low(e / 128 * 16 + e % 16), low(sample), low(key.step), low(key.step >> 32) << 16 | low(key.layer)},
                 {low(key.seed), low(key.seed >> 32) ^ 0x64726F70u});
  const std::uint32_t word = block[static_cast<std::size_t>(e % 64 / 16)];
  return e % 128 < 64 ? word & 0xFFFF : word >> 16;
}

template <class T>
Tensor<T> run(bool channels, TensorView<const T> x, double rate, const DropoutKey& key = kKey, std::int64_t first = 0) {
  auto y = constant_tensor<T>(x.shape(), T(77));
  channels ? spatial_dropout_forward(x, rate, key, first, y) : dropout_forward(x, rate, key, first, y);
  return y;
}

template <class T>
void check(const Shape& shape, double rate, std::int64_t first) {
  SCOPED_TRACE(detail::formatted("{} at {}", shape.to_string(), rate));
  const Tensor<T> x = random_tensor<T>(shape, 1);
  const std::int64_t size = shape.without_first().elements();
  const std::uint32_t threshold = static_cast<std::uint32_t>(std::min(std::lround(rate * 65536), 65535L));
  for (bool channels : {false, true}) {
    if (channels && shape.rank() < 2) continue;
    const Tensor<T> y = run<T>(channels, x, rate, kKey, first);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t place = channels ? i % shape.back() : i % size;
      const bool kept = bits(kKey, first + i / size, place) >= threshold;
      ASSERT_EQ(y[i], kept ? x[i] * static_cast<T>(1 / (1 - rate)) : T(0)) << i << ", channels: " << channels;
    }
  }
}

TYPED_TEST(DropoutTest, AsDefined) {
  with_every_target([] {
    for (double rate : {0.0, 0.1, 0.5, 0.999999})
      for (const Shape& shape :
           {Shape{300}, Shape{3, 1}, Shape{9, 127}, Shape{2, 129}, Shape{1, 5003}, Shape{70, 30}, Shape{2, 17, 19, 3},
            Shape{2, 5, 3, 150}, Shape{3, 41, 43, 16}, Shape{0, 5}, Shape{5, 0, 4}, Shape{2, 3, 0}})
        check<TypeParam>(shape, rate, 5);
  });
}

TYPED_TEST(DropoutTest, OfSamplesAsDefined) {
  using T = TypeParam;
  for (double rate : {0.0, 0.3, 0.9}) {
    for (const Shape& shape :
         {Shape{300}, Shape{50, 1}, Shape{40, 3, 5, 7}, Shape{6, 70, 71}, Shape{0, 5}, Shape{5, 0}}) {
      Tensor<T> x = random_tensor<T>(shape, 1), y(shape), dx(shape);
      stochastic_depth_forward(x, rate, kKey, 5, y);
      stochastic_depth_backward(x, rate, kKey, 5, dx);
      EXPECT_TRUE(same_bits(y, dx));
      const std::int64_t size = shape.without_first().elements();
      const auto threshold = static_cast<std::uint32_t>(std::lround(rate * 65536));
      for (std::int64_t i = 0; i < x.size(); ++i) {
        const bool kept = bits(kKey, 5 + i / size, 0) >= threshold;
        ASSERT_EQ(y[i], kept ? x[i] * static_cast<T>(1 / (1 - rate)) : T(0)) << shape.to_string() << " " << i;
      }
      stochastic_depth_forward(x, rate, kKey, 5, x);  // in place
      EXPECT_TRUE(same_bits(x, y));
    }
  }
  const Tensor<T> x({2, 3});
  Tensor<T> y({2, 3}), other({3, 2});
  EXPECT_THROW(stochastic_depth_forward(x, 1.0, kKey, 0, y), std::invalid_argument);
  EXPECT_THROW(stochastic_depth_forward(x, 0.5, kKey, -1, y), std::invalid_argument);
  EXPECT_THROW(stochastic_depth_forward(x, 0.5, kKey, 0, other), std::invalid_argument);
}

TYPED_TEST(DropoutTest, AlphaAsDefined) {
  using T = TypeParam;
  constexpr double kLimit = -1.7580993408473766, kTolerance = std::is_same_v<T, float> ? 4e-7 : 1e-15;
  with_every_target([] {
    for (const double rate : {0.0, 0.2, 0.7}) {
      const double s = 1 / std::sqrt((1 - rate) * (1 + rate * kLimit * kLimit)), t = -s * rate * kLimit;
      for (const Shape& shape : {Shape{300}, Shape{3, 1}, Shape{2, 17, 19, 3}, Shape{0, 5}, Shape{5, 0, 4}}) {
        Tensor<T> x = random_tensor<T>(shape, 1), y(shape), dx(shape);
        const Tensor<T> plain = run<T>(false, x, rate, kKey, 5), dy = random_tensor<T>(shape, 2);
        alpha_dropout_forward(x, rate, kKey, 5, y);
        alpha_dropout_backward(dy, rate, kKey, 5, dx);
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const bool kept = plain[i] != 0;  // the same elements as dropout
          const double value = kept ? static_cast<double>(x[i]) : kLimit;
          ASSERT_NEAR(static_cast<double>(y[i]), s * value + t, 4 * kTolerance) << i;
          ASSERT_NEAR(static_cast<double>(dx[i]), kept ? s * static_cast<double>(dy[i]) : 0, 2 * kTolerance) << i;
        }
        alpha_dropout_forward(x, rate, kKey, 5, x);  // in place
        EXPECT_TRUE(same_bits(x, y));
      }
    }
  });
}

TYPED_TEST(DropoutTest, AlphaKeepsMeanAndVariance) {
  using T = TypeParam;
  // Uniform of mean 0 and variance 1.
  const double bound = std::sqrt(3);
  const Tensor<T> x = random_tensor<T>({40, 50, 100}, 3, -bound, bound);
  for (const double rate : {0.1, 0.5}) {
    Tensor<T> y(x.shape());
    alpha_dropout_forward(x, rate, kKey, 0, y);
    double sum = 0, squares = 0;
    for (const T v : y) sum += static_cast<double>(v), squares += static_cast<double>(v) * static_cast<double>(v);
    const double n = static_cast<double>(y.size());
    EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
    EXPECT_NEAR(squares / n, 1, 8 / std::sqrt(n));
    for (const int threads : {2, 4}) {
      Tensor<T> other(x.shape());
      with_threads(threads, [&] { alpha_dropout_forward(x, rate, kKey, 0, other); });
      EXPECT_TRUE(same_bits(other, y));
    }
  }
}

// The share dropped is the rate within four standard deviations, in each of several parts of the batch.
TYPED_TEST(DropoutTest, AsManyAsTheRateSays) {
  using T = TypeParam;
  for (double rate : {0.05, 0.3, 0.5, 0.9}) {
    const Tensor<T> x = constant_tensor<T>({64, 40, 40, 1}, 1), wide = constant_tensor<T>({400, 2, 256}, 1);
    for (const Tensor<T>& y : {run<T>(false, x, rate), run<T>(true, wide, rate)}) {
      const bool channels = y.shape().rank() == 3;
      const double n = static_cast<double>(y.size() / (channels ? 2 : 1));
      double dropped = 0, sum = 0;
      for (T v : y) dropped += v == 0 ? 1 : 0, sum += static_cast<double>(v);
      dropped /= channels ? 2 : 1, sum /= channels ? 2 : 1;
      const double deviation = std::sqrt(rate * (1 - rate) / n);
      EXPECT_NEAR(dropped / n, rate, 4 * deviation + 0x1p-17);
      EXPECT_NEAR(sum / n, 1, (4 * deviation + 0x1p-17) / (1 - rate));
    }
  }
}

// Two masks that have nothing to do with each other agree in half the places at rate 1/2.
template <class T>
double agreement(const Tensor<T>& a, const Tensor<T>& b) {
  double same = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) same += (a[i] == 0) == (b[i] == 0) ? 1 : 0;
  return same / static_cast<double>(a.size());
}

TYPED_TEST(DropoutTest, EveryPartOfTheKeyCounts) {
  using T = TypeParam;
  const Tensor<T> x = constant_tensor<T>({4, 10'000}, 1);
  const Tensor<T> y = run<T>(false, x, 0.5);
  EXPECT_EQ(agreement(y, run<T>(false, x, 0.5)), 1);
  const double tolerance = 4 * std::sqrt(0.25 / 40'000);
  for (const DropoutKey& other :
       {DropoutKey{kKey.seed + 1, kKey.step, kKey.layer}, DropoutKey{kKey.seed ^ 1ull << 63, kKey.step, kKey.layer},
        DropoutKey{kKey.seed, kKey.step + 1, kKey.layer}, DropoutKey{kKey.seed, kKey.step ^ 1ull << 47, kKey.layer},
        DropoutKey{kKey.seed, kKey.step, kKey.layer - 1}})
    EXPECT_NEAR(agreement(y, run<T>(false, x, 0.5, other)), 0.5, tolerance);
  EXPECT_NEAR(agreement(y, run<T>(false, x, 0.5, kKey, 4)), 0.5, tolerance);
}

TYPED_TEST(DropoutTest, AnyCutOfTheBatch) {
  using T = TypeParam;
  for (const Shape& shape : {Shape{9, 300}, Shape{9, 7, 5, 33}}) {
    const Tensor<T> x = random_tensor<T>(shape, 2);
    const std::int64_t size = shape.without_first().elements();
    for (bool channels : {false, true}) {
      const Tensor<T> whole = run<T>(channels, x, 0.4, kKey, 3);
      for (std::int64_t begin = 0; begin < 9; begin += 2) {
        const Shape part = shape.with_first(std::min<std::int64_t>(2, 9 - begin));
        const TensorView<const T> from(x.data() + begin * size, part);
        const Tensor<T> y = run<T>(channels, from, 0.4, kKey, 3 + begin);
        EXPECT_TRUE(same_bits<T>(y, TensorView<const T>(whole.data() + begin * size, part)));
      }
    }
  }
}

TYPED_TEST(DropoutTest, BackwardIsForwardAndInPlace) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({3, 9, 11, 5}, 3);
  Tensor<T> dx(x.shape()), both = x;
  dropout_backward(x, 0.3, kKey, 2, dx);
  EXPECT_TRUE(same_bits(dx, run<T>(false, x, 0.3, kKey, 2)));
  dropout_backward(both, 0.3, kKey, 2, both);
  EXPECT_TRUE(same_bits(both, dx));
  spatial_dropout_backward(x, 0.3, kKey, 2, dx);
  EXPECT_TRUE(same_bits(dx, run<T>(true, x, 0.3, kKey, 2)));
  both = x;
  spatial_dropout_forward(both, 0.3, kKey, 2, both);
  EXPECT_TRUE(same_bits(both, dx));
}

TYPED_TEST(DropoutTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({5, 71, 73, 9}, 4);
  for (bool channels : {false, true}) {
    const auto call = [&] { return run<T>(channels, x, 0.3); };
    const Tensor<T> one = with_threads(1, call);
    for (int threads : {2, 4}) EXPECT_TRUE(same_bits(with_threads(threads, call), one));
  }
}

// What is dropped is 0, whatever it was; what is kept stays what it was.
TYPED_TEST(DropoutTest, NanAndInfinity) {
  using T = TypeParam;
  for (T bad : {std::numeric_limits<T>::quiet_NaN(), -std::numeric_limits<T>::infinity()}) {
    const Tensor<T> x = constant_tensor<T>({2, 100}, bad), ones = constant_tensor<T>({2, 100}, 1);
    for (bool channels : {false, true}) {
      const Tensor<T> y = run<T>(channels, x, 0.5), kept = run<T>(channels, ones, 0.5);
      for (std::int64_t i = 0; i < x.size(); ++i) EXPECT_TRUE(kept[i] == 0 ? y[i] == 0 : same_kind(y[i], bad)) << i;
    }
  }
}

TYPED_TEST(DropoutTest, NothingOutsideItsArrays) {
  using T = TypeParam;
  with_every_target([] {
    for (std::int64_t c = 1; c <= 40; ++c)
      for (const Shape& shape : {Shape{2, c}, Shape{2, 3, 5, c}, Shape{1, 31, 33, c}})
        for (Fence fence : {Fence::before, Fence::after}) {
          const OnCrashSay say(shape.to_string());
          const Tensor<T> x = random_tensor<T>(shape, 5);
          const FencedTensor<T> fenced(x, fence);
          FencedTensor<T> y(shape, fence), z(shape, fence);
          dropout_forward(fenced, 0.4, kKey, 0, y);
          spatial_dropout_forward(fenced, 0.4, kKey, 0, z);
          EXPECT_TRUE(y.untouched() && z.untouched());
          EXPECT_TRUE(same_bits<T>(y.view(), run<T>(false, x, 0.4)));
          EXPECT_TRUE(same_bits<T>(z.view(), run<T>(true, x, 0.4)));
        }
  });
}

TEST(DropoutErrorTest, RateKeyAndShapes) {
  const Tensor<float> x({2, 3}), scalar(Shape{}), flat({4});
  Tensor<float> y({2, 3}), wrong({3, 2}), scalar_y(Shape{}), flat_y({4});
  constexpr std::string_view who = "dropout_forward", spatial = "spatial_dropout_forward";
  for (double rate : {-0.1, 1.0, 2.0, std::nan("")}) {
    const std::vector<std::string> parts = {"rate", detail::formatted("{}", rate), "at least 0 and below 1"};
    EXPECT_TRUE(refuses([&] { dropout_forward(x, rate, {}, 0, y); }, who, parts));
    EXPECT_TRUE(refuses([&] { dropout_backward(x, rate, {}, 0, y); }, "dropout_backward", parts));
    EXPECT_TRUE(refuses([&] { alpha_dropout_forward(x, rate, {}, 0, y); }, "alpha_dropout_forward", parts));
    EXPECT_TRUE(refuses([&] { alpha_dropout_backward(x, rate, {}, 0, y); }, "alpha_dropout_backward", parts));
    EXPECT_TRUE(refuses([&] { spatial_dropout_forward(x, rate, {}, 0, y); }, spatial, parts));
    EXPECT_TRUE(refuses([&] { spatial_dropout_backward(x, rate, {}, 0, y); }, "spatial_dropout_backward", parts));
  }
  EXPECT_TRUE(refuses([&] { dropout_forward(x, 0.5, {0, 0, 65536}, 0, y); }, who, {"key.layer", "65536", "2^16"}));
  EXPECT_TRUE(refuses([&] { dropout_forward(x, 0.5, {0, 1ull << 48, 0}, 0, y); }, who, {"key.step", "2^48"}));
  EXPECT_TRUE(refuses([&] { dropout_forward(x, 0.5, {}, -1, y); }, who, {"first_sample", "-1"}));
  EXPECT_TRUE(refuses([&] { dropout_forward(x, 0.5, {}, (1ll << 32) - 1, y); }, who, {"first_sample", "2^32"}));
  EXPECT_TRUE(refuses([&] { dropout_forward(x, 0.5, {}, 0, wrong); }, who, {"y", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { dropout_backward(x, 0.5, {}, 0, wrong); }, "dropout_backward", {"dx", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { dropout_forward(scalar, 0.5, {}, 0, scalar_y); }, who, {"x", "()"}));
  EXPECT_TRUE(
      refuses([&] { spatial_dropout_forward(flat, 0.5, {}, 0, flat_y); }, spatial, {"x", "(4,)", "(m, ..., c)"}));
}

}  // namespace
}  // namespace hubel::test
