// Training: it learns, in a reproducible order, stops when told, keeps the best, and says what is wrong.
#include "hubel/trainer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

TEST(Fit, LearnsASmallProblemCompletely) {
  const Samples train = quadrants(200, 1), test = quadrants(100, 2);
  Network<float> network = quadrant_network(5);
  const TrainResult result = fit(network, train, quadrant_options(12), &test);
  ASSERT_EQ(result.epochs.size(), 12u);
  EXPECT_FALSE(result.stopped);
  EXPECT_LT(result.epochs.back().loss, result.epochs.front().loss / 10);
  EXPECT_EQ(result.epochs.back().accuracy, 1.0);
  EXPECT_EQ(result.epochs.back().validation->accuracy, 1.0);
  EXPECT_EQ(evaluate(network, train).accuracy, 1.0);
}

TEST(Fit, EveryOptimizerAndScheduleLearns) {
  const Samples train = quadrants(200, 1);
  for (const OptimizerOptions& optimizer :
       {OptimizerOptions(SGD{.learning_rate = 0.1}),
        OptimizerOptions(SGD{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}),
        OptimizerOptions(AdamW{.learning_rate = 5e-3})}) {
    for (const Schedule& schedule : {Schedule::constant, Schedule::linear, Schedule::cosine, Schedule::one_cycle}) {
      SCOPED_TRACE(std::string(optimizer_name(optimizer)) + ", " + std::string(schedule_name(schedule)));
      TrainOptions o = quadrant_options(15);
      o.optimizer = optimizer;
      o.schedule = schedule;
      Network<float> network = quadrant_network(5);
      EXPECT_GE(fit(network, train, o).epochs.back().accuracy, 0.97);
    }
  }
}

TEST(Fit, SameSeedSameBitsOnAnyNumberOfThreads) {
  // Work enough in each operation that threads share it.
  const Samples train(random_tensor<float>({170, 28, 28, 1}, 1), std::vector<std::int32_t>(170, 3));
  const auto trained = [&](std::uint64_t weights_seed, std::uint64_t order_seed) {
    Network<float> network = lenet5(weights_seed);
    TrainOptions o = quadrant_options(2);
    o.batch_size = 32;
    o.seed = order_seed;
    fit(network, train, o);
    return network;
  };
  const Network<float> one = with_threads(1, [&] { return trained(1, 1); });
  for (const int threads : {1, 2, 3})
    EXPECT_TRUE(same_weights(one, with_threads(threads, [&] { return trained(1, 1); }))) << threads << " threads";
  EXPECT_FALSE(same_weights(one, trained(2, 1)));
  EXPECT_FALSE(same_weights(one, trained(1, 2)));
}

TEST(Fit, OrderOfSamples) {
  Samples train = quadrants(50, 1);
  train.notes = true;
  const auto orders = [&](bool shuffle, std::uint64_t seed) {
    TrainOptions o = quadrant_options(2);
    o.shuffle = shuffle;
    o.seed = seed;
    Network<float> network = quadrant_network(5);
    train.gathered.clear();
    fit(network, train, o);
    std::vector<std::vector<std::int32_t>> epochs(2);
    EXPECT_EQ(train.gathered.size(), 8u);
    for (std::size_t i = 0; i < train.gathered.size(); ++i) {
      EXPECT_EQ(train.gathered[i].size(), i % 4 == 3 ? 2u : 16u);  // the last batch is what is left
      auto& epoch = epochs[i / 4];
      epoch.insert(epoch.end(), train.gathered[i].begin(), train.gathered[i].end());
    }
    return epochs;
  };
  std::vector<std::int32_t> sorted(50);
  std::iota(sorted.begin(), sorted.end(), 0);
  for (const auto& epoch : orders(false, 1)) EXPECT_EQ(epoch, sorted);
  const auto shuffled = orders(true, 1);
  EXPECT_NE(shuffled[0], shuffled[1]);
  for (auto epoch : shuffled) {
    EXPECT_NE(epoch, sorted);
    std::sort(epoch.begin(), epoch.end());
    EXPECT_EQ(epoch, sorted);
  }
  EXPECT_EQ(orders(true, 1), shuffled);
  EXPECT_NE(orders(true, 2), shuffled);
}

// With a learning rate of 0 every sample keeps the loss that the starting network has for it.
TEST(Fit, LaterEpochsGoThroughTheHardest) {
  Samples train = quadrants(50, 1);
  train.notes = true;
  Network<float> network = quadrant_network(5);
  std::vector<float> losses(50);
  const Tensor<float> p = predict(network, train.x());
  for (std::int64_t i = 0; i < 50; ++i) losses[static_cast<std::size_t>(i)] = -std::log(p[4 * i + i % 4]);
  std::vector<std::int32_t> hardest(50);
  std::iota(hardest.begin(), hardest.end(), 0);
  std::sort(hardest.begin(), hardest.end(), [&](std::int32_t a, std::int32_t b) {
    return losses[static_cast<std::size_t>(a)] > losses[static_cast<std::size_t>(b)];
  });
  hardest.resize(20);
  std::sort(hardest.begin(), hardest.end());
  for (const bool shuffle : {false, true}) {
    SCOPED_TRACE(shuffle);
    TrainOptions o = quadrant_options(3, 0);
    o.hard_share = 0.4;
    o.shuffle = shuffle;
    std::vector<std::int64_t> steps;
    o.on_step = [&](const TrainProgress& progress) {
      steps.push_back(progress.steps);
      return true;
    };
    train.gathered.clear();
    const TrainResult result = fit(network, train, o);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) EXPECT_EQ(result.epochs[epoch].samples, epoch == 0 ? 50 : 20);
    EXPECT_EQ(steps, (std::vector<std::int64_t>{4, 4, 4, 4, 2, 2, 2, 2}));
    ASSERT_EQ(train.gathered.size(), 8u);
    std::vector<std::vector<std::int32_t>> epochs(3);
    for (std::size_t i = 0; i < 8; ++i) {
      auto& epoch = epochs[i < 4 ? 0 : 1 + (i - 4) / 2];
      epoch.insert(epoch.end(), train.gathered[i].begin(), train.gathered[i].end());
    }
    EXPECT_EQ(epochs[0].size(), 50u);
    if (shuffle) {
      EXPECT_NE(epochs[1], epochs[2]);
      EXPECT_NE(epochs[1], hardest);
    }
    for (std::size_t epoch : {1, 2}) {
      std::sort(epochs[epoch].begin(), epochs[epoch].end());
      EXPECT_EQ(epochs[epoch], hardest);
    }
  }
}

TEST(Fit, AtLeastOneSampleIsHard) {
  const Samples train = quadrants(10, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(2);
  o.hard_share = 1e-9;
  const TrainResult result = fit(network, train, o);
  ASSERT_EQ(result.epochs.size(), 2u);
  EXPECT_TRUE(result.epochs[1].accuracy == 0 || result.epochs[1].accuracy == 1);
}

// Where every sample is skipped, nothing is learned; where none reaches the bound, skipping changes nothing.
TEST(Fit, SkipsWhatIsLearned) {
  const Samples train = quadrants(64, 1);
  const auto trained = [&](double skip_above) {
    Network<float> network = quadrant_network(5);
    TrainOptions o = quadrant_options(3);
    o.skip_above = skip_above;
    fit(network, train, o);
    return network;
  };
  EXPECT_TRUE(same_weights(trained(1e-9), quadrant_network(5)));
  EXPECT_TRUE(same_weights(trained(1 - 1e-12), trained(1)));
  EXPECT_FALSE(same_weights(trained(0.3), trained(1)));
}

TEST(Fit, WarmsUp) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(2, 0.01);
  o.schedule = Schedule::linear;
  o.warmup = 0.5;
  std::vector<double> rates;
  o.on_step = [&](const TrainProgress& p) {
    rates.push_back(p.learning_rate);
    return true;
  };
  fit(network, train, o);
  const double expected[] = {0.2, 0.4, 0.6, 0.8, 1, 0.75, 0.5, 0.25};
  ASSERT_EQ(rates.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(rates[i], 0.01 * expected[i], 1e-15) << i;
}

TEST(Fit, ReportsProgress) {
  const Samples train = quadrants(50, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(2, 0.01);
  o.schedule = Schedule::linear;
  std::vector<TrainProgress> reports;
  o.on_step = [&](const TrainProgress& p) {
    reports.push_back(p);
    return true;
  };
  const TrainResult result = fit(network, train, o);
  ASSERT_EQ(reports.size(), 8u);
  for (std::int64_t i = 0; i < 8; ++i) {
    const TrainProgress& p = reports[static_cast<std::size_t>(i)];
    EXPECT_EQ(p.epoch, 1 + i / 4);
    EXPECT_EQ(p.epochs, 2);
    EXPECT_EQ(p.step, 1 + i % 4);
    EXPECT_EQ(p.steps, 4);
    EXPECT_EQ(p.samples, i % 4 == 3 ? 50 : 16 * (1 + i % 4));
    EXPECT_NEAR(p.learning_rate, 0.01 * (1 - static_cast<double>(i) / 8), 1e-15);
    EXPECT_GT(p.seconds, 0);
  }
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    EXPECT_EQ(result.epochs[epoch].epoch, static_cast<std::int64_t>(epoch) + 1);
    EXPECT_EQ(result.epochs[epoch].loss, reports[4 * epoch + 3].loss);
    EXPECT_EQ(result.epochs[epoch].accuracy, reports[4 * epoch + 3].accuracy);
    EXPECT_FALSE(result.epochs[epoch].validation);
  }
}

// The first step's loss is the starting network's, whatever the optimiser does afterwards.
TEST(Fit, LossIsThatOfTheBatch) {
  const Samples train = quadrants(24, 1);
  Network<float> network = quadrant_network(5);
  const Evaluation before = evaluate(network, train);
  TrainOptions o = quadrant_options(1);
  o.batch_size = 100;
  const TrainResult result = fit(network, train, o);
  EXPECT_NEAR(result.epochs[0].loss, before.loss, 1e-6);
  EXPECT_EQ(result.epochs[0].accuracy, before.accuracy);
}

TEST(Fit, StopsWhenAStepSaysSo) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(5);
  int steps = 0;
  o.on_step = [&](const TrainProgress&) { return ++steps < 6; };
  const TrainResult result = fit(network, train, o);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(result.epochs.size(), 1u);  // the second was not finished
  EXPECT_EQ(result.best_epoch, 0);
}

TEST(Fit, StopsWhenAnEpochSaysSo) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(5);
  o.on_epoch = [](const EpochResult& epoch) { return epoch.epoch < 3; };
  const TrainResult result = fit(network, train, o);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.epochs.size(), 3u);
}

// From the fourth epoch on every step ends with all weights zero, so that the best epoch is one before.
TEST(Fit, KeepsTheBest) {
  const Samples train = quadrants(64, 1), validation = quadrants(300, 2);
  for (const bool stop : {false, true}) {
    Network<float> network = quadrant_network(5);
    TrainOptions o = quadrant_options(6);
    o.keep_best = true;
    o.on_step = [&](const TrainProgress& p) {
      if (p.epoch >= 4)
        for (Parameter<float>& w : network.parameters()) std::fill(w.value.begin(), w.value.end(), 0.0f);
      return !(stop && p.epoch == 6);
    };
    const TrainResult result = fit(network, train, o, &validation);
    ASSERT_EQ(result.epochs.size(), stop ? 5u : 6u);
    EXPECT_EQ(result.epochs.back().validation->accuracy, 0.25);
    std::size_t best = 0;
    for (std::size_t i = 1; i < result.epochs.size(); ++i) {
      const Evaluation &a = *result.epochs[i].validation, &b = *result.epochs[best].validation;
      if (a.accuracy > b.accuracy || (a.accuracy == b.accuracy && a.loss < b.loss)) best = i;
    }
    EXPECT_EQ(result.best_epoch, static_cast<std::int64_t>(best) + 1);
    EXPECT_LE(result.best_epoch, 3);
    const Evaluation now = evaluate(network, validation);
    EXPECT_EQ(now.accuracy, result.epochs[best].validation->accuracy);
    EXPECT_EQ(now.loss, result.epochs[best].validation->loss);
  }
}

// Every step ends with weights that predict class 0 always, which is right for a quarter; in the second epoch without
// being sure of it.
TEST(Fit, ATieGoesToTheLowerLoss) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  TrainOptions o = quadrant_options(3);
  o.keep_best = true;
  o.on_step = [&](const TrainProgress& p) {
    for (Parameter<float>& w : network.parameters()) std::fill(w.value.begin(), w.value.end(), 0.0f);
    network.parameter("dense_2.bias").value[0] = p.epoch == 2 ? 0.0f : 5.0f;
    return true;
  };
  const TrainResult result = fit(network, train, o, &train);
  for (const EpochResult& epoch : result.epochs) EXPECT_EQ(epoch.validation->accuracy, 0.25);
  EXPECT_EQ(result.best_epoch, 2);
  EXPECT_EQ(network.parameter("dense_2.bias").value[0], 0.0f);
}

TEST(Fit, KeepsTheWeightsWhenStoppedBeforeAnyEpoch) {
  const Samples train = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  const Network<float> before = network;
  TrainOptions o = quadrant_options(1);
  o.keep_best = true;
  o.on_step = [](const TrainProgress&) { return false; };
  EXPECT_EQ(fit(network, train, o, &train).best_epoch, 0);
  EXPECT_FALSE(same_weights(network, before));  // one step was made, and stays
}

// ---- What goes wrong -------------------------------------------------------------------------------------------

std::string failure(Network<float> network, const Samples& train, const TrainOptions& o) {
  try {
    fit(network, train, o);
  } catch (const std::invalid_argument&) {
    return "invalid_argument";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

struct Ended {};

// What a training leaves that a callback ends, by stopping it or by throwing; 5 steps an epoch.
Network<float> ended(TrainOptions o, const std::function<void(TrainOptions&)>& end) {
  const Samples train = quadrants(72, 1), validation = quadrants(20, 2);
  end(o);
  Network<float> network = quadrant_network(5);
  try {
    fit(network, train, o, &validation);
  } catch (const Ended&) {
  }
  return network;
}

TEST(Fit, AnErrorLeavesWhatStoppingWouldHave) {
  for (const int ways : {0, 1, 2, 3}) {
    TrainOptions o = quadrant_options(4, 0.05);
    o.keep_best = (ways & 1) != 0;
    if ((ways & 2) != 0) o.average = AverageOptions{.decay = 0.8};
    for (const std::int64_t last : {3, 5, 12}) {
      const auto at_step = [&](bool throws) {
        return ended(o, [=](TrainOptions& own) {
          own.on_step = [=](const TrainProgress& p) {
            if (p.all_steps == last && throws) throw Ended();
            return p.all_steps < last;
          };
        });
      };
      EXPECT_TRUE(same_weights(at_step(true), at_step(false))) << ways << ' ' << last;
    }
    const auto after_epoch = [&](bool throws) {
      return ended(o, [=](TrainOptions& own) {
        own.on_epoch = [=](const EpochResult& e) {
          if (e.epoch == 2 && throws) throw Ended();
          return e.epoch < 2;
        };
      });
    };
    const Network<float> stopped = after_epoch(false);
    EXPECT_TRUE(same_weights(after_epoch(true), stopped)) << ways;
    const auto unsaved = ended(o, [](TrainOptions& own) {
      own.save_every_epochs = 2;
      own.save_state = [](const TrainingState&) { throw Ended(); };
    });
    EXPECT_TRUE(same_weights(unsaved, stopped)) << ways;
  }
}

TEST(Fit, TellsDivergence) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  Tensor<float> x = quadrants(50, 1).x();
  x[20 * 64] = nan;  // sample 20 is in the second batch of 16
  const Samples poisoned(std::move(x), quadrants(50, 1).labels());
  TrainOptions o = quadrant_options(1);
  o.shuffle = false;
  EXPECT_EQ(failure(quadrant_network(5), poisoned, o),
            "training diverged: the loss is nan at epoch 1, step 2; there are samples with nan or infinite values");
  TrainOptions wild = quadrant_options(50);
  wild.optimizer = SGD{.learning_rate = 1e30};
  EXPECT_TRUE(failure(quadrant_network(5), quadrants(50, 1), wild).starts_with("training diverged: the loss is "));
}

TEST(Fit, RefusesWrongArguments) {
  const Samples train = quadrants(20, 1), empty = quadrants(0, 1);
  const Samples other(Tensor<float>(Shape{3, 8, 9, 1}), {0, 1, 2});
  const Samples mislabelled(Tensor<float>(Shape{3, 8, 8, 1}), {0, 1, 4});
  Network<float> network = quadrant_network(5);
  Network<float> images({8, 8, 1}, {Conv2D{.filters = 2}}, 0);
  const auto with = [&](auto change) {
    TrainOptions o = quadrant_options(1);
    change(o);
    fit(network, train, o);
  };
  EXPECT_TRUE(refuses([&] { with([](TrainOptions& o) { o.epochs = 0; }); }, "fit", {"epochs = 0"}));
  EXPECT_TRUE(refuses([&] { with([](TrainOptions& o) { o.batch_size = 0; }); }, "fit", {"batch_size = 0"}));
  EXPECT_TRUE(refuses([&] { with([](TrainOptions& o) { o.optimizer = SGD{.learning_rate = -1}; }); }, "sgd", {"-1"}));
  for (const double wrong : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_TRUE(refuses([&] { with([&](TrainOptions& o) { o.warmup = wrong; }); }, "fit", {"warmup", "[0, 1)"}));
  for (const double wrong : {0.0, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_TRUE(
        refuses([&] { with([&](TrainOptions& o) { o.hard_share = wrong; }); }, "fit", {"hard_share", "(0, 1]"}));
    EXPECT_TRUE(
        refuses([&] { with([&](TrainOptions& o) { o.skip_above = wrong; }); }, "fit", {"skip_above", "(0, 1]"}));
  }
  EXPECT_TRUE(refuses([&] { fit(network, empty, quadrant_options(1)); }, "fit", {"no samples"}));
  EXPECT_TRUE(refuses([&] { fit(network, other, quadrant_options(1)); }, "fit", {"(8, 9, 1)", "(8, 8, 1)"}));
  EXPECT_TRUE(refuses([&] { fit(network, train, quadrant_options(1), &other); }, "fit (validation)", {"(8, 9, 1)"}));
  EXPECT_TRUE(refuses([&] { fit(images, train, quadrant_options(1)); }, "fit", {"(6, 6, 2)", "(classes,)"}));
  EXPECT_TRUE(refuses([&] { fit(network, mislabelled, quadrant_options(1)); }, "softmax_cross_entropy", {"4"}));
  EXPECT_TRUE(refuses([&] { evaluate(network, train, 0); }, "evaluate", {"batch_size = 0"}));
  EXPECT_TRUE(refuses([&] { evaluate(network, other); }, "evaluate", {"(8, 9, 1)"}));
  EXPECT_TRUE(refuses([&] { predict(network, train.x(), 0); }, "predict", {"batch_size = 0"}));
  EXPECT_TRUE(refuses([&] { predict(network, other.x()); }, "predict", {"(3, 8, 9, 1)", "(8, 8, 1)"}));
}

// ---- Evaluating and predicting ---------------------------------------------------------------------------------

TEST(Evaluate, AgreesWithPredictForAnyBatchSize) {
  const Samples samples = quadrants(37, 4);
  const Network<float> network = quadrant_network(6);
  const Tensor<float> p = predict(network, samples.x());
  double loss = 0;
  std::int64_t correct = 0;
  std::vector<std::int64_t> wanted(16);
  for (std::int64_t i = 0; i < 37; ++i) {
    const float* row = p.data() + 4 * i;
    const std::int64_t prediction = std::max_element(row, row + 4) - row, label = i % 4;
    loss -= std::log(static_cast<double>(row[label])) / 37;
    correct += prediction == label;
    ++wanted[static_cast<std::size_t>(4 * label + prediction)];
  }
  for (const std::int64_t batch_size : {1, 5, 37, 1000}) {
    std::vector<std::int64_t> confusion = {99};
    const Evaluation e = evaluate(network, samples, batch_size, &confusion);
    EXPECT_NEAR(e.loss, loss, 1e-6);
    EXPECT_EQ(e.accuracy, static_cast<double>(correct) / 37);
    EXPECT_EQ(e.count, 37);
    EXPECT_EQ(confusion, wanted);
    EXPECT_TRUE(same_bits(predict(network, samples.x(), batch_size), p));
  }
}

TEST(Evaluate, StopsWithWhatIsDone) {
  const Samples samples = quadrants(40, 4);
  const Network<float> network = quadrant_network(6);
  std::vector<std::int64_t> done;
  const Evaluation e = evaluate(network, samples, 10, nullptr, [&](std::int64_t n) {
    done.push_back(n);
    return n < 20;
  });
  EXPECT_EQ(done, (std::vector<std::int64_t>{10, 20}));
  EXPECT_EQ(e.count, 20);
}

TEST(Evaluate, NothingToDo) {
  const Network<float> network = quadrant_network(6);
  const Evaluation e = evaluate(network, quadrants(0, 1));
  EXPECT_EQ(e.count, 0);
  EXPECT_EQ(e.loss, 0);
  EXPECT_EQ(e.accuracy, 0);
  EXPECT_EQ(predict(network, Tensor<float>(Shape{0, 8, 8, 1})).shape(), Shape({0, 4}));
}

}  // namespace
}  // namespace hubel::test
