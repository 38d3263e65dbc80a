// Softmax cross-entropy. A batch of logits is small beside what made them, so this runs on the calling thread, in
// double.
#include "hubel/loss.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/loss_rows.hpp"
#include "ops/workspace.hpp"

namespace hubel {

namespace {

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
  detail::check_labels(logits.shape(), labels, options);
  const bool backward = dlogits.data() || dlogits.shape().rank() > 0;
  if (backward)
    detail::check_shape("softmax_cross_entropy", "dlogits", dlogits.shape(), logits.shape(), "the shape of logits");
  const std::int64_t m = logits.shape()[0], classes = logits.shape()[1];
  detail::LossSum sum;
  for (std::int64_t i = 0; i < m; ++i) {
    const detail::RowLoss row =
        detail::row_cross_entropy(logits.data() + i * classes, classes, labels[static_cast<std::size_t>(i)], m,
                                  backward ? dlogits.data() + i * classes : nullptr, options.skip_above);
    if (!options.losses.empty()) options.losses[static_cast<std::size_t>(i)] = static_cast<float>(row.loss);
    sum.add(row);
  }
  return sum.mean(m);
}

}  // namespace

namespace detail {

void check_labels(const Shape& logits, std::span<const std::int32_t> labels, const CrossEntropyOptions& options) {
  constexpr std::string_view who = "softmax_cross_entropy";
  check_rank(who, "logits", logits, 2, "(m, classes)");
  const std::int64_t m = logits[0], classes = logits[1];
  if (static_cast<std::int64_t>(labels.size()) != m) {
    throw std::invalid_argument(fmt::format("{}: labels has {} but logits has {} (logits is (m, classes))", who,
                                            counted(static_cast<std::int64_t>(labels.size()), "label"),
                                            counted(m, "row")));
  }
  if (!options.losses.empty() && std::ssize(options.losses) != m) {
    throw std::invalid_argument(fmt::format("{}: losses has {} but logits has {} (logits is (m, classes))", who,
                                            counted(std::ssize(options.losses), "element"), counted(m, "row")));
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

template <class T>
RowLoss row_cross_entropy(const T* logits, std::int64_t classes, std::int32_t label, std::int64_t m, T* gradient,
                          double skip_above) {
  const std::int64_t best = argmax(logits, classes);
  const double top = static_cast<double>(logits[best]);
  double* exponentials = scratch<double>(Scratch::partials, static_cast<std::size_t>(classes));
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    exponentials[c] = std::exp(static_cast<double>(logits[c]) - top);
    sum += exponentials[c];
  }
  const bool learned = exponentials[label] / sum > skip_above;
  if (gradient && learned) std::fill_n(gradient, classes, T(0));
  for (std::int64_t c = 0; gradient && !learned && c < classes; ++c) {
    const double p = exponentials[c] / sum;
    gradient[c] = static_cast<T>((p - (c == label ? 1.0 : 0.0)) / static_cast<double>(m));
  }
  return {std::log(sum) - (static_cast<double>(logits[label]) - top), best == label && !std::isnan(logits[best])};
}

template RowLoss row_cross_entropy(const float*, std::int64_t, std::int32_t, std::int64_t, float*, double);
template RowLoss row_cross_entropy(const double*, std::int64_t, std::int32_t, std::int64_t, double*, double);

}  // namespace detail

LossResult softmax_cross_entropy(TensorView<const float> logits, std::span<const std::int32_t> labels,
                                 TensorView<float> dlogits, const CrossEntropyOptions& options) {
  return cross_entropy(logits, labels, dlogits, options);
}
LossResult softmax_cross_entropy(TensorView<const double> logits, std::span<const std::int32_t> labels,
                                 TensorView<double> dlogits, const CrossEntropyOptions& options) {
  return cross_entropy(logits, labels, dlogits, options);
}

}  // namespace hubel
