// Scaling by constants: values, in place, threads, errors.
#include "hubel/rescale.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
class RescaleTest : public ::testing::Test {};
TYPED_TEST_SUITE(RescaleTest, FloatTypes);

TYPED_TEST(RescaleTest, AsDefined) {
  using T = TypeParam;
  for (const Shape& shape : {Shape{1}, Shape{3, 7}, Shape{2, 91, 113, 5}, Shape{0, 4}}) {
    Tensor<T> x = random_tensor<T>(shape, 1, -3, 3), y(shape);
    rescale(x, -0.4, 3, y);
    for (std::int64_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], -0.4 * static_cast<double>(x[i]) + 3, 1e-6) << i;
    const Tensor<T> four = with_threads(4, [&] {
      Tensor<T> result(shape);
      rescale(x, -0.4, 3, result);
      return result;
    });
    EXPECT_TRUE(same_bits(four, y));
    rescale(x, -0.4, 3, x);
    EXPECT_TRUE(same_bits(x, y));
  }
}

TEST(Rescale, SaysWhatIsWrong) {
  const Tensor<float> x({2, 3});
  Tensor<float> y({3, 2});
  EXPECT_THROW(rescale(x, 1, 0, y), std::invalid_argument);
}

}  // namespace
}  // namespace hubel::test
