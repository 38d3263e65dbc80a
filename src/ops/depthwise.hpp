// Depthwise correlations, one channel in and one out for each group, and their gradients: vectorised over the channels,
// straight from the source. Padding is not made but left out: where a position's kernel reaches beyond the source, only
// its taps inside are summed.
#pragma once

#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// Whether the problem is depthwise and its sums may leave out the padding: zeros count where a weight is not finite.
template <class T>
bool by_depthwise(const Correlation<T>& k);
template <class T>
bool by_depthwise(const WeightGradient<T>& k);

template <class T>
void correlate_depthwise(const Correlation<T>& k);
template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& k);

}  // namespace hubel::detail
