// Correlations with few output channels, and their gradients. A tile's part of the source is copied to planes, one a
// channel, and the vectors lie along the width: with 3 output channels a vector of output channels would be mostly
// empty.
#pragma once

#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// Whether that is expected to be faster than vectors of output channels.
template <class T>
bool by_planes(const Correlation<T>& k);
template <class T>
bool by_planes(const WeightGradient<T>& k);

// The kernel in the order that tiles read it; one for all threads.
template <class T>
struct PlanarKernel {
  const T* weights;  // [group][channel][tap][output channel]
  explicit PlanarKernel(const Correlation<T>& k);
};

// One tile, without the activation; needs patch_fits.
template <class T>
void correlate_planes(const Correlation<T>& k, const PlanarKernel<T>& kernel, const GridTile& tile);

// Positions of a tile of the weights' gradient.
template <class T>
std::int64_t planar_gradient_positions(const WeightGradient<T>& k);

// Adds one tile's part to dw; needs patch_fits.
template <class T>
void add_planes(const WeightGradient<T>& k, const GridTile& tile, T* dw);

}  // namespace hubel::detail
