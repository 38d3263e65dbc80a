// Two-dimensional max and average pooling, with and without padding, and their gradients.
//
// Shapes: A_prev (m, h_prev, w_prev, c); output and dA (m, h_new, w_new, c). Without padding h_new =
// floor((h_prev - kh) / sh) + 1; with `top` and `bottom` pixels of it floor((h_prev + top + bottom - kh) / sh) + 1, and
// in ceil_mode ceil(...) + 1, less one if the last window would begin past the image, in the bottom padding. Widths
// likewise. Padding::same() is as in conv.hpp: h_new = ceil(h_prev / sh), in either mode.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hubel/conv.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

enum class PoolMode { max, avg };

std::string_view pool_mode_name(PoolMode mode);
// "max" or "avg"; any other name throws std::invalid_argument that begins with `who`.
PoolMode pool_mode_from_name(std::string_view name, std::string_view who = "pool");

struct PoolOptions {
  std::array<std::int64_t, 2> kernel_shape = {2, 2};  // (kh, kw), each >= 1
  std::array<std::int64_t, 2> stride = {1, 1};        // (sh, sw), each >= 1
  PoolMode mode = PoolMode::max;
  // Padding never is a maximum. Given sides are each smaller than the kernel along their axis, so that every window
  // sees a pixel of the image. (PyTorch allows half the kernel; what it allows is the same here.)
  Padding padding = Padding::valid();
  bool ceil_mode = false;  // a last window may reach beyond the padding, as in PyTorch
  // What an average is divided by: the number of the image's pixels in the window, or with count_include_pad those of
  // the padding as well; in neither case what ceil_mode adds beyond it.
  bool count_include_pad = false;

  friend bool operator==(const PoolOptions&, const PoolOptions&) = default;
};

// The output's shape. Throws std::invalid_argument, its message beginning with `who`, for a wrong rank, a kernel or
// stride below 1, a side's padding below 0 or not below the kernel, a kernel larger than the padded input (in
// ceil_mode: by a stride or more), or given padding around an image without pixels.
Shape pool_output_shape(const Shape& A_prev, const PoolOptions& options, std::string_view who = "pool");

// A NaN in a window gives NaN in both modes.
Tensor<float> pool_forward(TensorView<const float> A_prev, const PoolOptions& options);
Tensor<double> pool_forward(TensorView<const double> A_prev, const PoolOptions& options);
void pool_forward(TensorView<const float> A_prev, const PoolOptions& options, TensorView<float> out);
void pool_forward(TensorView<const double> A_prev, const PoolOptions& options, TensorView<double> out);

// dA_prev, of A_prev's shape. max: each window sends its gradient to its first maximum in row-major order (a NaN counts
// as the maximum), as PyTorch, TensorFlow and cuDNN do. avg: spread evenly. Overlapping windows add up.
Tensor<float> pool_backward(TensorView<const float> dA, TensorView<const float> A_prev, const PoolOptions& options);
Tensor<double> pool_backward(TensorView<const double> dA, TensorView<const double> A_prev, const PoolOptions& options);
void pool_backward(TensorView<const float> dA, TensorView<const float> A_prev, const PoolOptions& options,
                   TensorView<float> dA_prev);
void pool_backward(TensorView<const double> dA, TensorView<const double> A_prev, const PoolOptions& options,
                   TensorView<double> dA_prev);

}  // namespace hubel
