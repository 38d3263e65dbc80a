// Padding and cropping: each element from the definition, each other's inverse and gradient, errors, bits and memory.
#include "hubel/pad.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
class PadTest : public ::testing::Test {};
TYPED_TEST_SUITE(PadTest, FloatTypes);

struct PadCase {
  Shape x;
  Margins margins;
};

std::ostream& operator<<(std::ostream& out, const PadCase& c) {
  const Margins& m = c.margins;
  return out << detail::formatted("x {}, margins (({}, {}), ({}, {}))", c.x.to_string(), m.top, m.bottom, m.left,
                                  m.right);
}

PadCase random_pad(std::uint64_t seed) {
  Noise noise(seed);
  const auto side = [&] { return noise.chance(0.3) ? 0 : noise.integer(0, 6); };
  return {{noise.integer(0, 3), noise.integer(0, 9), noise.integer(0, 9), noise.integer(0, 40)},
          {side(), side(), side(), side()}};
}

// Element by element.
template <class T>
Tensor<T> padded(const Tensor<T>& x, const Margins& m, T value) {
  const Shape s = x.shape();
  Tensor<T> y = constant_tensor<T>({s[0], s[1] + m.top + m.bottom, s[2] + m.left + m.right, s[3]}, value);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const std::int64_t k = i % s[3], column = i / s[3] % s[2], row = i / s[3] / s[2] % s[1], n = i / s[3] / s[2] / s[1];
    y[((n * y.shape()[1] + row + m.top) * y.shape()[2] + column + m.left) * s[3] + k] = x[i];
  }
  return y;
}

TYPED_TEST(PadTest, RandomShapes) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const PadCase c = random_pad(seed);
    const Tensor<T> x = random_tensor<T>(c.x, seed);
    const Tensor<T> y = padded(x, c.margins, T(0));
    EXPECT_EQ(pad_output_shape(c.x, c.margins), y.shape()) << c;
    EXPECT_EQ(crop_output_shape(y.shape(), c.margins), c.x) << c;
    EXPECT_TRUE(same_bits(pad_forward(x, c.margins), y)) << c;
    EXPECT_TRUE(same_bits(pad_forward(x, c.margins, T(-2.5)), padded(x, c.margins, T(-2.5)))) << c;
    EXPECT_TRUE(same_bits(crop_backward(x, c.margins), y)) << c;
    // What is cut off may be anything.
    const Tensor<T> framed = padded(x, c.margins, std::numeric_limits<T>::quiet_NaN());
    EXPECT_TRUE(same_bits(crop_forward(framed, c.margins), x)) << c;
    EXPECT_TRUE(same_bits(pad_backward(framed, c.margins), x)) << c;
  }
}

TYPED_TEST(PadTest, ByHand) {
  using T = TypeParam;
  const Tensor<T> x({1, 1, 2, 2}, {1, 2, 3, 4});
  EXPECT_TRUE(
      same_bits(pad_forward(x, {1, 0, 0, 1}, 9), Tensor<T>({1, 2, 3, 2}, {9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 9, 9})));
  EXPECT_TRUE(same_bits(crop_forward(x, {0, 0, 1, 0}), Tensor<T>({1, 1, 1, 2}, {3, 4})));
  EXPECT_EQ(crop_forward(x, {1, 0, 1, 1}).shape(), (Shape{1, 0, 0, 2}));
}

TEST(PadGradientTest, CentralDifferences) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    PadCase c = random_pad(seed);
    c.x = {c.x[0], c.x[1], c.x[2], 2};
    Tensor<double> x = random_tensor<double>(c.x, seed), large = pad_forward(x, c.margins, 0.5);
    const Tensor<double> dy = random_tensor<double>(large.shape(), seed + 1), dx = random_tensor<double>(c.x, seed);
    const auto pad_loss = [&] { return weighted_sum(dy, pad_forward(x, c.margins, 3)); };
    EXPECT_TRUE(close(pad_backward(dy, c.margins), numerical_gradient(x, pad_loss, 0.5), 1e-13)) << c;
    const auto crop_loss = [&] { return weighted_sum(dx, crop_forward(large, c.margins)); };
    EXPECT_TRUE(close(crop_backward(dx, c.margins), numerical_gradient(large, crop_loss, 0.5), 1e-13)) << c;
  }
}

TEST(PadErrorTest, ShapesAndMargins) {
  const Tensor<float> x({2, 8, 9, 4}), flat({8, 9, 4});
  Tensor<float> wrong({2, 8, 9, 3});
  const Margins one{1, 1, 1, 1}, negative{0, -1, 0, 0}, huge{0, 0, 0, std::int64_t{1} << 31}, high{4, 5, 0, 0};
  const std::vector<std::string> rank = {"(8, 9, 4)", "(m, h, w, c)"},
                                 below = {"margins", "((0, -1), (0, 0))", "at least 0"};
  const std::vector<std::string> above = {"margins", "2147483648", "below 2^31"};
  const std::vector<std::string> too_much = {"margins", "((4, 5), (0, 0))", "8 high and 9 wide"};
  EXPECT_TRUE(refuses([&] { pad_forward(flat, one); }, "pad_forward", rank));
  EXPECT_TRUE(refuses([&] { pad_forward(x, negative); }, "pad_forward", below));
  EXPECT_TRUE(refuses([&] { pad_forward(x, huge); }, "pad_forward", above));
  EXPECT_TRUE(refuses([&] { pad_forward(x, one, 0, wrong); }, "pad_forward", {"y", "(2, 8, 9, 3)", "(2, 10, 11, 4)"}));
  EXPECT_TRUE(refuses([&] { pad_backward(flat, one); }, "pad_backward", rank));
  EXPECT_TRUE(refuses([&] { pad_backward(x, high); }, "pad_backward", too_much));
  EXPECT_TRUE(refuses([&] { pad_backward(x, one, wrong); }, "pad_backward", {"dx", "(2, 8, 9, 3)", "(2, 6, 7, 4)"}));
  EXPECT_TRUE(refuses([&] { crop_forward(flat, one); }, "crop_forward", rank));
  EXPECT_TRUE(refuses([&] { crop_forward(x, negative); }, "crop_forward", below));
  EXPECT_TRUE(refuses([&] { crop_forward(x, high); }, "crop_forward", too_much));
  EXPECT_TRUE(refuses([&] { crop_forward(x, one, wrong); }, "crop_forward", {"y", "(2, 8, 9, 3)", "(2, 6, 7, 4)"}));
  EXPECT_TRUE(refuses([&] { crop_backward(flat, one); }, "crop_backward", rank));
  EXPECT_TRUE(refuses([&] { crop_backward(x, negative); }, "crop_backward", below));
  EXPECT_TRUE(
      refuses([&] { crop_backward(x, one, wrong); }, "crop_backward", {"dx", "(2, 8, 9, 3)", "(2, 10, 11, 4)"}));
  EXPECT_TRUE(refuses([&] { pad_output_shape({8, 9}, one, "layer 1"); }, "layer 1", {"x", "(8, 9)"}));
  EXPECT_TRUE(refuses([&] { crop_output_shape({1, 8, 9, 4}, high, "layer 1"); }, "layer 1", too_much));
}

TYPED_TEST(PadTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const Margins margins{3, 2, 1, 4};
  const Tensor<T> x = random_tensor<T>({4, 90, 60, 33}, 1);
  const auto pads = [&] { return pad_forward(x, margins, T(1)); };
  const auto crops = [&] { return crop_forward(x, margins); };
  for (int threads : {2, 4}) {
    EXPECT_TRUE(same_bits(with_threads(threads, pads), with_threads(1, pads)));
    EXPECT_TRUE(same_bits(with_threads(threads, crops), with_threads(1, crops)));
  }
}

TYPED_TEST(PadTest, StaysInItsArrays) {
  using T = TypeParam;
  for (Fence fence : {Fence::before, Fence::after})
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const PadCase c = random_pad(seed);
      const Tensor<T> small = random_tensor<T>(c.x, seed), large = padded(small, c.margins, T(7));
      const FencedTensor<T> fenced_small(small, fence), fenced_large(large, fence);
      FencedTensor<T> out_large(large.shape(), fence), out_small(c.x, fence);
      pad_forward(fenced_small, c.margins, T(7), out_large);
      crop_forward(fenced_large, c.margins, out_small);
      EXPECT_TRUE(out_small.untouched() && out_large.untouched()) << c;
      EXPECT_TRUE(same_bits(out_large.view(), large.view())) << c;
      EXPECT_TRUE(same_bits(out_small.view(), small.view())) << c;
    }
}

}  // namespace
}  // namespace hubel::test
