// Training and evaluating a classifier on labelled samples.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "hubel/network.hpp"
#include "hubel/optimizer.hpp"
#include "hubel/schedule.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// Where labelled samples come from; a data set implements it.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual std::int64_t count() const = 0;
  virtual Shape sample_shape() const = 0;  // one sample's
  // Told before the first batch of an epoch, from 1, of a training with this seed: a source that changes its samples at
  // random takes its random numbers from the two. Called from the thread that gathers.
  virtual void begin_epoch(std::int64_t /*epoch*/, std::uint64_t /*seed*/) const {}
  // Writes samples indices[0..n) to out (n, ...sample_shape) and their labels to labels (n). Called from one thread.
  virtual void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const = 0;
};

struct Evaluation {
  double loss = 0, accuracy = 0;  // means over the samples; accuracy in [0, 1]
  std::int64_t count = 0;
};

// What a training reports after every step.
struct TrainProgress {
  std::int64_t epoch = 0, epochs = 0;  // epoch from 1
  std::int64_t step = 0, steps = 0;    // within the epoch, from 1
  std::int64_t samples = 0;            // seen in this epoch
  double loss = 0, accuracy = 0;       // running means over this epoch
  double learning_rate = 0;            // of the last step
  double seconds = 0;                  // spent training in this epoch
};

struct EpochResult {
  std::int64_t epoch = 0;    // from 1
  std::int64_t samples = 0;  // trained on
  double loss = 0, accuracy = 0;
  std::optional<Evaluation> validation;
  double learning_rate = 0;
  double seconds = 0;  // training only, without validation
};

struct TrainOptions {
  std::int64_t epochs = 1;
  std::int64_t batch_size = 32;
  OptimizerOptions optimizer = Adam{};
  Schedule schedule = Schedule::constant;
  double warmup = 0;  // the share of all steps over which the learning rate rises first; see schedule_factor
  bool shuffle = true;
  std::uint64_t seed = 0;  // of the shuffles
  // Epochs after the first go through this share of the samples only: those whose loss was highest when they were last
  // trained on. 1 is all of them. (Loshchilov & Hutter 2016 choose batches by such losses.)
  double hard_share = 1;
  // A sample whose label has a probability above this has no gradient, and little is computed backward for it; see
  // CrossEntropyOptions. 1 skips none.
  double skip_above = 1;
  // With a validation source: at the end the weights are those of the epoch with the highest validation accuracy (the
  // lower loss, on a tie), also when training was stopped. Without one it has no effect.
  bool keep_best = false;
  // Called after every step and every epoch; false stops training (the weights stay as they are, or go back to the best
  // with keep_best).
  std::function<bool(const TrainProgress&)> on_step = {};
  std::function<bool(const EpochResult&)> on_epoch = {};
};

struct TrainResult {
  std::vector<EpochResult> epochs;  // the whole ones
  bool stopped = false;             // by a callback
  std::int64_t best_epoch = 0;      // with keep_best: whose weights these are, 0 for none
};

// Trains on `train` with cross-entropy. The last batch of an epoch may be smaller. The order of samples depends on
// (seed, epoch) alone, so that the same seed gives the same bits on any number of threads.
// Nothing is allocated from one step to the next.
// Throws std::invalid_argument when there are no samples, they do not fit the network, a label is out of range, epochs
// or batch_size is below 1, warmup is outside [0, 1), or hard_share or skip_above outside (0, 1]; std::runtime_error
// when the loss is no longer finite.
TrainResult fit(Network<float>& network, const SampleSource& train, const TrainOptions& options,
                const SampleSource* validation = nullptr);

// Mean cross-entropy and accuracy. confusion, if not null, gets a (classes x classes) table of counts, row = label,
// column = prediction (the first of the largest outputs), row-major. on_progress, if given, gets the number of samples
// done; false stops with what is done. Throws as fit does; no samples give zeros.
Evaluation evaluate(const Network<float>& network, const SampleSource& source, std::int64_t batch_size = 256,
                    std::vector<std::int64_t>* confusion = nullptr,
                    const std::function<bool(std::int64_t)>& on_progress = {});

// The network's output for x (m, ...input_shape) -> (m, ...output_shape), computed batch by batch. Throws
// std::invalid_argument when x does not fit or batch_size is below 1.
Tensor<float> predict(const Network<float>& network, TensorView<const float> x, std::int64_t batch_size = 256);

}  // namespace hubel
