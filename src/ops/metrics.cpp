// Counts of a classifier's answers. Rows are looked through by threads; counting their answers is little beside it.
#include "hubel/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "hubel/loss.hpp"
#include "ops/argmax.hpp"
#include "ops/checks.hpp"
#include "ops/loss_checks.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

double ratio(double part, double whole) { return whole != 0 ? part / whole : 0; }

// From counts of what was right, what was taken for the class, and what was of it.
ClassScores scores_of(double right, double taken, double support) {
  return {ratio(right, taken), ratio(right, support), ratio(2 * right, taken + support), support};
}

void check_k(std::string_view who, std::int64_t k) {
  if (k < 1) throw std::invalid_argument(detail::formatted("{}: k is {} but must be at least 1", who, k));
}

// How many outputs come before the label's, the largest first: NaN before all, equal ones in their order. A label's NaN
// comes after all.
template <class T>
std::int32_t rank_of(const T* outputs, std::int64_t classes, std::int64_t label) {
  const T own = outputs[label];
  if (std::isnan(own)) return static_cast<std::int32_t>(classes);
  std::int32_t before = 0;
  for (std::int64_t c = 0; c < classes; ++c) before += !(outputs[c] <= own) || (c < label && outputs[c] == own);
  return before;
}

// What a row answers, and the rank of its label.
struct Answer {
  std::int32_t place, rank;
};

// Of each row, whose label is label_of(row); those with the label to be ignored get a rank of -1.
template <class T, class LabelOf>
std::span<const Answer> answers_of(const T* outputs, const detail::LossRows& shape, const LabelOf& label_of,
                                   std::optional<std::int32_t> ignored) {
  constexpr std::int64_t kRun = 1 << 14;  // elements
  constexpr double kFlopsPerElement = 3;
  Answer* answers = detail::scratch<Answer>(detail::Scratch::partials, static_cast<std::size_t>(shape.rows));
  const std::int64_t run = std::max<std::int64_t>(1, kRun / shape.classes), runs = (shape.rows + run - 1) / run;
  const double elements = static_cast<double>(shape.rows) * static_cast<double>(shape.classes);
  detail::parallel_for(runs, kFlopsPerElement * elements, [&](std::int64_t i) {
    for (std::int64_t row = i * run; row < std::min((i + 1) * run, shape.rows); ++row) {
      const T* x = outputs + row * shape.classes;
      const std::int32_t label = label_of(row);
      answers[row] = {static_cast<std::int32_t>(detail::argmax(x, shape.classes)),
                      label != ignored ? rank_of(x, shape.classes, label) : -1};
    }
  });
  return {answers, static_cast<std::size_t>(shape.rows)};
}

constexpr std::string_view kTopK = "top_k_accuracy";

double share_among(std::span<const Answer> answers, std::int64_t k) {
  std::int64_t among = 0, rows = 0;
  for (const Answer& answer : answers) {
    among += answer.rank >= 0 && answer.rank < k;
    rows += answer.rank >= 0;
  }
  return ratio(static_cast<double>(among), static_cast<double>(rows));
}

template <class T>
double top_k(TensorView<const T> outputs, std::span<const std::int32_t> labels, std::int64_t k,
             std::optional<std::int32_t> ignored) {
  const detail::LossRows shape = detail::check_rows(kTopK, "outputs", outputs.shape());
  detail::check_row_labels(kTopK, "outputs", shape, labels, ignored);
  check_k(kTopK, k);
  const auto label_of = [&](std::int64_t row) { return labels[static_cast<std::size_t>(row)]; };
  return share_among(answers_of(outputs.data(), shape, label_of, ignored), k);
}

template <class T>
double top_k(TensorView<const T> outputs, TensorView<const T> targets, std::int64_t k) {
  const detail::LossRows shape = detail::check_rows(kTopK, "outputs", outputs.shape());
  if (targets.shape().rank() < 1 || targets.size() != outputs.size() || targets.shape().back() != shape.classes) {
    throw std::invalid_argument(
        detail::formatted("{}: targets has shape {} but must have a row for each of outputs, {}", kTopK,
                          targets.shape().to_string(), outputs.shape().to_string()));
  }
  check_k(kTopK, k);
  const auto label_of = [&](std::int64_t row) {
    return static_cast<std::int32_t>(detail::argmax(targets.data() + row * shape.classes, shape.classes));
  };
  return share_among(answers_of(outputs.data(), shape, label_of, std::nullopt), k);
}

template <class T>
double accuracy_of_sides(TensorView<const T> outputs, TensorView<const T> targets, double threshold) {
  detail::check_shape("binary_accuracy", "targets", targets.shape(), outputs.shape(), "the shape of outputs");
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < outputs.size(); ++i)
    right += (static_cast<double>(outputs[i]) > threshold) == (static_cast<double>(targets[i]) > 0.5);
  return ratio(static_cast<double>(right), static_cast<double>(outputs.size()));
}

template <class T>
double mean_error(TensorView<const T> outputs, TensorView<const T> targets) {
  detail::check_shape("mean_absolute_error", "targets", targets.shape(), outputs.shape(), "the shape of outputs");
  return compute_loss(MeanAbsoluteError{}, outputs, targets).loss;
}

}  // namespace

// ---- The confusion matrix --------------------------------------------------------------------------------------

ConfusionMatrix::ConfusionMatrix(std::int64_t classes) : classes_(classes) {
  if (classes < 1)
    throw std::invalid_argument(detail::formatted("ConfusionMatrix: classes is {} but must be at least 1", classes));
  counts_.resize(static_cast<std::size_t>(Shape{classes, classes}.elements()));
}

void ConfusionMatrix::add(std::span<const std::int32_t> labels, std::span<const std::int32_t> answers) {
  if (labels.size() != answers.size()) {
    throw std::invalid_argument(detail::formatted("ConfusionMatrix: {} but {}",
                                                  detail::counted(std::ssize(labels), "label"),
                                                  detail::counted(std::ssize(answers), "answer")));
  }
  const auto check = [this](std::string_view name, std::span<const std::int32_t> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] >= 0 && values[i] < classes_) continue;
      throw std::invalid_argument(
          detail::formatted("ConfusionMatrix: {}[{}] is {} but must be in [0, {})", name, i, values[i], classes_));
    }
  };
  check("labels", labels);
  check("answers", answers);
  for (std::size_t i = 0; i < labels.size(); ++i)
    ++counts_[static_cast<std::size_t>(labels[i] * classes_ + answers[i])];
}

void ConfusionMatrix::clear() { std::fill(counts_.begin(), counts_.end(), 0); }

std::int64_t ConfusionMatrix::count() const { return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0}); }

double ConfusionMatrix::accuracy() const { return scores(Average::micro).recall; }

std::vector<ClassScores> ConfusionMatrix::scores() const {
  std::vector<ClassScores> result;
  for (std::int64_t c = 0; c < classes_; ++c) {
    std::int64_t taken = 0, support = 0;
    for (std::int64_t other = 0; other < classes_; ++other) {
      taken += (*this)(other, c);
      support += (*this)(c, other);
    }
    result.push_back(
        scores_of(static_cast<double>((*this)(c, c)), static_cast<double>(taken), static_cast<double>(support)));
  }
  return result;
}

ClassScores ConfusionMatrix::scores(Average average) const {
  const double samples = static_cast<double>(count());
  if (average == Average::micro) {
    std::int64_t right = 0;
    for (std::int64_t c = 0; c < classes_; ++c) right += (*this)(c, c);
    return scores_of(static_cast<double>(right), samples, samples);
  }
  ClassScores mean{0, 0, 0, samples};
  for (const ClassScores& own : scores()) {
    const double share = average == Average::macro ? 1 / static_cast<double>(classes_) : ratio(own.support, samples);
    mean.precision += share * own.precision;
    mean.recall += share * own.recall;
    mean.f1 += share * own.f1;
  }
  return mean;
}

// ---- Metrics ---------------------------------------------------------------------------------------------------

double top_k_accuracy(TensorView<const float> outputs, std::span<const std::int32_t> labels, std::int64_t k,
                      std::optional<std::int32_t> ignore_label) {
  return top_k(outputs, labels, k, ignore_label);
}
double top_k_accuracy(TensorView<const double> outputs, std::span<const std::int32_t> labels, std::int64_t k,
                      std::optional<std::int32_t> ignore_label) {
  return top_k(outputs, labels, k, ignore_label);
}
double top_k_accuracy(TensorView<const float> outputs, TensorView<const float> targets, std::int64_t k) {
  return top_k(outputs, targets, k);
}
double top_k_accuracy(TensorView<const double> outputs, TensorView<const double> targets, std::int64_t k) {
  return top_k(outputs, targets, k);
}
double binary_accuracy(TensorView<const float> outputs, TensorView<const float> targets, double threshold) {
  return accuracy_of_sides(outputs, targets, threshold);
}
double binary_accuracy(TensorView<const double> outputs, TensorView<const double> targets, double threshold) {
  return accuracy_of_sides(outputs, targets, threshold);
}
double mean_absolute_error(TensorView<const float> outputs, TensorView<const float> targets) {
  return mean_error(outputs, targets);
}
double mean_absolute_error(TensorView<const double> outputs, TensorView<const double> targets) {
  return mean_error(outputs, targets);
}

Metrics::Metrics(std::int64_t classes, const MetricsOptions& options) : options_(options), confusion_(classes) {
  check_k("Metrics", options.top_k);
}

template <class T>
void Metrics::add_batch(TensorView<const T> outputs, std::span<const std::int32_t> labels) {
  const detail::LossRows shape = detail::check_rows("Metrics", "outputs", outputs.shape());
  if (shape.classes != confusion_.classes()) {
    throw std::invalid_argument(detail::formatted("Metrics: outputs has shape {} but must have {} as its last axis",
                                                  outputs.shape().to_string(), confusion_.classes()));
  }
  detail::check_row_labels("Metrics", "outputs", shape, labels, options_.ignore_label);
  const auto label_of = [&](std::int64_t row) { return labels[static_cast<std::size_t>(row)]; };
  const auto answers = answers_of(outputs.data(), shape, label_of, options_.ignore_label);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].rank < 0) continue;
    confusion_.add(labels.subspan(i, 1), std::span(&answers[i].place, 1));
    first_ += answers[i].rank == 0;
    among_k_ += answers[i].rank < options_.top_k;
  }
}

void Metrics::add(TensorView<const float> outputs, std::span<const std::int32_t> labels) { add_batch(outputs, labels); }
void Metrics::add(TensorView<const double> outputs, std::span<const std::int32_t> labels) {
  add_batch(outputs, labels);
}

void Metrics::clear() {
  confusion_.clear();
  first_ = among_k_ = 0;
}

double Metrics::share(std::int64_t n) const { return ratio(static_cast<double>(n), static_cast<double>(count())); }

}  // namespace hubel
