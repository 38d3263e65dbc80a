// Whether samples fit a network and a loss, and how it is told.
#pragma once

#include <limits>
#include <stdexcept>

#include "hubel/trainer.hpp"
#include "nn/network_plan.hpp"
#include "nn/train_batch.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

inline void check_batch_size(const char* who, std::int64_t batch_size) {
  if (batch_size < 1)
    throw std::invalid_argument(detail::formatted("{}: batch_size = {}, it must be at least 1", who, batch_size));
}

// Samples and losses are of networks with one input and one output.
inline void check_one_each(const char* who, const Network<float>& network) {
  const std::size_t inputs = network.input_shapes().size(), outputs = network.output_shapes().size();
  if (inputs == 1 && outputs == 1) return;
  throw std::invalid_argument(
      detail::formatted("{}: the network has {} input{} and {} output{}, it must have one of each", who, inputs,
                        inputs == 1 ? "" : "s", outputs, outputs == 1 ? "" : "s"));
}

// The shape of a sample's targets: the output's, but (classes) of a classifier whose loss is of its logits.
inline void check_targets(const char* who, const Network<float>& network, const TargetSource& source,
                          const Loss& loss) {
  const Shape& output = network.output_shape();
  const bool classifies = std::holds_alternative<CrossEntropy>(loss) && output.elements() == output.back();
  const Shape wanted = classifies ? Shape{output.back()} : output;
  if (source.target_shape() == wanted) return;
  throw std::invalid_argument(
      detail::formatted("{}: the targets have shape {} for a sample, the network's output has {}", who,
                        source.target_shape().to_string(), wanted.to_string()));
}

inline void check_labels_each(const char* who, const Network<float>& network, std::int64_t labels) {
  const Shape& output = network.output_shape();
  if (labels == 1) {
    class_count(output, who);
  } else if (labels != output.elements() / output.back()) {
    throw std::invalid_argument(detail::formatted("{}: a sample has {} labels, the network's output {} has {} rows",
                                                  who, labels, output.to_string(), output.elements() / output.back()));
  }
}

inline void check_weights_each(const char* who, const Network<float>& network, std::int64_t weights) {
  const Shape& output = network.output_shape();
  const std::int64_t rows = output.back() > 0 ? output.elements() / output.back() : 0;
  if (weights == 0 || weights == 1 || weights == rows) return;
  throw std::invalid_argument(detail::formatted(
      "{}: a sample has {} weights, it must have one, or one for each row of the network's output {}, "
      "which has {}",
      who, weights, output.to_string(), rows));
}

inline void check_top_k(const char* who, const SampleSource& source, const Loss& loss, std::int64_t top_k) {
  if (top_k == 0) return;
  if (top_k < 0) throw std::invalid_argument(detail::formatted("{}: top_k = {}, it must be at least 0", who, top_k));
  if (dynamic_cast<const TargetSource*>(&source) && !has_classes(loss))
    throw std::invalid_argument(detail::formatted(
        "{}: top_k goes with labels and rows of classes, not with the loss {}", who, loss_name(loss)));
}

// To be asked after the loss has been computed, and before anything is learned from it.
inline void check_outputs(const char* who, const Loss& loss, Execution<float>& execution) {
  if (!takes_any_output(loss)) check_output_values(loss, execution.output(), who);
}

// One class has the probability 1 whatever the output: there would be nothing to learn, and every answer right.
inline void check_classes(const char* who, const Network<float>& network, const Loss& loss) {
  if (!std::holds_alternative<CrossEntropy>(loss) || network.output_shape().back() != 1) return;
  throw std::invalid_argument(detail::formatted(
      "{}: the cross-entropy tells at least two classes apart, but the network's output is {}; for one "
      "probability take BinaryCrossEntropy and targets",
      who, network.output_shape().to_string()));
}

inline void check_source(const char* who, const Network<float>& network, const SampleSource& source, const Loss& loss,
                         std::int64_t top_k) {
  check_one_each(who, network);
  check_classes(who, network, loss);
  if (const auto* targets = dynamic_cast<const TargetSource*>(&source)) {
    check_targets(who, network, *targets, loss);
    check_target_values(loss, targets->all_targets(), who);
  } else {
    check_labels_each(who, network, source.labels_per_sample());
  }
  check_weights_each(who, network, source.weights_per_sample());
  check_top_k(who, source, loss, top_k);
  if (!(source.sample_shape() == network.input_shape())) {
    throw std::invalid_argument(detail::formatted("{}: the samples have shape {}, the network takes {}", who,
                                                  source.sample_shape().to_string(),
                                                  network.input_shape().to_string()));
  }
  if (source.count() > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument(
        detail::formatted("{}: {} samples, there may be at most 2^31 - 1", who, source.count()));
  }
}

}  // namespace hubel::detail
