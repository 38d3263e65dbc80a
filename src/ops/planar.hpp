// Correlations with few output channels, and their gradients. A tile's part of the source is copied to planes, one a
// channel, and the vectors lie along the width: with 3 output channels a vector of output channels would be mostly
// empty.
#pragma once

#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// Whether that is possible and expected to be faster than vectors of output channels.
template <class T>
bool by_planes(const Correlation<T>& k);
template <class T>
bool by_planes(const WeightGradient<T>& k);

template <class T>
void correlate_planes(const Correlation<T>& k);
template <class T>
void weight_gradient_planes(const WeightGradient<T>& k);

}  // namespace hubel::detail
