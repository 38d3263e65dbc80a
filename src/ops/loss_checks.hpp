// Whether outputs, targets and options of a loss fit together, and how it is told.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hubel/loss.hpp"

namespace hubel::detail {

// The rows of an array along its last axis, the classes.
struct LossRows {
  std::int64_t rows, classes;
};

// Factors of the losses of samples, or of rows.
struct RowWeights {
  const float* values = nullptr;  // null: all are 1
  std::int64_t rows_each = 1;     // that share a weight, one after another

  double of(std::int64_t row) const { return values ? static_cast<double>(values[row / rows_each]) : 1; }
};

// Each throws std::invalid_argument; `name` is what the outputs are called.
// At least two axes and one class:
LossRows check_rows(std::string_view who, std::string_view name, const Shape& outputs);
// One label for each row, in the range of the classes or the one to be ignored:
void check_row_labels(std::string_view who, std::string_view name, const LossRows& outputs,
                      std::span<const std::int32_t> labels, std::optional<std::int32_t> ignore_label);
// No weights, or one for each class, finite and at least 0:
void check_class_weights(std::string_view who, std::int64_t classes, std::span<const double> weights);
// The same, but for their number:
void check_class_weights(std::string_view who, std::span<const double> weights);

// No weights, or one for each sample or row of the outputs (m, ..., classes), finite and at least 0. Where there is but
// one axis each element is a row.
RowWeights check_sample_weights(std::string_view who, std::string_view name, const Shape& outputs,
                                std::span<const float> weights);

// The options of softmax_cross_entropy, but for the label to be ignored and the samples' weights:
void check_options(std::string_view who, const LossRows& logits, const CrossEntropyOptions& options);
// All of softmax_cross_entropy's for logits that must be (m, classes):
void check_labels(const Shape& logits, std::span<const std::int32_t> labels, const CrossEntropyOptions& options);

}  // namespace hubel::detail
