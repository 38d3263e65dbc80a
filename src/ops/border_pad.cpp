// Padding of images with pixels of their own: copies of rows and, in the margins, of pixels. Backward adds up, for each
// row of dx the rows of dy that it stands in, in a fixed order. Threaded over images and the rows that are written.
#include <algorithm>
#include <stdexcept>

#include "hubel/pad.hpp"
#include "ops/checks.hpp"
#include "ops/named.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr detail::Named<PadMode> kModes[] = {{"reflect", PadMode::reflect},
                                             {"symmetric", PadMode::symmetric},
                                             {"replicate", PadMode::replicate},
                                             {"circular", PadMode::circular}};

// Which of n pixels stands at place i, which is at most a margin's width outside [0, n).
std::int64_t pixel_at(PadMode mode, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::reflect:
      return i < 0 ? -i : 2 * n - 2 - i;
    case PadMode::symmetric:
      return i < 0 ? -1 - i : 2 * n - 1 - i;
    case PadMode::replicate:
      return i < 0 ? 0 : n - 1;
    case PadMode::circular:
      return i < 0 ? i + n : i - n;
  }
  throw std::invalid_argument("not a value of PadMode");
}

// Calls f(place) for each place outside [0, n), in order.
template <class F>
void for_each_outside(std::int64_t before, std::int64_t n, std::int64_t after, const F& f) {
  for (std::int64_t i = -before; i < 0; ++i) f(i);
  for (std::int64_t i = n; i < n + after; ++i) f(i);
}

// Of an axis of n pixels.
void check_axis(std::string_view who, PadMode mode, std::int64_t n, std::int64_t before, std::int64_t after,
                std::string_view axis) {
  const std::int64_t margin = std::max(before, after);
  const std::int64_t most = mode == PadMode::reflect ? n - 1 : mode == PadMode::replicate && n > 0 ? margin : n;
  if (margin == 0 || margin <= most) return;
  throw std::invalid_argument(detail::formatted("{}: margins of ({}, {}) beside {} of {}, with {} there are at most {}",
                                                who, before, after, axis, n, pad_mode_name(mode),
                                                std::max<std::int64_t>(most, 0)));
}

template <class T>
void forward(TensorView<const T> x, const Margins& margins, PadMode mode, TensorView<T> y) {
  constexpr std::string_view who = "border_pad_forward";
  const Shape wanted = border_pad_output_shape(x.shape(), margins, mode, who);
  detail::check_shape(who, "y", y.shape(), wanted, "the padded shape");
  if (y.size() == 0) return;
  const std::int64_t h = x.shape()[1], w = x.shape()[2], c = x.shape()[3], rows = wanted[1], row_size = wanted[2] * c;
  detail::parallel_for(wanted[0] * rows, static_cast<double>(y.size()), [&](std::int64_t i) {
    const T* from = x.data() + (i / rows * h + pixel_at(mode, i % rows - margins.top, h)) * w * c;
    T* to = y.data() + i * row_size + margins.left * c;
    std::copy_n(from, w * c, to);
    for_each_outside(margins.left, w, margins.right,
                     [&](std::int64_t k) { std::copy_n(from + pixel_at(mode, k, w) * c, c, to + k * c); });
  });
}

template <class T>
void add(const T* from, std::int64_t n, T* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += from[i];
}

template <class T>
void backward(TensorView<const T> dy, const Margins& margins, PadMode mode, TensorView<T> dx) {
  constexpr std::string_view who = "border_pad_backward";
  detail::check_rank(who, "dx", dx.shape(), 4, "(m, h, w, c)");
  const Shape wanted = border_pad_output_shape(dx.shape(), margins, mode, who);
  detail::check_shape(who, "dy", dy.shape(), wanted, "the padded shape of dx");
  if (dx.size() == 0) return;
  const std::int64_t h = dx.shape()[1], w = dx.shape()[2], c = dx.shape()[3], rows = wanted[1];
  const auto add_margins = [&](const T* from, T* to) {
    for_each_outside(margins.left, w, margins.right,
                     [&](std::int64_t k) { add(from + k * c, c, to + pixel_at(mode, k, w) * c); });
  };
  detail::parallel_for(dx.shape()[0] * h, static_cast<double>(dy.size()), [&](std::int64_t i) {
    const std::int64_t row = i % h;
    T* to = dx.data() + i * w * c;
    const auto row_of_dy = [&](std::int64_t k) {  // from the image's own pixels on
      return dy.data() + ((i / h * rows + margins.top + k) * wanted[2] + margins.left) * c;
    };
    std::copy_n(row_of_dy(row), w * c, to);
    add_margins(row_of_dy(row), to);
    for_each_outside(margins.top, h, margins.bottom, [&](std::int64_t k) {
      if (pixel_at(mode, k, h) != row) return;
      add(row_of_dy(k), w * c, to);
      add_margins(row_of_dy(k), to);
    });
  });
}

}  // namespace

std::string_view pad_mode_name(PadMode mode) { return detail::name_of(kModes, mode); }
PadMode pad_mode_from_name(std::string_view name, std::string_view who) {
  return detail::value_of(kModes, name, who, "mode");
}

Shape border_pad_output_shape(const Shape& x, const Margins& margins, PadMode mode, std::string_view who) {
  const Shape padded = pad_output_shape(x, margins, who);
  check_axis(who, mode, x[1], margins.top, margins.bottom, "a height");
  check_axis(who, mode, x[2], margins.left, margins.right, "a width");
  return padded;
}

void border_pad_forward(TensorView<const float> x, const Margins& margins, PadMode mode, TensorView<float> y) {
  forward(x, margins, mode, y);
}
void border_pad_forward(TensorView<const double> x, const Margins& margins, PadMode mode, TensorView<double> y) {
  forward(x, margins, mode, y);
}
void border_pad_backward(TensorView<const float> dy, const Margins& margins, PadMode mode, TensorView<float> dx) {
  backward(dy, margins, mode, dx);
}
void border_pad_backward(TensorView<const double> dy, const Margins& margins, PadMode mode, TensorView<double> dx) {
  backward(dy, margins, mode, dx);
}

}  // namespace hubel
