// Targets that no loss of probabilities is of: labels of a hinge, percentages, counts, logits. A training on them would
// run, and learn nothing or without bound.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "hubel/loss.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Probabilities written down with three digits or in half precision sum to 1 as well as this.
constexpr double kTolerance = 1e-3;

template <class T>
std::int64_t sample_of(std::int64_t element, TensorView<const T> targets) {
  return element / (targets.size() / targets.shape()[0]);
}

template <class T>
void check_binary(TensorView<const T> targets, std::string_view of, std::string_view who) {
  const auto wrong = std::find_if(targets.begin(), targets.end(), [](T t) { return !(t >= 0 && t <= 1); });
  if (wrong == targets.end()) return;
  throw std::invalid_argument(detail::formatted("{}: the {}'s targets must be in [0, 1], but sample {} has {}", who, of,
                                                sample_of(wrong - targets.begin(), targets), *wrong));
}

template <class T>
void check_rows(TensorView<const T> targets, std::string_view of, std::string_view who) {
  const std::int64_t classes = targets.shape().back();
  for (std::int64_t begin = 0; begin < targets.size(); begin += classes) {
    const T* row = targets.data() + begin;
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += row[c] >= 0 ? static_cast<double>(row[c]) : std::nan("");
    if (std::abs(sum - 1) <= kTolerance) continue;
    const T* wrong = std::find_if(row, row + classes, [](T t) { return !(t >= 0) || std::isinf(t); });
    throw std::invalid_argument(detail::formatted(
        "{}: the {}'s targets must be rows of probabilities, but sample {} has {}", who, of, sample_of(begin, targets),
        wrong != row + classes ? detail::formatted("{}", *wrong) : detail::formatted("a row of sum {}", sum)));
  }
}

template <class T>
void check(const Loss& loss, TensorView<const T> targets, std::string_view who) {
  if (targets.shape().rank() == 0 || targets.size() == 0) return;
  if (std::holds_alternative<BinaryCrossEntropy>(loss)) check_binary(targets, "binary cross-entropy", who);
  if (std::holds_alternative<BinaryFocal>(loss)) check_binary(targets, "binary focal loss", who);
  if (std::holds_alternative<Tversky>(loss)) check_binary(targets, "Tversky loss", who);
  if (std::holds_alternative<Dice>(loss)) check_binary(targets, "Dice loss", who);
  if (std::holds_alternative<CategoricalFocal>(loss)) check_rows(targets, "categorical focal loss", who);
  if (std::holds_alternative<CrossEntropy>(loss)) check_rows(targets, "cross-entropy", who);
  if (std::holds_alternative<KLDivergence>(loss)) check_rows(targets, "KL divergence", who);
}

}  // namespace

void check_target_values(const Loss& loss, TensorView<const float> targets, std::string_view who) {
  check(loss, targets, who);
}
void check_target_values(const Loss& loss, TensorView<const double> targets, std::string_view who) {
  check(loss, targets, who);
}

}  // namespace hubel
