// What a training does with a batch: its losses and their gradients, and the optimiser's step.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hubel/network.hpp"
#include "hubel/optimizer.hpp"
#include "nn/accumulated_gradients.hpp"
#include "nn/output_scores.hpp"
#include "nn/train_batch.hpp"

namespace hubel::detail {

// Bounds of the gradients, as TrainOptions has them.
struct Clipping {
  double value = 0, parameter_norm = 0, norm = 0;
};

class BatchStep {
 public:
  // For batches of up to max_batch samples, so many of which make a step of the optimizer. The network and the
  // optimizer, which is of its parameters, outlive this.
  BatchStep(Network<float>& network, Optimizer<float>& optimizer, std::int64_t max_batch, const Clipping& clipping,
            std::int64_t accumulation_steps = 1);

  // How a batch is learned from.
  struct Learning {
    std::uint64_t seed = 0;            // of dropout
    std::int64_t before = 0;           // batches that were learned from before
    double skip_above = 1;             // as TrainOptions has it
    std::span<float> row_losses = {};  // as OutputAim has them
  };

  // The loss of each output, and with them the gradients. Throws std::invalid_argument for outputs that their losses
  // are not of.
  std::span<const LossResult> learn(const Batch& batch, OutputScores& scores, const Learning& how);
  // The optimizer's step with these gradients, at its learning rate times `factor`; or, with those of too few batches
  // for one, their keeping. True when it was a step.
  bool go(std::int64_t before, double factor);

  Execution<float>& execution() { return execution_; }
  // All gradients' before they were bounded by clipping.norm; with that only.
  double norm() const { return norm_; }
  AccumulatedGradients& accumulated() { return accumulated_; }
  const AccumulatedGradients& accumulated() const { return accumulated_; }

 private:
  double clip();

  Network<float>& network_;
  Optimizer<float>& optimizer_;
  Execution<float> execution_;
  Clipping clipping_;
  AccumulatedGradients accumulated_;
  std::vector<TensorView<float>> clipped_;  // the gradients that are: not the statistics' steps, nor what is frozen
  double norm_ = 0;
};

// Tells of a batch whose loss is not finite, by std::runtime_error: where it was, such as "epoch 1, step 2", and what
// to do about it.
[[noreturn]] void raise_diverged(double loss, const Batch& batch, const std::string& where);

}  // namespace hubel::detail
