// The algorithms of convolution by name, against the reference: the shapes on which the choice is usually the other's,
// the bound that is documented for Winograd's, NaN, infinity and denormal numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include "conv_cases.hpp"
#include "hubel/conv.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

// As in conv_test.cpp for sums of up to a thousand terms, and as ConvAlgorithm documents it.
template <class T>
constexpr double kDirect = std::is_same_v<T, float> ? 5e-6 : 1e-14;
template <class T>
constexpr double kWinograd = std::is_same_v<T, float> ? 1e-5 : 1e-12;

template <class T>
class AlgorithmTest : public ::testing::Test {};
TYPED_TEST_SUITE(AlgorithmTest, FloatTypes);

ConvCase by(ConvAlgorithm algorithm, ConvCase c) {
  c.options.algorithm = algorithm;
  return c;
}

template <class T>
void check(const ConvCase& c, std::uint64_t seed) {
  const ConvData<T> data(c, seed);
  const double tolerance = c.options.algorithm == ConvAlgorithm::winograd ? kWinograd<T> : kDirect<T>;
  check_forward(c, data, tolerance);
  check_backward(c, data, tolerance);
}

TYPED_TEST(AlgorithmTest, DirectOfRandomShapes) {
  for (std::uint64_t seed = 9000; seed < 9300; ++seed) {
    check<TypeParam>(by(ConvAlgorithm::direct, random_conv(seed)), seed);
    check<TypeParam>(by(ConvAlgorithm::direct, random_winograd_conv(seed)), seed);
  }
}

TYPED_TEST(AlgorithmTest, EveryNumberOfChannels) {
  for (ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd})
    for (std::int64_t channels = 1; channels <= 40; ++channels) {
      const std::int64_t other = 1 + channels * 7 % 40;
      check<TypeParam>(by(algorithm, {{1, 5, 6, channels}, {3, 3, channels, other}, {}}), 1);
      check<TypeParam>(by(algorithm, {{1, 9, 7, channels}, {3, 3, channels, channels}, {}}), 2);
    }
}

// One pixel, one row or column, windows that see nothing but padding, far more padding than image.
TYPED_TEST(AlgorithmTest, Edges) {
  for (ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd})
    for (const Padding& padding : {Padding::same(), Padding::all(2), Padding::all(3), Padding::all(40),
                                   Padding::sides(2, 0, 0, 17), Padding::sides(0, 31, 2, 0)})
      for (const Shape& image : {Shape{1, 1, 1, 1}, Shape{2, 1, 1, 5}, Shape{1, 1, 2, 17}, Shape{1, 1, 33, 3},
                                 Shape{1, 33, 1, 3}, Shape{3, 2, 3, 8}, Shape{1, 4, 4, 16}, Shape{1, 5, 5, 33}}) {
        const ConvCase c{image, {3, 3, image[3], 1 + image[3] * 5 % 37}, {.padding = padding}};
        const bool fits = padding.kind == Padding::Kind::same || (image[1] + padding.top + padding.bottom >= 3 &&
                                                                  image[2] + padding.left + padding.right >= 3);
        if (fits) check<TypeParam>(by(algorithm, c), 3);
      }
}

// Stride > kernel, where only the direct one applies.
TYPED_TEST(AlgorithmTest, DirectWithStridesBeyondTheKernel) {
  for (std::int64_t channels : {1, 3, 8, 19, 32, 40})
    for (std::int64_t kernel : {1, 2, 3})
      for (std::int64_t stride : {4, 5, 11}) {
        const ConvOptions options{.padding = Padding::all(1), .stride = {stride, stride + 1}};
        check<TypeParam>(by(ConvAlgorithm::direct, {{2, 13, 17, channels}, {kernel, kernel, channels, 21}, options}),
                         4);
      }
}

// Where the choice is Winograd's: many channels.
TYPED_TEST(AlgorithmTest, DirectOfManyChannels) {
  check<TypeParam>(by(ConvAlgorithm::direct, {{1, 12, 13, 64}, {3, 3, 64, 64}, {}}), 5);
  check<TypeParam>(by(ConvAlgorithm::direct, {{1, 7, 7, 128}, {3, 3, 128, 96}, {}}), 6);
}

// ---- The bound -------------------------------------------------------------------------------------------------

// Sums over 512 channels, forward (c_prev), in dA_prev (c_new), and over many pixels in dW: of values around zero, of
// values above zero as after ReLU, and of values far from zero, where transforms cancel most.
TEST(WinogradBoundTest, HoldsAt512Channels) {
  const ConvCase cases[] = {by(ConvAlgorithm::winograd, {{1, 8, 8, 512}, {3, 3, 512, 24}, {}}),
                            by(ConvAlgorithm::winograd, {{1, 8, 8, 24}, {3, 3, 24, 512}, {}}),
                            by(ConvAlgorithm::winograd, {{1, 4, 4, 512}, {3, 3, 512, 512}, {}}),
                            by(ConvAlgorithm::winograd, {{8, 28, 28, 8}, {3, 3, 8, 8}, {}})};
  for (const ConvCase& c : cases)
    for (const double low : {-1.0, 0.0, 0.9}) {
      SCOPED_TRACE(detail::formatted("pixels in [{}, 1]", low));
      ConvData<float> data(c, 7);
      data.A_prev = random_tensor<float>(c.A_prev, 8, low, 1);
      data.dZ = random_tensor<float>(c.output(), 9, low, 1);
      check_forward(c, data, kWinograd<float>);
      check_backward(c, data, kWinograd<float>);
    }
}

// ---- NaN and infinity ------------------------------------------------------------------------------------------

// 4x4 tiles of an output: {image, row, column, channel}.
using Tiles = std::set<std::array<std::int64_t, 4>>;

std::array<std::int64_t, 4> tile_of(const Shape& shape, std::int64_t i) {
  const std::int64_t c = i % shape[3], x = i / shape[3] % shape[2], y = i / (shape[3] * shape[2]) % shape[1];
  return {i / (shape[3] * shape[2] * shape[1]), y / 4, x / 4, c};
}

// What the definition makes not finite is so, and nothing else but in the tiles of such.
template <class T>
void expect_spread(const char* what, const Tensor<T>& got, const reference::Array& expected) {
  Tiles tiles;
  for (std::int64_t i = 0; i < expected.size(); ++i)
    if (!std::isfinite(expected[i])) tiles.insert(tile_of(got.shape(), i));
  EXPECT_FALSE(tiles.empty()) << what;
  for (std::int64_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(expected[i])) {
      EXPECT_FALSE(std::isfinite(got[i])) << what << position(got.shape(), i);
    } else if (!tiles.contains(tile_of(got.shape(), i))) {
      EXPECT_TRUE(std::isfinite(got[i])) << what << position(got.shape(), i);
    }
  }
}

// dW has no tiles: a channel's numbers stand for themselves.
template <class T>
void expect_in_channels(const Tensor<T>& dW, const reference::Array& expected) {
  std::set<std::pair<std::int64_t, std::int64_t>> bad;
  const std::int64_t c_new = dW.shape()[3], c_prev = dW.shape()[2];
  const auto channels = [&](std::int64_t i) { return std::pair(i / c_new % c_prev, i % c_new); };
  for (std::int64_t i = 0; i < dW.size(); ++i)
    if (!std::isfinite(expected[i])) bad.insert(channels(i));
  for (std::int64_t i = 0; i < dW.size(); ++i) {
    if (!std::isfinite(expected[i])) {
      EXPECT_FALSE(std::isfinite(dW[i])) << "dW" << position(dW.shape(), i);
    } else if (!bad.contains(channels(i))) {
      EXPECT_TRUE(std::isfinite(dW[i])) << "dW" << position(dW.shape(), i);
    }
  }
}

TYPED_TEST(AlgorithmTest, WinogradSpreadsNanAndInfinityOverTilesOnly) {
  using T = TypeParam;
  for (const T value : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      Noise noise(seed);
      const std::int64_t c_prev = noise.integer(1, 20), c_new = noise.integer(1, 20);
      const ConvCase c{
          {2, noise.integer(5, 19), noise.integer(5, 19), c_prev},
          {3, 3, c_prev, c_new},
          {.padding = noise.chance(0.5) ? Padding::same() : Padding::valid(), .algorithm = ConvAlgorithm::winograd}};
      SCOPED_TRACE(c);
      ConvData<T> data(c, seed);
      data.A_prev[noise.integer(0, data.A_prev.size() - 1)] = value;
      expect_spread("out", conv_forward(data.A_prev, data.W, data.bias(), Activation::identity, c.options),
                    reference::conv_forward<T>(data.A_prev, data.W, data.bias(), c.options));
      expect_in_channels(conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options).dW,
                         reference::conv_backward<T>(data.dZ, data.A_prev, data.W, c.options).dW);
      const ConvData<T> clean(c, seed);
      data.dZ[noise.integer(0, data.dZ.size() - 1)] = value;
      const ConvGradients<T> got = conv_backward(data.dZ, clean.A_prev, clean.W, clean.b, c.options);
      const reference::ConvGradients expected = reference::conv_backward<T>(data.dZ, clean.A_prev, clean.W, c.options);
      expect_spread("dA_prev", got.dA_prev, expected.dA_prev);
      expect_in_channels(got.dW, expected.dW);
    }
}

// A weight that is not finite touches its own output channel only.
TYPED_TEST(AlgorithmTest, WinogradKeepsNanInWToItsChannel) {
  using T = TypeParam;
  const ConvCase c = by(ConvAlgorithm::winograd, {{1, 9, 10, 6}, {3, 3, 6, 21}, {}});
  ConvData<T> data(c, 10);
  data.W[(4 * 6 + 2) * 21 + 13] = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> out = conv_forward(data.A_prev, data.W, data.bias(), Activation::identity, c.options);
  for (std::int64_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isfinite(out[i]), i % 21 != 13) << i;
}

// ---- Denormal numbers ------------------------------------------------------------------------------------------

// Products and sums below the least normal number are as exact there as the format is: every term is rounded to a
// multiple of the least denormal at worst. Winograd's has some hundred roundings a term, of factors up to 8.
template <class T>
void check_denormals(ConvAlgorithm algorithm, const Shape& A_prev, const Shape& W) {
  const ConvCase c = by(algorithm, {A_prev, W, {}});
  ConvData<T> data(c, 11);
  const T tiny = std::numeric_limits<T>::min() / 64;
  for (Tensor<T>* x : {&data.A_prev, &data.dZ, &data.b})
    for (T& v : *x) v *= tiny;
  const auto near = [&](const Tensor<T>& got, const reference::Array& expected, std::int64_t terms) {
    const long double roundings = algorithm == ConvAlgorithm::winograd ? 1000 : 1;
    const long double bound = roundings * static_cast<long double>(terms) * std::numeric_limits<T>::denorm_min();
    for (std::int64_t i = 0; i < got.size(); ++i)
      ASSERT_LE(std::abs(got[i] - expected[i]), bound) << position(got.shape(), i) << " of " << c;
  };
  near(conv_forward(data.A_prev, data.W, data.bias(), Activation::identity, c.options),
       reference::conv_forward<T>(data.A_prev, data.W, data.bias(), c.options), 9 * W[2] + 1);
  near(conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options).dA_prev,
       reference::conv_backward<T>(data.dZ, data.A_prev, data.W, c.options).dA_prev, 9 * W[3]);
}

TYPED_TEST(AlgorithmTest, DenormalNumbersCount) {
  for (ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd})
    for (std::int64_t channels : {1, 3, 16, 19})
      check_denormals<TypeParam>(algorithm, {1, 9, 11, channels}, {3, 3, channels, channels});
}

}  // namespace
}  // namespace hubel::test
