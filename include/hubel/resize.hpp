// Images at another size, larger or smaller, and the gradient: Keras's UpSampling2D, torch.nn.Upsample.
//
// Shapes: x (m, h, w, c); y and dy (m, h_out, w_out, c). What is said of rows holds for columns:
//   nearest   row y is row floor(y h / h_out) of x (PyTorch's "nearest", worked out without rounding)
//   bilinear  row y lies at s = max((y + 1/2) h / h_out - 1/2, 0) of x, pixels' centres being at 1/2 (half-pixel
//             centres, as TensorFlow and PyTorch have them); with align_corners at s = y (h - 1) / (h_out - 1), 0 if
//             h_out is 1. It is row floor(s) times 1 - f plus the next times f, f = s - floor(s); past the last row f
//             is 0. A pixel of weight 0 takes no part, be it NaN or infinite.
//   bicubic   of the two rows at each side of s, which is not held at 0 here, with the weights of Keys (1981) for a =
//             -0.75, as PyTorch and OpenCV have it (TensorFlow, and so Keras, has -0.5); beyond the image lie its
//             outermost rows. What comes out may be beyond the range of what went in.
// A smaller size skips pixels: there is no smoothing beforehand (no antialias).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hubel/tensor.hpp"

namespace hubel {

enum class Interpolation { nearest, bilinear, bicubic };

std::string_view interpolation_name(Interpolation interpolation);
// "nearest", "bilinear" or "bicubic"; any other name throws std::invalid_argument that begins with `who`.
Interpolation interpolation_from_name(std::string_view name, std::string_view who = "resize");

struct ResizeOptions {
  std::array<std::int64_t, 2> size = {1, 1};  // (h_out, w_out), each >= 1
  Interpolation interpolation = Interpolation::nearest;
  bool align_corners = false;  // not for nearest

  friend bool operator==(const ResizeOptions&, const ResizeOptions&) = default;
};

// (m, h_out, w_out, c). Throws std::invalid_argument, its message beginning with `who`, for a wrong rank, an image
// without pixels, sizes (the image's too) below 1 or not below 2^31, and align_corners with nearest.
Shape resize_output_shape(const Shape& x, const ResizeOptions& options, std::string_view who = "resize");

Tensor<float> resize_forward(TensorView<const float> x, const ResizeOptions& options);
Tensor<double> resize_forward(TensorView<const double> x, const ResizeOptions& options);
void resize_forward(TensorView<const float> x, const ResizeOptions& options, TensorView<float> y);
void resize_forward(TensorView<const double> x, const ResizeOptions& options, TensorView<double> y);

// dx, of the shape `x` (m, h, w, c): each of its pixels gets the gradients of those it was part of, times its weights.
Tensor<float> resize_backward(TensorView<const float> dy, const Shape& x, const ResizeOptions& options);
Tensor<double> resize_backward(TensorView<const double> dy, const Shape& x, const ResizeOptions& options);
// dx's shape says the same.
void resize_backward(TensorView<const float> dy, const ResizeOptions& options, TensorView<float> dx);
void resize_backward(TensorView<const double> dy, const ResizeOptions& options, TensorView<double> dx);

}  // namespace hubel
