// A convolution and its max pooling computed as one, against the two operations by themselves: values, gradients, the
// same bits for any number of threads.
#include "ops/conv_pool.hpp"

#include <gtest/gtest.h>

#include "conv_cases.hpp"
#include "hubel/activation.hpp"
#include "hubel/pool.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

using detail::ConvPool;

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-13;

struct PairCase {
  ConvPool pair;
  Shape x, W;
  bool bias;
};

// A pair whose shapes fit.
PairCase random_pair(std::uint64_t seed) {
  Noise noise(seed);
  for (;;) {
    PairCase c;
    const std::int64_t c_prev = noise.integer(1, 20);
    c.x = {noise.integer(1, 20), noise.integer(1, 14), noise.integer(1, 14), c_prev};
    c.W = {noise.integer(1, 5), noise.integer(1, 5), c_prev, noise.integer(1, 20)};
    c.bias = noise.chance(0.8);
    c.pair.conv.padding = noise.chance(0.3)   ? Padding::same()
                          : noise.chance(0.5) ? Padding::valid()
                                              : random_sides(noise, 4, 4);
    c.pair.conv.stride = {noise.integer(1, 3), noise.integer(1, 3)};
    const Activation activations[] = {Activation::identity, Activation::relu, Activation::tanh};
    c.pair.activation = activations[noise.integer(0, 2)];
    c.pair.pool.kernel_shape = {noise.integer(1, 3), noise.integer(1, 3)};
    c.pair.pool.stride = {c.pair.pool.kernel_shape[0] + noise.integer(0, 1),
                          c.pair.pool.kernel_shape[1] + noise.integer(0, 1)};
    try {
      pool_output_shape(conv_geometry(c.x, c.W, c.pair.conv).output_shape(), c.pair.pool);
      return c;
    } catch (const std::invalid_argument&) {
    }
  }
}

template <class T>
struct Results {
  Tensor<T> y, winners, dz, dx, dW, db;
};

template <class T>
struct PairData {
  PairData(const PairCase& c_, std::uint64_t seed)
      : c(c_),
        x(random_tensor<T>(c.x, 5 * seed)),
        W(random_tensor<T>(c.W, 5 * seed + 1)),
        b(random_tensor<T>({1, 1, 1, c.W[3]}, 5 * seed + 2)),
        dy(random_tensor<T>(pool_output_shape(conv_geometry(c.x, c.W, c.pair.conv).output_shape(), c.pair.pool),
                            5 * seed + 3)) {}

  TensorView<const T> bias() const { return c.bias ? b.view() : TensorView<const T>(); }

  Results<T> run(bool wants_dx = true) const {
    Results<T> r{Tensor<T>(dy.shape()), Tensor<T>(dy.shape()), Tensor<T>(dy.shape()),
                 Tensor<T>(x.shape()),  Tensor<T>(W.shape()),  Tensor<T>(b.shape())};
    detail::conv_pool_forward<T>(c.pair, x, W, bias(), r.y, r.winners);
    activation_backward(dy, r.y, r.y, c.pair.activation, r.dz);
    detail::conv_pool_backward<T>(c.pair, r.dz, r.winners, x, W, wants_dx ? r.dx.view() : TensorView<T>(), r.dW, r.db);
    return r;
  }

  // The operations one after another.
  Results<T> one_by_one() const {
    Results<T> r;
    const Tensor<T> conv = conv_forward(x, W, bias(), c.pair.activation, c.pair.conv);
    r.y = pool_forward(conv, c.pair.pool);
    const Tensor<T> d = pool_backward(dy, conv, c.pair.pool);
    r.dz = Tensor<T>(d.shape());
    activation_backward(d, conv, conv, c.pair.activation, r.dz);
    ConvGradients<T> g = conv_backward(r.dz, x, W, b, c.pair.conv);
    r.dx = std::move(g.dA_prev), r.dW = std::move(g.dW), r.db = std::move(g.db);
    return r;
  }

  PairCase c;
  Tensor<T> x, W, b, dy;
};

template <class T>
::testing::AssertionResult alike(const Tensor<T>& a, const Tensor<T>& b) {
  return close(a, reference::Array::of(b.view()), kTolerance<T>);
}

template <class T>
class ConvPoolTest : public ::testing::Test {};
TYPED_TEST_SUITE(ConvPoolTest, FloatTypes);

TYPED_TEST(ConvPoolTest, RandomPairs) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const PairData<TypeParam> data(random_pair(seed), seed);
    const Results<TypeParam> got = data.run(), expected = data.one_by_one();
    EXPECT_TRUE(alike(got.y, expected.y)) << seed;
    EXPECT_TRUE(alike(got.dx, expected.dx)) << seed;
    EXPECT_TRUE(alike(got.dW, expected.dW)) << seed;
    EXPECT_TRUE(alike(got.db, expected.db)) << seed;
    EXPECT_TRUE(same_bits(data.run(false).dW, got.dW)) << seed;
  }
}

// Constant images, as an image's background is, tie whole windows: the first maximum wins.
TYPED_TEST(ConvPoolTest, TiesGoToTheFirst) {
  PairCase c{{{.padding = Padding::valid()}, Activation::identity, {{2, 2}, {2, 2}}}, {1, 6, 6, 1}, {3, 3, 1, 2}, true};
  PairData<TypeParam> data(c, 1);
  data.x = constant_tensor<TypeParam>(c.x, 1);
  const Results<TypeParam> got = data.run(), expected = data.one_by_one();
  for (TypeParam winner : got.winners) EXPECT_EQ(winner, 0);
  EXPECT_TRUE(alike(got.dx, expected.dx));
}

TYPED_TEST(ConvPoolTest, TheSameBitsForAnyNumberOfThreads) {
  const PairCase c{
      {{.padding = Padding::same()}, Activation::relu, {{2, 2}, {2, 2}}}, {37, 14, 14, 6}, {5, 5, 6, 16}, true};
  const PairData<TypeParam> data(c, 2);
  const Results<TypeParam> one = with_threads(1, [&] { return data.run(); });
  for (int threads : {2, 3, 8}) {
    const Results<TypeParam> many = with_threads(threads, [&] { return data.run(); });
    EXPECT_TRUE(same_bits(many.y, one.y));
    EXPECT_TRUE(same_bits(many.dx, one.dx));
    EXPECT_TRUE(same_bits(many.dW, one.dW));
    EXPECT_TRUE(same_bits(many.db, one.db));
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
  EXPECT_TRUE(alike(got.dx, expected.dx));
  EXPECT_TRUE(alike(got.dW, expected.dW));
  EXPECT_TRUE(alike(got.db, expected.db));
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
