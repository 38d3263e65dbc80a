// Resizing: against the reference over random shapes, by hand, NaN and infinity, gradients by central differences,
// errors, bits, memory and instruction sets.
#include "hubel/resize.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "every_target.hpp"
#include "resize_reference.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

// Places are rounded once, to T; a gradient is a sum of at most 400 parts.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 2e-15;

template <class T>
class ResizeTest : public ::testing::Test {};
TYPED_TEST_SUITE(ResizeTest, FloatTypes);

struct ResizeCase {
  Shape x;
  ResizeOptions options;

  Shape output() const { return {x[0], options.size[0], options.size[1], x[3]}; }
  std::string to_string() const {
    return detail::formatted("x {} to {}, {}{}", x.to_string(), test::to_string(options.size),
                             interpolation_name(options.interpolation), options.align_corners ? ", align_corners" : "");
  }
};

std::ostream& operator<<(std::ostream& out, const ResizeCase& c) { return out << c.to_string(); }

ResizeCase random_resize(std::uint64_t seed) {
  Noise noise(seed);
  ResizeCase c{{noise.integer(0, 2), noise.integer(1, 9), noise.integer(1, 9), noise.integer(1, 40)}, {}};
  c.options.size = {noise.integer(1, 20), noise.integer(1, 20)};
  if (noise.chance(0.3)) c.options.size = {2 * c.x[1], 3 * c.x[2]};
  constexpr Interpolation kAll[] = {Interpolation::nearest, Interpolation::bilinear, Interpolation::bilinear,
                                    Interpolation::bicubic, Interpolation::bicubic};
  c.options.interpolation = kAll[seed % 5];
  c.options.align_corners = seed % 5 == 2 || seed % 5 == 4;
  return c;
}

template <class T>
void check(const ResizeCase& c, const Tensor<T>& x, const Tensor<T>& dy) {
  const Tensor<T> y = resize_forward(x, c.options);
  ASSERT_EQ(y.shape(), c.output()) << c;
  EXPECT_TRUE(close(y, reference::resize_forward<T>(x, c.options), kTolerance<T>)) << c;
  const Tensor<T> dx = resize_backward(dy, c.x, c.options);
  ASSERT_EQ(dx.shape(), c.x) << c;
  EXPECT_TRUE(close(dx, reference::resize_backward<T>(dy, c.x, c.options), kTolerance<T>)) << "dx: " << c;
}

TYPED_TEST(ResizeTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const ResizeCase c = random_resize(seed);
    check(c, random_tensor<TypeParam>(c.x, seed), random_tensor<TypeParam>(c.output(), seed + 1));
  }
}

TYPED_TEST(ResizeTest, NearestByHand) {
  using T = TypeParam;
  const Tensor<T> x({1, 1, 3, 1}, {1, 2, 3});
  EXPECT_TRUE(same_bits(resize_forward(x, {{2, 6}}), Tensor<T>({1, 2, 6, 1}, {1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3})));
  EXPECT_TRUE(same_bits(resize_forward(x, {{1, 2}}), Tensor<T>({1, 1, 2, 1}, {1, 2})));
  EXPECT_TRUE(same_bits(resize_forward(x, {{1, 5}}), Tensor<T>({1, 1, 5, 1}, {1, 1, 2, 2, 3})));
  EXPECT_TRUE(same_bits(resize_backward(Tensor<T>({1, 1, 2, 1}, {7, 8}), x.shape(), {{1, 2}}),
                        Tensor<T>({1, 1, 3, 1}, {7, 8, 0})));
}

TYPED_TEST(ResizeTest, BilinearByHand) {
  using T = TypeParam;
  const Tensor<T> x({1, 1, 2, 1}, {0, 8});
  EXPECT_TRUE(same_bits(resize_forward(x, {{1, 4}, Interpolation::bilinear}), Tensor<T>({1, 1, 4, 1}, {0, 2, 6, 8})));
  EXPECT_TRUE(
      same_bits(resize_forward(x, {{1, 5}, Interpolation::bilinear, true}), Tensor<T>({1, 1, 5, 1}, {0, 2, 4, 6, 8})));
  EXPECT_TRUE(same_bits(resize_forward(x, {{1, 1}, Interpolation::bilinear}), Tensor<T>({1, 1, 1, 1}, {4})));
  EXPECT_TRUE(same_bits(resize_forward(x, {{1, 1}, Interpolation::bilinear, true}), Tensor<T>({1, 1, 1, 1}, {0})));
  EXPECT_TRUE(
      same_bits(resize_backward(Tensor<T>({1, 1, 4, 1}, {1, 4, 8, 2}), x.shape(), {{1, 4}, Interpolation::bilinear}),
                Tensor<T>({1, 1, 2, 1}, {6, 9})));
}

TYPED_TEST(ResizeTest, BicubicByHand) {
  using T = TypeParam;
  // In the middle of two pixels -3/32, 19/32, 19/32, -3/32; beyond the sides lie 0 and 8.
  const Tensor<T> x({1, 1, 2, 1}, {0, 8});
  const ResizeOptions corners{{1, 3}, Interpolation::bicubic, true};
  EXPECT_TRUE(same_bits(resize_forward(x, corners), Tensor<T>({1, 1, 3, 1}, {0, 4, 8})));
  EXPECT_TRUE(same_bits(resize_backward(Tensor<T>({1, 1, 3, 1}, {1, 4, 2}), x.shape(), corners),
                        Tensor<T>({1, 1, 2, 1}, {3, 4})));
  const Tensor<T> step({1, 1, 4, 1}, {0, 0, 32, 32});
  EXPECT_TRUE(same_bits(resize_forward(step, {{1, 7}, Interpolation::bicubic, true}),
                        Tensor<T>({1, 1, 7, 1}, {0, -3, 0, 16, 32, 35, 32})));
}

// At its own size an image stays as it is, NaN and infinity too: neighbours of weight 0 take no part.
TYPED_TEST(ResizeTest, SameSizeCopies) {
  using T = TypeParam;
  Tensor<T> x = random_tensor<T>({2, 5, 7, 3}, 1);
  x[17] = std::numeric_limits<T>::infinity();
  x[50] = std::numeric_limits<T>::quiet_NaN();
  for (const ResizeOptions& o :
       {ResizeOptions{{5, 7}}, ResizeOptions{{5, 7}, Interpolation::bilinear},
        ResizeOptions{{5, 7}, Interpolation::bilinear, true}, ResizeOptions{{5, 7}, Interpolation::bicubic}}) {
    EXPECT_TRUE(same_bits(resize_forward(x, o), x));
    EXPECT_TRUE(close(resize_backward(x, x.shape(), o), reference::Array::of(x.view()), 0));
  }
}

// The numbers among them are positive: where nearly all outputs are NaN, the others' scale must not be what cancels.
TYPED_TEST(ResizeTest, NanAndInfinity) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const ResizeCase c = random_resize(seed);
    Tensor<T> x = random_tensor<T>(c.x, seed, 0.5, 1), dy = random_tensor<T>(c.output(), seed + 1, 0.5, 1);
    Noise noise(seed);
    for (Tensor<T>* t : {&x, &dy})
      for (T& v : *t)
        if (noise.chance(0.1)) v = noise.chance(0.3) ? nan : noise.chance(0.5) ? inf : -inf;
    check(c, x, dy);
  }
}

// More places than a float can tell apart: f is rounded, to 1 among others, and the last pixel is still the last.
TYPED_TEST(ResizeTest, ManyPlaces) {
  using T = TypeParam;
  const std::int64_t n = (std::int64_t{1} << 25) + 3;
  const Tensor<T> y = resize_forward(Tensor<T>({1, 1, 2, 1}, {0, 1}), {{1, n}, Interpolation::bilinear, true});
  EXPECT_TRUE(std::is_sorted(y.begin(), y.end()));
  EXPECT_EQ(y[0], 0);
  EXPECT_NEAR(y[n / 4], 0.25, 1e-7);
  EXPECT_EQ(y[n - 1], 1);
}

TEST(ResizeGradientTest, CentralDifferences) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    ResizeCase c = random_resize(seed);
    c.x = {c.x[0], c.x[1], c.x[2], 2};
    Tensor<double> x = random_tensor<double>(c.x, seed);
    const Tensor<double> dy = random_tensor<double>(c.output(), seed + 1);
    const auto loss = [&] { return weighted_sum(dy, resize_forward(x, c.options)); };
    const Tensor<double> got = resize_backward(dy, c.x, c.options);
    EXPECT_TRUE(close(got, numerical_gradient(x, loss, 0.5), 1e-13)) << c;  // linear: any step will do
  }
}

TEST(ResizeErrorTest, ShapesAndOptions) {
  const Tensor<float> x({2, 8, 9, 4}), flat({8, 9, 4}), empty({2, 8, 0, 4}), dy({2, 3, 3, 4});
  Tensor<float> wrong({2, 3, 2, 4});
  const ResizeOptions o{{3, 3}};
  EXPECT_TRUE(refuses([&] { resize_forward(flat, o); }, "resize_forward", {"x", "(8, 9, 4)", "(m, h, w, c)"}));
  EXPECT_TRUE(refuses([&] { resize_forward(empty, o); }, "resize_forward", {"x", "(8, 0)", "at least 1"}));
  EXPECT_TRUE(refuses([&] { resize_forward(x, {{0, 3}}); }, "resize_forward", {"size", "(0, 3)", "at least 1"}));
  EXPECT_TRUE(refuses(
      [&] {
        resize_forward(x, {{3, std::int64_t{1} << 31}});
      },
      "resize_forward", {"size", "(3, 2147483648)", "below 2^31"}));
  EXPECT_TRUE(refuses(
      [&] {
        resize_forward(x, {{3, 3}, Interpolation::nearest, true});
      },
      "resize_forward", {"align_corners", "nearest"}));
  EXPECT_TRUE(refuses([&] { resize_forward(x, o, wrong); }, "resize_forward", {"y", "(2, 3, 2, 4)", "(2, 3, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { resize_backward(dy, {8, 9, 4}, o); }, "resize_backward", {"x", "(8, 9, 4)"}));
  EXPECT_TRUE(refuses(
      [&] {
        resize_backward(dy, {1, 8, 9, 4}, o);
      },
      "resize_backward", {"dy", "(2, 3, 3, 4)", "(1, 3, 3, 4)"}));
  Tensor<float> dx({8, 9, 4});
  EXPECT_TRUE(refuses([&] { resize_backward(dy, o, dx); }, "resize_backward", {"dx", "(8, 9, 4)"}));
  EXPECT_TRUE(refuses([&] { resize_output_shape({8, 9}, o, "layer 3"); }, "layer 3", {"x", "(8, 9)"}));
  EXPECT_TRUE(refuses([&] { interpolation_from_name("cubic", "resize"); }, "resize",
                      {"cubic", "nearest", "bilinear", "bicubic"}));
}

TEST(InterpolationTest, NamesGoBothWays) {
  for (Interpolation i : {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic})
    EXPECT_EQ(interpolation_from_name(interpolation_name(i)), i);
  EXPECT_EQ(interpolation_name(Interpolation::nearest), "nearest");
  EXPECT_EQ(interpolation_name(Interpolation::bilinear), "bilinear");
  EXPECT_EQ(interpolation_name(Interpolation::bicubic), "bicubic");
}

TYPED_TEST(ResizeTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (const ResizeCase& c :
       {ResizeCase{{4, 28, 30, 16}, {{56, 60}}}, ResizeCase{{2, 40, 41, 33}, {{71, 59}, Interpolation::bilinear}},
        ResizeCase{{2, 90, 70, 3}, {{31, 80}, Interpolation::bilinear, true}},
        ResizeCase{{2, 90, 70, 5}, {{131, 80}, Interpolation::bicubic}}}) {
    const Tensor<T> x = random_tensor<T>(c.x, 1), dy = random_tensor<T>(c.output(), 2);
    const auto forward = [&] { return resize_forward(x, c.options); };
    const auto backward = [&] { return resize_backward(dy, c.x, c.options); };
    for (int threads : {2, 4}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), with_threads(1, forward))) << c;
      EXPECT_TRUE(same_bits(with_threads(threads, backward), with_threads(1, backward))) << c;
    }
  }
}

template <class T>
void check_fenced(const ResizeCase& c, Fence fence) {
  const OnCrashSay say(c.to_string());
  const Tensor<T> x = random_tensor<T>(c.x, 12), dy = random_tensor<T>(c.output(), 13);
  const FencedTensor<T> fenced_x(x, fence), fenced_dy(dy, fence);
  FencedTensor<T> y(c.output(), fence), dx(c.x, fence);
  resize_forward(fenced_x, c.options, y);
  resize_backward(fenced_dy, c.options, dx);
  EXPECT_TRUE(y.untouched() && dx.untouched()) << c;
  EXPECT_TRUE(same_bits<T>(y.view(), resize_forward(x, c.options))) << c;
  EXPECT_TRUE(same_bits<T>(dx.view(), resize_backward(dy, c.x, c.options))) << c;
  check(c, x, dy);
}

TYPED_TEST(ResizeTest, StaysInItsArraysOnEveryInstructionSet) {
  with_every_target([] {
    for (Fence fence : {Fence::before, Fence::after})
      for (std::uint64_t seed = 5000; seed < 5120; ++seed) check_fenced<TypeParam>(random_resize(seed), fence);
  });
}

}  // namespace
}  // namespace hubel::test
