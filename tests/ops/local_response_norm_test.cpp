// Local response normalisation: against its definition and numerical gradients, in place, a NaN's reach, threads,
// errors.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "hubel/lrn.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 1e-13;

template <class T>
class LocalResponseNormTest : public ::testing::Test {};
TYPED_TEST_SUITE(LocalResponseNormTest, FloatTypes);

using Numbers = std::vector<long double>;

// The definition, of one pixel.
Numbers defined(const Numbers& x, const LocalResponseNormOptions& o) {
  const auto c = static_cast<std::int64_t>(x.size());
  Numbers y;
  for (std::int64_t i = 0; i < c; ++i) {
    long double sum = 0;
    for (std::int64_t j = i - o.size / 2; j <= i + (o.size - 1) / 2; ++j) {
      if (j < 0 || j >= c) continue;
      const long double v = x[static_cast<std::size_t>(j)];
      sum += v * v;
    }
    const long double divisor = o.k + static_cast<long double>(o.alpha) / static_cast<long double>(o.size) * sum;
    y.push_back(x[static_cast<std::size_t>(i)] * std::pow(divisor, -static_cast<long double>(o.beta)));
  }
  return y;
}

template <class T>
void check(const Shape& shape, const LocalResponseNormOptions& options, std::uint64_t seed) {
  const Tensor<T> x = random_tensor<T>(shape, seed, -3, 3), dy = random_tensor<T>(shape, seed + 1);
  Tensor<T> y(shape), dx(shape);
  local_response_norm_forward(x, options, y);
  local_response_norm_backward(dy, x, options, dx);
  reference::Array expected_y(x.size()), expected_dx(x.size());
  const std::int64_t c = shape.back();
  for (std::int64_t at = 0; at < x.size(); at += c) {
    Numbers pixel(x.data() + at, x.data() + at + c);
    const Numbers out = defined(pixel, options);
    for (std::int64_t i = 0; i < c; ++i) expected_y[at + i] = out[static_cast<std::size_t>(i)];
    constexpr long double kStep = 1e-6L;
    for (std::int64_t i = 0; i < c; ++i) {
      Numbers up = pixel, down = pixel;
      up[static_cast<std::size_t>(i)] += kStep, down[static_cast<std::size_t>(i)] -= kStep;
      const Numbers above = defined(up, options), below = defined(down, options);
      for (std::int64_t j = 0; j < c; ++j) {
        const auto k = static_cast<std::size_t>(j);
        expected_dx[at + i] += dy[at + j] * (above[k] - below[k]) / (2 * kStep);
      }
    }
  }
  EXPECT_TRUE(close(y, expected_y, kTolerance<T>)) << shape.to_string();
  EXPECT_TRUE(close(dx, expected_dx, std::max(kTolerance<T>, 1e-9))) << shape.to_string();  // the differences' error
  Tensor<T> in_place = dy;
  local_response_norm_backward(in_place, x, options, in_place);
  EXPECT_TRUE(same_bits(in_place, dx));
}

TYPED_TEST(LocalResponseNormTest, AsDefined) {
  const LocalResponseNormOptions strong{.size = 5, .alpha = 0.7, .beta = 0.75, .k = 1};
  for (const Shape& shape : {Shape{1, 1}, Shape{2, 3}, Shape{2, 3, 4, 7}, Shape{1, 2, 2, 33}, Shape{0, 3}, Shape{3, 0}})
    check<TypeParam>(shape, strong, 1);
  for (const std::int64_t size : {1, 2, 3, 4, 7, 100})
    check<TypeParam>({2, 5, 9}, {.size = size, .alpha = 0.9, .beta = 1.3, .k = 2}, 2);
  check<TypeParam>({2, 5, 9}, {.alpha = 0}, 3);
  check<TypeParam>({2, 5, 9}, {.alpha = 1, .beta = 0}, 4);
  check<TypeParam>({3, 4, 4, 96}, {}, 5);
}

TYPED_TEST(LocalResponseNormTest, ANanReachesItsWindowAlone) {
  using T = TypeParam;
  Tensor<T> x = random_tensor<T>({1, 12}, 1), y({1, 12});
  x[5] = std::numeric_limits<T>::quiet_NaN();
  local_response_norm_forward(x, {.size = 3}, y);
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(std::isnan(y[i]), i >= 4 && i <= 6) << i;
}

TYPED_TEST(LocalResponseNormTest, TheSameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({3, 31, 29, 40}, 1);
  const auto run = [&] {
    Tensor<T> y(x.shape()), dx(x.shape());
    local_response_norm_forward(x, {}, y);
    local_response_norm_backward(y, x, {}, dx);
    return dx;
  };
  EXPECT_TRUE(same_bits(with_threads(1, run), with_threads(4, run)));
}

TEST(LocalResponseNorm, SaysWhatIsWrong) {
  const Tensor<float> x({2, 3}), flat({3});
  Tensor<float> y({2, 3}), other({3, 2}), flat_y({3});
  const double nan = std::nan("");
  for (const LocalResponseNormOptions& options : std::vector<LocalResponseNormOptions>{
           {.size = 0}, {.alpha = -1}, {.alpha = nan}, {.beta = -0.1}, {.k = 0}, {.k = nan}})
    EXPECT_THROW(local_response_norm_forward(x, options, y), std::invalid_argument);
  EXPECT_THROW(local_response_norm_forward(x, {}, other), std::invalid_argument);
  EXPECT_THROW(local_response_norm_forward(flat, {}, flat_y), std::invalid_argument);
  EXPECT_THROW(local_response_norm_backward(other, x, {}, y), std::invalid_argument);
  EXPECT_THROW(local_response_norm_backward(x, x, {}, other), std::invalid_argument);
}

}  // namespace
}  // namespace hubel::test
