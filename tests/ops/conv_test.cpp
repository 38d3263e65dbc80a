// The values of convolution and its gradients: against the reference over random and hand-picked shapes, long sums,
// fused activations, results into given memory, the same bits for any number of threads.
#include "hubel/conv.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include "conv_cases.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// Rounding, for the sums of up to a thousand terms here: n eps / sqrt(n) of the typical sum, and the largest output is
// a few typical ones.
template <class T>
constexpr double kSmallSums = std::is_same_v<T, float> ? 5e-6 : 1e-14;

// The contract, for every shape.
template <class T>
constexpr double kContract = std::is_same_v<T, float> ? 2e-5 : 1e-12;

constexpr std::uint64_t kRandomShapes = 1000;

template <class T>
class ConvTest : public ::testing::Test {};
TYPED_TEST_SUITE(ConvTest, FloatTypes);

TYPED_TEST(ConvTest, ForwardOfRandomShapes) {
  for (std::uint64_t seed = 0; seed < kRandomShapes; ++seed) {
    const ConvCase c = random_conv(seed);
    check_forward(c, ConvData<TypeParam>(c, seed), kSmallSums<TypeParam>);
  }
}

TYPED_TEST(ConvTest, BackwardOfRandomShapes) {
  for (std::uint64_t seed = 0; seed < kRandomShapes; ++seed) {
    const ConvCase c = random_conv(seed);
    check_backward(c, ConvData<TypeParam>(c, seed), kSmallSums<TypeParam>);
  }
}

// Worked by hand: the cross-correlation of 1..9 with a 2x2 kernel, its "same" padding below and to the right.
TYPED_TEST(ConvTest, ForwardByHand) {
  using T = TypeParam;
  const Tensor<T> A_prev({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), W({2, 2, 1, 1}, {1, 10, 100, 1000});
  const Tensor<T> b({1, 1, 1, 1}, {T(0.5)});
  const Tensor<T> same({1, 3, 3, 1}, {5421.5, 6532.5, 603.5, 8754.5, 9865.5, 906.5, 87.5, 98.5, 9.5});
  EXPECT_TRUE(same_bits(conv_forward(A_prev, W, b), same));
  ConvOptions valid;
  valid.padding = Padding::valid();
  const Tensor<T> inside({1, 2, 2, 1}, {5421.5, 6532.5, 8754.5, 9865.5});
  EXPECT_TRUE(same_bits(conv_forward(A_prev, W, b, Activation::identity, valid), inside));
}

TYPED_TEST(ConvTest, BackwardByHand) {
  using T = TypeParam;
  const Tensor<T> A_prev({1, 2, 3, 1}, {1, 2, 3, 4, 5, 6}), W({2, 2, 1, 1}, {1, 2, 3, 4});
  const Tensor<T> b({1, 1, 1, 1}), dZ({1, 1, 2, 1}, {10, 100});
  ConvOptions valid;
  valid.padding = Padding::valid();
  const ConvGradients<T> got = conv_backward(dZ, A_prev, W, b, valid);
  EXPECT_TRUE(same_bits(got.dA_prev, Tensor<T>({1, 2, 3, 1}, {10, 120, 200, 30, 340, 400})));
  EXPECT_TRUE(same_bits(got.dW, Tensor<T>({2, 2, 1, 1}, {210, 320, 540, 650})));
  EXPECT_TRUE(same_bits(got.db, Tensor<T>({1, 1, 1, 1}, {110})));
}

ConvOptions with(Padding padding, std::array<std::int64_t, 2> stride = {1, 1},
                 std::array<std::int64_t, 2> dilation = {1, 1}, std::int64_t groups = 1) {
  return {padding, stride, dilation, groups};
}

// The edges of the contract, each a mistake that someone has made.
std::vector<ConvCase> edges() {
  return {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, with(Padding::valid())},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, with(Padding::same()), false},
      {{1, 1, 1, 3}, {5, 5, 3, 7}, with(Padding::same())},
      {{2, 5, 7, 3}, {5, 7, 3, 9}, with(Padding::valid())},              // the kernel is the image
      {{2, 6, 6, 2}, {2, 2, 2, 3}, with(Padding::same())},               // even kernel: the odd zero comes last
      {{2, 7, 6, 2}, {4, 2, 2, 3}, with(Padding::same(), {2, 3})},       //
      {{1, 5, 5, 2}, {2, 2, 2, 3}, with(Padding::same(), {4, 5})},       // "same" whose total padding would be below 0
      {{1, 9, 9, 3}, {1, 1, 3, 4}, with(Padding::same(), {3, 2})},       // 1x1 with a stride
      {{1, 10, 11, 3}, {3, 2, 3, 4}, with(Padding::valid(), {7, 5})},    // pixels that no window sees
      {{1, 4, 4, 2}, {3, 3, 2, 2}, with(Padding::valid(), {100, 100})},  // one window
      {{1, 4, 4, 2}, {3, 3, 2, 2}, with(Padding::all(0))},               // explicit zero is valid
      {{1, 4, 4, 2}, {3, 3, 2, 2}, with(Padding::sides(2, 0, 0, 1))},    //
      {{1, 2, 2, 2}, {3, 3, 2, 2}, with(Padding::all(7))},               // windows that see padding only
      {{1, 3, 4, 2}, {1, 1, 2, 2}, with(Padding::all(3), {2, 2})},       //
      {{1, 1, 1, 2}, {3, 3, 2, 2}, with(Padding::sides(9, 0, 0, 9))},    //
      {{2, 9, 8, 3}, {3, 3, 3, 4}, with(Padding::same(), {1, 1}, {2, 3})},
      {{1, 9, 9, 3}, {3, 3, 3, 4}, with(Padding::valid(), {2, 2}, {4, 4})},  // dilated to the image's size
      {{1, 3, 3, 2}, {3, 3, 2, 2}, with(Padding::same(), {1, 1}, {5, 5})},   // side taps see padding only
      {{2, 8, 8, 33}, {3, 3, 1, 33}, with(Padding::same(), {1, 1}, {1, 1}, 33)},
      {{2, 8, 8, 5}, {3, 3, 1, 15}, with(Padding::same(), {2, 2}, {1, 1}, 5)},  // channel multiplier 3
      {{1, 6, 6, 8}, {3, 3, 2, 12}, with(Padding::all(1), {1, 2}, {2, 1}, 4)},
      {{1, 6, 6, 12}, {3, 3, 6, 2}, with(Padding::same(), {1, 1}, {1, 1}, 2)},  // one output channel a group
      {{5, 1, 300, 1}, {1, 3, 1, 1}, with(Padding::same())},                    // one row
      {{5, 300, 1, 1}, {3, 1, 1, 1}, with(Padding::same())},                    // one column
      {{1, 28, 28, 1}, {5, 5, 1, 6}, with(Padding::same())},                    // LeNet-5
      {{3, 14, 14, 6}, {5, 5, 6, 16}, with(Padding::valid())},
      {{1, 30, 31, 3}, {7, 7, 3, 20}, with(Padding::all(3), {2, 2})},  // ResNet's first layer
      {{1, 5, 5, 100}, {1, 1, 100, 70}, with(Padding::same())},
      {{67, 2, 2, 3}, {2, 2, 3, 5}, with(Padding::valid())},  // many small images
  };
}

TYPED_TEST(ConvTest, Edges) {
  for (const ConvCase& c : edges()) {
    const ConvData<TypeParam> data(c, 1);
    check_forward(c, data, kSmallSums<TypeParam>);
    check_backward(c, data, kSmallSums<TypeParam>);
  }
}

TYPED_TEST(ConvTest, EveryNumberOfChannels) {
  for (std::int64_t channels = 1; channels <= 40; ++channels) {
    const std::int64_t other = 1 + channels * 7 % 40;
    for (const ConvCase& c :
         {ConvCase{{1, 5, 6, channels}, {3, 3, channels, other}, with(Padding::same())},
          ConvCase{{1, 5, 6, other}, {1, 1, other, channels}, with(Padding::valid())},
          ConvCase{{1, 6, 7, channels}, {3, 3, 1, channels}, with(Padding::same(), {1, 1}, {1, 1}, channels)}}) {
      const ConvData<TypeParam> data(c, 2);
      check_forward(c, data, kSmallSums<TypeParam>);
      check_backward(c, data, kSmallSums<TypeParam>);
    }
  }
}

// Zero images, or none with pixels: outputs are empty, the gradients of the parameters are sums of nothing.
TYPED_TEST(ConvTest, NoImages) {
  for (const ConvCase& c : {ConvCase{{2, 0, 8, 3}, {3, 3, 3, 5}, with(Padding::same())},
                            ConvCase{{0, 8, 8, 3}, {3, 3, 3, 5}, with(Padding::same())},
                            ConvCase{{0, 8, 8, 4}, {3, 3, 1, 4}, with(Padding::valid(), {2, 2}, {1, 1}, 4)}}) {
    const ConvData<TypeParam> data(c, 3);
    EXPECT_EQ(conv_forward(data.A_prev, data.W, data.b, Activation::relu, c.options).shape(), c.output());
    const ConvGradients<TypeParam> got = conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options);
    EXPECT_EQ(got.dA_prev.shape(), c.A_prev);
    EXPECT_TRUE(same_bits(got.dW, Tensor<TypeParam>(c.W)));
    EXPECT_TRUE(same_bits(got.db, Tensor<TypeParam>(c.b())));
  }
}

// Layers of real networks, where sums are long and blocks are many.
TYPED_TEST(ConvTest, LargeLayers) {
  for (const ConvCase& c : {ConvCase{{1, 56, 56, 64}, {3, 3, 64, 64}, with(Padding::same())},
                            ConvCase{{1, 7, 7, 512}, {3, 3, 512, 40}, with(Padding::same())},  // sums of 4608
                            ConvCase{{1, 28, 28, 128}, {3, 3, 128, 32}, with(Padding::same(), {2, 2})},
                            ConvCase{{2, 14, 14, 256}, {1, 1, 256, 200}, with(Padding::same())},
                            ConvCase{{1, 112, 112, 3}, {7, 7, 3, 64}, with(Padding::all(3), {2, 2})},
                            ConvCase{{2, 56, 56, 96}, {3, 3, 1, 96}, with(Padding::same(), {1, 1}, {1, 1}, 96)}}) {
    const ConvData<TypeParam> data(c, 4);
    check_forward(c, data, kContract<TypeParam> / 2);
    check_backward(c, data, kContract<TypeParam> / 2);
  }
}

// Equal terms, where a running sum in float drifts by the same rounding at every step: up to 5000 terms forward, up to
// two million in dW and db.
TYPED_TEST(ConvTest, LongSumsOfEqualTerms) {
  using T = TypeParam;
  for (const ConvCase& c : {ConvCase{{1, 3, 3, 512}, {3, 3, 512, 4}, with(Padding::valid())},
                            ConvCase{{1, 3, 3, 4}, {3, 3, 4, 512}, with(Padding::all(2))},
                            ConvCase{{1, 192, 192, 1}, {1, 1, 1, 3}, with(Padding::valid())},
                            ConvCase{{40, 32, 32, 1}, {2, 2, 1, 2}, with(Padding::same())},
                            ConvCase{{1, 1, 1, 5000}, {1, 1, 5000, 3}, with(Padding::same())},
                            ConvCase{{4, 100, 100, 3}, {3, 3, 1, 3}, with(Padding::same(), {1, 1}, {1, 1}, 3)},
                            ConvCase{{1, 1000, 2000, 1}, {1, 1, 1, 1}, with(Padding::same())}}) {
    ConvData<T> data(c, 0);
    for (Tensor<T>* x : {&data.A_prev, &data.W, &data.b, &data.dZ}) *x = constant_tensor<T>(x->shape(), T(0.1));
    check_forward(c, data, kContract<T>);
    check_backward(c, data, kContract<T>);
  }
}

// Taps so far apart, or padding so wide, that the pixels a tile sees are mostly zeros and far more than the image's.
std::vector<ConvCase> far_taps() {
  return {
      {{2, 5, 5, 1}, {3, 3, 1, 3}, with(Padding::same(), {1, 1}, {1100, 1100})},
      {{1, 4, 5, 8}, {3, 2, 8, 5}, with(Padding::all(400), {90, 100})},
      {{1, 4, 4, 8}, {3, 3, 1, 8}, with(Padding::all(400), {100, 100}, {1, 1}, 8), false},
      {{1, 3, 6, 6}, {2, 3, 3, 10}, with(Padding::same(), {1, 1}, {900, 900}, 2)},
      {{1, 3, 9, 16}, {1, 5, 16, 520}, with(Padding::same(), {1, 1}, {1, 66'000})},  // and a dW of 41,600 elements
      {{1, 3, 4, 2}, {2, 2, 2, 3}, with(Padding::sides(0, 1'000'000, 1, 0), {500'000, 1}, {500'000, 1})},
  };
}

TYPED_TEST(ConvTest, FarTaps) {
  for (const ConvCase& c : far_taps()) {
    const ConvData<TypeParam> data(c, 9);
    check_forward(c, data, kSmallSums<TypeParam>);
    check_backward(c, data, kSmallSums<TypeParam>);
  }
}

// Weights of many groups and channels: dW is shared out by channels instead of by pixels.
TYPED_TEST(ConvTest, ManyWeights) {
  for (const ConvCase& c : {ConvCase{{1, 6, 6, 130}, {3, 3, 65, 76}, with(Padding::same(), {1, 1}, {1, 1}, 2)},
                            ConvCase{{2, 5, 4, 90}, {3, 3, 30, 150}, with(Padding::valid(), {2, 1}, {1, 1}, 3)},
                            ConvCase{{1, 5, 5, 60}, {5, 5, 60, 37}, with(Padding::all(3), {2, 3})}}) {
    const ConvData<TypeParam> data(c, 10);
    check_forward(c, data, kContract<TypeParam> / 2);
    check_backward(c, data, kContract<TypeParam> / 2);
  }
}

// No input channels: a sum of nothing, and b is all that is left. No output channels: nothing.
TYPED_TEST(ConvTest, NoChannels) {
  for (const ConvCase& c : {ConvCase{{2, 4, 5, 0}, {3, 3, 0, 7}, with(Padding::same())},
                            ConvCase{{2, 4, 5, 3}, {3, 3, 3, 0}, with(Padding::valid(), {2, 1})}}) {
    const ConvData<TypeParam> data(c, 11);
    check_forward(c, data, 0);
    check_backward(c, data, kSmallSums<TypeParam>);
  }
}

TYPED_TEST(ConvTest, FusedActivationIsConvolutionThenActivation) {
  for (std::string_view name : activation_names()) {
    const Activation activation = activation_from_name(name);
    for (const ConvCase& c : {ConvCase{{2, 7, 9, 5}, {3, 3, 5, 19}, with(Padding::same())},
                              ConvCase{{1, 6, 6, 9}, {3, 3, 1, 9}, with(Padding::valid(), {1, 1}, {1, 1}, 9)},
                              ConvCase{{2, 5, 5, 33}, {1, 1, 33, 8}, with(Padding::same(), {2, 2}), false},
                              ConvCase{{1, 4, 5, 8}, {3, 2, 8, 5}, with(Padding::all(400), {90, 100})}}) {
      const ConvData<TypeParam> data(c, 5);
      const Tensor<TypeParam> fused = conv_forward(data.A_prev, data.W, data.bias(), activation, c.options);
      const Tensor<TypeParam> z = conv_forward(data.A_prev, data.W, data.bias(), Activation::identity, c.options);
      EXPECT_TRUE(same_bits(fused, activation_forward(z, activation))) << name << ": " << c;
    }
  }
}

template <class T>
void expect_same_bits(const ConvGradients<T>& a, const ConvGradients<T>& b, const ConvCase& c) {
  EXPECT_TRUE(same_bits(a.dA_prev, b.dA_prev)) << "dA_prev: " << c;
  EXPECT_TRUE(same_bits(a.dW, b.dW)) << "dW: " << c;
  EXPECT_TRUE(same_bits(a.db, b.db)) << "db: " << c;
}

// The memory's old contents do not count.
TYPED_TEST(ConvTest, ForwardIntoGivenMemory) {
  using T = TypeParam;
  for (std::uint64_t seed = 2000; seed < 2060; ++seed) {
    const ConvCase c = random_conv(seed);
    const ConvData<T> data(c, seed);
    Tensor<T> out = constant_tensor<T>(c.output(), std::numeric_limits<T>::quiet_NaN());
    conv_forward(data.A_prev, data.W, data.bias(), Activation::relu, c.options, out);
    EXPECT_TRUE(same_bits(out, conv_forward(data.A_prev, data.W, data.bias(), Activation::relu, c.options))) << c;
  }
}

// Each choice of gradients: what is asked for comes out as when all are.
TYPED_TEST(ConvTest, BackwardIntoGivenMemory) {
  using T = TypeParam;
  for (std::uint64_t seed = 2000; seed < 2060; ++seed) {
    const ConvCase c = random_conv(seed);
    const ConvData<T> data(c, seed);
    const ConvGradients<T> expected = conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options);
    for (int wanted = 0; wanted < 8; ++wanted) {
      ConvGradients<T> got{expected.dA_prev, expected.dW, expected.db};
      const auto given = [&](int bit, Tensor<T>& x) {
        if ((wanted & bit) == 0) return TensorView<T>();
        std::fill(x.begin(), x.end(), std::numeric_limits<T>::quiet_NaN());
        return x.view();
      };
      conv_backward(data.dZ, data.A_prev, data.W, c.options, given(1, got.dA_prev), given(2, got.dW), given(4, got.db));
      expect_same_bits(got, expected, c);
    }
  }
}

template <class T>
struct ConvResults {
  Tensor<T> out;
  ConvGradients<T> gradients;
};

template <class T>
ConvResults<T> run(const ConvCase& c, const ConvData<T>& data) {
  return {conv_forward(data.A_prev, data.W, data.bias(), Activation::tanh, c.options),
          conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options)};
}

template <class T>
void expect_same_bits(const ConvResults<T>& a, const ConvResults<T>& b, const ConvCase& c) {
  EXPECT_TRUE(same_bits(a.out, b.out)) << "out: " << c;
  expect_same_bits(a.gradients, b.gradients, c);
}

std::vector<ConvCase> threaded_cases() {
  std::vector<ConvCase> cases = {{{32, 28, 28, 1}, {5, 5, 1, 6}, with(Padding::same())},
                                 {{32, 14, 14, 6}, {5, 5, 6, 16}, with(Padding::valid())},
                                 {{3, 30, 30, 32}, {3, 3, 32, 48}, with(Padding::same())},
                                 {{1, 60, 60, 16}, {3, 3, 16, 16}, with(Padding::same(), {2, 2})},
                                 {{7, 20, 20, 40}, {1, 1, 40, 72}, with(Padding::same())},
                                 {{5, 33, 33, 24}, {3, 3, 1, 24}, with(Padding::same(), {1, 1}, {1, 1}, 24)},
                                 {{40, 32, 32, 3}, {3, 3, 3, 8}, with(Padding::all(1), {3, 3}, {2, 2})}};
  for (std::uint64_t seed = 3000; seed < 3100; ++seed) cases.push_back(random_conv(seed));
  for (const ConvCase& c : far_taps()) cases.push_back(c);
  return cases;
}

TYPED_TEST(ConvTest, SameBitsForAnyNumberOfThreads) {
  for (const ConvCase& c : threaded_cases()) {
    const ConvData<TypeParam> data(c, 6);
    const auto run_here = [&] { return run(c, data); };
    const ConvResults<TypeParam> one = with_threads(1, run_here);
    for (int threads : {2, 3, 5}) expect_same_bits(with_threads(threads, run_here), one, c);
  }
}

// As when Python threads call while the interpreter's lock is released.
TYPED_TEST(ConvTest, CallsFromSeveralThreadsAtOnce) {
  const ConvCase c{{8, 16, 16, 8}, {3, 3, 8, 24}, with(Padding::same())};
  const ConvData<TypeParam> data(c, 7);
  const ConvResults<TypeParam> expected = run(c, data);
  std::vector<ConvResults<TypeParam>> results(4 * 5);
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (std::size_t call = 0; call < 5; ++call) results[caller * 5 + call] = run(c, data);
    });
  for (std::thread& caller : callers) caller.join();
  for (const ConvResults<TypeParam>& result : results) expect_same_bits(result, expected, c);
}

// ---- NaN and infinity ------------------------------------------------------------------------------------------

enum class Where { A_prev, W, dZ };

// They come out exactly where the definition has them, padding's zeros being factors like any other: NaN and infinity
// in W times padding is NaN in the output, in dZ it is NaN in dW; dA_prev has no such terms.
template <class T>
void check_nonfinite(const ConvCase& c, std::uint64_t seed, Where where, T value) {
  ConvData<T> data(c, seed);
  Tensor<T>& x = where == Where::A_prev ? data.A_prev : where == Where::W ? data.W : data.dZ;
  Noise noise(seed);
  for (int i = 0; i < 3; ++i) x[noise.integer(0, x.size() - 1)] = i < 2 ? value : -value;
  SCOPED_TRACE(where == Where::A_prev ? "in A_prev" : where == Where::W ? "in W" : "in dZ");
  check_forward(c, data, kSmallSums<T>);
  check_backward(c, data, kSmallSums<T>);
}

TYPED_TEST(ConvTest, NanAndInfinityComeOutWhereTheDefinitionHasThem) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (Where where : {Where::A_prev, Where::W, Where::dZ}) {
    for (std::uint64_t seed = 4000; seed < 4150; ++seed)
      check_nonfinite(random_conv(seed), seed, where, seed % 20 < 10 ? inf : nan);
    for (const ConvCase& c : far_taps())
      for (T value : {inf, nan}) check_nonfinite(c, 12, where, value);
  }
}

// What comes of an image does not depend on the images beside it, nor on how many there are.
TYPED_TEST(ConvTest, TheSameBitsForAnyBatch) {
  using T = TypeParam;
  std::vector<ConvCase> cases;
  for (std::int64_t channels : {1, 3, 8, 16, 32, 64}) {
    for (std::int64_t side : {6, 10, 17}) {
      cases.push_back({{9, side, side, channels}, {3, 3, channels, channels}, with(Padding::same())});
      cases.push_back({{9, side, side, channels}, {5, 5, channels, 16}, with(Padding::same(), {2, 2})});
      cases.push_back({{9, side, side, channels}, {1, 1, channels, 20}, with(Padding::same())});
    }
  }
  for (const ConvCase& c : cases) {
    const ConvData<T> data(c, 9);
    const Tensor<T> all = conv_forward(data.A_prev, data.W, data.b, Activation::relu, c.options);
    const Tensor<T> dx = conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options).dA_prev;
    for (std::int64_t image : {0, 8}) {
      const Shape one{1, c.A_prev[1], c.A_prev[2], c.A_prev[3]}, out{1, c.output()[1], c.output()[2], c.output()[3]};
      const TensorView<const T> x(data.A_prev.data() + image * one.elements(), one);
      const TensorView<const T> dz(data.dZ.data() + image * out.elements(), out);
      const Tensor<T> single = conv_forward(x, data.W, data.b, Activation::relu, c.options);
      EXPECT_TRUE(std::equal(single.begin(), single.end(), all.data() + image * out.elements())) << c;
      const Tensor<T> dx_single = conv_backward(dz, x, data.W, data.b, c.options).dA_prev;
      EXPECT_TRUE(std::equal(dx_single.begin(), dx_single.end(), dx.data() + image * one.elements())) << c;
    }
  }
}

// 0 * infinity: no zero of A_prev, W or dZ may be skipped.
TYPED_TEST(ConvTest, ZeroTimesInfinityIsNan) {
  using T = TypeParam;
  const ConvCase c{{1, 4, 4, 9}, {3, 3, 9, 17}, with(Padding::same())};
  for (int infinite = 0; infinite < 3; ++infinite) {
    ConvData<T> data(c, 8);
    for (Tensor<T>* x : {&data.A_prev, &data.W, &data.dZ}) std::fill(x->begin(), x->end(), T(0));
    Tensor<T>& x = infinite == 0 ? data.A_prev : infinite == 1 ? data.W : data.dZ;
    x[x.size() / 2] = std::numeric_limits<T>::infinity();
    check_forward(c, data, 0);
    check_backward(c, data, 0);
  }
}

}  // namespace
}  // namespace hubel::test
