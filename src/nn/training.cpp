// The steps and epochs of a training; see training.hpp.
#include "nn/training.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "hubel/random.hpp"
#include "nn/train_checks.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Streams of random numbers below this belong to the parameters (network.cpp); epoch e is shuffled by kShuffles + e.
constexpr std::uint64_t kShuffles = std::uint64_t{1} << 32;

// The average, if there is one, in the weights' place for as long as this lives.
class InPlace {
 public:
  InPlace(std::optional<WeightAverage<float>>& average, Network<float>& network)
      : average_(average), network_(network) {
    if (average_) average_->apply(network_.parameters());
  }
  ~InPlace() {
    if (average_) average_->restore(network_.parameters());
  }
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;

 private:
  std::optional<WeightAverage<float>>& average_;
  Network<float>& network_;
};

}  // namespace

Training::Training(Network<float>& network, const SampleSource& train, const TrainOptions& options,
                   const SampleSource* validation)
    : network_(network),
      source_(train),
      options_(options),
      validation_(validation),
      count_(train.count()),
      later_count_(std::max<std::int64_t>(std::llround(options.hard_share * static_cast<double>(count_)), 1)),
      batch_size_(std::min(options.batch_size, count_)),
      length_(length()),
      batch_(train, batch_size_),
      scores_(output_losses("fit", network, options.loss, options.losses), output_whos("fit", network), options.top_k),
      optimizer_(options.optimizer, std::as_const(network).parameters()),
      batch_step_(network, optimizer_, batch_size_,
                  {options.clip_value, options.clip_parameter_norm, options.clip_norm}, options.accumulation_steps),
      losses_(count_, batch_size_, later_count_ < count_) {
  const std::span<const Parameter<float>> parameters = std::as_const(network).parameters();
  epoch_rate_ = hubel::learning_rate(options.optimizer);
  if (options.average) average_.emplace(parameters, *options.average);
  if (options.swa_start > 0) average_.emplace(parameters, AverageOptions{.equal = true});
  if (options.early_stopping) early_stopping_.emplace(*options.early_stopping);
  if (options.plateau) plateau_.emplace(hubel::learning_rate(options.optimizer), *options.plateau);
  if (options.keep_best && validation) best_.emplace(network);
  if (options.save_state || options.resume) settings_ = settings();
}

TrainingLength Training::length() const {
  const std::int64_t first = steps_of(count_);
  const std::int64_t later = saturating_product({options_.epochs - 1, steps_of(later_count_)});
  const std::int64_t all = saturating_sum(first, later);
  return {all, static_cast<std::int64_t>(std::llround(options_.warmup * static_cast<double>(all))), first};
}

std::int64_t Training::batches_done() const {
  if (epoch_ == 1) return step_;
  const std::int64_t later = saturating_product({epoch_ - 2, steps_of(later_count_)});
  return saturating_sum(saturating_sum(steps_of(count_), later), step_);
}

TrainResult Training::run() {
  TrainResult result;
  try {
    while (epoch_ <= options_.epochs && !stopped_early_ && !result.stopped)
      result.stopped = !run_epoch() || !end_epoch(result);
    if (result.stopped && options_.save_state) save();
  } catch (...) {
    finish(result);  // whatever failed, what was learnt before is not lost
    throw;
  }
  finish(result);
  return result;
}

void Training::finish(TrainResult& result) {
  result.stopped_early = stopped_early_;
  result.epochs_done = epoch_ - 1;
  if (best_) result.best_epoch = best_->epoch();
  if (result.best_epoch > 0) {
    best_->put_back(network_);
  } else if (average_) {
    average_->apply(network_.parameters());
  }
}

// ---- An epoch --------------------------------------------------------------------------------------------------

void Training::put_in_order() {
  const std::int64_t count = samples_of_epoch();
  const bool all = count == count_;
  std::vector<std::int32_t> hardest;
  if (!all) hardest = losses_.hardest(count);
  if (options_.shuffle) {
    order_ = Random(options_.seed, kShuffles + static_cast<std::uint64_t>(epoch_)).permutation(count);
  } else {
    order_.resize(static_cast<std::size_t>(count));
    std::iota(order_.begin(), order_.end(), 0);
  }
  if (all) return;
  for (std::int32_t& index : order_) index = hardest[static_cast<std::size_t>(index)];
}

// False when a callback stopped it.
bool Training::begin_epoch() {
  if (options_.on_epoch_begin && !options_.on_epoch_begin(epoch_)) return false;
  if (options_.learning_rate && step_ == 0) {
    epoch_rate_ = options_.learning_rate(epoch_, epoch_rate_);
    if (!(epoch_rate_ >= 0 && std::isfinite(epoch_rate_)))
      throw std::invalid_argument(detail::formatted(
          "fit: the learning rate of epoch {} is {}, it must be finite and at least 0", epoch_, epoch_rate_));
  }
  source_.begin_epoch(epoch_, options_.seed);
  if (step_ == 0) losses_.begin_epoch();
  put_in_order();
  return true;
}

// What is left of the epoch. False when a callback or the end of the samples stopped it.
bool Training::run_epoch() {
  const auto before = Clock::now();
  if (!begin_epoch()) return false;
  seconds_ += seconds_since(before);
  const std::int64_t steps = steps_of(std::ssize(order_));
  while (step_ < steps) {
    const auto start = Clock::now();
    if (!run_step()) return false;
    seconds_ += seconds_since(start);
    if (options_.on_step && !options_.on_step(progress())) return false;
    if (step_ < steps && is_due(false)) save();
  }
  return true;
}

TrainProgress Training::progress() {
  TrainProgress p;
  p.epoch = epoch_;
  p.epochs = options_.epochs;
  p.step = step_;
  p.steps = steps_of(std::ssize(order_));
  p.samples = scores_.count();
  p.loss = scores_.mean_loss();
  p.accuracy = scores_.accuracy();
  p.learning_rate = learning_rate_;
  p.seconds = seconds_;
  p.all_steps = batches_done();
  p.gradient_norm = batch_step_.norm();
  p.outputs = scores_.results();
  return p;
}

// Validation and what follows from it, with the average in the weights' place. False when a callback stopped training.
bool Training::judge_epoch(TrainResult& result) {
  const std::span<const OutputResult> outputs = scores_.results();
  EpochResult epoch{epoch_,
                    scores_.count(),
                    scores_.mean_loss(),
                    scores_.accuracy(),
                    std::nullopt,
                    learning_rate_,
                    seconds_,
                    scores_.top_k_accuracy(),
                    {outputs.begin(), outputs.end()}};
  if (options_.swa_start > 0 && epoch_ >= options_.swa_start) average_->update(std::as_const(network_).parameters());
  const InPlace average(average_, network_);
  if (validation_) {
    EvaluateOptions how;
    how.losses = {scores_.losses().begin(), scores_.losses().end()};
    how.top_k = options_.top_k;
    how.on_batch = options_.on_validation_batch;
    epoch.validation = evaluate(network_, *validation_, how);
  }
  if (best_) best_->offer(network_, epoch_, *epoch.validation);
  result.epochs.push_back(epoch);
  stopped_early_ = watch(epoch);
  return !options_.on_epoch || options_.on_epoch(epoch);
}

bool Training::end_epoch(TrainResult& result) {
  const bool goes_on = judge_epoch(result);
  const bool due = is_due(true);
  ++epoch_;
  step_ = 0;
  scores_.clear();
  seconds_ = 0;
  if (goes_on && due) save();
  return goes_on;
}

double Training::watched(const EpochResult& epoch, Goal goal) const {
  const bool loss = goal == Goal::minimum;
  if (epoch.validation) return loss ? epoch.validation->loss : epoch.validation->accuracy;
  return loss ? epoch.loss : epoch.accuracy;
}

// True when training should stop.
bool Training::watch(const EpochResult& epoch) {
  if (plateau_) plateau_->update(watched(epoch, options_.plateau->goal));
  return early_stopping_ && early_stopping_->update(watched(epoch, options_.early_stopping->goal));
}

// ---- A step ----------------------------------------------------------------------------------------------------

std::span<const LossResult> Training::learn(std::span<const std::int32_t> indices) {
  batch_.gather(indices);
  const std::span<const LossResult> losses = batch_step_.learn(
      batch_, scores_, {options_.seed, batches_done(), options_.skip_above, losses_.room(std::ssize(indices))});
  losses_.note(indices);
  return losses;
}

double Training::learning_factor() const {
  if (options_.learning_rate) return epoch_rate_ / hubel::learning_rate(options_.optimizer);
  const double factor = schedule_factor(options_.schedule, batches_done(), length_);
  const double rate = hubel::learning_rate(options_.optimizer);
  return plateau_ && rate > 0 ? factor * (plateau_->learning_rate() / rate) : factor;
}

void Training::step() {
  const double factor = learning_factor();
  learning_rate_ = options_.learning_rate ? epoch_rate_ : factor * hubel::learning_rate(options_.optimizer);
  const bool went = batch_step_.go(batches_done(), factor);
  if (went && options_.average) average_->update(std::as_const(network_).parameters());
}

// False when the source has no more samples.
bool Training::run_step() {
  const std::int64_t begin = step_ * batch_size_;
  const std::int64_t n = source_.begin_batch(std::min(batch_size_, std::ssize(order_) - begin));
  if (n == 0) return false;
  const std::span<const LossResult> losses =
      learn(std::span(order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(n)));
  const double loss = scores_.sum([&](std::size_t i) { return losses[i].loss; });
  if (!std::isfinite(loss)) raise_diverged(loss, batch_, formatted("epoch {}, step {}", epoch_, step_ + 1));
  step();
  scores_.add(losses, batch_, batch_step_.execution(), options_.on_batch);
  ++step_;
  return true;
}

}  // namespace hubel::detail
