// How well outputs agree with what was wanted: counts of a classifier's answers, and what is commonly read off them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// Of one class, or an average over classes. A share whose denominator is 0 is 0 (scikit-learn's zero_division=0).
struct ClassScores {
  double precision = 0;  // of what was taken for the class, the share that was of it
  double recall = 0;     // of what was of the class, the share that was taken for it
  double f1 = 0;         // their harmonic mean
  double support = 0;    // samples of the class; of an average, all samples
};

enum class Average {
  macro,    // the mean over the classes, each counting the same
  micro,    // of the counts summed over the classes: the accuracy, where each sample has one label
  weighted  // the mean over the classes, weighted by their samples
};

// Counts of (label, answer).
class ConfusionMatrix {
 public:
  // Throws std::invalid_argument for fewer than one class.
  explicit ConfusionMatrix(std::int64_t classes);

  // Throws std::invalid_argument for a label or an answer that is not a class, before anything is counted.
  void add(std::span<const std::int32_t> labels, std::span<const std::int32_t> answers);
  void clear();

  std::int64_t classes() const { return classes_; }
  std::int64_t count() const;  // of samples
  std::int64_t operator()(std::int64_t label, std::int64_t answer) const {
    return counts_[static_cast<std::size_t>(label * classes_ + answer)];
  }
  std::span<const std::int64_t> counts() const { return counts_; }  // (classes, classes), a row for each label

  double accuracy() const;
  std::vector<ClassScores> scores() const;  // of each class
  // scikit-learn's, with all the classes for its labels. Of F1, too, it is the classes' own that are averaged.
  ClassScores scores(Average average) const;

 private:
  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
};

// The share of rows whose label is among the k largest outputs, of equal ones the first. outputs (m, classes) or with
// more axes before the classes, whose order alone counts: logits will do. NaN is larger than any number, and as a
// label's output it is wrong. Rows with the label to be ignored, which need not be a class, are left out. Throws
// std::invalid_argument for a shape or labels that do not fit, or k below 1. 0 for no rows.
double top_k_accuracy(TensorView<const float> outputs, std::span<const std::int32_t> labels, std::int64_t k,
                      std::optional<std::int32_t> ignore_label = {});
double top_k_accuracy(TensorView<const double> outputs, std::span<const std::int32_t> labels, std::int64_t k,
                      std::optional<std::int32_t> ignore_label = {});
// The same with a row of targets for each row of outputs, whose largest, the first of equal ones, is the label: as many
// elements as outputs has.
double top_k_accuracy(TensorView<const float> outputs, TensorView<const float> targets, std::int64_t k);
double top_k_accuracy(TensorView<const double> outputs, TensorView<const double> targets, std::int64_t k);

// The share of elements on the same side of 1/2 as their target, or outputs above the threshold and targets above 1/2
// (Keras's). For logits the threshold is 0. Throws std::invalid_argument when the shapes differ. 0 for no elements.
double binary_accuracy(TensorView<const float> outputs, TensorView<const float> targets, double threshold = 0.5);
double binary_accuracy(TensorView<const double> outputs, TensorView<const double> targets, double threshold = 0.5);

// The mean of |output - target|. Throws std::invalid_argument when the shapes differ. 0 for no elements.
double mean_absolute_error(TensorView<const float> outputs, TensorView<const float> targets);
double mean_absolute_error(TensorView<const double> outputs, TensorView<const double> targets);

struct MetricsOptions {
  std::int64_t top_k = 5;
  std::optional<std::int32_t> ignore_label = {};  // rows with it are left out
};

// What a classifier says over many batches.
class Metrics {
 public:
  // Throws std::invalid_argument for fewer than one class or top_k below 1.
  explicit Metrics(std::int64_t classes, const MetricsOptions& options = {});

  // Outputs and labels as top_k_accuracy takes them, whose last axis must be the classes.
  void add(TensorView<const float> outputs, std::span<const std::int32_t> labels);
  void add(TensorView<const double> outputs, std::span<const std::int32_t> labels);
  void clear();

  std::int64_t count() const { return confusion_.count(); }  // of rows that were not ignored
  double accuracy() const { return share(first_); }          // 0 for no rows, as the next
  double top_k_accuracy() const { return share(among_k_); }
  // A row's answer is its largest output, the first of equal ones. (Of NaN the first; the confusion may hold it for
  // right, the accuracies do not.)
  const ConfusionMatrix& confusion() const { return confusion_; }

 private:
  template <class T>
  void add_batch(TensorView<const T> outputs, std::span<const std::int32_t> labels);
  double share(std::int64_t n) const;

  MetricsOptions options_;
  ConfusionMatrix confusion_;
  std::int64_t first_ = 0, among_k_ = 0;  // rows whose label is the answer, or among the k largest
};

}  // namespace hubel
