// See changed_source.hpp.
#include "changed_source.hpp"

#include <stdexcept>

#include "samples.hpp"

namespace hubel::python {

namespace {

// Whether a sample has one label, or one row of targets.
bool has_one_row(const AnswerKind& answer) {
  return answer.labels > 0 ? answer.labels == 1 : answer.target.elements() == answer.target.back();
}

}  // namespace

void ChangedSource::change(const Augmentation& options, std::int64_t classes) {
  const SampleSource& source = get();
  if (is_joint(source))
    throw std::invalid_argument("fit: augmentation goes with networks that have one input and one output");
  check_augmentation("fit (augmentation)", options, source.sample_shape());
  if (!has_one_row(source.answer_kinds()[0])) {
    throw std::invalid_argument(
        "fit: augmentation moves the images alone, but here each pixel has a label or target, which would have to be "
        "moved with it");
  }
  if (const auto* targets = dynamic_cast<const TargetSource*>(&source)) {
    links_.push_back(std::make_unique<AugmentedTargets>(*targets, options));
    return;
  }
  auto augmented = std::make_unique<Augmented>(source, options);
  const Augmented& changed = *augmented;
  links_.push_back(std::move(augmented));
  if (options.mixup > 0 || options.cutmix > 0)
    links_.push_back(std::make_unique<Mixed>(changed, static_cast<std::int32_t>(classes)));
}

Augmentation normalisation_of(const Augmentation& options) {
  Augmentation normalisation;
  normalisation.mean = options.mean;
  normalisation.stddev = options.stddev;
  return normalisation;
}

}  // namespace hubel::python
