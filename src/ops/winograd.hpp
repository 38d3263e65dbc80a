// Correlations with 3x3 kernels, and their gradients, by Winograd's minimal filtering: 36 multiplications for the 144
// that 4x4 outputs take directly. Source and transforms: simd/winograd.hpp.
//
// In float the largest error is below 1e-5 of the largest output, unless large terms cancel in all of them
// (tests/ops/winograd_test.cpp). An infinite or NaN input makes the 4x4 outputs of its tiles NaN.
#pragma once

#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// Whether the problem is to be computed so: its `algorithm` says winograd, or leaves the choice and it is float, has
// 3x3 taps one apart, one group and stride 1, and is expected to be faster this way.
template <class T>
bool by_winograd(const Correlation<T>& k);
template <class T>
bool by_winograd(const WeightGradient<T>& k);

// For problems with 3x3 taps one apart, one group and stride 1, and with something to compute. `kernel` is what
// transform_winograd_kernel made, winograd_kernel_elements(k) elements.
template <class T>
std::int64_t winograd_kernel_elements(const Correlation<T>& k);
template <class T>
void transform_winograd_kernel(const Correlation<T>& k, T* kernel);
template <class T>
void correlate_winograd(const Correlation<T>& k, const T* kernel);
template <class T>
void weight_gradient_winograd(const WeightGradient<T>& k);

}  // namespace hubel::detail
