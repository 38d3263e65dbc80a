// Stopping when training goes on for nothing.
#include "hubel/early_stopping.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "text/formatted.hpp"

namespace hubel {

EarlyStopping::EarlyStopping(const EarlyStoppingOptions& options) : options_(options) {
  if (!std::isfinite(options.min_delta) || options.min_delta < 0) {
    throw std::invalid_argument(
        detail::formatted("EarlyStopping: min_delta = {}, it must be finite and at least 0", options.min_delta));
  }
  if (options.patience < 0)
    throw std::invalid_argument(
        detail::formatted("EarlyStopping: patience = {}, it must be at least 0", options.patience));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  best_ = options.goal == Goal::minimum ? kInfinity : -kInfinity;
}

bool EarlyStopping::update(double value) {
  ++epochs_;
  const double delta = options_.min_delta;
  const bool improved = options_.goal == Goal::minimum ? value + delta < best_ : value - delta > best_;
  if (improved) {
    best_ = value;
    best_epoch_ = epochs_;
    waited_ = 0;
    return false;
  }
  ++waited_;
  return waited_ >= options_.patience && epochs_ > 1;
}

void EarlyStopping::load_state(const State& state) {
  best_ = state.best;
  best_epoch_ = state.best_epoch;
  epochs_ = state.epochs;
  waited_ = state.waited;
}

}  // namespace hubel
