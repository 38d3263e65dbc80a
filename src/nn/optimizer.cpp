// Optimisers: the checks, the step's coefficients in double, and the work cut into pieces for threads.
#include "hubel/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <stdexcept>

#include "nn/named.hpp"
#include "ops/parallel.hpp"
#include "simd/optimizer.hpp"

namespace hubel {

namespace {

// Elements of a piece: its 64 KiB of weights, gradients and moments (float32) fit a core's cache, and LeNet-5's largest
// parameter gives both cores of a small machine work.
constexpr std::int64_t kPiece = 4096;
constexpr double kFlopsPerElement = 30;  // a square root and a division count for about ten each

void check(bool holds, const char* optimizer, const char* option, double value, const char* wanted) {
  if (holds) return;
  throw std::invalid_argument(fmt::format("{}: {} = {}, it must be {}", optimizer, option, value, wanted));
}

void check_rate(const char* optimizer, double rate) {
  check(std::isfinite(rate) && rate >= 0, optimizer, "learning_rate", rate, "finite and at least 0");
}

void check_options(const SGD& o) {
  check_rate("sgd", o.learning_rate);
  check(o.momentum >= 0 && o.momentum < 1, "sgd", "momentum", o.momentum, "in [0, 1)");
  check(!o.nesterov || o.momentum > 0, "sgd", "momentum", o.momentum, "above 0 with nesterov");
}

template <class AdamOptions>
void check_moments(const char* optimizer, const AdamOptions& o) {
  check_rate(optimizer, o.learning_rate);
  check(o.beta_1 >= 0 && o.beta_1 < 1, optimizer, "beta_1", o.beta_1, "in [0, 1)");
  check(o.beta_2 >= 0 && o.beta_2 < 1, optimizer, "beta_2", o.beta_2, "in [0, 1)");
  check(std::isfinite(o.epsilon) && o.epsilon >= 0, optimizer, "epsilon", o.epsilon, "finite and at least 0");
}

void check_options(const Adam& o) { check_moments("adam", o); }
void check_options(const AdamW& o) {
  check_moments("adamw", o);
  check(std::isfinite(o.weight_decay) && o.weight_decay >= 0, "adamw", "weight_decay", o.weight_decay,
        "finite and at least 0");
}

double weight_decay(const Adam&) { return 0; }
double weight_decay(const AdamW& o) { return o.weight_decay; }

template <class T>
simd::SgdStep<T> coefficients(const SGD& o, double scale, std::int64_t, bool) {
  return {static_cast<T>(scale * o.learning_rate), static_cast<T>(o.momentum), o.nesterov};
}

// The coefficients of step t = 1, 2, ...
template <class T, class AdamOptions>
simd::AdamStep<T> coefficients(const AdamOptions& o, double scale, std::int64_t t, bool decays) {
  const double rate = scale * o.learning_rate, steps = static_cast<double>(t);
  simd::AdamStep<T> step;
  step.rate = static_cast<T>(rate / (1 - std::pow(o.beta_1, steps)));
  step.root = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta_2, steps)));
  step.epsilon = static_cast<T>(o.epsilon);
  step.keep = static_cast<T>(decays ? 1 - rate * weight_decay(o) : 1);
  step.beta_1 = static_cast<T>(o.beta_1);
  step.beta_2 = static_cast<T>(o.beta_2);
  step.one_minus_beta_1 = static_cast<T>(1 - o.beta_1);
  step.one_minus_beta_2 = static_cast<T>(1 - o.beta_2);
  // Subnormal moments are not worth their time: beside such an epsilon the root of the second is nothing, and the first
  // moves no weight by more than 1e-27 of the learning rate.
  constexpr double kEpsilon = 1e-11;
  step.least = o.epsilon >= kEpsilon ? std::numeric_limits<T>::min() : T(0);
  return step;
}

template <class T>
void apply(const simd::SgdStep<T>& step, const T* g, T* first, T*, T* w, std::int64_t n) {
  simd::sgd_step(step, g, first, w, static_cast<std::size_t>(n));
}
template <class T>
void apply(const simd::AdamStep<T>& step, const T* g, T* first, T* second, T* w, std::int64_t n) {
  simd::adam_step(step, g, first, second, w, static_cast<std::size_t>(n));
}

bool has_first_moment(const OptimizerOptions& options) {
  const SGD* sgd = std::get_if<SGD>(&options);
  return !sgd || sgd->momentum > 0;
}
bool has_second_moment(const OptimizerOptions& options) { return !std::holds_alternative<SGD>(options); }

}  // namespace

std::string_view optimizer_name(const OptimizerOptions& options) {
  constexpr std::string_view kNames[] = {"sgd", "adam", "adamw"};
  static_assert(std::size(kNames) == std::variant_size_v<OptimizerOptions>);
  return kNames[options.index()];
}

OptimizerOptions optimizer_from_name(std::string_view name, std::string_view who) {
  const detail::Named<OptimizerOptions> options[] = {{"sgd", SGD{}}, {"adam", Adam{}}, {"adamw", AdamW{}}};
  return detail::value_of(options, name, who, "optimizer");
}

double learning_rate(const OptimizerOptions& options) {
  return std::visit([](const auto& o) { return o.learning_rate; }, options);
}

template <class T>
Optimizer<T>::Optimizer(const OptimizerOptions& options, std::span<const Parameter<T>> parameters) : options_(options) {
  std::visit([](const auto& o) { check_options(o); }, options_);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Shape& shape = parameters[i].value.shape();
    shapes_.push_back(shape);
    decays_.push_back(!parameters[i].name.ends_with(".bias"));
    first_.emplace_back(has_first_moment(options_) ? shape : Shape{0});
    second_.emplace_back(has_second_moment(options_) ? shape : Shape{0});
    for (std::int64_t begin = 0; begin < shape.elements(); begin += kPiece)
      pieces_.push_back({i, begin, std::min(begin + kPiece, shape.elements())});
  }
}

template <class T>
void Optimizer<T>::step(std::span<Parameter<T>> parameters, std::span<const TensorView<T>> gradients, double scale) {
  bool fits = parameters.size() == shapes_.size() && gradients.size() == shapes_.size();
  for (std::size_t i = 0; fits && i < shapes_.size(); ++i)
    fits = parameters[i].value.shape() == shapes_[i] && gradients[i].shape() == shapes_[i];
  if (!fits) throw std::invalid_argument("Optimizer: the parameters or gradients are not those it was made for");

  ++steps_;
  double elements = 0;
  for (const Shape& shape : shapes_) elements += static_cast<double>(shape.elements());
  std::visit(
      [&](const auto& options) {
        const auto plain = coefficients<T>(options, scale, steps_, false);
        const auto decayed = coefficients<T>(options, scale, steps_, true);
        detail::parallel_for(std::ssize(pieces_), kFlopsPerElement * elements, [&](std::int64_t item) {
          const auto [i, begin, end] = pieces_[static_cast<std::size_t>(item)];
          const auto within = [begin = begin](Tensor<T>& moment) {
            return moment.size() > 0 ? moment.data() + begin : nullptr;
          };
          apply(decays_[i] ? decayed : plain, gradients[i].data() + begin, within(first_[i]), within(second_[i]),
                parameters[i].value.data() + begin, end - begin);
        });
      },
      options_);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace hubel
