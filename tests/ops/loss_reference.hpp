// Losses straight from their definitions, in long double, one element or row at a time. Gradients are left to central
// differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <variant>
#include <vector>

#include "hubel/loss.hpp"
#include "hubel/tensor.hpp"

namespace hubel::reference {

using Number = long double;
using Numbers = std::vector<long double>;

// ---- Elements: the loss of an output y for a target t -----------------------------------------------------------

inline Number element(const MeanSquaredError&, Number y, Number t) { return (y - t) * (y - t); }
inline Number element(const MeanAbsoluteError&, Number y, Number t) { return std::abs(y - t); }
inline Number element(const Huber& loss, Number y, Number t) {
  const Number size = std::abs(y - t), delta = static_cast<Number>(loss.delta);
  return size <= delta ? size * size / 2 : delta * (size - delta / 2);
}
inline Number element(const BinaryCrossEntropy& loss, Number y, Number target) {
  const Number weight = static_cast<Number>(loss.pos_weight), e = static_cast<Number>(loss.label_smoothing);
  const Number t = (1 - e) * target + e / 2;
  if (!loss.from_logits)
    return -(weight * t * std::max(-100.0L, std::log(y)) + (1 - t) * std::max(-100.0L, std::log(1 - y)));
  return weight * t * std::log(1 + std::exp(-y)) + (1 - t) * std::log(1 + std::exp(y));
}
inline Number element(const BinaryFocal& loss, Number y, Number t) {
  const Number entropy = element(BinaryCrossEntropy{.from_logits = loss.from_logits}, y, t);
  const Number p = loss.from_logits ? 1 / (1 + std::exp(-y)) : y, right = t * p + (1 - t) * (1 - p);
  const Number alpha = static_cast<Number>(loss.alpha), balance = alpha < 0 ? 1 : t * alpha + (1 - t) * (1 - alpha);
  return balance * std::pow(1 - right, static_cast<Number>(loss.gamma)) * entropy;
}
inline Number element(const LogCosh&, Number y, Number t) { return std::log(std::cosh(y - t)); }
inline Number element(const MeanAbsolutePercentageError&, Number y, Number t) {
  return 100 * std::abs(y - t) / std::max(std::abs(t), 1e-7L);
}
inline Number element(const MeanSquaredLogarithmicError&, Number y, Number t) {
  return std::pow(std::log(std::max(y, 1e-7L) + 1) - std::log(std::max(t, 1e-7L) + 1), 2.0L);
}
inline Number element(const Poisson&, Number y, Number t) { return y - t * std::log(y + 1e-7); }
inline Number element(const Hinge&, Number y, Number t) { return std::max(0.0L, 1 - (t == 0 ? -1 : t) * y); }
inline Number element(const SquaredHinge&, Number y, Number t) {
  const Number hinge = element(Hinge{}, y, t);
  return hinge * hinge;
}

// ---- Rows --------------------------------------------------------------------------------------------------------

inline Numbers log_softmax(const Numbers& logits) {
  Number sum = 0;
  const Number top = *std::max_element(logits.begin(), logits.end());
  for (const Number z : logits) sum += std::exp(z - top);
  Numbers result;
  for (const Number z : logits) result.push_back(z - top - std::log(sum));
  return result;
}

inline Number weight_of(std::span<const double> weights, std::size_t c) {
  return weights.empty() ? 1 : static_cast<Number>(weights[c]);
}

// -sum_c w_c (smoothed t)_c log p_c.
inline Number row(const CrossEntropy& loss, const Numbers& y, const Numbers& t) {
  const Numbers log_p = log_softmax(y);
  const Number e = static_cast<Number>(loss.label_smoothing), classes = static_cast<Number>(y.size());
  Number sum = 0;
  for (std::size_t c = 0; c < y.size(); ++c)
    sum -= weight_of(loss.class_weights, c) * ((1 - e) * t[c] + e / classes) * log_p[c];
  return sum;
}
// As PyTorch has it: (1 - e) w_label (-log p_label) + e / classes sum_c w_c (-log p_c).
inline Number row(const CrossEntropy& loss, const Numbers& y, std::size_t label) {
  const Numbers log_p = log_softmax(y);
  const Number e = static_cast<Number>(loss.label_smoothing), classes = static_cast<Number>(y.size());
  Number smooth = 0;
  for (std::size_t c = 0; c < y.size(); ++c) smooth -= weight_of(loss.class_weights, c) * log_p[c];
  return -(1 - e) * weight_of(loss.class_weights, label) * log_p[label] + e / classes * smooth;
}
inline Number row(const CategoricalHinge&, const Numbers& y, const Numbers& t) {
  Number wanted = 0, other = -std::numeric_limits<Number>::infinity();
  for (std::size_t c = 0; c < y.size(); ++c) {
    wanted += t[c] * y[c];
    other = std::max(other, (1 - t[c]) * y[c]);
  }
  return std::max(0.0L, 1 + other - wanted);
}
inline Number row(const CategoricalHinge& loss, const Numbers& y, std::size_t label) {
  Numbers t(y.size());
  t[label] = 1;
  return row(loss, y, t);
}
inline Number row(const KLDivergence&, const Numbers& y, const Numbers& t) {
  Number sum = 0;
  for (std::size_t c = 0; c < y.size(); ++c)
    if (t[c] != 0) sum += t[c] * std::log(t[c] / y[c]);
  return sum;
}
inline Number row(const CategoricalFocal& loss, const Numbers& y, const Numbers& t) {
  Numbers log_p = loss.from_logits ? log_softmax(y) : y;
  if (!loss.from_logits)
    for (Number& p : log_p) p = std::log(p);
  Number sum = 0;
  for (std::size_t c = 0; c < y.size(); ++c)
    sum -= std::pow(1 - std::exp(log_p[c]), static_cast<Number>(loss.gamma)) * t[c] * log_p[c] *
           weight_of(loss.class_weights, c);
  return static_cast<Number>(loss.alpha) * sum;
}
inline Number row(const CategoricalFocal& loss, const Numbers& y, std::size_t label) {
  Numbers t(y.size());
  t[label] = 1;
  return row(loss, y, t);
}
inline Number row(const CosineSimilarity&, const Numbers& y, const Numbers& t) {
  Number product = 0, ys = 0, ts = 0;
  for (std::size_t c = 0; c < y.size(); ++c) product += y[c] * t[c], ys += y[c] * y[c], ts += t[c] * t[c];
  return ys == 0 || ts == 0 ? 0 : -product / std::sqrt(ys * ts);
}
// A row for a sample.
inline Number row(const Tversky& loss, const Numbers& y, const Numbers& t) {
  Number tp = 0, fp = 0, fn = 0;
  for (std::size_t c = 0; c < y.size(); ++c) tp += y[c] * t[c], fp += y[c] * (1 - t[c]), fn += (1 - y[c]) * t[c];
  const Number alpha = static_cast<Number>(loss.alpha), beta = static_cast<Number>(loss.beta), small = 1e-7;
  return 1 - (tp + small) / (tp + alpha * fp + beta * fn + small);
}
inline Number row(const Dice&, const Numbers& y, const Numbers& t) {
  Number both = 0, sum = 0;
  for (std::size_t c = 0; c < y.size(); ++c) both += y[c] * t[c], sum += y[c] + t[c];
  return 1 - (2 * both + 2e-7) / (sum + 2e-7);
}
inline Number row(const NegativeLogLikelihood& loss, const Numbers& y, std::size_t label) {
  return -weight_of(loss.class_weights, label) * y[label];
}

template <class T>
Numbers row_of(TensorView<const T> x, std::int64_t i) {
  const std::int64_t classes = x.shape().back();
  Numbers values;
  for (std::int64_t c = 0; c < classes; ++c) values.push_back(static_cast<Number>(x[i * classes + c]));
  return values;
}

// ---- Means -------------------------------------------------------------------------------------------------------

template <class L, class T>
Number mean_of_elements(const L& loss, TensorView<const T> y, TensorView<const T> t) {
  Number sum = 0;
  for (std::int64_t i = 0; i < y.size(); ++i)
    sum += element(loss, static_cast<Number>(y[i]), static_cast<Number>(t[i])) / static_cast<Number>(y.size());
  return sum;
}

template <class L, class T>
Number mean_of_rows(const L& loss, TensorView<const T> y, TensorView<const T> t) {
  const std::int64_t rows = y.size() / y.shape().back();
  Number sum = 0;
  for (std::int64_t i = 0; i < rows; ++i) sum += row(loss, row_of(y, i), row_of(t, i)) / static_cast<Number>(rows);
  return sum;
}

// Weighted by the labels' weights where the loss has such.
template <class L, class T>
Number mean_of_rows(const L& loss, TensorView<const T> y, std::span<const std::int32_t> labels) {
  Number sum = 0, weights = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if constexpr (requires { loss.ignore_label; }) {
      if (labels[i] == loss.ignore_label) continue;
    }
    const auto label = static_cast<std::size_t>(labels[i]);
    sum += row(loss, row_of(y, static_cast<std::int64_t>(i)), label);
    if constexpr (requires { loss.class_weights; }) {
      weights += weight_of(loss.class_weights, label);
    } else {
      weights += 1;
    }
  }
  return weights > 0 ? sum / weights : 0;
}

}  // namespace hubel::reference
