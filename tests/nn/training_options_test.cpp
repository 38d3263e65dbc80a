// What a training can be told beyond its steps: losses and targets, clipping, averages, when to stop or slow down.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hubel/metrics.hpp"
#include "nn/nn_testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

// Targets in memory.
class Targets : public TargetSource {
 public:
  Targets(Tensor<float> x, Tensor<float> targets) : x_(std::move(x)), targets_(std::move(targets)) {}
  std::int64_t count() const override { return x_.shape()[0]; }
  Shape sample_shape() const override { return x_.shape().without_first(); }
  Shape target_shape() const override { return targets_.shape().without_first(); }
  TensorView<const float> all_targets() const override { return targets_; }
  void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const override {
    const std::int64_t size = sample_shape().elements(), target_size = target_shape().elements();
    for (std::int64_t i = 0; i < n; ++i) {
      std::copy_n(x_.data() + indices[i] * size, size, out + i * size);
      std::copy_n(targets_.data() + indices[i] * target_size, target_size, targets + i * target_size);
    }
  }

 private:
  Tensor<float> x_, targets_;
};

// What two linear functions make of noise.
Targets plane(std::int64_t count, std::uint64_t seed) {
  Tensor<float> x = random_tensor<float>(Shape{count, 3}, seed), y(Shape{count, 2});
  for (std::int64_t i = 0; i < count; ++i) {
    y[2 * i] = x[3 * i] - 2 * x[3 * i + 1];
    y[2 * i + 1] = 0.5f + x[3 * i + 2];
  }
  return {std::move(x), std::move(y)};
}

Targets one_hot(const Samples& samples) {
  Tensor<float> rows(Shape{samples.count(), 4});
  for (std::int64_t i = 0; i < samples.count(); ++i) rows[4 * i + samples.labels()[static_cast<std::size_t>(i)]] = 1;
  return {samples.x(), std::move(rows)};
}

Network<float> linear_network() { return {Shape{3}, {Dense{.units = 2}}, 1}; }

TEST(TrainingOptions, Regression) {
  const Targets train = plane(200, 1), test = plane(50, 2);
  for (const Loss& loss : {Loss(MeanSquaredError{}), Loss(MeanAbsoluteError{}), Loss(Huber{.delta = 0.1})}) {
    Network<float> network = linear_network();
    TrainOptions o = quadrant_options(60, 0.02);
    o.schedule = Schedule::cosine;
    o.loss = loss;
    const TrainResult result = fit(network, train, o, &test);
    EXPECT_LT(result.epochs.back().loss, 2e-3) << loss_name(loss);
    EXPECT_EQ(result.epochs.back().accuracy, 0);
    EvaluateOptions how;
    how.loss = loss;
    how.batch_size = 7;
    const Evaluation evaluation = evaluate(network, test, how);
    EXPECT_NEAR(evaluation.loss, result.epochs.back().validation->loss, 1e-7);
    EXPECT_EQ(evaluation.count, 50);
  }
}

// A label is a row of targets with a single 1.
TEST(TrainingOptions, TargetsOfAClassifier) {
  const Samples labelled = quadrants(70, 1);
  Network<float> by_labels = quadrant_network(5), by_targets = quadrant_network(5);
  TrainOptions o = quadrant_options(3);
  o.loss = CrossEntropy{.label_smoothing = 0.1};
  const EpochResult a = fit(by_labels, labelled, o).epochs.back();
  const EpochResult b = fit(by_targets, one_hot(labelled), o).epochs.back();
  EXPECT_NEAR(a.loss, b.loss, 1e-5);
  EXPECT_EQ(a.accuracy, b.accuracy);
}

TEST(TrainingOptions, SmoothingBoundsWhatIsSure) {
  const Samples train = quadrants(200, 1);
  const auto largest = [&](double smoothing) {
    Network<float> network = quadrant_network(5);
    TrainOptions o = quadrant_options(30, 0.01);
    o.loss = CrossEntropy{.label_smoothing = smoothing};
    fit(network, train, o);
    const Tensor<float> p = predict(network, train.x());
    return *std::max_element(p.begin(), p.end());
  };
  EXPECT_GT(largest(0), 0.999f);
  EXPECT_LT(largest(0.2), 0.98f);
}

// The mean over all batches is weighted as one batch's would be.
TEST(TrainingOptions, ClassWeights) {
  const Samples train = quadrants(37, 1);
  Network<float> network = quadrant_network(5);
  EvaluateOptions how;
  how.loss = CrossEntropy{.class_weights = {1, 3, 0, 0.5}};
  const double whole = evaluate(network, train, how).loss;
  how.batch_size = 5;
  EXPECT_NEAR(evaluate(network, train, how).loss, whole, 1e-9);
  TrainOptions o = quadrant_options(1, 0);
  o.loss = how.loss;
  EXPECT_NEAR(fit(network, train, o).epochs[0].loss, whole, 1e-6);
  // What has no weight is not learned.
  o = quadrant_options(15);
  o.loss = CrossEntropy{.class_weights = {1, 1, 0, 1}};
  fit(network, train, o);
  std::vector<std::int64_t> confusion;
  evaluate(network, train, 256, &confusion);
  EXPECT_EQ(confusion[2] + confusion[6] + confusion[10] + confusion[14], 0);
}

TEST(TrainingOptions, BinaryAccuracy) {
  Tensor<float> x = random_tensor<float>(Shape{64, 2}, 1), y(Shape{64, 1});
  for (std::int64_t i = 0; i < 64; ++i) y[i] = x[2 * i] > x[2 * i + 1] ? 1 : 0;
  const Targets train(std::move(x), std::move(y));
  for (const bool logits : {false, true}) {
    Network<float> network(Shape{2},
                           {Dense{.units = 1, .activation = logits ? Activation::identity : Activation::sigmoid}}, 1);
    TrainOptions o = quadrant_options(60, 0.05);
    o.loss = BinaryCrossEntropy{.from_logits = logits};
    EXPECT_GE(fit(network, train, o).epochs.back().accuracy, 0.95);
  }
}

// A label for each pixel: whether it is bright.
class Pixels : public SampleSource {
 public:
  std::int64_t count() const override { return 30; }
  Shape sample_shape() const override { return {4, 5, 1}; }
  std::int64_t labels_per_sample() const override { return 20; }
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override {
    for (std::int64_t i = 0; i < 20 * n; ++i) {
      out[i] = x_[20 * indices[i / 20] + i % 20];
      labels[i] = out[i] > 0;
    }
  }

 private:
  Tensor<float> x_ = random_tensor<float>(Shape{30, 4, 5, 1}, 4);
};

TEST(TrainingOptions, LabelsOfPixels) {
  const Pixels train;
  Network<float> network({4, 5, 1}, {Conv2D{.filters = 2, .kernel_size = {1, 1}, .activation = Activation::softmax}},
                         1);
  const EpochResult last = fit(network, train, quadrant_options(80, 0.05)).epochs.back();
  EXPECT_GE(last.accuracy, 0.97);
  EXPECT_EQ(last.samples, 30);
  std::vector<std::int64_t> confusion;
  evaluate(network, train, 7, &confusion);
  EXPECT_EQ(confusion[0] + confusion[1] + confusion[2] + confusion[3], 600);
}

// How far the first step of gradient descent, with a rate of 1, moves each parameter: its norm and its largest element.
struct FirstStep {
  std::vector<double> norms, largest;
  double seen = 0;  // the gradient's norm that it reports

  double norm() const { return std::sqrt(std::inner_product(norms.begin(), norms.end(), norms.begin(), 0.0)); }
};

FirstStep first_step(TrainOptions o) {
  Network<float> network = quadrant_network(5);
  const Network<float> before = network;
  FirstStep step;
  o.batch_size = 32;
  o.optimizer = SGD{.learning_rate = 1};
  o.on_step = [&](const TrainProgress& p) {
    step.seen = p.gradient_norm;
    return true;
  };
  fit(network, quadrants(32, 1), o);
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    double squares = 0, largest = 0;
    for (std::int64_t k = 0; k < network.parameters()[i].value.size(); ++k) {
      const double d = double{network.parameters()[i].value[k]} - double{before.parameters()[i].value[k]};
      squares += d * d;
      largest = std::max(largest, std::abs(d));
    }
    step.norms.push_back(std::sqrt(squares));
    step.largest.push_back(largest);
  }
  return step;
}

TEST(TrainingOptions, Clipping) {
  const auto with = [](double value, double parameter_norm, double norm) {
    TrainOptions o = quadrant_options(1);
    o.clip_value = value;
    o.clip_parameter_norm = parameter_norm;
    o.clip_norm = norm;
    return first_step(o);
  };
  const FirstStep free = with(0, 0, 0);
  const double norm = free.norm(), tolerance = 1e-4 * norm;
  EXPECT_EQ(free.seen, 0);
  EXPECT_NEAR(with(0, 0, norm / 3).norm(), norm / 3, tolerance);
  EXPECT_NEAR(with(0, 0, norm / 3).seen, norm, tolerance);
  EXPECT_NEAR(with(0, 0, norm * 3).norm(), norm, tolerance);
  const double largest = *std::max_element(free.largest.begin(), free.largest.end());
  const FirstStep by_value = with(largest / 4, 0, 0);
  EXPECT_NEAR(*std::max_element(by_value.largest.begin(), by_value.largest.end()), largest / 4, tolerance);
  // Some parameters' norms are below the middle, some above.
  const auto [least, most] = std::minmax_element(free.norms.begin(), free.norms.end());
  const double middle = (*least + *most) / 2;
  const FirstStep each = with(0, middle, 0);
  for (std::size_t i = 0; i < free.norms.size(); ++i)
    EXPECT_NEAR(each.norms[i], std::min(free.norms[i], middle), tolerance) << i;
}

// The steps of running statistics are no gradients, and however large they are not clipped.
TEST(TrainingOptions, StatisticsAreNotClipped) {
  const Samples train(random_tensor<float>(Shape{16, 8, 8, 1}, 1, 90, 110), std::vector<std::int32_t>(16, 1));
  const std::vector<Layer> layers = {BatchNorm{}, Conv2D{.filters = 2}, Flatten{}, Dense{.units = 3}};
  Network<float> network({8, 8, 1}, layers, 1);
  TrainOptions o = quadrant_options(1);
  o.clip_norm = 1e-6;
  o.clip_value = 1e-6;
  o.clip_parameter_norm = 1e-6;
  fit(network, train, o);
  EXPECT_GT(network.parameter("batch_norm_1.running_mean").value[0], 0.5f);
}

TEST(TrainingOptions, AveragedWeights) {
  const Samples train = quadrants(64, 1), validation = quadrants(40, 2);
  Network<float> network = quadrant_network(5);
  WeightAverage<float> expected(std::as_const(network).parameters(), {.decay = 0.9, .bias_correction = true});
  TrainOptions o = quadrant_options(3);
  o.average = AverageOptions{.decay = 0.9, .bias_correction = true};
  o.on_step = [&](const TrainProgress&) {
    expected.update(std::as_const(network).parameters());
    return true;
  };
  std::vector<double> losses;
  o.on_epoch = [&](const EpochResult& e) {
    EXPECT_EQ(evaluate(network, validation).loss, e.validation->loss);  // what is there is what was validated
    return true;
  };
  fit(network, train, o, &validation);
  Network<float> own = network;
  expected.apply(own.parameters());
  EXPECT_TRUE(same_weights(network, own));
  // keep_best keeps an average too, and training itself goes on from the weights as they are.
  Network<float> plain = quadrant_network(5), averaged = quadrant_network(5);
  std::vector<double> plain_losses, averaged_losses;
  const auto train_with = [&](Network<float>& n, std::optional<AverageOptions> average, std::vector<double>& of) {
    TrainOptions own_options = quadrant_options(3);
    own_options.average = average;
    own_options.on_epoch = [&](const EpochResult& e) {
      of.push_back(e.loss);
      return true;
    };
    fit(n, train, own_options, &validation);
  };
  train_with(plain, {}, plain_losses);
  train_with(averaged, AverageOptions{.decay = 0.99}, averaged_losses);
  EXPECT_EQ(plain_losses, averaged_losses);
}

// Against the mean, in double, of the weights that a training without it has at the ends of its epochs.
TEST(TrainingOptions, StochasticWeightAveraging) {
  const Samples train = quadrants(64, 1), validation = quadrants(40, 2);
  constexpr std::int64_t kEpochs = 5, kStart = 3;
  Network<float> plain = quadrant_network(5), averaged = quadrant_network(5);
  std::vector<Network<float>> ends;
  TrainOptions o = quadrant_options(kEpochs);
  o.on_epoch = [&](const EpochResult&) {
    ends.push_back(plain);
    return true;
  };
  fit(plain, train, o, &validation);
  const auto expect_mean = [&](const Network<float>& network, std::size_t last) {
    for (std::size_t p = 0; p < network.parameters().size(); ++p) {
      for (std::int64_t i = 0; i < network.parameters()[p].value.size(); ++i) {
        double sum = 0;
        for (std::size_t e = kStart - 1; e <= last; ++e) sum += ends[e].parameters()[p].value[i];
        const double mean = sum / static_cast<double>(last - (kStart - 1) + 1);
        ASSERT_NEAR(network.parameters()[p].value[i], mean, 1e-6 * std::max(std::abs(mean), 1.0));
      }
    }
  };
  o.swa_start = kStart;
  o.on_epoch = [&](const EpochResult& e) {
    EXPECT_EQ(evaluate(averaged, validation).loss, e.validation->loss);  // what is there is what was validated
    const auto epoch = static_cast<std::size_t>(e.epoch - 1);
    if (e.epoch <= kStart) {
      EXPECT_TRUE(same_weights(averaged, ends[epoch]));
    } else {
      expect_mean(averaged, epoch);
    }
    return true;
  };
  fit(averaged, train, o, &validation);
  expect_mean(averaged, kEpochs - 1);
  EXPECT_FALSE(same_weights(averaged, plain));
  // Stopped before it begins: nothing is averaged.
  Network<float> stopped = quadrant_network(5);
  o.on_epoch = [](const EpochResult& e) { return e.epoch < 2; };
  fit(stopped, train, o, &validation);
  EXPECT_TRUE(same_weights(stopped, ends[1]));
}

TEST(TrainingOptions, EarlyStoppingAndPlateau) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(20, 0);  // nothing is learned
  o.shuffle = false;
  o.early_stopping = EarlyStoppingOptions{.patience = 4};
  const TrainResult result = fit(network, train, o);
  EXPECT_EQ(result.epochs.size(), 5u);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_FALSE(result.stopped);

  o = quadrant_options(7, 1e-6);  // far too little to be an improvement
  o.shuffle = false;
  o.plateau = PlateauOptions{.factor = 0.1, .patience = 1, .min_delta = 0.5};
  std::vector<double> rates;
  o.on_epoch = [&](const EpochResult& e) {
    rates.push_back(e.learning_rate);
    return true;
  };
  fit(network, train, o, &train);
  const double expected[] = {1e-6, 1e-6, 1e-6, 1e-7, 1e-7, 1e-8, 1e-8};
  ASSERT_EQ(rates.size(), 7u);
  EXPECT_NEAR(rates[2], expected[2], 1e-15);
  EXPECT_NEAR(rates[3], expected[3], 1e-15);
}

TEST(TrainingOptions, SchedulesThatCountEpochs) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(5, 0.01);
  o.schedule = MilestoneSchedule{.milestones = {1, 3}, .gamma = 0.5};
  std::vector<double> rates;
  o.on_epoch = [&](const EpochResult& e) {
    rates.push_back(e.learning_rate);
    return true;
  };
  fit(network, train, o);
  EXPECT_EQ(rates, (std::vector<double>{0.01, 0.005, 0.005, 0.0025, 0.0025}));
}

TEST(TrainingOptions, TopK) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(2);
  for (const std::int64_t k : {1, 2, 4}) {
    o.top_k = k;
    const EpochResult last = fit(network, train, o, &train).epochs.back();
    switch (k) {
      case 1:
        EXPECT_EQ(last.validation->top_k_accuracy, last.validation->accuracy);
        EXPECT_EQ(last.top_k_accuracy, last.accuracy);
        break;
      case 2:
        EXPECT_GE(last.top_k_accuracy, last.accuracy);
        break;
      default:
        EXPECT_EQ(last.top_k_accuracy, 1);
    }
  }
}

// Of rows of targets as of labels, and of the labels that count.
TEST(TrainingOptions, TopKOfRowsAndOfLabelsThatCount) {
  const Network<float> network = quadrant_network(5);
  const Tensor<float> x = random_tensor<float>({40, 8, 8, 1}, 1);
  Tensor<float> rows({40, 4});
  std::vector<std::int32_t> labels, counting;
  for (std::int64_t i = 0; i < 40; ++i) {
    labels.push_back(static_cast<std::int32_t>(i % 4));
    counting.push_back(i < 24 ? labels.back() : 9);
    rows[4 * i + i % 4] = 1;
  }
  const Samples samples(x, labels), some(x, counting);
  EvaluateOptions how;
  how.batch_size = 16;
  how.top_k = 2;
  const Evaluation all = evaluate(network, samples, how);
  EXPECT_GT(all.top_k_accuracy, all.accuracy);
  EXPECT_EQ(evaluate(network, Targets(x, rows), how).top_k_accuracy, all.top_k_accuracy);
  how.loss = CrossEntropy{.ignore_label = 9};
  const Evaluation counted = evaluate(network, some, how);
  how.loss = CrossEntropy{};
  how.batch_size = 24;
  std::vector<double> first;
  how.on_batch = [&](const BatchResult& batch) { first.push_back(top_k_accuracy(batch.outputs, batch.labels, 2)); };
  evaluate(network, samples, how);
  EXPECT_EQ(counted.top_k_accuracy, first[0]);
}

TEST(TrainingOptions, DropoutDependsOnTheSeedAndTheStep) {
  const Samples train = quadrants(48, 1);
  const auto trained = [&](std::uint64_t seed) {
    Network<float> network({8, 8, 1}, {Flatten{}, Dropout{.rate = 0.5}, Dense{.units = 4}}, 3);
    TrainOptions o = quadrant_options(2);
    o.shuffle = false;
    o.seed = seed;
    fit(network, train, o);
    return network;
  };
  EXPECT_TRUE(same_weights(trained(1), trained(1)));
  EXPECT_FALSE(same_weights(trained(1), trained(2)));
}

// A source is told each epoch.
class Told : public Samples {
 public:
  using Samples::Samples;
  void begin_epoch(std::int64_t epoch, std::uint64_t seed) const override { told.emplace_back(epoch, seed); }
  mutable std::vector<std::pair<std::int64_t, std::uint64_t>> told;
};

TEST(TrainingOptions, TheSourceIsToldOfEpochs) {
  const Samples plain = quadrants(20, 1);
  const Told train(plain.x(), plain.labels());
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(3);
  o.seed = 9;
  fit(network, train, o);
  EXPECT_EQ(train.told, (std::vector<std::pair<std::int64_t, std::uint64_t>>{{1, 9}, {2, 9}, {3, 9}}));
}

TEST(TrainingOptions, RefusesWhatDoesNotFit) {
  const Samples labelled = quadrants(20, 1);
  const Targets targets = plane(20, 1);
  Network<float> network = quadrant_network(5), linear = linear_network();
  Network<float> wide(Shape{3}, {Dense{.units = 3}}, 1);
  const auto with = [&](Network<float>& n, const SampleSource& source, auto change) {
    TrainOptions o = quadrant_options(1);
    change(o);
    fit(n, source, o);
  };
  const auto nothing = [](TrainOptions&) {};
  EXPECT_TRUE(refuses([&] { with(wide, targets, nothing); }, "fit", {"(2,)", "(3,)"}));
  EXPECT_TRUE(refuses([&] { with(network, Pixels(), nothing); }, "fit", {"20 labels", "1 rows"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) { o.loss = MeanSquaredError{}; }); }, "compute_loss",
                      {"mse takes targets"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) { o.clip_norm = -1; }); }, "fit", {"clip_norm = -1"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) { o.clip_parameter_norm = -1; }); }, "fit",
                      {"clip_parameter_norm = -1"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) { o.clip_value = NAN; }); }, "fit", {"clip_value"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) { o.top_k = -1; }); }, "fit", {"top_k = -1"}));
  EXPECT_TRUE(refuses(
      [&] {
        with(linear, targets, [](auto& o) {
          o.loss = MeanSquaredError{};
          o.top_k = 2;
        });
      },
      "fit", {"top_k", "mse"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) { o.average = AverageOptions{.decay = 1}; }); },
                      "WeightAverage", {"decay = 1"}));
  for (const std::int64_t start : {-1, 2}) {
    EXPECT_TRUE(refuses([&] { with(network, labelled, [&](auto& o) { o.swa_start = start; }); }, "fit",
                        {detail::formatted("swa_start = {}", start), "from 1 to epochs, 1"}));
  }
  EXPECT_TRUE(refuses(
      [&] {
        with(network, labelled, [](auto& o) {
          o.swa_start = 1;
          o.average = AverageOptions{};
        });
      },
      "fit", {"swa_start takes the place"}));
  EXPECT_TRUE(refuses(
      [&] {
        with(linear, targets, [](auto& o) {
          o.loss = MeanSquaredError{};
          o.hard_share = 0.5;
        });
      },
      "fit", {"hard_share", "one label a sample"}));
  EXPECT_TRUE(refuses([&] { with(network, labelled, [](auto& o) {
                              o.loss = CrossEntropy{.class_weights = {1, 2}};
                            }); },
                      "softmax_cross_entropy", {"class_weights has 2 elements"}));
}

// Before any step, and by evaluate as by fit.
TEST(Fit, ChecksTheTargetsValues) {
  Tensor<float> x = random_tensor<float>(Shape{20, 3}, 1), y(Shape{20, 2});
  for (std::int64_t i = 0; i < 20; ++i) y[2 * i + i % 2] = 1;
  y[2 * 17] = -1;
  const Targets wrong(x, y);
  Network<float> network(Shape{3}, {Dense{.units = 2}}, 1);
  const Network<float> before = network;
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(BinaryCrossEntropy{.from_logits = true})}) {
    TrainOptions o = quadrant_options(2);
    o.loss = loss;
    EXPECT_TRUE(refuses([&] { fit(network, wrong, o); }, "fit", {"sample 17", "-1"}));
    EvaluateOptions how;
    how.loss = loss;
    EXPECT_TRUE(refuses([&] { evaluate(network, wrong, how); }, "evaluate", {"sample 17", "-1"}));
  }
  EXPECT_TRUE(same_weights(network, before));
  TrainOptions o = quadrant_options(1);
  o.loss = Hinge{};
  EXPECT_NO_THROW(fit(network, wrong, o));
}

// Before anything is learned from them, and by evaluate as by fit.
TEST(Fit, ChecksTheOutputsValues) {
  const Tensor<float> x = random_tensor<float>(Shape{20, 3}, 1), y(Shape{20, 2});
  const Targets samples(x, y);
  Network<float> network(Shape{3}, {Dense{.units = 2}}, 1);
  const Network<float> before = network;
  TrainOptions o = quadrant_options(2);
  EvaluateOptions how;
  how.loss = o.loss = Dice{};
  EXPECT_TRUE(refuses([&] { fit(network, samples, o); }, "fit", {"Dice", "sigmoid"}));
  EXPECT_TRUE(refuses([&] { evaluate(network, samples, how); }, "evaluate", {"Dice", "sigmoid"}));
  EXPECT_TRUE(same_weights(network, before));
  how.loss = o.loss = BinaryFocal{.from_logits = true};
  EXPECT_NO_THROW(fit(network, samples, o));
  EXPECT_NO_THROW(evaluate(network, samples, how));
}

}  // namespace
}  // namespace hubel::test
