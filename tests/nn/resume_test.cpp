// Going on from a state: stopped after any number of steps, a training ends with the bits of one that never was.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "nn/joint_testing.hpp"
#include "nn/nn_testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

// A state with memory of its own.
class Kept {
 public:
  Kept() = default;
  explicit Kept(const TrainingState& state) : settings_(state.settings), numbers_(state.numbers) {
    for (const auto& [name, value] : state.tensors) {
      Tensor<float> copy = Tensor<float>::uninitialized(value.shape());
      std::copy(value.begin(), value.end(), copy.begin());
      tensors_.emplace_back(name, std::move(copy));
    }
  }
  TrainingState state() const {
    TrainingState state{settings_, numbers_, {}};
    for (const auto& [name, value] : tensors_) state.tensors.push_back({name, value});
    return state;
  }

 private:
  std::map<std::string, std::string> settings_;
  std::map<std::string, double> numbers_;
  std::vector<std::pair<std::string, Tensor<float>>> tensors_;
};

// All that keeps a state: dropout, batch norm, moments, an average, a schedule, a plateau, the best weights.
Network<float> busy_network() {
  return {Shape{8, 8, 1},
          {Conv2D{.filters = 4}, BatchNorm{}, ActivationLayer{Activation::relu}, Pool2D{}, Flatten{},
           Dropout{.rate = 0.3}, Dense{.units = 4, .activation = Activation::softmax}},
          2};
}

TrainOptions busy_options() {
  TrainOptions o;
  o.epochs = 4;
  o.batch_size = 16;
  o.optimizer = Adam{.learning_rate = 0.01, .weight_decay = 1e-3};
  o.schedule = Schedule::one_cycle;
  o.warmup = 0.1;
  o.seed = 7;
  o.keep_best = true;
  o.loss = CrossEntropy{.label_smoothing = 0.1};
  o.clip_norm = 1;
  o.clip_parameter_norm = 0.5;
  o.average = AverageOptions{.decay = 0.9, .bias_correction = true};
  o.early_stopping = EarlyStoppingOptions{.patience = 3};
  o.plateau = PlateauOptions{.patience = 0, .min_delta = 0.2};
  return o;
}

struct Outcome {
  Network<float> network;
  TrainResult result;
};

Outcome uninterrupted(const TrainOptions& o, const SampleSource& train, const SampleSource* validation,
                      const Network<float>& start = busy_network()) {
  Outcome run{start, {}};
  run.result = fit(run.network, train, o, validation);
  return run;
}

// Stopped after k steps; with `by_saving` as a machine stops that loses its power, having saved every k steps.
Outcome interrupted(TrainOptions o, std::int64_t k, bool by_saving, const SampleSource& train,
                    const SampleSource* validation, const Network<float>& start) {
  Kept kept;
  std::int64_t steps = 0;
  o.save_state = [&](const TrainingState& state) { kept = Kept(state); };
  if (by_saving) {
    o.save_every_steps = k;
    o.on_step = [&](const TrainProgress&) {
      if (++steps > k) throw std::runtime_error("the power is gone");
      return true;
    };
  } else {
    o.on_step = [&](const TrainProgress&) { return ++steps < k; };
  }
  Network<float> first = start;
  try {
    fit(first, train, o, validation);
  } catch (const std::runtime_error&) {
  }
  const TrainingState state = kept.state();
  o.on_step = nullptr;
  o.save_state = nullptr;
  o.resume = &state;
  Outcome run{Network<float>(first.graph(), 99), {}};
  run.result = fit(run.network, train, o, validation);
  return run;
}

void expect_same(const TrainOptions& o, const SampleSource& train, const SampleSource* validation,
                 std::initializer_list<std::int64_t> stops, const Network<float>& start = busy_network()) {
  const Outcome whole = uninterrupted(o, train, validation, start);
  for (const std::int64_t k : stops) {
    for (const bool by_saving : {false, true}) {
      SCOPED_TRACE(detail::formatted("{} steps, {}", k, by_saving ? "saved" : "stopped"));
      const Outcome parts = interrupted(o, k, by_saving, train, validation, start);
      EXPECT_TRUE(same_weights(parts.network, whole.network));
      EXPECT_EQ(parts.result.best_epoch, whole.result.best_epoch);
      EXPECT_EQ(parts.result.stopped_early, whole.result.stopped_early);
      ASSERT_FALSE(parts.result.epochs.empty());
      const EpochResult &a = parts.result.epochs.back(), &b = whole.result.epochs.back();
      EXPECT_EQ(a.loss, b.loss);
      EXPECT_EQ(a.accuracy, b.accuracy);
      EXPECT_EQ(a.learning_rate, b.learning_rate);
      EXPECT_EQ(a.samples, b.samples);
      ASSERT_EQ(a.outputs.size(), b.outputs.size());
      for (std::size_t i = 0; i < a.outputs.size(); ++i) {
        EXPECT_EQ(a.outputs[i].loss, b.outputs[i].loss);
        EXPECT_EQ(a.outputs[i].accuracy, b.outputs[i].accuracy);
      }
    }
  }
}

TEST(Resume, SameBitsAfterAnyStep) {
  const Samples train = quadrants(72, 1), validation = quadrants(20, 2);  // 5 steps an epoch
  expect_same(busy_options(), train, &validation, {1, 2, 3, 4, 5, 6, 9, 10, 11, 14, 15, 17, 19});
}

TEST(Resume, SameBitsWithSeveralInputsAndOutputs) {
  const JointSamples train = joint_samples(72, 1), validation = joint_samples(20, 2);  // 5 steps an epoch
  TrainOptions o = busy_options();
  o.losses = joint_options(1).losses;
  expect_same(o, train, &validation, {1, 3, 4, 5, 6, 9, 10, 14, 17}, joint_network(2));
  o.accumulation_steps = 3;
  expect_same(o, train, nullptr, {1, 2, 3, 7, 12}, joint_network(2));
}

TEST(Resume, RefusesAStateOfOtherLosses) {
  const JointSamples train = joint_samples(40, 1);
  TrainOptions o = joint_options(2);
  Kept kept;
  o.save_every_steps = 1;
  o.save_state = [&](const TrainingState& state) { kept = Kept(state); };
  o.on_step = [](const TrainProgress& progress) { return progress.step < 2; };
  Network<float> network = joint_network(1);
  fit(network, train, o);
  const auto going_on = [&](auto change, const TrainingState& from) {
    return [&, change] {
      TrainOptions other = joint_options(2);
      change(other);
      other.resume = &from;
      Network<float> fresh = joint_network(2);
      fit(fresh, train, other);
    };
  };
  const TrainingState state = kept.state();
  EXPECT_TRUE(refuses(going_on([](TrainOptions& t) { t.losses[1].weight = 1; }, state), "fit", {"loss", "times 0.5"}));
  EXPECT_TRUE(refuses(going_on([](TrainOptions& t) { std::swap(t.losses[0], t.losses[1]); }, state), "fit", {"loss"}));
  TrainingState spoilt = state;
  spoilt.numbers["samples of output 2"] += 1;
  EXPECT_TRUE(refuses(going_on([](TrainOptions&) {}, spoilt), "fit", {"samples of output 2"}));
  spoilt = state;
  spoilt.numbers.erase("loss of output 1");
  EXPECT_TRUE(refuses(going_on([](TrainOptions&) {}, spoilt), "fit", {"loss of output 1"}));
}

TEST(Resume, SameBitsWithStochasticWeightAveraging) {
  const Samples train = quadrants(72, 1), validation = quadrants(20, 2);  // 5 steps an epoch
  TrainOptions o = busy_options();
  o.average = {};
  o.early_stopping = {};
  o.swa_start = 2;
  for (const bool keeps_best : {false, true}) {
    o.keep_best = keeps_best;
    expect_same(o, train, &validation, {1, 4, 5, 6, 9, 10, 11, 15, 17, 19});
  }
}

TEST(Resume, SameBitsWithEveryOptimizer) {
  const Samples train = quadrants(72, 1);
  for (const OptimizerOptions& optimizer :
       {OptimizerOptions(SGD{.learning_rate = 0.01, .momentum = 0.9, .nesterov = true}), OptimizerOptions(AdamW{}),
        OptimizerOptions(RMSProp{.learning_rate = 1e-3, .momentum = 0.5, .centered = true}),
        OptimizerOptions(Adagrad{}), OptimizerOptions(LAMB{}), OptimizerOptions(Nadam{}), OptimizerOptions(Adamax{}),
        OptimizerOptions(Adadelta{.learning_rate = 1}), OptimizerOptions(Lion{.learning_rate = 1e-4}),
        OptimizerOptions(Adam{.amsgrad = true}), OptimizerOptions(AdamW{.amsgrad = true}), OptimizerOptions(RAdam{})}) {
    SCOPED_TRACE(std::string(optimizer_name(optimizer)));
    TrainOptions o = busy_options();
    o.optimizer = optimizer;
    expect_same(o, train, nullptr, {3, 12});
  }
}

// The later epochs go through the hardest samples as they were when the epoch began.
TEST(Resume, SameBitsWithHardSamples) {
  const Samples train = quadrants(72, 1);
  TrainOptions o = busy_options();
  o.hard_share = 0.5;
  o.early_stopping = {};
  expect_same(o, train, nullptr, {2, 5, 6, 7, 8, 10});
}

TEST(Resume, FromTheEndOfAnEpoch) {
  const Samples train = quadrants(72, 1), validation = quadrants(20, 2);
  TrainOptions o = busy_options();
  const Outcome whole = uninterrupted(o, train, &validation);
  std::vector<Kept> kept;
  o.save_every_epochs = 2;
  o.save_state = [&](const TrainingState& state) { kept.emplace_back(state); };
  Network<float> first = busy_network();
  fit(first, train, o, &validation);
  EXPECT_TRUE(same_weights(first, whole.network));  // saving changes nothing
  ASSERT_EQ(kept.size(), 2u);
  o.save_state = nullptr;
  for (const Kept& k : kept) {
    const TrainingState state = k.state();
    o.resume = &state;
    Network<float> second = busy_network();
    fit(second, train, o, &validation);
    EXPECT_TRUE(same_weights(second, whole.network));
  }
}

TEST(Resume, RefusesAnotherTraining) {
  const Samples train = quadrants(72, 1), other = quadrants(72, 3), more = quadrants(76, 1);
  Kept kept;
  TrainOptions o = busy_options();
  o.save_state = [&](const TrainingState& state) { kept = Kept(state); };
  o.on_step = [](const TrainProgress& p) { return p.step < 3; };
  Network<float> network = busy_network();
  fit(network, train, o);
  const TrainingState state = kept.state();
  const Network<float> before = network;
  const auto with = [&](const SampleSource& source, auto change, const TrainingState& from) {
    TrainOptions own = busy_options();
    own.resume = &from;
    change(own);
    fit(network, source, own);
  };
  const auto same = [](TrainOptions&) {};
  EXPECT_TRUE(refuses(
      [&] {
        with(
            train, [](TrainOptions& own) { own.batch_size = 8; }, state);
      },
      "fit", {"batch_size = 16", "has 8"}));
  TrainingState named = state;
  named.names = {{"batch_size", "--batch"}};
  EXPECT_TRUE(refuses(
      [&] {
        with(
            train, [](TrainOptions& own) { own.batch_size = 8; }, named);
      },
      "fit", {"with --batch = 16", "has 8"}));
  EXPECT_TRUE(refuses(
      [&] {
        with(
            train, [](TrainOptions& own) { own.optimizer = AdamW{}; }, state);
      },
      "fit", {"optimizer = adam learning_rate=0.01", "adamw"}));
  EXPECT_TRUE(refuses([&] { with(other, same, state); }, "fit", {"samples' fingerprint"}));
  EXPECT_TRUE(refuses([&] { with(more, same, state); }, "fit", {"samples = 72", "76"}));
  TrainingState wrong = kept.state();
  wrong.tensors.pop_back();
  EXPECT_TRUE(refuses([&] { with(train, same, wrong); }, "WeightAverage", {"missing"}));
  wrong = kept.state();
  wrong.tensors[0].name = "network/elsewhere";
  EXPECT_TRUE(refuses([&] { with(train, same, wrong); }, "fit (weights)", {"elsewhere"}));
  wrong = kept.state();
  wrong.tensors[0].name = "elsewhere";
  EXPECT_TRUE(refuses([&] { with(train, same, wrong); }, "fit", {"elsewhere", "no part"}));
  wrong = kept.state();
  wrong.numbers.erase("step");
  EXPECT_TRUE(refuses([&] { with(train, same, wrong); }, "fit", {"no number \"step\""}));
  wrong.numbers["step"] = 1.5;
  EXPECT_TRUE(refuses([&] { with(train, same, wrong); }, "fit", {"1.5"}));
  EXPECT_TRUE(same_weights(network, before));
}

// Whatever a number is replaced by, it is refused, or is one that a training can come to: then the rest of it runs.
TEST(Resume, ImpossibleNumbers) {
  const Samples train = quadrants(72, 1), validation = quadrants(20, 2);
  Kept kept;
  TrainOptions o = busy_options();
  o.save_state = [&](const TrainingState& state) { kept = Kept(state); };
  o.on_step = [](const TrainProgress& p) { return p.all_steps < 13; };
  Network<float> network = busy_network();
  fit(network, train, o, &validation);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto refused = [&](const std::string& name, double number) {
    TrainingState state = kept.state();
    state.origin = "my.file";
    state.numbers.at(name) = number;
    TrainOptions own = busy_options();
    own.resume = &state;
    Network<float> other = busy_network();
    try {
      fit(other, train, own, &validation);
    } catch (const std::invalid_argument& error) {
      const std::string said = error.what();
      EXPECT_TRUE(said.starts_with("fit: the state to go on from has ")) << said;
      const bool named = said.find('"' + name + '"') != std::string::npos;
      EXPECT_TRUE(named || name == "epoch" || name == "step") << said;  // with which others may no longer agree
      EXPECT_TRUE(said.ends_with("(in my.file)")) << said;
      return true;
    }
    return false;
  };
  const TrainingState state = kept.state();
  for (const auto& [name, number] : state.numbers) {
    EXPECT_FALSE(refused(name, number)) << name;
    for (const double wrong : {-1.0, std::nan(""), -kInfinity, kInfinity, 1e300, 0x1p53, 0.5, 1000.0}) {
      // Losses may be any, and sums and times of any size.
      const bool any = name.ends_with("loss") || name.ends_with(".best");
      const bool large = name == "seconds" || name == "weight" || name == "correct" || name == "top_k" ||
                         name == "answers" || name == "learning_rate" || name == "best.samples";
      const bool share = name.ends_with("accuracy") || name == "stopped_early" || name == "plateau.learning_rate";
      if (any && !std::isnan(wrong)) continue;
      if (name == "best.loss") continue;
      if (large && std::isfinite(wrong) && wrong > 0) continue;
      if (share && wrong == 0.5) continue;
      EXPECT_TRUE(refused(name, wrong)) << name << ' ' << wrong;
    }
  }
  for (const char* name : {"epoch", "step", "all_steps", "samples", "early_stopping.epochs", "early_stopping.waited"}) {
    EXPECT_TRUE(refused(name, state.numbers.at(name) + 1)) << name;
  }
  EXPECT_TRUE(refused("epoch", 0));
  EXPECT_TRUE(refused("best.epoch", 3));  // the epoch that is not over yet
}

TEST(Resume, ImpossibleTensors) {
  const Samples train = quadrants(72, 1);
  TrainOptions o = busy_options();
  o.early_stopping = {};
  o.hard_share = 0.5;
  Kept kept;
  TrainOptions saving = o;
  saving.save_state = [&](const TrainingState& state) { kept = Kept(state); };
  saving.on_step = [](const TrainProgress& p) { return p.step < 3; };
  Network<float> network = busy_network();
  fit(network, train, saving);
  const auto with = [&](const std::string& name, float number) {
    TrainingState state = kept.state();
    const auto found = std::ranges::find_if(state.tensors, [&](const auto& t) { return t.name == name; });
    Tensor<float> changed = Tensor<float>::uninitialized(found->value.shape());
    std::copy(found->value.begin(), found->value.end(), changed.begin());
    changed[1] = number;
    found->value = changed;
    TrainOptions own = o;
    own.resume = &state;
    fit(network, train, own);
  };
  EXPECT_TRUE(refuses([&] { with("optimizer/dense_1.kernel/second_moment", -1e-9f); }, "Optimizer",
                      {"dense_1.kernel/second_moment", "-1e-09", "squares"}));
  EXPECT_TRUE(
      refuses([&] { with("losses/at_start", std::nanf("")); }, "fit (losses of the samples)", {"at_start", "NaN"}));
}

}  // namespace
}  // namespace hubel::test
