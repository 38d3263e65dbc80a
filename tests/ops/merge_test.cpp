// Differences, means, maxima and minima of branches: against plain loops, in place, ties, NaN, gradients, threads,
// errors.
#include "hubel/merge.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

constexpr MergeMode kModes[] = {MergeMode::subtract, MergeMode::average, MergeMode::maximum, MergeMode::minimum};

template <class T>
class MergeTest : public ::testing::Test {};
TYPED_TEST_SUITE(MergeTest, FloatTypes);

// Numbers from -3 to 3, many of which are equal.
template <class T>
std::vector<Tensor<T>> inputs(const Shape& shape, std::size_t count, std::uint64_t seed) {
  std::vector<Tensor<T>> xs;
  for (std::size_t k = 0; k < count; ++k) {
    xs.push_back(random_tensor<T>(shape, seed + k, -3, 3));
    for (T& v : xs.back()) v = std::round(v);
  }
  return xs;
}

long double merged(MergeMode mode, const std::vector<long double>& x) {
  switch (mode) {
    case MergeMode::subtract:
      return x[0] - x[1];
    case MergeMode::average: {
      long double sum = 0;
      for (const long double v : x) sum += v;
      return sum / static_cast<long double>(x.size());
    }
    case MergeMode::maximum:
      return *std::max_element(x.begin(), x.end());
    default:
      return *std::min_element(x.begin(), x.end());
  }
}

template <class T>
void check(MergeMode mode, const Shape& shape, std::size_t count, std::uint64_t seed) {
  std::vector<Tensor<T>> xs = inputs<T>(shape, count, seed);
  const std::vector<TensorView<const T>> views(xs.begin(), xs.end());
  const Tensor<T> dout = random_tensor<T>(shape, seed + 100);
  std::vector<Tensor<T>> dxs(count, Tensor<T>(shape));
  const std::vector<TensorView<T>> rooms(dxs.begin(), dxs.end());
  const Tensor<T> y = merge_forward(mode, views);
  merge_backward(mode, dout, views, rooms);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    std::vector<long double> x;
    for (const Tensor<T>& from : xs) x.push_back(from[i]);
    const long double wanted = merged(mode, x);
    ASSERT_NEAR(y[i], static_cast<double>(wanted), 1e-6) << merge_mode_name(mode) << " " << i;
    const auto ties = std::count(x.begin(), x.end(), wanted);
    for (std::size_t k = 0; k < count; ++k) {
      const bool chosen = x[k] == wanted;
      const double slope = mode == MergeMode::subtract  ? (k == 0 ? 1 : -1)
                           : mode == MergeMode::average ? 1.0 / static_cast<double>(count)
                                                        : (chosen ? 1.0 / static_cast<double>(ties) : 0);
      ASSERT_NEAR(dxs[k][i], slope * dout[i], 1e-6) << merge_mode_name(mode) << " " << k << " " << i;
    }
  }
  for (Tensor<T>& x : xs) {  // into the memory of each of them
    const Tensor<T> kept = x;
    merge_forward(mode, views, x);
    EXPECT_TRUE(same_bits(x, y));
    std::copy(kept.begin(), kept.end(), x.begin());
  }
  // One gradient in dout's place, the others not wanted.
  Tensor<T> d = dout;
  std::vector<TensorView<T>> one(count);
  one.back() = d;
  merge_backward(mode, d, views, one);
  EXPECT_TRUE(same_bits(d, dxs.back()));
}

TYPED_TEST(MergeTest, AsDefined) {
  for (const MergeMode mode : kModes) {
    for (const Shape& shape : {Shape{1, 1}, Shape{2, 513}, Shape{3, 5, 7, 2}, Shape{2, 90, 101}, Shape{0, 4}}) {
      check<TypeParam>(mode, shape, 2, 1);
      if (mode == MergeMode::subtract) continue;
      check<TypeParam>(mode, shape, 1, 2);
      check<TypeParam>(mode, shape, 5, 3);
    }
  }
}

TYPED_TEST(MergeTest, NanGivesNan) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> a({3}, {nan, 1, 2}), b({3}, {1, nan, 3});
  const std::vector<TensorView<const T>> xs = {a, b};
  for (const MergeMode mode : kModes) {
    const Tensor<T> y = merge_forward(mode, xs);
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && !std::isnan(y[2])) << merge_mode_name(mode);
  }
}

TYPED_TEST(MergeTest, TheSameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const std::vector<Tensor<T>> xs = inputs<T>({5, 61, 67, 11}, 2, 5);
  const std::vector<TensorView<const T>> views(xs.begin(), xs.end());
  for (const MergeMode mode : kModes) {
    const auto run = [&] {
      std::vector<Tensor<T>> dxs(2, Tensor<T>(xs[0].shape()));
      merge_backward(mode, xs[1], views, std::vector<TensorView<T>>(dxs.begin(), dxs.end()));
      dxs.push_back(merge_forward(mode, views));
      return dxs;
    };
    const auto one = with_threads(1, run), more = with_threads(4, run);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(one[i], more[i]));
  }
}

TEST(Merge, SaysWhatIsWrong) {
  const Tensor<float> a({2, 3}), b({3, 2});
  Tensor<float> y({2, 3});
  using Views = std::vector<TensorView<const float>>;
  EXPECT_THROW(merge_forward(MergeMode::average, Views{}), std::invalid_argument);
  EXPECT_THROW(merge_forward(MergeMode::maximum, Views{a, b}), std::invalid_argument);
  EXPECT_THROW(merge_forward(MergeMode::subtract, Views{a, a, a}), std::invalid_argument);
  EXPECT_THROW(merge_forward(MergeMode::subtract, Views{a}), std::invalid_argument);
  EXPECT_THROW(merge_forward(MergeMode::minimum, Views{b, b}, y), std::invalid_argument);
  const std::vector<TensorView<float>> one = {y};
  EXPECT_THROW(merge_backward(MergeMode::average, a, Views{a, a}, one), std::invalid_argument);
  EXPECT_THROW(merge_backward(MergeMode::average, b, Views{a}, one), std::invalid_argument);
  EXPECT_THROW(merge_backward(MergeMode::average, b, Views{b}, one), std::invalid_argument);
}

}  // namespace
}  // namespace hubel::test
