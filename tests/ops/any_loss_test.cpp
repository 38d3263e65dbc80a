// Losses by description, by labels and by targets, against their definitions and central differences.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "every_target.hpp"
#include "hubel/loss.hpp"
#include "loss_reference.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
class AnyLossTest : public ::testing::Test {};
TYPED_TEST_SUITE(AnyLossTest, FloatTypes);

// The losses are sums in double of what is computed in double from the inputs as they are.
constexpr double kTolerance = 1e-13;

template <class T>
Tensor<T> like(const Tensor<T>& x) {
  return constant_tensor<T>(x.shape(), std::numeric_limits<T>::quiet_NaN());
}

// Outputs and targets that a loss takes: away from kinks, where central differences say nothing.
struct Ranges {
  double low = -3, high = 3;
  bool sides = false;          // targets are 0 and 1 or -1 and 1
  bool probabilities = false;  // targets in (0, 1)
};
Ranges ranges(const Loss& loss) {
  if (const auto* binary = std::get_if<BinaryCrossEntropy>(&loss))
    return binary->from_logits ? Ranges{-8, 8, false, true} : Ranges{0.05, 0.95, false, true};
  if (const auto* focal = std::get_if<BinaryFocal>(&loss))
    return focal->from_logits ? Ranges{-6, 6, false, true} : Ranges{0.05, 0.95, false, true};
  if (std::holds_alternative<Poisson>(loss)) return {0.1, 9};
  if (std::holds_alternative<Hinge>(loss) || std::holds_alternative<SquaredHinge>(loss)) return {-3, 3, true, false};
  return {};
}

template <class T>
Tensor<T> targets_of(const Loss& loss, Shape shape, std::uint64_t seed) {
  const Ranges r = ranges(loss);
  if (!r.sides) return random_tensor<T>(shape, seed, r.probabilities ? 0 : -3, r.probabilities ? 1 : 3);
  Noise noise(seed);
  Tensor<T> t(shape);
  for (T& x : t) x = static_cast<T>(noise.integer(-1, 1));
  return t;
}

std::vector<Loss> element_losses() {
  return {MeanSquaredError{},
          MeanAbsoluteError{},
          Huber{},
          Huber{.delta = 0.3},
          BinaryCrossEntropy{},
          BinaryCrossEntropy{.pos_weight = 2.5},
          BinaryCrossEntropy{.from_logits = true},
          BinaryCrossEntropy{.from_logits = true, .pos_weight = 0.25},
          BinaryCrossEntropy{.label_smoothing = 0.2},
          BinaryCrossEntropy{.from_logits = true, .pos_weight = 3, .label_smoothing = 0.4},
          BinaryFocal{},
          BinaryFocal{.gamma = 0.5, .alpha = 0.25},
          BinaryFocal{.from_logits = true},
          BinaryFocal{.from_logits = true, .gamma = 3, .alpha = 0.9},
          BinaryFocal{.from_logits = true, .gamma = 0},
          LogCosh{},
          MeanAbsolutePercentageError{},
          MeanSquaredLogarithmicError{},
          Poisson{},
          Hinge{},
          SquaredHinge{}};
}

template <class T>
reference::Number expected_mean(const Loss& loss, const Tensor<T>& y, const Tensor<T>& t) {
  return std::visit(
      [&](const auto& l) {
        if constexpr (requires { reference::element(l, 0.0L, 0.0L); })
          return reference::mean_of_elements(l, y.view(), t.view());
        else
          return 0.0L;
      },
      loss);
}

template <class T>
void expect_elements(const Loss& loss, Shape shape, std::uint64_t seed) {
  SCOPED_TRACE(detail::formatted("{} of {}", loss_name(loss), shape.to_string()));
  const Ranges r = ranges(loss);
  const Tensor<T> y = random_tensor<T>(shape, seed, r.low, r.high), t = targets_of<T>(loss, shape, seed + 1);
  Tensor<T> dy = like(y);
  const LossResult got = compute_loss(loss, y, t, dy), alone = compute_loss(loss, y, t);
  const double expected = static_cast<double>(expected_mean(loss, y, t));
  EXPECT_NEAR(got.loss, expected, kTolerance * std::max(1.0, expected));
  EXPECT_EQ(got.loss, alone.loss);
  EXPECT_EQ(got.weight, static_cast<double>(shape.elements()));
  for (const T& d : dy) EXPECT_FALSE(std::isnan(d));
}

TYPED_TEST(AnyLossTest, Elements) {
  for (const Loss& loss : element_losses()) {
    for (std::int64_t n = 1; n <= 40; ++n) expect_elements<TypeParam>(loss, {n}, static_cast<std::uint64_t>(n));
    expect_elements<TypeParam>(loss, {3, 5, 7, 11}, 1);
    expect_elements<TypeParam>(loss, {2, 130, 129}, 2);
  }
}

TYPED_TEST(AnyLossTest, ElementsOnEveryInstructionSet) {
  with_every_target([] {
    for (const Loss& loss : element_losses())
      for (std::int64_t n = 1; n <= 40; ++n) expect_elements<TypeParam>(loss, {n}, static_cast<std::uint64_t>(n));
  });
}

// The gradient in double by central differences of the loss's definition, and that in float beside it.
void expect_element_gradients(const Loss& loss) {
  SCOPED_TRACE(loss_name(loss));
  const Ranges r = ranges(loss);
  Tensor<double> y = random_tensor<double>({5, 9}, 3, r.low, r.high), t = targets_of<double>(loss, y.shape(), 4);
  Tensor<double> dy = like(y);
  compute_loss(loss, y, t, dy);
  const auto expected = numerical_gradient(
      y, [&] { return expected_mean(loss, y, t); }, 1e-6);
  EXPECT_TRUE(close(dy, expected, 1e-8));
  Tensor<float> y32({5, 9}), t32({5, 9}), dy32({5, 9});
  for (std::int64_t i = 0; i < y.size(); ++i) y32[i] = static_cast<float>(y[i]), t32[i] = static_cast<float>(t[i]);
  compute_loss(loss, y32, t32, dy32);
  EXPECT_TRUE(close(dy32, expected, 1e-5));
}

TEST(AnyLossGradientTest, Elements) {
  for (const Loss& loss : element_losses()) expect_element_gradients(loss);
}

// The gradient may take the outputs' place.
TYPED_TEST(AnyLossTest, InPlace) {
  using T = TypeParam;
  for (const Loss& loss : element_losses()) {
    const Ranges r = ranges(loss);
    Tensor<T> y = random_tensor<T>({1000}, 5, r.low, r.high), dy = like(y);
    const Tensor<T> t = targets_of<T>(loss, y.shape(), 6);
    const LossResult apart = compute_loss(loss, y, t, dy), in_place = compute_loss(loss, y, t, y);
    EXPECT_EQ(apart.loss, in_place.loss);
    EXPECT_TRUE(same_bits(dy, y)) << loss_name(loss);
  }
}

TYPED_TEST(AnyLossTest, KinksAndLimits) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  const auto of = [](const Loss& loss, T y, T t) {
    Tensor<T> dy({1});
    const LossResult result = compute_loss(loss, Tensor<T>({1}, {y}), Tensor<T>({1}, {t}), dy);
    return std::pair(result.loss, static_cast<double>(dy[0]));
  };
  using Pair = std::pair<double, double>;
  EXPECT_EQ(of(MeanAbsoluteError{}, 2, 2), Pair(0, 0));
  EXPECT_EQ(of(Huber{}, 3, 2), Pair(0.5, 1));
  EXPECT_EQ(of(Huber{}, 0, 2), Pair(1.5, -1));
  EXPECT_EQ(of(Hinge{}, 1, 1), Pair(0, 0));
  EXPECT_EQ(of(Hinge{}, 0.5, 0), Pair(1.5, 1));  // 0 stands for -1
  EXPECT_EQ(of(SquaredHinge{}, 0.5, 1), Pair(0.25, -1));
  const BinaryCrossEntropy logits{.from_logits = true};
  EXPECT_EQ(of(logits, 1000, 1), Pair(0, 0));
  EXPECT_EQ(of(logits, 1000, 0), Pair(1000, 1));
  EXPECT_EQ(of(logits, -1000, 1), Pair(1000, -1));
  EXPECT_EQ(of(logits, -1000, 0), Pair(0, 0));
  EXPECT_EQ(of(logits, inf, 1), Pair(0, 0));
  EXPECT_EQ(of(logits, -inf, 0), Pair(0, 0));
  EXPECT_EQ(of(logits, inf, 0), Pair(kInfinity, 1));
  EXPECT_NEAR(of(BinaryCrossEntropy{}, 0, 1).first, 100, 1e-12);  // as in PyTorch
  EXPECT_NEAR(of(BinaryCrossEntropy{}, 1, 0).first, 100, 1e-12);
  EXPECT_EQ(of(BinaryCrossEntropy{}, 1, 1).first, 0);
}

TYPED_TEST(AnyLossTest, NanStaysNan) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (const Loss& loss : element_losses())
    for (const bool in_output : {true, false}) {
      Tensor<T> y = constant_tensor<T>({9}, T(0.5)), t = constant_tensor<T>({9}, T(1));
      (in_output ? y : t)[4] = nan;
      EXPECT_TRUE(std::isnan(compute_loss(loss, y, t).loss)) << loss_name(loss) << in_output;
    }
}

// ---- Rows --------------------------------------------------------------------------------------------------------

std::vector<std::int32_t> random_labels(std::int64_t rows, std::int64_t classes, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(rows));
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(noise.integer(0, classes - 1));
  return labels;
}

std::vector<double> random_weights(std::int64_t classes, std::uint64_t seed) {
  Noise noise(seed);
  std::vector<double> weights;
  for (std::int64_t c = 0; c < classes; ++c) weights.push_back(noise.real(0.1, 3));
  return weights;
}

// Rows of probabilities; a few of them zero.
template <class T>
Tensor<T> distributions(Shape shape, std::uint64_t seed) {
  Tensor<T> t = random_tensor<T>(shape, seed, 0, 1);
  const std::int64_t classes = shape.back();
  for (std::int64_t row = 0; row * classes < t.size(); ++row) {
    if (classes > 2) t[row * classes + row % classes] = 0;
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += static_cast<double>(t[row * classes + c]);
    for (std::int64_t c = 0; c < classes; ++c) t[row * classes + c] = static_cast<T>(t[row * classes + c] / sum);
  }
  return t;
}

// The loss of labels or targets, the mean of the definition, and with T = double the gradient by central differences.
template <class L, class T, class Targets>
void expect_rows(const L& loss, Tensor<T> y, const Targets& targets) {
  SCOPED_TRACE(detail::formatted("{} of {}", loss_name(loss), y.shape().to_string()));
  Tensor<T> dy = like(y);
  const auto expected = [&] { return reference::mean_of_rows(loss, TensorView<const T>(y), targets); };
  const LossResult got = compute_loss(loss, y, targets, dy);
  EXPECT_NEAR(got.loss, static_cast<double>(expected()),
              kTolerance * std::max(1.0, static_cast<double>(std::abs(expected()))));
  EXPECT_EQ(got.loss, compute_loss(loss, y, targets).loss);
  if constexpr (std::is_same_v<T, double>) {
    if (y.size() < 500) {
      EXPECT_TRUE(close(dy, numerical_gradient(y, expected, 1e-6), 1e-8));
    }
  }
}

TYPED_TEST(AnyLossTest, CrossEntropyOfLabels) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Noise noise(seed);
    const std::int64_t m = noise.integer(1, 9), classes = noise.integer(2, 21);
    const Shape shape = seed % 3 == 0 ? Shape{m, classes} : Shape{m, 3, 2, classes};
    const std::int64_t rows = shape.elements() / classes;
    CrossEntropy loss;
    if (noise.chance(0.5)) loss.label_smoothing = noise.real(0, 1);
    if (noise.chance(0.5)) loss.class_weights = random_weights(classes, seed);
    std::vector<std::int32_t> labels = random_labels(rows, classes, seed + 1);
    if (noise.chance(0.5)) {
      loss.ignore_label = noise.chance(0.5) ? 0 : 255;
      for (std::int32_t& label : labels)
        if (noise.chance(0.3)) label = *loss.ignore_label;
    }
    expect_rows(loss, random_tensor<T>(shape, seed, -4, 4), std::span<const std::int32_t>(labels));
  }
}

TYPED_TEST(AnyLossTest, CrossEntropyOfTargets) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Noise noise(seed);
    const std::int64_t m = noise.integer(1, 9), classes = noise.integer(1, 21);
    const Shape shape = seed % 2 == 0 ? Shape{m, classes} : Shape{m, 2, 3, classes};
    CrossEntropy loss;
    if (noise.chance(0.5)) loss.label_smoothing = noise.real(0, 1);
    if (noise.chance(0.5)) loss.class_weights = random_weights(classes, seed);
    const Tensor<T> t = distributions<T>(shape, seed + 1);
    expect_rows(loss, random_tensor<T>(shape, seed, -4, 4), t.view());
  }
}

// A one-hot row is a label.
TYPED_TEST(AnyLossTest, OneHotTargets) {
  using T = TypeParam;
  const std::vector<std::int32_t> labels = random_labels(30, 7, 1);
  const Tensor<T> y = random_tensor<T>({30, 7}, 2, -4, 4);
  Tensor<T> one_hot({30, 7}), by_label = like(y), by_target = like(y);
  for (std::size_t i = 0; i < 30; ++i) one_hot[static_cast<std::int64_t>(i) * 7 + labels[i]] = 1;
  const LossResult a = softmax_cross_entropy(y, labels, by_label), b = softmax_cross_entropy(y, one_hot, by_target);
  EXPECT_NEAR(a.loss, b.loss, 1e-14);
  EXPECT_EQ(a.correct, b.correct);
  EXPECT_EQ(b.weight, 30);
  EXPECT_TRUE(close(by_target, reference::Array::of(by_label.view()), 1e-6));
}

TYPED_TEST(AnyLossTest, OtherRows) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Noise noise(seed);
    const std::int64_t m = noise.integer(1, 9), classes = noise.integer(1, 21);
    const Shape shape = seed % 2 == 0 ? Shape{m, classes} : Shape{m, 2, 2, classes};
    const std::vector<std::int32_t> labels = random_labels(shape.elements() / classes, classes, seed + 1);
    const std::span<const std::int32_t> all(labels);
    const Tensor<T> y = random_tensor<T>(shape, seed, -2, 2), t = distributions<T>(shape, seed + 2);
    expect_rows(CategoricalHinge{}, y, all);
    expect_rows(CategoricalHinge{}, y, t.view());
    expect_rows(KLDivergence{}, random_tensor<T>(shape, seed, 0.05, 1), t.view());
    for (const double gamma : {0.0, 0.7, 2.0}) {
      const CategoricalFocal logits{.from_logits = true, .gamma = gamma}, of_p{.gamma = gamma, .alpha = 1.5};
      expect_rows(logits, y, all);
      expect_rows(logits, y, t.view());
      expect_rows(of_p, random_tensor<T>(shape, seed, 0.05, 0.95), all);
      expect_rows(of_p, random_tensor<T>(shape, seed, 0.05, 0.95), t.view());
      const CategoricalFocal weighted{.from_logits = true, .class_weights = random_weights(classes, seed)};
      expect_rows(weighted, y, all);
      expect_rows(weighted, y, t.view());
    }
    const Tensor<T> directions = random_tensor<T>(shape, seed + 3);
    if (classes > 1) expect_rows(CosineSimilarity{}, y, directions.view());
    expect_rows(NegativeLogLikelihood{}, y, all);
    expect_rows(NegativeLogLikelihood{random_weights(classes, seed), labels[0]}, y, all);
  }
}

TYPED_TEST(AnyLossTest, Overlaps) {
  using T = TypeParam;
  for (const std::int64_t size : {1, 2, 7, 300}) {
    const Tensor<T> y = random_tensor<T>({5, size}, 1, 0, 1), t = random_tensor<T>({5, size}, 2, 0, 1);
    expect_rows(Dice{}, y, t.view());
    expect_rows(Tversky{}, y, t.view());
    expect_rows(Tversky{.alpha = 0.3, .beta = 0.7}, y, t.view());
    expect_rows(Tversky{.alpha = 0, .beta = 2}, y, t.view());
  }
  // A sample is all of its elements, whatever the axes; and nothing found of nothing is right.
  const Tensor<T> y = random_tensor<T>({3, 4, 5, 2}, 3, 0, 1), t = random_tensor<T>({3, 4, 5, 2}, 4, 0, 1);
  const TensorView<const T> flat_y(y.data(), Shape{3, 40}), flat_t(t.data(), Shape{3, 40});
  EXPECT_EQ(compute_loss(Dice{}, y, t).loss, compute_loss(Dice{}, flat_y, flat_t).loss);
  EXPECT_EQ(compute_loss(Dice{}, Tensor<T>({2, 9}), Tensor<T>({2, 9})).loss, 0);
  EXPECT_EQ(compute_loss(Dice{}, Tensor<T>({0, 9}), Tensor<T>({0, 9})).loss, 0);
  EXPECT_NEAR(compute_loss(Dice{}, constant_tensor<T>({2, 9}, 1), constant_tensor<T>({2, 9}, 1)).loss, 0, 1e-15);
}

TYPED_TEST(AnyLossTest, LimitsOfTheFocalLosses) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  const auto of = [](const Loss& loss, std::vector<T> y, std::vector<T> t) {
    const auto n = static_cast<std::int64_t>(y.size());
    Tensor<T> dy({1, n});
    Tensor<T> outputs({1, n}), targets({1, n});
    std::copy(y.begin(), y.end(), outputs.begin());
    std::copy(t.begin(), t.end(), targets.begin());
    const double value = compute_loss(loss, outputs, targets, dy).loss;
    for (const T d : dy) EXPECT_TRUE(std::isfinite(d)) << loss_name(loss);
    return value;
  };
  const BinaryFocal binary{}, logits{.from_logits = true};
  EXPECT_EQ(of(binary, {1}, {1}), 0);
  EXPECT_EQ(of(binary, {0}, {0}), 0);
  EXPECT_NEAR(of(binary, {0}, {1}), 100, 1e-12);
  EXPECT_EQ(of(logits, {1000}, {1}), 0);
  EXPECT_EQ(of(logits, {1000}, {0}), 1000);
  EXPECT_EQ(of(logits, {inf}, {1}), 0);
  const CategoricalFocal rows{.alpha = 1}, row_logits{.from_logits = true, .alpha = 1};
  EXPECT_EQ(of(rows, {1, 0}, {1, 0}), 0);
  EXPECT_NEAR(of(rows, {0, 1}, {1, 0}), 100, 1e-12);
  EXPECT_NEAR(of(rows, {-2, 3}, {1, 0}), 100, 1e-12);  // what is no probability counts as the nearest
  EXPECT_EQ(of(rows, {3, -2}, {1, 0}), 0);
  EXPECT_NEAR(of(binary, {-2}, {1}), 100, 1e-12);
  EXPECT_NEAR(of(binary, {3}, {0}), 100, 1e-12);
  EXPECT_EQ(of(row_logits, {1000, 0}, {1, 0}), 0);
  EXPECT_EQ(of(row_logits, {0, 1000}, {1, 0}), 1000);
  const CategoricalFocal nothing{.class_weights = {0, 0}};
  Tensor<T> unweighted({1, 2});
  const std::vector<std::int32_t> first = {0};
  EXPECT_EQ(compute_loss(nothing, constant_tensor<T>({1, 2}, T(0.5)), std::span(first), unweighted).loss, 0);
  for (const T d : unweighted) EXPECT_EQ(d, 0);
  EXPECT_EQ(of(CosineSimilarity{}, {0, 0}, {1, 0}), 0);
  EXPECT_EQ(of(CosineSimilarity{}, {2, 0}, {1, 0}), -1);
}

TYPED_TEST(AnyLossTest, PixelsOfLargeImages) {
  using T = TypeParam;
  for (const std::int64_t classes : {2, 3, 21}) {
    const Shape shape{2, 67, 131, classes};
    const std::vector<std::int32_t> labels = random_labels(2 * 67 * 131, classes, 4);
    CrossEntropy loss{.class_weights = random_weights(classes, 5), .ignore_label = 1};
    expect_rows(loss, random_tensor<T>(shape, 6, -4, 4), std::span<const std::int32_t>(labels));
  }
  const std::vector<std::int32_t> few = {5, 9999};
  expect_rows(CrossEntropy{}, random_tensor<T>({2, 10'000}, 7), std::span<const std::int32_t>(few));
}

TYPED_TEST(AnyLossTest, IgnoredRowsHaveNoGradient) {
  using T = TypeParam;
  const std::vector<std::int32_t> labels = {1, -1, 2, -1};
  const Tensor<T> y = random_tensor<T>({4, 3}, 8);
  for (const Loss& loss : {Loss(CrossEntropy{.label_smoothing = 0.1, .ignore_label = -1}),
                           Loss(NegativeLogLikelihood{.ignore_label = -1})}) {
    Tensor<T> dy = like(y);
    const LossResult got = compute_loss(loss, y, labels, dy);
    EXPECT_EQ(got.weight, 2);
    for (std::int64_t i = 0; i < 12; ++i) EXPECT_TRUE(i / 3 % 2 == 0 || dy[i] == T(0)) << i;
    const std::vector<std::int32_t> none(4, -1);
    const LossResult nothing = compute_loss(loss, y, none, dy);
    EXPECT_EQ(nothing.loss, 0);
    EXPECT_EQ(nothing.weight, 0);
    EXPECT_TRUE(same_bits(dy, Tensor<T>({4, 3})));
  }
}

// By label or by the largest target, the first of equal outputs; what is ignored is not counted, nor is NaN.
TYPED_TEST(AnyLossTest, CountsWhatIsCorrect) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> y({5, 2}, {1, 2, 2, 1, 1, 1, 3, 1, nan, 1});
  const Tensor<T> t({5, 2}, {T(0.25), T(0.75), T(0.25), T(0.75), 1, 0, 1, 0, 1, 0});
  const std::vector<std::int32_t> labels = {1, 1, 0, 0, 0};
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(CategoricalHinge{}), Loss(KLDivergence{})})
    EXPECT_EQ(compute_loss(loss, y, t).correct, 3) << loss_name(loss);
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(CategoricalHinge{}), Loss(NegativeLogLikelihood{})})
    EXPECT_EQ(compute_loss(loss, y, labels).correct, 3) << loss_name(loss);
  for (const Loss& loss : {Loss(CrossEntropy{.ignore_label = 0}), Loss(NegativeLogLikelihood{.ignore_label = 0})})
    EXPECT_EQ(compute_loss(loss, y, labels).correct, 1) << loss_name(loss);
  EXPECT_EQ(compute_loss(MeanSquaredError{}, y, t).correct, 0);
}

// Weights that are all zero leave nothing, and not a division by it.
TYPED_TEST(AnyLossTest, WeightsOfZero) {
  using T = TypeParam;
  const std::vector<std::int32_t> labels = {0, 1};
  const Tensor<T> y = random_tensor<T>({2, 2}, 8);
  for (const Loss& loss : {Loss(CrossEntropy{.class_weights = {0, 0}}), Loss(NegativeLogLikelihood{{0, 0}, {}})}) {
    Tensor<T> dy = like(y);
    EXPECT_EQ(compute_loss(loss, y, labels, dy).loss, 0);
    for (const T& d : dy) EXPECT_EQ(d, T(0));
  }
}

// What is skipped has the label's probability, or the likeliest target's, above the bound.
TYPED_TEST(AnyLossTest, SkipsWhatIsLearnedFromTargets) {
  using T = TypeParam;
  const Tensor<T> y({2, 2}, {3, 0, 0, 0}), t({2, 2}, {T(0.75), T(0.25), 1, 0});
  Tensor<T> dy = like(y);
  softmax_cross_entropy(y, t, dy, {.skip_above = 0.9});
  EXPECT_EQ(dy[0], T(0));
  EXPECT_EQ(dy[1], T(0));
  EXPECT_NEAR(dy[2], -0.25, 1e-7);
}

// ---- Shapes, threads, names, errors ---------------------------------------------------------------------------------

TYPED_TEST(AnyLossTest, NoSamples) {
  using T = TypeParam;
  Tensor<T> y({0, 3, 4}), dy({0, 3, 4});
  const Tensor<T> t({0, 3, 4});
  for (const Loss& loss : element_losses()) EXPECT_EQ(compute_loss(loss, y, t, dy).loss, 0);
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(CategoricalHinge{}), Loss(KLDivergence{})})
    EXPECT_EQ(compute_loss(loss, y, t, dy).loss, 0);
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(CategoricalHinge{}), Loss(NegativeLogLikelihood{})})
    EXPECT_EQ(compute_loss(loss, y, std::span<const std::int32_t>(), dy).loss, 0);
}

TYPED_TEST(AnyLossTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const Tensor<T> y = random_tensor<T>({3, 150, 151, 5}, 9, 0.1, 0.9), t = distributions<T>(y.shape(), 10);
  const std::vector<std::int32_t> labels = random_labels(y.size() / 5, 5, 11);
  Tensor<T> dy = like(y);
  std::vector<Loss> losses = element_losses();
  losses.insert(losses.end(), {CrossEntropy{}, CategoricalHinge{}, KLDivergence{}});
  const auto expect_same = [&](const Loss& loss, const auto& run) {
    const double one = with_threads(1, run);
    const Tensor<T> kept = dy;
    for (const int threads : {2, 4}) {
      EXPECT_EQ(with_threads(threads, run), one) << loss_name(loss);
      EXPECT_TRUE(same_bits(dy, kept)) << loss_name(loss);
    }
  };
  for (const Loss& loss : losses) expect_same(loss, [&] { return compute_loss(loss, y, t, dy).loss; });
  for (const Loss& loss : {Loss(CrossEntropy{.label_smoothing = 0.1}), Loss(NegativeLogLikelihood{})})
    expect_same(loss, [&] { return compute_loss(loss, y, labels, dy).loss; });
}

TYPED_TEST(AnyLossTest, TouchesNothingOutside) {
  using T = TypeParam;
  std::vector<Loss> losses = element_losses();
  losses.insert(losses.end(), {CrossEntropy{.label_smoothing = 0.1}, CategoricalHinge{}, KLDivergence{}});
  for (const Loss& loss : losses)
    for (std::int64_t n = 1; n <= 20; ++n)
      for (const Fence fence : {Fence::before, Fence::after}) {
        const OnCrashSay say(detail::formatted("{} of (3, {})", loss_name(loss), n));
        const Tensor<T> y = random_tensor<T>({3, n}, 12, 0.1, 0.9), t = distributions<T>(y.shape(), 13);
        Tensor<T> dy = like(y);
        compute_loss(loss, y, t, dy);
        const FencedTensor<T> fenced_y(y, fence), fenced_t(t, fence);
        FencedTensor<T> out(y.shape(), fence);
        compute_loss(loss, fenced_y, TensorView<const T>(fenced_t), TensorView<T>(out));
        EXPECT_TRUE(out.untouched());
        EXPECT_TRUE(same_bits(out.view(), TensorView<const T>(dy)));
      }
}

// A running sum of a million equal losses drifts.
TYPED_TEST(AnyLossTest, LongSums) {
  const Tensor<TypeParam> y = constant_tensor<TypeParam>({1'000'000}, TypeParam(0.1)), t(y.shape());
  const double tenth = static_cast<double>(TypeParam(0.1));
  EXPECT_NEAR(compute_loss(MeanAbsoluteError{}, y, t).loss, tenth, 1e-15);
}

TEST(AnyLoss, Names) {
  for (const char* name :
       {"cross_entropy", "binary_crossentropy", "mse", "mae", "huber", "hinge", "squared_hinge", "categorical_hinge",
        "kl_divergence", "nll", "binary_focal_crossentropy", "categorical_focal_crossentropy", "log_cosh", "poisson",
        "cosine_similarity", "tversky", "dice", "mape", "msle"})
    EXPECT_EQ(loss_name(loss_from_name(name)), name);
  const std::vector<std::pair<const char*, const char*>> others = {{"categorical_crossentropy", "cross_entropy"},
                                                                   {"sparse_categorical_crossentropy", "cross_entropy"},
                                                                   {"bce", "binary_crossentropy"},
                                                                   {"bce_with_logits", "binary_crossentropy"},
                                                                   {"mean_squared_error", "mse"},
                                                                   {"mean_absolute_error", "mae"},
                                                                   {"l1", "mae"},
                                                                   {"mean_absolute_percentage_error", "mape"},
                                                                   {"mean_squared_logarithmic_error", "msle"},
                                                                   {"logcosh", "log_cosh"},
                                                                   {"smooth_l1", "huber"}};
  for (const auto& [other, name] : others) EXPECT_EQ(loss_name(loss_from_name(other)), name);
  EXPECT_TRUE(std::get<BinaryCrossEntropy>(loss_from_name("bce_with_logits")).from_logits);
  EXPECT_TRUE(refuses([] { loss_from_name("mes", "fit"); }, "fit", {"loss", "\"mes\"", "mse", "huber"}));
}

TEST(AnyLoss, RefusesWrongArguments) {
  const Tensor<float> y({2, 3}), other({3, 2}), flat({6});
  Tensor<float> wrong({2, 2});
  const std::vector<std::int32_t> labels = {0, 2}, three = {0, 1, 2}, high = {0, 3};
  const std::string_view who = "compute_loss";
  for (const Loss& loss : {Loss(MeanSquaredError{}), Loss(CategoricalHinge{}), Loss(KLDivergence{})}) {
    EXPECT_TRUE(refuses([&] { compute_loss(loss, y, other); }, who, {"targets", "(3, 2)", "(2, 3)"}));
    EXPECT_TRUE(refuses([&] { compute_loss(loss, y, y, wrong); }, who, {"doutputs", "(2, 2)", "(2, 3)"}));
  }
  EXPECT_TRUE(refuses([&] { compute_loss(KLDivergence{}, flat, flat); }, who, {"outputs", "(6,)", "(m, classes)"}));
  EXPECT_TRUE(refuses([&] { compute_loss(NegativeLogLikelihood{}, y, y); }, who, {"nll", "labels"}));
  EXPECT_TRUE(refuses([&] { compute_loss(MeanSquaredError{}, y, labels); }, who, {"mse", "targets", "labels"}));
  EXPECT_TRUE(refuses([&] { compute_loss(KLDivergence{}, y, labels); }, who, {"kl_divergence", "targets", "labels"}));
  for (const Loss& loss : {Loss(CategoricalHinge{}), Loss(NegativeLogLikelihood{})}) {
    EXPECT_TRUE(refuses([&] { compute_loss(loss, y, three); }, who, {"labels has 3", "outputs has 2"}));
    EXPECT_TRUE(refuses([&] { compute_loss(loss, y, high); }, who, {"labels[1] is 3", "[0, 3)"}));
  }
  EXPECT_TRUE(refuses([&] { compute_loss(Huber{.delta = 0}, y, y); }, who, {"delta is 0", "above 0"}));
  EXPECT_TRUE(refuses([] { check_loss_options(Huber{.delta = -1}, "huber"); }, "huber", {"delta is -1"}));
  EXPECT_TRUE(refuses(
      [] {
        check_loss_options(NegativeLogLikelihood{.class_weights = {1, -1}});
      },
      "loss", {"class_weights[1] is -1"}));
  EXPECT_NO_THROW(check_loss_options(BinaryFocal{.alpha = -1}));
  const Loss smoothed = BinaryCrossEntropy{.label_smoothing = 1.5};
  EXPECT_TRUE(refuses([&] { compute_loss(smoothed, y, y); }, who, {"label_smoothing is 1.5"}));
  EXPECT_TRUE(refuses([&] { compute_loss(BinaryFocal{.gamma = -1}, y, y); }, who, {"gamma is -1"}));
  EXPECT_TRUE(refuses([&] { compute_loss(BinaryFocal{.alpha = 2}, y, y); }, who, {"alpha is 2"}));
  EXPECT_TRUE(refuses([&] { compute_loss(CategoricalFocal{.gamma = kInfinity}, y, y); }, who, {"gamma is inf"}));
  EXPECT_TRUE(refuses([&] { compute_loss(CategoricalFocal{.alpha = -1}, y, y); }, who, {"alpha is -1"}));
  EXPECT_TRUE(refuses([&] { compute_loss(CategoricalFocal{.class_weights = {1, -1}}, y, y); }, who, {"class_weights"}));
  EXPECT_TRUE(refuses([&] { compute_loss(Tversky{.alpha = -1}, y, y); }, who, {"alpha is -1"}));
  EXPECT_TRUE(refuses([&] { compute_loss(Tversky{.beta = -1}, y, y); }, who, {"beta is -1"}));
  EXPECT_TRUE(refuses([&] { compute_loss(Dice{}, y, labels); }, who, {"dice", "targets", "labels"}));
  EXPECT_TRUE(refuses([&] { compute_loss(BinaryCrossEntropy{.pos_weight = -1}, y, y); }, who, {"pos_weight is -1"}));
  EXPECT_TRUE(refuses(
      [&] {
        compute_loss(NegativeLogLikelihood{{1, 2}, {}}, y, labels);
      },
      who, {"class_weights", "2", "3"}));
}

TEST(AnyLoss, RefusesWrongOptionsOfCrossEntropy) {
  const Tensor<float> y({2, 3}), other({3, 2});
  const std::vector<std::int32_t> labels = {0, 2};
  const std::vector<double> two = {1, 2}, negative = {1, -1, 1};
  const std::string_view who = "softmax_cross_entropy";
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(y, labels, {}, {.label_smoothing = 1.5}); }, who,
                      {"label_smoothing is 1.5", "[0, 1]"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(y, labels, {}, {.class_weights = two}); }, who,
                      {"class_weights has 2 elements", "3"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(y, labels, {}, {.class_weights = negative}); }, who,
                      {"class_weights[1] is -1", "at least 0"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(y, other); }, who, {"targets", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(y, y, {}, {.ignore_label = 1}); }, who, {"ignore_label", "labels"}));
}

}  // namespace
}  // namespace hubel::test
