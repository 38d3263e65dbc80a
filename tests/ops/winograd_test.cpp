// Winograd's algorithm: its values against the reference within the documented bound over random and extreme shapes,
// the same bits for any number of threads, memory outside the arrays untouched, what it says where it does not apply.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "conv_cases.hpp"
#include "hubel/conv.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// The bound documented at ConvAlgorithm, and the contract for double.
template <class T>
constexpr double kBound = std::is_same_v<T, float> ? 1e-5 : 1e-12;

ConvOptions by(ConvAlgorithm algorithm, Padding padding) { return {.padding = padding, .algorithm = algorithm}; }
ConvOptions winograd(Padding padding) { return by(ConvAlgorithm::winograd, padding); }

template <class T>
class WinogradTest : public ::testing::Test {};
TYPED_TEST_SUITE(WinogradTest, FloatTypes);

TYPED_TEST(WinogradTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const ConvCase c = random_winograd_conv(seed);
    const ConvData<TypeParam> data(c, seed);
    check_forward(c, data, kBound<TypeParam>);
    check_backward(c, data, kBound<TypeParam>);
  }
}

std::vector<ConvCase> edges() {
  return {
      {{1, 1, 1, 1}, {3, 3, 1, 1}, winograd(Padding::same())},
      {{1, 3, 3, 1}, {3, 3, 1, 1}, winograd(Padding::valid())},
      {{1, 2, 1, 5}, {3, 3, 5, 3}, winograd(Padding::all(9))},  // tiles of padding only
      {{1, 1, 40, 3}, {3, 3, 3, 17}, winograd(Padding::sides(2, 0, 1, 0))},
      {{40, 4, 4, 3}, {3, 3, 3, 5}, winograd(Padding::same())},      // blocks of tiles across images
      {{2, 50, 50, 4}, {3, 3, 4, 4}, winograd(Padding::same())},     // more than one block of an image
      {{1, 7, 7, 300}, {3, 3, 300, 70}, winograd(Padding::same())},  // more channels than are summed at once
      {{1, 5, 5, 70}, {3, 3, 70, 300}, winograd(Padding::same()), false},
      {{9, 14, 15, 130}, {3, 3, 130, 33}, winograd(Padding::same())},  // several rounds of the weights' gradient
  };
}

TYPED_TEST(WinogradTest, Edges) {
  for (const ConvCase& c : edges()) {
    const ConvData<TypeParam> data(c, 1);
    check_forward(c, data, kBound<TypeParam>);
    check_backward(c, data, kBound<TypeParam>);
  }
}

TYPED_TEST(WinogradTest, FusedActivation) {
  const ConvCase c{{2, 9, 10, 6}, {3, 3, 6, 35}, winograd(Padding::same())};
  const ConvData<TypeParam> data(c, 2);
  const Tensor<TypeParam> plain = conv_forward(data.A_prev, data.W, data.b, Activation::identity, c.options);
  EXPECT_TRUE(same_bits(conv_forward(data.A_prev, data.W, data.b, Activation::relu, c.options),
                        activation_forward(plain, Activation::relu)));
  EXPECT_TRUE(same_bits(conv_forward(data.A_prev, data.W, data.b, Activation::softmax, c.options),
                        activation_forward(plain, Activation::softmax)));
}

TYPED_TEST(WinogradTest, TheSameBitsForAnyNumberOfThreads) {
  for (const ConvCase& c : edges()) {
    const ConvData<TypeParam> data(c, 3);
    const auto forward = [&] { return conv_forward(data.A_prev, data.W, data.b, Activation::identity, c.options); };
    const auto backward = [&] { return conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options); };
    const Tensor<TypeParam> out = with_threads(1, forward);
    const ConvGradients<TypeParam> gradients = with_threads(1, backward);
    for (int threads : {2, 3, 8}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), out)) << c;
      const ConvGradients<TypeParam> again = with_threads(threads, backward);
      EXPECT_TRUE(same_bits(again.dA_prev, gradients.dA_prev)) << c;
      EXPECT_TRUE(same_bits(again.dW, gradients.dW)) << c;
    }
  }
}

// An image whose pixels cancel: the bound is on the largest output, so inputs far from zero are the hard case.
TEST(WinogradTest, BoundHoldsForImagesFarFromZero) {
  const ConvCase c{{1, 28, 28, 64}, {3, 3, 64, 64}, winograd(Padding::same())};
  ConvData<float> data(c, 4);
  data.A_prev = random_tensor<float>(c.A_prev, 5, 0, 1);  // as after ReLU
  check_forward(c, data, kBound<float>);
  check_backward(c, data, kBound<float>);
}

TEST(WinogradTest, AutomaticIsWinogradWhereThatPaysAndDirectElsewhere) {
  const ConvCase c{{1, 28, 28, 64}, {3, 3, 64, 64}, {}};
  const ConvData<float> data(c, 6);
  const auto run = [&](ConvAlgorithm algorithm) {
    return conv_forward(data.A_prev, data.W, data.b, Activation::identity, by(algorithm, Padding::same()));
  };
  EXPECT_TRUE(same_bits(run(ConvAlgorithm::automatic), run(ConvAlgorithm::winograd)));
  EXPECT_FALSE(same_bits(run(ConvAlgorithm::automatic), run(ConvAlgorithm::direct)));
  const ConvData<double> exact(c, 6);
  const auto run_double = [&](ConvAlgorithm algorithm) {
    return conv_forward(exact.A_prev, exact.W, exact.b, Activation::identity, by(algorithm, Padding::same()));
  };
  EXPECT_TRUE(same_bits(run_double(ConvAlgorithm::automatic), run_double(ConvAlgorithm::direct)));
}

// As documented: a NaN reaches the outputs of its tiles, and no others.
TEST(WinogradTest, NaNStaysInItsTiles) {
  const ConvCase c{{1, 12, 12, 2}, {3, 3, 2, 3}, winograd(Padding::same())};
  ConvData<float> data(c, 7);
  data.A_prev.data()[(5 * 12 + 6) * 2] = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> out = conv_forward(data.A_prev, data.W, data.b, Activation::identity, c.options);
  for (std::int64_t y = 0; y < 12; ++y) {
    for (std::int64_t x = 0; x < 12; ++x) {
      const float value = out.data()[(y * 12 + x) * 3];
      if (y >= 4 && y <= 6 && x >= 5 && x <= 7) {
        EXPECT_TRUE(std::isnan(value)) << y << ", " << x;
      } else if (y < 4 || y >= 8 || x < 4 || x >= 8) {
        EXPECT_FALSE(std::isnan(value)) << y << ", " << x;
      }
    }
  }
}

TEST(WinogradTest, RefusesWhatItCannotDo) {
  const Tensor<float> x({1, 8, 8, 4}), w({3, 3, 4, 4}), five({5, 5, 4, 4}), grouped({3, 3, 2, 4}), none;
  const auto forward = [&](const Tensor<float>& kernel, ConvOptions options) {
    options.algorithm = ConvAlgorithm::winograd;
    return
        [&x, &kernel, options] { conv_forward(x, kernel, TensorView<const float>(), Activation::identity, options); };
  };
  EXPECT_TRUE(refuses(forward(five, {}), "conv_forward", {"winograd", "3x3", "5x5"}));
  EXPECT_TRUE(refuses(forward(w, {.stride = {1, 2}}), "conv_forward", {"winograd", "stride (1, 2)"}));
  EXPECT_TRUE(refuses(forward(w, {.dilation = {2, 1}}), "conv_forward", {"winograd", "dilation (2, 1)"}));
  EXPECT_TRUE(refuses(forward(grouped, {.groups = 2}), "conv_forward", {"winograd", "groups 2"}));
}

}  // namespace
}  // namespace hubel::test
