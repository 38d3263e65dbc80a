// Softmax cross-entropy of whole batches: a label or a row of targets for each row of logits.
#include <algorithm>
#include <stdexcept>

#include "hubel/loss.hpp"
#include "ops/checks.hpp"
#include "ops/loss_sums.hpp"

namespace hubel {

namespace {

constexpr std::string_view kWho = "softmax_cross_entropy";
constexpr double kFlopsPerElement = 20;  // an exponential and two divisions

template <class T>
T* checked_gradient(TensorView<T> dlogits, const Shape& logits) {
  if (!dlogits.data() && dlogits.shape().rank() == 0) return nullptr;
  detail::check_shape(kWho, "dlogits", dlogits.shape(), logits, "the shape of logits");
  return dlogits.data();
}

template <class T>
LossResult cross_entropy(const T* logits, const detail::LossRows& shape, const detail::RowTargets<T>& targets,
                         double divisor, T* gradient, const CrossEntropyOptions& options) {
  const auto add = [&](std::int64_t begin, std::int64_t end, detail::LossSum& sum) {
    detail::RowLoss losses[detail::kMostRows];
    const std::int64_t block = detail::block_rows(shape.classes);
    for (std::int64_t row = begin; row < end; row += block) {
      const std::int64_t n = std::min(block, end - row), at = row * shape.classes;
      const detail::RowTargets<T> own = {targets.labels ? targets.labels + row : nullptr,
                                         targets.rows ? targets.rows + at : nullptr, targets.weights, row};
      detail::rows_cross_entropy(logits + at, n, shape.classes, own, divisor, gradient ? gradient + at : nullptr,
                                 options, losses);
      for (std::int64_t i = 0; i < n; ++i) {
        if (!options.losses.empty())
          options.losses[static_cast<std::size_t>(row + i)] = static_cast<float>(losses[i].loss);
        sum.add(losses[i]);
      }
    }
  };
  return detail::mean_over_rows(shape.rows, shape.classes, kFlopsPerElement, divisor, add);
}

template <class T>
LossResult of_labels(TensorView<const T> logits, std::span<const std::int32_t> labels, TensorView<T> dlogits,
                     const CrossEntropyOptions& options) {
  const detail::LossRows shape = detail::check_rows(kWho, "logits", logits.shape());
  detail::check_row_labels(kWho, "logits", shape, labels, options.ignore_label);
  detail::check_options(kWho, shape, options);
  const detail::RowWeights weights =
      detail::check_sample_weights(kWho, "logits", logits.shape(), options.sample_weights);
  T* gradient = checked_gradient(dlogits, logits.shape());
  const double divisor = detail::loss_divisor(labels, options.class_weights, options.ignore_label);
  return cross_entropy(logits.data(), shape, {labels.data(), nullptr, weights}, divisor, gradient, options);
}

template <class T>
LossResult of_targets(TensorView<const T> logits, TensorView<const T> targets, TensorView<T> dlogits,
                      const CrossEntropyOptions& options) {
  const detail::LossRows shape = detail::check_rows(kWho, "logits", logits.shape());
  detail::check_shape(kWho, "targets", targets.shape(), logits.shape(), "the shape of logits");
  detail::check_options(kWho, shape, options);
  if (options.ignore_label) {
    throw std::invalid_argument(
        "softmax_cross_entropy: ignore_label is given with rows of targets, but goes with labels only");
  }
  const detail::RowWeights weights =
      detail::check_sample_weights(kWho, "logits", logits.shape(), options.sample_weights);
  T* gradient = checked_gradient(dlogits, logits.shape());
  return cross_entropy(logits.data(), shape, {nullptr, targets.data(), weights}, static_cast<double>(shape.rows),
                       gradient, options);
}

}  // namespace

LossResult softmax_cross_entropy(TensorView<const float> logits, std::span<const std::int32_t> labels,
                                 TensorView<float> dlogits, const CrossEntropyOptions& options) {
  return of_labels(logits, labels, dlogits, options);
}
LossResult softmax_cross_entropy(TensorView<const double> logits, std::span<const std::int32_t> labels,
                                 TensorView<double> dlogits, const CrossEntropyOptions& options) {
  return of_labels(logits, labels, dlogits, options);
}
LossResult softmax_cross_entropy(TensorView<const float> logits, TensorView<const float> targets,
                                 TensorView<float> dlogits, const CrossEntropyOptions& options) {
  return of_targets(logits, targets, dlogits, options);
}
LossResult softmax_cross_entropy(TensorView<const double> logits, TensorView<const double> targets,
                                 TensorView<double> dlogits, const CrossEntropyOptions& options) {
  return of_targets(logits, targets, dlogits, options);
}

}  // namespace hubel
