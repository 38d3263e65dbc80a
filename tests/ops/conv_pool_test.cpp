// A convolution and its max pooling computed as one, against the two operations by themselves: values and gradients.
#include <gtest/gtest.h>

#include <limits>

#include "conv_pool_cases.hpp"

namespace hubel::test {
namespace {

using detail::ConvPool;

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-13;

template <class T>
class ConvPoolTest : public ::testing::Test {};
TYPED_TEST_SUITE(ConvPoolTest, FloatTypes);

TYPED_TEST(ConvPoolTest, RandomPairs) {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(seed);
    const PairData<TypeParam> data(random_pair(seed), seed);
    expect_alike(data, kTolerance<TypeParam>);
    EXPECT_TRUE(same_bits(data.run(false).dW, data.run().dW));
  }
}

// Both ways of laying lanes, by every number of channels in and out, and by every width.
TYPED_TEST(ConvPoolTest, EveryNumberOfChannelsAndEveryWidth) {
  for (std::int64_t n = 1; n <= 40; ++n) {
    SCOPED_TRACE(n);
    const ConvPool same{{}, Activation::relu, {{2, 2}, {2, 2}}};
    const ConvPool valid{{.padding = Padding::valid()}, Activation::identity, {{2, 2}, {2, 2}}};
    for (const PairCase& c :
         {PairCase{same, {2, 6, 7, 1 + n % 3}, {3, 3, 1 + n % 3, n}, true},
          PairCase{valid, {2, 6, 9, n}, {2, 3, n, 1 + n * 7 % 20}, false},
          PairCase{same, {2, 4, 1 + n, 1}, {5, 5, 1, 6}, true}, PairCase{valid, {2, 8, 4 + n, 6}, {3, 3, 6, 16}, true}})
      expect_alike(PairData<TypeParam>(c, static_cast<std::uint64_t>(n)), kTolerance<TypeParam>);
  }
}

// What a pair makes of an image does not depend on the others.
TYPED_TEST(ConvPoolTest, ImageByImage) {
  for (std::uint64_t seed = 700; seed < 720; ++seed) {
    const PairData<TypeParam> all(random_pair(seed), seed);
    const Results<TypeParam> together = all.run();
    PairData<TypeParam> one = all;
    const std::int64_t m = all.x.shape()[0], in = all.x.size() / m, out = all.dy.size() / m;
    one.x = Tensor<TypeParam>(all.x.shape().with_first(1));
    one.dy = Tensor<TypeParam>(all.dy.shape().with_first(1));
    for (std::int64_t i = 0; i < m; ++i) {
      std::copy_n(all.x.data() + i * in, in, one.x.data());
      std::copy_n(all.dy.data() + i * out, out, one.dy.data());
      const Results<TypeParam> alone = one.run();
      EXPECT_TRUE(same_bits(TensorView<const TypeParam>(together.y.data() + i * out, one.dy.shape()), alone.y.view()));
      EXPECT_TRUE(same_bits(TensorView<const TypeParam>(together.dx.data() + i * in, one.x.shape()), alone.dx.view()));
    }
  }
}

// Constant images, as an image's background is, tie whole windows: the first maximum wins.
TYPED_TEST(ConvPoolTest, TiesGoToTheFirst) {
  for (const std::int64_t filters : {2, 16}) {
    const PairCase c{{{.padding = Padding::valid()}, Activation::identity, {{2, 2}, {2, 2}}},
                     {1, 6, 6, 1},
                     {3, 3, 1, filters},
                     true};
    PairData<TypeParam> data(c, 1);
    data.x = constant_tensor<TypeParam>(c.x, 1);
    expect_alike(data, kTolerance<TypeParam>);
  }
}

// A NaN is a window's maximum, and the first of them its winner; infinities are numbers. With few filters lanes are
// columns, with many channels.
TYPED_TEST(ConvPoolTest, NaNAndInfinity) {
  using Limits = std::numeric_limits<TypeParam>;
  for (const std::int64_t filters : {1, 3, 16, 19}) {
    for (const TypeParam odd : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
      const PairCase c{{{.padding = Padding::valid()}, Activation::identity, {{2, 2}, {2, 2}}},
                       {1, 8, 8, 2},
                       {1, 1, 2, filters},
                       true};
      PairData<TypeParam> data(c, 1);
      for (const std::int64_t at : {5, 38, 57, 58, 93}) data.x[at] = odd;
      const Results<TypeParam> got = data.run(), expected = data.one_by_one();
      EXPECT_TRUE(close(got.y, reference::Array::of(expected.y.view()), kTolerance<TypeParam>));
      EXPECT_TRUE(close(got.dx, reference::Array::of(expected.dx.view()), kTolerance<TypeParam>));
      EXPECT_TRUE(close(data.infer(), reference::Array::of(expected.y.view()), kTolerance<TypeParam>));
    }
  }
}

// A stride that leads past the image's only pixel: windows see padding alone.
TYPED_TEST(ConvPoolTest, WindowsThatEndBeforeTheImage) {
  for (const Padding& padding : {Padding::sides(0, 0, 2, 0), Padding::sides(2, 0, 0, 0), Padding::sides(2, 0, 2, 0)}) {
    for (const std::int64_t filters : {2, 16}) {
      const PairCase c{{{.padding = padding, .stride = {3, 3}}, Activation::relu, {{1, 1}, {1, 1}}},
                       {2, 1, 1, 3},
                       {1, 1, 3, filters},
                       true};
      expect_alike(PairData<TypeParam>(c, 3), kTolerance<TypeParam>);
    }
  }
}

// Without winners, as when nothing is to be learnt, the output is the same.
TYPED_TEST(ConvPoolTest, TheSameWithoutWinners) {
  for (std::uint64_t seed = 800; seed < 900; ++seed) {
    const PairData<TypeParam> data(random_pair(seed), seed);
    EXPECT_TRUE(same_bits(data.infer(), data.run().y)) << seed;
  }
}

// Images without a gradient, as of samples that the loss skips, among others.
TYPED_TEST(ConvPoolTest, ImagesWithoutAGradient) {
  const PairCase c{
      {{.padding = Padding::same()}, Activation::relu, {{2, 2}, {2, 2}}}, {20, 9, 9, 3}, {3, 3, 3, 5}, true};
  PairData<TypeParam> data(c, 4);
  const std::int64_t of_dy = data.dy.size() / 20, of_x = data.x.size() / 20;
  for (std::int64_t i = 0; i < 20; ++i) {
    if (i % 3 > 0) std::fill_n(data.dy.data() + i * of_dy, of_dy, TypeParam(0));
  }
  const Results<TypeParam> got = data.run(), expected = data.one_by_one();
  EXPECT_TRUE(close(got.dx, reference::Array::of(expected.dx.view()), kTolerance<TypeParam>));
  EXPECT_TRUE(close(got.dW, reference::Array::of(expected.dW.view()), kTolerance<TypeParam>));
  EXPECT_TRUE(close(got.db, reference::Array::of(expected.db.view()), kTolerance<TypeParam>));
  for (std::int64_t i = 0; i < got.dx.size(); ++i) {
    if (i / of_x % 3 > 0) {
      ASSERT_EQ(got.dx[i], TypeParam(0)) << i;
    }
  }
}

TYPED_TEST(ConvPoolTest, NoImages) {
  const PairCase c{{{}, Activation::relu, {{2, 2}, {2, 2}}}, {0, 8, 8, 3}, {3, 3, 3, 5}, true};
  const Results<TypeParam> got = PairData<TypeParam>(c, 3).run();
  EXPECT_TRUE(same_bits(got.dW, Tensor<TypeParam>(c.W)));
  EXPECT_TRUE(same_bits(got.db, Tensor<TypeParam>({1, 1, 1, 5})));
}

}  // namespace
}  // namespace hubel::test
