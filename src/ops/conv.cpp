// Convolution: its shapes and errors, and its three passes as correlations and weight gradients.
#include "hubel/conv.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/conv_passes.hpp"
#include "ops/correlate.hpp"
#include "ops/depthwise.hpp"
#include "ops/scatter.hpp"
#include "ops/weight_gradient.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kInputAxes = "(m, h_prev, w_prev, c_prev)";
constexpr std::string_view kKernelAxes = "(kh, kw, c_prev, c_new)";

void check_options(std::string_view who, const ConvOptions& o) {
  detail::check_pair(who, "stride", o.stride, std::numeric_limits<std::int64_t>::max(), "(sh, sw)");
  detail::check_pair(who, "dilation", o.dilation, detail::kMaxOption, "(dh, dw)");
  if (o.groups < 1)
    throw std::invalid_argument(detail::formatted("{}: groups is {} but must be at least 1", who, o.groups));
  detail::check_sides(who, "padding", {o.padding.top, o.padding.bottom, o.padding.left, o.padding.right});
}

void check_channels(std::string_view who, const Shape& A_prev, const Shape& W, std::int64_t groups) {
  const std::int64_t c_prev = A_prev[3], c_new = W[3];
  if (groups == 1) {
    if (W[2] == c_prev) return;
    throw std::invalid_argument(detail::formatted("{}: W has c_prev = {} but A_prev has {} (W is {}, A_prev is {})",
                                                  who, W[2], detail::counted(c_prev, "channel"), kKernelAxes,
                                                  kInputAxes));
  }
  if (c_prev % groups != 0 || c_new % groups != 0) {
    throw std::invalid_argument(
        detail::formatted("{}: groups = {} must divide both c_prev = {} and c_new = {}", who, groups, c_prev, c_new));
  }
  if (W[2] != c_prev / groups) {
    throw std::invalid_argument(detail::formatted(
        "{}: W has c_prev / groups = {} but A_prev has {} in {} groups, which makes {} (W is (kh, kw, "
        "c_prev / groups, c_new), A_prev is {})",
        who, W[2], detail::counted(c_prev, "channel"), groups, c_prev / groups, kInputAxes));
  }
}

void check_algorithm(std::string_view who, const Shape& W, const ConvOptions& o) {
  constexpr std::array<std::int64_t, 2> kOne = {1, 1};
  const bool fits = W[0] == 3 && W[1] == 3 && o.stride == kOne && o.dilation == kOne && o.groups == 1;
  if (o.algorithm != ConvAlgorithm::winograd || fits) return;
  throw std::invalid_argument(detail::formatted(
      "{}: algorithm is winograd, which needs a 3x3 kernel, stride 1, dilation 1 and groups 1, but the "
      "kernel is {}x{}, stride ({}, {}), dilation ({}, {}) and groups {}",
      who, W[0], W[1], o.stride[0], o.stride[1], o.dilation[0], o.dilation[1], o.groups));
}

struct Axis {
  std::int64_t before, after, out, stride;
};

// One axis: the zeros before and after, and the output's extent (-1 where the kernel does not fit). `extent` is the
// input's, `effective` the kernel's with its dilation. A stride past the end is shortened to the end, where it has the
// same effect and no product overflows.
Axis resolve_axis(Padding::Kind kind, std::int64_t before, std::int64_t after, std::int64_t extent,
                  std::int64_t effective, std::int64_t stride) {
  stride = std::min(stride, std::max(before + extent + after, effective));
  if (kind == Padding::Kind::same) {
    const std::int64_t out = (extent + stride - 1) / stride;
    const std::int64_t total = std::max<std::int64_t>((out - 1) * stride + effective - extent, 0);
    return {total / 2, total - total / 2, out, stride};
  }
  const std::int64_t padded = before + extent + after;
  return {before, after, padded < effective ? -1 : (padded - effective) / stride + 1, stride};
}

void check_fits(std::string_view who, const ConvGeometry& g) {
  if (g.h_new >= 0 && g.w_new >= 0) return;
  const bool high = g.h_new < 0;
  const std::int64_t k = high ? g.kh : g.kw, dilation = high ? g.dh : g.dw;
  const std::int64_t extent = high ? g.h_prev : g.w_prev;
  const std::int64_t before = high ? g.top : g.left, after = high ? g.bottom : g.right;
  const std::string dilated =
      dilation == 1 ? "" : detail::formatted(" (dilated by {} to {})", dilation, (k - 1) * dilation + 1);
  throw std::invalid_argument(detail::formatted(
      "{}: the kernel is larger than the padded input: {} = {}{} but {} = {} with {} + {} of padding is {}", who,
      high ? "kh" : "kw", k, dilated, high ? "h_prev" : "w_prev", extent, before, after, before + extent + after));
}

bool is_row_activation(Activation a) { return a == Activation::softmax || a == Activation::log_softmax; }

template <class T>
void forward(TensorView<const T> A_prev, TensorView<const T> W, TensorView<const T> b, Activation activation,
             const ConvOptions& options, TensorView<T> out) {
  constexpr std::string_view who = "conv_forward";
  const ConvGeometry exact = conv_geometry(A_prev.shape(), W.shape(), options, who);
  if (b.data() || b.shape().rank() > 0) {
    detail::check_shape(who, "b", b.shape(), Shape{1, 1, 1, exact.c_new}, "(1, 1, 1, c_new) with W's c_new");
  }
  detail::check_shape(who, "out", out.shape(), exact.output_shape(), "(m, h_new, w_new, c_new)");
  if (out.size() == 0) return;
  ConvGeometry g = detail::flattened(exact);
  if (g.c_prev == 0) g.kh = g.kw = 1;  // a sum of nothing has no need of taps, of which an empty W may claim billions
  auto k = detail::forward_correlation<T>(g);
  k.source = A_prev.data();
  k.weights = W.data();
  k.out = out.data();
  k.bias = b.data();
  k.algorithm = options.algorithm;
  k.activation = is_row_activation(activation) ? Activation::identity : activation;
  detail::correlate(k);
  if (is_row_activation(activation)) activation_forward(out, activation, out);
}

// Packs the kernels of all phases first.
template <class T>
void backward_data_depthwise(const ConvGeometry& g, bool finite, const T* dZ, const T* W, T* dA_prev) {
  std::int64_t elements = 0;
  const auto each_phase = [&](const auto& f) {
    detail::for_each_phase<T>(g, !finite, [&](detail::Correlation<T>& k, std::int64_t) {
      k.weights = W;
      f(k);
    });
  };
  each_phase([&](const auto& k) { elements += detail::packed_elements(k); });
  T* const packed = detail::scratch<T>(detail::Scratch::weights, static_cast<std::size_t>(elements));
  T* to = packed;
  each_phase([&](const auto& k) {
    detail::pack_kernel(k, to);
    to += detail::packed_elements(k);
  });
  detail::backward_data_depthwise(g, dZ, packed, dA_prev);
}

template <class T>
void backward_data(const ConvGeometry& exact, ConvAlgorithm algorithm, const T* dZ, const T* W, T* dA_prev) {
  const ConvGeometry g = detail::flattened(exact);
  if (algorithm != ConvAlgorithm::winograd && detail::by_scatter<T>(g))
    return detail::backward_data_scatter(g, dZ, W, dA_prev);
  const bool finite = detail::all_finite(W, g.kh * g.kw * g.c_prev / g.groups * g.c_new);
  if (detail::by_depthwise(g)) return backward_data_depthwise(g, finite, dZ, W, dA_prev);
  detail::for_each_phase<T>(g, !finite, [&](detail::Correlation<T>& k, std::int64_t offset) {
    k.source = dZ;
    k.weights = W;
    k.out = dA_prev + offset;
    k.algorithm = algorithm;
    detail::correlate(k);
  });
}

template <class T>
void backward_weights(const ConvGeometry& exact, ConvAlgorithm algorithm, const T* dZ, const T* A_prev, T* dW) {
  auto k = detail::weight_gradient_of<T>(detail::flattened(exact));
  k.source = A_prev;
  k.dz = dZ;
  k.dw = dW;
  k.algorithm = algorithm;
  detail::weight_gradient(k);
}

template <class T>
void backward(TensorView<const T> dZ, TensorView<const T> A_prev, TensorView<const T> W, const ConvOptions& options,
              TensorView<T> dA_prev, TensorView<T> dW, TensorView<T> db) {
  constexpr std::string_view who = "conv_backward";
  const auto wanted = [](const TensorView<T>& v) { return v.data() || v.shape().rank() > 0; };
  const ConvGeometry g = conv_geometry(A_prev.shape(), W.shape(), options, who);
  detail::check_shape(who, "dZ", dZ.shape(), g.output_shape(), "(m, h_new, w_new, c_new), the shape of the output");
  if (wanted(dA_prev)) {
    detail::check_shape(who, "dA_prev", dA_prev.shape(), A_prev.shape(), "the shape of A_prev");
    const bool nothing = dZ.size() == 0 || W.size() == 0;
    if (nothing || !detail::covers_input(g)) std::fill(dA_prev.begin(), dA_prev.end(), T(0));
    if (!nothing && dA_prev.size() > 0) backward_data(g, options.algorithm, dZ.data(), W.data(), dA_prev.data());
  }
  if (wanted(dW)) {
    detail::check_shape(who, "dW", dW.shape(), W.shape(), "the shape of W");
    if (dW.size() > 0) backward_weights(g, options.algorithm, dZ.data(), A_prev.data(), dW.data());
  }
  if (wanted(db)) {
    detail::check_shape(who, "db", db.shape(), Shape{1, 1, 1, g.c_new}, "(1, 1, 1, c_new)");
    detail::column_sums(dZ.data(), g.m * g.h_new * g.w_new, g.c_new, db.data());
  }
}

template <class T>
Tensor<T> forward_new(TensorView<const T> A_prev, TensorView<const T> W, TensorView<const T> b, Activation activation,
                      const ConvOptions& options) {
  auto out = Tensor<T>::uninitialized(conv_geometry(A_prev.shape(), W.shape(), options, "conv_forward").output_shape());
  forward<T>(A_prev, W, b, activation, options, out);
  return out;
}

template <class T>
ConvGradients<T> backward_new(TensorView<const T> dZ, TensorView<const T> A_prev, TensorView<const T> W,
                              TensorView<const T> b, const ConvOptions& options) {
  conv_geometry(A_prev.shape(), W.shape(), options, "conv_backward");
  const Shape bias{1, 1, 1, W.shape()[3]};
  if (b.data() || b.shape().rank() > 0) {
    detail::check_shape("conv_backward", "b", b.shape(), bias, "(1, 1, 1, c_new) with W's c_new");
  }
  ConvGradients<T> g{Tensor<T>::uninitialized(A_prev.shape()), Tensor<T>::uninitialized(W.shape()),
                     Tensor<T>::uninitialized(bias)};
  backward<T>(dZ, A_prev, W, options, g.dA_prev, g.dW, g.db);
  return g;
}

}  // namespace

Padding Padding::from_name(std::string_view name, std::string_view who) {
  if (name == "same") return same();
  if (name == "valid") return valid();
  throw std::invalid_argument(detail::formatted(
      "{}: padding is \"{}\" but must be \"same\", \"valid\", a number, (ph, pw) or ((top, bottom), (left, right))",
      who, name));
}

ConvAlgorithm conv_algorithm_from_name(std::string_view name, std::string_view who) {
  if (name == "auto") return ConvAlgorithm::automatic;
  if (name == "direct") return ConvAlgorithm::direct;
  if (name == "winograd") return ConvAlgorithm::winograd;
  throw std::invalid_argument(
      detail::formatted("{}: algorithm is \"{}\" but must be \"auto\", \"direct\" or \"winograd\"", who, name));
}

ConvGeometry conv_geometry(const Shape& A_prev, const Shape& W, const ConvOptions& options, std::string_view who) {
  detail::check_rank(who, "A_prev", A_prev, 4, kInputAxes);
  detail::check_rank(who, "W", W, 4, kKernelAxes);
  check_options(who, options);
  if (W[0] < 1 || W[1] < 1) {
    throw std::invalid_argument(
        detail::formatted("{}: W has shape {}, an empty kernel: kh and kw must be at least 1 (W is {})", who,
                          W.to_string(), kKernelAxes));
  }
  if (std::max({W[0], W[1], A_prev[1], A_prev[2]}) > detail::kMaxOption) {  // possible where another axis is empty
    throw std::invalid_argument(
        detail::formatted("{}: A_prev has shape {} and W {}, but height and width must be below 2^31", who,
                          A_prev.to_string(), W.to_string()));
  }
  check_channels(who, A_prev, W, options.groups);
  check_algorithm(who, W, options);
  ConvGeometry g{};
  g.m = A_prev[0], g.h_prev = A_prev[1], g.w_prev = A_prev[2], g.c_prev = A_prev[3];
  g.kh = W[0], g.kw = W[1], g.c_new = W[3], g.groups = options.groups;
  g.dh = options.dilation[0], g.dw = options.dilation[1];
  const Padding& p = options.padding;
  const Axis y = resolve_axis(p.kind, p.top, p.bottom, g.h_prev, (g.kh - 1) * g.dh + 1, options.stride[0]);
  const Axis x = resolve_axis(p.kind, p.left, p.right, g.w_prev, (g.kw - 1) * g.dw + 1, options.stride[1]);
  g.top = y.before, g.bottom = y.after, g.h_new = y.out, g.sh = y.stride;
  g.left = x.before, g.right = x.after, g.w_new = x.out, g.sw = x.stride;
  check_fits(who, g);
  try {
    (void)g.output_shape();
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument(detail::formatted("{}: the output would be ({}, {}, {}, {}), too large to exist", who,
                                                  g.m, g.h_new, g.w_new, g.c_new));
  }
  return g;
}

Tensor<float> conv_forward(TensorView<const float> A_prev, TensorView<const float> W, TensorView<const float> b,
                           Activation activation, const ConvOptions& options) {
  return forward_new(A_prev, W, b, activation, options);
}
Tensor<double> conv_forward(TensorView<const double> A_prev, TensorView<const double> W, TensorView<const double> b,
                            Activation activation, const ConvOptions& options) {
  return forward_new(A_prev, W, b, activation, options);
}
void conv_forward(TensorView<const float> A_prev, TensorView<const float> W, TensorView<const float> b,
                  Activation activation, const ConvOptions& options, TensorView<float> out) {
  forward(A_prev, W, b, activation, options, out);
}
void conv_forward(TensorView<const double> A_prev, TensorView<const double> W, TensorView<const double> b,
                  Activation activation, const ConvOptions& options, TensorView<double> out) {
  forward(A_prev, W, b, activation, options, out);
}

ConvGradients<float> conv_backward(TensorView<const float> dZ, TensorView<const float> A_prev,
                                   TensorView<const float> W, TensorView<const float> b, const ConvOptions& options) {
  return backward_new(dZ, A_prev, W, b, options);
}
ConvGradients<double> conv_backward(TensorView<const double> dZ, TensorView<const double> A_prev,
                                    TensorView<const double> W, TensorView<const double> b,
                                    const ConvOptions& options) {
  return backward_new(dZ, A_prev, W, b, options);
}
void conv_backward(TensorView<const float> dZ, TensorView<const float> A_prev, TensorView<const float> W,
                   const ConvOptions& options, TensorView<float> dA_prev, TensorView<float> dW, TensorView<float> db) {
  backward(dZ, A_prev, W, options, dA_prev, dW, db);
}
void conv_backward(TensorView<const double> dZ, TensorView<const double> A_prev, TensorView<const double> W,
                   const ConvOptions& options, TensorView<double> dA_prev, TensorView<double> dW,
                   TensorView<double> db) {
  backward(dZ, A_prev, W, options, dA_prev, dW, db);
}

}  // namespace hubel
