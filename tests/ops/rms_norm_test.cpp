// Root-mean-square and unit normalisation: from their definitions over random shapes, gradients by differences, in
// place, NaN, vectors near 0, threads, memory, instruction sets, errors.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "every_target.hpp"
#include "hubel/norm.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

constexpr double kEpsilon = 1e-3;

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 3e-6 : 1e-14;

template <class T>
class RmsNormTest : public ::testing::Test {};
TYPED_TEST_SUITE(RmsNormTest, FloatTypes);

enum class Kind { rms, plain_rms, unit };  // plain: without gamma

Shape pixels_of(const Shape& x) { return Shape(std::span(x.begin(), x.end() - 1)); }

template <class T>
struct Result {
  Tensor<T> y, inv, dx, dgamma;
};

template <class T>
void run_into(Kind kind, TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> dy, TensorView<T> y,
              TensorView<T> inv, TensorView<T> dx, TensorView<T> dgamma) {
  if (kind == Kind::plain_rms) gamma = {}, dgamma = {};
  if (kind == Kind::unit) {
    unit_norm_forward(x, y, inv);
    unit_norm_backward(dy, x, TensorView<const T>(inv), dx);
  } else {
    rms_norm_forward(x, gamma, kEpsilon, y, inv);
    rms_norm_backward(dy, x, gamma, TensorView<const T>(inv), dx, dgamma);
  }
}

template <class T>
Result<T> run(Kind kind, TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> dy) {
  Result<T> r{Tensor<T>(x.shape()), Tensor<T>(pixels_of(x.shape())), Tensor<T>(x.shape()), Tensor<T>(gamma.shape())};
  run_into<T>(kind, x, gamma, dy, r.y, r.inv, r.dx, r.dgamma);
  return r;
}

// The definitions, and the gradients as the quotient's rule has them.
template <class T>
void check(Kind kind, const Shape& shape, std::uint64_t seed) {
  SCOPED_TRACE(detail::formatted("{}, kind {}", shape.to_string(), static_cast<int>(kind)));
  const std::int64_t c = shape.back();
  const Tensor<T> x = random_tensor<T>(shape, seed, -2, 3), dy = random_tensor<T>(shape, seed + 1);
  const Tensor<T> gamma = random_tensor<T>({c}, seed + 2, -1.5, 1.5);
  const Result<T> r = run<T>(kind, x, gamma, dy);
  reference::Array y(x.size()), dx(x.size()), dgamma(c);
  for (std::int64_t at = 0; at < x.size(); at += c) {
    long double squares = 0, product = 0;
    const auto scale = [&](std::int64_t k) { return kind == Kind::rms ? static_cast<long double>(gamma[k]) : 1.0L; };
    for (std::int64_t k = 0; k < c; ++k) {
      squares += static_cast<long double>(x[at + k]) * x[at + k];
      product += static_cast<long double>(x[at + k]) * dy[at + k] * scale(k);
    }
    const long double share = kind == Kind::unit ? 1 : 1 / static_cast<long double>(c);
    const long double root = std::sqrt(share * squares + (kind == Kind::unit ? 0 : static_cast<long double>(kEpsilon)));
    for (std::int64_t k = 0; k < c; ++k) {
      y[at + k] = x[at + k] / root * scale(k);
      dx[at + k] = dy[at + k] * scale(k) / root - x[at + k] * share * product / (root * root * root);
      dgamma[k] += dy[at + k] * (x[at + k] / root);
    }
  }
  EXPECT_TRUE(close(r.y, y, kTolerance<T>));
  EXPECT_TRUE(close(r.dx, dx, kTolerance<T>));
  if (kind == Kind::rms) {
    EXPECT_TRUE(close(r.dgamma, dgamma, kTolerance<T>));
  }
}

constexpr Kind kKinds[] = {Kind::rms, Kind::plain_rms, Kind::unit};

TYPED_TEST(RmsNormTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Noise noise(seed);
    const std::int64_t c = noise.chance(0.3) ? noise.integer(2, 4) : noise.integer(2, 90);
    const Shape shape = noise.chance(0.3) ? Shape{noise.integer(1, 300), c}
                                          : Shape{noise.integer(1, 4), noise.integer(1, 17), noise.integer(1, 17), c};
    check<TypeParam>(kKinds[seed % 3], shape, seed);
  }
}

// Many pixels, many channels: where parts, blocks and segments divide the work, none even.
TYPED_TEST(RmsNormTest, LargerShapesAndEveryInstructionSet) {
  with_every_target([] {
    for (const Kind kind : kKinds) {
      for (const Shape& shape : {Shape{2, 61, 67, 3}, Shape{2, 300, 257}, Shape{3, 9001}, Shape{20'003, 2}})
        check<TypeParam>(kind, shape, 1);
    }
  });
}

TEST(RmsNormGradientTest, ByDifferences) {
  for (const Kind kind : kKinds) {
    Tensor<double> x = random_tensor<double>({2, 3, 7}, 1), gamma = random_tensor<double>({7}, 2);
    const Tensor<double> dy = random_tensor<double>(x.shape(), 3);
    const Result<double> r = run<double>(kind, x, gamma, dy);
    const auto loss = [&] { return weighted_sum(dy, run<double>(kind, x, gamma, dy).y); };
    EXPECT_TRUE(close(r.dx, numerical_gradient(x, loss, 1e-5), 1e-8));
    if (kind == Kind::rms) {
      EXPECT_TRUE(close(r.dgamma, numerical_gradient(gamma, loss, 1e-5), 1e-8));
    }
  }
}

TYPED_TEST(RmsNormTest, InPlaceAndOnAnyNumberOfThreads) {
  using T = TypeParam;
  const Shape shape{5, 41, 43, 17};
  const Tensor<T> x = random_tensor<T>(shape, 1), gamma = random_tensor<T>({17}, 2), dy = random_tensor<T>(shape, 3);
  for (const Kind kind : kKinds) {
    const auto call = [&] { return run<T>(kind, x, gamma, dy); };
    const Result<T> one = with_threads(1, call);
    for (const int threads : {2, 4}) {
      const Result<T> other = with_threads(threads, call);
      EXPECT_TRUE(same_bits(other.y, one.y) && same_bits(other.dx, one.dx) && same_bits(other.dgamma, one.dgamma));
    }
    Tensor<T> y = x, d = dy, inv(pixels_of(shape)), dgamma(gamma.shape());
    if (kind == Kind::unit) {
      unit_norm_forward(y, y, inv);
      unit_norm_backward(d, x, inv, d);
    } else {
      const TensorView<const T> g = kind == Kind::rms ? gamma.view() : TensorView<const T>();
      rms_norm_forward(y, g, kEpsilon, y, inv);
      rms_norm_backward(d, x, g, inv, d, dgamma);
    }
    EXPECT_TRUE(same_bits(y, one.y));
    EXPECT_TRUE(same_bits(d, one.dx));
  }
}

// A length that the bound holds for is a constant.
TYPED_TEST(RmsNormTest, UnitOfVectorsNearZero) {
  using T = TypeParam;
  const T tiny = static_cast<T>(3e-7);
  const Tensor<T> x({2, 3}, {0, 0, 0, tiny, -tiny, 0}), dy({2, 3}, {1, -2, 3, 4, 5, -6});
  const Result<T> r = run<T>(Kind::unit, x, Tensor<T>({3}), dy);
  const T factor = static_cast<T>(1e6);
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(r.y[i], x[i] * factor);
    EXPECT_EQ(r.dx[i], dy[i] * factor);
  }
}

TYPED_TEST(RmsNormTest, OfNothingAndOfOneChannel) {
  using T = TypeParam;
  for (const Kind kind : kKinds) {
    for (const Shape& shape : {Shape{0, 5}, Shape{3, 0, 5}, Shape{3, 0}}) {
      const Tensor<T> x(shape);
      const auto gamma = constant_tensor<T>({shape.back()}, 2);
      const Result<T> r = run<T>(kind, x, gamma, x);
      for (const T g : r.dgamma) EXPECT_EQ(g, 0);
    }
    const Tensor<T> x({2, 1}, {-4, 3}), one({1}, {1});
    const Result<T> r = run<T>(kind, x, one, x);
    EXPECT_NEAR(static_cast<double>(r.y[0]), -1, kEpsilon);
    EXPECT_NEAR(static_cast<double>(r.y[1]), 1, kEpsilon);
  }
}

TYPED_TEST(RmsNormTest, NanAndInfinityStayInTheirPixel) {
  using T = TypeParam;
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN(), kInfinity = std::numeric_limits<T>::infinity();
  const Tensor<T> x({3, 2}, {kNan, 1, kInfinity, 1, 3, 4}), one({2}, {1, 1});
  for (const Kind kind : kKinds) {
    const Tensor<T> y = run<T>(kind, x, one, x).y;
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2]));
    EXPECT_EQ(y[3], 0);
    EXPECT_TRUE(std::isfinite(y[4]) && std::isfinite(y[5]));
  }
}

TYPED_TEST(RmsNormTest, NothingOutsideItsArrays) {
  using T = TypeParam;
  with_every_target([] {
    for (std::int64_t c = 1; c <= 40; ++c)
      for (const Fence fence : {Fence::before, Fence::after})
        for (const Kind kind : kKinds) {
          const OnCrashSay say(detail::formatted("{} channels", c));
          const Shape shape{2, 3, c};
          const FencedTensor<T> x(random_tensor<T>(shape, 1), fence), dy(random_tensor<T>(shape, 2), fence);
          const FencedTensor<T> gamma(random_tensor<T>({c}, 3), fence);
          FencedTensor<T> y(shape, fence), inv({2, 3}, fence), dx(shape, fence), dgamma({c}, fence);
          run_into<T>(kind, x, gamma, dy, y, inv, dx, dgamma);
          EXPECT_TRUE(y.untouched() && inv.untouched() && dx.untouched() && dgamma.untouched());
        }
  });
}

TEST(RmsNormErrorTest, ShapesAndEpsilon) {
  const Tensor<float> x({2, 3}), vector({3}), four({4});
  Tensor<float> y({2, 3}), inv({2}), wrong({3, 2}), three({3});
  constexpr std::string_view rms = "rms_norm_forward", back = "rms_norm_backward";
  EXPECT_TRUE(refuses([&] { rms_norm_forward(vector, {}, 1, three, inv); }, rms, {"x", "(3,)", "(m, ..., c)"}));
  EXPECT_TRUE(refuses([&] { rms_norm_forward(x, four, 1, y, inv); }, rms, {"gamma", "(4,)", "(3,)"}));
  EXPECT_TRUE(refuses([&] { rms_norm_forward(x, {}, -1, y, inv); }, rms, {"epsilon = -1"}));
  EXPECT_TRUE(refuses([&] { rms_norm_forward(x, {}, std::nan(""), y, inv); }, rms, {"epsilon = nan"}));
  EXPECT_TRUE(refuses([&] { rms_norm_forward(x, {}, 1, wrong, inv); }, rms, {"y", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { rms_norm_forward(x, {}, 1, y, three); }, rms, {"inv", "(3,)", "(2,)"}));
  EXPECT_TRUE(refuses([&] { rms_norm_backward(wrong, x, {}, inv, y, {}); }, back, {"dy", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { rms_norm_backward(x, x, {}, inv, wrong, {}); }, back, {"dx", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { rms_norm_backward(x, x, {}, inv, y, inv); }, back, {"dgamma", "(2,)", "(3,)"}));
  EXPECT_TRUE(refuses([&] { unit_norm_forward(vector, three, inv); }, "unit_norm_forward", {"x", "(3,)"}));
  EXPECT_TRUE(refuses([&] { unit_norm_forward(x, wrong, inv); }, "unit_norm_forward", {"y", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { unit_norm_backward(x, x, inv, wrong); }, "unit_norm_backward", {"dx", "(3, 2)"}));
}

}  // namespace
}  // namespace hubel::test
