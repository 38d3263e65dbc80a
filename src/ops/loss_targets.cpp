// Targets and outputs that no loss of probabilities or counts is of: labels of a hinge, percentages, logits. A training
// on them would run, and learn nothing or without bound.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "hubel/loss.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Probabilities written down with three digits or in half precision sum to 1 as well as this.
constexpr double kTolerance = 1e-3;

enum class Values { any, probabilities, rows_of_probabilities, log_probabilities, not_negative };

// What a loss is of, and for messages what it is called and what makes its outputs such.
struct Rules {
  std::string_view name = {};
  Values targets = Values::any, outputs = Values::any;
  std::string_view way_out = {};
};

Rules rules_of(const Loss& loss) {
  constexpr std::string_view kSigmoid = "end the network in sigmoid, or take the loss with from_logits";
  constexpr std::string_view kSoftmax = "end the network in softmax, or take the loss with from_logits";
  constexpr std::string_view kEither = "end the network in sigmoid or softmax";
  using enum Values;
  const auto rules = []<class L>(const L& l) -> Rules {
    if constexpr (std::is_same_v<L, BinaryCrossEntropy>)
      return {"binary cross-entropy", probabilities, l.from_logits ? any : probabilities, kSigmoid};
    if constexpr (std::is_same_v<L, BinaryFocal>)
      return {"binary focal loss", probabilities, l.from_logits ? any : probabilities, kSigmoid};
    if constexpr (std::is_same_v<L, CategoricalFocal>)
      return {"categorical focal loss", rows_of_probabilities, l.from_logits ? any : probabilities, kSoftmax};
    if constexpr (std::is_same_v<L, CrossEntropy>) return {"cross-entropy", rows_of_probabilities, any, ""};
    if constexpr (std::is_same_v<L, KLDivergence>)
      return {"KL divergence", rows_of_probabilities, probabilities, "end the network in softmax"};
    if constexpr (std::is_same_v<L, Tversky>) return {"Tversky loss", probabilities, probabilities, kEither};
    if constexpr (std::is_same_v<L, Dice>) return {"Dice loss", probabilities, probabilities, kEither};
    if constexpr (std::is_same_v<L, NegativeLogLikelihood>)
      return {"log-likelihood", any, log_probabilities, "end the network in log_softmax"};
    if constexpr (std::is_same_v<L, Poisson>)
      return {"Poisson loss", not_negative, not_negative, "end the network in softplus, exponential or relu"};
    return {};
  };
  return std::visit(rules, loss);
}

template <class T>
std::int64_t sample_of(std::int64_t element, TensorView<const T> values) {
  return element / (values.size() / values.shape()[0]);
}

template <class T>
void check_targets_from(TensorView<const T> targets, double most, std::string_view wanted, std::string_view of,
                        std::string_view who) {
  const auto wrong =
      std::find_if(targets.begin(), targets.end(), [&](T t) { return !(t >= 0 && static_cast<double>(t) <= most); });
  if (wrong == targets.end()) return;
  throw std::invalid_argument(detail::formatted("{}: the {}'s targets must be {}, but sample {} has {}", who, of,
                                                wanted, sample_of(wrong - targets.begin(), targets), *wrong));
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
  const Rules rules = rules_of(loss);
  if (rules.targets == Values::probabilities) check_targets_from(targets, 1, "in [0, 1]", rules.name, who);
  if (rules.targets == Values::not_negative)
    check_targets_from(targets, std::numeric_limits<double>::max(), "finite and at least 0", rules.name, who);
  if (rules.targets == Values::rows_of_probabilities) check_rows(targets, rules.name, who);
}

// The outputs that a loss is of, and how they are told.
struct OutputRange {
  double least, most;
  std::string_view wanted;
};

OutputRange output_range(Values outputs) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (outputs == Values::probabilities) return {0, 1 + kTolerance, "in [0, 1]"};
  if (outputs == Values::log_probabilities)
    return {-kInfinity, kTolerance, "of at most 0, logarithms of probabilities"};
  return {0, kInfinity, "of at least 0"};
}

template <class T>
void check_outputs(const Loss& loss, TensorView<const T> outputs, std::string_view who) {
  const Rules rules = rules_of(loss);
  if (rules.outputs == Values::any || outputs.shape().rank() == 0) return;
  const OutputRange range = output_range(rules.outputs);
  const T least = static_cast<T>(range.least), most = static_cast<T>(range.most);
  // NaN is let through.
  const auto wrong = std::find_if(outputs.begin(), outputs.end(), [&](T y) { return y < least || y > most; });
  if (wrong == outputs.end()) return;
  throw std::invalid_argument(detail::formatted("{}: the {} is of outputs {}, but sample {} of a batch has {}: {}", who,
                                                rules.name, range.wanted, sample_of(wrong - outputs.begin(), outputs),
                                                *wrong, rules.way_out));
}

}  // namespace

void check_target_values(const Loss& loss, TensorView<const float> targets, std::string_view who) {
  check(loss, targets, who);
}
void check_target_values(const Loss& loss, TensorView<const double> targets, std::string_view who) {
  check(loss, targets, who);
}

bool takes_any_output(const Loss& loss) { return rules_of(loss).outputs == Values::any; }
void check_output_values(const Loss& loss, TensorView<const float> outputs, std::string_view who) {
  check_outputs(loss, outputs, who);
}
void check_output_values(const Loss& loss, TensorView<const double> outputs, std::string_view who) {
  check_outputs(loss, outputs, who);
}

}  // namespace hubel
