// The cross-entropy of a softmax row by row, in double.
#include "ops/loss_rows.hpp"

#include <cmath>

#include "ops/argmax.hpp"
#include "ops/workspace.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// A row's softmax is exponentials / sum, its logits less their largest, `top`, having been raised.
struct Softmax {
  const double* exponentials;
  double sum, top;
  std::int64_t best;
};

double weight_of(std::int64_t label, const CrossEntropyOptions& options) {
  return options.class_weights.empty() ? 1 : options.class_weights[static_cast<std::size_t>(label)];
}

// The loss -w log p_label and its gradient w (p - onehot(label)) / divisor.
template <class T>
double label_loss(const Softmax& s, const T* logits, std::int64_t classes, std::int64_t label, double weight,
                  double divisor, T* gradient) {
  for (std::int64_t c = 0; gradient && c < classes; ++c)
    gradient[c] = static_cast<T>(weight * (s.exponentials[c] / s.sum) / divisor);
  if (gradient) gradient[label] = static_cast<T>(weight * (s.exponentials[label] / s.sum - 1.0) / divisor);
  return weight * (std::log(s.sum) - (static_cast<double>(logits[label]) - s.top));
}

// The loss -sum_c a_c log p_c, a_c = coefficient(c), and its gradient (p sum_c a_c - a) / divisor. A class without a
// coefficient may be ruled out, its logarithm infinite.
template <class T, class Coefficient>
double spread_loss(const Softmax& s, const T* logits, std::int64_t classes, const Coefficient& coefficient,
                   double divisor, T* gradient) {
  const double log_sum = std::log(s.sum);
  double total = 0, loss = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    const double a = coefficient(c);
    total += a;
    if (a != 0) loss += a * (log_sum - (static_cast<double>(logits[c]) - s.top));
  }
  for (std::int64_t c = 0; gradient && c < classes; ++c)
    gradient[c] = static_cast<T>((total * (s.exponentials[c] / s.sum) - coefficient(c)) / divisor);
  return loss;
}

// One row. `target` is null for a label alone.
template <class T>
RowLoss finish_row(const Softmax& s, const T* logits, std::int64_t classes, std::int64_t label, const T* target,
                   double divisor, T* gradient, const CrossEntropyOptions& options) {
  const bool correct = s.best == label && !std::isnan(logits[s.best]);
  const bool learned = options.skip_above < 1 && s.exponentials[label] / s.sum > options.skip_above;
  if (gradient && learned) std::fill_n(gradient, classes, T(0));
  if (learned) gradient = nullptr;
  const double e = options.label_smoothing, share = e / static_cast<double>(classes);
  if (target) {
    const auto coefficient = [&](std::int64_t c) {
      return weight_of(c, options) * ((1 - e) * static_cast<double>(target[c]) + share);
    };
    return {spread_loss(s, logits, classes, coefficient, divisor, gradient), correct};
  }
  if (e == 0) return {label_loss(s, logits, classes, label, weight_of(label, options), divisor, gradient), correct};
  const auto coefficient = [&](std::int64_t c) { return weight_of(c, options) * (share + (c == label ? 1 - e : 0)); };
  return {spread_loss(s, logits, classes, coefficient, divisor, gradient), correct};
}

// exponentials[i] = exp(logits[i] - the largest of its row), and where that is.
template <class T>
void take_exponentials(const T* logits, std::int64_t rows, std::int64_t classes, double* exponentials,
                       std::int64_t* best) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const T* x = logits + row * classes;
    best[row] = argmax(x, classes);
    const double top = static_cast<double>(x[best[row]]);
    for (std::int64_t c = 0; c < classes; ++c) exponentials[row * classes + c] = static_cast<double>(x[c]) - top;
  }
  simd::activate(Activation::exponential, exponentials, exponentials, static_cast<std::size_t>(rows * classes));
}

}  // namespace

double loss_divisor(std::span<const std::int32_t> labels, std::span<const double> class_weights,
                    std::optional<std::int32_t> ignore_label) {
  if (class_weights.empty() && !ignore_label) return static_cast<double>(labels.size());
  CompensatedSum sum;
  for (const std::int32_t label : labels) {
    if (label == ignore_label) continue;
    sum.add(class_weights.empty() ? 1 : class_weights[static_cast<std::size_t>(label)]);
  }
  return sum.value();
}

template <class T>
void rows_cross_entropy(const T* logits, std::int64_t rows, std::int64_t classes, const RowTargets<T>& targets,
                        double divisor, T* gradient, const CrossEntropyOptions& options, RowLoss* losses) {
  std::int64_t best[kMostRows];
  double* exponentials = scratch<double>(Scratch::exponentials, static_cast<std::size_t>(rows * classes));
  take_exponentials(logits, rows, classes, exponentials, best);
  if (!(divisor > 0)) divisor = 1;  // all weights are zero, and so are the gradients
  for (std::int64_t row = 0; row < rows; ++row, exponentials += classes) {
    const T* x = logits + row * classes;
    const T* target = targets.rows ? targets.rows + row * classes : nullptr;
    T* d = gradient ? gradient + row * classes : nullptr;
    const std::int64_t label = target ? argmax(target, classes) : targets.labels[row];
    if (!target && label == options.ignore_label) {
      if (d) std::fill_n(d, classes, T(0));
      losses[row] = {0, false};
      continue;
    }
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += exponentials[c];
    const Softmax softmax = {exponentials, sum, static_cast<double>(x[best[row]]), best[row]};
    const double weight = targets.weights.of(targets.first + row);
    const bool counts = weight > 0;
    if (d && !counts) std::fill_n(d, classes, T(0));
    losses[row] = finish_row(softmax, x, classes, label, target, divisor / weight, counts ? d : nullptr, options);
    losses[row].loss = counts ? weight * losses[row].loss : 0;
  }
}

template void rows_cross_entropy(const float*, std::int64_t, std::int64_t, const RowTargets<float>&, double, float*,
                                 const CrossEntropyOptions&, RowLoss*);
template void rows_cross_entropy(const double*, std::int64_t, std::int64_t, const RowTargets<double>&, double, double*,
                                 const CrossEntropyOptions&, RowLoss*);

}  // namespace hubel::detail
