// Orders of axes, and depth to space and back: element by element from their definitions, ways back, gradients,
// threads, memory, instruction sets, errors.
#include "hubel/permute.hpp"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

#include "every_target.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
class PermuteTest : public ::testing::Test {};
TYPED_TEST_SUITE(PermuteTest, FloatTypes);

using Order = std::vector<std::int64_t>;

template <class T>
Tensor<T> permuted(const Tensor<T>& x, const Order& axes) {
  Tensor<T> y(permute_output_shape(x.shape(), axes));
  permute(x, axes, y);
  return y;
}

// Element by element.
template <class T>
Tensor<T> defined(const Tensor<T>& x, const Order& axes) {
  const Shape& shape = x.shape();
  Tensor<T> y(permute_output_shape(shape, axes));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    std::array<std::int64_t, Shape::kMaxRank> index{};
    std::int64_t rest = i;
    for (std::size_t axis = shape.rank(); axis-- > 0; rest /= shape[axis]) index[axis] = rest % shape[axis];
    std::int64_t at = 0;
    for (const std::int64_t axis : axes)
      at = at * shape[static_cast<std::size_t>(axis)] + index[static_cast<std::size_t>(axis)];
    y[at] = x[i];
  }
  return y;
}

Order inverse(const Order& axes) {
  Order back(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) back[static_cast<std::size_t>(axes[i])] = static_cast<std::int64_t>(i);
  return back;
}

struct PermuteCase {
  Shape x;
  Order axes;
};

PermuteCase random_case(std::uint64_t seed) {
  Noise noise(seed);
  std::vector<std::int64_t> extents;
  for (std::int64_t i = noise.integer(1, 6); i > 0; --i)
    extents.push_back(noise.chance(0.03) ? 0 : noise.chance(0.2) ? 1 : noise.integer(1, 9));
  Order axes(extents.size());
  std::iota(axes.begin(), axes.end(), 0);
  for (std::size_t i = axes.size(); i > 1; --i)
    std::swap(axes[i - 1], axes[static_cast<std::size_t>(noise.integer(0, static_cast<std::int64_t>(i) - 1))]);
  return {Shape(extents), axes};
}

TYPED_TEST(PermuteTest, RandomShapes) {
  using T = TypeParam;
  with_every_target([] {
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      const PermuteCase c = random_case(seed);
      SCOPED_TRACE(detail::formatted("{} by ({})", c.x.to_string(), detail::joined(c.axes, ", ")));
      const Tensor<T> x = random_tensor<T>(c.x, seed);
      const Tensor<T> y = permuted(x, c.axes);
      ASSERT_TRUE(same_bits(y, defined(x, c.axes)));
      ASSERT_TRUE(same_bits(permuted(y, inverse(c.axes)), x));
    }
  });
}

// Rows and columns of more than one block, of few and of many columns, and long runs.
TYPED_TEST(PermuteTest, LargerShapes) {
  using T = TypeParam;
  const PermuteCase cases[] = {{{3, 41, 43, 5}, {0, 3, 1, 2}},
                               {{3, 5, 41, 43}, {0, 2, 3, 1}},
                               {{2, 129, 130}, {0, 2, 1}},
                               {{700, 300}, {1, 0}},
                               {{3, 31, 33, 2, 58}, {0, 1, 2, 4, 3}},
                               {{2, 3, 4000, 7}, {1, 0, 2, 3}},
                               {{2, 65, 1, 64, 3}, {0, 3, 4, 2, 1}}};
  for (const auto& [shape, axes] : cases) {
    const Tensor<T> x = random_tensor<T>(shape, 1);
    const Tensor<T> one = with_threads(1, [&] { return permuted(x, axes); });
    EXPECT_TRUE(same_bits(one, defined(x, axes))) << shape.to_string();
    for (const int threads : {2, 4})
      EXPECT_TRUE(same_bits(with_threads(threads, [&] { return permuted(x, axes); }), one)) << shape.to_string();
  }
}

TYPED_TEST(PermuteTest, StaysWithinItsArrays) {
  using T = TypeParam;
  with_every_target([] {
    for (std::uint64_t seed = 0; seed < 200; ++seed)
      for (const Fence fence : {Fence::before, Fence::after}) {
        const PermuteCase c = random_case(seed);
        const OnCrashSay say(detail::formatted("{} by ({})", c.x.to_string(), detail::joined(c.axes, ", ")));
        const FencedTensor<T> x(random_tensor<T>(c.x, seed), fence);
        FencedTensor<T> y(permute_output_shape(c.x, c.axes), fence);
        permute(x.view(), c.axes, y);
        EXPECT_TRUE(y.untouched());
      }
  });
}

TYPED_TEST(PermuteTest, DepthToSpaceAsDefined) {
  using T = TypeParam;
  for (const std::int64_t r : {1, 2, 3, 5}) {
    for (const Shape& shape : {Shape{1, 1, 1, 2 * r * r}, Shape{3, 4, 5, 3 * r * r}, Shape{0, 4, 5, r * r}}) {
      SCOPED_TRACE(detail::formatted("{} by {}", shape.to_string(), r));
      const Tensor<T> x = random_tensor<T>(shape, 1);
      const std::int64_t h = shape[1], w = shape[2], c = shape[3] / (r * r);
      Tensor<T> y(depth_to_space_output_shape(shape, r)), back(shape);
      ASSERT_EQ(y.shape(), (Shape{shape[0], h * r, w * r, c}));
      depth_to_space(x, r, y);
      for (std::int64_t n = 0; n < shape[0]; ++n)
        for (std::int64_t i = 0; i < h * r; ++i)
          for (std::int64_t j = 0; j < w * r; ++j)
            for (std::int64_t k = 0; k < c; ++k) {
              const std::int64_t channel = (r * (i % r) + j % r) * c + k;
              ASSERT_EQ(y[((n * h * r + i) * w * r + j) * c + k],
                        x[((n * h + i / r) * w + j / r) * shape[3] + channel]);
            }
      ASSERT_EQ(space_to_depth_output_shape(y.shape(), r), shape);
      space_to_depth(y, r, back);
      EXPECT_TRUE(same_bits(back, x));
    }
  }
}

TEST(PermuteGradientTest, TheOtherWay) {
  Tensor<double> x = random_tensor<double>({2, 3, 4, 8}, 1);
  const Order axes{0, 3, 1, 2};
  const Tensor<double> dy = random_tensor<double>({2, 8, 3, 4}, 2), deep = random_tensor<double>({2, 6, 8, 2}, 3);
  const auto order_loss = [&] { return weighted_sum(dy, permuted(x, axes)); };
  EXPECT_TRUE(close(permuted(dy, inverse(axes)), numerical_gradient(x, order_loss, 0.5), 1e-13));
  const auto block_loss = [&] {
    Tensor<double> y({2, 6, 8, 2});
    depth_to_space(x, 2, y);
    return weighted_sum(deep, y);
  };
  Tensor<double> dx(x.shape());
  space_to_depth(deep, 2, dx);
  EXPECT_TRUE(close(dx, numerical_gradient(x, block_loss, 0.5), 1e-13));
}

TEST(PermuteErrorTest, Axes) {
  const Tensor<float> x({2, 3, 4});
  Tensor<float> y({2, 4, 4});
  for (const Order& wrong : {Order{}, Order{0, 1}, Order{0, 1, 1}, Order{0, 1, 3}, Order{-1, 0, 1}, Order{0, 1, 2, 3}})
    EXPECT_TRUE(refuses([&] { permute_output_shape(x.shape(), wrong, "f"); }, "f",
                        {detail::formatted("({})", detail::joined(wrong, ", ")), "0 to 2", "(2, 3, 4)"}));
  const Order axes{0, 2, 1};
  EXPECT_TRUE(refuses([&] { permute(x, axes, y); }, "permute", {"(2, 4, 4)", "(2, 4, 3)"}));
}

TEST(PermuteErrorTest, Blocks) {
  const auto deep = [](const Shape& x, std::int64_t r) { return [=] { depth_to_space_output_shape(x, r, "f"); }; };
  const auto wide = [](const Shape& x, std::int64_t r) { return [=] { space_to_depth_output_shape(x, r, "f"); }; };
  EXPECT_TRUE(refuses(deep({1, 2, 2, 6}, 2), "f", {"6 channels", "(1, 2, 2, 6)", "block_size^2 = 4"}));
  EXPECT_TRUE(refuses(deep({1, 2, 2, 4}, 0), "f", {"block_size = 0", "[1, 32768]"}));
  EXPECT_TRUE(refuses(deep({1, 2, 2, 4}, std::int64_t{1} << 40), "f", {"block_size"}));
  EXPECT_TRUE(refuses(deep({2, 2, 4}, 2), "f", {"(2, 2, 4)", "(m, h, w, c)"}));
  EXPECT_TRUE(refuses(wide({1, 3, 4, 1}, 2), "f", {"(1, 3, 4, 1)", "block_size = 2"}));
  EXPECT_TRUE(refuses(wide({1, 4, 3, 1}, 2), "f", {"(1, 4, 3, 1)"}));
  EXPECT_TRUE(refuses(wide({1, 4, 4, 1}, -1), "f", {"block_size = -1"}));
  const Tensor<float> x({1, 2, 2, 4});
  Tensor<float> y({1, 4, 4, 2});
  EXPECT_TRUE(refuses([&] { depth_to_space(x, 2, y); }, "depth_to_space", {"(1, 4, 4, 2)", "(1, 4, 4, 1)"}));
  EXPECT_TRUE(refuses([&] { space_to_depth(x, 2, y); }, "space_to_depth", {"(1, 4, 4, 2)", "(1, 1, 1, 16)"}));
}

}  // namespace
}  // namespace hubel::test
