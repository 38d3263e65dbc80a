// Any loss by its description: what it is made of, its checks, and the sum over elements or rows.
#include "hubel/loss.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/argmax.hpp"
#include "ops/checks.hpp"
#include "ops/loss_sums.hpp"
#include "ops/workspace.hpp"
#include "simd/loss.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kWho = "compute_loss";
constexpr double kFlopsPerElement = 8, kFlopsPerLogarithm = 20;
constexpr double kSmallest = 1e-7;  // what Keras adds to rates and to counts that are divided, and what it divides by

// What a loss is computed from. Outputs have targets or labels; `gradient` may be null.
template <class T>
struct Batch {
  TensorView<const T> outputs;
  const T* targets;
  std::span<const std::int32_t> labels;
  T* gradient;
  detail::RowWeights weights;
};

template <class T>
T* checked_gradient(TensorView<T> doutputs, const Shape& outputs) {
  if (!doutputs.data() && doutputs.shape().rank() == 0) return nullptr;
  detail::check_shape(kWho, "doutputs", doutputs.shape(), outputs, "the shape of outputs");
  return doutputs.data();
}

// ---- Losses of elements ----------------------------------------------------------------------------------------

struct Element {
  simd::ElementLoss kind;
  simd::ElementParameters parameters = {};
};

Element element_of(const BinaryCrossEntropy& loss) {
  return {loss.from_logits ? simd::ElementLoss::binary_logits : simd::ElementLoss::binary,
          {.p = loss.pos_weight, .smoothing = loss.label_smoothing}};
}
Element element_of(const BinaryFocal& loss) {
  return {loss.from_logits ? simd::ElementLoss::focal_logits : simd::ElementLoss::focal,
          {.p = loss.gamma, .q = loss.alpha}};
}
Element element_of(const MeanSquaredError&) { return {simd::ElementLoss::squared}; }
Element element_of(const MeanAbsoluteError&) { return {simd::ElementLoss::absolute}; }
Element element_of(const Huber& loss) { return {simd::ElementLoss::huber, {.p = loss.delta}}; }
Element element_of(const Hinge&) { return {simd::ElementLoss::hinge}; }
Element element_of(const SquaredHinge&) { return {simd::ElementLoss::squared_hinge}; }
Element element_of(const LogCosh&) { return {simd::ElementLoss::log_cosh}; }
Element element_of(const Poisson&) { return {simd::ElementLoss::poisson, {.p = kSmallest}}; }
Element element_of(const MeanAbsolutePercentageError&) {
  return {simd::ElementLoss::absolute_percentage, {.p = kSmallest}};
}
Element element_of(const MeanSquaredLogarithmicError&) {
  return {simd::ElementLoss::squared_logarithmic, {.p = kSmallest}};
}

bool takes_logarithms(simd::ElementLoss kind) {
  using enum simd::ElementLoss;
  return kind != squared && kind != absolute && kind != absolute_percentage && kind != huber && kind != hinge &&
         kind != squared_hinge;
}

// Elements of a row.
std::int64_t columns_of(const Shape& outputs) { return outputs.rank() > 1 ? outputs.back() : 1; }

template <class T>
LossResult mean_over_elements(const Element& loss, const Batch<T>& batch) {
  constexpr std::int64_t kRun = 2048;  // elements added lane by lane, before their sum is
  const std::int64_t n = batch.outputs.size();
  const double divisor = static_cast<double>(n);
  // Elements that share a weight.
  const std::int64_t each = batch.weights.values ? columns_of(batch.outputs.shape()) * batch.weights.rows_each : n;
  const auto add = [&](std::int64_t begin, std::int64_t end, detail::LossSum& sum) {
    for (std::int64_t i = begin, count = 0; i < end; i += count) {
      count = std::min({kRun, end - i, each - i % each});
      const double weight = batch.weights.values ? static_cast<double>(batch.weights.values[i / each]) : 1;
      T* gradient = batch.gradient ? batch.gradient + i : nullptr;
      if (weight > 0) {
        const double part = simd::element_loss(loss.kind, loss.parameters, weight / divisor, batch.outputs.data() + i,
                                               batch.targets + i, gradient, static_cast<std::size_t>(count));
        sum.add({weight * part, false});
      } else if (gradient) {
        std::fill_n(gradient, count, T(0));
      }
    }
  };
  return detail::mean_over_rows(n, 1, takes_logarithms(loss.kind) ? kFlopsPerLogarithm : kFlopsPerElement, divisor,
                                add);
}

// ---- Losses of rows --------------------------------------------------------------------------------------------

// Whether a row's largest output is its label, or the class of its largest target.
template <class T>
bool is_correct(const Batch<T>& batch, const T* y, std::int64_t classes, std::int64_t row,
                std::optional<std::int32_t> ignored) {
  const std::int64_t best = detail::argmax(y, classes);
  if (std::isnan(y[best])) return false;
  if (batch.targets) return best == detail::argmax(batch.targets + row * classes, classes);
  const std::int32_t label = batch.labels[static_cast<std::size_t>(row)];
  return best == label && label != ignored;
}

// The mean of row(y, gradient, i) over the rows: the loss of row i, whose gradient it divides by `divisor`. Both are
// weighted here.
template <class T, class Row>
LossResult mean_of_rows(const detail::LossRows& shape, const Batch<T>& batch, double divisor,
                        std::optional<std::int32_t> ignored, const Row& row) {
  const auto add = [&](std::int64_t begin, std::int64_t end, detail::LossSum& sum) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = i * shape.classes;
      const T* y = batch.outputs.data() + at;
      const bool correct = is_correct(batch, y, shape.classes, i, ignored);
      T* gradient = batch.gradient ? batch.gradient + at : nullptr;
      const double weight = batch.weights.of(i), loss = row(y, gradient, i);
      for (std::int64_t c = 0; gradient && weight != 1 && c < shape.classes; ++c)
        gradient[c] = weight > 0 ? static_cast<T>(weight * static_cast<double>(gradient[c])) : T(0);
      sum.add({weight > 0 ? weight * loss : 0, correct});
    }
  };
  return detail::mean_over_rows(shape.rows, shape.classes, kFlopsPerLogarithm, divisor, add);
}

// The largest (1 - t_c) y_c, at the first place of it, must lie 1 below the sum of t_c y_c, t_c = target(c).
template <class T, class Target>
double hinge_row(const T* y, const Target& target, std::int64_t classes, double divisor, T* gradient) {
  double wanted = 0, other = 0;
  std::int64_t place = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    const double t = target(c), term = (1 - t) * static_cast<double>(y[c]);
    wanted += t * static_cast<double>(y[c]);
    if (c == 0 || !(term <= other)) other = term, place = c;
  }
  const double loss = 1 + other - wanted;
  const bool enough = loss <= 0;
  for (std::int64_t c = 0; gradient && c < classes; ++c) {
    const double t = target(c), slope = (c == place ? 1 - t : 0) - t;
    gradient[c] = enough ? T(0) : static_cast<T>(slope / divisor);
  }
  return enough ? 0 : loss;
}

// f(target), where target(c) is what row i's target has for class c, or a one at its label.
template <class T, class F>
double with_target(const Batch<T>& batch, std::int64_t i, std::int64_t classes, const F& f) {
  if (batch.targets) {
    const T* t = batch.targets + i * classes;
    return f([t](std::int64_t c) { return static_cast<double>(t[c]); });
  }
  const std::int64_t label = batch.labels[static_cast<std::size_t>(i)];
  return f([label](std::int64_t c) { return c == label ? 1.0 : 0.0; });
}

template <class T>
LossResult mean_hinge(const detail::LossRows& shape, const Batch<T>& batch) {
  const double divisor = static_cast<double>(shape.rows);
  return mean_of_rows(shape, batch, divisor, {}, [&](const T* y, T* gradient, std::int64_t i) {
    return with_target(batch, i, shape.classes,
                       [&](const auto& target) { return hinge_row(y, target, shape.classes, divisor, gradient); });
  });
}

template <class T>
LossResult mean_divergence(const detail::LossRows& shape, const Batch<T>& batch) {
  const double divisor = static_cast<double>(shape.rows);
  return mean_of_rows(shape, batch, divisor, {}, [&](const T* y, T* gradient, std::int64_t i) {
    const T* target = batch.targets + i * shape.classes;
    double loss = 0;
    for (std::int64_t c = 0; c < shape.classes; ++c) {
      const double t = static_cast<double>(target[c]), p = static_cast<double>(y[c]);
      if (t != 0) loss += t * std::log(t / p);
      if (gradient) gradient[c] = t != 0 ? static_cast<T>(-t / p / divisor) : T(0);
    }
    return loss;
  });
}

template <class T>
LossResult mean_likelihood(const NegativeLogLikelihood& loss, const detail::LossRows& shape, const Batch<T>& batch) {
  const double divisor = detail::loss_divisor(batch.labels, loss.class_weights, loss.ignore_label);
  return mean_of_rows(shape, batch, divisor, loss.ignore_label, [&](const T* y, T* gradient, std::int64_t i) {
    const std::int32_t label = batch.labels[static_cast<std::size_t>(i)];
    if (gradient) std::fill_n(gradient, shape.classes, T(0));
    if (label == loss.ignore_label) return 0.0;
    const double weight = loss.class_weights.empty() ? 1 : loss.class_weights[static_cast<std::size_t>(label)];
    if (gradient && weight > 0) gradient[label] = static_cast<T>(-weight / divisor);
    return -weight * static_cast<double>(y[label]);
  });
}

// Of one row, target(c) being the probability of class c; `room` is for two numbers a class.
template <class T, class Target>
double focal_row(const CategoricalFocal& loss, const T* y, const Target& target, std::int64_t classes, double divisor,
                 double* room, T* gradient) {
  // A probability's logarithm is at least -100; slopes are bounded as the binary cross-entropy's.
  constexpr double kSmallestProbability = 3.720075976020836e-44, kSmallestDivisor = 1e-12;
  double top = 0, log_total = 0;
  if (loss.from_logits) {
    top = static_cast<double>(*std::max_element(y, y + classes));
    double total = 0;
    for (std::int64_t c = 0; c < classes; ++c) total += std::exp(static_cast<double>(y[c]) - top);
    log_total = std::log(total);
  }
  // dL/dp of each class, of logits times p; and p.
  double *slopes = room, *probabilities = room + classes;
  double sum = 0, all_slopes = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    const double weight = loss.class_weights.empty() ? 1 : loss.class_weights[static_cast<std::size_t>(c)];
    const double own = static_cast<double>(y[c]), t = weight * loss.alpha * target(c);
    const double log_p = loss.from_logits ? own - top - log_total : std::log(std::max(own, kSmallestProbability));
    const double p = loss.from_logits ? std::exp(log_p) : own, missing = std::clamp(1 - p, 0.0, 1.0);
    const double factor = std::pow(missing, loss.gamma);
    const double bend = missing > 0 ? loss.gamma * factor / missing * log_p : 0;
    if (t != 0 || std::isnan(p)) sum -= t * factor * log_p;
    slopes[c] = loss.from_logits ? t * (p * bend - factor) : t * (bend - factor / std::max(p, kSmallestDivisor));
    probabilities[c] = p;
    all_slopes += slopes[c];
  }
  for (std::int64_t c = 0; gradient && c < classes; ++c) {
    const double slope = loss.from_logits ? slopes[c] - probabilities[c] * all_slopes : slopes[c];
    gradient[c] = static_cast<T>(slope / divisor);
  }
  return sum;
}

template <class T>
LossResult mean_focal(const CategoricalFocal& loss, const detail::LossRows& shape, const Batch<T>& batch) {
  detail::check_class_weights(kWho, shape.classes, loss.class_weights);
  const double divisor = batch.targets ? static_cast<double>(shape.rows)
                                       : detail::loss_divisor(batch.labels, loss.class_weights, std::nullopt);
  // Where all weights are zero so are the slopes.
  const double slopes_divisor = divisor > 0 ? divisor : 1;
  return mean_of_rows(shape, batch, divisor, {}, [&](const T* y, T* gradient, std::int64_t i) {
    double* room = detail::scratch<double>(detail::Scratch::exponentials, static_cast<std::size_t>(2 * shape.classes));
    return with_target(batch, i, shape.classes, [&](const auto& target) {
      return focal_row(loss, y, target, shape.classes, slopes_divisor, room, gradient);
    });
  });
}

// The cosine of the angle between y and t, and with it -1 / |y| (t / |t| - cosine y / |y|), its slope.
template <class T>
LossResult mean_cosine(const detail::LossRows& shape, const Batch<T>& batch) {
  const double divisor = static_cast<double>(shape.rows);
  return mean_of_rows(shape, batch, divisor, {}, [&](const T* y, T* gradient, std::int64_t i) {
    const T* target = batch.targets + i * shape.classes;
    double product = 0, y_squares = 0, t_squares = 0;
    for (std::int64_t c = 0; c < shape.classes; ++c) {
      const double t = static_cast<double>(target[c]), v = static_cast<double>(y[c]);
      product += t * v, y_squares += v * v, t_squares += t * t;
    }
    const double y_length = std::sqrt(y_squares), t_length = std::sqrt(t_squares);
    const bool directed = !(y_length == 0 || t_length == 0);
    const double cosine = directed ? product / (y_length * t_length) : 0;
    for (std::int64_t c = 0; gradient && c < shape.classes; ++c) {
      const double slope = static_cast<double>(target[c]) / t_length - cosine * static_cast<double>(y[c]) / y_length;
      gradient[c] = directed ? static_cast<T>(-slope / y_length / divisor) : T(0);
    }
    return -cosine;
  });
}

// ---- Losses of samples -----------------------------------------------------------------------------------------

// With S = TP + alpha FP + beta FN + small, 1 - (TP + small) / S; dS/dy = t + alpha (1 - t) - beta t.
template <class T>
LossResult mean_tversky(const Tversky& loss, const Batch<T>& batch) {
  const std::int64_t samples = batch.outputs.shape().rank() > 0 ? batch.outputs.shape()[0] : 1;
  if (batch.outputs.size() == 0) return {};
  const std::int64_t size = batch.outputs.size() / samples;
  if (batch.weights.values && batch.weights.rows_each != size / columns_of(batch.outputs.shape())) {
    throw std::invalid_argument(detail::formatted(
        "{}: sample_weights must have one for each of {} samples, of which the loss is", kWho, samples));
  }
  const double divisor = static_cast<double>(samples);
  const auto add = [&](std::int64_t begin, std::int64_t end, detail::LossSum& sum) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T *y = batch.outputs.data() + i * size, *target = batch.targets + i * size;
      const double weight = batch.weights.values ? static_cast<double>(batch.weights.values[i]) : 1;
      double both = 0, ys = 0, ts = 0;
      for (std::int64_t k = 0; k < size; ++k) {
        const double t = static_cast<double>(target[k]), v = static_cast<double>(y[k]);
        both += t * v, ys += v, ts += t;
      }
      const double top = both + kSmallest, bottom = top + loss.alpha * (ys - both) + loss.beta * (ts - both);
      for (std::int64_t k = 0; batch.gradient && k < size; ++k) {
        const double t = static_cast<double>(target[k]), slope = t + loss.alpha * (1 - t) - loss.beta * t;
        batch.gradient[i * size + k] =
            weight > 0 ? static_cast<T>(weight * (top * slope / bottom - t) / bottom / divisor) : T(0);
      }
      sum.add({weight > 0 ? weight * (1 - top / bottom) : 0, false});
    }
  };
  return detail::mean_over_rows(samples, size, kFlopsPerElement, divisor, add);
}

// ---- By targets and by labels ----------------------------------------------------------------------------------

template <class L, class T>
LossResult of_targets(const L& loss, TensorView<const T> outputs, TensorView<const T> targets, TensorView<T> doutputs,
                      std::span<const float> weights) {
  if constexpr (std::is_same_v<L, CrossEntropy>) {
    return softmax_cross_entropy(outputs, targets, doutputs, detail::cross_entropy_options(loss, weights));
  } else if constexpr (std::is_same_v<L, NegativeLogLikelihood>) {
    throw std::invalid_argument(detail::formatted("{}: {} takes labels, not targets", kWho, loss_name(loss)));
  } else {
    detail::check_shape(kWho, "targets", targets.shape(), outputs.shape(), "the shape of outputs");
    const Batch<T> batch = {outputs,
                            targets.data(),
                            {},
                            checked_gradient(doutputs, outputs.shape()),
                            detail::check_sample_weights(kWho, "outputs", outputs.shape(), weights)};
    if constexpr (std::is_same_v<L, CategoricalHinge>) {
      return mean_hinge(detail::check_rows(kWho, "outputs", outputs.shape()), batch);
    } else if constexpr (std::is_same_v<L, KLDivergence>) {
      return mean_divergence(detail::check_rows(kWho, "outputs", outputs.shape()), batch);
    } else if constexpr (std::is_same_v<L, CategoricalFocal>) {
      return mean_focal(loss, detail::check_rows(kWho, "outputs", outputs.shape()), batch);
    } else if constexpr (std::is_same_v<L, CosineSimilarity>) {
      return mean_cosine(detail::check_rows(kWho, "outputs", outputs.shape()), batch);
    } else if constexpr (std::is_same_v<L, Tversky>) {
      return mean_tversky(loss, batch);
    } else if constexpr (std::is_same_v<L, Dice>) {
      return mean_tversky(Tversky{}, batch);
    } else {
      return mean_over_elements(element_of(loss), batch);
    }
  }
}

template <class L, class T>
LossResult of_labels(const L& loss, TensorView<const T> outputs, std::span<const std::int32_t> labels,
                     TensorView<T> doutputs, std::span<const float> weights) {
  if constexpr (std::is_same_v<L, CrossEntropy>) {
    return softmax_cross_entropy(outputs, labels, doutputs, detail::cross_entropy_options(loss, weights));
  } else if constexpr (std::is_same_v<L, CategoricalHinge> || std::is_same_v<L, CategoricalFocal> ||
                       std::is_same_v<L, NegativeLogLikelihood>) {
    const detail::LossRows shape = detail::check_rows(kWho, "outputs", outputs.shape());
    std::optional<std::int32_t> ignored;
    if constexpr (std::is_same_v<L, NegativeLogLikelihood>) ignored = loss.ignore_label;
    detail::check_row_labels(kWho, "outputs", shape, labels, ignored);
    const Batch<T> batch = {outputs, nullptr, labels, checked_gradient(doutputs, outputs.shape()),
                            detail::check_sample_weights(kWho, "outputs", outputs.shape(), weights)};
    if constexpr (std::is_same_v<L, CategoricalHinge>) {
      return mean_hinge(shape, batch);
    } else if constexpr (std::is_same_v<L, CategoricalFocal>) {
      return mean_focal(loss, shape, batch);
    } else {
      detail::check_class_weights(kWho, shape.classes, loss.class_weights);
      return mean_likelihood(loss, shape, batch);
    }
  } else {
    throw std::invalid_argument(
        detail::formatted("{}: {} takes targets of the outputs' shape, not labels", kWho, loss_name(loss)));
  }
}

}  // namespace

LossResult compute_loss(const Loss& loss, TensorView<const float> outputs, TensorView<const float> targets,
                        TensorView<float> doutputs, std::span<const float> sample_weights) {
  check_loss_options(loss, kWho);
  return std::visit([&](const auto& l) { return of_targets(l, outputs, targets, doutputs, sample_weights); }, loss);
}
LossResult compute_loss(const Loss& loss, TensorView<const double> outputs, TensorView<const double> targets,
                        TensorView<double> doutputs, std::span<const float> sample_weights) {
  check_loss_options(loss, kWho);
  return std::visit([&](const auto& l) { return of_targets(l, outputs, targets, doutputs, sample_weights); }, loss);
}
LossResult compute_loss(const Loss& loss, TensorView<const float> outputs, std::span<const std::int32_t> labels,
                        TensorView<float> doutputs, std::span<const float> sample_weights) {
  check_loss_options(loss, kWho);
  return std::visit([&](const auto& l) { return of_labels(l, outputs, labels, doutputs, sample_weights); }, loss);
}
LossResult compute_loss(const Loss& loss, TensorView<const double> outputs, std::span<const std::int32_t> labels,
                        TensorView<double> doutputs, std::span<const float> sample_weights) {
  check_loss_options(loss, kWho);
  return std::visit([&](const auto& l) { return of_labels(l, outputs, labels, doutputs, sample_weights); }, loss);
}

}  // namespace hubel
