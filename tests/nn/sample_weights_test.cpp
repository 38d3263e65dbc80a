// Weights of samples: in a network's gradients, in training and evaluation, and behind changed samples.
#include <gtest/gtest.h>

#include <cmath>

#include "hubel/augment.hpp"
#include "hubel/weighted.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

using Mode = Execution<double>::Mode;

std::vector<float> ramp(std::int64_t count) {
  std::vector<float> weights;
  for (std::int64_t i = 0; i < count; ++i) weights.push_back(static_cast<float>(i % 5) / 2);
  return weights;
}

std::vector<std::int32_t> labels_of(std::int64_t n, std::int64_t classes) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(static_cast<std::int32_t>((i * 7 + i / 3) % classes));
  return labels;
}

template <class Answers>
void expect_weighted_gradients(Network<double> network, const Loss& loss, const Answers& answers, std::int64_t m,
                               const std::vector<float>& weights) {
  SCOPED_TRACE(std::string(loss_name(loss)) + "\n" + network.summary());
  Noise noise(5);
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), network.input_shape().begin(), network.input_shape().end());
  const Tensor<double> x = random_tensor<double>(Shape(extents), 3);
  Execution<double> execution(network, m, Mode::training), other(network, m, Mode::training);
  const auto weighted = [&] { return other.loss(x, loss, answers, weights).loss; };
  EXPECT_NEAR(execution.loss_and_gradients(x, loss, answers, weights).loss, weighted(), 1e-14);
  EXPECT_NE(weighted(), other.loss(x, loss, answers).loss);
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    Parameter<double>& p = network.parameters()[i];
    expect_gradient(p.name, p.value.data(), execution.gradients()[i], weighted, 12, noise);
  }
}

TEST(NetworkSampleWeights, Gradients) {
  constexpr std::int64_t m = 19;
  const std::vector<std::int32_t> all = labels_of(m, 4);
  const std::span<const std::int32_t> labels = all;
  const Loss entropy = CrossEntropy{.label_smoothing = 0.1, .class_weights = {1, 0.5, 2, 1}};
  expect_weighted_gradients(Network<double>({8, 8, 1}, quadrant_layers(), 1), entropy, labels, m, ramp(m));
  const Tensor<double> targets = random_tensor<double>(Shape{m, 2}, 8);
  expect_weighted_gradients(Network<double>({5}, {Dense{.units = 2, .activation = Activation::tanh}}, 1),
                            MeanSquaredError{}, targets.view(), m, ramp(m));
}

TEST(NetworkSampleWeights, GradientsOfPixels) {
  constexpr std::int64_t m = 3;
  const std::vector<std::int32_t> all = labels_of(m * 5 * 6, 3);
  const std::span<const std::int32_t> labels = all;
  const Network<double> network({5, 6, 2},
                                {Conv2D{.filters = 3, .kernel_size = {1, 1}, .activation = Activation::softmax}}, 1);
  expect_weighted_gradients(network, CrossEntropy{}, labels, m, ramp(m * 5 * 6));
  expect_weighted_gradients(network, CrossEntropy{}, labels, m, {0.5, 2, 0});
}

TEST(NetworkSampleWeights, OnesTrainToTheSameBits) {
  const Samples samples = quadrants(40, 1);
  const std::vector<float> ones(40, 1.0f);
  Network<float> plain = quadrant_network(5), weighted = quadrant_network(5);
  fit(plain, samples, quadrant_options(3));
  fit(weighted, Weighted(samples, ones), quadrant_options(3));
  EXPECT_TRUE(same_weights(plain, weighted));
}

// The sum of the losses over the number of samples, whatever the batches; the accuracy goes without.
TEST(NetworkSampleWeights, Evaluation) {
  const Samples samples = quadrants(37, 1);
  const std::vector<float> weights = ramp(37);
  const Network<float> network = quadrant_network(5);
  double sum = 0;
  for (std::int64_t i = 0; i < 37; ++i) {
    Tensor<float> one = Tensor<float>::uninitialized({1, 8, 8, 1});
    std::copy_n(samples.x().data() + i * 64, 64, one.data());
    const Samples alone(std::move(one), {samples.labels()[static_cast<std::size_t>(i)]});
    sum += static_cast<double>(weights[static_cast<std::size_t>(i)]) * hubel::evaluate(network, alone).loss;
  }
  for (const std::int64_t batch_size : {37, 5}) {
    const Evaluation got = hubel::evaluate(network, Weighted(samples, weights), batch_size);
    EXPECT_NEAR(got.loss, sum / 37, 1e-6);
    EXPECT_EQ(got.accuracy, hubel::evaluate(network, samples).accuracy);
  }
}

// What has no weight is not learned, also where the loss goes by the whole batch.
TEST(NetworkSampleWeights, WhatHasNoneIsNotLearned) {
  const Samples samples = quadrants(80, 1);
  std::vector<float> weights;
  for (const std::int32_t label : samples.labels()) weights.push_back(label == 2 ? 0.0f : 1.0f);
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(CategoricalHinge{})}) {
    Network<float> network = quadrant_network(5);
    TrainOptions o = quadrant_options(15);
    o.loss = loss;
    fit(network, Weighted(samples, weights), o);
    std::vector<std::int64_t> confusion;
    const Evaluation evaluation = hubel::evaluate(network, samples, 256, &confusion);
    EXPECT_EQ(confusion[2] + confusion[6] + confusion[14], 0);
    EXPECT_GT(evaluation.accuracy, 0.7);
  }
}

// Augmented samples keep theirs, and mixed ones may have none.
TEST(NetworkSampleWeights, OfChangedSamples) {
  const Samples samples = quadrants(20, 1);
  const std::vector<float> weights = ramp(20);
  const Weighted weighted(samples, weights);
  const Augmented augmented(weighted, {.flip_horizontal = 0.5});
  const std::vector<std::int32_t> indices = {3, 19, 0};
  std::vector<float> got(3);
  ASSERT_EQ(augmented.weights_per_sample(), 1);
  augmented.gather_weights(indices.data(), 3, got.data());
  EXPECT_EQ(got, (std::vector<float>{1.5, 2, 0}));
  const Augmented mixing(weighted, {.mixup = 0.2});
  EXPECT_TRUE(refuses([&] { Mixed(mixing, 4); }, "Mixed", {"weights", "mixup"}));
}

TEST(NetworkSampleWeights, RefusesWrongWeights) {
  const Samples samples = quadrants(20, 1);
  std::vector<float> weights = ramp(20);
  const std::span<const float> all(weights);
  EXPECT_TRUE(refuses([&] { Weighted(samples, all.first(19)); }, "Weighted", {"19 weights", "20 samples"}));
  std::vector<float> three(60, 1.0f);
  Network<float> network = quadrant_network(5);
  EXPECT_TRUE(
      refuses([&] { fit(network, Weighted(samples, three), quadrant_options(1)); }, "fit", {"3 weights", "(4,)"}));
  EXPECT_TRUE(refuses([&] { hubel::evaluate(network, Weighted(samples, three)); }, "evaluate", {"3 weights"}));
  weights[7] = -1;
  EXPECT_TRUE(refuses([&] { Weighted(samples, all); }, "Weighted", {"weights[7] is -1"}));
  weights[7] = std::nanf("");
  EXPECT_TRUE(refuses([&] { Weighted(samples, all); }, "Weighted", {"weights[7] is nan"}));
}

// A state is of the weights too.
TEST(NetworkSampleWeights, Resume) {
  const Samples samples = quadrants(40, 1);
  const std::vector<float> weights = ramp(40), ones(40, 1.0f);
  const Weighted weighted(samples, weights), other(samples, ones);
  TrainOptions o = quadrant_options(3);
  Network<float> network = quadrant_network(5);
  bool refused = false;
  o.save_every_epochs = 1;
  o.save_state = [&](const TrainingState& state) {
    if (refused) return;
    TrainOptions again = quadrant_options(3);
    again.resume = &state;
    Network<float> second = quadrant_network(6);
    EXPECT_TRUE(refuses([&] { fit(second, other, again); }, "fit", {"fingerprint"}));
    EXPECT_TRUE(refuses([&] { fit(second, samples, again); }, "fit", {"fingerprint"}));
    fit(second, weighted, again);
    Network<float> whole = quadrant_network(5);
    fit(whole, weighted, quadrant_options(3));
    EXPECT_TRUE(same_weights(second, whole));
    refused = true;
  };
  fit(network, weighted, o);
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace hubel::test
