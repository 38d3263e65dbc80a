// Training by hand: the trainer's step (batch_step.hpp) for batches that come one at a time.
#include "hubel/batch_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "nn/batch_step.hpp"
#include "nn/train_checks.hpp"
#include "text/formatted.hpp"

namespace hubel {

struct BatchTrainer::Impl {
  Impl(Network<float>& of, const StepOptions& options, std::string begin)
      : who(std::move(begin)),
        network(of),
        clipping{options.clip_value, options.clip_parameter_norm, options.clip_norm},
        top_k(options.top_k),
        seed(options.seed),
        optimizer(options.optimizer, std::as_const(network).parameters()),
        scores(detail::output_losses(who, network, options.loss, options.losses), detail::output_whos(who, network),
               top_k) {
    detail::check_clipping(who, options);
  }

  std::string who;
  Network<float>& network;
  detail::Clipping clipping;
  std::int64_t top_k;
  std::uint64_t seed;
  Optimizer<float> optimizer;
  detail::OutputScores scores;
  std::int64_t largest = 0;  // samples that `step` has memory for
  std::optional<detail::BatchStep> step;
};

BatchTrainer::BatchTrainer(Network<float>& network, const StepOptions& options, std::string who)
    : impl_(std::make_unique<Impl>(network, options, std::move(who))) {}
BatchTrainer::~BatchTrainer() = default;
BatchTrainer::BatchTrainer(BatchTrainer&&) noexcept = default;
BatchTrainer& BatchTrainer::operator=(BatchTrainer&&) noexcept = default;

std::int64_t BatchTrainer::steps() const { return impl_->optimizer.steps(); }

Evaluation BatchTrainer::step(const SampleSource& source, double scale,
                              const std::function<void(const BatchResult&)>& on_batch) {
  Impl& own = *impl_;
  detail::check_source(own.who, own.network, source, own.scores.losses(), own.top_k);
  detail::check_size(own.who, "scale", scale);
  const std::int64_t count = source.count(), before = steps();
  if (count < 1) throw std::invalid_argument(detail::formatted("{}: there are no samples to train on", own.who));
  if (own.largest < count) {
    own.step.emplace(own.network, own.optimizer, count, own.clipping);
    own.largest = count;
  }
  detail::Batch batch(source, count);
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  batch.gather(indices);
  const std::span<const LossResult> losses = own.step->learn(batch, own.scores, {.seed = own.seed, .before = before});
  const double loss = own.scores.sum([&](std::size_t i) { return losses[i].loss; });
  if (!std::isfinite(loss)) detail::raise_diverged(loss, batch, detail::formatted("step {}", before + 1));
  own.step->go(before, scale);
  own.scores.clear();
  own.scores.add(losses, batch, own.step->execution(), on_batch);
  return own.scores.evaluation();
}

}  // namespace hubel
