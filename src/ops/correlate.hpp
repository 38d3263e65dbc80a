// Correlation of a grid of positions with a packed kernel: what convolution forward, its gradient with respect to the
// input, and the dense layer have in common.
#pragma once

#include <cstdint>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "ops/patch.hpp"

namespace hubel::detail {

// out(image, y, x, g * out_channels + n) = activation(bias[...] + sum over rows dy, columns dx and channels c of
//   source(image, y step_y + dy, x step_x + dx, g * channels + c) * W(dy, dx, g, c, n)).
// Pointers are to the first element; strides count elements.
template <class T>
struct Correlation {
  PatchGrid grid;
  const T* source;
  std::int64_t groups, channels, out_channels;  // the last two: in each group

  const T* weights;  // W(dy, dx, g, c, n) = weights[dy.index * w_row + dx.index * w_column + g * w_group + c * w_c + n
                     // * w_n]
  std::int64_t w_row, w_column, w_group, w_c, w_n;

  T* out;
  std::int64_t out_image, out_row, out_pixel;

  const T* bias = nullptr;                       // groups * out_channels values
  Activation activation = Activation::identity;  // an elementwise one
  // Adds to what is in out, before the activation. Not with a kernel of its own for each channel (depthwise.hpp) nor by
  // planes (planar.hpp), and only with a packed kernel.
  bool accumulate = false;

  ConvAlgorithm algorithm = ConvAlgorithm::automatic;  // winograd only where winograd_applies

  // Whether the packed kernel serves more than one call, so that it is always worth packing.
  bool kernel_is_kept = false;

  // Pixels outside the source are left out of the sum, instead of taken as zeros. The two differ only where W is
  // infinite or NaN.
  bool skip_outside = false;
};

template <class T>
void correlate(const Correlation<T>& correlation);

// The same in two steps, for a kernel that is used again and again: pack_kernel writes packed_elements(correlation)
// elements, which correlate then reads. What is in them depends on the correlation's geometry, options and weights; the
// other pointers, the activation and the bias may change from call to call, and so may the number of images, as long as
// it is positive and the algorithm is not `automatic`.
template <class T>
std::int64_t packed_elements(const Correlation<T>& correlation);
template <class T>
void pack_kernel(const Correlation<T>& correlation, T* packed);
template <class T>
void correlate(const Correlation<T>& correlation, const T* packed);

}  // namespace hubel::detail
