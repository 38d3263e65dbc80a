// Padding with pixels of the image: each element from the definition, gradients as sums and by differences, errors,
// bits and memory.
#include <gtest/gtest.h>

#include <array>

#include "hubel/pad.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
class BorderPadTest : public ::testing::Test {};
TYPED_TEST_SUITE(BorderPadTest, FloatTypes);

constexpr PadMode kModes[] = {PadMode::reflect, PadMode::symmetric, PadMode::replicate, PadMode::circular};

struct PadCase {
  Shape x;
  Margins margins;
  PadMode mode;

  Shape output() const { return border_pad_output_shape(x, margins, mode); }
};

std::ostream& operator<<(std::ostream& out, const PadCase& c) {
  const Margins& m = c.margins;
  return out << detail::formatted("x {}, margins (({}, {}), ({}, {})), {}", c.x.to_string(), m.top, m.bottom, m.left,
                                  m.right, pad_mode_name(c.mode));
}

PadCase random_case(std::uint64_t seed) {
  Noise noise(seed);
  PadCase c{
      {noise.integer(0, 3), noise.integer(1, 7), noise.integer(1, 7), noise.integer(0, 20)}, {}, kModes[seed % 4]};
  const auto side = [&](std::int64_t n) {
    const std::int64_t most = c.mode == PadMode::reflect ? n - 1 : c.mode == PadMode::replicate ? 9 : n;
    return noise.chance(0.3) ? 0 : noise.integer(0, most);
  };
  c.margins = {side(c.x[1]), side(c.x[1]), side(c.x[2]), side(c.x[2])};
  return c;
}

// What stands `i` places after the first of n, walking: a step beyond a side turns round, stays or goes to the other.
std::int64_t walked(PadMode mode, std::int64_t i, std::int64_t n) {
  std::int64_t at = 0, direction = i < 0 ? -1 : 1;
  for (std::int64_t step = 0; step < std::abs(i); ++step) {
    at += direction;
    if (at >= 0 && at < n) continue;
    if (mode == PadMode::circular) at = at < 0 ? n - 1 : 0;
    if (mode == PadMode::replicate) at -= direction;
    if (mode == PadMode::symmetric) at -= direction, direction = -direction;
    if (mode == PadMode::reflect) at -= 2 * direction, direction = -direction;
  }
  return at;
}

// Calls f(element of the larger image, element of x).
template <class F>
void for_each_element(const PadCase& c, const F& f) {
  const Shape y = c.output();
  for (std::int64_t i = 0; i < y.elements(); ++i) {
    const std::int64_t k = i % y[3], column = i / y[3] % y[2], row = i / y[3] / y[2] % y[1], n = i / y[3] / y[2] / y[1];
    const std::int64_t from_row = walked(c.mode, row - c.margins.top, c.x[1]);
    const std::int64_t from_column = walked(c.mode, column - c.margins.left, c.x[2]);
    f(i, ((n * c.x[1] + from_row) * c.x[2] + from_column) * c.x[3] + k);
  }
}

template <class T>
Tensor<T> padded(const PadCase& c, TensorView<const T> x) {
  Tensor<T> y(c.output());
  border_pad_forward(x, c.margins, c.mode, y);
  return y;
}

template <class T>
Tensor<T> gradient(const PadCase& c, TensorView<const T> dy) {
  auto dx = constant_tensor<T>(c.x, T(77));
  border_pad_backward(dy, c.margins, c.mode, dx);
  return dx;
}

TYPED_TEST(BorderPadTest, RandomShapes) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const PadCase c = random_case(seed);
    const Tensor<T> x = random_tensor<T>(c.x, seed), dy = random_tensor<T>(c.output(), seed + 1);
    Tensor<T> y(c.output());
    reference::Array dx(x.size());
    for_each_element(c, [&](std::int64_t large, std::int64_t small) {
      y[large] = x[small];
      dx[small] += dy[large];
    });
    ASSERT_TRUE(same_bits(padded<T>(c, x), y)) << c;
    ASSERT_TRUE(close(gradient<T>(c, dy), dx, std::is_same_v<T, float> ? 3e-6 : 1e-14)) << c;
  }
}

TYPED_TEST(BorderPadTest, ByHand) {
  using T = TypeParam;
  const Tensor<T> x({1, 1, 4, 1}, {1, 2, 3, 4});
  const std::array<std::vector<T>, 4> rows = {{{4, 3, 2, 1, 2, 3, 4, 3, 2, 1},
                                               {3, 2, 1, 1, 2, 3, 4, 4, 3, 2},
                                               {1, 1, 1, 1, 2, 3, 4, 4, 4, 4},
                                               {2, 3, 4, 1, 2, 3, 4, 1, 2, 3}}};
  for (std::size_t i = 0; i < 4; ++i) {
    const PadCase c{x.shape(), {0, 0, 3, 3}, kModes[i]};
    const Tensor<T> y = padded<T>(c, x);
    EXPECT_TRUE(std::equal(y.begin(), y.end(), rows[i].begin(), rows[i].end())) << c;
  }
}

TEST(BorderPadGradientTest, CentralDifferences) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    PadCase c = random_case(seed);
    c.x = {2, c.x[1], c.x[2], 2};
    Tensor<double> x = random_tensor<double>(c.x, seed);
    const Tensor<double> dy = random_tensor<double>(c.output(), seed + 1);
    const auto loss = [&] { return weighted_sum(dy, padded<double>(c, x)); };
    EXPECT_TRUE(close(gradient<double>(c, dy), numerical_gradient(x, loss, 0.5), 1e-12)) << c;
  }
}

TYPED_TEST(BorderPadTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (const PadMode mode : kModes) {
    const PadCase c{{3, 60, 70, 33}, {3, 2, 1, 4}, mode};
    const Tensor<T> x = random_tensor<T>(c.x, 1), dy = random_tensor<T>(c.output(), 2);
    const auto forward = [&] { return padded<T>(c, x); };
    const auto backward = [&] { return gradient<T>(c, dy); };
    for (const int threads : {2, 4}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), with_threads(1, forward)));
      EXPECT_TRUE(same_bits(with_threads(threads, backward), with_threads(1, backward)));
    }
  }
}

TYPED_TEST(BorderPadTest, StaysInItsArrays) {
  using T = TypeParam;
  for (const Fence fence : {Fence::before, Fence::after})
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const PadCase c = random_case(seed);
      const OnCrashSay say(detail::formatted("{} {}", c.x.to_string(), pad_mode_name(c.mode)));
      const FencedTensor<T> x(random_tensor<T>(c.x, seed), fence), dy(random_tensor<T>(c.output(), seed), fence);
      FencedTensor<T> y(c.output(), fence), dx(c.x, fence);
      border_pad_forward(x.view(), c.margins, c.mode, y);
      border_pad_backward(dy.view(), c.margins, c.mode, dx);
      EXPECT_TRUE(y.untouched() && dx.untouched()) << c;
    }
}

TEST(BorderPadErrorTest, NamesShapesAndMargins) {
  for (const PadMode mode : kModes) EXPECT_EQ(pad_mode_from_name(pad_mode_name(mode)), mode);
  EXPECT_TRUE(refuses([] { pad_mode_from_name("edge", "f"); }, "f", {"mode is \"edge\"", "reflect", "circular"}));
  const auto shape = [](const Shape& x, const Margins& margins, PadMode mode) {
    return [=] { border_pad_output_shape(x, margins, mode, "f"); };
  };
  EXPECT_TRUE(
      refuses(shape({1, 3, 5, 2}, {3, 0, 0, 0}, PadMode::reflect), "f", {"(3, 0)", "height of 3", "at most 2"}));
  EXPECT_TRUE(
      refuses(shape({1, 3, 5, 2}, {0, 0, 0, 6}, PadMode::circular), "f", {"(0, 6)", "width of 5", "at most 5"}));
  EXPECT_TRUE(refuses(shape({1, 3, 5, 2}, {4, 0, 0, 0}, PadMode::symmetric), "f", {"(4, 0)", "at most 3"}));
  EXPECT_TRUE(refuses(shape({1, 0, 5, 2}, {1, 0, 0, 0}, PadMode::replicate), "f", {"height of 0", "at most 0"}));
  EXPECT_TRUE(refuses(shape({1, 0, 5, 2}, {1, 0, 0, 0}, PadMode::reflect), "f", {"height of 0", "at most 0"}));
  EXPECT_TRUE(refuses(shape({3, 5, 2}, {1, 0, 0, 0}, PadMode::replicate), "f", {"(3, 5, 2)", "(m, h, w, c)"}));
  EXPECT_TRUE(refuses(shape({1, 3, 5, 2}, {0, -1, 0, 0}, PadMode::replicate), "f", {"at least 0"}));
  EXPECT_NO_THROW(border_pad_output_shape({1, 0, 5, 2}, {0, 0, 1, 1}, PadMode::reflect));
  const Tensor<float> x({1, 3, 5, 2});
  Tensor<float> wrong({1, 3, 5, 2});
  const Margins one{1, 1, 1, 1};
  EXPECT_TRUE(refuses([&] { border_pad_forward(x, one, PadMode::reflect, wrong); }, "border_pad_forward",
                      {"y", "(1, 3, 5, 2)", "(1, 5, 7, 2)"}));
  EXPECT_TRUE(refuses([&] { border_pad_backward(x, one, PadMode::reflect, wrong); }, "border_pad_backward",
                      {"dy", "(1, 3, 5, 2)", "(1, 5, 7, 2)"}));
}

}  // namespace
}  // namespace hubel::test
