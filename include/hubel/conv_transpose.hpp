// Transposed convolution, also called deconvolution (Zeiler et al. 2010): the gradient of a convolution with respect to
// its input, used forward, so that an image grows by the stride.
//
// Shapes: x (m, h, w, c); W (kh, kw, c_new / groups, c), as the kernel of the convolution that goes the other way; b
// (1, 1, 1, c_new); y and dy (m, h_new, w_new, c_new). With ekh = (kh - 1) dilation_h + 1,
//   valid, explicit  h_new = (h - 1) sh + ekh - top - bottom + output_padding_h     (PyTorch's ConvTranspose2d)
//   same             h_new = h sh                                                   (Keras's padding="same")
// and widths likewise. output_padding, below the stride, chooses among the sizes that the convolution would take to h.
#pragma once

#include <array>
#include <string_view>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

struct ConvTransposeOptions {
  Padding padding = Padding::valid();
  std::array<std::int64_t, 2> stride = {1, 1};          // each >= 1
  std::array<std::int64_t, 2> output_padding = {0, 0};  // each from 0 to stride - 1; none with Padding::same()
  std::array<std::int64_t, 2> dilation = {1, 1};        // each >= 1
  std::int64_t groups = 1;                              // divides c and c_new

  friend bool operator==(const ConvTransposeOptions&, const ConvTransposeOptions&) = default;
};

// (m, h_new, w_new, c_new). Throws std::invalid_argument, its message beginning with `who`, for what conv_geometry
// refuses, an output_padding out of range, or an output without pixels.
Shape conv_transpose_output_shape(const Shape& x, const Shape& W, const ConvTransposeOptions& options,
                                  std::string_view who = "conv_transpose");

// y = activation(the transposed convolution of x + b). b may be an empty view (default-constructed) for none.
Tensor<float> conv_transpose_forward(TensorView<const float> x, TensorView<const float> W, TensorView<const float> b,
                                     Activation activation = Activation::identity,
                                     const ConvTransposeOptions& options = {});
Tensor<double> conv_transpose_forward(TensorView<const double> x, TensorView<const double> W,
                                      TensorView<const double> b, Activation activation = Activation::identity,
                                      const ConvTransposeOptions& options = {});
void conv_transpose_forward(TensorView<const float> x, TensorView<const float> W, TensorView<const float> b,
                            Activation activation, const ConvTransposeOptions& options, TensorView<float> y);
void conv_transpose_forward(TensorView<const double> x, TensorView<const double> W, TensorView<const double> b,
                            Activation activation, const ConvTransposeOptions& options, TensorView<double> y);

// From dz, the gradient with respect to the pre-activation, of y's shape: dx, dW, db of the shapes of x, W, b; an empty
// view leaves that gradient out.
void conv_transpose_backward(TensorView<const float> dz, TensorView<const float> x, TensorView<const float> W,
                             const ConvTransposeOptions& options, TensorView<float> dx, TensorView<float> dW,
                             TensorView<float> db);
void conv_transpose_backward(TensorView<const double> dz, TensorView<const double> x, TensorView<const double> W,
                             const ConvTransposeOptions& options, TensorView<double> dx, TensorView<double> dW,
                             TensorView<double> db);

}  // namespace hubel
