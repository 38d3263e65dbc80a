// Transposed convolutions against their definition: each pixel of x, times the kernel, is added where its window lies.
#include "hubel/conv_transpose.hpp"

#include <gtest/gtest.h>

#include <ostream>

#include "testing.hpp"

namespace hubel::test {
namespace {

struct TransposeCase {
  Shape x, W;
  ConvTransposeOptions options;

  friend std::ostream& operator<<(std::ostream& out, const TransposeCase& c) {
    const Padding& p = c.options.padding;
    return out << c.x.to_string() << " by " << c.W.to_string() << ", stride " << c.options.stride[0] << "x"
               << c.options.stride[1] << ", padding kind " << static_cast<int>(p.kind) << " " << p.top << " "
               << p.bottom << " " << p.left << " " << p.right << ", groups " << c.options.groups;
  }
};

TransposeCase random_case(std::uint64_t seed) {
  Noise noise(seed);
  TransposeCase c;
  ConvTransposeOptions& o = c.options;
  o.groups = noise.chance(0.3) ? noise.integer(2, 4) : 1;
  const std::int64_t kh = noise.integer(1, 5), kw = noise.integer(1, 5);
  c.x = {noise.integer(0, 3), noise.integer(1, 7), noise.integer(1, 7), o.groups * noise.integer(1, 9)};
  c.W = {kh, kw, noise.integer(1, 9), c.x[3]};
  o.stride = {noise.integer(1, 4), noise.integer(1, 4)};
  o.dilation = {noise.integer(1, 2), noise.integer(1, 2)};
  if (noise.chance(0.3)) {
    o.padding = Padding::same();
    return c;
  }
  o.output_padding = {noise.integer(0, o.stride[0] - 1), noise.integer(0, o.stride[1] - 1)};
  if (noise.chance(0.5)) return c;
  const auto side = [&](std::int64_t k) { return noise.integer(0, (k - 1) / 2); };  // leaves a pixel at least
  o.padding = Padding::sides(side(kh), side(kh), side(kw), side(kw));
  return c;
}

// The extent of the output, and where the first window begins, along one axis.
struct Extent {
  std::int64_t size, first;
};
Extent extent_of(const TransposeCase& c, std::size_t axis) {
  const auto& o = c.options;
  const std::int64_t n = c.x[axis + 1], stride = o.stride[axis], span = (c.W[axis] - 1) * o.dilation[axis] + 1;
  const std::int64_t whole = (n - 1) * stride + span;
  switch (o.padding.kind) {
    case Padding::Kind::same:
      return {n * stride, -(std::max<std::int64_t>(whole - n * stride, 0) / 2)};
    case Padding::Kind::valid:
      return {whole + o.output_padding[axis], 0};
    default:
      const std::int64_t before = axis == 0 ? o.padding.top : o.padding.left;
      const std::int64_t after = axis == 0 ? o.padding.bottom : o.padding.right;
      return {whole + o.output_padding[axis] - before - after, -before};
  }
}

template <class T>
reference::Array transposed(const TransposeCase& c, const Tensor<T>& x, const Tensor<T>& W, const Tensor<T>& b) {
  const Extent rows = extent_of(c, 0), columns = extent_of(c, 1);
  const std::int64_t groups = c.options.groups, in = c.x[3] / groups, out = c.W[2];
  const auto xs = reference::Array::of_images(x.view()), kernel = reference::Array::of_images(W.view());
  reference::Array y(c.x[0], rows.size, columns.size, out * groups);
  for (std::int64_t i = 0; i < y.size(); ++i) y[i] = static_cast<long double>(b[i % (out * groups)]);
  for (std::int64_t m = 0; m < c.x[0]; ++m)
    for (std::int64_t i = 0; i < c.x[1]; ++i)
      for (std::int64_t j = 0; j < c.x[2]; ++j)
        for (std::int64_t u = 0; u < c.W[0]; ++u)
          for (std::int64_t v = 0; v < c.W[1]; ++v) {
            const std::int64_t row = rows.first + i * c.options.stride[0] + u * c.options.dilation[0];
            const std::int64_t column = columns.first + j * c.options.stride[1] + v * c.options.dilation[1];
            if (row < 0 || row >= rows.size || column < 0 || column >= columns.size) continue;
            for (std::int64_t k = 0; k < c.x[3]; ++k)
              for (std::int64_t l = 0; l < out; ++l)
                y(m, row, column, k / in * out + l) += xs(m, i, j, k) * kernel(u, v, l, k);
          }
  return y;
}

template <class T>
class ConvTransposeTest : public ::testing::Test {};
TYPED_TEST_SUITE(ConvTransposeTest, FloatTypes);

TYPED_TEST(ConvTransposeTest, AgreesWithTheDefinition) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const TransposeCase c = random_case(seed);
    const Tensor<T> x = random_tensor<T>(c.x, seed), W = random_tensor<T>(c.W, seed + 1);
    const Tensor<T> b = random_tensor<T>({1, 1, 1, c.W[2] * c.options.groups}, seed + 2);
    const Tensor<T> y = conv_transpose_forward(x, W, b, Activation::identity, c.options);
    EXPECT_EQ(y.shape(), conv_transpose_output_shape(c.x, c.W, c.options));
    EXPECT_TRUE(close(y, transposed(c, x, W, b), std::is_same_v<T, float> ? 1e-5 : 1e-13)) << c;
    EXPECT_TRUE(same_bits(conv_transpose_forward(x, W, b, Activation::relu, c.options),
                          activation_forward(y, Activation::relu)));
  }
}

TEST(ConvTransposeGradientTest, CentralDifferences) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    TransposeCase c = random_case(seed);
    c.x = {std::min<std::int64_t>(c.x[0], 2), std::min<std::int64_t>(c.x[1], 3), std::min<std::int64_t>(c.x[2], 3),
           c.options.groups};
    c.W = {c.W[0], c.W[1], 2, c.x[3]};
    Tensor<double> x = random_tensor<double>(c.x, seed), W = random_tensor<double>(c.W, seed + 1);
    Tensor<double> b = random_tensor<double>({1, 1, 1, 2 * c.options.groups}, seed + 2);
    const Tensor<double> dz = random_tensor<double>(conv_transpose_output_shape(c.x, c.W, c.options), seed + 3);
    Tensor<double> dx(c.x), dW(c.W), db(b.shape());
    conv_transpose_backward(dz, x, W, c.options, dx, dW, db);
    const auto loss = [&] {
      return weighted_sum(dz, conv_transpose_forward(x, W, b, Activation::identity, c.options));
    };
    EXPECT_TRUE(close(dx, numerical_gradient(x, loss, 0.5), 1e-12)) << c;
    EXPECT_TRUE(close(dW, numerical_gradient(W, loss, 0.5), 1e-12)) << c;
    EXPECT_TRUE(close(db, numerical_gradient(b, loss, 0.5), 1e-12)) << c;
  }
}

TYPED_TEST(ConvTransposeTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const ConvTransposeOptions options{.padding = Padding::same(), .stride = {2, 2}};
  const Tensor<T> x = random_tensor<T>({4, 14, 14, 32}, 1), W = random_tensor<T>({4, 4, 17, 32}, 2);
  const auto run = [&] { return conv_transpose_forward(x, W, TensorView<const T>(), Activation::relu, options); };
  for (int threads : {2, 4}) EXPECT_TRUE(same_bits(with_threads(threads, run), with_threads(1, run)));
}

TEST(ConvTransposeErrorTest, ShapesAndOptions) {
  const Shape x{2, 5, 6, 4}, W{3, 3, 7, 4};
  const auto says = [&](const Shape& given_x, const Shape& given_W, const ConvTransposeOptions& options,
                        const std::vector<std::string>& parts) {
    return refuses([&] { conv_transpose_output_shape(given_x, given_W, options, "up"); }, "up", parts);
  };
  EXPECT_EQ(conv_transpose_output_shape(x, W, {.stride = {2, 3}}), Shape({2, 11, 18, 7}));
  EXPECT_TRUE(says({5, 6, 4}, W, {}, {"x", "(m, h, w, c)"}));
  EXPECT_TRUE(says(x, {3, 3, 4}, {}, {"W", "(kh, kw, c_new / groups, c)"}));
  EXPECT_TRUE(says(x, {3, 3, 7, 5}, {}, {"c = 5", "4 channels"}));
  EXPECT_TRUE(says(x, {0, 3, 7, 4}, {}, {"kernel is 0"}));
  EXPECT_TRUE(says({2, 0, 6, 4}, W, {}, {"x is 0"}));
  EXPECT_TRUE(says(x, W, {.stride = {0, 1}}, {"stride is 0"}));
  EXPECT_TRUE(says(x, W, {.dilation = {1, 0}}, {"dilation is 0"}));
  EXPECT_TRUE(says(x, W, {.groups = 3}, {"groups"}));
  EXPECT_TRUE(says(x, W, {.padding = Padding::all(-1)}, {"padding is -1"}));
  EXPECT_TRUE(says(x, W, {.padding = Padding::all(4)}, {"leaves an output of -1 pixels"}));
  EXPECT_TRUE(says(x, W, {.output_padding = {1, 0}}, {"output_padding is (1, 0)", "stride - 1"}));
  EXPECT_TRUE(says(x, W, {.padding = Padding::same(), .stride = {2, 2}, .output_padding = {1, 0}}, {"\"same\""}));
  Tensor<float> y({2, 7, 8, 7}), wrong({2, 7, 8, 6});
  const Tensor<float> tx(x), tW(W), tb({1, 1, 1, 6});
  const TensorView<const float> none;
  EXPECT_TRUE(refuses([&] { conv_transpose_forward(tx, tW, tb, Activation::identity, {}, y); },
                      "conv_transpose_forward", {"b", "(1, 1, 1, 7)"}));
  EXPECT_TRUE(refuses([&] { conv_transpose_forward(tx, tW, none, Activation::identity, {}, wrong); },
                      "conv_transpose_forward", {"y", "(2, 7, 8, 6)"}));
  EXPECT_TRUE(refuses([&] { conv_transpose_backward(wrong, tx, tW, {}, {}, {}, {}); }, "conv_transpose_backward",
                      {"dz", "(2, 7, 8, 6)"}));
  EXPECT_TRUE(
      refuses([&] { conv_transpose_backward(y, tx, tW, {}, wrong, {}, {}); }, "conv_transpose_backward", {"dx"}));
  EXPECT_TRUE(
      refuses([&] { conv_transpose_backward(y, tx, tW, {}, {}, wrong, {}); }, "conv_transpose_backward", {"dW"}));
  EXPECT_TRUE(
      refuses([&] { conv_transpose_backward(y, tx, tW, {}, {}, {}, wrong); }, "conv_transpose_backward", {"db"}));
}

}  // namespace
}  // namespace hubel::test
