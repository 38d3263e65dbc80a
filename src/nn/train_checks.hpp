// Whether samples fit a network and its losses, and how it is told.
#pragma once

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/trainer.hpp"
#include "nn/network_plan.hpp"
#include "nn/output_scores.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

inline void check_batch_size(const char* who, std::int64_t batch_size) {
  if (batch_size < 1)
    throw std::invalid_argument(detail::formatted("{}: batch_size = {}, it must be at least 1", who, batch_size));
}

inline void check_size(std::string_view who, const char* option, double size) {
  if (!(size >= 0 && std::isfinite(size)))
    throw std::invalid_argument(formatted("{}: {} = {}, it must be finite and at least 0", who, option, size));
}

// Of TrainOptions or StepOptions.
template <class Options>
void check_clipping(std::string_view who, const Options& options) {
  check_size(who, "clip_value", options.clip_value);
  check_size(who, "clip_parameter_norm", options.clip_parameter_norm);
  check_size(who, "clip_norm", options.clip_norm);
}

// What messages about each of the network's outputs begin with: of several their layers' names too.
inline std::vector<std::string> output_whos(std::string_view who, const Network<float>& network) {
  std::vector<std::string> whos;
  const Graph& graph = network.graph();
  for (const Graph::Value output : graph.outputs()) whos.push_back(formatted("{} ({})", who, graph.name(output)));
  if (whos.size() == 1) whos[0] = who;
  return whos;
}

// The loss of each of the network's outputs: those given, or where there are none `loss` for all.
inline std::vector<OutputLoss> output_losses(std::string_view who, const Network<float>& network, const Loss& loss,
                                             const std::vector<OutputLoss>& losses) {
  const std::size_t outputs = network.output_shapes().size();
  if (losses.empty()) return std::vector(outputs, OutputLoss{loss, 1});
  if (losses.size() != outputs)
    throw std::invalid_argument(
        formatted("{}: there are {} losses, the network has {} outputs", who, losses.size(), outputs));
  for (const OutputLoss& of : losses) {
    if (of.weight >= 0 && std::isfinite(of.weight)) continue;
    throw std::invalid_argument(
        formatted("{}: a loss has the weight {}, it must be finite and at least 0", who, of.weight));
  }
  return losses;
}

// The shape of a sample's targets: the output's, but (classes) of a classifier whose loss is of its logits.
inline void check_targets(std::string_view who, const Shape& output, const Shape& targets, const Loss& loss) {
  const bool classifies = std::holds_alternative<CrossEntropy>(loss) && output.elements() == output.back();
  const Shape wanted = classifies ? Shape{output.back()} : output;
  if (targets == wanted) return;
  throw std::invalid_argument(
      detail::formatted("{}: the targets have shape {} for a sample, the network's output has {}", who,
                        targets.to_string(), wanted.to_string()));
}

inline void check_labels_each(std::string_view who, const Shape& output, std::int64_t labels) {
  if (labels == 1) {
    class_count(output, who);
  } else if (labels != output.elements() / output.back()) {
    throw std::invalid_argument(detail::formatted("{}: a sample has {} labels, the network's output {} has {} rows",
                                                  who, labels, output.to_string(), output.elements() / output.back()));
  }
}

inline void check_weights_each(std::string_view who, const Shape& output, std::int64_t weights) {
  const std::int64_t rows = output.back() > 0 ? output.elements() / output.back() : 0;
  if (weights == 0 || weights == 1 || weights == rows) return;
  throw std::invalid_argument(detail::formatted(
      "{}: a sample has {} weights, it must have one, or one for each row of the network's output {}, "
      "which has {}",
      who, weights, output.to_string(), rows));
}

inline void check_top_k(std::string_view who, std::span<const AnswerKind> answers, std::span<const OutputLoss> losses,
                        std::int64_t top_k) {
  if (top_k == 0) return;
  if (top_k < 0) throw std::invalid_argument(detail::formatted("{}: top_k = {}, it must be at least 0", who, top_k));
  if (answers.size() > 1)
    throw std::invalid_argument(
        detail::formatted("{}: top_k is of one output, the network has {}", who, answers.size()));
  if (answers[0].labels == 0 && !has_classes(losses[0].loss))
    throw std::invalid_argument(detail::formatted(
        "{}: top_k goes with labels and rows of classes, not with the loss {}", who, loss_name(losses[0].loss)));
}

// One class has the probability 1 whatever the output: there would be nothing to learn, and every answer right.
inline void check_classes(std::string_view who, const Shape& output, const Loss& loss) {
  if (!std::holds_alternative<CrossEntropy>(loss) || output.back() != 1) return;
  throw std::invalid_argument(detail::formatted(
      "{}: the cross-entropy tells at least two classes apart, but the network's output is {}; for one "
      "probability take BinaryCrossEntropy and targets",
      who, output.to_string()));
}

// As many inputs and outputs as the network has.
inline void check_numbers_of(std::string_view who, const Network<float>& network, std::size_t inputs,
                             std::size_t outputs) {
  const std::size_t wanted_inputs = network.input_shapes().size(), wanted_outputs = network.output_shapes().size();
  if (inputs == wanted_inputs && outputs == wanted_outputs) return;
  const auto counted = [](std::size_t n, const char* what) {
    return detail::formatted("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  throw std::invalid_argument(detail::formatted("{}: the network has {} and {}, but samples for {} and {} were given",
                                                who, counted(wanted_inputs, "input"), counted(wanted_outputs, "output"),
                                                counted(inputs, "input"), counted(outputs, "output")));
}

inline void check_samples(std::string_view who, const Network<float>& network, std::span<const Shape> samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i] == network.input_shapes()[i]) continue;
    const std::string of = samples.size() == 1 ? "" : detail::formatted(" of {}", network.graph().inputs()[i].name);
    throw std::invalid_argument(detail::formatted("{}: the samples{} have shape {}, the network takes {}", who, of,
                                                  samples[i].to_string(), network.input_shapes()[i].to_string()));
  }
}

// `losses`: of each output.
inline void check_source(std::string_view who, const Network<float>& network, const SampleSource& source,
                         std::span<const OutputLoss> losses, std::int64_t top_k) {
  const std::vector<Shape> samples = source.input_shapes();
  const std::vector<AnswerKind> answers = source.answer_kinds();
  check_numbers_of(who, network, samples.size(), answers.size());
  const std::vector<std::string> whos = output_whos(who, network);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Shape& output = network.output_shapes()[i];
    check_classes(whos[i], output, losses[i].loss);
    if (answers[i].labels == 0) {
      check_targets(whos[i], output, answers[i].target, losses[i].loss);
      check_target_values(losses[i].loss, source.known_targets(i), whos[i]);
    } else {
      check_labels_each(whos[i], output, answers[i].labels);
    }
    check_weights_each(whos[i], output, source.weights_per_sample());
  }
  check_top_k(who, answers, losses, top_k);
  check_samples(who, network, samples);
  if (source.count() > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument(
        detail::formatted("{}: {} samples, there may be at most 2^31 - 1", who, source.count()));
  }
}

}  // namespace hubel::detail
