// Resizing: rows are put together first, as whole rows, and pixels of the result after that; the gradient goes the
// other way. Both are threaded over images and the rows that they write.
#include "hubel/resize.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/named.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"
#include "simd/resize.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr detail::Named<Interpolation> kInterpolations[] = {
    {"nearest", Interpolation::nearest}, {"bilinear", Interpolation::bilinear}, {"bicubic", Interpolation::bicubic}};

// ---- Taps ------------------------------------------------------------------------------------------------------

// Where place i of `out` lies among `extent` ones: `above` / `below`. Both extents are below 2^31, so that the place is
// an exact fraction of 64-bit numbers.
struct Place {
  std::int64_t above, below;
};
Place place_of(std::int64_t i, std::int64_t extent, std::int64_t out, const ResizeOptions& o) {
  if (o.align_corners) return {i * (extent - 1), std::max<std::int64_t>(out - 1, 1)};
  return {(2 * i + 1) * extent - out, 2 * out};
}

// Of one pixel or two.
template <class T>
void set_tap(std::int64_t i, std::int64_t extent, std::int64_t out, const ResizeOptions& o, simd::ResizeTap<T>& tap) {
  if (o.interpolation == Interpolation::nearest) {
    tap = {i * extent / out, T(1), T(0)};
    return;
  }
  const auto [place, below] = place_of(i, extent, out, o);
  const std::int64_t above = std::max<std::int64_t>(place, 0), first = above / below;
  const T fraction = static_cast<T>(static_cast<double>(above % below) / static_cast<double>(below));
  if (first >= extent - 1) {
    tap = {extent - 1, T(1), T(0)};
  } else if (fraction == 1) {  // rounded
    tap = {first + 1, T(1), T(0)};
  } else {
    tap = {first, T(1) - fraction, fraction};
  }
}

// Keys's weights of a pixel at a distance of t, and of 1 + t, for t up to 1: the latter is a (d^3 - 5 d^2 + 8 d - 4) of
// d = 1 + t, in factors, so that nothing cancels.
constexpr double kKeys = -0.75;
double near_weight(double t) { return ((kKeys + 2) * t - (kKeys + 3)) * t * t + 1; }
double far_weight(double t) { return kKeys * t * (1 - t) * (1 - t); }

// Of one pixel, or of four, of which those beyond the image are its outermost.
template <class T>
void set_tap(std::int64_t i, std::int64_t extent, std::int64_t out, const ResizeOptions& o, simd::CubicTap<T>& tap) {
  const auto [above, below] = place_of(i, extent, out, o);
  const std::int64_t before = above < 0 ? -1 : above / below;  // no place is further out than half a pixel
  const double t = static_cast<double>(above - before * below) / static_cast<double>(below);
  const auto inside = [&](std::int64_t pixel) { return std::clamp<std::int64_t>(pixel, 0, extent - 1); };
  tap = {inside(before), 1, {1, 0, 0, 0}};
  if (t == 0 || extent == 1) return;
  const double weights[] = {far_weight(t), near_weight(t), near_weight(1 - t), far_weight(1 - t)};
  tap = {inside(before - 1), inside(before + 2) - inside(before - 1) + 1, {}};
  double sums[4] = {};
  for (std::int64_t k = 0; k < 4; ++k) sums[inside(before - 1 + k) - tap.first] += weights[k];
  std::transform(sums, sums + 4, tap.weights, [](double sum) { return static_cast<T>(sum); });
}

// Whether it is a pixel as it is.
template <class T>
bool copies(const simd::ResizeTap<T>& tap) {
  return tap.second_weight == 0;
}
template <class T>
bool copies(const simd::CubicTap<T>& tap) {
  return tap.count == 1;
}

// The most pixels behind the first.
template <class T>
constexpr std::int64_t reach_of(const simd::ResizeTap<T>&) {
  return 1;
}
template <class T>
constexpr std::int64_t reach_of(const simd::CubicTap<T>&) {
  return 3;
}

// Where the pixels begin that it may be of, reach_of more behind them: these come in the places' order. (A place on a
// pixel is of that alone, and one just after it of the pixel before too.)
template <class T>
std::int64_t frame_of(const simd::ResizeTap<T>& tap) {
  return tap.first;
}
template <class T>
std::int64_t frame_of(const simd::CubicTap<T>& tap) {
  return copies(tap) ? std::max<std::int64_t>(tap.first - 1, 0) : tap.first;
}

// Of the pixel that is `behind` the first; 0 where it takes no part.
template <class T>
T weight_of(const simd::ResizeTap<T>& tap, std::int64_t behind) {
  return behind == 0 ? tap.first_weight : tap.second_weight;
}
template <class T>
T weight_of(const simd::CubicTap<T>& tap, std::int64_t behind) {
  return behind >= 0 && behind < tap.count ? tap.weights[behind] : T(0);
}

// ---- Resizing --------------------------------------------------------------------------------------------------

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
template <class Tap>
struct Taps {
  std::span<const Tap> rows, columns;

  Taps(const Shape& x, const Shape& y, const ResizeOptions& o)
      : rows(of_axis(Scratch::windows, x[1], y[1], o)), columns(of_axis(Scratch::window_runs, x[2], y[2], o)) {}

 private:
  using Scratch = detail::Scratch;
  static std::span<const Tap> of_axis(Scratch use, std::int64_t extent, std::int64_t out, const ResizeOptions& o) {
    const auto n = static_cast<std::size_t>(out);
    Tap* taps = detail::scratch<Tap>(use, n);
    for (std::int64_t i = 0; i < out; ++i) set_tap(i, extent, out, o, taps[i]);
    return {taps, n};
  }
};

template <class Tap, class T>
void forward_by(TensorView<const T> x, const ResizeOptions& options, TensorView<T> y) {
  const Shape& wanted = y.shape();
  const Taps<Tap> taps(x.shape(), wanted, options);
  const std::int64_t h = x.shape()[1], c = x.shape()[3], row = x.shape()[2] * c;
  const std::int64_t h_out = wanted[1], row_out = wanted[2] * c;
  const double flops = 3.0 * static_cast<double>(y.size() + wanted[0] * h_out * row);
  detail::parallel_for(wanted[0] * h_out, flops, [&](std::int64_t i) {
    const Tap& tap = taps.rows[static_cast<std::size_t>(i % h_out)];
    const T* image = x.data() + i / h_out * h * row;
    const T* from = image + tap.first * row;
    if (!copies(tap)) {  // a row is put together as a pixel is, of as many channels as it has numbers
      T* blended = detail::scratch<T>(detail::Scratch::rows, static_cast<std::size_t>(row));
      simd::resize_row(&tap, 1, static_cast<std::size_t>(row), image, blended);
      from = blended;
    }
    simd::resize_row(taps.columns.data(), taps.columns.size(), static_cast<std::size_t>(c), from,
                     y.data() + i * row_out);
  });
}

// sum = the gradients of the rows that row y was part of, times its weights: rows of dy from `dout` on, n elements
// each.
template <class Tap, class T>
void sum_rows(std::span<const Tap> rows, std::int64_t y, const T* dout, std::size_t n, T* sum) {
  std::fill_n(sum, n, T(0));
  // Taps come in order, so those of row y are next to each other: their frame begins at y or a little before.
  const auto comes_before = [](const Tap& tap, std::int64_t first) { return frame_of(tap) < first; };
  auto tap = std::lower_bound(rows.begin(), rows.end(), y - reach_of(Tap()), comes_before);
  for (; tap != rows.end() && frame_of(*tap) <= y; ++tap) {
    const T weight = weight_of(*tap, y - tap->first);
    if (weight != 0) simd::add_scaled(weight, dout + static_cast<std::size_t>(tap - rows.begin()) * n, n, sum);
  }
}

template <class Tap, class T>
void backward_by(TensorView<const T> dy, const ResizeOptions& options, TensorView<T> dx) {
  const Shape& wanted = dy.shape();
  const Taps<Tap> taps(dx.shape(), wanted, options);
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
void forward(TensorView<const T> x, const ResizeOptions& options, TensorView<T> y) {
  constexpr std::string_view who = "resize_forward";
  const Shape wanted = output_shape(who, "x", "the image of x", x.shape(), options);
  detail::check_shape(who, "y", y.shape(), wanted, "(m, h_out, w_out, c)");
  if (y.size() == 0) return;
  if (options.interpolation == Interpolation::bicubic) return forward_by<simd::CubicTap<T>>(x, options, y);
  forward_by<simd::ResizeTap<T>>(x, options, y);
}

template <class T>
void backward(TensorView<const T> dy, const ResizeOptions& options, TensorView<T> dx) {
  constexpr std::string_view who = "resize_backward";
  const Shape wanted = output_shape(who, "dx", "the image of dx", dx.shape(), options);
  detail::check_shape(who, "dy", dy.shape(), wanted, "(m, h_out, w_out, c)");
  if (dx.size() == 0) return;
  if (options.interpolation == Interpolation::bicubic) return backward_by<simd::CubicTap<T>>(dy, options, dx);
  backward_by<simd::ResizeTap<T>>(dy, options, dx);
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
  return detail::name_of(kInterpolations, interpolation);
}
Interpolation interpolation_from_name(std::string_view name, std::string_view who) {
  return detail::value_of(kInterpolations, name, who, "interpolation");
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
