// A transposed convolution is the convolution from y to x taken backward: forward is its gradient with respect to the
// input, the gradient with respect to x is it itself, and that with respect to W has x and dz change places.
#include "hubel/conv_transpose.hpp"

#include <algorithm>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "ops/weight_gradient.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kKernelAxes = "(kh, kw, c_new / groups, c)";

// The convolution that goes from y to x.
ConvOptions backward_options(const ConvTransposeOptions& o) {
  return {.padding = o.padding, .stride = o.stride, .dilation = o.dilation, .groups = o.groups};
}

std::int64_t output_extent(std::string_view who, std::int64_t n, std::int64_t kernel, std::size_t axis,
                           const ConvTransposeOptions& o) {
  const Padding& p = o.padding;
  const std::int64_t stride = o.stride[axis], extra = o.output_padding[axis];
  const bool same = p.kind == Padding::Kind::same;
  if (extra < 0 || extra >= std::max<std::int64_t>(stride, 1) || (same && extra != 0)) {
    throw std::invalid_argument(detail::formatted("{}: output_padding is ({}, {}), it must be from 0 to stride - 1{}",
                                                  who, o.output_padding[0], o.output_padding[1],
                                                  same ? ", and 0 with padding \"same\"" : ""));
  }
  if (same) return n * stride;
  const std::int64_t around = axis == 0 ? p.top + p.bottom : p.left + p.right;
  const std::int64_t extent =
      (n - 1) * stride + (kernel - 1) * o.dilation[axis] + 1 + extra - (p.kind == Padding::Kind::valid ? 0 : around);
  if (extent >= 1) return extent;
  throw std::invalid_argument(detail::formatted("{}: the padding leaves an output of {} pixels", who, extent));
}

// Numbers beyond this make no sense and could overflow in the sums above.
void check_range(std::string_view who, std::string_view name, std::int64_t value, std::int64_t least) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  if (value >= least && value < kMost) return;
  throw std::invalid_argument(
      detail::formatted("{}: {} is {}, it must be from {} to 2^31 - 1", who, name, value, least));
}

template <class T>
void forward(TensorView<const T> x, TensorView<const T> W, TensorView<const T> b, Activation activation,
             const ConvTransposeOptions& options, TensorView<T> y) {
  constexpr std::string_view who = "conv_transpose_forward";
  const Shape wanted = conv_transpose_output_shape(x.shape(), W.shape(), options, who);
  detail::check_shape(who, "y", y.shape(), wanted, "(m, h_new, w_new, c_new)");
  const bool has_bias = b.shape().rank() > 0;
  const std::int64_t c = wanted[3];
  if (has_bias) detail::check_shape(who, "b", b.shape(), {1, 1, 1, c}, "(1, 1, 1, c_new)");
  conv_backward(x, TensorView<const T>(y), W, backward_options(options), y, {}, {});
  if (has_bias) {
    const std::int64_t rows = wanted[0] * wanted[1];
    const std::int64_t pixels = wanted[2];
    detail::parallel_for(rows, static_cast<double>(y.size()), [&](std::int64_t row) {
      T* at = y.data() + row * pixels * c;
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel, at += c)
        for (std::int64_t k = 0; k < c; ++k) at[k] += b[k];
    });
  }
  if (activation != Activation::identity) activation_forward(TensorView<const T>(y), activation, y);
}

template <class T>
void backward(TensorView<const T> dz, TensorView<const T> x, TensorView<const T> W, const ConvTransposeOptions& options,
              TensorView<T> dx, TensorView<T> dW, TensorView<T> db) {
  constexpr std::string_view who = "conv_transpose_backward";
  const Shape wanted = conv_transpose_output_shape(x.shape(), W.shape(), options, who);
  detail::check_shape(who, "dz", dz.shape(), wanted, "(m, h_new, w_new, c_new), the shape of the output");
  const std::int64_t c = wanted[3];
  if (db.shape().rank() > 0) {
    detail::check_shape(who, "db", db.shape(), {1, 1, 1, c}, "(1, 1, 1, c_new)");
    detail::column_sums(dz.data(), wanted[0] * wanted[1] * wanted[2], c, db.data());
  }
  if (dx.shape().rank() > 0) {
    detail::check_shape(who, "dx", dx.shape(), x.shape(), "the shape of x");
    conv_forward(dz, W, TensorView<const T>(), Activation::identity, backward_options(options), dx);
  }
  if (dW.shape().rank() > 0) {
    detail::check_shape(who, "dW", dW.shape(), W.shape(), "the shape of W");
    conv_backward(x, dz, W, backward_options(options), {}, dW, {});
  }
}

template <class T>
Tensor<T> forward_new(TensorView<const T> x, TensorView<const T> W, TensorView<const T> b, Activation activation,
                      const ConvTransposeOptions& options) {
  auto y =
      Tensor<T>::uninitialized(conv_transpose_output_shape(x.shape(), W.shape(), options, "conv_transpose_forward"));
  forward<T>(x, W, b, activation, options, y);
  return y;
}

}  // namespace

Shape conv_transpose_output_shape(const Shape& x, const Shape& W, const ConvTransposeOptions& options,
                                  std::string_view who) {
  detail::check_rank(who, "x", x, 4, "(m, h, w, c)");
  detail::check_rank(who, "W", W, 4, kKernelAxes);
  for (const std::size_t axis : {0, 1}) {
    check_range(who, "stride", options.stride[axis], 1);
    check_range(who, "dilation", options.dilation[axis], 1);
    check_range(who, "the kernel", W[axis], 1);
    check_range(who, "x", x[axis + 1], 1);
  }
  for (const std::int64_t side :
       {options.padding.top, options.padding.bottom, options.padding.left, options.padding.right})
    check_range(who, "padding", side, 0);
  check_range(who, "groups", options.groups, 1);
  if (W[3] != x[3]) {
    throw std::invalid_argument(detail::formatted("{}: W has c = {} but x has {} (W is {}, x is (m, h, w, c))", who,
                                                  W[3], detail::counted(x[3], "channel"), kKernelAxes));
  }
  const Shape y{x[0], output_extent(who, x[1], W[0], 0, options), output_extent(who, x[2], W[1], 1, options),
                W[2] * options.groups};
  const ConvGeometry back = conv_geometry(y, W, backward_options(options), who);
  if (back.h_new != x[1] || back.w_new != x[2])
    throw std::logic_error(detail::formatted("{}: the sizes of the two ways differ", who));
  return y;
}

Tensor<float> conv_transpose_forward(TensorView<const float> x, TensorView<const float> W, TensorView<const float> b,
                                     Activation activation, const ConvTransposeOptions& options) {
  return forward_new(x, W, b, activation, options);
}
Tensor<double> conv_transpose_forward(TensorView<const double> x, TensorView<const double> W,
                                      TensorView<const double> b, Activation activation,
                                      const ConvTransposeOptions& options) {
  return forward_new(x, W, b, activation, options);
}
void conv_transpose_forward(TensorView<const float> x, TensorView<const float> W, TensorView<const float> b,
                            Activation activation, const ConvTransposeOptions& options, TensorView<float> y) {
  forward(x, W, b, activation, options, y);
}
void conv_transpose_forward(TensorView<const double> x, TensorView<const double> W, TensorView<const double> b,
                            Activation activation, const ConvTransposeOptions& options, TensorView<double> y) {
  forward(x, W, b, activation, options, y);
}

void conv_transpose_backward(TensorView<const float> dz, TensorView<const float> x, TensorView<const float> W,
                             const ConvTransposeOptions& options, TensorView<float> dx, TensorView<float> dW,
                             TensorView<float> db) {
  backward(dz, x, W, options, dx, dW, db);
}
void conv_transpose_backward(TensorView<const double> dz, TensorView<const double> x, TensorView<const double> W,
                             const ConvTransposeOptions& options, TensorView<double> dx, TensorView<double> dW,
                             TensorView<double> db) {
  backward(dz, x, W, options, dx, dW, db);
}

}  // namespace hubel
