// Training, evaluating and predicting, batch by batch.
#include "hubel/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "hubel/random.hpp"
#include "nn/network_plan.hpp"

namespace hubel {

namespace {

using Clock = std::chrono::steady_clock;
using Mode = Execution<float>::Mode;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Streams of random numbers below this belong to the parameters (network.cpp); epoch e is shuffled by kShuffles + e.
constexpr std::uint64_t kShuffles = std::uint64_t{1} << 32;

void check_batch_size(const char* who, std::int64_t batch_size) {
  if (batch_size < 1)
    throw std::invalid_argument(fmt::format("{}: batch_size = {}, it must be at least 1", who, batch_size));
}

void check_source(const char* who, const Network<float>& network, const SampleSource& source) {
  detail::class_count(network.output_shape(), who);
  if (!(source.sample_shape() == network.input_shape())) {
    throw std::invalid_argument(fmt::format("{}: the samples have shape {}, the network takes {}", who,
                                            source.sample_shape().to_string(), network.input_shape().to_string()));
  }
  if (source.count() > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument(fmt::format("{}: {} samples, there may be at most 2^31 - 1", who, source.count()));
  }
}

// Memory for a batch, and its filling from a source.
class Batch {
 public:
  Batch(const SampleSource& source, std::int64_t size)
      : source_(source),
        x_(Tensor<float>::uninitialized(detail::batch_shape(size, source.sample_shape()))),
        labels_(static_cast<std::size_t>(size)) {}

  void gather(std::span<const std::int32_t> indices) {
    count_ = std::ssize(indices);
    source_.gather(indices.data(), count_, x_.data(), labels_.data());
  }
  TensorView<const float> x() const { return {x_.data(), x_.shape().with_first(count_)}; }
  std::span<const std::int32_t> labels() const { return std::span(labels_).first(static_cast<std::size_t>(count_)); }

 private:
  const SampleSource& source_;
  Tensor<float> x_;
  std::vector<std::int32_t> labels_;
  std::int64_t count_ = 0;
};

// Sums of a loss over samples.
struct Totals {
  double loss = 0;
  std::int64_t correct = 0, count = 0;

  void add(const LossResult& batch, std::int64_t n) {
    loss += batch.loss * static_cast<double>(n);
    correct += batch.correct;
    count += n;
  }
  double mean_loss() const { return count > 0 ? loss / static_cast<double>(count) : 0; }
  double accuracy() const { return count > 0 ? static_cast<double>(correct) / static_cast<double>(count) : 0; }
};

// The weights of the best epoch so far.
class Best {
 public:
  explicit Best(const Network<float>& network) {
    for (const Parameter<float>& p : network.parameters()) weights_.push_back(p.value);
  }

  std::int64_t epoch() const { return epoch_; }
  void offer(const Network<float>& network, std::int64_t epoch, const Evaluation& validation) {
    const bool better = validation.accuracy > validation_.accuracy ||
                        (validation.accuracy == validation_.accuracy && validation.loss < validation_.loss);
    if (epoch_ != 0 && !better) return;
    epoch_ = epoch;
    validation_ = validation;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      std::copy(network.parameters()[i].value.begin(), network.parameters()[i].value.end(), weights_[i].begin());
  }
  void put_back(Network<float>& network) const {
    if (epoch_ == 0) return;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      std::copy(weights_[i].begin(), weights_[i].end(), network.parameters()[i].value.begin());
  }

 private:
  std::int64_t epoch_ = 0;
  Evaluation validation_;
  std::vector<Tensor<float>> weights_;
};

// Each sample's loss when it was last trained on, where someone will ask which were hardest.
class Losses {
 public:
  Losses(std::int64_t count, std::int64_t batch_size, bool wanted)
      : all_(wanted ? static_cast<std::size_t>(count) : 0), batch_(wanted ? static_cast<std::size_t>(batch_size) : 0) {}

  // Room for the losses of a batch of n, for note() to take; none where none are wanted.
  std::span<float> room(std::int64_t n) {
    return std::span(batch_).first(batch_.empty() ? 0 : static_cast<std::size_t>(n));
  }
  void note(std::span<const std::int32_t> indices) {
    for (std::size_t i = 0; i < indices.size() && !batch_.empty(); ++i)
      all_[static_cast<std::size_t>(indices[i])] = batch_[i];
  }
  // The `count` samples with the highest loss (the first, on a tie), in ascending order.
  std::vector<std::int32_t> hardest(std::int64_t count) const {
    std::vector<std::int32_t> indices(all_.size());
    std::iota(indices.begin(), indices.end(), 0);
    const auto harder = [&](std::int32_t a, std::int32_t b) {
      const float loss_a = all_[static_cast<std::size_t>(a)], loss_b = all_[static_cast<std::size_t>(b)];
      return loss_a != loss_b ? loss_a > loss_b : a < b;
    };
    if (count < std::ssize(indices)) {
      std::nth_element(indices.begin(), indices.begin() + count, indices.end(), harder);
      indices.resize(static_cast<std::size_t>(count));
    }
    std::sort(indices.begin(), indices.end());
    return indices;
  }

 private:
  std::vector<float> all_, batch_;
};

// Of numbers that are not negative.
std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
  return b > std::numeric_limits<std::int64_t>::max() - a ? std::numeric_limits<std::int64_t>::max() : a + b;
}

// One training, with its memory.
class Training {
 public:
  Training(Network<float>& network, const SampleSource& source, const TrainOptions& options)
      : network_(network),
        options_(options),
        count_(source.count()),
        later_count_(std::max<std::int64_t>(std::llround(options.hard_share * static_cast<double>(count_)), 1)),
        batch_size_(std::min(options.batch_size, count_)),
        all_steps_(
            saturating_sum(steps_of(count_), detail::saturating_product({options.epochs - 1, steps_of(later_count_)}))),
        batch_(source, batch_size_),
        execution_(network, batch_size_, Mode::training),
        optimizer_(options.optimizer, std::as_const(network).parameters()),
        losses_(count_, batch_size_, later_count_ < count_) {}

  // One epoch, from 1. False when a callback stopped it.
  bool run_epoch(std::int64_t epoch, EpochResult& result);

 private:
  std::int64_t steps_of(std::int64_t samples) const { return (samples + batch_size_ - 1) / batch_size_; }
  void put_in_order(std::int64_t epoch);
  void run_step(std::int64_t step, TrainProgress& progress, Totals& totals);

  Network<float>& network_;
  const TrainOptions& options_;
  std::int64_t count_, later_count_, batch_size_, all_steps_;  // later_count_: samples of an epoch after the first
  Batch batch_;
  Execution<float> execution_;
  Optimizer<float> optimizer_;
  Losses losses_;
  std::vector<std::int32_t> order_;  // of this epoch's samples
};

void Training::put_in_order(std::int64_t epoch) {
  const bool all = epoch == 1 || later_count_ == count_;
  const std::int64_t count = all ? count_ : later_count_;
  std::vector<std::int32_t> hardest;
  if (!all) hardest = losses_.hardest(count);
  if (options_.shuffle) {
    order_ = Random(options_.seed, kShuffles + static_cast<std::uint64_t>(epoch)).permutation(count);
  } else {
    order_.resize(static_cast<std::size_t>(count));
    std::iota(order_.begin(), order_.end(), 0);
  }
  if (all) return;
  for (std::int32_t& index : order_) index = hardest[static_cast<std::size_t>(index)];
}

bool Training::run_epoch(std::int64_t epoch, EpochResult& result) {
  Totals totals;
  TrainProgress progress;
  const auto before = Clock::now();
  put_in_order(epoch);
  progress.seconds = seconds_since(before);
  const std::int64_t steps = steps_of(std::ssize(order_));
  progress.epoch = epoch;
  progress.epochs = options_.epochs;
  progress.steps = steps;
  bool goes_on = true;
  for (std::int64_t step = 0; step < steps && goes_on; ++step) {
    const auto start = Clock::now();
    run_step(step, progress, totals);
    progress.seconds += seconds_since(start);
    goes_on = !options_.on_step || options_.on_step(progress);
  }
  result = {epoch,        totals.count,           totals.mean_loss(), totals.accuracy(),
            std::nullopt, progress.learning_rate, progress.seconds};
  return goes_on;
}

void Training::run_step(std::int64_t step, TrainProgress& progress, Totals& totals) {
  const std::int64_t begin = step * batch_size_, n = std::min(batch_size_, std::ssize(order_) - begin);
  const auto indices = std::span(order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(n));
  batch_.gather(indices);
  const LossResult loss = execution_.loss_and_gradients(batch_.x(), batch_.labels(),
                                                        {.skip_above = options_.skip_above, .losses = losses_.room(n)});
  losses_.note(indices);
  if (!std::isfinite(loss.loss)) {
    throw std::runtime_error(
        fmt::format("training diverged: the loss is {} at epoch {}, step {}; a lower learning rate usually helps",
                    std::isnan(loss.loss) ? "nan" : "infinite", progress.epoch, step + 1));
  }
  const double factor = schedule_factor(options_.schedule, optimizer_.steps(), all_steps_, options_.warmup);
  optimizer_.step(network_.parameters(), execution_.gradients(), factor);
  totals.add(loss, n);
  progress.step = step + 1;
  progress.samples = totals.count;
  progress.loss = totals.mean_loss();
  progress.accuracy = totals.accuracy();
  progress.learning_rate = factor * learning_rate(options_.optimizer);
}

void check_share(const char* option, double share) {
  if (!(share > 0 && share <= 1))
    throw std::invalid_argument(fmt::format("fit: {} = {}, it must be in (0, 1]", option, share));
}

void check_training(const Network<float>& network, const SampleSource& train, const TrainOptions& options,
                    const SampleSource* validation) {
  if (options.epochs < 1)
    throw std::invalid_argument(fmt::format("fit: epochs = {}, it must be at least 1", options.epochs));
  check_batch_size("fit", options.batch_size);
  if (!(options.warmup >= 0 && options.warmup < 1))
    throw std::invalid_argument(fmt::format("fit: warmup = {}, it must be in [0, 1)", options.warmup));
  check_share("hard_share", options.hard_share);
  check_share("skip_above", options.skip_above);
  check_source("fit", network, train);
  if (train.count() < 1) throw std::invalid_argument("fit: there are no samples to train on");
  if (validation) check_source("fit (validation)", network, *validation);
}

// The first of the largest values of each row counts as the prediction, as in softmax_cross_entropy.
void count_predictions(TensorView<const float> logits, std::span<const std::int32_t> labels,
                       std::vector<std::int64_t>& confusion) {
  const std::int64_t classes = logits.shape()[1];
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float* row = logits.data() + static_cast<std::int64_t>(i) * classes;
    const std::int64_t prediction = std::max_element(row, row + classes) - row;
    ++confusion[static_cast<std::size_t>(labels[i] * classes + prediction)];
  }
}

}  // namespace

TrainResult fit(Network<float>& network, const SampleSource& train, const TrainOptions& options,
                const SampleSource* validation) {
  check_training(network, train, options, validation);
  Training training(network, train, options);
  std::optional<Best> best;
  if (options.keep_best && validation) best.emplace(network);
  TrainResult result;
  for (std::int64_t epoch = 1; epoch <= options.epochs && !result.stopped; ++epoch) {
    EpochResult epoch_result;
    result.stopped = !training.run_epoch(epoch, epoch_result);
    if (result.stopped) break;
    if (validation) epoch_result.validation = evaluate(network, *validation);
    if (best) best->offer(network, epoch, *epoch_result.validation);
    result.epochs.push_back(epoch_result);
    result.stopped = options.on_epoch && !options.on_epoch(epoch_result);
  }
  if (best) {
    best->put_back(network);
    result.best_epoch = best->epoch();
  }
  return result;
}

Evaluation evaluate(const Network<float>& network, const SampleSource& source, std::int64_t batch_size,
                    std::vector<std::int64_t>* confusion, const std::function<bool(std::int64_t)>& on_progress) {
  check_batch_size("evaluate", batch_size);
  check_source("evaluate", network, source);
  const std::int64_t count = source.count(), classes = detail::class_count(network.output_shape(), "evaluate");
  if (confusion) confusion->assign(static_cast<std::size_t>(classes * classes), 0);
  const std::int64_t size = std::clamp<std::int64_t>(count, 1, batch_size);
  Batch batch(source, size);
  Execution<float> execution(network, size, Mode::inference);
  std::vector<std::int32_t> indices(static_cast<std::size_t>(size));
  Totals totals;
  for (std::int64_t begin = 0; begin < count; begin += size) {
    const std::int64_t n = std::min(size, count - begin);
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(begin));
    batch.gather(std::span(indices).first(static_cast<std::size_t>(n)));
    totals.add(execution.loss(batch.x(), batch.labels()), n);
    if (confusion) count_predictions(execution.logits(), batch.labels(), *confusion);
    if (on_progress && !on_progress(totals.count)) break;
  }
  return {totals.mean_loss(), totals.accuracy(), totals.count};
}

Tensor<float> predict(const Network<float>& network, TensorView<const float> x, std::int64_t batch_size) {
  check_batch_size("predict", batch_size);
  const Shape& sample = network.input_shape();
  const std::int64_t count = x.shape().rank() > 0 ? x.shape()[0] : 0;
  if (!(x.shape() == detail::batch_shape(count, sample))) {
    throw std::invalid_argument(
        fmt::format("predict: x has shape {}, the network takes samples of shape {} with a batch axis before",
                    x.shape().to_string(), sample.to_string()));
  }
  Tensor<float> output = Tensor<float>::uninitialized(detail::batch_shape(count, network.output_shape()));
  if (count == 0) return output;
  Execution<float> execution(network, std::min(batch_size, count), Mode::inference);
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t n = std::min(batch_size, count - begin);
    const auto y = execution.forward({x.data() + begin * sample.elements(), detail::batch_shape(n, sample)});
    std::copy(y.begin(), y.end(), output.data() + begin * network.output_shape().elements());
  }
  return output;
}

}  // namespace hubel
