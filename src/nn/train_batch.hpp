// A batch from a source of samples: memory for it, its filling, and what a network says to it.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "hubel/metrics.hpp"
#include "hubel/trainer.hpp"
#include "nn/network_plan.hpp"

namespace hubel::detail {

class Batch {
 public:
  Batch(const SampleSource& source, std::int64_t size)
      : source_(source),
        targets_of_(dynamic_cast<const TargetSource*>(&source)),
        x_(Tensor<float>::uninitialized(batch_shape(size, source.sample_shape()))),
        labels_each_(targets_of_ ? 0 : source.labels_per_sample()),
        labels_(static_cast<std::size_t>(size * labels_each_)),
        weights_each_(source.weights_per_sample()),
        weights_(static_cast<std::size_t>(size * weights_each_)) {
    if (targets_of_) targets_ = Tensor<float>::uninitialized(batch_shape(size, targets_of_->target_shape()));
  }

  void gather(std::span<const std::int32_t> indices) {
    count_ = std::ssize(indices);
    if (targets_of_) {
      targets_of_->gather_targets(indices.data(), count_, x_.data(), targets_.data());
    } else {
      source_.gather(indices.data(), count_, x_.data(), labels_.data());
    }
    if (weights_each_ > 0) source_.gather_weights(indices.data(), count_, weights_.data());
  }
  bool has_targets() const { return targets_of_ != nullptr; }
  std::int64_t count() const { return count_; }
  TensorView<const float> x() const { return {x_.data(), x_.shape().with_first(count_)}; }
  std::span<const std::int32_t> labels() const {
    return std::span(labels_).first(static_cast<std::size_t>(count_ * labels_each_));
  }
  // In the loss; none where the source has none.
  std::span<const float> weights() const {
    return std::span(weights_).first(static_cast<std::size_t>(count_ * weights_each_));
  }
  TensorView<const float> targets() const { return {targets_.data(), targets_.shape().with_first(count_)}; }

 private:
  const SampleSource& source_;
  const TargetSource* targets_of_;  // the same, if it is one
  Tensor<float> x_;
  std::int64_t labels_each_;
  std::vector<std::int32_t> labels_;
  std::int64_t weights_each_;
  std::vector<float> weights_;
  Tensor<float> targets_;
  std::int64_t count_ = 0;
};

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

// Adds what `execution` made of the batch, its loss being `result`.
inline void add_batch(Totals& totals, const LossResult& result, const Batch& batch, const Loss& loss,
                      std::int64_t top_k, Execution<float>& execution) {
  totals.loss += result.loss * result.weight;
  totals.weight += result.weight;
  totals.count += batch.count();
  std::optional<std::int32_t> ignored;
  if (const auto* entropy = std::get_if<CrossEntropy>(&loss)) ignored = entropy->ignore_label;
  if (const auto* likelihood = std::get_if<NegativeLogLikelihood>(&loss)) ignored = likelihood->ignore_label;
  double correct = static_cast<double>(result.correct), answers = 0;
  if (!batch.has_targets()) {
    answers = static_cast<double>(std::ssize(batch.labels()));
    if (ignored) answers -= static_cast<double>(std::count(batch.labels().begin(), batch.labels().end(), *ignored));
  } else if (const std::optional<double> threshold = binary_threshold(loss)) {
    answers = static_cast<double>(batch.targets().size());
    correct = std::round(answers * binary_accuracy(execution.output(), batch.targets(), *threshold));
  } else if (has_classes(loss)) {
    answers = static_cast<double>(batch.targets().size() / batch.targets().shape().back());
  }
  totals.correct += correct;
  totals.answers += answers;
  if (top_k > 0) {
    const double share = batch.has_targets() ? top_k_accuracy(execution.logits(), batch.targets(), top_k)
                                             : top_k_accuracy(execution.logits(), batch.labels(), top_k, ignored);
    totals.top_k += std::round(answers * share);
  }
}

inline BatchResult batch_result(const Batch& batch, Execution<float>& execution) {
  if (batch.has_targets()) return {execution.output(), {}, batch.targets()};
  return {execution.output(), batch.labels(), {}};
}

}  // namespace hubel::detail
