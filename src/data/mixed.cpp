// Mixed samples with the probabilities that come of it, as a source to train on.

#include <stdexcept>

#include "data/mix_checks.hpp"
#include "hubel/augment.hpp"
#include "text/formatted.hpp"

namespace hubel {

Mixed::Mixed(const Augmented& source, std::int32_t classes) : source_(source), classes_(classes) {
  if (classes < 1)
    throw std::invalid_argument(detail::formatted("Mixed: classes = {}, it must be at least 1", classes));
  detail::check_mixes("Mixed", source.options(), source);
}

void Mixed::gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const {
  const auto room = static_cast<std::size_t>(n);
  if (shares_.size() < room) {
    labels_.resize(2 * room);
    shares_.resize(room);
  }
  std::int32_t* other_labels = labels_.data() + n;
  source_.gather_mixed(indices, n, out, labels_.data(), other_labels, shares_.data());
  soft_targets(labels_.data(), other_labels, shares_.data(), n, classes_, targets);
}

}  // namespace hubel
