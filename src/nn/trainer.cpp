// Training: the checks of its arguments. Its steps are in training.cpp.
#include "hubel/trainer.hpp"

#include <stdexcept>

#include "nn/train_checks.hpp"
#include "nn/training.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

void check_share(const char* option, double share) {
  if (!(share > 0 && share <= 1))
    throw std::invalid_argument(detail::formatted("fit: {} = {}, it must be in (0, 1]", option, share));
}

void check_numbers(const TrainOptions& options) {
  if (options.epochs < 1)
    throw std::invalid_argument(detail::formatted("fit: epochs = {}, it must be at least 1", options.epochs));
  detail::check_batch_size("fit", options.batch_size);
  if (options.accumulation_steps < 1)
    throw std::invalid_argument(
        detail::formatted("fit: accumulation_steps = {}, it must be at least 1", options.accumulation_steps));
  if (!(options.warmup >= 0 && options.warmup < 1))
    throw std::invalid_argument(detail::formatted("fit: warmup = {}, it must be in [0, 1)", options.warmup));
  check_share("hard_share", options.hard_share);
  check_share("skip_above", options.skip_above);
  detail::check_clipping("fit", options);
  detail::check_size("fit", "save_every_steps", static_cast<double>(options.save_every_steps));
  detail::check_size("fit", "save_every_epochs", static_cast<double>(options.save_every_epochs));
}

void check_averages(const TrainOptions& options) {
  if (options.swa_start < 0 || options.swa_start > options.epochs)
    throw std::invalid_argument(detail::formatted("fit: swa_start = {}, it must be from 1 to epochs, {}, or 0 for none",
                                                  options.swa_start, options.epochs));
  if (options.swa_start > 0 && options.average)
    throw std::invalid_argument("fit: swa_start takes the place of a fading average, but there is one");
}

void check_learning_rate(const TrainOptions& options) {
  if (!options.learning_rate) return;
  if (!std::holds_alternative<ConstantSchedule>(options.schedule.kind()) || options.warmup > 0 || options.plateau)
    throw std::invalid_argument("fit: learning_rate takes the place of schedule, warmup and plateau, but there is one");
  if (!(learning_rate(options.optimizer) > 0))
    throw std::invalid_argument("fit: with learning_rate the optimizer's own must be above 0");
}

// Both select samples by the losses of a classifier.
void check_selection(const SampleSource& train, std::span<const OutputLoss> losses, const TrainOptions& options) {
  const bool by_label =
      losses.size() == 1 && std::holds_alternative<CrossEntropy>(losses[0].loss) && train.answer_kinds()[0].labels == 1;
  if (by_label || (options.hard_share == 1 && options.skip_above == 1)) return;
  throw std::invalid_argument(detail::formatted("fit: {} goes with the cross-entropy of one label a sample only",
                                                options.hard_share < 1 ? "hard_share" : "skip_above"));
}

// Several outputs have no accuracy together.
void check_goals(std::span<const OutputLoss> losses, const TrainOptions& options) {
  const bool of_accuracy = (options.early_stopping && options.early_stopping->goal == Goal::maximum) ||
                           (options.plateau && options.plateau->goal == Goal::maximum);
  if (losses.size() > 1 && of_accuracy)
    throw std::invalid_argument(
        "fit: early stopping and plateau can watch the accuracy of one output only; of several they watch the loss");
}

}  // namespace

void JointSource::gather(const std::int32_t*, std::int64_t, float*, std::int32_t*) const {
  throw std::logic_error("JointSource: its samples are for several inputs or outputs");
}

void TargetSource::gather(const std::int32_t*, std::int64_t, float*, std::int32_t*) const {
  throw std::logic_error("TargetSource: its samples have targets, not labels");
}

TrainResult fit(Network<float>& network, const SampleSource& train, const TrainOptions& options,
                const SampleSource* validation) {
  check_numbers(options);
  check_averages(options);
  check_learning_rate(options);
  const std::vector<OutputLoss> losses = detail::output_losses("fit", network, options.loss, options.losses);
  detail::check_source("fit", network, train, losses, options.top_k);
  check_selection(train, losses, options);
  check_goals(losses, options);
  if (train.count() < 1) throw std::invalid_argument("fit: there are no samples to train on");
  if (validation) detail::check_source("fit (validation)", network, *validation, losses, options.top_k);
  detail::Training training(network, train, options, validation);
  if (options.resume) training.resume(*options.resume);
  return training.run();
}

}  // namespace hubel
