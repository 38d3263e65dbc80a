// The gradient of a correlation with respect to its weights: for each weight the sum, over all positions, of the pixel
// under it times the gradient there. What convolution's dW and the dense layer's dW have in common.
#pragma once

#include <cstdint>

#include "hubel/conv.hpp"
#include "ops/patch.hpp"

namespace hubel::detail {

// dW(dy, dx, g, c, n) = sum over images and positions of
//   source(image, y step_y + dy, x step_x + dx, g * channels + c) * dz(image, y, x, g * out_channels + n),
// with zeros outside the source. dz is dense (images, grid_h, grid_w, groups * out_channels). dW is dense and is
// replaced: dW[(dy.index * columns + dx.index) * channels + c][g * out_channels + n], `columns` the number of
// grid.columns.
template <class T>
struct WeightGradient {
  PatchGrid grid;
  const T* source;
  std::int64_t groups, channels, out_channels;  // the last two: in each group
  const T* dz;
  T* dw;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;  // winograd only where winograd_applies
};

template <class T>
void weight_gradient(const WeightGradient<T>& gradient);

// sums[c] = sum over rows of x[row][c], x dense (rows, columns): the gradient of a bias.
template <class T>
void column_sums(const T* x, std::int64_t rows, std::int64_t columns, T* sums);

}  // namespace hubel::detail
