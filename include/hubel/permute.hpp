// A tensor's axes in another order, and what is such an order of axes: blocks of pixels made of channels and back.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hubel/tensor.hpp"

namespace hubel {

// Axis i of the output is axis axes[i] of x, as numpy.transpose(x, axes) has it: of x (m, h, w, c) the axes {0, 3, 1,
// 2} make (m, c, h, w). The gradient is the permutation the other way: inverse[axes[i]] = i.
//
// Throws std::invalid_argument, the message beginning with `who`, unless axes has each of 0, ..., rank - 1 once.
Shape permute_output_shape(const Shape& x, std::span<const std::int64_t> axes, std::string_view who = "permute");

// y has the output's shape, and may not overlap x. Throws std::invalid_argument as above, and for another shape of y.
void permute(TensorView<const float> x, std::span<const std::int64_t> axes, TensorView<float> y);
void permute(TensorView<const double> x, std::span<const std::int64_t> axes, TensorView<double> y);

// With r = block_size, depth_to_space takes x (m, h, w, r r c) to y (m, r h, r w, c),
//
//   y[n][r i + a][r j + b][k] = x[n][i][j][(r a + b) c + k],
//
// the order of TensorFlow and of Keras's ops.depth_to_space; PyTorch's PixelShuffle (Shi et al. 2016) takes its channel
// k from x's channel r r k + r a + b. space_to_depth goes the other way; each is the other's gradient.
//
// Both throw std::invalid_argument, the message beginning with `who`, for a wrong rank, a block_size outside [1, 2^15],
// and channels, or a height or width, that are no multiple of what they are cut into.
Shape depth_to_space_output_shape(const Shape& x, std::int64_t block_size, std::string_view who = "depth_to_space");
Shape space_to_depth_output_shape(const Shape& x, std::int64_t block_size, std::string_view who = "space_to_depth");

// y has the output's shape, and may not overlap x. Throws std::invalid_argument as above, and for another shape of y.
void depth_to_space(TensorView<const float> x, std::int64_t block_size, TensorView<float> y);
void depth_to_space(TensorView<const double> x, std::int64_t block_size, TensorView<double> y);
void space_to_depth(TensorView<const float> x, std::int64_t block_size, TensorView<float> y);
void space_to_depth(TensorView<const double> x, std::int64_t block_size, TensorView<double> y);

}  // namespace hubel
