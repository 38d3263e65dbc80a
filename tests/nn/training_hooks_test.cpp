// What a training calls besides on_step and on_epoch: for the beginning of epochs, for batches, for learning rates.
#include <gtest/gtest.h>

#include <cmath>

#include "hubel/metrics.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

// The share of right answers of all batches is the epoch's accuracy.
TEST(TrainingHooks, BatchesAreThoseThatCount) {
  const Samples train = quadrants(40, 1), validation = quadrants(21, 2);
  Network<float> network = quadrant_network(5), plain = quadrant_network(5);
  TrainOptions o = quadrant_options(3);
  Metrics of_training(4, {.top_k = 2}), of_validation(4, {.top_k = 2});
  std::vector<std::int64_t> begun;
  o.on_epoch_begin = [&](std::int64_t epoch) {
    begun.push_back(epoch);
    return true;
  };
  o.on_batch = [&](const BatchResult& batch) {
    EXPECT_EQ(batch.targets.data(), nullptr);
    of_training.add(batch.outputs, batch.labels);
  };
  o.on_validation_batch = [&](const BatchResult& batch) { of_validation.add(batch.outputs, batch.labels); };
  o.on_epoch = [&](const EpochResult& result) {
    EXPECT_EQ(begun.back(), result.epoch);
    EXPECT_EQ(of_training.count(), 40);
    EXPECT_EQ(of_training.accuracy(), result.accuracy);
    EXPECT_EQ(of_validation.count(), 21);
    EXPECT_EQ(of_validation.accuracy(), result.validation->accuracy);
    of_training.clear();
    of_validation.clear();
    return true;
  };
  fit(network, train, o, &validation);
  EXPECT_EQ(begun, (std::vector<std::int64_t>{1, 2, 3}));
  fit(plain, train, quadrant_options(3), &validation);
  EXPECT_TRUE(same_weights(network, plain));  // looking on changes nothing
}

TEST(TrainingHooks, AnEpochThatIsNotBegunHasNoSteps) {
  const Samples samples = quadrants(40, 1);
  Network<float> network = quadrant_network(5), expected = quadrant_network(5);
  TrainOptions o = quadrant_options(3), two = o;
  std::int64_t saved = 0;
  o.on_epoch_begin = [](std::int64_t epoch) { return epoch < 3; };
  o.save_state = [&](const TrainingState&) { ++saved; };
  const TrainResult result = fit(network, samples, o);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.epochs_done, 2);
  EXPECT_EQ(saved, 1);
  two.on_epoch = [](const EpochResult& epoch) { return epoch.epoch < 2; };
  fit(expected, samples, two);
  EXPECT_TRUE(same_weights(network, expected));
}

TEST(TrainingHooks, BatchesOfAnEvaluation) {
  const Samples samples = quadrants(37, 1);
  const Network<float> network = quadrant_network(5);
  Metrics metrics(4);
  EvaluateOptions how;
  how.batch_size = 10;
  how.on_batch = [&](const BatchResult& batch) { metrics.add(batch.outputs, batch.labels); };
  const Evaluation result = evaluate(network, samples, how);
  EXPECT_EQ(metrics.accuracy(), result.accuracy);
  EXPECT_EQ(metrics.count(), 37);
}

TEST(TrainingHooks, WhatTheyThrowEndsTraining) {
  const Samples samples = quadrants(40, 1);
  Network<float> network = quadrant_network(5), expected = quadrant_network(5);
  TrainOptions o = quadrant_options(3);
  std::int64_t batches = 0;
  o.on_batch = [&](const BatchResult&) {
    if (++batches == 4) throw std::runtime_error("enough");
  };
  EXPECT_THROW(fit(network, samples, o), std::runtime_error);
  TrainOptions four = quadrant_options(3);
  four.on_step = [](const TrainProgress& p) { return p.all_steps < 4; };
  fit(expected, samples, four);
  EXPECT_TRUE(same_weights(network, expected));
}

// ---- Learning rates --------------------------------------------------------------------------------------------

double halved(std::int64_t epoch, double rate) { return epoch == 1 ? rate : rate / 2; }

TEST(TrainingHooks, LearningRatesOfEpochs) {
  const Samples samples = quadrants(40, 1);
  Network<float> network = quadrant_network(5), stepped = quadrant_network(5);
  TrainOptions o = quadrant_options(3);
  o.learning_rate = halved;
  const TrainResult result = fit(network, samples, o);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(result.epochs[i].learning_rate, 3e-3 / std::pow(2, i));
  TrainOptions by_schedule = quadrant_options(3);
  by_schedule.schedule = StepSchedule{.every = 1, .gamma = 0.5};
  fit(stepped, samples, by_schedule);
  EXPECT_TRUE(same_weights(network, stepped));
}

// Stopped within the second epoch: its rate is not asked for again.
TEST(TrainingHooks, LearningRatesGoOn) {
  const Samples samples = quadrants(40, 1);
  Network<float> whole = quadrant_network(5), first = quadrant_network(5), second = quadrant_network(6);
  TrainOptions o = quadrant_options(3);
  o.learning_rate = halved;
  fit(whole, samples, o);
  TrainOptions stopping = o;
  stopping.on_step = [](const TrainProgress& p) { return p.all_steps < 5; };
  bool resumed = false;
  stopping.save_state = [&](const TrainingState& state) {
    TrainOptions rest = o;
    rest.resume = &state;
    fit(second, samples, rest);
    rest.learning_rate = nullptr;
    EXPECT_TRUE(refuses([&] { fit(first, samples, rest); }, "fit", {"learning_rate = by epoch", "none"}));
    resumed = true;
  };
  fit(first, samples, stopping);
  EXPECT_TRUE(resumed);
  EXPECT_TRUE(same_weights(whole, second));
}

TEST(TrainingHooks, RefusesWrongLearningRates) {
  const Samples samples = quadrants(20, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(2);
  for (const double wrong : {-1.0, std::nan(""), HUGE_VAL}) {
    o.learning_rate = [wrong](std::int64_t epoch, double rate) { return epoch == 2 ? wrong : rate; };
    EXPECT_TRUE(refuses([&] { fit(network, samples, o); }, "fit", {"learning rate of epoch 2", "finite"}));
  }
  o.learning_rate = halved;
  o.optimizer = SGD{.learning_rate = 0};
  EXPECT_TRUE(refuses([&] { fit(network, samples, o); }, "fit", {"above 0"}));
  o = quadrant_options(2);
  o.learning_rate = halved;
  o.schedule = Schedule::cosine;
  EXPECT_TRUE(refuses([&] { fit(network, samples, o); }, "fit", {"learning_rate takes the place of schedule"}));
  o.schedule = Schedule::constant;
  o.plateau = PlateauOptions{};
  EXPECT_TRUE(refuses([&] { fit(network, samples, o); }, "fit", {"plateau"}));
}

}  // namespace
}  // namespace hubel::test
