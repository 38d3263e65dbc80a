// The gradient of a convolution with respect to its input, by scattering: each output position's gradient, times the
// kernel, is added to the pixels that the position sees (matrix product and "col2im" in one).
//
// The other way, as a correlation, gathers for each pixel, by vectors of c_prev. Scattering's vectors are the runs of
// kw * c_prev elements that a kernel row has in memory, so that few input channels fill them as well; a stride costs
// nothing; and no product is with a zero of padding, of which a gradient of "valid" convolution on a small image has
// many.
#pragma once

#include "hubel/conv.hpp"

namespace hubel::detail {

// Whether that is expected to be faster than gathering.
template <class T>
bool by_scatter(const ConvGeometry& geometry);

// All of dA_prev (m, h_prev, w_prev, c_prev), from dZ (m, h_new, w_new, c_new) and W (kh, kw, c_prev, c_new).
template <class T>
void backward_data_scatter(const ConvGeometry& geometry, const T* dZ, const T* W, T* dA_prev);

}  // namespace hubel::detail
