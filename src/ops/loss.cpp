// Softmax cross-entropy. A batch of logits is small beside what made them, so this runs on the calling thread, in
// double.
#include "hubel/loss.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/checks.hpp"

namespace hubel {

namespace {

void check(const Shape& logits, std::span<const std::int32_t> labels, std::span<const float> losses) {
  constexpr std::string_view who = "softmax_cross_entropy";
  detail::check_rank(who, "logits", logits, 2, "(m, classes)");
  const std::int64_t m = logits[0], classes = logits[1];
  if (static_cast<std::int64_t>(labels.size()) != m) {
    throw std::invalid_argument(fmt::format("{}: labels has {} but logits has {} (logits is (m, classes))", who,
                                            detail::counted(static_cast<std::int64_t>(labels.size()), "label"),
                                            detail::counted(m, "row")));
  }
  if (!losses.empty() && std::ssize(losses) != m) {
    throw std::invalid_argument(fmt::format("{}: losses has {} but logits has {} (logits is (m, classes))", who,
                                            detail::counted(std::ssize(losses), "element"), detail::counted(m, "row")));
  }
  if (classes < 1) {
    throw std::invalid_argument(
        fmt::format("{}: logits has shape {} but needs at least one class", who, logits.to_string()));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes) {
      throw std::invalid_argument(
          fmt::format("{}: labels[{}] is {} but must be in [0, {})", who, i, labels[i], classes));
    }
  }
}

// The first of the largest; a NaN counts as the largest, so that a network gone wrong is never right by accident.
template <class T>
std::int64_t argmax(const T* x, std::int64_t n) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    if (x[i] > x[best] || (std::isnan(x[i]) && !std::isnan(x[best]))) best = i;
  }
  return best;
}

template <class T>
LossResult cross_entropy(TensorView<const T> logits, std::span<const std::int32_t> labels, TensorView<T> dlogits,
                         const CrossEntropyOptions& options) {
  check(logits.shape(), labels, options.losses);
  const bool backward = dlogits.data() || dlogits.shape().rank() > 0;
  if (backward)
    detail::check_shape("softmax_cross_entropy", "dlogits", dlogits.shape(), logits.shape(), "the shape of logits");
  const std::int64_t m = logits.shape()[0], classes = logits.shape()[1];
  LossResult result;
  double compensation = 0;  // what rounding took from the sum so far (Kahan 1965)
  for (std::int64_t i = 0; i < m; ++i) {
    const T* row = logits.data() + i * classes;
    const std::int64_t best = argmax(row, classes), label = labels[static_cast<std::size_t>(i)];
    const double top = static_cast<double>(row[best]);
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(row[c]) - top);
    const double loss = std::log(sum) - (static_cast<double>(row[label]) - top);
    if (!options.losses.empty()) options.losses[static_cast<std::size_t>(i)] = static_cast<float>(loss);
    const double term = loss - compensation;
    const double total = result.loss + term;
    compensation = std::isfinite(total) ? (total - result.loss) - term : 0.0;
    result.loss = total;
    result.correct += best == label && !std::isnan(row[best]);
    if (!backward) continue;
    T* gradient = dlogits.data() + i * classes;
    if (std::exp(static_cast<double>(row[label]) - top) / sum > options.skip_above) {
      std::fill_n(gradient, classes, T(0));
      continue;
    }
    for (std::int64_t c = 0; c < classes; ++c) {
      const double p = std::exp(static_cast<double>(row[c]) - top) / sum;
      gradient[c] = static_cast<T>((p - (c == label ? 1.0 : 0.0)) / static_cast<double>(m));
    }
  }
  if (m > 0) result.loss /= static_cast<double>(m);
  return result;
}

}  // namespace

LossResult softmax_cross_entropy(TensorView<const float> logits, std::span<const std::int32_t> labels,
                                 TensorView<float> dlogits, const CrossEntropyOptions& options) {
  return cross_entropy(logits, labels, dlogits, options);
}
LossResult softmax_cross_entropy(TensorView<const double> logits, std::span<const std::int32_t> labels,
                                 TensorView<double> dlogits, const CrossEntropyOptions& options) {
  return cross_entropy(logits, labels, dlogits, options);
}

}  // namespace hubel
