// See batch_step.hpp.
#include "nn/batch_step.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "hubel/clip.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

// What to do about a loss that is not finite.
std::string_view remedy(const Batch& batch) {
  const auto finite = [](TensorView<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  };
  if (!std::ranges::all_of(batch.xs(), finite)) return "there are samples with nan or infinite values";
  for (std::size_t i = 0; i < batch.outputs(); ++i)
    if (batch.has_targets(i) && !finite(batch.targets(i))) return "there are targets with nan or infinite values";
  return "a lower learning rate usually helps";
}

}  // namespace

BatchStep::BatchStep(Network<float>& network, Optimizer<float>& optimizer, std::int64_t max_batch,
                     const Clipping& clipping, std::int64_t accumulation_steps)
    : network_(network),
      optimizer_(optimizer),
      execution_(network, max_batch, Execution<float>::Mode::training),
      clipping_(clipping),
      accumulated_(execution_.gradients(), std::as_const(network).parameters(), accumulation_steps) {
  const std::span<const Parameter<float>> parameters = std::as_const(network).parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].role != ParameterRole::statistic && !parameters[i].frozen)
      clipped_.push_back(execution_.gradients()[i]);
}

std::span<const LossResult> BatchStep::learn(const Batch& batch, OutputScores& scores, const Learning& how) {
  execution_.set_dropout(how.seed, static_cast<std::uint64_t>(how.before));
  const std::span<OutputAim<float>> aims = scores.aims(batch);
  aims[0].skip_above = how.skip_above;
  aims[0].row_losses = how.row_losses;
  const std::span<const LossResult> losses = execution_.losses_and_gradients(batch.xs(), aims);
  scores.check_outputs(execution_);
  return losses;
}

// Returns the gradients' norm, or 0 where it was not asked for.
double BatchStep::clip() {
  if (clipping_.value > 0) clip_by_value(clipped_, clipping_.value);
  if (clipping_.parameter_norm > 0) clip_by_norm(clipped_, clipping_.parameter_norm);
  return clipping_.norm > 0 ? clip_by_global_norm(clipped_, clipping_.norm) : 0;
}

bool BatchStep::go(std::int64_t before, double factor) {
  if (!accumulated_.add(before)) {
    optimizer_.move_statistics(network_.parameters(), execution_.gradients());
    return false;
  }
  norm_ = clip();
  optimizer_.step(network_.parameters(), execution_.gradients(), factor);
  return true;
}

void raise_diverged(double loss, const Batch& batch, const std::string& where) {
  throw std::runtime_error(formatted("training diverged: the loss is {} at {}; {}",
                                     std::isnan(loss) ? "nan" : "infinite", where, remedy(batch)));
}

}  // namespace hubel::detail
