// The average of weights against its formula, written here once more for a single number.
#include "hubel/moving_average.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

template <class T>
class WeightAverageTest : public ::testing::Test {};
TYPED_TEST_SUITE(WeightAverageTest, FloatTypes);

template <class T>
std::vector<Parameter<T>> parameters(std::uint64_t seed) {
  std::vector<Parameter<T>> p;
  p.push_back({"dense_1.kernel", random_tensor<T>({4100, 30}, seed)});
  p.push_back({"dense_1.bias", random_tensor<T>({3}, seed + 1)});
  return p;
}

template <class T>
void expect_formula(const AverageOptions& options) {
  std::vector<Parameter<T>> weights = parameters<T>(1);
  const double start = static_cast<double>(weights[1].value[2]);
  double wanted = options.bias_correction ? 0 : start, left = 1;
  WeightAverage<T> average(weights, options);
  average.apply(weights);  // nothing yet
  EXPECT_EQ(static_cast<double>(weights[1].value[2]), start);
  average.restore(weights);
  for (int t = 0; t < 20; ++t) {
    weights = parameters<T>(10 * static_cast<std::uint64_t>(t) + 5);
    average.update(weights);
    double decay = options.warm_up ? std::min(options.decay, (1.0 + t) / (10.0 + t)) : options.decay;
    if (options.equal) decay = t / (t + 1.0);
    const double w = static_cast<double>(weights[1].value[2]);
    wanted = decay * wanted + (1 - decay) * w;
    left *= decay;
    const std::vector<Parameter<T>> kept = weights;
    average.apply(weights);
    EXPECT_TRUE(average.applied());
    EXPECT_NEAR(weights[1].value[2], options.bias_correction ? wanted / (1 - left) : wanted,
                8 * std::numeric_limits<T>::epsilon());
    average.restore(weights);
    for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(same_bits(weights[i].value, kept[i].value));
  }
  EXPECT_EQ(average.updates(), 20);
}

TYPED_TEST(WeightAverageTest, Formula) {
  expect_formula<TypeParam>({});
  expect_formula<TypeParam>({.decay = 0});
  expect_formula<TypeParam>({.decay = 0.9});
  expect_formula<TypeParam>({.decay = 0.9, .warm_up = true});
  expect_formula<TypeParam>({.decay = 0.9, .bias_correction = true});
  expect_formula<TypeParam>({.decay = 0.9, .warm_up = true, .bias_correction = true});
  expect_formula<TypeParam>({.equal = true});
}

TYPED_TEST(WeightAverageTest, EqualIsTheMean) {
  using T = TypeParam;
  WeightAverage<T> average(parameters<T>(1), {.equal = true});
  std::vector<Parameter<T>> weights = parameters<T>(2);
  double sum = 0;
  for (std::uint64_t t = 0; t < 7; ++t) {
    weights = parameters<T>(t + 20);
    sum += static_cast<double>(weights[0].value[5]);
    average.update(weights);
    if (t > 0) continue;
    average.apply(weights);
    EXPECT_TRUE(same_bits(weights[0].value, parameters<T>(20)[0].value));  // of one
    average.restore(weights);
  }
  average.apply(weights);
  EXPECT_NEAR(weights[0].value[5], sum / 7, 8 * std::numeric_limits<T>::epsilon());
}

TYPED_TEST(WeightAverageTest, StateGoesOn) {
  using T = TypeParam;
  for (const AverageOptions& options :
       {AverageOptions{.decay = 0.9, .warm_up = true, .bias_correction = true}, AverageOptions{.equal = true}}) {
    WeightAverage<T> first(parameters<T>(1), options), second(parameters<T>(2), options);
    for (std::uint64_t t = 0; t < 5; ++t) first.update(parameters<T>(t));
    EXPECT_EQ(first.state()[0].name, "dense_1.kernel/average");
    second.load_state(first.state(), first.updates());
    first.update(parameters<T>(9));
    second.update(parameters<T>(9));
    std::vector<Parameter<T>> a = parameters<T>(3), b = a;
    first.apply(a);
    second.apply(b);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bits(a[i].value, b[i].value));
  }
}

TYPED_TEST(WeightAverageTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  const auto run = [] {
    std::vector<Parameter<T>> weights = parameters<T>(1);
    WeightAverage<T> average(weights, {.decay = 0.9, .bias_correction = true});
    average.update(parameters<T>(2));
    average.update(parameters<T>(3));
    average.apply(weights);
    return weights;
  };
  const auto one = with_threads(1, run);
  for (const int threads : {2, 4}) {
    const auto many = with_threads(threads, run);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i].value, many[i].value));
  }
}

TEST(WeightAverage, RefusesWhatDoesNotFit) {
  std::vector<Parameter<float>> weights = parameters<float>(1), others;
  others.push_back({"dense_1.kernel", Tensor<float>({2})});
  const std::string_view who = "WeightAverage";
  EXPECT_TRUE(refuses([&] { WeightAverage<float>(weights, {.decay = 1}); }, who, {"decay = 1", "[0, 1)"}));
  WeightAverage<float> average(weights);
  EXPECT_TRUE(refuses([&] { average.update(others); }, who, {"made for"}));
  EXPECT_TRUE(refuses([&] { average.restore(weights); }, who, {"not applied"}));
  average.apply(weights);
  EXPECT_TRUE(refuses([&] { average.apply(weights); }, who, {"already applied"}));
  EXPECT_TRUE(refuses([&] { average.update(weights); }, who, {"already applied"}));
  EXPECT_TRUE(refuses([&] { average.load_state({}, 1); }, who, {"dense_1.kernel/average", "missing"}));
  EXPECT_TRUE(refuses([&] { average.load_state(average.state(), -1); }, who, {"updates = -1"}));
}

}  // namespace
}  // namespace hubel::test
