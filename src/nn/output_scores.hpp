// What a network's outputs are held against in training and evaluation, and what they come to over the batches.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hubel/metrics.hpp"
#include "hubel/trainer.hpp"
#include "nn/train_batch.hpp"

namespace hubel::detail {

// Sums over batches.
struct Totals {
  double loss = 0, weight = 0;    // of the loss, each batch's times its weight, and of the weights
  double correct = 0, top_k = 0;  // rows or elements that were right, and rows within the top k
  double answers = 0;             // that could have been
  std::int64_t count = 0;         // samples

  double mean_loss() const { return weight > 0 ? loss / weight : 0; }
  double accuracy() const { return answers > 0 ? correct / answers : 0; }
  double top_k_accuracy() const { return answers > 0 ? top_k / answers : 0; }
};

// From where on an output says yes, for losses of yes and no.
inline std::optional<double> binary_threshold(const Loss& loss) {
  const auto of = [](const auto* binary) { return binary->from_logits ? 0 : 0.5; };
  if (const auto* entropy = std::get_if<BinaryCrossEntropy>(&loss)) return of(entropy);
  if (const auto* focal = std::get_if<BinaryFocal>(&loss)) return of(focal);
  return {};
}

// Of rows of targets: whether a row's largest tells its class.
inline bool has_classes(const Loss& loss) {
  return std::holds_alternative<CrossEntropy>(loss) || std::holds_alternative<CategoricalFocal>(loss) ||
         std::holds_alternative<KLDivergence>(loss) || std::holds_alternative<CategoricalHinge>(loss);
}

// Adds what `execution` made of the batch for an output, whose loss is `result`.
inline void add_batch(Totals& totals, const LossResult& result, const Batch& batch, std::size_t output,
                      const Loss& loss, std::int64_t top_k, Execution<float>& execution) {
  totals.loss += result.loss * result.weight;
  totals.weight += result.weight;
  totals.count += batch.count();
  std::optional<std::int32_t> ignored;
  if (const auto* entropy = std::get_if<CrossEntropy>(&loss)) ignored = entropy->ignore_label;
  if (const auto* likelihood = std::get_if<NegativeLogLikelihood>(&loss)) ignored = likelihood->ignore_label;
  double correct = static_cast<double>(result.correct), answers = 0;
  const std::span<const std::int32_t> labels = batch.labels(output);
  const TensorView<const float> targets = batch.targets(output);
  if (!batch.has_targets(output)) {
    answers = static_cast<double>(std::ssize(labels));
    if (ignored) answers -= static_cast<double>(std::count(labels.begin(), labels.end(), *ignored));
  } else if (const std::optional<double> threshold = binary_threshold(loss)) {
    answers = static_cast<double>(targets.size());
    correct = std::round(answers * binary_accuracy(execution.output(output), targets, *threshold));
  } else if (has_classes(loss)) {
    answers = static_cast<double>(targets.size() / targets.shape().back());
  }
  totals.correct += correct;
  totals.answers += answers;
  if (top_k > 0) {
    const TensorView<const float> scores = execution.logits(output);
    const double share = batch.has_targets(output) ? top_k_accuracy(scores, targets, top_k)
                                                   : top_k_accuracy(scores, labels, top_k, ignored);
    totals.top_k += std::round(answers * share);
  }
}

class OutputScores {
 public:
  // `whos` begin messages about each output. top_k as in TrainOptions.
  OutputScores(std::vector<OutputLoss> losses, std::vector<std::string> whos, std::int64_t top_k)
      : losses_(std::move(losses)),
        whos_(std::move(whos)),
        top_k_(top_k),
        aims_(losses_.size()),
        totals_(losses_.size()),
        results_(losses_.size()) {}

  std::span<const OutputLoss> losses() const { return losses_; }

  // What the batch is to come to, for the execution; valid until the next call.
  std::span<OutputAim<float>> aims(const Batch& batch) {
    for (std::size_t i = 0; i < losses_.size(); ++i) {
      aims_[i] = {.loss = &losses_[i].loss,
                  .weight = losses_[i].weight,
                  .labels = batch.labels(i),
                  .targets = batch.targets(i),
                  .sample_weights = batch.weights()};
    }
    return aims_;
  }

  // Of the outputs' losses, or their means, the weighted sum.
  template <class Of>
  double sum(const Of& of) const {
    double all = 0;
    for (std::size_t i = 0; i < losses_.size(); ++i) all += losses_[i].weight * of(i);
    return all;
  }

  // To be asked after the losses have been computed, and before anything is learned from them: throws
  // std::invalid_argument for outputs that their losses are not of.
  void check_outputs(Execution<float>& execution) const {
    for (std::size_t i = 0; i < losses_.size(); ++i)
      if (!takes_any_output(losses_[i].loss)) check_output_values(losses_[i].loss, execution.output(i), whos_[i]);
  }

  // Takes in a batch, of which the outputs' losses are `results`; on_batch, if there is one, is told of each output.
  void add(std::span<const LossResult> results, const Batch& batch, Execution<float>& execution,
           const std::function<void(const BatchResult&)>& on_batch) {
    for (std::size_t i = 0; i < losses_.size(); ++i) {
      add_batch(totals_[i], results[i], batch, i, losses_[i].loss, top_k_, execution);
      if (on_batch) on_batch({execution.output(i), batch.labels(i), batch.targets(i), i});
    }
  }

  std::int64_t count() const { return totals_[0].count; }
  double mean_loss() const {
    return sum([&](std::size_t i) { return totals_[i].mean_loss(); });
  }
  // Several outputs have none together.
  double accuracy() const { return totals_.size() == 1 ? totals_[0].accuracy() : 0; }
  double top_k_accuracy() const { return totals_[0].top_k_accuracy(); }
  // Of each output; valid until the next call.
  std::span<const OutputResult> results() {
    for (std::size_t i = 0; i < totals_.size(); ++i) results_[i] = {totals_[i].mean_loss(), totals_[i].accuracy()};
    return results_;
  }

  Evaluation evaluation() {
    const std::span<const OutputResult> outputs = results();
    return {mean_loss(), accuracy(), top_k_accuracy(), count(), {outputs.begin(), outputs.end()}};
  }

  // What a training's state has of each output.
  std::span<Totals> totals() { return totals_; }
  std::span<const Totals> totals() const { return totals_; }
  void clear() { std::fill(totals_.begin(), totals_.end(), Totals{}); }

 private:
  std::vector<OutputLoss> losses_;
  std::vector<std::string> whos_;
  std::int64_t top_k_;
  std::vector<OutputAim<float>> aims_;
  std::vector<Totals> totals_;
  std::vector<OutputResult> results_;
};

}  // namespace hubel::detail
