// Softmax cross-entropy: its value, its gradient and its count of correct answers.
#include "hubel/loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 1e-14;

std::vector<std::int32_t> random_labels(std::int64_t m, std::int64_t classes, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(m));
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(noise.integer(0, classes - 1));
  return labels;
}

template <class T>
class LossTest : public ::testing::Test {};
TYPED_TEST_SUITE(LossTest, FloatTypes);

TYPED_TEST(LossTest, RandomBatches) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Noise noise(seed);
    const std::int64_t m = noise.integer(1, 40), classes = noise.integer(1, 40);
    const double range = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 20 : 1e4;
    const Tensor<T> logits = random_tensor<T>({m, classes}, seed, -range, range);
    const std::vector<std::int32_t> labels = random_labels(m, classes, seed);
    Tensor<T> dlogits = constant_tensor<T>(logits.shape(), std::numeric_limits<T>::quiet_NaN());
    const LossResult got = softmax_cross_entropy(logits, labels, dlogits);
    const reference::CrossEntropy expected = reference::softmax_cross_entropy<T>(logits, labels);
    EXPECT_NEAR(got.loss, static_cast<double>(expected.loss), kTolerance<T> * std::max<double>(1, expected.loss))
        << seed;
    EXPECT_EQ(got.correct, expected.correct) << seed;
    const double scale = 1.0 / static_cast<double>(m);
    for (std::int64_t i = 0; i < dlogits.size(); ++i)
      ASSERT_NEAR(dlogits[i], static_cast<double>(expected.dlogits[i]), kTolerance<T> * scale) << seed;
  }
}

TYPED_TEST(LossTest, ByHand) {
  using T = TypeParam;
  const Tensor<T> logits({2, 2}, {0, 0, T(std::log(3.0)), 0});
  const std::vector<std::int32_t> labels = {1, 0};
  Tensor<T> dlogits({2, 2});
  const LossResult got = softmax_cross_entropy(logits, labels, dlogits);
  EXPECT_NEAR(got.loss, (std::log(2.0) - std::log(0.75)) / 2, kTolerance<T>);
  EXPECT_EQ(got.correct, 1);  // of the two equal logits the first is the answer, and wrong
  EXPECT_NEAR(dlogits[0], 0.25, kTolerance<T>);
  EXPECT_NEAR(dlogits[1], -0.25, kTolerance<T>);
  EXPECT_NEAR(dlogits[2], -0.125, kTolerance<T>);
  EXPECT_NEAR(dlogits[3], 0.125, kTolerance<T>);
}

TYPED_TEST(LossTest, WithoutTheGradient) {
  using T = TypeParam;
  const Tensor<T> logits = random_tensor<T>({9, 10}, 1);
  const std::vector<std::int32_t> labels = random_labels(9, 10, 2);
  Tensor<T> dlogits(logits.shape());
  const LossResult with = softmax_cross_entropy(logits, labels, dlogits),
                   without = softmax_cross_entropy(logits, labels);
  EXPECT_EQ(with.loss, without.loss);
  EXPECT_EQ(with.correct, without.correct);
}

TYPED_TEST(LossTest, LossesOfTheSamples) {
  using T = TypeParam;
  const Tensor<T> logits = random_tensor<T>({23, 10}, 6);
  const std::vector<std::int32_t> labels = random_labels(23, 10, 7);
  std::vector<float> losses(23);
  const LossResult all = softmax_cross_entropy(logits, labels, {}, {.losses = losses});
  double sum = 0;
  for (std::int64_t i = 0; i < 23; ++i) {
    const TensorView<const T> row(logits.data() + 10 * i, Shape{1, 10});
    const double alone = softmax_cross_entropy(row, std::span(labels).subspan(static_cast<std::size_t>(i), 1)).loss;
    EXPECT_EQ(losses[static_cast<std::size_t>(i)], static_cast<float>(alone)) << i;
    sum += alone;
  }
  EXPECT_NEAR(all.loss, sum / 23, 1e-14);
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(logits, labels, {}, {.losses = std::span(losses).first(22)}); },
                      "softmax_cross_entropy", {"22 elements", "23 rows"}));
}

// The label's probability is 0.75, 0.5 and 0.25: what lies above the bound has no gradient, the others keep theirs, and
// the loss counts all.
TYPED_TEST(LossTest, SkipsWhatIsLearned) {
  using T = TypeParam;
  const T log3 = static_cast<T>(std::log(3.0));
  const Tensor<T> logits({3, 2}, {log3, 0, 0, 0, log3, 0});
  const std::vector<std::int32_t> labels = {0, 0, 1};
  Tensor<T> all(logits.shape());
  const LossResult plain = softmax_cross_entropy(logits, labels, all);
  for (const double skip_above : {1.0, 0.8, 0.6, 0.4, 0.1}) {
    Tensor<T> got = constant_tensor<T>(logits.shape(), std::numeric_limits<T>::quiet_NaN());
    const LossResult skipping = softmax_cross_entropy(logits, labels, got, {.skip_above = skip_above});
    EXPECT_EQ(skipping.loss, plain.loss);
    EXPECT_EQ(skipping.correct, plain.correct);
    for (std::int64_t i = 0; i < 6; ++i)
      EXPECT_EQ(got[i], 0.75 - 0.25 * static_cast<double>(i / 2) > skip_above ? T(0) : all[i])
          << skip_above << ' ' << i;
  }
}

TYPED_TEST(LossTest, NoSamples) {
  Tensor<TypeParam> logits({0, 10}), dlogits({0, 10});
  const LossResult got = softmax_cross_entropy(logits, std::span<const std::int32_t>(), dlogits);
  EXPECT_EQ(got.loss, 0);
  EXPECT_EQ(got.correct, 0);
}

TYPED_TEST(LossTest, OneClassIsCertain) {
  Tensor<TypeParam> logits({3, 1}, {5, -5, 0}), dlogits({3, 1}, {1, 1, 1});
  const std::vector<std::int32_t> labels = {0, 0, 0};
  const LossResult got = softmax_cross_entropy(logits, labels, dlogits);
  EXPECT_EQ(got.loss, 0);
  EXPECT_EQ(got.correct, 3);
  EXPECT_TRUE(same_bits(dlogits, Tensor<TypeParam>({3, 1})));
}

// No finite logit overflows: not in the loss, which is a double, nor in the gradient.
TYPED_TEST(LossTest, LargestLogits) {
  using T = TypeParam;
  const T large = std::numeric_limits<T>::max() / 4;
  const Tensor<T> logits({1, 3}, {large, -large, 0});
  Tensor<T> dlogits({1, 3});
  const std::vector<std::int32_t> wrong = {1}, right = {0};
  EXPECT_EQ(softmax_cross_entropy(logits, wrong, dlogits).loss, 2 * static_cast<double>(large));
  EXPECT_TRUE(same_bits(dlogits, Tensor<T>({1, 3}, {1, -1, 0})));
  EXPECT_EQ(softmax_cross_entropy(logits, right, dlogits).loss, 0);
}

TEST(FloatLossTest, TheLargestFloats) {
  const float large = std::numeric_limits<float>::max();
  const std::vector<std::int32_t> label = {1};
  EXPECT_EQ(softmax_cross_entropy(Tensor<float>({1, 2}, {large, -large}), label).loss, 2 * static_cast<double>(large));
}

// A class that is ruled out has probability 0; as the label it costs infinitely much.
TYPED_TEST(LossTest, InfinityAndNan) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> ruled_out({1, 3}, {1, -inf, 1}), unknown({2, 3}, {1, nan, 1, 0, 0, 0});
  const std::vector<std::int32_t> first = {0}, second = {1}, both = {0, 0};
  Tensor<T> dlogits({1, 3}), both_dlogits({2, 3});
  EXPECT_NEAR(softmax_cross_entropy(ruled_out, first, dlogits).loss, std::log(2.0), kTolerance<T>);
  EXPECT_EQ(dlogits[1], T(0));
  EXPECT_EQ(softmax_cross_entropy(ruled_out, second).loss, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(softmax_cross_entropy(unknown, both, both_dlogits).loss));
  for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(both_dlogits[i]), i < 3) << i;
}

// A running sum of a hundred thousand equal losses drifts, in double beyond the contract's 1e-12.
TYPED_TEST(LossTest, LargeBatch) {
  using T = TypeParam;
  const std::int64_t m = 100'000;
  const Tensor<T> logits = constant_tensor<T>({m, 2}, T(0.1));
  const LossResult got = softmax_cross_entropy(logits, random_labels(m, 2, 3));
  EXPECT_NEAR(got.loss, std::log(2.0), 1e-12 * std::log(2.0));
}

TYPED_TEST(LossTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const Tensor<T> logits = random_tensor<T>({5000, 10}, 4);
  const std::vector<std::int32_t> labels = random_labels(5000, 10, 5);
  Tensor<T> dlogits(logits.shape());
  const auto run = [&] { return softmax_cross_entropy(logits, labels, dlogits); };
  const LossResult one = with_threads(1, run);
  const Tensor<T> kept = dlogits;
  for (int threads : {2, 3, 5}) {
    const LossResult got = with_threads(threads, run);
    EXPECT_EQ(got.loss, one.loss);
    EXPECT_EQ(got.correct, one.correct);
    EXPECT_TRUE(same_bits(dlogits, kept));
  }
}

}  // namespace
}  // namespace hubel::test
