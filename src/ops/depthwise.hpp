// Depthwise convolution, one channel in and one out for each group, and its gradients: vectorised over the channels,
// straight from the source. Padding is not made but left out: where a position's kernel reaches beyond the source, only
// its taps inside are summed.
#pragma once

#include "ops/conv_passes.hpp"
#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// Whether the problem is depthwise and its sums may leave out the padding: zeros count where a weight is not finite.
template <class T>
bool by_depthwise(const Correlation<T>& k);
template <class T>
bool by_depthwise(const WeightGradient<T>& k);
bool by_depthwise(const ConvGeometry& g);

// The packed kernel, and how many elements it has.
template <class T>
std::int64_t depthwise_kernel_elements(const Correlation<T>& k);
template <class T>
void pack_depthwise_kernel(const Correlation<T>& k, T* packed);

template <class T>
void correlate_depthwise(const Correlation<T>& k, const T* packed);
template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& k);

// The gradient with respect to the input, all phases of the stride at once. `packed`: for_each_phase's kernels, one
// after another.
template <class T>
void backward_data_depthwise(const ConvGeometry& g, const T* dz, const T* packed, T* dA_prev);

}  // namespace hubel::detail
