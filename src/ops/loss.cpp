// Any loss by its description: what it is made of, its checks, and the sum over elements or rows.
#include "hubel/loss.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/argmax.hpp"
#include "ops/checks.hpp"
#include "ops/loss_sums.hpp"
#include "simd/loss.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kWho = "compute_loss";
constexpr double kFlopsPerElement = 8, kFlopsPerLogarithm = 20;

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

void check_number(bool holds, std::string_view name, double value, std::string_view wanted) {
  if (holds) return;
  throw std::invalid_argument(detail::formatted("{}: {} is {} but must be {}", kWho, name, value, wanted));
}

// ---- Losses of elements ----------------------------------------------------------------------------------------

struct Element {
  simd::ElementLoss kind;
  double parameter = 0;
};

Element element_of(const BinaryCrossEntropy& loss) {
  check_number(std::isfinite(loss.pos_weight) && loss.pos_weight >= 0, "pos_weight", loss.pos_weight,
               "finite and at least 0");
  return {loss.from_logits ? simd::ElementLoss::binary_logits : simd::ElementLoss::binary, loss.pos_weight};
}
Element element_of(const MeanSquaredError&) { return {simd::ElementLoss::squared}; }
Element element_of(const MeanAbsoluteError&) { return {simd::ElementLoss::absolute}; }
Element element_of(const Huber& loss) {
  check_number(std::isfinite(loss.delta) && loss.delta > 0, "delta", loss.delta, "finite and above 0");
  return {simd::ElementLoss::huber, loss.delta};
}
Element element_of(const Hinge&) { return {simd::ElementLoss::hinge}; }
Element element_of(const SquaredHinge&) { return {simd::ElementLoss::squared_hinge}; }

// Elements of a row.
std::int64_t columns_of(const Shape& outputs) { return outputs.rank() > 1 ? outputs.back() : 1; }

template <class T>
LossResult mean_over_elements(const Element& loss, const Batch<T>& batch) {
  constexpr std::int64_t kRun = 2048;  // elements added lane by lane, before their sum is
  const std::int64_t n = batch.outputs.size();
  const double divisor = static_cast<double>(n);
  const bool logarithms = loss.kind == simd::ElementLoss::binary || loss.kind == simd::ElementLoss::binary_logits;
  // Elements that share a weight.
  const std::int64_t each = batch.weights.values ? columns_of(batch.outputs.shape()) * batch.weights.rows_each : n;
  const auto add = [&](std::int64_t begin, std::int64_t end, detail::LossSum& sum) {
    for (std::int64_t i = begin, count = 0; i < end; i += count) {
      count = std::min({kRun, end - i, each - i % each});
      const double weight = batch.weights.values ? static_cast<double>(batch.weights.values[i / each]) : 1;
      T* gradient = batch.gradient ? batch.gradient + i : nullptr;
      if (weight > 0) {
        const double part = simd::element_loss(loss.kind, loss.parameter, weight / divisor, batch.outputs.data() + i,
                                               batch.targets + i, gradient, static_cast<std::size_t>(count));
        sum.add({weight * part, false});
      } else if (gradient) {
        std::fill_n(gradient, count, T(0));
      }
    }
  };
  return detail::mean_over_rows(n, 1, logarithms ? kFlopsPerLogarithm : kFlopsPerElement, divisor, add);
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

template <class T>
LossResult mean_hinge(const detail::LossRows& shape, const Batch<T>& batch) {
  const double divisor = static_cast<double>(shape.rows);
  return mean_of_rows(shape, batch, divisor, {}, [&](const T* y, T* gradient, std::int64_t i) {
    if (!batch.targets) {
      const std::int64_t label = batch.labels[static_cast<std::size_t>(i)];
      return hinge_row(
          y, [label](std::int64_t c) { return c == label ? 1.0 : 0.0; }, shape.classes, divisor, gradient);
    }
    const T* t = batch.targets + i * shape.classes;
    return hinge_row(
        y, [t](std::int64_t c) { return static_cast<double>(t[c]); }, shape.classes, divisor, gradient);
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
  } else if constexpr (std::is_same_v<L, CategoricalHinge> || std::is_same_v<L, NegativeLogLikelihood>) {
    const detail::LossRows shape = detail::check_rows(kWho, "outputs", outputs.shape());
    std::optional<std::int32_t> ignored;
    if constexpr (std::is_same_v<L, NegativeLogLikelihood>) ignored = loss.ignore_label;
    detail::check_row_labels(kWho, "outputs", shape, labels, ignored);
    const Batch<T> batch = {outputs, nullptr, labels, checked_gradient(doutputs, outputs.shape()),
                            detail::check_sample_weights(kWho, "outputs", outputs.shape(), weights)};
    if constexpr (std::is_same_v<L, CategoricalHinge>) {
      return mean_hinge(shape, batch);
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
  return std::visit([&](const auto& l) { return of_targets(l, outputs, targets, doutputs, sample_weights); }, loss);
}
LossResult compute_loss(const Loss& loss, TensorView<const double> outputs, TensorView<const double> targets,
                        TensorView<double> doutputs, std::span<const float> sample_weights) {
  return std::visit([&](const auto& l) { return of_targets(l, outputs, targets, doutputs, sample_weights); }, loss);
}
LossResult compute_loss(const Loss& loss, TensorView<const float> outputs, std::span<const std::int32_t> labels,
                        TensorView<float> doutputs, std::span<const float> sample_weights) {
  return std::visit([&](const auto& l) { return of_labels(l, outputs, labels, doutputs, sample_weights); }, loss);
}
LossResult compute_loss(const Loss& loss, TensorView<const double> outputs, std::span<const std::int32_t> labels,
                        TensorView<double> doutputs, std::span<const float> sample_weights) {
  return std::visit([&](const auto& l) { return of_labels(l, outputs, labels, doutputs, sample_weights); }, loss);
}

}  // namespace hubel
