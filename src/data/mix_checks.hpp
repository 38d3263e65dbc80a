// Whether samples can be mixed.
#pragma once

#include <stdexcept>

#include "hubel/augment.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// A mixture's loss is a sum of shares of two losses. With a weight for each of these it is no multiple of the mixture's
// own, which one weight could tell.
inline void check_mixes(const char* who, const Augmentation& options, const SampleSource& source) {
  if ((options.mixup > 0 || options.cutmix > 0) && source.weights_per_sample() > 0)
    throw std::invalid_argument(formatted("{}: samples with weights cannot be mixed by mixup or cutmix", who));
}

}  // namespace hubel::detail
