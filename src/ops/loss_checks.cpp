// Whether outputs, targets and options of a loss fit together, and how it is told.
#include "ops/loss_checks.hpp"

#include <cmath>
#include <stdexcept>

#include "ops/checks.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

void check_count(std::string_view who, std::string_view what, std::int64_t count, std::string_view noun,
                 std::string_view name, std::int64_t rows) {
  if (count == rows) return;
  throw std::invalid_argument(detail::formatted("{}: {} has {} but {} has {} ({} is (m, classes) or (m, ..., classes))",
                                                who, what, counted(count, noun), name, counted(rows, "row"), name));
}

}  // namespace

LossRows check_rows(std::string_view who, std::string_view name, const Shape& outputs) {
  if (outputs.rank() < 2) {
    throw std::invalid_argument(
        detail::formatted("{}: {} has shape {} but must have two axes or more, (m, classes) or (m, ..., classes)", who,
                          name, outputs.to_string()));
  }
  const std::int64_t classes = outputs.back();
  if (classes < 1) {
    throw std::invalid_argument(
        detail::formatted("{}: {} has shape {} but needs at least one class", who, name, outputs.to_string()));
  }
  return {outputs.elements() / classes, classes};
}

void check_row_labels(std::string_view who, std::string_view name, const LossRows& outputs,
                      std::span<const std::int32_t> labels, std::optional<std::int32_t> ignore_label) {
  check_count(who, "labels", std::ssize(labels), "label", name, outputs.rows);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if ((labels[i] >= 0 && labels[i] < outputs.classes) || labels[i] == ignore_label) continue;
    throw std::invalid_argument(
        detail::formatted("{}: labels[{}] is {} but must be in [0, {})", who, i, labels[i], outputs.classes));
  }
}

void check_class_weights(std::string_view who, std::int64_t classes, std::span<const double> weights) {
  if (weights.empty()) return;
  if (std::ssize(weights) != classes) {
    throw std::invalid_argument(detail::formatted("{}: class_weights has {} but must have one for each class, {}", who,
                                                  counted(std::ssize(weights), "element"), classes));
  }
  for (std::size_t c = 0; c < weights.size(); ++c) {
    if (std::isfinite(weights[c]) && weights[c] >= 0) continue;
    throw std::invalid_argument(
        detail::formatted("{}: class_weights[{}] is {} but must be finite and at least 0", who, c, weights[c]));
  }
}

RowWeights check_sample_weights(std::string_view who, std::string_view name, const Shape& outputs,
                                std::span<const float> weights) {
  if (weights.empty()) return {};
  const std::int64_t count = std::ssize(weights), columns = outputs.rank() > 1 ? outputs.back() : 1;
  const std::int64_t samples = outputs.rank() > 0 ? outputs[0] : 1,
                     rows = columns > 0 ? outputs.elements() / columns : 0;
  if (rows == 0 || (count != samples && count != rows)) {
    throw std::invalid_argument(detail::formatted(
        "{}: sample_weights has {} but must have one for each sample or row of {}, which has shape {}", who,
        counted(count, "element"), name, outputs.to_string()));
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (std::isfinite(weights[i]) && weights[i] >= 0) continue;
    throw std::invalid_argument(
        detail::formatted("{}: sample_weights[{}] is {} but must be finite and at least 0", who, i, weights[i]));
  }
  return {weights.data(), rows / count};
}

void check_options(std::string_view who, const LossRows& logits, const CrossEntropyOptions& options) {
  if (!options.losses.empty()) check_count(who, "losses", std::ssize(options.losses), "element", "logits", logits.rows);
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    throw std::invalid_argument(
        detail::formatted("{}: label_smoothing is {} but must be in [0, 1]", who, options.label_smoothing));
  }
  check_class_weights(who, logits.classes, options.class_weights);
}

void check_labels(const Shape& logits, std::span<const std::int32_t> labels, const CrossEntropyOptions& options) {
  constexpr std::string_view who = "softmax_cross_entropy";
  check_rank(who, "logits", logits, 2, "(m, classes)");
  const LossRows rows = check_rows(who, "logits", logits);
  check_row_labels(who, "logits", rows, labels, options.ignore_label);
  check_options(who, rows, options);
  check_sample_weights(who, "logits", logits, options.sample_weights);
}

}  // namespace hubel::detail
