// Depthwise convolutions on every instruction set: channels around whole lines of vectors, positions around whole
// tiles, kernels with and without loops of their own, windows that see little or nothing of the image.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "conv_cases.hpp"
#include "every_target.hpp"
#include "hubel/conv.hpp"
#include "hubel/conv_plan.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-13;

ConvCase depthwise(std::int64_t m, std::int64_t h, std::int64_t w, std::int64_t channels,
                   std::array<std::int64_t, 2> kernel, Padding padding, std::array<std::int64_t, 2> stride = {1, 1},
                   std::array<std::int64_t, 2> dilation = {1, 1}) {
  return {{m, h, w, channels}, {kernel[0], kernel[1], 1, channels}, {padding, stride, dilation, channels}};
}

std::vector<ConvCase> every_channel_and_width() {
  std::vector<ConvCase> cases;
  for (std::int64_t i = 2; i <= 70; ++i) {
    cases.push_back(depthwise(1, 4, 1 + i % 11, i, {3, 3}, Padding::same()));
    cases.push_back(depthwise(1, 5, 2 + i % 13, i, {3, 3}, Padding::same(), {2, 2}));
  }
  return cases;
}

std::vector<ConvCase> kernels() {
  return {
      depthwise(2, 7, 7, 40, {5, 5}, Padding::same()),
      depthwise(1, 9, 8, 33, {5, 5}, Padding::same(), {2, 2}),
      depthwise(1, 9, 8, 35, {7, 7}, Padding::same()),
      depthwise(1, 6, 9, 32, {1, 1}, Padding::same()),
      depthwise(1, 6, 9, 32, {1, 1}, Padding::same(), {3, 2}),  // a stride beyond the kernel
      depthwise(1, 7, 9, 34, {2, 3}, Padding::all(1), {1, 2}),
      depthwise(1, 7, 9, 34, {4, 3}, Padding::all(2), {2, 1}),
      depthwise(1, 8, 10, 32, {3, 3}, Padding::same(), {1, 1}, {2, 2}),
      depthwise(1, 8, 10, 32, {3, 3}, Padding::same(), {2, 2}, {3, 2}),
      depthwise(1, 1, 1, 48, {3, 3}, Padding::same()),
      depthwise(1, 2, 2, 32, {3, 3}, Padding::all(4)),                  // positions that see nothing
      depthwise(1, 3, 3, 32, {2, 2}, Padding::all(6), {1, 1}, {9, 9}),  // and some in the middle
      depthwise(1, 3, 40, 16, {17, 17}, Padding::same()),               // several blocks of taps
      depthwise(1, 2, 300, 9, {1, 290}, Padding::same()),               // in one row
      depthwise(1, 3, 300, 64, {3, 3}, Padding::same()),                // rows by parts
      depthwise(1, 4, 700, 48, {3, 3}, Padding::same(), {2, 2}),        //
      depthwise(20, 3, 3, 32, {3, 3}, Padding::same()),                 // several images a part
      depthwise(2, 9, 14, 256, {3, 3}, Padding::same()),                // pixels that share sets of the cache
      depthwise(1, 13, 45, 256, {3, 3}, Padding::all(2), {2, 2}),       //
      depthwise(1, 1, 37, 512, {3, 3}, Padding::same()),                // and one row of them
      depthwise(1, 12, 3, 256, {3, 3}, Padding::all(3), {1, 1}, {2, 1}),
      depthwise(2, 16, 15, 256, {5, 5}, Padding::same()),
      depthwise(1, 11, 33, 256, {5, 5}, Padding::same(), {2, 2}),
      depthwise(1, 9, 20, 272, {2, 2}, Padding::all(1)),
      depthwise(1, 14, 9, 40, {3, 3}, Padding::same(), {2, 1}, {3, 1}),  // rows that share none of the source
      depthwise(0, 5, 5, 32, {3, 3}, Padding::same()),
  };
}

template <class T>
void check(const std::vector<ConvCase>& cases) {
  check_convs<T>(cases, 41, kTolerance<T>);
}

TEST(DepthwiseTest, EveryChannelAndWidth) {
  with_every_target([] { check<float>(every_channel_and_width()), check<double>(every_channel_and_width()); });
}

TEST(DepthwiseTest, Kernels) {
  with_every_target([] { check<float>(kernels()), check<double>(kernels()); });
}

// More than caches are taken to hold, and so gone through in order.
TEST(DepthwiseTest, LargeImages) {
  with_every_target([] {
    check<float>({depthwise(1, 64, 128, 256, {3, 3}, Padding::same()),
                  depthwise(1, 66, 161, 256, {3, 3}, Padding::same(), {2, 2})});
  });
}

// NaN and infinity come out where the definition has them, also where padding's zeros meet them.
TEST(DepthwiseTest, NanAndInfinityStayWhereTheyBelong) {
  for (const ConvCase& c :
       {depthwise(1, 4, 5, 18, {3, 3}, Padding::same()), depthwise(1, 5, 7, 9, {3, 3}, Padding::same(), {2, 2}),
        depthwise(1, 2, 3, 17, {2, 2}, Padding::all(3))}) {
    const ConvData<float> clean(c, 42);
    for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      for (Tensor<float> ConvData<float>::*which :
           {&ConvData<float>::A_prev, &ConvData<float>::W, &ConvData<float>::dZ}) {
        const std::int64_t n = (clean.*which).size();
        for (std::int64_t i = 0; i < n; i += 1 + n / 40) {
          ConvData<float> data = clean;
          (data.*which)[i] = value;
          check_forward(c, data, kTolerance<float>);
          check_backward(c, data, kTolerance<float>);
        }
      }
    }
  }
}

TEST(DepthwiseTest, PlansAgreeAndThreadsToo) {
  for (const ConvCase& c :
       {depthwise(3, 30, 29, 48, {3, 3}, Padding::same()), depthwise(3, 30, 29, 48, {3, 3}, Padding::same(), {2, 2}),
        depthwise(3, 30, 29, 48, {5, 4}, Padding::same(), {3, 2})}) {
    const ConvData<float> data(c, 43);
    const auto forward = [&] { return conv_forward(data.A_prev, data.W, data.b, Activation::relu, c.options); };
    const auto backward = [&] { return conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options); };
    const Tensor<float> out = with_threads(1, forward);
    const ConvGradients<float> gradients = with_threads(1, backward);
    for (int threads : {2, 3}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), out)) << c;
      const ConvGradients<float> again = with_threads(threads, backward);
      EXPECT_TRUE(same_bits(again.dA_prev, gradients.dA_prev)) << c;
      EXPECT_TRUE(same_bits(again.dW, gradients.dW)) << c;
    }
    ConvPlan<float> plan(data.A_prev.shape(), data.W.shape(), c.options);
    plan.set_weights(data.W, true);
    auto planned = Tensor<float>::uninitialized(out.shape());
    plan.forward(data.A_prev, data.b, Activation::relu, planned);
    EXPECT_TRUE(same_bits(planned, out)) << c;
    auto dA_prev = Tensor<float>::uninitialized(data.A_prev.shape());
    plan.backward_data(data.dZ, dA_prev);
    EXPECT_TRUE(same_bits(dA_prev, gradients.dA_prev)) << c;
  }
}

}  // namespace
}  // namespace hubel::test
