// Every refusal of the operations: std::invalid_argument, whose one line begins with the function, names the argument,
// and says what it got and what it wanted. Sizes that overflow are refused before anything is allocated.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/dense.hpp"
#include "hubel/loss.hpp"
#include "hubel/pool.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

constexpr std::int64_t kLargestOption = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kHuge = std::int64_t(1) << 40;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// ---- Convolution -----------------------------------------------------------------------------------------------

// Shapes and options that the forward and the backward pass must refuse alike.
struct BadConv {
  Shape A_prev, W;
  ConvOptions options;
  std::vector<std::string> parts;
};

std::vector<BadConv> bad_convs() {
  const Padding same = Padding::same(), valid = Padding::valid();
  const Shape A{2, 8, 9, 4}, W{3, 3, 4, 6};
  return {
      {{8, 9, 4}, W, {}, {"A_prev", "(8, 9, 4)", "(m, h_prev, w_prev, c_prev)"}},
      {{2, 2, 8, 9, 4}, W, {}, {"A_prev", "(2, 2, 8, 9, 4)", "(m, h_prev, w_prev, c_prev)"}},
      {{}, W, {}, {"A_prev", "()", "(m, h_prev, w_prev, c_prev)"}},
      {A, {3, 3, 4}, {}, {"W", "(3, 3, 4)", "(kh, kw, c_prev, c_new)"}},
      {A, {6}, {}, {"W", "(6,)", "(kh, kw, c_prev, c_new)"}},
      {A, {3, 3, 5, 6}, {}, {"W has c_prev = 5", "A_prev has 4 channels", "(m, h_prev, w_prev, c_prev)"}},
      {A, {0, 3, 4, 6}, {}, {"W", "(0, 3, 4, 6)"}},
      {A, {3, 0, 4, 6}, {}, {"W", "(3, 0, 4, 6)"}},
      {A, W, {same, {0, 1}, {1, 1}, 1}, {"stride", "(0, 1)", "1"}},
      {A, W, {same, {1, -2}, {1, 1}, 1}, {"stride", "(1, -2)", "1"}},
      {A, W, {same, {1, 1}, {0, 1}, 1}, {"dilation", "(0, 1)", "1"}},
      {A, W, {same, {1, 1}, {1, -7}, 1}, {"dilation", "(1, -7)", "1"}},
      {A, W, {same, {1, 1}, {1, 1}, 0}, {"groups", "0"}},
      {A, W, {same, {1, 1}, {1, 1}, -3}, {"groups", "-3"}},
      {A, {3, 3, 1, 6}, {same, {1, 1}, {1, 1}, 3}, {"groups", "3", "4"}},       // 3 groups of 4 input channels
      {A, {3, 3, 1, 6}, {same, {1, 1}, {1, 1}, 4}, {"groups", "4", "6"}},       // 4 groups of 6 output channels
      {A, {3, 3, 4, 6}, {same, {1, 1}, {1, 1}, 2}, {"W", "groups", "2", "4"}},  // W's c_prev is a group's
      {A, W, {Padding::sides(0, -1, 0, 0), {1, 1}, {1, 1}, 1}, {"padding", "-1"}},
      {A, W, {Padding::all(-5), {1, 1}, {1, 1}, 1}, {"padding", "-5"}},
      {A, {19, 3, 4, 6}, {valid, {1, 1}, {1, 1}, 1}, {"kernel", "19", "8"}},
      {A, {3, 19, 4, 6}, {valid, {1, 1}, {1, 1}, 1}, {"kernel", "19", "9"}},
      {A, {3, 3, 4, 6}, {valid, {1, 1}, {8, 1}, 1}, {"kernel", "17", "8"}},  // 17 = 2 * 8 + 1, dilated
      {A, {33, 3, 4, 6}, {Padding::all(12), {1, 1}, {1, 1}, 1}, {"kernel", "33", "32"}},
      {{2, 0, 9, 4}, W, {valid, {1, 1}, {1, 1}, 1}, {"kernel", "3", "0"}},
  };
}

TEST(ConvErrorTest, TheMissionsExample) {
  const Tensor<float> A_prev({1, 4, 4, 1}), W({3, 3, 3, 2}), b({1, 1, 1, 2});
  try {
    conv_forward(A_prev, W, b);
    FAIL() << "did not throw";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "conv_forward: W has c_prev = 3 but A_prev has 1 channel (W is (kh, kw, c_prev, c_new), A_prev is (m, "
                 "h_prev, w_prev, c_prev))");
  }
}

TEST(ConvErrorTest, ShapesAndOptions) {
  for (const BadConv& bad : bad_convs()) {
    const Tensor<float> A_prev(bad.A_prev), W(bad.W), b({1, 1, 1, 6}), dZ({2, 8, 9, 6});
    const std::string what = detail::formatted("A_prev {}, W {}", bad.A_prev.to_string(), bad.W.to_string());
    EXPECT_TRUE(refuses([&] { conv_geometry(bad.A_prev, bad.W, bad.options, "layer 3"); }, "layer 3", bad.parts))
        << what;
    EXPECT_TRUE(refuses([&] { conv_forward(A_prev, W, b, Activation::relu, bad.options); }, "conv_forward", bad.parts))
        << what;
    EXPECT_TRUE(refuses([&] { conv_backward(dZ, A_prev, W, b, bad.options); }, "conv_backward", bad.parts)) << what;
  }
}

TEST(ConvErrorTest, Bias) {
  const Tensor<double> A_prev({2, 8, 9, 4}), W({3, 3, 4, 6}), dZ({2, 8, 9, 6});
  for (const Shape& shape :
       {Shape{1, 1, 1, 5}, Shape{6, 1, 1, 1}, Shape{6}, Shape{1, 6}, Shape{1, 1, 1, 6, 1}, Shape{1, 1, 1, 0}}) {
    const Tensor<double> b(shape);
    const std::vector<std::string> parts = {"b has", shape.to_string(), "(1, 1, 1, 6)"};
    EXPECT_TRUE(refuses([&] { conv_forward(A_prev, W, b); }, "conv_forward", parts));
    EXPECT_TRUE(refuses([&] { conv_backward(dZ, A_prev, W, b); }, "conv_backward", parts));
  }
}

TEST(ConvErrorTest, OutputAndGradients) {
  const Tensor<float> A_prev({2, 8, 9, 4}), W({3, 3, 4, 6}), b({1, 1, 1, 6}), dZ({2, 8, 9, 6});
  Tensor<float> wrong({2, 8, 8, 6}), wrong_dW({3, 3, 6, 4}), wrong_db({6});
  EXPECT_TRUE(refuses([&] { conv_forward(A_prev, W, b, Activation::relu, {}, wrong); }, "conv_forward",
                      {"out", "(2, 8, 8, 6)", "(2, 8, 9, 6)"}));
  EXPECT_TRUE(
      refuses([&] { conv_backward(wrong, A_prev, W, b); }, "conv_backward", {"dZ", "(2, 8, 8, 6)", "(2, 8, 9, 6)"}));
  EXPECT_TRUE(refuses([&] { conv_backward(dZ, A_prev, W, {}, wrong, {}, {}); }, "conv_backward",
                      {"dA_prev", "(2, 8, 8, 6)", "(2, 8, 9, 4)"}));
  EXPECT_TRUE(refuses([&] { conv_backward(dZ, A_prev, W, {}, {}, wrong_dW, {}); }, "conv_backward",
                      {"dW", "(3, 3, 6, 4)", "(3, 3, 4, 6)"}));
  EXPECT_TRUE(refuses([&] { conv_backward(dZ, A_prev, W, {}, {}, {}, wrong_db); }, "conv_backward",
                      {"db", "(6,)", "(1, 1, 1, 6)"}));
}

TEST(ConvErrorTest, PaddingNames) {
  EXPECT_EQ(Padding::from_name("same"), Padding::same());
  EXPECT_EQ(Padding::from_name("valid"), Padding::valid());
  for (const char* name : {"full", "", "Same", "same "})
    EXPECT_TRUE(
        refuses([&] { Padding::from_name(name, "conv_forward"); }, "conv_forward", {"padding", name, "same", "valid"}));
}

// Output sizes, padded sizes and kernel extents beyond 64 bits.
TEST(ConvErrorTest, SizesThatOverflow) {
  const Tensor<float> A_prev({1, 8, 8, 1}), W({3, 3, 1, 1}), b({1, 1, 1, 1}), dZ({1, 8, 8, 1});
  for (const Padding& padding : {Padding::all(kHuge), Padding::all(kMost), Padding::all(std::int64_t(1) << 31),
                                 Padding::all(std::int64_t(1) << 62), Padding::sides(kMost, kMost, 0, 0),
                                 Padding::sides(0, 0, kMost, 1), Padding::sides(0, kMost, kMost, 0)}) {
    ConvOptions options;
    options.padding = padding;
    EXPECT_TRUE(refuses([&] { conv_forward(A_prev, W, b, Activation::identity, options); }, "conv_forward", {}))
        << to_string(padding);
    EXPECT_TRUE(refuses([&] { conv_backward(dZ, A_prev, W, b, options); }, "conv_backward", {})) << to_string(padding);
  }
}

TEST(ConvErrorTest, DilationsThatOverflow) {
  const Tensor<float> A_prev({1, 8, 8, 1}), W({3, 3, 1, 1}), b({1, 1, 1, 1});
  for (std::int64_t dilation : {std::int64_t(4), kLargestOption, kLargestOption + 1, kHuge, kMost / 2, kMost})
    for (const Padding& padding : {Padding::valid(), Padding::symmetric(0, 2)}) {
      const ConvOptions options{padding, {1, 1}, {dilation, 1}, 1};
      EXPECT_TRUE(refuses([&] { conv_forward(A_prev, W, b, Activation::identity, options); }, "conv_forward",
                          {dilation <= kLargestOption ? "kernel" : "dilation", std::to_string(dilation)}));
    }
}

// A stride beyond the image is one window, whatever its size.
TEST(ConvErrorTest, HugeStridesAreNoError) {
  const Tensor<double> A_prev = random_tensor<double>({1, 5, 6, 2}, 1), W = random_tensor<double>({3, 3, 2, 4}, 2),
                       b({1, 1, 1, 4}), dZ = random_tensor<double>({1, 1, 1, 4}, 3);
  for (const Padding& padding : {Padding::same(), Padding::valid(), Padding::all(2)}) {
    const ConvOptions huge{padding, {kMost, kHuge}, {1, 1}, 1}, large{padding, {100, 100}, {1, 1}, 1};
    EXPECT_TRUE(same_bits(conv_forward(A_prev, W, b, Activation::identity, huge),
                          conv_forward(A_prev, W, b, Activation::identity, large)));
    EXPECT_TRUE(
        same_bits(conv_backward(dZ, A_prev, W, b, huge).dA_prev, conv_backward(dZ, A_prev, W, b, large).dA_prev));
  }
}

// ---- Pooling ---------------------------------------------------------------------------------------------------

struct BadPool {
  Shape A_prev;
  PoolOptions options;
  std::vector<std::string> parts;
};

std::vector<BadPool> bad_pools() {
  const Shape A{2, 8, 9, 4};
  return {
      {{8, 9, 4}, {}, {"A_prev", "(8, 9, 4)", "(m, h_prev, w_prev, c_prev)"}},
      {{1, 2, 8, 9, 4}, {}, {"A_prev", "(1, 2, 8, 9, 4)", "(m, h_prev, w_prev, c_prev)"}},
      {{}, {}, {"A_prev", "()", "(m, h_prev, w_prev, c_prev)"}},
      {A, {{0, 2}, {1, 1}, PoolMode::max}, {"kernel_shape", "(0, 2)", "1"}},
      {A, {{2, -3}, {1, 1}, PoolMode::avg}, {"kernel_shape", "(2, -3)", "1"}},
      {A, {{2, 2}, {0, 1}, PoolMode::max}, {"stride", "(0, 1)", "1"}},
      {A, {{2, 2}, {1, -4}, PoolMode::max}, {"stride", "(1, -4)", "1"}},
      {A, {{9, 2}, {1, 1}, PoolMode::max}, {"kernel", "(9, 2)", "8"}},
      {A, {{2, 10}, {1, 1}, PoolMode::avg}, {"kernel", "(2, 10)", "9"}},
      {A, {{kMost, kMost}, {1, 1}, PoolMode::max}, {"kernel", std::to_string(kMost), "8"}},
      {{2, 0, 9, 4}, {{1, 1}, {1, 1}, PoolMode::max}, {"kernel", "(1, 1)", "0"}},
  };
}

TEST(PoolErrorTest, ShapesAndOptions) {
  for (const BadPool& bad : bad_pools()) {
    const Tensor<float> A_prev(bad.A_prev), dA({2, 7, 8, 4});
    EXPECT_TRUE(refuses([&] { pool_output_shape(bad.A_prev, bad.options, "layer 2"); }, "layer 2", bad.parts));
    EXPECT_TRUE(refuses([&] { pool_forward(A_prev, bad.options); }, "pool_forward", bad.parts));
    EXPECT_TRUE(refuses([&] { pool_backward(dA, A_prev, bad.options); }, "pool_backward", bad.parts));
  }
}

TEST(PoolErrorTest, OutputAndGradients) {
  const Tensor<double> A_prev({2, 8, 9, 4}), dA({2, 7, 8, 4}), bad_dA({2, 7, 8, 3});
  Tensor<double> wrong({2, 7, 7, 4});
  EXPECT_TRUE(
      refuses([&] { pool_forward(A_prev, {}, wrong); }, "pool_forward", {"out", "(2, 7, 7, 4)", "(2, 7, 8, 4)"}));
  EXPECT_TRUE(
      refuses([&] { pool_backward(bad_dA, A_prev, {}); }, "pool_backward", {"dA", "(2, 7, 8, 3)", "(2, 7, 8, 4)"}));
  EXPECT_TRUE(refuses([&] { pool_backward(dA, A_prev, {}, wrong); }, "pool_backward",
                      {"dA_prev", "(2, 7, 7, 4)", "(2, 8, 9, 4)"}));
}

TEST(PoolErrorTest, ModeNames) {
  for (const char* name : {"average", "", "MAX", "min"})
    EXPECT_TRUE(
        refuses([&] { pool_mode_from_name(name, "pool_forward"); }, "pool_forward", {"mode", name, "max", "avg"}));
}

// ---- Dense -----------------------------------------------------------------------------------------------------

TEST(DenseErrorTest, Forward) {
  const Tensor<float> X({3, 5}), W({5, 7}), b({7});
  Tensor<float> wrong({3, 8});
  const auto forward = [&](const Tensor<float>& x, const Tensor<float>& w, const Tensor<float>& bias) {
    return [&] { dense_forward(x, w, bias); };
  };
  const Tensor<float> flat({5}), deep({3, 5, 1}), bad_W({4, 7}), short_b({6}), wide_b({1, 7});
  EXPECT_TRUE(refuses(forward(flat, W, b), "dense_forward", {"X", "(5,)", "(m, n_in)"}));
  EXPECT_TRUE(refuses(forward(deep, W, b), "dense_forward", {"X", "(3, 5, 1)", "(m, n_in)"}));
  EXPECT_TRUE(refuses(forward(X, flat, b), "dense_forward", {"W", "(5,)", "(n_in, n_out)"}));
  EXPECT_TRUE(refuses(forward(X, bad_W, b), "dense_forward", {"W", "4", "5", "(n_in, n_out)"}));
  EXPECT_TRUE(refuses(forward(X, W, short_b), "dense_forward", {"b ", "(6,)", "(7,)"}));
  EXPECT_TRUE(refuses(forward(X, W, wide_b), "dense_forward", {"b ", "(1, 7)", "(7,)"}));
  EXPECT_TRUE(
      refuses([&] { dense_forward(X, W, b, Activation::relu, wrong); }, "dense_forward", {"out", "(3, 8)", "(3, 7)"}));
}

TEST(DenseErrorTest, Backward) {
  const Tensor<float> X({3, 5}), W({5, 7}), dZ({3, 7}), bad_W({4, 7}), bad_dZ({2, 7}), flat({7});
  Tensor<float> wrong({3, 8}), wrong_db({8});
  EXPECT_TRUE(refuses([&] { dense_backward(dZ, flat, W); }, "dense_backward", {"X", "(7,)", "(m, n_in)"}));
  EXPECT_TRUE(refuses([&] { dense_backward(dZ, X, bad_W); }, "dense_backward", {"W", "4", "5"}));
  EXPECT_TRUE(refuses([&] { dense_backward(bad_dZ, X, W); }, "dense_backward", {"dZ", "(2, 7)", "(3, 7)"}));
  EXPECT_TRUE(refuses([&] { dense_backward(flat, X, W); }, "dense_backward", {"dZ", "(7,)", "(3, 7)"}));
  EXPECT_TRUE(refuses([&] { dense_backward(dZ, X, W, wrong, {}, {}); }, "dense_backward", {"dX", "(3, 8)", "(3, 5)"}));
  EXPECT_TRUE(refuses([&] { dense_backward(dZ, X, W, {}, wrong, {}); }, "dense_backward", {"dW", "(3, 8)", "(5, 7)"}));
  EXPECT_TRUE(refuses([&] { dense_backward(dZ, X, W, {}, {}, wrong_db); }, "dense_backward", {"db", "(8,)", "(7,)"}));
}

// ---- Activations and loss --------------------------------------------------------------------------------------

TEST(ActivationErrorTest, NamesListTheKnownOnes) {
  for (const char* name : {"rellu", "", "ReLU", "relu "}) {
    EXPECT_TRUE(refuses([&] { activation_from_name(name, "conv_forward"); }, "conv_forward", {"activation", name}));
    for (std::string_view known : activation_names())
      EXPECT_TRUE(refuses([&] { activation_from_name(name, "conv_forward"); }, "conv_forward", {std::string(known)}));
  }
}

TEST(ActivationErrorTest, Shapes) {
  const Tensor<float> x({2, 3}), scalar(Shape{});
  Tensor<float> wrong({3, 2}), scalar_out(Shape{}), right({2, 3});
  EXPECT_TRUE(refuses([&] { activation_forward(x, Activation::relu, wrong); }, "activation_forward",
                      {"out", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(
      refuses([&] { activation_forward(scalar, Activation::softmax); }, "activation_forward", {"softmax", "()"}));
  EXPECT_TRUE(refuses([&] { activation_forward(scalar, Activation::log_softmax, scalar_out); }, "activation_forward",
                      {"log_softmax", "()"}));
  EXPECT_TRUE(refuses([&] { activation_backward(wrong, x, x, Activation::relu, right); }, "activation_backward",
                      {"dy", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { activation_backward(x, x, wrong, Activation::relu, right); }, "activation_backward",
                      {"y", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { activation_backward(x, x, x, Activation::relu, wrong); }, "activation_backward",
                      {"dx", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { activation_backward(scalar, scalar, scalar, Activation::softmax, scalar_out); },
                      "activation_backward", {"softmax", "()"}));
}

TEST(LossErrorTest, ShapesAndLabels) {
  const std::string_view who = "softmax_cross_entropy";
  const Tensor<float> logits({2, 3}), flat({6}), none({2, 0});
  Tensor<float> wrong({2, 4});
  using Labels = std::vector<std::int32_t>;
  const Labels good = {0, 2}, short_labels = {0}, long_labels = {0, 1, 2}, high = {0, 3}, negative = {-1, 0};
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(flat, good); }, who, {"logits", "(6,)", "(m, classes)"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(none, good); }, who, {"logits", "(2, 0)", "class"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(logits, short_labels); }, who, {"labels", "1", "2"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(logits, long_labels); }, who, {"labels", "3", "2"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(logits, high); }, who, {"labels[1]", "is 3", "[0, 3)"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(logits, negative); }, who, {"labels[0]", "is -1", "[0, 3)"}));
  EXPECT_TRUE(refuses([&] { softmax_cross_entropy(logits, good, wrong); }, who, {"dlogits", "(2, 4)", "(2, 3)"}));
}

// A refused call leaves the memory it was given as it was.
TEST(LossErrorTest, WritesNothingOnError) {
  const Tensor<float> logits = random_tensor<float>({3, 4}, 1);
  const std::vector<std::int32_t> labels = {0, 1, 4};
  Tensor<float> dlogits = constant_tensor<float>({3, 4}, 7);
  EXPECT_THROW(softmax_cross_entropy(logits, labels, dlogits), std::invalid_argument);
  for (float x : dlogits) EXPECT_EQ(x, 7);
}

}  // namespace
}  // namespace hubel::test
