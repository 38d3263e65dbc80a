// Starting weights: their distributions, and what their values depend on.
#include "hubel/initializer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "testing.hpp"

namespace hubel::test {
namespace {

struct Moments {
  double mean = 0, variance = 0, kurtosis = 0, largest = 0;
};

Moments moments(const Tensor<double>& x) {
  Moments m;
  const double n = static_cast<double>(x.size());
  for (double v : x) m.mean += v / n;
  for (double v : x) m.variance += (v - m.mean) * (v - m.mean) / n;
  for (double v : x) m.kurtosis += std::pow(v - m.mean, 4) / n / (m.variance * m.variance);
  for (double v : x) m.largest = std::max(m.largest, std::abs(v));
  return m;
}

// Kurtosis: 3 of a normal distribution, 9/5 of a uniform one. What of a normal one is within two deviations has, p
// being the density at 2 and P the probability of that, the moments (1 - 4 p / P) and (3 - 28 p / P).
constexpr double kNormal = 3, kUniform = 1.8, kRatio = 0.0539909665 / 0.9544997361;
constexpr double kTruncatedVariance = 1 - 4 * kRatio;
constexpr double kTruncated = (3 - 28 * kRatio) / (kTruncatedVariance * kTruncatedVariance);

struct Case {
  Initializer initializer;
  double variance, kurtosis;
  double largest = std::numeric_limits<double>::infinity();
};

// With n = 200,000 the mean is within 5 sigma / sqrt(n), and the variance within 5 sqrt(2 / n) of itself, but for one
// seed in a million; this seed is fixed.
TEST(Initializer, Moments) {
  constexpr std::int64_t n = 200'000;
  constexpr double fan_in = 30, fan_out = 50;
  const Case cases[] = {
      {Initializer::he_normal, 2 / fan_in, kNormal},
      {Initializer::he_uniform, 2 / fan_in, kUniform, std::sqrt(6 / fan_in)},
      {Initializer::glorot_normal, 2 / (fan_in + fan_out), kNormal},
      {Initializer::glorot_uniform, 2 / (fan_in + fan_out), kUniform, std::sqrt(6 / (fan_in + fan_out))},
      {Initializer::lecun_normal, 1 / fan_in, kNormal},
      {Initializer::lecun_uniform, 1 / fan_in, kUniform, std::sqrt(3 / fan_in)},
      {Initializer::random_normal, 0.0025, kNormal},
      {Initializer::random_uniform, 0.0025 / 3, kUniform, 0.05},
      {Initializer::truncated_normal, 0.0025 * kTruncatedVariance, kTruncated, 0.1}};
  for (const Case& c : cases) {
    SCOPED_TRACE(initializer_name(c.initializer));
    Tensor<double> w(Shape{n});
    initialize(w, c.initializer, 30, 50, 1, 0);
    const Moments m = moments(w);
    EXPECT_NEAR(m.mean, 0, 5 * std::sqrt(c.variance / n));
    EXPECT_NEAR(m.variance, c.variance, c.variance * 5 * std::sqrt(2.0 / n));
    EXPECT_NEAR(m.kurtosis, c.kurtosis, 0.06);
    EXPECT_LE(m.largest, c.largest);
    EXPECT_GT(m.largest, 0.99 * std::min(c.largest, 4 * std::sqrt(c.variance)));
  }
}

TEST(Initializer, Constants) {
  Tensor<float> w = constant_tensor<float>({7}, 3.0f);
  initialize(w, Initializer::zeros, 1, 1, 9, 9);
  EXPECT_TRUE(same_bits(w, Tensor<float>(Shape{7})));
  initialize(w, Initializer::ones, 1, 1, 9, 9);
  EXPECT_TRUE(same_bits(w, constant_tensor<float>({7}, 1.0f)));
}

TEST(Initializer, DependsOnSeedAndStreamAndIndexAlone) {
  for (const Initializer initializer : {Initializer::he_normal, Initializer::truncated_normal}) {
    const auto start = [&](std::int64_t n, std::uint64_t seed, std::uint64_t stream) {
      Tensor<float> w(Shape{n});
      initialize(w, initializer, 10, 10, seed, stream);
      return w;
    };
    const Tensor<float> w = start(10'000, 1, 2);
    EXPECT_FALSE(same_bits(w, start(10'000, 2, 2)));
    EXPECT_FALSE(same_bits(w, start(10'000, 1, 3)));
    const Tensor<float> head = start(100, 1, 2);
    EXPECT_TRUE(std::equal(head.begin(), head.end(), w.begin()));
    for (const int threads : {1, 2, 3})
      EXPECT_TRUE(same_bits(w, with_threads(threads, [&] { return start(10'000, 1, 2); })));
  }
}

TEST(Initializer, WhatIsNotDrawnAgainIsTheNormalNumber) {
  Tensor<double> normal(Shape{1000}), truncated(Shape{1000});
  initialize(normal, Initializer::random_normal, 1, 1, 5, 6);
  initialize(truncated, Initializer::truncated_normal, 1, 1, 5, 6);
  std::int64_t again = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const bool inside = std::abs(normal[i]) <= 0.1;
    EXPECT_EQ(truncated[i] == normal[i], inside);
    again += !inside;
  }
  EXPECT_NEAR(static_cast<double>(again), 45.5, 5 * std::sqrt(45.5));
}

TEST(Initializer, FloatIsDoubleRounded) {
  Tensor<float> a(Shape{100});
  Tensor<double> b(Shape{100});
  initialize(a, Initializer::glorot_uniform, 3, 4, 5, 6);
  initialize(b, Initializer::glorot_uniform, 3, 4, 5, 6);
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(a[i], static_cast<float>(b[i]));
}

TEST(Initializer, NamesAndErrors) {
  for (const char* name : {"zeros", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal",
                           "lecun_uniform", "ones", "random_normal", "random_uniform", "truncated_normal"})
    EXPECT_EQ(initializer_name(initializer_from_name(name)), name);
  EXPECT_EQ(initializer_from_name("normal"), Initializer::random_normal);
  EXPECT_EQ(initializer_from_name("uniform"), Initializer::random_uniform);
  EXPECT_TRUE(refuses([] { initializer_from_name("he", "Dense"); }, "Dense", {"\"he\"", "he_normal, he_uniform"}));
  Tensor<float> w(Shape{3});
  EXPECT_TRUE(refuses([&] { initialize(w, Initializer::he_normal, 0, 1, 0, 0); }, "initialize", {"fan_in = 0"}));
}

}  // namespace
}  // namespace hubel::test
