// Resizing: rows are put together first, as whole rows, and pixels of the result after that; the gradient goes the
// other way. Both are threaded over images and the rows that they write.
#include "hubel/resize.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"
#include "simd/resize.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

template <class T>
using Tap = simd::ResizeTap<T>;

// Where place i of `out` lies among `extent` ones, and how the two around it are weighted. Both extents are below 2^31,
// so that the place is an exact fraction of 64-bit numbers.
template <class T>
Tap<T> tap_of(std::int64_t i, std::int64_t extent, std::int64_t out, const ResizeOptions& o) {
  if (o.interpolation == Interpolation::nearest) return {i * extent / out, T(1), T(0)};
  const bool corners = o.align_corners;
  const std::int64_t below = corners ? std::max<std::int64_t>(out - 1, 1) : 2 * out;
  const std::int64_t above = corners ? i * (extent - 1) : std::max<std::int64_t>((2 * i + 1) * extent - out, 0);
  const std::int64_t first = above / below;
  if (first >= extent - 1) return {extent - 1, T(1), T(0)};
  const T fraction = static_cast<T>(static_cast<double>(above % below) / static_cast<double>(below));
  if (fraction == 1) return {first + 1, T(1), T(0)};  // rounded
  return {first, T(1) - fraction, fraction};
}

// `name` is the argument that x's shape is from, and `image` the image of it.
Shape output_shape(std::string_view who, std::string_view name, std::string_view image, const Shape& x,
                   const ResizeOptions& options) {
  detail::check_rank(who, name, x, 4, "(m, h, w, c)");
  detail::check_pair(who, image, {x[1], x[2]}, detail::kMaxOption, "(h, w)");
  detail::check_pair(who, "size", options.size, detail::kMaxOption, "(h_out, w_out)");
  if (options.align_corners && options.interpolation == Interpolation::nearest) {
    throw std::invalid_argument(
        detail::formatted("{}: align_corners is true but interpolation is nearest, where it has no meaning", who));
  }
  return {x[0], options.size[0], options.size[1], x[3]};
}

// The taps of both axes, in the calling thread's scratch memory until its next resizing.
template <class T>
struct Taps {
  std::span<const Tap<T>> rows, columns;

  Taps(const Shape& x, const Shape& y, const ResizeOptions& o)
      : rows(of_axis(Scratch::windows, x[1], y[1], o)), columns(of_axis(Scratch::window_runs, x[2], y[2], o)) {}

 private:
  using Scratch = detail::Scratch;
  static std::span<const Tap<T>> of_axis(Scratch use, std::int64_t extent, std::int64_t out, const ResizeOptions& o) {
    const auto n = static_cast<std::size_t>(out);
    Tap<T>* taps = detail::scratch<Tap<T>>(use, n);
    for (std::int64_t i = 0; i < out; ++i) taps[i] = tap_of<T>(i, extent, out, o);
    return {taps, n};
  }
};

template <class T>
void forward(TensorView<const T> x, const ResizeOptions& options, TensorView<T> y) {
  constexpr std::string_view who = "resize_forward";
  const Shape wanted = output_shape(who, "x", "the image of x", x.shape(), options);
  detail::check_shape(who, "y", y.shape(), wanted, "(m, h_out, w_out, c)");
  if (y.size() == 0) return;
  const Taps<T> taps(x.shape(), wanted, options);
  const std::int64_t h = x.shape()[1], c = x.shape()[3], row = x.shape()[2] * c;
  const std::int64_t h_out = wanted[1], row_out = wanted[2] * c;
  const double flops = 3.0 * static_cast<double>(y.size() + wanted[0] * h_out * row);
  detail::parallel_for(wanted[0] * h_out, flops, [&](std::int64_t i) {
    const Tap<T>& tap = taps.rows[static_cast<std::size_t>(i % h_out)];
    const T* from = x.data() + (i / h_out * h + tap.first) * row;
    if (tap.second_weight != 0) {
      T* blended = detail::scratch<T>(detail::Scratch::rows, static_cast<std::size_t>(row));
      simd::blend(tap.first_weight, from, tap.second_weight, from + row, static_cast<std::size_t>(row), blended);
      from = blended;
    }
    simd::resize_row(taps.columns.data(), taps.columns.size(), static_cast<std::size_t>(c), from,
                     y.data() + i * row_out);
  });
}

// sum = the gradients of the rows that row y was part of, times its weights: rows of dy from `dout` on, n elements
// each.
template <class T>
void sum_rows(std::span<const Tap<T>> rows, std::int64_t y, const T* dout, std::size_t n, T* sum) {
  std::fill_n(sum, n, T(0));
  // Taps come in order, so those of row y are next to each other: their first row is y or the one before.
  const auto comes_before = [](const Tap<T>& tap, std::int64_t first) { return tap.first < first; };
  auto tap = std::lower_bound(rows.begin(), rows.end(), y - 1, comes_before);
  for (; tap != rows.end() && tap->first <= y; ++tap) {
    const T weight = tap->first == y ? tap->first_weight : tap->second_weight;
    if (weight != 0) simd::add_scaled(weight, dout + static_cast<std::size_t>(tap - rows.begin()) * n, n, sum);
  }
}

template <class T>
void backward(TensorView<const T> dy, const ResizeOptions& options, TensorView<T> dx) {
  constexpr std::string_view who = "resize_backward";
  const Shape wanted = output_shape(who, "dx", "the image of dx", dx.shape(), options);
  detail::check_shape(who, "dy", dy.shape(), wanted, "(m, h_out, w_out, c)");
  if (dx.size() == 0) return;
  const Taps<T> taps(dx.shape(), wanted, options);
  const std::int64_t h = dx.shape()[1], c = dx.shape()[3], row = dx.shape()[2] * c;
  const std::int64_t image_out = wanted[1] * wanted[2] * c;
  const auto row_out = static_cast<std::size_t>(wanted[2] * c);
  detail::parallel_for(wanted[0] * h, 4.0 * static_cast<double>(dy.size() + dx.size()), [&](std::int64_t i) {
    T* sum = detail::scratch<T>(detail::Scratch::rows, row_out);
    sum_rows(taps.rows, i % h, dy.data() + i / h * image_out, row_out, sum);
    T* to = dx.data() + i * row;
    std::fill_n(to, row, T(0));
    simd::resize_row_backward(taps.columns.data(), taps.columns.size(), static_cast<std::size_t>(c), sum, to);
  });
}

template <class T>
Tensor<T> forward_new(TensorView<const T> x, const ResizeOptions& options) {
  auto y = Tensor<T>::uninitialized(output_shape("resize_forward", "x", "the image of x", x.shape(), options));
  forward<T>(x, options, y);
  return y;
}

template <class T>
Tensor<T> backward_new(TensorView<const T> dy, const Shape& x, const ResizeOptions& options) {
  output_shape("resize_backward", "x", "the image of x", x, options);
  auto dx = Tensor<T>::uninitialized(x);
  backward<T>(dy, options, dx);
  return dx;
}

}  // namespace

std::string_view interpolation_name(Interpolation interpolation) {
  return interpolation == Interpolation::nearest ? "nearest" : "bilinear";
}

Interpolation interpolation_from_name(std::string_view name, std::string_view who) {
  if (name == "nearest") return Interpolation::nearest;
  if (name == "bilinear") return Interpolation::bilinear;
  throw std::invalid_argument(
      detail::formatted("{}: interpolation is \"{}\" but must be \"nearest\" or \"bilinear\"", who, name));
}

Shape resize_output_shape(const Shape& x, const ResizeOptions& options, std::string_view who) {
  return output_shape(who, "x", "the image of x", x, options);
}

Tensor<float> resize_forward(TensorView<const float> x, const ResizeOptions& options) {
  return forward_new(x, options);
}
Tensor<double> resize_forward(TensorView<const double> x, const ResizeOptions& options) {
  return forward_new(x, options);
}
void resize_forward(TensorView<const float> x, const ResizeOptions& options, TensorView<float> y) {
  forward(x, options, y);
}
void resize_forward(TensorView<const double> x, const ResizeOptions& options, TensorView<double> y) {
  forward(x, options, y);
}

Tensor<float> resize_backward(TensorView<const float> dy, const Shape& x, const ResizeOptions& options) {
  return backward_new(dy, x, options);
}
Tensor<double> resize_backward(TensorView<const double> dy, const Shape& x, const ResizeOptions& options) {
  return backward_new(dy, x, options);
}
void resize_backward(TensorView<const float> dy, const ResizeOptions& options, TensorView<float> dx) {
  backward(dy, options, dx);
}
void resize_backward(TensorView<const double> dy, const ResizeOptions& options, TensorView<double> dx) {
  backward(dy, options, dx);
}

}  // namespace hubel
