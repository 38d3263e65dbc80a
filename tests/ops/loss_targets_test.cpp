// Which targets a loss is of.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "hubel/loss.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
void check(const Loss& loss, const Shape& shape, const std::vector<T>& values) {
  check_target_values(loss, TensorView<const T>(values.data(), shape), "fit");
}

template <class T>
class TargetValues : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TargetValues, Types);

TYPED_TEST(TargetValues, OfTheBinaryCrossEntropy) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  for (const bool from_logits : {false, true}) {
    const Loss loss = BinaryCrossEntropy{.from_logits = from_logits};
    EXPECT_NO_THROW(check<T>(loss, {3, 2}, {0, 1, T(0.5), T(0.1), 1, 0}));
    EXPECT_NO_THROW(check<T>(loss, {0, 2}, {}));
    for (const T wrong : {T(-1), T(1.5), T(255), std::numeric_limits<T>::quiet_NaN(), inf, -inf}) {
      EXPECT_TRUE(refuses(
          [&] {
            check<T>(loss, {3, 1, 2}, {0, 1, 0, wrong, wrong, 0});
          },
          "fit", {"in [0, 1]", "sample 1 has"}));
    }
  }
}

TYPED_TEST(TargetValues, OfRowsOfProbabilities) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  for (const Loss& loss : {Loss(CrossEntropy{.label_smoothing = 0.1}), Loss(KLDivergence{})}) {
    EXPECT_NO_THROW(check<T>(loss, {3, 3}, {0, 1, 0, T(0.2), T(0.3), T(0.5), T(0.333), T(0.333), T(0.333)}));
    EXPECT_NO_THROW(check<T>(loss, {0, 3}, {}));
    EXPECT_TRUE(refuses([&] { check<T>(loss, {2, 2}, {0, 1, T(0.5), T(0.4)}); }, "fit", {"sample 1", "sum 0.9"}));
    EXPECT_TRUE(refuses([&] { check<T>(loss, {2, 2}, {0, 0, 1, 0}); }, "fit", {"sample 0", "sum 0"}));
    EXPECT_TRUE(refuses([&] { check<T>(loss, {2, 2, 1}, {1, 1, 1, 2}); }, "fit", {"sample 1", "sum 2"}));
    for (const T wrong : {T(-0.5), std::numeric_limits<T>::quiet_NaN(), inf, -inf})
      EXPECT_TRUE(refuses([&] { check<T>(loss, {2, 2}, {0, 1, wrong, T(1.5)}); }, "fit", {"sample 1 has"}));
  }
}

TYPED_TEST(TargetValues, OfCounts) {
  using T = TypeParam;
  EXPECT_NO_THROW(check<T>(Poisson{}, {2, 2}, {0, 1, 255, T(0.5)}));
  for (const T wrong : {T(-1), std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
    EXPECT_TRUE(refuses([&] { check<T>(Poisson{}, {2, 2}, {0, 1, wrong, 0}); }, "fit", {"at least 0", "sample 1 has"}));
}

TYPED_TEST(TargetValues, OutputsOfLossesOfProbabilities) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  const auto outputs = [](const Loss& loss, const std::vector<T>& values) {
    check_output_values(loss, TensorView<const T>(values.data(), Shape{2, std::ssize(values) / 2}), "fit");
  };
  for (const Loss& loss : {Loss(BinaryCrossEntropy{}), Loss(BinaryFocal{}), Loss(CategoricalFocal{}),
                           Loss(KLDivergence{}), Loss(Tversky{}), Loss(Dice{})}) {
    EXPECT_FALSE(takes_any_output(loss));
    EXPECT_NO_THROW(outputs(loss, {0, 1, T(0.5), T(1.0001), nan, 0}));
    for (const T wrong : {T(-0.001), T(1.1), inf, -inf})
      EXPECT_TRUE(refuses(
          [&] {
            outputs(loss, {0, 1, wrong, 0});
          },
          "fit", {"in [0, 1]", "sample 1 of a batch", "end "}));
  }
  for (const Loss& loss : {Loss(BinaryCrossEntropy{}), Loss(BinaryFocal{}), Loss(CategoricalFocal{})})
    EXPECT_TRUE(refuses([&] { outputs(loss, {0, 2}); }, "fit", {"from_logits"}));
  EXPECT_NO_THROW(outputs(Poisson{}, {0, 1, 255, inf}));
  EXPECT_TRUE(refuses([&] { outputs(Poisson{}, {0, T(-0.1)}); }, "fit", {"at least 0", "softplus"}));
  EXPECT_NO_THROW(outputs(NegativeLogLikelihood{}, {0, -7, T(1e-6), -inf}));
  EXPECT_TRUE(refuses([&] { outputs(NegativeLogLikelihood{}, {-1, T(0.5)}); }, "fit", {"at most 0", "log_softmax"}));
  for (const Loss& loss :
       {Loss(BinaryCrossEntropy{.from_logits = true}), Loss(BinaryFocal{.from_logits = true}),
        Loss(CategoricalFocal{.from_logits = true}), Loss(CrossEntropy{}), Loss(MeanSquaredError{}), Loss(Hinge{})}) {
    EXPECT_TRUE(takes_any_output(loss));
    EXPECT_NO_THROW(outputs(loss, {-7, 7}));
  }
}

TYPED_TEST(TargetValues, OthersTakeAny) {
  using T = TypeParam;
  for (const Loss& loss : {Loss(MeanSquaredError{}), Loss(MeanAbsoluteError{}), Loss(Huber{}), Loss(Hinge{}),
                           Loss(SquaredHinge{}), Loss(CategoricalHinge{})})
    EXPECT_NO_THROW(check<T>(loss, {2, 2}, {-1, 1, 7, std::numeric_limits<T>::infinity()}));
}

}  // namespace
}  // namespace hubel::test
