// The cross-entropy of a softmax row by row, for batches that are computed in pieces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "hubel/loss.hpp"
#include "ops/compensated_sum.hpp"
#include "ops/loss_checks.hpp"

namespace hubel::detail {

// What the losses and gradients of labelled rows are divided by: the rows' number or the sum of their labels' weights,
// without the ignored.
double loss_divisor(std::span<const std::int32_t> labels, std::span<const double> class_weights,
                    std::optional<std::int32_t> ignore_label);

// The loss's options, which refer to it.
inline CrossEntropyOptions cross_entropy_options(const CrossEntropy& loss, std::span<const float> sample_weights = {}) {
  return {.label_smoothing = loss.label_smoothing,
          .class_weights = loss.class_weights,
          .ignore_label = loss.ignore_label,
          .sample_weights = sample_weights};
}

struct RowLoss {
  double loss;
  bool correct;
};

// Rows' answers: labels, or, where `rows` is not null, a number for each class; and their weights, which are those from
// the row `first` on.
template <class T>
struct RowTargets {
  const std::int32_t* labels = nullptr;
  const T* rows = nullptr;
  RowWeights weights = {};
  std::int64_t first = 0;
};

// Rows whose exponentials are taken together, for many rows are short: at most kMostRows, of about 32 KiB.
inline constexpr std::int64_t kMostRows = 64;
inline std::int64_t block_rows(std::int64_t classes) {
  return std::clamp<std::int64_t>(4096 / std::max<std::int64_t>(classes, 1), 1, kMostRows);
}

// The losses, before they are divided, of `rows` rows (at most block_rows) that lie one behind the other; with
// `gradient`, if that is not null, also that of their logits, divided. The options' `losses` and `sample_weights` are
// the caller's business.
template <class T>
void rows_cross_entropy(const T* logits, std::int64_t rows, std::int64_t classes, const RowTargets<T>& targets,
                        double divisor, T* gradient, const CrossEntropyOptions& options, RowLoss* losses);

// The same for one row, the number `row`, with a label.
template <class T>
RowLoss row_cross_entropy(const T* logits, std::int64_t classes, std::int32_t label, std::int64_t row, double divisor,
                          T* gradient, const CrossEntropyOptions& options) {
  RowLoss loss;
  const std::span<const float> weights = options.sample_weights;
  const RowTargets<T> target = {&label, nullptr, {weights.empty() ? nullptr : weights.data(), 1}, row};
  rows_cross_entropy(logits, 1, classes, target, divisor, gradient, options, &loss);
  return loss;
}

// The batch's result from its rows', in their order.
class LossSum {
 public:
  void add(const RowLoss& row) {
    loss_.add(row.loss);
    correct_ += row.correct;
  }
  void add(const LossSum& rows) {
    loss_.add(rows.loss_.value());
    correct_ += rows.correct_;
  }
  LossResult mean(double divisor) const { return {divisor > 0 ? loss_.value() / divisor : 0, correct_, divisor}; }

 private:
  CompensatedSum loss_;
  std::int64_t correct_ = 0;
};

}  // namespace hubel::detail
