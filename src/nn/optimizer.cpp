// Optimisers: the checks, the step's coefficients in double, and the work cut into pieces for threads.
#include "hubel/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <stdexcept>

#include "nn/named_state.hpp"
#include "ops/compensated_sum.hpp"
#include "ops/named.hpp"
#include "ops/parallel.hpp"
#include "ops/pieces.hpp"
#include "ops/workspace.hpp"
#include "simd/optimizer.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr double kFlopsPerElement = 30;  // a square root and a division count for about ten each

// ---- Checks ----------------------------------------------------------------------------------------------------

void check(bool holds, const char* optimizer, const char* option, double value, const char* wanted) {
  if (holds) return;
  throw std::invalid_argument(detail::formatted("{}: {} = {}, it must be {}", optimizer, option, value, wanted));
}

void check_share(const char* optimizer, const char* option, double value) {
  check(value >= 0 && value < 1, optimizer, option, value, "in [0, 1)");
}

void check_size(const char* optimizer, const char* option, double value) {
  check(std::isfinite(static_cast<float>(value)) && value >= 0, optimizer, option, value, "finite and at least 0");
}

// What of these an optimiser has.
template <class Options>
void check_common(const char* optimizer, const Options& o) {
  check_size(optimizer, "learning_rate", o.learning_rate);
  check_size(optimizer, "weight_decay", o.weight_decay);
  if constexpr (requires { o.momentum; }) check_share(optimizer, "momentum", o.momentum);
  if constexpr (requires { o.rho; }) check_share(optimizer, "rho", o.rho);
  if constexpr (requires { o.beta_1; }) {
    check_share(optimizer, "beta_1", o.beta_1);
    check_share(optimizer, "beta_2", o.beta_2);
  }
  if constexpr (requires { o.epsilon; }) check_size(optimizer, "epsilon", o.epsilon);
  if constexpr (std::is_same_v<Options, Adadelta>) check(o.epsilon > 0, optimizer, "epsilon", o.epsilon, "above 0");
  if constexpr (requires { o.momentum_decay; }) check_size(optimizer, "momentum_decay", o.momentum_decay);
  if constexpr (requires { o.initial_accumulator; })
    check_size(optimizer, "initial_accumulator", o.initial_accumulator);
  if constexpr (requires { o.nesterov; })
    check(!o.nesterov || o.momentum > 0, optimizer, "momentum", o.momentum, "above 0 with nesterov");
}

// ---- The moments of each, and what they start from -------------------------------------------------------------

std::vector<std::string> moment_names(const SGD& o) {
  if (o.momentum > 0) return {"momentum"};
  return {};
}
std::vector<std::string> moment_names(const RMSProp& o) {
  std::vector<std::string> names = {"square_average"};
  if (o.momentum > 0) names.push_back("momentum");
  if (o.centered) names.push_back("gradient_average");
  return names;
}
std::vector<std::string> moment_names(const Adagrad&) { return {"accumulator"}; }
std::vector<std::string> moment_names(const Adamax&) { return {"first_moment", "infinity_norm"}; }
std::vector<std::string> moment_names(const Adadelta&) { return {"square_average", "change_average"}; }
std::vector<std::string> moment_names(const Lion&) { return {"momentum"}; }
template <class AdamOptions>
std::vector<std::string> moment_names(const AdamOptions& o) {
  std::vector<std::string> names = {"first_moment", "second_moment"};
  if constexpr (requires { o.amsgrad; })
    if (o.amsgrad) names.push_back("largest_second_moment");
  return names;
}

// Which of them are of squares, and so never negative.
constexpr std::string_view kSquares[] = {"/square_average", "/change_average", "/accumulator", "/second_moment",
                                         "/largest_second_moment"};

template <class Options>
double start_of_moments(const Options& o) {
  if constexpr (requires { o.initial_accumulator; }) return o.initial_accumulator;
  return 0;
}

// ---- The coefficients of step t = 1, 2, ... of a parameter that decays by `decay` ------------------------------

// Where a training is: at step t, with Nadam's mu_1 ... mu_t.
struct Progress {
  std::int64_t t;
  double momentum_product;
};

// Nadam's mu_t.
double momentum_at(const Nadam& o, std::int64_t t) {
  return o.beta_1 * (1 - 0.5 * std::pow(0.96, o.momentum_decay * static_cast<double>(t)));
}

// Nadam's mu_1 ... mu_t, from a product of fewer; below the last bit of 1, from which it is taken, it may stay as it
// is.
double momentum_product(const Nadam& o, double product, std::int64_t from, std::int64_t t) {
  while (from < t && product > std::numeric_limits<double>::epsilon() / 4) product *= momentum_at(o, ++from);
  return product;
}

// Subnormal moments are not worth their time: beside such an epsilon the root of the second is nothing, and the first
// moves no weight by more than 1e-27 of the learning rate.
template <class T>
T least_moment(double epsilon) {
  constexpr double kEpsilon = 1e-11;
  return epsilon >= kEpsilon ? std::numeric_limits<T>::min() : T(0);
}

template <class T>
simd::SgdStep<T> coefficients(const SGD& o, double rate, double decay, const Progress&) {
  return {static_cast<T>(rate), static_cast<T>(o.momentum), o.nesterov, static_cast<T>(decay)};
}

template <class T>
simd::RmsPropStep<T> coefficients(const RMSProp& o, double rate, double decay, const Progress&) {
  return {static_cast<T>(rate),       static_cast<T>(o.rho),      static_cast<T>(1 - o.rho),
          static_cast<T>(o.epsilon),  static_cast<T>(o.momentum), o.centered,
          least_moment<T>(o.epsilon), static_cast<T>(decay)};
}

template <class T>
simd::AdagradStep<T> coefficients(const Adagrad& o, double rate, double decay, const Progress&) {
  return {static_cast<T>(rate), static_cast<T>(o.epsilon), static_cast<T>(decay)};
}

template <class T>
simd::AdadeltaStep<T> coefficients(const Adadelta& o, double rate, double decay, const Progress&) {
  return {static_cast<T>(rate),
          static_cast<T>(o.rho),
          static_cast<T>(1 - o.rho),
          static_cast<T>(o.epsilon),
          static_cast<T>(1 - rate * decay),
          least_moment<T>(o.epsilon)};
}

template <class T>
simd::LionStep<T> coefficients(const Lion& o, double rate, double decay, const Progress&) {
  return {static_cast<T>(rate),         static_cast<T>(1 - rate * decay), static_cast<T>(o.beta_1),
          static_cast<T>(1 - o.beta_1), static_cast<T>(o.beta_2),         static_cast<T>(1 - o.beta_2)};
}

// Of Adam and all that have its moments or like ones.
template <class T, class AdamOptions>
simd::AdamStep<T> coefficients(const AdamOptions& o, double rate, double decay, const Progress& progress) {
  constexpr bool kDecoupled =
      std::is_same_v<AdamOptions, AdamW> || std::is_same_v<AdamOptions, Nadam> || std::is_same_v<AdamOptions, Adamax>;
  const double steps = static_cast<double>(progress.t);
  simd::AdamStep<T> step;
  step.rate = static_cast<T>(rate / (1 - std::pow(o.beta_1, steps)));
  step.root = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta_2, steps)));
  step.epsilon = static_cast<T>(o.epsilon);
  step.keep = static_cast<T>(kDecoupled ? 1 - rate * decay : 1);
  step.beta_1 = static_cast<T>(o.beta_1);
  step.beta_2 = static_cast<T>(o.beta_2);
  step.one_minus_beta_1 = static_cast<T>(1 - o.beta_1);
  step.one_minus_beta_2 = static_cast<T>(1 - o.beta_2);
  step.least = least_moment<T>(o.epsilon);
  step.decay = static_cast<T>(kDecoupled ? 0 : decay);
  if constexpr (std::is_same_v<AdamOptions, RAdam>) {
    const double correction = 1 - std::pow(o.beta_2, steps);
    const double most = 2 / (1 - o.beta_2) - 1, now = most - 2 * steps * (1 - correction) / correction;
    constexpr double kSure = 5;  // the paper's 4, and one more, as its authors' program and PyTorch have it
    step.divides = now > kSure;
    step.root = 1;
    if (step.divides) {
      const double sureness = std::sqrt((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now));
      step.rate = static_cast<T>(rate / (1 - std::pow(o.beta_1, steps)) * sureness * std::sqrt(correction));
    }
  }
  if constexpr (std::is_same_v<AdamOptions, Nadam>) {
    const double now = momentum_at(o, progress.t), next = momentum_at(o, progress.t + 1);
    step.rate = static_cast<T>(rate * next / (1 - progress.momentum_product * next));
    step.gradient_rate = static_cast<T>(rate * (1 - now) / (1 - progress.momentum_product));
  }
  return step;
}

// ---- A piece's update: gradient, moments, weights --------------------------------------------------------------

template <class T>
void apply(const SGD&, const simd::SgdStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::sgd_step(step, g, moments[0], w, n);
}
template <class AdamOptions, class T>
void apply(const AdamOptions&, const simd::AdamStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::adam_step(step, g, moments[0], moments[1], moments[2], w, n);
}
template <class T>
void apply(const Nadam&, const simd::AdamStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::nadam_step(step, g, moments[0], moments[1], w, n);
}
template <class T>
void apply(const Adamax&, const simd::AdamStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::adamax_step(step, g, moments[0], moments[1], w, n);
}
template <class T>
void apply(const Adadelta&, const simd::AdadeltaStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::adadelta_step(step, g, moments[0], moments[1], w, n);
}
template <class T>
void apply(const Lion&, const simd::LionStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::lion_step(step, g, moments[0], w, n);
}
template <class T>
void apply(const RMSProp&, const simd::RmsPropStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  const bool has_velocity = step.momentum != T(0);
  simd::rmsprop_step(step, g, moments[0], has_velocity ? moments[1] : nullptr,
                     step.centered ? moments[has_velocity ? 2 : 1] : nullptr, w, n);
}
template <class T>
void apply(const Adagrad&, const simd::AdagradStep<T>& step, const T* g, T* const* moments, T* w, std::size_t n) {
  simd::adagrad_step(step, g, moments[0], w, n);
}

}  // namespace

std::string_view optimizer_name(const OptimizerOptions& options) {
  constexpr std::string_view kNames[] = {"sgd",   "adam",   "adamw",    "rmsprop", "adagrad", "lamb",
                                         "nadam", "adamax", "adadelta", "lion",    "radam"};
  static_assert(std::size(kNames) == std::variant_size_v<OptimizerOptions>);
  return kNames[options.index()];
}

OptimizerOptions optimizer_from_name(std::string_view name, std::string_view who) {
  const detail::Named<OptimizerOptions> options[] = {
      {"sgd", SGD{}},           {"adam", Adam{}}, {"adamw", AdamW{}}, {"rmsprop", RMSProp{}},
      {"adagrad", Adagrad{}},   {"lamb", LAMB{}}, {"nadam", Nadam{}}, {"adamax", Adamax{}},
      {"adadelta", Adadelta{}}, {"lion", Lion{}}, {"radam", RAdam{}}};
  return detail::value_of(options, name, who, "optimizer");
}

double learning_rate(const OptimizerOptions& options) {
  return std::visit([](const auto& o) { return o.learning_rate; }, options);
}

template <class T>
Optimizer<T>::Optimizer(const OptimizerOptions& options, std::span<const Parameter<T>> parameters) : options_(options) {
  std::visit([&](const auto& o) { check_common(optimizer_name(options_).data(), o); }, options_);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Shape& shape = parameters[i].value.shape();
    names_.push_back(parameters[i].name);
    shapes_.push_back(shape);
    roles_.push_back(parameters[i].role);
    frozen_.push_back(parameters[i].frozen);
    if (!has_moments(i)) continue;
    elements_ += static_cast<double>(shape.elements());
    detail::cut_into_pieces(shape.elements(), [&](std::int64_t begin, std::int64_t end) {
      pieces_.push_back({i, begin, end});
    });
  }
  const T start = static_cast<T>(std::visit([](const auto& o) { return start_of_moments(o); }, options_));
  for (std::string& name : std::visit([](const auto& o) { return moment_names(o); }, options_)) {
    Moment& moment = moments_.emplace_back();
    moment.name = std::move(name);
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      moment.tensors.emplace_back(has_moments(i) ? shapes_[i] : Shape{0});
      std::fill(moment.tensors.back().begin(), moment.tensors.back().end(), start);
    }
  }
  if (!std::holds_alternative<LAMB>(options_)) return;
  squares_.resize(pieces_.size());
  ratios_.resize(shapes_.size());
}

template <class T>
template <class Body>
void Optimizer<T>::for_each_piece(const Body& body) {
  detail::parallel_for(std::ssize(pieces_), kFlopsPerElement * elements_, [&](std::int64_t item) {
    const Piece& piece = pieces_[static_cast<std::size_t>(item)];
    T* moments[kMostMoments] = {};  // null for those that it does not have
    for (std::size_t k = 0; k < moments_.size(); ++k)
      moments[k] = moments_[k].tensors[piece.parameter].data() + piece.begin;
    body(piece, static_cast<std::size_t>(item), moments);
  });
}

template <class T>
void Optimizer<T>::step(std::span<Parameter<T>> parameters, std::span<const TensorView<T>> gradients, double scale) {
  bool fits = parameters.size() == shapes_.size() && gradients.size() == shapes_.size();
  for (std::size_t i = 0; fits && i < shapes_.size(); ++i)
    fits = parameters[i].value.shape() == shapes_[i] && (frozen_[i] || gradients[i].shape() == shapes_[i]);
  if (!fits) throw std::invalid_argument("Optimizer: the parameters or gradients are not those it was made for");

  if (const Nadam* nadam = std::get_if<Nadam>(&options_))
    momentum_product_ = momentum_product(*nadam, momentum_product_, steps_, steps_ + 1);
  ++steps_;
  move_statistics(parameters, gradients);
  if (const LAMB* lamb = std::get_if<LAMB>(&options_)) return scaled_step(*lamb, parameters, gradients, scale);
  std::visit(
      [&](const auto& o) {
        const Progress progress{steps_, momentum_product_};
        const auto plain = coefficients<T>(o, scale * o.learning_rate, 0, progress);
        const auto decayed = coefficients<T>(o, scale * o.learning_rate, o.weight_decay, progress);
        for_each_piece([&](const Piece& piece, std::size_t, T* const* moments) {
          apply(o, decays(piece.parameter) ? decayed : plain, gradients[piece.parameter].data() + piece.begin, moments,
                parameters[piece.parameter].value.data() + piece.begin,
                static_cast<std::size_t>(piece.end - piece.begin));
        });
      },
      options_);
}

template <class T>
void Optimizer<T>::move_statistics(std::span<Parameter<T>> parameters, std::span<const TensorView<T>> steps) const {
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    if (!is_statistic(i) || frozen_[i]) continue;
    T* value = parameters[i].value.data();
    for (const T step : steps[i]) *value++ -= step;
  }
}

// Each parameter's |w| / |u| from its pieces' sums of squares, added in order. 1 for what does not decay.
template <class T>
void Optimizer<T>::find_ratios() {
  std::size_t piece = 0;
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    detail::CompensatedSum weights, direction;
    for (; piece < pieces_.size() && pieces_[piece].parameter == i; ++piece) {
      weights.add(squares_[piece][0]);
      direction.add(squares_[piece][1]);
    }
    const bool scaled = decays(i) && weights.value() > 0 && direction.value() > 0;
    ratios_[i] = scaled ? std::sqrt(weights.value()) / std::sqrt(direction.value()) : 1;
  }
}

// Twice over the parameters: the norms of a whole one must be known before any of it is changed.
template <class T>
void Optimizer<T>::scaled_step(const LAMB& options, std::span<Parameter<T>> parameters,
                               std::span<const TensorView<T>> gradients, double scale) {
  const Progress progress{steps_, momentum_product_};
  const auto plain = coefficients<T>(options, 1, 0, progress);
  const auto decayed = coefficients<T>(options, 1, options.weight_decay, progress);
  const auto direction_of = [&](const Piece& piece, T* const* moments) {
    const auto n = static_cast<std::size_t>(piece.end - piece.begin);
    T* u = detail::scratch<T>(detail::Scratch::gathered, n);
    simd::direction(decays(piece.parameter) ? decayed : plain, moments[0], moments[1],
                    parameters[piece.parameter].value.data() + piece.begin, u, n);
    return std::span<const T>(u, n);
  };
  for_each_piece([&](const Piece& piece, std::size_t item, T* const* moments) {
    const auto n = static_cast<std::size_t>(piece.end - piece.begin);
    simd::moments_step(plain, gradients[piece.parameter].data() + piece.begin, moments[0], moments[1], n);
    if (!decays(piece.parameter)) return;
    squares_[item] = {simd::sum_of_squares(parameters[piece.parameter].value.data() + piece.begin, n),
                      simd::sum_of_squares(direction_of(piece, moments).data(), n)};
  });
  find_ratios();
  for_each_piece([&](const Piece& piece, std::size_t, T* const* moments) {
    const T rate = static_cast<T>(scale * options.learning_rate * ratios_[piece.parameter]);
    T* w = parameters[piece.parameter].value.data() + piece.begin;
    for (const T u : direction_of(piece, moments)) *w++ -= rate * u;
  });
}

template <class T>
std::vector<NamedView<T>> Optimizer<T>::state() const {
  std::vector<NamedView<T>> state;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    for (const Moment& moment : moments_)
      if (has_moments(i)) state.push_back({names_[i] + "/" + moment.name, moment.tensors[i]});
  }
  return state;
}

namespace {

// Averages and sums of squares are taken the root of.
template <class T>
void check_squares(const NamedView<T>& moment) {
  const bool squares =
      std::ranges::any_of(kSquares, [&](std::string_view name) { return moment.name.ends_with(name); });
  if (!squares) return;
  for (const T value : moment.value) {
    if (!(value < 0)) continue;
    throw std::invalid_argument(
        detail::formatted("Optimizer: \"{}\" has the element {}, but it is of squares", moment.name, value));
  }
}

}  // namespace

template <class T>
void Optimizer<T>::load_state(std::span<const NamedView<T>> state, std::int64_t steps) {
  if (steps < 0) throw std::invalid_argument(detail::formatted("Optimizer: steps = {}, it must be at least 0", steps));
  std::vector<detail::NamedPlace<T>> places;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    for (Moment& moment : moments_)
      if (has_moments(i)) places.push_back({names_[i] + "/" + moment.name, moment.tensors[i]});
  }
  for (const NamedView<T>& tensor : state) check_squares(tensor);
  detail::load_named<T>("Optimizer", state, places);
  steps_ = steps;
  if (const Nadam* nadam = std::get_if<Nadam>(&options_)) momentum_product_ = momentum_product(*nadam, 1, 0, steps);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace hubel
