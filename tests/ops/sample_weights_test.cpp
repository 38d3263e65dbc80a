// Losses with weights of samples and of rows, against their definitions and central differences.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "hubel/loss.hpp"
#include "hubel/threads.hpp"
#include "loss_reference.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

using reference::Number;

constexpr double kTolerance = 1e-13;  // sums in double of what is computed in double

template <class T>
class SampleWeightsTest : public ::testing::Test {};
TYPED_TEST_SUITE(SampleWeightsTest, FloatTypes);

// About a fifth of them 0.
std::vector<float> random_weights(std::int64_t count, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<float> weights;
  for (std::int64_t i = 0; i < count; ++i)
    weights.push_back(noise.chance(0.2) ? 0 : static_cast<float>(noise.real(0.1, 3)));
  return weights;
}

std::vector<std::int32_t> random_labels(std::int64_t rows, std::int64_t classes, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(rows));
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(noise.integer(0, classes - 1));
  return labels;
}

// The sum of the weighted losses, divided as without weights: by the elements, the rows, or the labels' class weights.
template <class L, class T>
Number expected(const L& loss, const Tensor<T>& y, TensorView<const T> t, const std::vector<float>& weights) {
  Number sum = 0;
  const std::int64_t of = y.size() / std::ssize(weights), rows = y.size() / y.shape().back();
  const auto weight = [&](std::int64_t element) {
    return static_cast<Number>(weights[static_cast<std::size_t>(element / of)]);
  };
  if constexpr (requires { reference::element(loss, 0.0L, 0.0L); }) {
    for (std::int64_t i = 0; i < y.size(); ++i)
      sum += weight(i) * reference::element(loss, static_cast<Number>(y[i]), static_cast<Number>(t[i]));
    return sum / static_cast<Number>(y.size());
  } else {
    for (std::int64_t i = 0; i < rows; ++i)
      sum +=
          weight(i * y.shape().back()) * reference::row(loss, reference::row_of(y.view(), i), reference::row_of(t, i));
    return sum / static_cast<Number>(rows);
  }
}
template <class L, class T>
Number expected(const L& loss, const Tensor<T>& y, std::span<const std::int32_t> labels,
                const std::vector<float>& weights) {
  Number sum = 0, divisor = 0;
  const std::size_t of = labels.size() / weights.size();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if constexpr (requires { loss.ignore_label; }) {
      if (labels[i] == loss.ignore_label) continue;
    }
    const auto label = static_cast<std::size_t>(labels[i]);
    sum += static_cast<Number>(weights[i / of]) *
           reference::row(loss, reference::row_of(y.view(), static_cast<std::int64_t>(i)), label);
    if constexpr (requires { loss.class_weights; }) {
      divisor += reference::weight_of(loss.class_weights, label);
    } else {
      divisor += 1;
    }
  }
  return sum / divisor;
}

// Weights of samples, and of rows.
template <class L, class T, class Answers>
void expect_weighted(const L& loss, Tensor<T> y, const Answers& answers) {
  for (const std::int64_t count : {y.shape()[0], y.size() / y.shape().back()}) {
    SCOPED_TRACE(detail::formatted("{} of {}, {} weights", loss_name(loss), y.shape().to_string(), count));
    const std::vector<float> weights = random_weights(count, 3);
    Tensor<T> dy = constant_tensor<T>(y.shape(), std::numeric_limits<T>::quiet_NaN());
    const auto wanted = [&] { return expected(loss, y, answers, weights); };
    const LossResult got = compute_loss(loss, y, answers, dy, weights), plain = compute_loss(loss, y, answers);
    EXPECT_NEAR(got.loss, static_cast<double>(wanted()),
                kTolerance * std::max(1.0, std::abs(static_cast<double>(wanted()))));
    EXPECT_EQ(got.loss, compute_loss(loss, y, answers, {}, weights).loss);
    EXPECT_EQ(got.weight, plain.weight);
    EXPECT_EQ(got.correct, plain.correct);
    if constexpr (std::is_same_v<T, double>) {
      EXPECT_TRUE(close(dy, numerical_gradient(y, wanted, 1e-6), 1e-8));
    } else {
      for (const T d : dy) EXPECT_FALSE(std::isnan(d));
    }
  }
}

template <class T>
Tensor<T> distributions(Shape shape, std::uint64_t seed) {
  Tensor<T> t = random_tensor<T>(shape, seed, 0.1, 1);
  const std::int64_t classes = shape.back();
  for (std::int64_t row = 0; row * classes < t.size(); ++row) {
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += static_cast<double>(t[row * classes + c]);
    for (std::int64_t c = 0; c < classes; ++c) t[row * classes + c] = static_cast<T>(t[row * classes + c] / sum);
  }
  return t;
}

const Shape kShapes[] = {{1, 3}, {7, 4}, {3, 2, 5}, {4, 3, 2, 6}};

TYPED_TEST(SampleWeightsTest, Elements) {
  using T = TypeParam;
  for (const Shape& shape : kShapes) {
    const Tensor<T> y = random_tensor<T>(shape, 1, -2, 2), p = random_tensor<T>(shape, 2, 0.1, 0.9);
    const Tensor<T> t = random_tensor<T>(shape, 3, -2, 2), q = random_tensor<T>(shape, 4, 0, 1);
    expect_weighted(MeanSquaredError{}, y, t.view());
    expect_weighted(MeanAbsoluteError{}, y, t.view());
    expect_weighted(Huber{.delta = 0.5}, y, t.view());
    expect_weighted(BinaryCrossEntropy{.pos_weight = 2}, p, q.view());
    expect_weighted(BinaryCrossEntropy{.from_logits = true, .label_smoothing = 0.1}, y, q.view());
    expect_weighted(BinaryFocal{.from_logits = true, .alpha = 0.3}, y, q.view());
    expect_weighted(LogCosh{}, y, t.view());
    expect_weighted(MeanAbsolutePercentageError{}, y, t.view());
    expect_weighted(MeanSquaredLogarithmicError{}, y, t.view());
    expect_weighted(Poisson{}, p, q.view());
    Tensor<T> sides(shape);
    for (std::int64_t i = 0; i < sides.size(); ++i) sides[i] = static_cast<T>(i % 2);
    for (T& side : sides) side = side == T(0) ? T(-1) : T(1);
    expect_weighted(Hinge{}, y, TensorView<const T>(sides));
    expect_weighted(SquaredHinge{}, y, TensorView<const T>(sides));
  }
}

TYPED_TEST(SampleWeightsTest, RowsOfTargets) {
  using T = TypeParam;
  for (const Shape& shape : kShapes) {
    const Tensor<T> y = random_tensor<T>(shape, 1, -2, 2), t = distributions<T>(shape, 2);
    const std::vector<double> class_weights(static_cast<std::size_t>(shape.back()), 0.5);
    expect_weighted(CrossEntropy{}, y, t.view());
    expect_weighted(CrossEntropy{.label_smoothing = 0.2, .class_weights = class_weights}, y, t.view());
    expect_weighted(CategoricalHinge{}, y, t.view());
    expect_weighted(KLDivergence{}, distributions<T>(shape, 4), t.view());
    expect_weighted(CategoricalFocal{}, distributions<T>(shape, 4), t.view());
    expect_weighted(CosineSimilarity{}, y, t.view());
  }
}

TYPED_TEST(SampleWeightsTest, RowsOfLabels) {
  using T = TypeParam;
  for (const Shape& shape : kShapes) {
    const std::int64_t classes = shape.back(), rows = shape.elements() / classes;
    const Tensor<T> y = random_tensor<T>(shape, 1, -2, 2);
    std::vector<std::int32_t> labels = random_labels(rows, classes, 5);
    std::vector<double> class_weights;
    for (std::int64_t c = 0; c < classes; ++c) class_weights.push_back(0.5 + static_cast<double>(c));
    const std::span<const std::int32_t> all(labels);
    expect_weighted(CrossEntropy{}, y, all);
    expect_weighted(CategoricalHinge{}, y, all);
    expect_weighted(CategoricalFocal{.from_logits = true, .gamma = 1}, y, all);
    expect_weighted(NegativeLogLikelihood{.class_weights = class_weights}, y, all);
    if (rows > 1) labels[1] = -1;
    expect_weighted(CrossEntropy{.label_smoothing = 0.1, .class_weights = class_weights, .ignore_label = -1}, y, all);
    expect_weighted(NegativeLogLikelihood{.class_weights = class_weights, .ignore_label = -1}, y, all);
  }
}

// More than one run of rows and of elements, on any number of threads.
TYPED_TEST(SampleWeightsTest, LargeImages) {
  using T = TypeParam;
  const Shape shape{2, 67, 131, 3};
  const Tensor<T> y = random_tensor<T>(shape, 1, -2, 2), t = random_tensor<T>(shape, 2);
  const std::vector<std::int32_t> labels = random_labels(shape.elements() / 3, 3, 5);
  for (const std::int64_t count : {shape[0], shape.elements() / 3}) {
    const std::vector<float> weights = random_weights(count, 7);
    const double squared = compute_loss(MeanSquaredError{}, y, t, {}, weights).loss;
    EXPECT_NEAR(squared, static_cast<double>(expected(MeanSquaredError{}, y, t.view(), weights)), 1e-13);
    const std::span<const std::int32_t> all(labels);
    const double entropy = compute_loss(CrossEntropy{}, y, all, {}, weights).loss;
    EXPECT_NEAR(entropy, static_cast<double>(expected(CrossEntropy{}, y, all, weights)), 1e-13);
    const int threads = num_threads();
    for (const int n : {1, 2, 4}) {
      set_num_threads(n);
      EXPECT_EQ(compute_loss(MeanSquaredError{}, y, t, {}, weights).loss, squared) << n;
      EXPECT_EQ(compute_loss(CrossEntropy{}, y, all, {}, weights).loss, entropy) << n;
    }
    set_num_threads(threads);
  }
}

std::vector<Loss> losses_of_labels() { return {CrossEntropy{}, CategoricalHinge{}, NegativeLogLikelihood{}}; }

TYPED_TEST(SampleWeightsTest, OnesChangeNothing) {
  using T = TypeParam;
  const Tensor<T> y = random_tensor<T>({9, 4}, 1, -2, 2), t = distributions<T>({9, 4}, 2);
  const std::vector<std::int32_t> labels = random_labels(9, 4, 3);
  const std::vector<float> ones(9, 1.0f);
  Tensor<T> with({9, 4}), without({9, 4});
  for (const Loss& loss : losses_of_labels()) {
    EXPECT_EQ(compute_loss(loss, y, labels, with, ones).loss, compute_loss(loss, y, labels, without).loss);
    EXPECT_TRUE(same_bits(with, without)) << loss_name(loss);
  }
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(KLDivergence{}), Loss(MeanSquaredError{})}) {
    const double weighted = compute_loss(loss, t, t, with, ones).loss, plain = compute_loss(loss, t, t, without).loss;
    EXPECT_NEAR(weighted, plain, 1e-15);  // elements are summed sample by sample
    EXPECT_TRUE(same_bits(with, without)) << loss_name(loss);
  }
}

// What has no weight is not looked at: its infinite loss would be NaN.
TYPED_TEST(SampleWeightsTest, NothingComesOfZero) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  const Tensor<T> y({2, 2}, {-inf, inf, 2, 1}), t({2, 2}, {1, 0, T(0.5), T(0.5)});
  const std::vector<std::int32_t> labels = {0, 1};
  const std::vector<float> weights = {0, 2}, none = {0, 0};
  Tensor<T> dy({2, 2});
  const auto expect_nothing = [&](const LossResult& result) {
    EXPECT_TRUE(std::isfinite(result.loss));
    EXPECT_EQ(dy[0], T(0));
    EXPECT_EQ(dy[1], T(0));
  };
  for (const Loss& loss : losses_of_labels()) {
    expect_nothing(compute_loss(loss, y, labels, dy, weights));
    EXPECT_NE(dy[3], T(0));
    expect_nothing(compute_loss(loss, y, labels, dy, none));
    EXPECT_TRUE(same_bits(dy, Tensor<T>({2, 2}))) << loss_name(loss);
  }
  for (const Loss& loss :
       {Loss(CrossEntropy{}), Loss(MeanSquaredError{}), Loss(BinaryCrossEntropy{.from_logits = true})})
    expect_nothing(compute_loss(loss, y, t, dy, weights));
}

// Losses of samples, whose elements are a row here, take weights of samples alone.
TYPED_TEST(SampleWeightsTest, Overlaps) {
  using T = TypeParam;
  const Tensor<T> y = random_tensor<T>({6, 7}, 1, 0, 1), t = random_tensor<T>({6, 7}, 2, 0, 1);
  expect_weighted(Tversky{.alpha = 0.3, .beta = 0.7}, y, t.view());
  expect_weighted(Dice{}, y, t.view());
  const std::vector<float> three = {1, 0, 2}, six(6, 1);
  const TensorView<const T> deep_y(y.data(), Shape{3, 2, 7}), deep_t(t.data(), Shape{3, 2, 7});
  Tensor<T> dy({3, 2, 7});
  const double weighted = compute_loss(Dice{}, deep_y, deep_t, dy, three).loss;
  EXPECT_GT(weighted, 0);
  for (std::int64_t i = 14; i < 28; ++i) EXPECT_EQ(dy[i], T(0));
  EXPECT_TRUE(refuses([&] { compute_loss(Dice{}, deep_y, deep_t, {}, six); }, "compute_loss", {"each of 3 samples"}));
}

TEST(SampleWeights, RefusesWrongWeights) {
  const Tensor<float> y({2, 3, 4}), flat({4, 3});
  const std::vector<std::int32_t> labels(6, 0), four(4, 0);
  const std::vector<float> five(5, 1), negative = {1, -1}, unknown = {std::nanf(""), 1};
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> infinite = {1, inf};
  for (const Loss& loss : {Loss(MeanSquaredError{}), Loss(CategoricalHinge{}), Loss(CrossEntropy{})}) {
    const std::string_view who = std::holds_alternative<CrossEntropy>(loss) ? "softmax_cross_entropy" : "compute_loss";
    const auto with = [&](const std::vector<float>& weights) { return [&] { compute_loss(loss, y, y, {}, weights); }; };
    EXPECT_TRUE(refuses(with(five), who, {"sample_weights has 5 elements", "(2, 3, 4)"}));
    EXPECT_TRUE(refuses(with(negative), who, {"sample_weights[1] is -1", "at least 0"}));
    EXPECT_TRUE(refuses(with(unknown), who, {"sample_weights[0] is nan", "finite"}));
    EXPECT_TRUE(refuses(with(infinite), who, {"sample_weights[1] is inf", "finite"}));
  }
  EXPECT_TRUE(refuses([&] { compute_loss(CategoricalHinge{}, y, labels, {}, five); }, "compute_loss", {"has 5"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(flat, four, {}, {.sample_weights = five}); }, "softmax_cross_entropy",
                      {"sample_weights has 5 elements", "logits", "(4, 3)"}));
}

}  // namespace
}  // namespace hubel::test
