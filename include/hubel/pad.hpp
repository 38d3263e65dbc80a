// Padding images with a value and cropping them, where each is the other's gradient, and padding them with pixels of
// their own.
//
// Shapes: padding takes (m, h, w, c) to (m, top + h + bottom, left + w + right, c); cropping goes the other way.
#pragma once

#include <cstdint>
#include <string_view>

#include "hubel/tensor.hpp"

namespace hubel {

// Pixels at each side of an image, each in [0, 2^31).
struct Margins {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;

  friend bool operator==(const Margins&, const Margins&) = default;
};

// Both throw std::invalid_argument, the message beginning with `who`, for a wrong rank, a margin below 0 or not below
// 2^31, and cropping more than there is. An image may be cropped to nothing.
Shape pad_output_shape(const Shape& x, const Margins& margins, std::string_view who = "pad");
Shape crop_output_shape(const Shape& x, const Margins& margins, std::string_view who = "crop");

// x within margins of `value`.
Tensor<float> pad_forward(TensorView<const float> x, const Margins& margins, float value = 0);
Tensor<double> pad_forward(TensorView<const double> x, const Margins& margins, double value = 0);
void pad_forward(TensorView<const float> x, const Margins& margins, float value, TensorView<float> y);
void pad_forward(TensorView<const double> x, const Margins& margins, double value, TensorView<double> y);

// dx, of the shape that was padded: dy without its margins.
Tensor<float> pad_backward(TensorView<const float> dy, const Margins& margins);
Tensor<double> pad_backward(TensorView<const double> dy, const Margins& margins);
void pad_backward(TensorView<const float> dy, const Margins& margins, TensorView<float> dx);
void pad_backward(TensorView<const double> dy, const Margins& margins, TensorView<double> dx);

// x without its margins.
Tensor<float> crop_forward(TensorView<const float> x, const Margins& margins);
Tensor<double> crop_forward(TensorView<const double> x, const Margins& margins);
void crop_forward(TensorView<const float> x, const Margins& margins, TensorView<float> y);
void crop_forward(TensorView<const double> x, const Margins& margins, TensorView<double> y);

// dx, of the shape that was cropped: dy within margins of zeros.
Tensor<float> crop_backward(TensorView<const float> dy, const Margins& margins);
Tensor<double> crop_backward(TensorView<const double> dy, const Margins& margins);
void crop_backward(TensorView<const float> dy, const Margins& margins, TensorView<float> dx);
void crop_backward(TensorView<const double> dy, const Margins& margins, TensorView<double> dx);

// ---- With pixels of their own ------------------------------------------------------------------------------------
//
// What stands beyond an image's sides, here of a row a b c d:
//   reflect    d c b | a b c d | c b a    mirrored at the outermost pixel (PyTorch's ReflectionPad2d)
//   symmetric  c b a | a b c d | d c b    mirrored at the side
//   replicate  a a a | a b c d | d d d    the outermost pixel (PyTorch's ReplicationPad2d; numpy.pad's "edge")
//   circular   b c d | a b c d | a b c    the other side's (PyTorch's CircularPad2d; numpy.pad's "wrap")
enum class PadMode { reflect, symmetric, replicate, circular };

std::string_view pad_mode_name(PadMode mode);
// Throws std::invalid_argument, the message beginning with `who`, for another name.
PadMode pad_mode_from_name(std::string_view name, std::string_view who = "pad");

// Throws std::invalid_argument, the message beginning with `who`, for a wrong rank, a margin below 0 or not below 2^31,
// and one of more pixels than there are to take: the image's extent, for reflect that less 1, for replicate any number
// of an image with pixels.
Shape border_pad_output_shape(const Shape& x, const Margins& margins, PadMode mode,
                              std::string_view who = "border_pad");

// y has the output's shape.
void border_pad_forward(TensorView<const float> x, const Margins& margins, PadMode mode, TensorView<float> y);
void border_pad_forward(TensorView<const double> x, const Margins& margins, PadMode mode, TensorView<double> y);
// dx, of the shape that was padded: each pixel has the sum of dy where it stands, in itself and in the margins.
void border_pad_backward(TensorView<const float> dy, const Margins& margins, PadMode mode, TensorView<float> dx);
void border_pad_backward(TensorView<const double> dy, const Margins& margins, PadMode mode, TensorView<double> dx);

}  // namespace hubel
