// Weights of samples: see weighted.hpp.
#include "hubel/weighted.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "text/formatted.hpp"

namespace hubel {

SampleWeights::SampleWeights(std::span<const float> weights, std::int64_t count) : weights_(weights) {
  const std::int64_t given = std::ssize(weights);
  if (count > 0) each_ = given / count;
  if (each_ < 1 || each_ * count != given) {
    throw std::invalid_argument(
        detail::formatted("Weighted: {} weights for {} samples, there must be one for each sample, or for each row of "
                          "its output",
                          given, count));
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (std::isfinite(weights[i]) && weights[i] >= 0) continue;
    throw std::invalid_argument(
        detail::formatted("Weighted: weights[{}] is {} but must be finite and at least 0", i, weights[i]));
  }
}

void SampleWeights::gather(const std::int32_t* indices, std::int64_t n, float* weights) const {
  for (std::int64_t i = 0; i < n; ++i) weights = std::copy_n(weights_.data() + indices[i] * each_, each_, weights);
}

}  // namespace hubel
