// Whether outputs, targets and options of a loss fit together, and how it is told.
#include "ops/loss_checks.hpp"

#include <cmath>
#include <stdexcept>
#include <type_traits>
#include <variant>

#include "ops/checks.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

void check_number(bool holds, std::string_view who, std::string_view name, double value, std::string_view wanted) {
  if (holds) return;
  throw std::invalid_argument(detail::formatted("{}: {} is {} but must be {}", who, name, value, wanted));
}

bool is_size(double value) { return std::isfinite(value) && value >= 0; }
bool is_share(double value) { return value >= 0 && value <= 1; }

// What of these a loss has.
template <class L>
void check_options_of(const L& loss, std::string_view who) {
  const auto size = [who](std::string_view name, double value) {
    check_number(is_size(value), who, name, value, "finite and at least 0");
  };
  if constexpr (requires { loss.label_smoothing; })
    check_number(is_share(loss.label_smoothing), who, "label_smoothing", loss.label_smoothing, "in [0, 1]");
  if constexpr (requires { loss.pos_weight; }) size("pos_weight", loss.pos_weight);
  if constexpr (requires { loss.gamma; }) size("gamma", loss.gamma);
  if constexpr (std::is_same_v<L, BinaryFocal>) {
    check_number(loss.alpha == -1 || is_share(loss.alpha), who, "alpha", loss.alpha, "in [0, 1], or -1 for none");
  } else if constexpr (requires { loss.alpha; }) {
    size("alpha", loss.alpha);
  }
  if constexpr (requires { loss.beta; }) size("beta", loss.beta);
  if constexpr (requires { loss.delta; })
    check_number(std::isfinite(loss.delta) && loss.delta > 0, who, "delta", loss.delta, "finite and above 0");
  if constexpr (requires { loss.class_weights; }) detail::check_class_weights(who, loss.class_weights);
}

}  // namespace

void check_loss_options(const Loss& loss, std::string_view who) {
  std::visit([who](const auto& l) { check_options_of(l, who); }, loss);
}

namespace detail {

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
  if (!weights.empty() && std::ssize(weights) != classes) {
    throw std::invalid_argument(detail::formatted("{}: class_weights has {} but must have one for each class, {}", who,
                                                  counted(std::ssize(weights), "element"), classes));
  }
  check_class_weights(who, weights);
}

void check_class_weights(std::string_view who, std::span<const double> weights) {
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
  check_number(is_share(options.label_smoothing), who, "label_smoothing", options.label_smoothing, "in [0, 1]");
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

}  // namespace detail

}  // namespace hubel
