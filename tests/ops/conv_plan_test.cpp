// Prepared convolutions: the values of the plain functions' reference, another kernel and another number of images than
// planned for, sums in place, the same bits whatever the company and the number of threads, and what they say when
// misused.
#include "hubel/conv_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "conv_cases.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-5 : 1e-12;

template <class T>
void check_plan(const ConvPlan<T>& plan, const ConvCase& c, const ConvData<T>& data) {
  Tensor<T> out(c.output()), dA(c.A_prev), dW(c.W);
  plan.forward(data.A_prev, data.bias(), Activation::identity, out);
  plan.backward_data(data.dZ, dA);
  plan.backward_weights(data.dZ, data.A_prev, dW);
  const auto gradients = reference::conv_backward<T>(data.dZ, data.A_prev, data.W, c.options);
  EXPECT_TRUE(close(out, reference::conv_forward<T>(data.A_prev, data.W, data.bias(), c.options), kTolerance<T>)) << c;
  EXPECT_TRUE(close(dA, gradients.dA_prev, kTolerance<T>)) << "dA_prev: " << c;
  EXPECT_TRUE(close(dW, gradients.dW, kTolerance<T>)) << "dW: " << c;
}

template <class T>
class ConvPlanTest : public ::testing::Test {};
TYPED_TEST_SUITE(ConvPlanTest, FloatTypes);

TYPED_TEST(ConvPlanTest, RandomShapesAndASecondKernel) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const ConvCase c = random_conv(seed);
    ConvPlan<TypeParam> plan(c.A_prev, c.W, c.options);
    for (const std::uint64_t kernel : {seed, seed + 1000}) {
      const ConvData<TypeParam> data(c, kernel);
      plan.set_weights(data.W);
      check_plan(plan, c, data);
    }
  }
}

TYPED_TEST(ConvPlanTest, OneTapWithChannelsThatCollideInTheCache) {
  const ConvCase c{{3, 9, 11, 1024}, {1, 1, 1024, 130}, {.stride = {2, 1}}};
  const ConvData<TypeParam> data(c, 3);
  ConvPlan<TypeParam> plan(c.A_prev, c.W, c.options);
  plan.set_weights(data.W);
  check_plan(plan, c, data);
}

TYPED_TEST(ConvPlanTest, AnInfiniteWeightLeavesPaddingOutOfTheInputsGradient) {
  const ConvCase c{{1, 6, 6, 3}, {3, 3, 3, 5}, {}};
  ConvData<TypeParam> data(c, 4);
  data.W.data()[7] = std::numeric_limits<TypeParam>::infinity();
  ConvPlan<TypeParam> plan(c.A_prev, c.W, c.options);
  plan.set_weights(data.W);
  check_plan(plan, c, data);
}

// out = activation(out + conv) where out began as `start`; whether the plan can do it.
template <class T>
bool check_sum(const ConvCase& c, Activation activation, std::uint64_t seed) {
  const ConvData<T> data(c, seed);
  ConvPlan<T> plan(c.A_prev, c.W, c.options);
  plan.set_weights(data.W, /*for_backward=*/false);
  const Tensor<T> start = random_tensor<T>(c.output(), seed + 1);
  Tensor<T> out = start;
  if (!plan.can_add()) {
    EXPECT_THROW(plan.forward_add(data.A_prev, data.bias(), activation, out), std::logic_error) << c;
    EXPECT_TRUE(same_bits(out, start)) << c;
    return false;
  }
  plan.forward_add(data.A_prev, data.bias(), activation, out);
  reference::Array expected = reference::conv_forward<T>(data.A_prev, data.W, data.bias(), c.options);
  for (std::int64_t i = 0; i < start.size(); ++i) {
    const long double z = expected[i] + start[i];
    expected[i] = activation == Activation::relu    ? std::max(z, 0.0L)
                  : activation == Activation::relu6 ? std::clamp(z, 0.0L, 6.0L)
                  : activation == Activation::tanh  ? std::tanh(z)
                                                    : z;
  }
  EXPECT_TRUE(close(out, expected, 2 * kTolerance<T>)) << c;
  return true;
}

TYPED_TEST(ConvPlanTest, AddsToItsOutput) {
  const std::vector<Activation> activations = {Activation::identity, Activation::relu, Activation::relu6,
                                               Activation::tanh};
  int added = 0, refused = 0, transformed = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Activation activation = activations[seed % activations.size()];
    (check_sum<TypeParam>(random_conv(seed), activation, seed) ? added : refused) += 1;
    transformed += check_sum<TypeParam>(random_winograd_conv(seed), activation, seed);
  }
  EXPECT_GT(added, 150);
  EXPECT_GT(refused, 20);  // depthwise
  EXPECT_GT(transformed, 250);
  // Several blocks of terms, pixels that are copied apart, and single terms.
  EXPECT_TRUE(check_sum<TypeParam>({{2, 7, 7, 600}, {1, 1, 600, 40}, {}}, Activation::relu, 1));
  EXPECT_TRUE(check_sum<TypeParam>({{1, 9, 11, 1024}, {1, 1, 1024, 130}, {.stride = {2, 1}}}, Activation::tanh, 2));
  EXPECT_TRUE(
      check_sum<TypeParam>({{1, 20, 20, 3}, {3, 3, 3, 64}, {.padding = Padding::same()}}, Activation::relu6, 3));
  EXPECT_TRUE(check_sum<TypeParam>({{1, 5, 5, 12}, {3, 3, 4, 24}, {.groups = 3}}, Activation::identity, 4));
}

// In registers or after them, relu is one function, of NaN and of zeros with either sign too.
TYPED_TEST(ConvPlanTest, FusedActivationsHaveTheBitsOfTheirOwnFunction) {
  using T = TypeParam;
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd}) {
    const ConvCase c{{2, 9, 10, 6}, {3, 3, 6, 37}, {.padding = Padding::same(), .algorithm = algorithm}};
    ConvData<T> data(c, 3);
    data.A_prev.data()[57] = std::numeric_limits<T>::quiet_NaN();
    std::fill_n(data.W.data(), 9, T(0));
    ConvPlan<T> plan(c.A_prev, c.W, c.options);
    plan.set_weights(data.W, false);
    Tensor<T> start = random_tensor<T>(c.output(), 4, -9, 9);
    std::fill_n(start.data(), 40, T(-0.0));
    for (const bool add : {false, true}) {
      const auto run = [&](Activation activation) {
        Tensor<T> out = start;
        add ? plan.forward_add(data.A_prev, {}, activation, out) : plan.forward(data.A_prev, {}, activation, out);
        return out;
      };
      const Tensor<T> plain = run(Activation::identity);
      for (const Activation activation : {Activation::relu, Activation::relu6})
        EXPECT_TRUE(same_bits(run(activation), activation_forward(plain, activation)));
    }
  }
}

// The kernels of all algorithms: Winograd's (where T is float), tiles across rows and images, depthwise.
std::vector<ConvCase> many_images() {
  return {{{9, 14, 14, 64}, {3, 3, 64, 64}, {}},
          {{9, 7, 7, 24}, {3, 3, 24, 40}, {.stride = {2, 2}}},
          {{9, 5, 5, 40}, {1, 1, 40, 24}, {}},
          {{9, 9, 9, 12}, {3, 3, 1, 12}, {.groups = 12}}};
}

TYPED_TEST(ConvPlanTest, AnImageHasTheSameBitsWhateverItsCompany) {
  for (const ConvCase& c : many_images()) {
    const ConvData<TypeParam> data(c, 5);
    ConvPlan<TypeParam> plan(c.A_prev, c.W, c.options);
    plan.set_weights(data.W);
    Tensor<TypeParam> all(c.output());
    plan.forward(data.A_prev, data.bias(), Activation::relu, all);
    const Shape x = c.A_prev, y = c.output();
    if (plan.can_add()) plan.forward_add(data.A_prev, data.bias(), Activation::relu, all);
    Tensor<TypeParam> one(Shape{1, y[1], y[2], y[3]});
    for (std::int64_t i = 0; i < x[0]; ++i) {
      const TensorView<const TypeParam> image(data.A_prev.data() + i * x[1] * x[2] * x[3], Shape{1, x[1], x[2], x[3]});
      plan.forward(image, data.bias(), Activation::relu, one);
      if (plan.can_add()) plan.forward_add(image, data.bias(), Activation::relu, one);
      EXPECT_TRUE(same_bits<TypeParam>(one, {all.data() + i * one.size(), one.shape()})) << c << " image " << i;
    }
  }
}

TYPED_TEST(ConvPlanTest, TheSameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  for (const ConvCase& c : many_images()) {
    const ConvData<T> data(c, 6);
    const auto run = [&] {
      ConvPlan<T> plan(c.A_prev, c.W, c.options);
      plan.set_weights(data.W);
      ConvGradients<T> all{Tensor<T>(c.A_prev), Tensor<T>(c.W), Tensor<T>(c.output())};  // the output in db's place
      plan.forward(data.A_prev, data.bias(), Activation::tanh, all.db);
      if (plan.can_add()) plan.forward_add(data.A_prev, data.bias(), Activation::relu, all.db);
      plan.backward_data(data.dZ, all.dA_prev);
      plan.backward_weights(data.dZ, data.A_prev, all.dW);
      return all;
    };
    const ConvGradients<T> one = with_threads(1, run);
    for (const int threads : {2, 5}) {
      const ConvGradients<T> more = with_threads(threads, run);
      EXPECT_TRUE(same_bits(more.db, one.db)) << c;
      EXPECT_TRUE(same_bits(more.dA_prev, one.dA_prev)) << c;
      EXPECT_TRUE(same_bits(more.dW, one.dW)) << c;
    }
  }
}

TEST(ConvPlan, ChoosesForTheImagesItIsPlannedFor) {
  const Shape W{3, 3, 512, 512};
  EXPECT_EQ(ConvPlan<float>({1, 7, 7, 512}, W).forward_algorithm(), ConvAlgorithm::direct);
  EXPECT_EQ(ConvPlan<float>({32, 7, 7, 512}, W).forward_algorithm(), ConvAlgorithm::winograd);
  EXPECT_EQ(ConvPlan<float>({32, 7, 7, 512}, W).backward_data_algorithm(), ConvAlgorithm::winograd);
  EXPECT_EQ(ConvPlan<float>({1, 7, 7, 512}, W).backward_weights_algorithm(), ConvAlgorithm::direct);
  EXPECT_EQ(ConvPlan<double>({32, 7, 7, 512}, W).forward_algorithm(), ConvAlgorithm::direct);
  const ConvOptions direct{.algorithm = ConvAlgorithm::direct};
  EXPECT_EQ(ConvPlan<float>({32, 7, 7, 512}, W, direct).forward_algorithm(), ConvAlgorithm::direct);
}

TEST(ConvPlan, SaysWhatIsWrong) {
  EXPECT_THROW(ConvPlan<float>({1, 5, 5, 3}, {3, 3, 2, 4}), std::invalid_argument);
  ConvPlan<float> plan({2, 5, 5, 3}, {3, 3, 3, 4});
  const Tensor<float> x({2, 5, 5, 3}), other({2, 5, 6, 3}), b({1, 1, 1, 4}), W({3, 3, 3, 4}), other_W({3, 3, 3, 5});
  Tensor<float> y({2, 5, 5, 4}), dx({2, 5, 5, 3}), dW({3, 3, 3, 4});
  EXPECT_THROW(plan.forward(x, b, Activation::identity, y), std::logic_error);
  EXPECT_THROW(plan.forward_add(x, b, Activation::identity, y), std::logic_error);
  EXPECT_THROW(plan.set_weights(other_W), std::invalid_argument);
  plan.set_weights(W, /*for_backward=*/false);
  EXPECT_NO_THROW(plan.forward(x, b, Activation::identity, y));
  EXPECT_THROW(plan.backward_data(y, dx), std::logic_error);
  EXPECT_THROW(plan.forward(other, b, Activation::identity, y), std::invalid_argument);
  EXPECT_THROW(plan.forward(x, x, Activation::identity, y), std::invalid_argument);
  EXPECT_THROW(plan.forward(x, b, Activation::identity, dx), std::invalid_argument);
  EXPECT_THROW(plan.backward_weights(x, x, dW), std::invalid_argument);
  EXPECT_THROW(plan.backward_weights(y, other, dW), std::invalid_argument);
}

}  // namespace
}  // namespace hubel::test
