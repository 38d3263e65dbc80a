// Gradient clipping against its formula in long double.
#include "hubel/clip.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "every_target.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
class ClipTest : public ::testing::Test {};
TYPED_TEST_SUITE(ClipTest, FloatTypes);

// Sizes around the vector's width and the pieces that threads share (4096), one of them nothing.
template <class T>
std::vector<Tensor<T>> gradients(std::uint64_t seed) {
  std::vector<Tensor<T>> all;
  for (const std::int64_t n : {1, 3, 0, 17, 4095, 4097, 100'003}) all.push_back(random_tensor<T>({n}, seed++, -3, 3));
  return all;
}

template <class T>
std::vector<TensorView<T>> views(std::vector<Tensor<T>>& tensors) {
  return {tensors.begin(), tensors.end()};
}

template <class T>
long double norm_of(const std::vector<Tensor<T>>& tensors) {
  long double squares = 0;
  for (const Tensor<T>& x : tensors)
    for (const T value : x) squares += static_cast<long double>(value) * value;
  return std::sqrt(squares);
}

template <class T>
void expect_clipped() {
  std::vector<Tensor<T>> g = gradients<T>(1);
  const std::vector<Tensor<T>> before = g;
  const auto norm = static_cast<double>(norm_of(g));
  EXPECT_NEAR(clip_by_global_norm(views(g), 2 * norm), norm, 1e-14 * norm);
  for (std::size_t i = 0; i < g.size(); ++i) EXPECT_TRUE(same_bits(g[i], before[i]));
  EXPECT_NEAR(clip_by_global_norm(views(g), norm / 4), norm, 1e-14 * norm);
  EXPECT_NEAR(static_cast<double>(norm_of(g)), norm / 4, norm * std::numeric_limits<T>::epsilon());
  for (std::size_t i = 0; i < g.size(); ++i)
    for (std::int64_t k = 0; k < g[i].size(); ++k)
      ASSERT_NEAR(g[i][k], before[i][k] / 4, std::numeric_limits<T>::epsilon());
}

TYPED_TEST(ClipTest, ByNorm) { expect_clipped<TypeParam>(); }

TYPED_TEST(ClipTest, ByNormOnEveryInstructionSet) { with_every_target(expect_clipped<TypeParam>); }

TYPED_TEST(ClipTest, NormsOfNothingAndOfTooMuch) {
  using T = TypeParam;
  EXPECT_EQ(clip_by_global_norm(std::span<const TensorView<T>>(), 1), 0);
  std::vector<Tensor<T>> g = {Tensor<T>({2}, {3, 4})};
  EXPECT_EQ(clip_by_global_norm(views(g), 5), 5);
  EXPECT_EQ(g[0][0], T(3));
  EXPECT_EQ(clip_by_global_norm(views(g), 0), 5);
  EXPECT_TRUE(same_bits(g[0], Tensor<T>({2})));
  g[0] = Tensor<T>({2}, {3, std::numeric_limits<T>::infinity()});
  EXPECT_EQ(clip_by_global_norm(views(g), 1), std::numeric_limits<double>::infinity());
  EXPECT_EQ(g[0][0], T(3));
  g[0][1] = std::numeric_limits<T>::quiet_NaN();
  EXPECT_TRUE(std::isnan(clip_by_global_norm(views(g), 1)));
  EXPECT_EQ(g[0][0], T(3));
}

template <class T>
void expect_each_clipped() {
  std::vector<Tensor<T>> g = gradients<T>(1);
  g[0] = Tensor<T>({1}, {1});
  g[1] = Tensor<T>({3}, {2, -2, 2});
  for (T& x : g[3]) x /= 1000;
  const std::vector<Tensor<T>> before = g;
  constexpr double kNorm = 2.5;  // that of nothing and two others are below it
  clip_by_norm(views(g), kNorm);
  int clipped = 0, kept = 0;
  for (std::size_t i = 0; i < g.size(); ++i) {
    const auto norm = static_cast<double>(norm_of(std::vector{before[i]}));
    if (norm <= kNorm) {
      EXPECT_TRUE(same_bits(g[i], before[i])) << i;
      ++kept;
      continue;
    }
    ++clipped;
    for (std::int64_t k = 0; k < g[i].size(); ++k)
      ASSERT_NEAR(g[i][k], before[i][k] * (kNorm / norm), std::numeric_limits<T>::epsilon());
  }
  EXPECT_EQ(clipped, 4);
  EXPECT_EQ(kept, 3);
}

TYPED_TEST(ClipTest, EachByItsNorm) { expect_each_clipped<TypeParam>(); }

TYPED_TEST(ClipTest, EachByItsNormOnEveryInstructionSet) { with_every_target(expect_each_clipped<TypeParam>); }

TYPED_TEST(ClipTest, EachNormOfNothingAndOfTooMuch) {
  using T = TypeParam;
  clip_by_norm(std::span<const TensorView<T>>(), 1);
  constexpr T kInfinity = std::numeric_limits<T>::infinity(), kNan = std::numeric_limits<T>::quiet_NaN();
  std::vector<Tensor<T>> g = {Tensor<T>({2}, {3, kInfinity}), Tensor<T>({2}, {3, 4}), Tensor<T>({2}, {kNan, 9})};
  clip_by_norm(views(g), 2.5);
  EXPECT_EQ(g[0][0], T(3));
  EXPECT_EQ(g[1][0], T(1.5));
  EXPECT_EQ(g[1][1], T(2));
  EXPECT_EQ(g[2][1], T(9));
}

TYPED_TEST(ClipTest, ByValue) {
  using T = TypeParam;
  std::vector<Tensor<T>> g = gradients<T>(1);
  const std::vector<Tensor<T>> before = g;
  clip_by_value(views(g), 1.5);
  for (std::size_t i = 0; i < g.size(); ++i)
    for (std::int64_t k = 0; k < g[i].size(); ++k) ASSERT_EQ(g[i][k], std::clamp(before[i][k], T(-1.5), T(1.5)));
  g = {Tensor<T>({2}, {std::numeric_limits<T>::quiet_NaN(), -std::numeric_limits<T>::infinity()})};
  clip_by_value(views(g), 2);
  EXPECT_TRUE(std::isnan(g[0][0]));
  EXPECT_EQ(g[0][1], T(-2));
}

TYPED_TEST(ClipTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  std::vector<Tensor<T>> one = gradients<T>(5);
  one.push_back(random_tensor<T>({1000, 301}, 9));
  const std::vector<Tensor<T>> before = one;
  const double norm = with_threads(1, [&] { return clip_by_global_norm(views(one), 3); });
  for (const int threads : {2, 4}) {
    std::vector<Tensor<T>> many = before;
    EXPECT_EQ(with_threads(threads, [&] { return clip_by_global_norm(views(many), 3); }), norm);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i], many[i]));
  }
  std::vector<Tensor<T>> each = before;
  with_threads(1, [&] { return clip_by_norm(views(each), 3), 0; });
  for (const int threads : {2, 4}) {
    std::vector<Tensor<T>> many = before;
    with_threads(threads, [&] { return clip_by_norm(views(many), 3), 0; });
    for (std::size_t i = 0; i < each.size(); ++i) EXPECT_TRUE(same_bits(each[i], many[i]));
  }
}

TYPED_TEST(ClipTest, TouchesNothingOutside) {
  using T = TypeParam;
  for (std::int64_t n = 1; n <= 40; ++n)
    for (const Fence fence : {Fence::before, Fence::after}) {
      const OnCrashSay say(detail::formatted("clip of {}", n));
      FencedTensor<T> g({n}, fence);
      const TensorView<T> view = g;
      std::fill(view.begin(), view.end(), T(2));
      clip_by_global_norm(std::span(&view, 1), 1);
      clip_by_norm(std::span(&view, 1), 0.5);
      clip_by_value(std::span(&view, 1), 0.1);
      EXPECT_TRUE(g.untouched());
    }
}

TEST(Clip, RefusesWrongBounds) {
  std::vector<Tensor<float>> g = gradients<float>(1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses([&] { clip_by_global_norm(views(g), -1); }, "clip_by_global_norm", {"max_norm is -1"}));
  EXPECT_TRUE(refuses([&] { clip_by_global_norm(views(g), nan); }, "clip_by_global_norm", {"max_norm is nan"}));
  EXPECT_TRUE(refuses([&] { clip_by_norm(views(g), -1); }, "clip_by_norm", {"max_norm is -1"}));
  EXPECT_TRUE(refuses([&] { clip_by_value(views(g), -1); }, "clip_by_value", {"max_value is -1", "at least 0"}));
}

}  // namespace
}  // namespace hubel::test
