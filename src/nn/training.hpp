// One training, with its memory: steps, epochs, and what it takes to go on from between two of them.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "hubel/trainer.hpp"
#include "nn/batch_step.hpp"
#include "nn/best_weights.hpp"
#include "nn/output_scores.hpp"
#include "nn/sample_losses.hpp"
#include "nn/state_numbers.hpp"
#include "nn/train_batch.hpp"

namespace hubel::detail {

// Of numbers that are not negative.
inline std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
  return b > std::numeric_limits<std::int64_t>::max() - a ? std::numeric_limits<std::int64_t>::max() : a + b;
}

class Training {
 public:
  // Arguments have been checked, and outlive it.
  Training(Network<float>& network, const SampleSource& train, const TrainOptions& options,
           const SampleSource* validation);

  // Throws std::invalid_argument, with the network as it was, for a state of another training.
  void resume(const TrainingState& state);
  TrainResult run();

 private:
  std::int64_t steps_of(std::int64_t samples) const { return (samples + batch_size_ - 1) / batch_size_; }
  // Steps done of all, a batch each: those of the epochs before and of this one.
  std::int64_t batches_done() const;
  std::int64_t samples_of_epoch() const { return epoch_ == 1 ? count_ : later_count_; }
  TrainingLength length() const;
  void put_in_order();
  bool begin_epoch();
  bool run_epoch();
  bool run_step();
  void step();
  std::span<const LossResult> learn(std::span<const std::int32_t> indices);
  double learning_factor() const;
  TrainProgress progress();
  bool judge_epoch(TrainResult& result);
  bool end_epoch(TrainResult& result);
  bool watch(const EpochResult& epoch);
  double watched(const EpochResult& epoch, Goal goal) const;
  void finish(TrainResult& result);

  bool is_due(bool epoch_ended) const;
  void save() const;
  std::map<std::string, std::string> settings() const;
  std::map<std::string, double> numbers() const;
  void load(const TrainingState& state);
  void load_numbers(const StateNumbers& numbers);
  void check_position(const StateNumbers& numbers) const;
  void load_best(const StateNumbers& numbers, const TrainingState& state);

  Network<float>& network_;
  const SampleSource& source_;
  const TrainOptions& options_;
  const SampleSource* validation_;
  std::int64_t count_, later_count_, batch_size_;  // later_count_: samples of an epoch after the first
  TrainingLength length_;
  Batch batch_;
  OutputScores scores_;  // of this epoch
  Optimizer<float> optimizer_;
  BatchStep batch_step_;
  SampleLosses losses_;
  std::optional<WeightAverage<float>> average_;
  std::optional<EarlyStopping> early_stopping_;
  std::optional<ReduceOnPlateau> plateau_;
  std::optional<BestWeights> best_;
  std::map<std::string, std::string> settings_;  // where states are written or read
  std::vector<std::int32_t> order_;              // of this epoch's samples

  // Where it is.
  std::int64_t epoch_ = 1, step_ = 0;  // steps done of this epoch
  double epoch_rate_ = 0;              // with options.learning_rate: of this epoch
  double learning_rate_ = 0, seconds_ = 0;
  bool stopped_early_ = false;
};

}  // namespace hubel::detail
