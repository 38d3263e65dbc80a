// Changed samples that have targets; mixed ones get mixed targets.

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "data/mix_checks.hpp"
#include "hubel/augment.hpp"
#include "text/formatted.hpp"

namespace hubel {

AugmentedTargets::AugmentedTargets(const TargetSource& source, Augmentation options)
    : source_(source), options_(std::move(options)) {
  check_augmentation("AugmentedTargets", options_, source.sample_shape());
  const Shape target = source.target_shape();
  if (target.rank() == 0 || target.elements() != target.back()) {
    throw std::invalid_argument(detail::formatted(
        "AugmentedTargets: a sample's targets have shape {}, but they must be one row: those of a sample's "
        "parts would have to be moved with them",
        target.to_string()));
  }
  detail::check_mixes("AugmentedTargets", options_, source);
}

void AugmentedTargets::begin_epoch(std::int64_t epoch, std::uint64_t seed) const {
  epoch_ = epoch;
  seed_ = seed;
  source_.begin_epoch(epoch, seed);
}

void AugmentedTargets::gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const {
  if (options_.mixup > 0 || options_.cutmix > 0) return gather_mixed(indices, n, out, targets);
  source_.gather_targets(indices, n, out, targets);
  augment(options_, sample_shape(), out, indices, n, seed_, epoch_);
}

// mix_samples is told the samples' places in the batch for labels, and so tells whose targets are to be mixed.
void AugmentedTargets::gather_mixed(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const {
  const std::int64_t row = target_shape().elements();
  const auto room = [n](std::int64_t of_each) { return static_cast<std::size_t>(n * of_each); };
  if (shares_.size() < room(1)) {
    unmixed_.resize(room(sample_shape().elements()));
    unmixed_targets_.resize(room(row));
    shares_.resize(room(1));
    places_.resize(room(2));
  }
  std::iota(places_.begin(), places_.begin() + n, 0);
  const std::int32_t* others = places_.data() + n;
  source_.gather_targets(indices, n, unmixed_.data(), unmixed_targets_.data());
  augment(options_, sample_shape(), unmixed_.data(), indices, n, seed_, epoch_);
  mix_samples(options_, sample_shape(), unmixed_.data(), indices, places_.data(), n, seed_, epoch_, out,
              places_.data() + n, shares_.data());
  for (std::int64_t i = 0; i < n; ++i) {
    const float* own = unmixed_targets_.data() + i * row;
    const float* other = unmixed_targets_.data() + others[i] * row;
    const float share = shares_[static_cast<std::size_t>(i)];
    std::transform(own, own + row, other, targets + i * row,
                   [share](float a, float b) { return share * a + (1 - share) * b; });
  }
}

}  // namespace hubel
