// Metrics against counting by hand, and against scikit-learn's definitions written out.
#include "hubel/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

using Labels = std::vector<std::int32_t>;

Labels random_classes(std::int64_t n, std::int64_t classes, std::uint64_t seed) {
  Noise noise(seed);
  Labels labels(static_cast<std::size_t>(n));
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(noise.integer(0, classes - 1));
  return labels;
}

TEST(ConfusionMatrix, Counts) {
  ConfusionMatrix matrix(3);
  EXPECT_EQ(matrix.accuracy(), 0);
  matrix.add(Labels{0, 0, 1, 2, 2, 2}, Labels{0, 1, 1, 2, 0, 2});
  matrix.add(Labels{1}, Labels{1});
  EXPECT_EQ(std::vector<std::int64_t>(matrix.counts().begin(), matrix.counts().end()),
            (std::vector<std::int64_t>{1, 1, 0, 0, 2, 0, 1, 0, 2}));
  EXPECT_EQ(matrix(2, 0), 1);
  EXPECT_EQ(matrix.count(), 7);
  EXPECT_EQ(matrix.accuracy(), 5.0 / 7);
  matrix.clear();
  EXPECT_EQ(matrix.count(), 0);
}

// Counted afresh from the lists, class by class.
TEST(ConfusionMatrix, ScoresOfRandomAnswers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Noise noise(seed);
    const std::int64_t classes = noise.integer(1, 12), n = noise.integer(0, 60);
    const Labels labels = random_classes(n, classes, seed), answers = random_classes(n, classes, seed + 100);
    ConfusionMatrix matrix(classes);
    matrix.add(labels, answers);
    const std::vector<ClassScores> scores = matrix.scores();
    double precisions = 0, weighted_recall = 0, f1s = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      double hits = 0, taken = 0, of_it = 0;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        taken += answers[i] == c;
        of_it += labels[i] == c;
        hits += answers[i] == c && labels[i] == c;
      }
      const double precision = taken > 0 ? hits / taken : 0, recall = of_it > 0 ? hits / of_it : 0;
      const double f1 = precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
      const ClassScores& got = scores[static_cast<std::size_t>(c)];
      EXPECT_EQ(got.precision, precision);
      EXPECT_EQ(got.recall, recall);
      EXPECT_NEAR(got.f1, f1, 1e-15);
      EXPECT_EQ(got.support, of_it);
      precisions += precision;
      f1s += f1;
      weighted_recall += of_it * recall;
    }
    const double count = static_cast<double>(n), k = static_cast<double>(classes);
    EXPECT_NEAR(matrix.scores(Average::macro).precision, precisions / k, 1e-14);
    EXPECT_NEAR(matrix.scores(Average::macro).f1, f1s / k, 1e-14);
    EXPECT_NEAR(matrix.scores(Average::weighted).recall, n > 0 ? weighted_recall / count : 0, 1e-14);
    EXPECT_EQ(matrix.scores(Average::weighted).support, count);
    const ClassScores micro = matrix.scores(Average::micro);
    EXPECT_EQ(micro.precision, matrix.accuracy());
    EXPECT_EQ(micro.recall, matrix.accuracy());
    EXPECT_NEAR(micro.f1, matrix.accuracy(), 1e-15);
  }
}

TEST(ConfusionMatrix, RefusesWhatIsNoClass) {
  ConfusionMatrix matrix(3);
  EXPECT_TRUE(refuses([] { ConfusionMatrix none(0); }, "ConfusionMatrix", {"classes is 0", "at least 1"}));
  EXPECT_TRUE(refuses(
      [&] {
        matrix.add(Labels{0, 3}, Labels{0, 0});
      },
      "ConfusionMatrix", {"labels[1] is 3", "[0, 3)"}));
  EXPECT_TRUE(refuses([&] { matrix.add(Labels{0}, Labels{-1}); }, "ConfusionMatrix", {"answers[0] is -1", "[0, 3)"}));
  EXPECT_TRUE(refuses([&] { matrix.add(Labels{0}, Labels{0, 1}); }, "ConfusionMatrix", {"1 label", "2 answers"}));
  EXPECT_EQ(matrix.count(), 0);
}

template <class T>
class MetricsTest : public ::testing::Test {};
TYPED_TEST_SUITE(MetricsTest, FloatTypes);

// By sorting, of equal outputs the first coming first.
template <class T>
bool among_largest(const T* x, std::int64_t classes, std::int32_t label, std::int64_t k) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(classes));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::int32_t a, std::int32_t b) { return x[a] != x[b] ? x[a] > x[b] : a < b; });
  const auto end = order.begin() + std::min(k, classes);
  return std::find(order.begin(), end, label) != end;
}

TYPED_TEST(MetricsTest, TopK) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Noise noise(seed);
    const std::int64_t m = noise.integer(1, 30), classes = noise.integer(1, 12), k = noise.integer(1, 14);
    Tensor<T> outputs({m, classes});
    for (T& x : outputs) x = static_cast<T>(noise.integer(0, 5));  // many are equal
    const Labels labels = random_classes(m, classes, seed);
    Metrics metrics(classes, {.top_k = k});
    metrics.add(outputs, labels);
    double among = 0, first = 0;
    for (std::int64_t i = 0; i < m; ++i) {
      const std::int32_t label = labels[static_cast<std::size_t>(i)];
      among += among_largest(outputs.data() + i * classes, classes, label, k);
      first += among_largest(outputs.data() + i * classes, classes, label, 1);
    }
    EXPECT_EQ(top_k_accuracy(outputs, labels, k), among / static_cast<double>(m)) << seed;
    EXPECT_EQ(metrics.top_k_accuracy(), among / static_cast<double>(m)) << seed;
    EXPECT_EQ(metrics.accuracy(), first / static_cast<double>(m)) << seed;
    EXPECT_EQ(metrics.confusion().accuracy(), metrics.accuracy());
    Tensor<T> rows({m, classes});
    for (std::int64_t i = 0; i < m; ++i) rows[i * classes + labels[static_cast<std::size_t>(i)]] = 1;
    EXPECT_EQ(top_k_accuracy(outputs.view(), rows.view(), k), among / static_cast<double>(m));
    Labels some = labels;  // of which the first half is to be ignored
    std::fill_n(some.begin(), m / 2, -1);
    const TensorView<const T> rest(outputs.data() + m / 2 * classes, Shape{m - m / 2, classes});
    EXPECT_EQ(top_k_accuracy(outputs, some, k, -1), top_k_accuracy(rest, std::span(labels).subspan(m / 2), k));
  }
}

// Batches of pixels add up, on any number of threads, and rows to be ignored are not there.
TYPED_TEST(MetricsTest, Batches) {
  using T = TypeParam;
  const Tensor<T> outputs = random_tensor<T>({4, 61, 63, 5}, 1);
  Labels labels = random_classes(4 * 61 * 63, 5, 2);
  for (std::size_t i = 0; i < labels.size(); i += 7) labels[i] = 255;
  const auto run = [&] {
    Metrics metrics(5, {.top_k = 2, .ignore_label = 255});
    metrics.add(outputs, labels);
    return metrics;
  };
  const Metrics whole = with_threads(1, run), threaded = with_threads(4, run);
  Metrics parts(5, {.top_k = 2, .ignore_label = 255});
  const std::int64_t size = 61 * 63 * 5;
  for (std::int64_t i = 0; i < 4; ++i)
    parts.add(TensorView<const T>(outputs.data() + i * size, {1, 61, 63, 5}),
              std::span(labels).subspan(static_cast<std::size_t>(i * 61 * 63), 61 * 63));
  std::int64_t wanted = 0;
  for (const std::int32_t label : labels) wanted += label != 255;
  for (const Metrics* other : {&threaded, static_cast<const Metrics*>(&parts)}) {
    EXPECT_EQ(other->count(), wanted);
    EXPECT_EQ(other->accuracy(), whole.accuracy());
    EXPECT_EQ(other->top_k_accuracy(), whole.top_k_accuracy());
    EXPECT_TRUE(std::ranges::equal(other->confusion().counts(), whole.confusion().counts()));
  }
  EXPECT_GT(whole.top_k_accuracy(), whole.accuracy());
  parts.clear();
  EXPECT_EQ(parts.count(), 0);
  EXPECT_EQ(parts.accuracy(), 0);
}

TYPED_TEST(MetricsTest, NanIsNeverRight) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> outputs({2, 3}, {nan, 1, 2, 3, nan, 1});
  EXPECT_EQ(top_k_accuracy(outputs, Labels{0, 0}, 1), 0);
  EXPECT_EQ(top_k_accuracy(outputs, Labels{0, 0}, 2), 0.5);
}

TYPED_TEST(MetricsTest, Elements) {
  using T = TypeParam;
  const Tensor<T> outputs({2, 2}, {T(0.5), T(0.75), T(0.25), 1}), targets({2, 2}, {0, 1, 1, 1});
  EXPECT_EQ(binary_accuracy(outputs, targets), 0.75);
  EXPECT_EQ(binary_accuracy(outputs, targets, 0), 0.75);
  EXPECT_EQ(mean_absolute_error(outputs, targets), (0.5 + 0.25 + 0.75) / 4);
  const Tensor<T> none(Shape{0});
  EXPECT_EQ(binary_accuracy(none, none), 0);
  EXPECT_EQ(mean_absolute_error(none, none), 0);
  EXPECT_EQ(top_k_accuracy(Tensor<T>({0, 3}), Labels{}, 1), 0);
}

TEST(Metrics, RefusesWrongArguments) {
  const Tensor<float> outputs({2, 3}), other({3, 2}), flat({6});
  Metrics metrics(3);
  EXPECT_TRUE(refuses([] { Metrics none(3, {.top_k = 0}); }, "Metrics", {"k is 0", "at least 1"}));
  EXPECT_TRUE(refuses([&] { metrics.add(other, Labels{0, 1, 1}); }, "Metrics", {"(3, 2)", "3"}));
  EXPECT_TRUE(refuses([&] { metrics.add(outputs, Labels{0, 3}); }, "Metrics", {"labels[1] is 3", "[0, 3)"}));
  EXPECT_TRUE(refuses([&] { metrics.add(outputs, Labels{0}); }, "Metrics", {"1 label", "2 rows"}));
  EXPECT_TRUE(refuses([&] { top_k_accuracy(flat, Labels{0}, 1); }, "top_k_accuracy", {"(6,)", "(m, classes)"}));
  EXPECT_TRUE(refuses([&] { top_k_accuracy(outputs, Labels{0, 1}, 0); }, "top_k_accuracy", {"k is 0"}));
  EXPECT_TRUE(refuses([&] { binary_accuracy(outputs, other); }, "binary_accuracy", {"targets", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { mean_absolute_error(outputs, other); }, "mean_absolute_error", {"(3, 2)", "(2, 3)"}));
  EXPECT_EQ(metrics.count(), 0);
}

}  // namespace
}  // namespace hubel::test
