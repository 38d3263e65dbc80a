// Padding and cropping: copies of rows, threaded over images and rows. Each direction's gradient is the other
// direction.
#include "hubel/pad.hpp"

#include <algorithm>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// The arguments' names in messages: padding's are x and y forward, crop_backward's dy and dx.
struct Names {
  std::string_view who, in, out;
};

void check_arguments(const Names& names, const Shape& in, const Margins& margins) {
  detail::check_rank(names.who, names.in, in, 4, "(m, h, w, c)");
  detail::check_sides(names.who, "margins", {margins.top, margins.bottom, margins.left, margins.right});
}

Shape padded_shape(const Names& names, const Shape& in, const Margins& margins) {
  check_arguments(names, in, margins);
  return {in[0], margins.top + in[1] + margins.bottom, margins.left + in[2] + margins.right, in[3]};
}

Shape cropped_shape(const Names& names, const Shape& in, const Margins& margins) {
  check_arguments(names, in, margins);
  const std::int64_t h = in[1] - margins.top - margins.bottom, w = in[2] - margins.left - margins.right;
  if (h < 0 || w < 0) {
    throw std::invalid_argument(detail::formatted(
        "{}: margins is (({}, {}), ({}, {})), more than {} has, which is {} high and {} wide (margins is "
        "((top, bottom), (left, right)))",
        names.who, margins.top, margins.bottom, margins.left, margins.right, names.in, in[1], in[2]));
  }
  return {in[0], h, w, in[3]};
}

template <class T>
void pad(const Names& names, TensorView<const T> in, const Margins& margins, T value, TensorView<T> out) {
  const Shape wanted = padded_shape(names, in.shape(), margins);
  detail::check_shape(names.who, names.out, out.shape(), wanted, "the padded shape");
  const std::int64_t h = in.shape()[1], c = in.shape()[3], row = in.shape()[2] * c;
  const std::int64_t h_out = wanted[1], row_out = wanted[2] * c;
  if (out.size() == 0) return;
  detail::parallel_for(wanted[0] * h_out, static_cast<double>(out.size()), [&](std::int64_t i) {
    const std::int64_t image = i / h_out, y = i % h_out - margins.top;
    T* to = out.data() + i * row_out;
    if (y < 0 || y >= h || row == 0) {
      std::fill_n(to, row_out, value);
      return;
    }
    T* after = std::fill_n(to, margins.left * c, value);
    after = std::copy_n(in.data() + (image * h + y) * row, row, after);
    std::fill(after, to + row_out, value);
  });
}

template <class T>
void crop(const Names& names, TensorView<const T> in, const Margins& margins, TensorView<T> out) {
  const Shape wanted = cropped_shape(names, in.shape(), margins);
  detail::check_shape(names.who, names.out, out.shape(), wanted, "the cropped shape");
  const std::int64_t h = in.shape()[1], c = in.shape()[3], row = in.shape()[2] * c;
  const std::int64_t h_out = wanted[1], row_out = wanted[2] * c;
  if (out.size() == 0) return;
  detail::parallel_for(wanted[0] * h_out, static_cast<double>(out.size()), [&](std::int64_t i) {
    const std::int64_t image = i / h_out, y = i % h_out + margins.top;
    std::copy_n(in.data() + (image * h + y) * row + margins.left * c, row_out, out.data() + i * row_out);
  });
}

template <class T>
Tensor<T> pad_new(const Names& names, TensorView<const T> in, const Margins& margins, T value) {
  auto out = Tensor<T>::uninitialized(padded_shape(names, in.shape(), margins));
  pad<T>(names, in, margins, value, out);
  return out;
}

template <class T>
Tensor<T> crop_new(const Names& names, TensorView<const T> in, const Margins& margins) {
  auto out = Tensor<T>::uninitialized(cropped_shape(names, in.shape(), margins));
  crop<T>(names, in, margins, out);
  return out;
}

constexpr Names kPad{"pad_forward", "x", "y"}, kPadBackward{"pad_backward", "dy", "dx"};
constexpr Names kCrop{"crop_forward", "x", "y"}, kCropBackward{"crop_backward", "dy", "dx"};

}  // namespace

Shape pad_output_shape(const Shape& x, const Margins& margins, std::string_view who) {
  return padded_shape({who, "x", "y"}, x, margins);
}
Shape crop_output_shape(const Shape& x, const Margins& margins, std::string_view who) {
  return cropped_shape({who, "x", "y"}, x, margins);
}

Tensor<float> pad_forward(TensorView<const float> x, const Margins& margins, float value) {
  return pad_new(kPad, x, margins, value);
}
Tensor<double> pad_forward(TensorView<const double> x, const Margins& margins, double value) {
  return pad_new(kPad, x, margins, value);
}
void pad_forward(TensorView<const float> x, const Margins& margins, float value, TensorView<float> y) {
  pad(kPad, x, margins, value, y);
}
void pad_forward(TensorView<const double> x, const Margins& margins, double value, TensorView<double> y) {
  pad(kPad, x, margins, value, y);
}

Tensor<float> pad_backward(TensorView<const float> dy, const Margins& margins) {
  return crop_new(kPadBackward, dy, margins);
}
Tensor<double> pad_backward(TensorView<const double> dy, const Margins& margins) {
  return crop_new(kPadBackward, dy, margins);
}
void pad_backward(TensorView<const float> dy, const Margins& margins, TensorView<float> dx) {
  crop(kPadBackward, dy, margins, dx);
}
void pad_backward(TensorView<const double> dy, const Margins& margins, TensorView<double> dx) {
  crop(kPadBackward, dy, margins, dx);
}

Tensor<float> crop_forward(TensorView<const float> x, const Margins& margins) { return crop_new(kCrop, x, margins); }
Tensor<double> crop_forward(TensorView<const double> x, const Margins& margins) { return crop_new(kCrop, x, margins); }
void crop_forward(TensorView<const float> x, const Margins& margins, TensorView<float> y) {
  crop(kCrop, x, margins, y);
}
void crop_forward(TensorView<const double> x, const Margins& margins, TensorView<double> y) {
  crop(kCrop, x, margins, y);
}

Tensor<float> crop_backward(TensorView<const float> dy, const Margins& margins) {
  return pad_new(kCropBackward, dy, margins, 0.0F);
}
Tensor<double> crop_backward(TensorView<const double> dy, const Margins& margins) {
  return pad_new(kCropBackward, dy, margins, 0.0);
}
void crop_backward(TensorView<const float> dy, const Margins& margins, TensorView<float> dx) {
  pad(kCropBackward, dy, margins, 0.0F, dx);
}
void crop_backward(TensorView<const double> dy, const Margins& margins, TensorView<double> dx) {
  pad(kCropBackward, dy, margins, 0.0, dx);
}

}  // namespace hubel
