// Optimisers against their papers' formulas, written here once more for a single number.
#include "hubel/optimizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "simd/optimizer.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// One weight's update: returns the new weight for gradient g at step t = 1, 2, ...
struct Scalar {
  double w, m = 0, v = 0;

  void step(const SGD& o, double g, double scale, int, bool) {
    const double lr = scale * o.learning_rate;
    m = o.momentum * m + g;
    w -= lr * (o.nesterov ? g + o.momentum * m : m);
  }
  void adam(double lr, double b1, double b2, double epsilon, double g, int t) {
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const double m_hat = m / (1 - std::pow(b1, t)), v_hat = v / (1 - std::pow(b2, t));
    w -= lr * m_hat / (std::sqrt(v_hat) + epsilon);
  }
  void step(const Adam& o, double g, double scale, int t, bool) {
    adam(scale * o.learning_rate, o.beta_1, o.beta_2, o.epsilon, g, t);
  }
  void step(const AdamW& o, double g, double scale, int t, bool decays) {
    const double lr = scale * o.learning_rate;
    if (decays) w -= lr * o.weight_decay * w;
    adam(lr, o.beta_1, o.beta_2, o.epsilon, g, t);
  }
};

template <class T>
class OptimizerTest : public ::testing::Test {};
TYPED_TEST_SUITE(OptimizerTest, FloatTypes);

// Sizes around the vector's width and the pieces that threads share (4096).
template <class T>
std::vector<Parameter<T>> parameters() {
  std::vector<Parameter<T>> p;
  p.push_back({"dense_1.kernel", random_tensor<T>({4100, 3}, 1)});
  p.push_back({"dense_1.bias", random_tensor<T>({3}, 2)});
  p.push_back({"conv2d_1.kernel", random_tensor<T>({1, 1, 1, 1}, 3)});
  p.push_back({"conv2d_1.bias", random_tensor<T>({17}, 4)});
  return p;
}

template <class T>
std::vector<Tensor<T>> gradients(std::span<const Parameter<T>> parameters, std::uint64_t seed) {
  std::vector<Tensor<T>> g;
  for (const Parameter<T>& p : parameters) g.push_back(random_tensor<T>(p.value.shape(), seed++));
  return g;
}

template <class T>
std::vector<TensorView<T>> views(std::vector<Tensor<T>>& tensors) {
  return {tensors.begin(), tensors.end()};
}

template <class T>
void expect_formula(const OptimizerOptions& options) {
  std::vector<Parameter<T>> weights = parameters<T>();
  std::vector<std::vector<Scalar>> wanted;
  for (const Parameter<T>& p : weights) {
    wanted.emplace_back();
    for (T w : p.value) wanted.back().push_back({static_cast<double>(w)});
  }
  Optimizer<T> optimizer(options, std::span<const Parameter<T>>(weights));
  for (int t = 1; t <= 6; ++t) {
    const double scale = t == 4 ? 0.25 : 1;
    std::vector<Tensor<T>> g = gradients<T>(weights, 100 * static_cast<std::uint64_t>(t));
    const auto g_views = views(g);
    optimizer.step(std::span(weights), g_views, scale);
    EXPECT_EQ(optimizer.steps(), t);
    double worst = 0;
    for (std::size_t p = 0; p < weights.size(); ++p) {
      const bool decays = !weights[p].name.ends_with(".bias");
      for (std::size_t i = 0; i < wanted[p].size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        std::visit([&](const auto& o) { wanted[p][i].step(o, static_cast<double>(g[p][at]), scale, t, decays); },
                   options);
        worst = std::max(worst, std::abs(static_cast<double>(weights[p].value[at]) - wanted[p][i].w));
      }
    }
    // Weights are of size 1 and a step changes each by a few roundings.
    EXPECT_LE(worst, 4 * t * static_cast<double>(std::numeric_limits<T>::epsilon())) << "step " << t;
  }
}

TYPED_TEST(OptimizerTest, Sgd) {
  expect_formula<TypeParam>(SGD{.learning_rate = 0.1});
  expect_formula<TypeParam>(SGD{.learning_rate = 0.05, .momentum = 0.9});
  expect_formula<TypeParam>(SGD{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true});
}

TYPED_TEST(OptimizerTest, Adam) {
  expect_formula<TypeParam>(Adam{});
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .beta_1 = 0.8, .beta_2 = 0.99, .epsilon = 1e-3});
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .beta_1 = 0, .beta_2 = 0, .epsilon = 1});
}

TYPED_TEST(OptimizerTest, AdamW) {
  expect_formula<TypeParam>(AdamW{.learning_rate = 0.02, .weight_decay = 0.5});
  expect_formula<TypeParam>(AdamW{.learning_rate = 0.02, .weight_decay = 0});
}

// Moments that decay below the smallest normal number become zero, unless the epsilon is so small that the second one
// would be missed.
TYPED_TEST(OptimizerTest, NoSubnormalMoments) {
  using T = TypeParam;
  constexpr T kSmall = std::numeric_limits<T>::min();
  const T g[2] = {0, 1};
  const auto moments = [&](T least) {
    std::array<std::array<T, 2>, 2> both = {{{kSmall, kSmall}, {kSmall, kSmall}}};
    T w[2] = {1, 1};
    const simd::AdamStep<T> step{T(0.001), 1, T(1e-8), 1, T(0.5), T(0.5), T(0.5), T(0.5), least};
    simd::adam_step(step, g, both[0].data(), both[1].data(), w, 2);
    EXPECT_EQ(w[0], 1);
    return both;
  };
  for (const auto& moment : moments(kSmall)) EXPECT_EQ(moment, (std::array<T, 2>{0, T(0.5)}));
  for (const auto& moment : moments(0)) EXPECT_EQ(moment[0], kSmall / 2);
  T velocity[1] = {kSmall}, w[1] = {1};
  simd::sgd_step(simd::SgdStep<T>{T(0.1), T(0.5), false}, g, velocity, w, 1);
  EXPECT_EQ(velocity[0], 0);
}

TYPED_TEST(OptimizerTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  const auto run = [] {
    std::vector<Parameter<T>> weights = parameters<T>();
    weights.push_back({"dense_2.kernel", random_tensor<T>({300, 301}, 9)});  // enough for threads to be used
    Optimizer<T> optimizer(AdamW{}, std::span<const Parameter<T>>(weights));
    for (std::uint64_t t = 1; t <= 3; ++t) {
      std::vector<Tensor<T>> g = gradients<T>(weights, t);
      const auto g_views = views(g);
      optimizer.step(std::span(weights), g_views);
    }
    return weights;
  };
  const auto one = with_threads(1, run);
  for (const int threads : {2, 3}) {
    const auto many = with_threads(threads, run);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i].value, many[i].value));
  }
}

TEST(Optimizer, NamesAndDefaults) {
  for (const char* name : {"sgd", "adam", "adamw"}) EXPECT_EQ(optimizer_name(optimizer_from_name(name)), name);
  EXPECT_EQ(learning_rate(optimizer_from_name("adam")), 1e-3);
  EXPECT_EQ(learning_rate(SGD{.learning_rate = 0.5}), 0.5);
  EXPECT_TRUE(refuses([] { optimizer_from_name("adma", "fit"); }, "fit", {"\"adma\"", "sgd, adam, adamw"}));
}

TEST(Optimizer, RefusesWrongOptions) {
  const std::vector<Parameter<float>> weights = parameters<float>();
  const auto make = [&](const OptimizerOptions& o) { Optimizer<float>(o, std::span<const Parameter<float>>(weights)); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses([&] { make(SGD{.learning_rate = -1}); }, "sgd", {"learning_rate = -1"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.learning_rate = nan}); }, "adam", {"learning_rate = nan"}));
  EXPECT_TRUE(refuses([&] { make(SGD{.momentum = 1}); }, "sgd", {"momentum = 1", "[0, 1)"}));
  EXPECT_TRUE(refuses([&] { make(SGD{.nesterov = true}); }, "sgd", {"momentum = 0", "nesterov"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.beta_1 = 1}); }, "adam", {"beta_1 = 1"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.beta_2 = -0.1}); }, "adam", {"beta_2 = -0.1"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.epsilon = -1e-8}); }, "adam", {"epsilon = -1e-08"}));
  EXPECT_TRUE(refuses([&] { make(AdamW{.weight_decay = -1}); }, "adamw", {"weight_decay = -1"}));
}

TEST(Optimizer, RefusesOtherParameters) {
  std::vector<Parameter<float>> weights = parameters<float>();
  Optimizer<float> optimizer(Adam{}, std::span<const Parameter<float>>(weights));
  std::vector<Tensor<float>> g = gradients<float>(weights, 1);
  g[1] = Tensor<float>(Shape{4});
  auto g_views = views(g);
  EXPECT_TRUE(refuses([&] { optimizer.step(std::span(weights), g_views); }, "Optimizer", {"made for"}));
  g_views.pop_back();
  EXPECT_TRUE(refuses([&] { optimizer.step(std::span(weights), g_views); }, "Optimizer", {"made for"}));
  EXPECT_EQ(optimizer.steps(), 0);
}

}  // namespace
}  // namespace hubel::test
