// Two-dimensional convolution (cross-correlation, as everywhere in the field) and its gradients.
//
// Shapes: A_prev (m, h_prev, w_prev, c_prev); W (kh, kw, c_prev / groups, c_new); b (1, 1, 1, c_new);
// output and dZ (m, h_new, w_new, c_new). Channels last. Every function exists for float and for double.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hubel/activation.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// How many zeros surround the input.
//   same      h_new = ceil(h_prev / sh); total max((h_new - 1) sh + ekh - h_prev, 0), the smaller half first (top,
//             left): TensorFlow's and Keras's "same", ONNX's SAME_UPPER. ekh = (kh - 1) dilation_h + 1.
//   valid     none: h_new = floor((h_prev - ekh) / sh) + 1
//   explicit  given numbers on each side: h_new = floor((h_prev + top + bottom - ekh) / sh) + 1
struct Padding {
  enum class Kind { same, valid, explicit_sides };

  Kind kind = Kind::same;
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;  // for explicit_sides

  static Padding same() { return {Kind::same, 0, 0, 0, 0}; }
  static Padding valid() { return {Kind::valid, 0, 0, 0, 0}; }
  static Padding all(std::int64_t p) { return {Kind::explicit_sides, p, p, p, p}; }
  static Padding symmetric(std::int64_t ph, std::int64_t pw) { return {Kind::explicit_sides, ph, ph, pw, pw}; }
  static Padding sides(std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) {
    return {Kind::explicit_sides, top, bottom, left, right};
  }
  // "same" or "valid"; any other name throws std::invalid_argument that begins with `who`.
  static Padding from_name(std::string_view name, std::string_view who = "padding");

  friend bool operator==(const Padding&, const Padding&) = default;
};

// How a convolution is computed.
//   automatic  what is expected to be fastest at its shape; never winograd for double
//   direct     multiplication by multiplication, in order
//   winograd   F(4x4, 3x3) (Lavin & Gray, 2015): a quarter of the multiplications. Needs a 3x3 kernel, stride 1,
//              dilation 1 and groups 1. In float its largest error is below 1e-5 of the largest output, unless
//              that is small because large terms cancel, which costs direct as much; and a NaN or infinity
//              spreads over the 4x4 outputs of its tiles, in dW over the 3x3 weights of its channels.
// Numbers too small to be normal count in each of them: none is taken as zero.
enum class ConvAlgorithm { automatic, direct, winograd };
// "auto", "direct" or "winograd"; any other name throws std::invalid_argument that begins with `who`.
ConvAlgorithm conv_algorithm_from_name(std::string_view name, std::string_view who = "algorithm");

struct ConvOptions {
  Padding padding = Padding::same();
  std::array<std::int64_t, 2> stride = {1, 1};    // (sh, sw), each >= 1
  std::array<std::int64_t, 2> dilation = {1, 1};  // (dh, dw), each >= 1: the distance between kernel taps, in pixels
  std::int64_t groups = 1;                        // divides c_prev and c_new; groups = c_prev is depthwise
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;

  friend bool operator==(const ConvOptions&, const ConvOptions&) = default;
};

// The sizes that a convolution of these shapes has. top and left are the zeros before the first row and column; a
// stride that leads past the padded input is given as the padded input's extent, which has the same effect.
struct ConvGeometry {
  std::int64_t m, h_prev, w_prev, c_prev;
  std::int64_t kh, kw, c_new, groups;
  std::int64_t sh, sw, dh, dw;
  std::int64_t top, bottom, left, right;
  std::int64_t h_new, w_new;

  Shape output_shape() const { return {m, h_new, w_new, c_new}; }
};

// Checks shapes and options and works out the rest: the one place where a convolution's shapes are decided.
// Throws std::invalid_argument, its message beginning with `who`, for a wrong rank, a channel mismatch, an empty
// kernel, a stride, dilation or groups below 1, groups that do not divide the channels, negative padding, a kernel
// larger than the padded input, or winograd where it does not apply.
ConvGeometry conv_geometry(const Shape& A_prev, const Shape& W, const ConvOptions& options,
                           std::string_view who = "conv");

// activation(A_prev * W + b). b may be an empty view (default-constructed) for no bias.
// Errors: those of conv_geometry; b not of shape (1, 1, 1, c_new); out not of the output's shape.
Tensor<float> conv_forward(TensorView<const float> A_prev, TensorView<const float> W, TensorView<const float> b,
                           Activation activation = Activation::identity, const ConvOptions& options = {});
Tensor<double> conv_forward(TensorView<const double> A_prev, TensorView<const double> W, TensorView<const double> b,
                            Activation activation = Activation::identity, const ConvOptions& options = {});
void conv_forward(TensorView<const float> A_prev, TensorView<const float> W, TensorView<const float> b,
                  Activation activation, const ConvOptions& options, TensorView<float> out);
void conv_forward(TensorView<const double> A_prev, TensorView<const double> W, TensorView<const double> b,
                  Activation activation, const ConvOptions& options, TensorView<double> out);

// The gradients of a convolution: dA_prev, dW, db have the shapes of A_prev, W, b.
template <class T>
struct ConvGradients {
  Tensor<T> dA_prev;
  Tensor<T> dW;
  Tensor<T> db;
};

// From dZ, the gradient with respect to the pre-activation, (m, h_new, w_new, c_new). b serves for its shape only.
ConvGradients<float> conv_backward(TensorView<const float> dZ, TensorView<const float> A_prev,
                                   TensorView<const float> W, TensorView<const float> b,
                                   const ConvOptions& options = {});
ConvGradients<double> conv_backward(TensorView<const double> dZ, TensorView<const double> A_prev,
                                    TensorView<const double> W, TensorView<const double> b,
                                    const ConvOptions& options = {});
// The same into given memory; an empty view (default-constructed) leaves that gradient out.
void conv_backward(TensorView<const float> dZ, TensorView<const float> A_prev, TensorView<const float> W,
                   const ConvOptions& options, TensorView<float> dA_prev, TensorView<float> dW, TensorView<float> db);
void conv_backward(TensorView<const double> dZ, TensorView<const double> A_prev, TensorView<const double> W,
                   const ConvOptions& options, TensorView<double> dA_prev, TensorView<double> dW,
                   TensorView<double> db);

}  // namespace hubel
