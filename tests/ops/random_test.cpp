// The random numbers: Philox's published values, the distributions, and that a stream is a function of its position.
#include "hubel/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

namespace hubel::test {
namespace {

using Block = std::array<std::uint32_t, 4>;

// From kat_vectors of the authors' Random123, philox4x32 with 10 rounds.
TEST(PhiloxTest, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

constexpr std::uint64_t kDraws = 100'000;

std::vector<double> uniforms(const Random& random) {
  std::vector<double> x(kDraws);
  for (std::uint64_t n = 0; n < kDraws; ++n) x[n] = random.uniform(n);
  return x;
}

std::vector<double> normals(const Random& random) {
  std::vector<double> x(kDraws);
  for (std::uint64_t n = 0; n < kDraws; ++n) x[n] = random.normal(n);
  return x;
}

// The mean of f over x.
template <class F>
double mean(const std::vector<double>& x, F f) {
  double sum = 0;
  for (double value : x) sum += f(value);
  return sum / static_cast<double>(x.size());
}

// Kolmogorov & Smirnov's distance from the distribution cdf, times sqrt(n): above 1.95 once in a thousand samples.
template <class F>
double kolmogorov(std::vector<double> x, F cdf) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double distance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = cdf(x[i]), rank = static_cast<double>(i);
    distance = std::max({distance, p - rank / n, (rank + 1) / n - p});
  }
  return distance * std::sqrt(n);
}

// The correlation of x with y, times sqrt(n): normally distributed when they are independent.
double correlation(const std::vector<double>& x, const std::vector<double>& y, std::size_t lag = 0) {
  const auto self = [](double v) { return v; };
  const double mx = mean(x, self), my = mean(y, self);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i + lag < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i + lag] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i + lag] - my) * (y[i + lag] - my);
  }
  return xy / std::sqrt(xx * yy) * std::sqrt(static_cast<double>(x.size()));
}

TEST(RandomTest, UniformIsUniform) {
  for (std::uint64_t seed : {0u, 1u, 12345u}) {
    const std::vector<double> x = uniforms(Random(seed));
    EXPECT_GE(*std::min_element(x.begin(), x.end()), 0);
    EXPECT_LT(*std::max_element(x.begin(), x.end()), 1);
    EXPECT_LT(kolmogorov(x, [](double v) { return v; }), 1.95) << seed;
    for (std::size_t lag : {1, 2, 3, 4}) EXPECT_LT(std::abs(correlation(x, x, lag)), 4) << seed << " lag " << lag;
  }
}

// 53 bits: multiples of 2^-53, and the last bit is used.
TEST(RandomTest, UniformHas53Bits) {
  const Random random(5);
  int odd = 0;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const double scaled = std::ldexp(random.uniform(n), 53);
    EXPECT_EQ(scaled, std::floor(scaled));
    odd += std::fmod(scaled, 2) == 1 ? 1 : 0;
  }
  EXPECT_NEAR(odd, 500, 65);  // four standard deviations
}

// Moments within four standard errors: 1, 1, sqrt(15) and sqrt(96) over sqrt(n).
TEST(RandomTest, NormalIsNormal) {
  const double error = 4 / std::sqrt(static_cast<double>(kDraws));
  for (std::uint64_t seed : {0u, 1u, 12345u}) {
    const std::vector<double> x = normals(Random(seed));
    EXPECT_NEAR(mean(x, [](double v) { return v; }), 0, error) << seed;
    EXPECT_NEAR(mean(x, [](double v) { return v * v; }), 1, error * std::sqrt(2.0)) << seed;
    EXPECT_NEAR(mean(x, [](double v) { return v * v * v; }), 0, error * std::sqrt(15.0)) << seed;
    EXPECT_NEAR(mean(x, [](double v) { return v * v * v * v; }), 3, error * std::sqrt(96.0)) << seed;
    EXPECT_LT(kolmogorov(x, [](double v) { return std::erfc(-v / std::sqrt(2.0)) / 2; }), 1.95) << seed;
    for (std::size_t lag : {1, 2, 3, 4}) EXPECT_LT(std::abs(correlation(x, x, lag)), 4) << seed << " lag " << lag;
  }
}

TEST(RandomTest, SeedsAndStreamsAreIndependent) {
  const std::vector<double> x = uniforms(Random(1, 0));
  for (const Random& other : {Random(2, 0), Random(1, 1), Random(0, 1), Random(1, std::uint64_t(1) << 32),
                              Random((std::uint64_t(1) << 32) + 1, 0)}) {
    const std::vector<double> y = uniforms(other);
    EXPECT_NE(x, y);
    EXPECT_LT(std::abs(correlation(x, y)), 4);
  }
}

TEST(RandomTest, AFunctionOfSeedStreamAndPosition) {
  const Random a(7, 3), b(7, 3);
  EXPECT_EQ(a.bits(1'000'000'007), b.bits(1'000'000'007));
  std::vector<std::uint64_t> forwards(100), backwards(100);
  for (std::uint64_t n = 0; n < 100; ++n) forwards[n] = a.bits(n);
  for (std::uint64_t n = 100; n-- > 0;) backwards[n] = b.bits(n);
  EXPECT_EQ(forwards, backwards);
  EXPECT_NE(a.bits(5), a.bits(5 + (std::uint64_t(1) << 33)));  // positions beyond 32 bits count
}

TEST(RandomTest, BitsAreEvenAndDistinct) {
  const Random random(9);
  std::vector<std::uint64_t> seen(kDraws);
  std::array<int, 64> ones{};
  for (std::uint64_t n = 0; n < kDraws; ++n) {
    seen[n] = random.bits(n);
    for (std::size_t bit = 0; bit < 64; ++bit) ones[bit] += static_cast<int>(seen[n] >> bit & 1);
  }
  for (int count : ones) EXPECT_NEAR(count, kDraws / 2, 4.5 * std::sqrt(kDraws / 4.0));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

// Pearson's statistic for counts that should be equal, as a number of standard deviations above its mean.
double excess(const std::vector<int>& counts) {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0), k = static_cast<double>(counts.size());
  double chi2 = 0;
  for (int count : counts) chi2 += (count - total / k) * (count - total / k) / (total / k);
  return (chi2 - (k - 1)) / std::sqrt(2 * (k - 1));
}

TEST(RandomTest, BelowIsUniform) {
  const Random random(11);
  for (std::uint64_t bound : {2u, 3u, 10u, 100u}) {
    std::vector<int> counts(bound);
    for (std::uint64_t n = 0; n < kDraws; ++n) {
      const std::uint64_t x = random.below(n, bound);
      ASSERT_LT(x, bound);
      ++counts[x];
    }
    EXPECT_LT(excess(counts), 4) << bound;
  }
}

TEST(RandomTest, BelowExtremes) {
  const Random random(12);
  const std::uint64_t large = std::uint64_t(3) << 62;
  int upper = 0;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    EXPECT_EQ(random.below(n, 1), 0u);
    ASSERT_LT(random.below(n, large), large);
    upper += random.below(n, large) >= large / 3 ? 1 : 0;
  }
  EXPECT_NEAR(upper, 667, 60);  // a remainder instead of a product would give 500
}

TEST(RandomTest, PermutationIsAPermutation) {
  for (std::int64_t n : {0, 1, 2, 3, 10, 1000, 60'000}) {
    std::vector<std::int32_t> p = Random(1).permutation(n);
    ASSERT_EQ(static_cast<std::int64_t>(p.size()), n);
    std::sort(p.begin(), p.end());
    for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(p[static_cast<std::size_t>(i)], i);
  }
}

TEST(RandomTest, PermutationDependsOnSeedAndStream) {
  const std::vector<std::int32_t> p = Random(1, 2).permutation(100);
  EXPECT_EQ(p, Random(1, 2).permutation(100));
  EXPECT_NE(p, Random(2, 2).permutation(100));
  EXPECT_NE(p, Random(1, 3).permutation(100));
}

// Each of the 24 orders of four equally often, over streams as epochs use them.
TEST(RandomTest, PermutationsAreUniform) {
  std::map<std::vector<std::int32_t>, int> times;
  for (std::uint64_t stream = 0; stream < 24'000; ++stream) ++times[Random(3, stream).permutation(4)];
  std::vector<int> counts;
  for (const auto& [order, count] : times) counts.push_back(count);
  ASSERT_EQ(counts.size(), 24u);
  EXPECT_LT(excess(counts), 4);
}

}  // namespace
}  // namespace hubel::test
