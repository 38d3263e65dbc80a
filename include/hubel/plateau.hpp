// Lowering the learning rate when it brings nothing more.
#pragma once

#include <cstdint>

#include "hubel/goal.hpp"

namespace hubel {

// PyTorch's ReduceLROnPlateau, with its defaults.
struct PlateauOptions {
  double factor = 0.1;
  std::int64_t patience = 10;  // epochs without improvement that are put up with
  // What a value must be better by than the best to be an improvement: this share of the best, or with relative = false
  // this much.
  double min_delta = 1e-4;
  bool relative = true;
  std::int64_t cooldown = 0;  // epochs after a reduction in which none is counted
  double min_lr = 0;
  Goal goal = Goal::minimum;
};

// The learning rate is multiplied by `factor` after more than `patience` epochs in a row without improvement, but not
// below min_lr, nor by less than 1e-8 at a time. NaN is never an improvement.
class ReduceOnPlateau {
 public:
  // Throws std::invalid_argument for a factor outside (0, 1), a negative number, or a learning rate that is not finite.
  explicit ReduceOnPlateau(double learning_rate, const PlateauOptions& options = {});

  // Takes in an epoch's value and returns the learning rate from there.
  double update(double value);

  double learning_rate() const { return learning_rate_; }

  // What a checkpoint keeps.
  struct State {
    double learning_rate = 0, best = 0;
    std::int64_t bad_epochs = 0, cooling = 0;
  };
  State state() const { return {learning_rate_, best_, bad_epochs_, cooling_}; }
  void load_state(const State& state);

 private:
  bool improves(double value) const;

  PlateauOptions options_;
  double learning_rate_, best_;
  std::int64_t bad_epochs_ = 0, cooling_ = 0;
};

}  // namespace hubel
