// A dense layer for a few samples against the dense layer: every size about the vectors' and blocks' widths.
#include "ops/small_dense.hpp"

#include <gtest/gtest.h>

#include "hubel/dense.hpp"
#include "small_dense_cases.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-13;

template <class T>
class SmallDenseTest : public ::testing::Test {};
TYPED_TEST_SUITE(SmallDenseTest, FloatTypes);

TYPED_TEST(SmallDenseTest, EverySize) {
  for (std::int64_t n = 1; n <= 40; ++n)
    for (const std::int64_t m : {1, 2, 3, 4, 5, 8, 11})
      check_small_dense<TypeParam>(m, n, 1 + n * 23 % 41, kTolerance<TypeParam>);
  for (std::int64_t n : {119, 120, 121, 255, 256, 257, 400, 513}) {
    check_small_dense<TypeParam>(9, n, 33, kTolerance<TypeParam>);
    check_small_dense<TypeParam>(6, 21, n, kTolerance<TypeParam>);
  }
  check_small_dense<TypeParam>(300, 5, 7, kTolerance<TypeParam>);
}

TYPED_TEST(SmallDenseTest, NoSamples) {
  const detail::SmallDense dense{7, 5};
  Tensor<TypeParam> dW = constant_tensor<TypeParam>({7, 5}, 1);
  dense.backward_weights<TypeParam>(nullptr, nullptr, 0, 0, 7, dW.data());
  EXPECT_TRUE(same_bits(dW, Tensor<TypeParam>({7, 5})));
}

// What it makes of a sample does not depend on the others.
TYPED_TEST(SmallDenseTest, SampleBySample) {
  const detail::SmallDense dense{301, 37};
  const Tensor<TypeParam> X = random_tensor<TypeParam>({11, 301}, 1), W = random_tensor<TypeParam>({301, 37}, 2),
                          b = random_tensor<TypeParam>({37}, 3), dZ = random_tensor<TypeParam>({11, 37}, 4);
  Tensor<TypeParam> Y({11, 37}), dX({11, 301}), y({1, 37}), dx({1, 301});
  dense.forward(X.data(), W.data(), b.data(), Activation::tanh, 11, Y.data());
  dense.backward_data(dZ.data(), W.data(), 11, dX.data());
  for (std::int64_t i = 0; i < 11; ++i) {
    dense.forward(X.data() + i * 301, W.data(), b.data(), Activation::tanh, 1, y.data());
    dense.backward_data(dZ.data() + i * 37, W.data(), 1, dx.data());
    EXPECT_TRUE(same_bits(std::as_const(y).view(), TensorView<const TypeParam>(Y.data() + i * 37, y.shape())));
    EXPECT_TRUE(same_bits(std::as_const(dx).view(), TensorView<const TypeParam>(dX.data() + i * 301, dx.shape())));
  }
}

}  // namespace
}  // namespace hubel::test
