// Pooling with padding and in ceil_mode: against the reference over random shapes, by hand, ties, NaN and infinity,
// gradients by central differences, errors, bits, memory and instruction sets.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "every_target.hpp"
#include "hubel/pool.hpp"
#include "ops/conv_pool.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"
#include "window_reference.hpp"

namespace hubel::test {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// Windows here have at most 36 terms.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 2e-15;

template <class T>
class PoolPaddingTest : public ::testing::Test {};
TYPED_TEST_SUITE(PoolPaddingTest, FloatTypes);

struct PaddedPool {
  Shape A_prev;
  PoolOptions options;

  reference::WindowPool windows() const { return {A_prev, options}; }
  Shape output() const { return windows().output_shape(); }
  std::string to_string() const {
    return detail::formatted("{}, padding {}{}{}", PoolCase{A_prev, options}.to_string(),
                             test::to_string(options.padding), options.ceil_mode ? ", ceil_mode" : "",
                             options.count_include_pad ? ", count_include_pad" : "");
  }
};

std::ostream& operator<<(std::ostream& out, const PaddedPool& c) { return out << c.to_string(); }

Padding random_padding(Noise& noise, const std::array<std::int64_t, 2>& k) {
  if (noise.chance(0.25)) return Padding::same();
  if (noise.chance(0.1)) return Padding::valid();
  const auto side = [&](std::size_t axis) { return noise.integer(0, k[axis] - 1); };
  return Padding::sides(side(0), side(0), side(1), side(1));
}

PaddedPool random_padded_pool(std::uint64_t seed) {
  Noise noise(seed);
  while (true) {
    PaddedPool c{{noise.integer(0, 3), noise.integer(1, 14), noise.integer(1, 14), noise.integer(1, 40)}, {}};
    PoolOptions& o = c.options;
    o.kernel_shape = {noise.integer(1, 6), noise.integer(1, 6)};
    o.stride = {noise.integer(1, o.kernel_shape[0] + 2), noise.integer(1, o.kernel_shape[1] + 2)};
    o.mode = seed % 2 == 0 ? PoolMode::max : PoolMode::avg;
    o.padding = random_padding(noise, o.kernel_shape);
    o.ceil_mode = noise.chance(0.5);
    o.count_include_pad = noise.chance(0.5);
    const reference::WindowPool windows = c.windows();
    if (!windows.rows.empty() && !windows.columns.empty()) return c;  // the kernel fits
  }
}

template <class T>
void check(const PaddedPool& c, const Tensor<T>& A_prev, const Tensor<T>& dA) {
  ASSERT_EQ(pool_output_shape(c.A_prev, c.options), c.output()) << c;
  const double exact_for_max = c.options.mode == PoolMode::max ? 0 : kTolerance<T>;
  EXPECT_TRUE(close(pool_forward(A_prev, c.options), reference::pool_forward<T>(A_prev, c.windows()), exact_for_max))
      << c;
  EXPECT_TRUE(
      close(pool_backward(dA, A_prev, c.options), reference::pool_backward<T>(dA, A_prev, c.windows()), kTolerance<T>))
      << "dA_prev: " << c;
}

TYPED_TEST(PoolPaddingTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const PaddedPool c = random_padded_pool(seed);
    check(c, random_tensor<TypeParam>(c.A_prev, seed), random_tensor<TypeParam>(c.output(), seed + 1));
  }
}

// Negative values throughout: a padding of zeros would win. Few distinct ones: the first maximum gets the gradient.
TYPED_TEST(PoolPaddingTest, TiesBelowZero) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const PaddedPool c = random_padded_pool(2 * seed);
    Tensor<TypeParam> A_prev = random_tensor<TypeParam>(c.A_prev, seed, -4, -1);
    for (TypeParam& x : A_prev) x = std::floor(x);
    check(c, A_prev, random_tensor<TypeParam>(c.output(), seed + 1));
  }
}

TYPED_TEST(PoolPaddingTest, NanAndInfinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const PaddedPool c = random_padded_pool(seed);
    Tensor<T> A_prev = random_tensor<T>(c.A_prev, seed);
    Noise noise(seed);
    for (T& x : A_prev)
      if (noise.chance(seed % 3 == 0 ? 0.7 : 0.2)) x = noise.chance(0.2) ? nan : noise.chance(0.2) ? inf : -inf;
    check(c, A_prev, random_tensor<T>(c.output(), seed + 1));
  }
}

// 3x3 with stride 2 and padding 1, as in ResNet.
TYPED_TEST(PoolPaddingTest, ByHand) {
  using T = TypeParam;
  const Tensor<T> A_prev({1, 3, 4, 1}, {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12});
  PoolOptions o{{3, 3}, {2, 2}, PoolMode::max, Padding::all(1)};
  EXPECT_TRUE(same_bits(pool_forward(A_prev, o), Tensor<T>({1, 2, 2, 1}, {-1, -2, -5, -6})));
  o.ceil_mode = true;
  EXPECT_TRUE(same_bits(pool_forward(A_prev, o), Tensor<T>({1, 2, 3, 1}, {-1, -2, -4, -5, -6, -8})));
  o.mode = PoolMode::avg;
  EXPECT_TRUE(same_bits(pool_forward(A_prev, o), Tensor<T>({1, 2, 3, 1}, {-3.5, -5, -6, -7.5, -9, -10})));
  o.count_include_pad = true;  // the last column of windows is cut to the padded image: two columns wide
  EXPECT_TRUE(
      close(pool_forward(A_prev, o),
            reference::Array::of(Tensor<double>({6}, {-14. / 9, -30. / 9, -2, -30. / 9, -54. / 9, -20. / 6}).view()),
            kTolerance<T>));
}

TEST(PoolPaddingShapeTest, AsPyTorchAndTensorFlowHaveIt) {
  const auto shape = [](std::int64_t h, std::int64_t k, std::int64_t s, const Padding& p, bool ceil) {
    return pool_output_shape({1, h, h, 1}, {{k, k}, {s, s}, PoolMode::max, p, ceil})[1];
  };
  EXPECT_EQ(shape(112, 3, 2, Padding::all(1), false), 56);  // ResNet
  EXPECT_EQ(shape(224, 3, 2, Padding::valid(), true), 112);
  EXPECT_EQ(shape(54, 3, 2, Padding::valid(), true), 27);  // SqueezeNet
  EXPECT_EQ(shape(54, 3, 2, Padding::valid(), false), 26);
  EXPECT_EQ(shape(4, 2, 3, Padding::all(1), true), 2);   // a third would begin past the image
  EXPECT_EQ(shape(2, 3, 2, Padding::valid(), true), 1);  // a kernel larger than the image by less than a stride
  EXPECT_EQ(shape(1, 1, 4, Padding::valid(), true), 1);
  EXPECT_EQ(shape(7, 2, 2, Padding::same(), false), 4);
  EXPECT_EQ(shape(7, 2, 2, Padding::same(), true), 4);
  EXPECT_EQ(shape(3, 5, 1, Padding::same(), false), 3);
}

// Kernels and strides beyond all images: no product or sum of them overflows.
TYPED_TEST(PoolPaddingTest, HugeKernelsAndStrides) {
  using T = TypeParam;
  const Tensor<T> A_prev({1, 1, 3, 1}, {1, 2, 6});
  PoolOptions o{{1, kMost}, {kMost, 1}, PoolMode::avg, Padding::same()};
  EXPECT_TRUE(same_bits(pool_forward(A_prev, o), Tensor<T>({1, 1, 3, 1}, {3, 3, 3})));
  o.stride[1] = kMost;
  EXPECT_TRUE(same_bits(pool_forward(A_prev, o), Tensor<T>({1, 1, 1, 1}, {3})));
  o.padding = Padding::valid();
  o.ceil_mode = true;
  o.mode = PoolMode::max;
  EXPECT_TRUE(same_bits(pool_forward(A_prev, o), Tensor<T>({1, 1, 1, 1}, {6})));
  EXPECT_TRUE(same_bits(pool_backward(Tensor<T>({1, 1, 1, 1}, {5}), A_prev, o), Tensor<T>({1, 1, 3, 1}, {0, 0, 5})));
}

TEST(PoolPaddingGradientTest, CentralDifferences) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    PaddedPool c = random_padded_pool(seed);
    c.A_prev = {c.A_prev[0], c.A_prev[1], c.A_prev[2], 2};
    Tensor<double> A_prev = random_tensor<double>(c.A_prev, seed);
    const Tensor<double> dA = random_tensor<double>(c.output(), seed + 1);
    const auto loss = [&] { return weighted_sum(dA, pool_forward(A_prev, c.options)); };
    const Tensor<double> got = pool_backward(dA, A_prev, c.options);
    EXPECT_TRUE(close(got, numerical_gradient(A_prev, loss, 0x1p-24), 1e-7)) << c;
  }
}

TEST(PoolPaddingErrorTest, PaddingAndKernel) {
  struct Bad {
    Shape A_prev;
    PoolOptions options;
    std::vector<std::string> parts;
  };
  const Shape A{2, 8, 9, 4};
  const PoolMode max = PoolMode::max;
  for (const Bad& bad : {
           Bad{A, {{2, 2}, {1, 1}, max, Padding::sides(0, -1, 0, 0)}, {"padding", "((0, -1), (0, 0))", "at least 0"}},
           Bad{A, {{2, 2}, {1, 1}, max, Padding::sides(0, 1, 0, 2)}, {"padding", "((0, 1), (0, 2))", "(2, 2)"}},
           Bad{A, {{3, 2}, {1, 1}, max, Padding::symmetric(3, 0)}, {"padding", "((3, 3), (0, 0))", "(3, 2)"}},
           Bad{A, {{2, 2}, {1, 1}, max, Padding::all(kMost)}, {"padding", std::to_string(kMost), "below 2^31"}},
           Bad{A, {{11, 2}, {1, 1}, max, Padding::all(1)}, {"kernel_shape", "(11, 2)", "8", "((1, 1), (1, 1))"}},
           Bad{A, {{10, 2}, {2, 1}, max, Padding::valid(), true}, {"kernel_shape", "(10, 2)", "8"}},
           Bad{{2, 0, 9, 4}, {{3, 3}, {1, 1}, max, Padding::all(2)}, {"kernel_shape", "(3, 3)", "0 high"}},
           Bad{{2, 0, 9, 4}, {{3, 3}, {9, 9}, max, Padding::valid(), true}, {"kernel_shape", "(3, 3)", "0 high"}},
       }) {
    const Tensor<float> A_prev(bad.A_prev), dA({2, 7, 8, 4});
    EXPECT_TRUE(refuses([&] { pool_output_shape(bad.A_prev, bad.options, "layer 2"); }, "layer 2", bad.parts));
    EXPECT_TRUE(refuses([&] { pool_forward(A_prev, bad.options); }, "pool_forward", bad.parts));
    EXPECT_TRUE(refuses([&] { pool_backward(dA, A_prev, bad.options); }, "pool_backward", bad.parts));
  }
}

TYPED_TEST(PoolPaddingTest, NothingToPool) {
  using T = TypeParam;
  const PoolOptions same{{3, 3}, {2, 2}, PoolMode::avg, Padding::same()};
  for (const Shape& A : {Shape{0, 5, 5, 2}, Shape{2, 0, 5, 2}, Shape{2, 5, 5, 0}}) {
    const Tensor<T> out = pool_forward(Tensor<T>(A), same);
    EXPECT_EQ(out.shape(), (Shape{A[0], (A[1] + 1) / 2, 3, A[3]}));
    EXPECT_EQ(pool_backward(out, Tensor<T>(A), same).shape(), A);
  }
}

TYPED_TEST(PoolPaddingTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (PoolMode mode : {PoolMode::max, PoolMode::avg})
    for (const PaddedPool& c :
         {PaddedPool{{8, 56, 57, 6}, {{3, 3}, {2, 2}, mode, Padding::all(1)}},
          PaddedPool{{3, 50, 40, 33}, {{5, 4}, {2, 3}, mode, Padding::same(), false, true}},
          PaddedPool{{2, 90, 90, 20}, {{80, 90}, {9, 90}, mode, Padding::sides(3, 0, 0, 0), true}}}) {
      const Tensor<T> A_prev = random_tensor<T>(c.A_prev, 1), dA = random_tensor<T>(c.output(), 2);
      const auto forward = [&] { return pool_forward(A_prev, c.options); };
      const auto backward = [&] { return pool_backward(dA, A_prev, c.options); };
      for (int threads : {2, 4}) {
        EXPECT_TRUE(same_bits(with_threads(threads, forward), with_threads(1, forward))) << c;
        EXPECT_TRUE(same_bits(with_threads(threads, backward), with_threads(1, backward))) << c;
      }
    }
}

template <class T>
void check_fenced(const PaddedPool& c, Fence fence) {
  const OnCrashSay say(c.to_string());
  const Tensor<T> A = random_tensor<T>(c.A_prev, 12), d = random_tensor<T>(c.output(), 13);
  const FencedTensor<T> A_prev(A, fence), dA(d, fence);
  FencedTensor<T> out(c.output(), fence), dA_prev(c.A_prev, fence);
  pool_forward(A_prev, c.options, out);
  pool_backward(dA, A_prev, c.options, dA_prev);
  EXPECT_TRUE(out.untouched() && dA_prev.untouched()) << c;
  EXPECT_TRUE(same_bits<T>(out.view(), pool_forward(A, c.options))) << c;
  EXPECT_TRUE(same_bits<T>(dA_prev.view(), pool_backward(d, A, c.options))) << c;
  check(c, A, d);
}

TYPED_TEST(PoolPaddingTest, StaysInItsArraysOnEveryInstructionSet) {
  with_every_target([] {
    for (Fence fence : {Fence::before, Fence::after}) {
      for (std::uint64_t seed = 5000; seed < 5150; ++seed) check_fenced<TypeParam>(random_padded_pool(seed), fence);
      for (std::int64_t channels = 1; channels <= 40; ++channels)
        for (PoolMode mode : {PoolMode::max, PoolMode::avg})
          check_fenced<TypeParam>({{1, 5, 6, channels}, {{3, 3}, {2, 2}, mode, Padding::all(1)}}, fence);
    }
  });
}

// A convolution and a pooling with padding are not computed as one, which knows only windows inside the image.
TEST(PoolPaddingPairTest, DoesNotPay) {
  const Shape x{28, 28, 1}, W{5, 5, 1, 6};
  detail::ConvPool pair{{}, Activation::relu, {{2, 2}, {2, 2}, PoolMode::max}};
  EXPECT_TRUE(detail::ConvPoolPlan<float>::pays(pair, x, W));
  pair.pool.ceil_mode = true;
  EXPECT_FALSE(detail::ConvPoolPlan<float>::pays(pair, x, W));
  pair.pool.ceil_mode = false;
  for (const Padding& padding : {Padding::same(), Padding::all(1)}) {
    pair.pool.padding = padding;
    EXPECT_FALSE(detail::ConvPoolPlan<float>::pays(pair, x, W));
  }
}

}  // namespace
}  // namespace hubel::test
