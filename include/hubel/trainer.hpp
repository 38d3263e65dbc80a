// Training and evaluating a network on samples with labels or targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "hubel/early_stopping.hpp"
#include "hubel/loss.hpp"
#include "hubel/moving_average.hpp"
#include "hubel/network.hpp"
#include "hubel/optimizer.hpp"
#include "hubel/plateau.hpp"
#include "hubel/schedule.hpp"
#include "hubel/tensor.hpp"
#include "hubel/training_state.hpp"

namespace hubel {

// What a sample has for an output of the network: so many labels, or targets of that shape.
struct AnswerKind {
  std::int64_t labels = 1;  // as SampleSource::labels_per_sample; 0 where there are targets
  Shape target = {};        // of rank 0 where there are labels
};

// Room for what the samples of a batch have for an output: labels (n, labels) or targets (n, ...target).
struct AnswerRoom {
  std::int32_t* labels = nullptr;
  float* targets = nullptr;
};

// Where labelled samples come from; a data set implements it.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual std::int64_t count() const = 0;
  virtual Shape sample_shape() const = 0;  // one sample's
  // Told before the first batch of an epoch, from 1, of a training with this seed: a source that changes its samples at
  // random takes its random numbers from the two. Called from the thread that gathers.
  virtual void begin_epoch(std::int64_t /*epoch*/, std::uint64_t /*seed*/) const {}
  // Told before each batch that is gathered to train on or to evaluate: how many samples it has, n at most. A source
  // whose samples come in batches of their own, as from a stream, may have fewer than n. 0 is its end, if only because
  // it failed: an evaluation is then done, and a training stops as when a callback stops it. What such a source gathers
  // next is that batch, whatever the indices; it goes neither with hard_share nor with save_state and resume.
  virtual std::int64_t begin_batch(std::int64_t n) const { return n; }
  // What it does to its samples at random, as text: a training is gone on with only where that is the same.
  virtual std::string changes() const { return "none"; }
  // Labels of one sample: more than one where each row of the output, such as a pixel's classes, has its own.
  virtual std::int64_t labels_per_sample() const { return 1; }
  // Writes samples indices[0..n) to out (n, ...sample_shape) and their labels to labels (n, labels_per_sample). Called
  // from one thread.
  virtual void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const = 0;
  // Weights of one sample in the loss, as compute_loss takes them: none, one, or one for each row of the output. See
  // weighted.hpp for a source that gives another's samples weights.
  virtual std::int64_t weights_per_sample() const { return 0; }
  // Writes those of samples indices[0..n), which have been gathered just before, to weights (n, weights_per_sample).
  virtual void gather_weights(const std::int32_t* /*indices*/, std::int64_t /*n*/, float* /*weights*/) const {}

  // The same for a network of any number of inputs and outputs, which is what training and evaluation ask: here there
  // is one of each; a JointSource has several. One sample's shape for each input, and what it has for each output.
  virtual std::vector<Shape> input_shapes() const { return {sample_shape()}; }
  virtual std::vector<AnswerKind> answer_kinds() const { return {{labels_per_sample(), {}}}; }
  // Writes samples indices[0..n): for each input to xs[i] (n, ...), for each output to answers[i]. Called from one
  // thread.
  virtual void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                            std::span<const AnswerRoom> answers) const {
    gather(indices, n, xs[0], answers[0].labels);
  }
  // See TargetSource::all_targets.
  virtual TensorView<const float> known_targets(std::size_t /*output*/) const { return {}; }
};

// Where samples come from that have targets in place of labels: what a regression is to come to, or probabilities of
// classes.
class TargetSource : public SampleSource {
 public:
  virtual Shape target_shape() const = 0;  // one sample's: the network's output_shape, or (classes) of a classifier
  // Writes samples indices[0..n) to out (n, ...sample_shape) and their targets to targets (n, ...target_shape).
  virtual void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const = 0;
  // The targets of all samples (count, ...target_shape), where they lie in memory as such and are known beforehand:
  // they are then checked before the first step. Without them it is for the source to see to it that they are the
  // loss's.
  virtual TensorView<const float> all_targets() const { return {}; }
  // There are no labels: std::logic_error.
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const final;

  std::vector<AnswerKind> answer_kinds() const final { return {{0, target_shape()}}; }
  void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const final {
    gather_targets(indices, n, xs[0], answers[0].targets);
  }
  TensorView<const float> known_targets(std::size_t /*output*/) const final { return all_targets(); }
};

// Where samples come from for networks of several inputs or outputs: labels for some outputs, targets for others, in
// the order of the network's. Weights, if there are any, are the same for all outputs.
class JointSource : public SampleSource {
 public:
  std::vector<Shape> input_shapes() const override = 0;
  std::vector<AnswerKind> answer_kinds() const override = 0;
  void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const override = 0;

  // The first input's.
  Shape sample_shape() const final { return input_shapes().at(0); }
  // There is more than one input with its labels: std::logic_error.
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const final;
};

// What an output of a network is to come to, and how much that counts: what is learned from is the sum of weight * loss
// over the outputs.
struct OutputLoss {
  Loss loss = CrossEntropy{};
  double weight = 1;  // finite, at least 0
};

// What there is of each output, in the network's order: the loss without its weight, and the accuracy as in Evaluation.
struct OutputResult {
  double loss = 0, accuracy = 0;
};

// Means over the samples, of the loss as compute_loss weights it. The accuracy, in [0, 1], goes without weights of
// samples: it is of rows whose largest output is the label, or the largest target's class, and with BinaryCrossEntropy
// and BinaryFocal of elements on their target's side of 1/2 (of logits: 0); other losses have none, and it is 0. Of
// several outputs the loss is the weighted sum of theirs, and they have an accuracy each, but none together: it is 0.
struct Evaluation {
  double loss = 0, accuracy = 0;
  double top_k_accuracy = 0;  // where it was asked for
  std::int64_t count = 0;
  std::vector<OutputResult> outputs = {};
};

// What a training reports after every step.
struct TrainProgress {
  std::int64_t epoch = 0, epochs = 0;  // epoch from 1
  std::int64_t step = 0, steps = 0;    // within the epoch, from 1
  std::int64_t samples = 0;            // seen in this epoch
  double loss = 0, accuracy = 0;       // running means over this epoch
  double learning_rate = 0;            // of the last step
  double seconds = 0;                  // spent training in this epoch
  std::int64_t all_steps = 0;          // from the beginning of the training on
  double gradient_norm = 0;            // before it was clipped to clip_norm; with that only
  // Running means of each output; valid during the call.
  std::span<const OutputResult> outputs = {};
};

// What a batch came to, for what is measured beside loss and accuracy: of several outputs each is told of, in order. It
// has labels, or targets; the views are valid during the call.
struct BatchResult {
  TensorView<const float> outputs;  // (m, ...output_shape): of training, those that were learned from
  std::span<const std::int32_t> labels;
  TensorView<const float> targets;
  std::size_t output = 0;  // which of the network's
};

struct EpochResult {
  std::int64_t epoch = 0;    // from 1
  std::int64_t samples = 0;  // trained on
  double loss = 0, accuracy = 0;
  std::optional<Evaluation> validation;
  double learning_rate = 0;
  double seconds = 0;         // training only, without validation
  double top_k_accuracy = 0;  // with top_k
  std::vector<OutputResult> outputs = {};
};

struct TrainOptions {
  std::int64_t epochs = 1;
  std::int64_t batch_size = 32;
  OptimizerOptions optimizer = Adam{};
  // Of the epochs that a schedule counts, each has the steps that go through all samples once.
  Schedule schedule = Schedule::constant;
  double warmup = 0;  // the share of all steps over which the learning rate rises first; see schedule_factor
  // In place of a schedule, warm-up and plateau: asked for each epoch's learning rate (finite, at least 0) before its
  // first step, with its number from 1 and the learning rate so far.
  std::function<double(std::int64_t epoch, double learning_rate)> learning_rate = {};
  bool shuffle = true;
  std::uint64_t seed = 0;  // of the shuffles, of dropout, and for the source's begin_epoch
  // Epochs after the first go through this share of the samples only: those whose loss was highest when they were last
  // trained on. 1 is all of them. (Loshchilov & Hutter 2016 choose batches by such losses.)
  double hard_share = 1;
  // A sample whose label has a probability above this has no gradient, and little is computed backward for it; see
  // CrossEntropyOptions. 1 skips none. Like hard_share it goes with the cross-entropy of one label a sample only.
  double skip_above = 1;
  // With a validation source: at the end the weights are those of the epoch with the highest validation accuracy (the
  // lower loss, on a tie; of several outputs, which have no accuracy together, the lowest loss), also when training was
  // stopped. Without one it has no effect.
  bool keep_best = false;
  // Called after every step and every epoch; false stops training (the weights stay as they are, or go back to the best
  // with keep_best).
  std::function<bool(const TrainProgress&)> on_step = {};
  std::function<bool(const EpochResult&)> on_epoch = {};
  // Called before the first step of an epoch, or what is left of it after resuming, with its number from 1; false stops
  // training before that step.
  std::function<bool(std::int64_t)> on_epoch_begin = {};
  // Called for every batch that was trained on, before on_step, and for every one of a validation.
  std::function<void(const BatchResult&)> on_batch = {}, on_validation_batch = {};

  Loss loss = CrossEntropy{};  // of every output
  // Unless empty, in its place: one for each output of the network, in their order. hard_share, skip_above, top_k and
  // goals of an accuracy are for networks with one output.
  std::vector<OutputLoss> losses = {};
  // The gradients are bounded, element by element, then each parameter's by its norm (Keras's clipnorm), then all by
  // their norm together; 0 is without. See clip.hpp.
  double clip_value = 0, clip_parameter_norm = 0, clip_norm = 0;
  // As Keras's gradient_accumulation_steps: the optimizer goes a step after every so many batches, with the mean of
  // their gradients, which are bounded together; they are counted on from epoch to epoch, and those after the last step
  // of all come to nothing. Running statistics move with every batch. Everything else that counts steps, such as a
  // schedule, on_step and save_every_steps, counts batches.
  std::int64_t accumulation_steps = 1;
  // An average of the weights over the steps: it is what is validated, what on_epoch finds in the network, and what the
  // weights are at the end.
  std::optional<AverageOptions> average = {};
  // Unless 0, in place of such an average: the plain mean of the weights at the ends of epochs from this one, counted
  // from 1, on (stochastic weight averaging, Izmailov et al. 2018). Before it nothing is averaged. Running statistics
  // are averaged too, as by PyTorch's use_buffers; they are not gone through the samples for once more.
  std::int64_t swa_start = 0;
  // Both watch the loss or, where their goal is the maximum, the accuracy: of the validation, or without one of the
  // training. The first ends training, the second lowers the learning rate that the schedule's factor is of.
  std::optional<EarlyStoppingOptions> early_stopping = {};
  std::optional<PlateauOptions> plateau = {};
  std::int64_t top_k = 0;  // unless 0: top_k_accuracy is reported too; with labels, or rows of targets of classes

  // Called with the training's state, whose tensors are views of it, after every so many steps or epochs (0: never),
  // and when a callback has stopped it.
  std::function<void(const TrainingState&)> save_state = {};
  std::int64_t save_every_steps = 0, save_every_epochs = 0;
  // Goes on from such a state, the network's weights included, to the same bits as without the interruption.
  const TrainingState* resume = nullptr;
};

struct TrainResult {
  std::vector<EpochResult> epochs;  // the whole ones; after resuming, those since
  std::int64_t epochs_done = 0;     // the whole ones of all the training, those before a resuming too
  bool stopped = false;             // by a callback
  bool stopped_early = false;       // by early_stopping
  std::int64_t best_epoch = 0;      // with keep_best: whose weights these are, 0 for none
};

// Trains on `train`. The last batch of an epoch may be smaller. The order of samples depends on (seed, epoch) alone, so
// that the same seed gives the same bits on any number of threads.
// Nothing is allocated from one step to the next.
// Throws std::invalid_argument when there are no samples, they do not fit the network or the loss (see
// check_target_values), a label is out of range, an option is out of its range, or the state to resume is of another
// training (it says in what they differ); std::runtime_error when the loss is no longer finite. Whatever is thrown once
// the steps have begun, be it by a callback, save_state or a source, leaves the network with the weights that stopping
// there would have left: the best so far with keep_best.
TrainResult fit(Network<float>& network, const SampleSource& train, const TrainOptions& options,
                const SampleSource* validation = nullptr);

// Mean cross-entropy and accuracy. confusion, if not null, gets a (classes x classes) table of counts, row = label,
// column = prediction (the first of the largest outputs), row-major. on_progress, if given, gets the number of samples
// done; false stops with what is done. Throws as fit does; no samples give zeros.
Evaluation evaluate(const Network<float>& network, const SampleSource& source, std::int64_t batch_size = 256,
                    std::vector<std::int64_t>* confusion = nullptr,
                    const std::function<bool(std::int64_t)>& on_progress = {});

struct EvaluateOptions {
  std::int64_t batch_size = 256;
  Loss loss = CrossEntropy{};
  std::vector<OutputLoss> losses = {};  // as TrainOptions has them; of several outputs there is no top_k and confusion
  std::int64_t top_k = 0;               // unless 0: top_k_accuracy too; with labels, or rows of targets of classes
  std::vector<std::int64_t>* confusion = nullptr;
  std::function<bool(std::int64_t)> on_progress = {};
  std::function<void(const BatchResult&)> on_batch = {};  // called for every batch
};

// The same with any loss.
Evaluation evaluate(const Network<float>& network, const SampleSource& source, const EvaluateOptions& options);

// The network's output for x (m, ...input_shape) -> (m, ...output_shape), computed batch by batch; for networks with
// one input and one output. Throws std::invalid_argument when x does not fit or batch_size is below 1.
Tensor<float> predict(const Network<float>& network, TensorView<const float> x, std::int64_t batch_size = 256);

}  // namespace hubel
