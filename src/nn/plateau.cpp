// Lowering the learning rate when it brings nothing more.
#include "hubel/plateau.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "text/formatted.hpp"

namespace hubel {

namespace {

void check(bool holds, const char* option, double value, const char* wanted) {
  if (holds) return;
  throw std::invalid_argument(detail::formatted("ReduceOnPlateau: {} = {}, it must be {}", option, value, wanted));
}

void check_size(const char* option, double value) {
  check(std::isfinite(value) && value >= 0, option, value, "finite and at least 0");
}

}  // namespace

ReduceOnPlateau::ReduceOnPlateau(double learning_rate, const PlateauOptions& options)
    : options_(options), learning_rate_(learning_rate) {
  check_size("learning_rate", learning_rate);
  check(options.factor > 0 && options.factor < 1, "factor", options.factor, "in (0, 1)");
  check_size("patience", static_cast<double>(options.patience));
  check_size("min_delta", options.min_delta);
  check_size("cooldown", static_cast<double>(options.cooldown));
  check_size("min_lr", options.min_lr);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  best_ = options.goal == Goal::minimum ? kInfinity : -kInfinity;
}

bool ReduceOnPlateau::improves(double value) const {
  const double sign = options_.goal == Goal::minimum ? -1 : 1, delta = options_.min_delta;
  const double bound = options_.relative ? best_ * (1 + sign * delta) : best_ + sign * delta;
  return options_.goal == Goal::minimum ? value < bound : value > bound;
}

double ReduceOnPlateau::update(double value) {
  constexpr double kLeastChange = 1e-8;
  if (improves(value)) {
    best_ = value;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_epochs_ = 0;
  }
  if (bad_epochs_ <= options_.patience) return learning_rate_;
  const double lower = std::max(learning_rate_ * options_.factor, options_.min_lr);
  if (learning_rate_ - lower > kLeastChange) learning_rate_ = lower;
  cooling_ = options_.cooldown;
  bad_epochs_ = 0;
  return learning_rate_;
}

void ReduceOnPlateau::load_state(const State& state) {
  learning_rate_ = state.learning_rate;
  best_ = state.best;
  bad_epochs_ = state.bad_epochs;
  cooling_ = state.cooling;
}

}  // namespace hubel
