// When training goes on for nothing.
#pragma once

#include <cstdint>

#include "hubel/goal.hpp"

namespace hubel {

// Keras's EarlyStopping, with its defaults.
struct EarlyStoppingOptions {
  double min_delta = 0;       // a change that is no larger is no improvement
  std::int64_t patience = 0;  // epochs without improvement that are put up with
  Goal goal = Goal::minimum;
};

// Stops after `patience` epochs in a row without improvement; with 0 after the first such. The first epoch improves on
// nothing and stops nothing. NaN is never an improvement.
class EarlyStopping {
 public:
  // Throws std::invalid_argument for a min_delta that is negative or not finite, or a negative patience.
  explicit EarlyStopping(const EarlyStoppingOptions& options = {});

  // Takes in an epoch's value; true when training should stop.
  bool update(double value);

  double best() const { return best_; }                    // the goal's worst infinity before any
  std::int64_t best_epoch() const { return best_epoch_; }  // from 1; 0 for none
  std::int64_t epochs() const { return epochs_; }

  // What a checkpoint keeps.
  struct State {
    double best = 0;
    std::int64_t best_epoch = 0, epochs = 0, waited = 0;
  };
  State state() const { return {best_, best_epoch_, epochs_, waited_}; }
  void load_state(const State& state);

 private:
  EarlyStoppingOptions options_;
  double best_;
  std::int64_t best_epoch_ = 0, epochs_ = 0, waited_ = 0;
};

}  // namespace hubel
