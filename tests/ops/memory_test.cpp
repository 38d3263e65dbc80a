// No operation touches memory outside its arrays, nor writes its inputs. Inputs and outputs lie between pages that may
// not be touched (FencedTensor), once beginning right after one and once ending right before one, which also gives
// every alignment; the results must be those of ordinary memory, bit for bit.
#include <gtest/gtest.h>

#include "conv_cases.hpp"
#include "conv_pool_cases.hpp"
#include "every_target.hpp"
#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/dense.hpp"
#include "hubel/loss.hpp"
#include "hubel/optimizer.hpp"
#include "hubel/pool.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
class MemoryTest : public ::testing::Test {};
TYPED_TEST_SUITE(MemoryTest, FloatTypes);

// Calls run(out) with fenced memory for the output, for either fence, and compares with what ordinary memory gave.
template <class T, class Run>
void expect_fenced(const char* name, const Tensor<T>& expected, Fence fence, Run run) {
  FencedTensor<T> out(expected.shape(), fence);
  run(TensorView<T>(out));
  EXPECT_TRUE(out.untouched()) << name;
  EXPECT_TRUE(same_bits(out.view(), expected.view())) << name;
}

template <class T>
void check_conv(const ConvCase& c, Fence fence) {
  const OnCrashSay say(c.to_string());
  SCOPED_TRACE(c);
  const ConvData<T> data(c, 11);
  const FencedTensor<T> A_prev(data.A_prev, fence), W(data.W, fence), b(data.b, fence), dZ(data.dZ, fence);
  const TensorView<const T> bias = c.bias ? b.view() : TensorView<const T>();
  for (Activation activation : {Activation::relu, Activation::gelu})
    expect_fenced("out", conv_forward(data.A_prev, data.W, data.bias(), activation, c.options), fence,
                  [&](TensorView<T> out) { conv_forward(A_prev, W, bias, activation, c.options, out); });
  const ConvGradients<T> expected = conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options);
  expect_fenced("dA_prev", expected.dA_prev, fence,
                [&](TensorView<T> out) { conv_backward(dZ, A_prev, W, c.options, out, {}, {}); });
  expect_fenced("dW", expected.dW, fence,
                [&](TensorView<T> out) { conv_backward(dZ, A_prev, W, c.options, {}, out, {}); });
  expect_fenced("db", expected.db, fence,
                [&](TensorView<T> out) { conv_backward(dZ, A_prev, W, c.options, {}, {}, out); });
}

TYPED_TEST(MemoryTest, ConvWithPooling) {
  using T = TypeParam;
  for (std::uint64_t seed = 2000; seed < 2200; ++seed)
    for (Fence fence : {Fence::before, Fence::after}) {
      const OnCrashSay say(detail::formatted("random_pair({})", seed));
      const PairData<T> data(random_pair(seed), seed);
      const Results<T> expected = data.run();
      const detail::ConvPoolPlan<T> plan(data.c.pair, data.x.shape().without_first(), data.W.shape());
      Tensor<T> packed(Shape{plan.packed_size()}), sums(Shape{plan.gradient_size()});
      plan.pack(data.W.data(), data.bias().data(), true, packed.data());
      const FencedTensor<T> x(data.x, fence), dz(expected.dz, fence), winners(expected.winners, fence);
      const std::int64_t m = data.x.shape()[0];
      expect_fenced("y", expected.y, fence, [&](TensorView<T> y) {
        FencedTensor<T> own(expected.winners.shape(), fence);
        plan.forward({data.W.data(), data.bias().data(), packed.data()}, x.view().data(), m, y.data(),
                     TensorView<T>(own).data());
        EXPECT_TRUE(own.untouched());
      });
      expect_fenced("dx", expected.dx, fence, [&](TensorView<T> dx) {
        for (std::int64_t i = 0; i < m; ++i)
          plan.add_gradients(packed.data(), dz.view().data() + i * plan.output_size(),
                             winners.view().data() + i * plan.winners_size(), x.view().data() + i * plan.input_size(),
                             dx.data() + i * plan.input_size(), sums.data());
      });
    }
}

TYPED_TEST(MemoryTest, ConvOfRandomShapes) {
  for (std::uint64_t seed = 5000; seed < 5400; ++seed)
    for (Fence fence : {Fence::before, Fence::after}) check_conv<TypeParam>(random_conv(seed), fence);
}

TYPED_TEST(MemoryTest, ConvOfEveryNumberOfChannels) {
  for (std::int64_t channels = 1; channels <= 40; ++channels)
    for (Fence fence : {Fence::before, Fence::after}) {
      const std::int64_t other = 1 + channels * 11 % 40;
      check_conv<TypeParam>({{1, 3, 5, other}, {3, 3, other, channels}, {}}, fence);
      check_conv<TypeParam>({{1, 3, 7, channels}, {1, 1, channels, other}, {}}, fence);
      ConvOptions depthwise;
      depthwise.groups = channels;
      check_conv<TypeParam>({{1, 4, 5, channels}, {3, 3, 1, channels}, depthwise}, fence);
      check_conv<TypeParam>({{1, 4, 5, channels}, {2, 3, 1, 2 * channels}, depthwise}, fence);
    }
}

// Winograd by name, and direct where the choice would be another.
TYPED_TEST(MemoryTest, ConvByEachAlgorithm) {
  for (std::uint64_t seed = 7000; seed < 7100; ++seed)
    for (Fence fence : {Fence::before, Fence::after}) {
      ConvCase c = random_winograd_conv(seed);
      check_conv<TypeParam>(c, fence);
      c.options.algorithm = ConvAlgorithm::direct;
      check_conv<TypeParam>(c, fence);
    }
}

// Sizes where blocks, tiles and threads divide the work, none of them even.
std::vector<ConvCase> larger_convs() {
  return {
      {{3, 29, 27, 1}, {5, 5, 1, 6}, {}},
      {{2, 15, 13, 6}, {5, 5, 6, 17}, {.padding = Padding::valid()}},
      {{1, 61, 67, 3}, {7, 7, 3, 35}, {.padding = Padding::all(3), .stride = {2, 2}}},
      {{1, 35, 33, 3}, {3, 3, 3, 66}, {}},
      {{1, 33, 35, 37}, {3, 3, 37, 3}, {}},
      {{1, 31, 29, 65}, {3, 3, 65, 67}, {}},
      {{1, 31, 29, 65}, {3, 3, 65, 33}, {.stride = {2, 2}}},
      {{2, 27, 25, 131}, {1, 1, 131, 67}, {}},
      {{2, 27, 25, 33}, {1, 1, 33, 131}, {.stride = {2, 2}}},
      {{2, 29, 31, 67}, {3, 3, 1, 67}, {.groups = 67}},
      {{2, 29, 31, 67}, {3, 3, 1, 67}, {.stride = {2, 2}, .groups = 67}},
      {{1, 29, 31, 12}, {5, 3, 1, 36}, {.stride = {1, 2}, .dilation = {2, 1}, .groups = 12}},
      {{1, 7, 7, 263}, {3, 3, 263, 131}, {}},
  };
}

TYPED_TEST(MemoryTest, ConvOfLargerShapes) {
  for (const ConvCase& c : larger_convs())
    for (Fence fence : {Fence::before, Fence::after}) check_conv<TypeParam>(c, fence);
}

template <class T>
void check_pool(const PoolCase& c, Fence fence) {
  const OnCrashSay say(c.to_string());
  SCOPED_TRACE(c);
  const Tensor<T> A = random_tensor<T>(c.A_prev, 12), d = random_tensor<T>(c.output(), 13);
  const FencedTensor<T> A_prev(A, fence), dA(d, fence);
  expect_fenced("out", pool_forward(A, c.options), fence,
                [&](TensorView<T> out) { pool_forward(A_prev, c.options, out); });
  expect_fenced("dA_prev", pool_backward(d, A, c.options), fence,
                [&](TensorView<T> out) { pool_backward(dA, A_prev, c.options, out); });
}

TYPED_TEST(MemoryTest, PoolOfEveryNumberOfChannels) {
  for (std::int64_t channels = 1; channels <= 40; ++channels)
    for (PoolMode mode : {PoolMode::max, PoolMode::avg})
      for (Fence fence : {Fence::before, Fence::after}) {
        check_pool<TypeParam>({{2, 4, 6, channels}, {{2, 2}, {2, 2}, mode}}, fence);
        check_pool<TypeParam>({{1, 7, 5, channels}, {{3, 2}, {1, 2}, mode}}, fence);
        check_pool<TypeParam>({{1, 7, 8, channels}, {{2, 1}, {3, 4}, mode}}, fence);
        check_pool<TypeParam>({{1, 3, 3, channels}, {{3, 3}, {5, 5}, mode}}, fence);
      }
}

template <class T>
void check_dense(std::int64_t m, std::int64_t n_in, std::int64_t n_out, Fence fence) {
  const std::string what = detail::formatted("dense {} x {} -> {}", m, n_in, n_out);
  const OnCrashSay say(what);
  SCOPED_TRACE(what);
  const Tensor<T> x = random_tensor<T>({m, n_in}, 14), w = random_tensor<T>({n_in, n_out}, 15),
                  bias = random_tensor<T>({n_out}, 16), d = random_tensor<T>({m, n_out}, 17);
  const FencedTensor<T> X(x, fence), W(w, fence), b(bias, fence), dZ(d, fence);
  expect_fenced("out", dense_forward(x, w, bias, Activation::relu), fence,
                [&](TensorView<T> out) { dense_forward(X, W, b, Activation::relu, out); });
  const DenseGradients<T> expected = dense_backward(d, x, w);
  expect_fenced("dX", expected.dX, fence, [&](TensorView<T> out) { dense_backward(dZ, X, W, out, {}, {}); });
  expect_fenced("dW", expected.dW, fence, [&](TensorView<T> out) { dense_backward(dZ, X, W, {}, out, {}); });
  expect_fenced("db", expected.db, fence, [&](TensorView<T> out) { dense_backward(dZ, X, W, {}, {}, out); });
}

TYPED_TEST(MemoryTest, DenseOfEverySize) {
  for (std::int64_t n = 1; n <= 40; ++n)
    for (Fence fence : {Fence::before, Fence::after}) {
      check_dense<TypeParam>(1 + n % 5, n, 1 + n * 7 % 40, fence);
      check_dense<TypeParam>(n, 1 + n * 11 % 40, n, fence);
    }
}

// Sizes where blocks of terms and of channels divide the work.
template <class T>
void check_larger_denses(Fence fence) {
  for (std::int64_t m : {1, 4, 9, 33, 65}) {
    check_dense<T>(m, 130, 300, fence);
    check_dense<T>(m, 300, 130, fence);
  }
  check_dense<T>(3, 519, 17, fence);
  check_dense<T>(3, 17, 519, fence);
}

TYPED_TEST(MemoryTest, DenseOfLargerSizes) {
  for (Fence fence : {Fence::before, Fence::after}) check_larger_denses<TypeParam>(fence);
}

template <class T>
void check_activation(std::string_view name, std::int64_t n, Fence fence) {
  const Activation activation = activation_from_name(name);
  const std::string what = detail::formatted("{} of (2, {})", name, n);
  const OnCrashSay say(what);
  SCOPED_TRACE(what);
  const Tensor<T> x = random_tensor<T>({2, n}, 18, -4, 4), dy = random_tensor<T>({2, n}, 19);
  const Tensor<T> y = activation_forward(x, activation);
  Tensor<T> dx({2, n});
  activation_backward(dy, x, y, activation, dx);
  const FencedTensor<T> fenced_x(x, fence), fenced_y(y, fence), fenced_dy(dy, fence);
  expect_fenced("out", y, fence, [&](TensorView<T> out) { activation_forward(fenced_x, activation, out); });
  expect_fenced("dx", dx, fence,
                [&](TensorView<T> out) { activation_backward(fenced_dy, fenced_x, fenced_y, activation, out); });
}

TYPED_TEST(MemoryTest, ActivationsOfEverySize) {
  for (std::string_view name : activation_names())
    for (std::int64_t n = 1; n <= 40; ++n)
      for (Fence fence : {Fence::before, Fence::after}) check_activation<TypeParam>(name, n, fence);
}

// The gradients, which are the caller's; the weights and moments are in tensors, for AddressSanitizer to watch.
template <class T>
void check_optimizer(const OptimizerOptions& options, std::int64_t n, Fence fence) {
  const std::string what = detail::formatted("{} of {}", optimizer_name(options), n);
  const OnCrashSay say(what);
  SCOPED_TRACE(what);
  const std::vector<Parameter<T>> start{{"w", random_tensor<T>({n}, 21)}};
  Tensor<T> g = random_tensor<T>({n}, 22);
  FencedTensor<T> fenced(g, fence);
  const auto stepped = [&](TensorView<T> gradient) {
    std::vector<Parameter<T>> parameters = start;
    Optimizer<T> optimizer(options, parameters);
    for (int step = 0; step < 2; ++step) optimizer.step(parameters, std::span<const TensorView<T>>(&gradient, 1));
    return parameters[0].value;
  };
  EXPECT_TRUE(same_bits(stepped(fenced), stepped(g)));
}

TYPED_TEST(MemoryTest, OptimizersOfEverySize) {
  for (const OptimizerOptions& options :
       {OptimizerOptions(SGD{}), OptimizerOptions(SGD{0.01, 0.9, true}), OptimizerOptions(Adam{}),
        OptimizerOptions(AdamW{}), OptimizerOptions(RMSProp{.momentum = 0.9, .centered = true}),
        OptimizerOptions(Adagrad{}), OptimizerOptions(LAMB{}), OptimizerOptions(Nadam{}), OptimizerOptions(Adamax{}),
        OptimizerOptions(Adadelta{}), OptimizerOptions(Lion{}), OptimizerOptions(Adam{.amsgrad = true}),
        OptimizerOptions(RAdam{})})
    for (Fence fence : {Fence::before, Fence::after}) {
      for (std::int64_t n = 1; n <= 40; ++n) check_optimizer<TypeParam>(options, n, fence);
      check_optimizer<TypeParam>(options, 10'007, fence);  // more than one piece
    }
}

TYPED_TEST(MemoryTest, LossOfEveryNumberOfClasses) {
  using T = TypeParam;
  for (std::int64_t classes = 1; classes <= 40; ++classes)
    for (Fence fence : {Fence::before, Fence::after}) {
      const std::string what = detail::formatted("{} classes", classes);
      const OnCrashSay say(what);
      SCOPED_TRACE(what);
      const std::vector<std::int32_t> labels = {0, static_cast<std::int32_t>(classes - 1), 0};
      const Tensor<T> logits = random_tensor<T>({3, classes}, 20);
      Tensor<T> dlogits({3, classes});
      softmax_cross_entropy(logits, labels, dlogits);
      const FencedTensor<T> fenced(logits, fence);
      expect_fenced("dlogits", dlogits, fence, [&](TensorView<T> out) { softmax_cross_entropy(fenced, labels, out); });
    }
}

TYPED_TEST(MemoryTest, EveryInstructionSet) {
  using T = TypeParam;
  with_every_target([] {
    for (Fence fence : {Fence::before, Fence::after}) {
      for (std::uint64_t seed = 8000; seed < 8060; ++seed) {
        check_conv<T>(random_conv(seed), fence);
        if (seed % 4 == 0) check_conv<T>(random_winograd_conv(seed), fence);
      }
      for (const ConvCase& c : larger_convs()) check_conv<T>(c, fence);
      check_larger_denses<T>(fence);
      for (std::int64_t n = 1; n <= 40; ++n) {
        check_pool<T>({{1, 7, 5, n}, {{3, 2}, {1, 2}, PoolMode::max}}, fence);
        check_pool<T>({{2, 4, 6, n}, {{2, 2}, {2, 2}, PoolMode::max}}, fence);
        check_pool<T>({{1, 7, 5, n}, {{3, 2}, {1, 2}, PoolMode::avg}}, fence);
        check_dense<T>(1 + n % 5, n, 1 + n * 7 % 40, fence);
        check_dense<T>(n, 1 + n * 11 % 40, n, fence);
        for (std::string_view name : {"relu", "gelu", "softmax"}) check_activation<T>(name, n, fence);
        check_optimizer<T>(Adam{}, n, fence);
        check_optimizer<T>(SGD{0.01, 0.9, true}, n, fence);
      }
    }
  });
}

}  // namespace
}  // namespace hubel::test
