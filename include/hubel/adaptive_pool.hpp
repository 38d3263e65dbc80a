// Two-dimensional pooling to a given size, and its gradient: one value an image and channel ("global pooling") at size
// (1, 1).
//
// Shapes: x (m, h, w, c); y and dy (m, h_out, w_out, c). Row y's windows have the image's rows floor(y h / h_out) up
// to, not including, ceil((y + 1) h / h_out), and columns likewise: PyTorch's adaptive pooling. Windows overlap where
// the sizes do not divide, and repeat where the output is larger than the image.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hubel/pool.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// (m, h_out, w_out, c) for size (h_out, w_out). Throws std::invalid_argument, its message beginning with `who`, for a
// wrong rank, an image without pixels, and sizes (the image's too) below 1 or not below 2^31.
Shape adaptive_pool_output_shape(const Shape& x, const std::array<std::int64_t, 2>& size,
                                 std::string_view who = "adaptive_pool");

// A window's maximum or mean; a NaN in it gives NaN in both modes.
Tensor<float> adaptive_pool_forward(TensorView<const float> x, const std::array<std::int64_t, 2>& size, PoolMode mode);
Tensor<double> adaptive_pool_forward(TensorView<const double> x, const std::array<std::int64_t, 2>& size,
                                     PoolMode mode);
void adaptive_pool_forward(TensorView<const float> x, const std::array<std::int64_t, 2>& size, PoolMode mode,
                           TensorView<float> y);
void adaptive_pool_forward(TensorView<const double> x, const std::array<std::int64_t, 2>& size, PoolMode mode,
                           TensorView<double> y);

// dx, of x's shape; dy's gives the size. max: to the window's first maximum in row-major order, a NaN counting as one;
// avg: spread evenly. x is read for max only.
Tensor<float> adaptive_pool_backward(TensorView<const float> dy, TensorView<const float> x, PoolMode mode);
Tensor<double> adaptive_pool_backward(TensorView<const double> dy, TensorView<const double> x, PoolMode mode);
void adaptive_pool_backward(TensorView<const float> dy, TensorView<const float> x, PoolMode mode, TensorView<float> dx);
void adaptive_pool_backward(TensorView<const double> dy, TensorView<const double> x, PoolMode mode,
                            TensorView<double> dx);

}  // namespace hubel
