// Training by hand: its steps are fit's, to the bit.
#include "hubel/batch_trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "hubel/weighted.hpp"
#include "nn/joint_testing.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

// Samples begin ... begin + n of another source, of its kind or none.
class Part final : public JointSource {
 public:
  Part(const SampleSource& whole, std::int64_t begin, std::int64_t n) : whole_(whole), begin_(begin), n_(n) {}

  std::int64_t count() const override { return n_; }
  std::vector<Shape> input_shapes() const override { return whole_.input_shapes(); }
  std::vector<AnswerKind> answer_kinds() const override { return whole_.answer_kinds(); }
  std::int64_t weights_per_sample() const override { return whole_.weights_per_sample(); }
  void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const override {
    whole_.gather_batch(moved(indices, n).data(), n, xs, answers);
  }
  void gather_weights(const std::int32_t* indices, std::int64_t n, float* weights) const override {
    whole_.gather_weights(moved(indices, n).data(), n, weights);
  }

 private:
  std::vector<std::int32_t> moved(const std::int32_t* indices, std::int64_t n) const {
    std::vector<std::int32_t> result(indices, indices + n);
    for (std::int32_t& index : result) index += static_cast<std::int32_t>(begin_);
    return result;
  }

  const SampleSource& whole_;
  std::int64_t begin_, n_;
};

// Batches of 16 of all samples, epoch after epoch, each learned from by a trainer.
std::vector<Evaluation> go_through(BatchTrainer& trainer, const SampleSource& samples, int epochs) {
  std::vector<Evaluation> results;
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (std::int64_t begin = 0; begin < samples.count(); begin += 16)
      results.push_back(trainer.step(Part(samples, begin, std::min<std::int64_t>(16, samples.count() - begin))));
  return results;
}

// What fit does with the same in that order, and what it reports after each step.
std::vector<double> fitted(Network<float>& network, const SampleSource& samples, TrainOptions options) {
  std::vector<double> losses;
  options.epochs = 2;
  options.batch_size = 16;
  options.shuffle = false;
  options.on_step = [&](const TrainProgress& p) {
    losses.push_back(p.loss * static_cast<double>(p.samples));
    return true;
  };
  fit(network, samples, options);
  return losses;
}

Network<float> with_dropout_and_norms() {
  std::vector<Layer> layers = quadrant_layers();
  layers.insert(layers.begin() + 1, BatchNorm{});
  layers.insert(layers.end() - 1, Dropout{.rate = 0.3});
  return {Shape{8, 8, 1}, layers, 3};
}

TEST(BatchTrainer, GoesTheStepsOfFit) {
  const Samples samples = quadrants(72, 1);  // the last batch of an epoch is of 8
  const Network<float> start = with_dropout_and_norms();
  for (const OptimizerOptions& optimizer :
       {OptimizerOptions(SGD{.learning_rate = 0.05, .momentum = 0.9}), OptimizerOptions(Adam{.amsgrad = true}),
        OptimizerOptions(Nadam{}), OptimizerOptions(RAdam{.beta_2 = 0.9})}) {
    SCOPED_TRACE(std::string(optimizer_name(optimizer)));
    TrainOptions options;
    options.optimizer = optimizer;
    options.losses = {{CrossEntropy{.label_smoothing = 0.1}, 1}};
    options.clip_value = 0.1, options.clip_parameter_norm = 0.5, options.clip_norm = 1;
    options.seed = 7;
    Network<float> by_fit = start;
    const std::vector<double> sums = fitted(by_fit, samples, options);
    for (const int threads : {1, 3}) {
      Network<float> by_hand = start;
      StepOptions own{.optimizer = optimizer, .losses = options.losses, .seed = 7};
      own.clip_value = 0.1, own.clip_parameter_norm = 0.5, own.clip_norm = 1;
      BatchTrainer trainer(by_hand, own);
      const auto results = with_threads(threads, [&] { return go_through(trainer, samples, 2); });
      EXPECT_EQ(trainer.steps(), 10);
      EXPECT_TRUE(same_weights(by_fit, by_hand));
      double sum = 0;
      for (std::size_t i = 0; i < 5; ++i) {
        sum += results[i].loss * static_cast<double>(results[i].count);
        EXPECT_NEAR(sum, sums[i], 1e-9) << i;
      }
    }
  }
}

TEST(BatchTrainer, OfSeveralOutputsAndWithWeights) {
  const JointSamples samples = joint_samples(40, 1);
  std::vector<float> weights(40);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.5f + 0.1f * static_cast<float>(i % 7);
  const Weighted weighted(samples, weights);
  Network<float> by_fit = joint_network(2), by_hand = joint_network(2);
  TrainOptions options;
  options.losses = joint_options(1).losses;
  fitted(by_fit, weighted, options);
  BatchTrainer trainer(by_hand, {.losses = options.losses});
  const std::vector<Evaluation> results = go_through(trainer, weighted, 2);
  EXPECT_TRUE(same_weights(by_fit, by_hand));
  ASSERT_EQ(results[0].outputs.size(), options.losses.size());
  double sum = 0;
  for (std::size_t i = 0; i < options.losses.size(); ++i) sum += options.losses[i].weight * results[0].outputs[i].loss;
  EXPECT_DOUBLE_EQ(results[0].loss, sum);
}

// What it reports is of the weights before the step, as learned from, and told to on_batch too.
TEST(BatchTrainer, ReportsWhatWasLearnedFrom) {
  const Samples samples = quadrants(20, 1);
  Network<float> network = quadrant_network(5);
  const Evaluation before = evaluate(network, samples);
  BatchTrainer trainer(network, {.optimizer = SGD{.learning_rate = 0.1}, .top_k = 2});
  Tensor<float> made;
  const Evaluation result = trainer.step(samples, 1, [&](const BatchResult& batch) {
    made = Tensor<float>::uninitialized(batch.outputs.shape());
    std::copy(batch.outputs.begin(), batch.outputs.end(), made.begin());
    EXPECT_EQ(batch.labels.size(), 20u);
  });
  EXPECT_NEAR(result.loss, before.loss, 1e-6);
  EXPECT_EQ(result.accuracy, before.accuracy);
  EXPECT_GE(result.top_k_accuracy, result.accuracy);
  EXPECT_EQ(result.count, 20);
  EXPECT_EQ(made.shape(), Shape({20, 4}));
  EXPECT_LT(evaluate(network, samples).loss, before.loss);
}

// The scale is that of the learning rate; a step at 0 leaves the weights, but is one of the optimizer's.
TEST(BatchTrainer, ScalesTheLearningRate) {
  const Samples samples = quadrants(16, 1);
  const Network<float> start = quadrant_network(5);
  Network<float> halved = start, slower = start, still = start;
  BatchTrainer(halved, {.optimizer = SGD{.learning_rate = 0.2}}).step(samples, 0.5);
  BatchTrainer(slower, {.optimizer = SGD{.learning_rate = 0.1}}).step(samples);
  EXPECT_TRUE(same_weights(halved, slower));
  BatchTrainer trainer(still, {});
  trainer.step(samples, 0);
  EXPECT_TRUE(same_weights(still, start));
  EXPECT_EQ(trainer.steps(), 1);
}

// Memory is taken anew for a larger batch, which changes nothing. A plain SGD remembers nothing of the first step.
TEST(BatchTrainer, BatchesMayGrow) {
  const Samples samples = quadrants(64, 1);
  Network<float> grown = quadrant_network(5), roomy = quadrant_network(5);
  BatchTrainer growing(grown, {.optimizer = SGD{.learning_rate = 0.1}});
  BatchTrainer with_room(roomy, {.optimizer = SGD{.learning_rate = 0.1}});
  with_room.step(samples, 0);
  for (const std::int64_t n : {3, 17, 64, 1}) {
    growing.step(Part(samples, 0, n));
    with_room.step(Part(samples, 0, n));
    EXPECT_TRUE(same_weights(grown, roomy)) << n;
  }
  EXPECT_EQ(growing.steps(), 4);
}

TEST(BatchTrainer, LeavesFrozenWeights) {
  const Samples samples = quadrants(16, 1);
  Network<float> network = quadrant_network(5);
  network.freeze("conv2d_*");
  const Tensor<float> kernel = network.parameter("conv2d_1.kernel").value;
  const Tensor<float> dense = network.parameter("dense_1.kernel").value;
  BatchTrainer(network, {}).step(samples);
  EXPECT_TRUE(same_bits(network.parameter("conv2d_1.kernel").value, kernel));
  EXPECT_FALSE(same_bits(network.parameter("dense_1.kernel").value, dense));
}

TEST(BatchTrainer, RefusesWhatDoesNotFit) {
  const Samples samples = quadrants(8, 1), none = quadrants(0, 1);
  const Samples other(random_tensor<float>({2, 3, 3, 1}, 1), {0, 1});
  Network<float> network = quadrant_network(5);
  const Network<float> before = network;
  EXPECT_TRUE(refuses([&] { BatchTrainer(network, {.clip_norm = -1}); }, "BatchTrainer", {"clip_norm = -1"}));
  EXPECT_TRUE(refuses([&] { BatchTrainer(network, {.optimizer = SGD{.momentum = 2}}); }, "sgd", {"momentum = 2"}));
  EXPECT_TRUE(refuses([&] { BatchTrainer(network, {.losses = {{}, {}}}, "here"); }, "here", {"2 losses", "1 outputs"}));
  BatchTrainer trainer(network, {}, "here");
  EXPECT_TRUE(refuses([&] { trainer.step(none); }, "here", {"no samples"}));
  EXPECT_TRUE(refuses([&] { trainer.step(other); }, "here", {"(3, 3, 1)", "(8, 8, 1)"}));
  EXPECT_TRUE(refuses([&] { trainer.step(samples, -1); }, "here", {"scale = -1"}));
  Tensor<float> x(Shape{1, 8, 8, 1});
  x[0] = std::numeric_limits<float>::quiet_NaN();
  const Samples wrong(std::move(x), {0});
  try {
    trainer.step(wrong);
    ADD_FAILURE() << "a loss of NaN was learned from";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "training diverged: the loss is nan at step 1; there are samples with nan or infinite values");
  }
  EXPECT_TRUE(same_weights(network, before));
  EXPECT_EQ(trainer.steps(), 0);
}

}  // namespace
}  // namespace hubel::test
