// Pooling over windows that may reach past the image, from the definition: with padding, in ceil_mode, and adaptive.
#pragma once

#include <cmath>
#include <vector>

#include "hubel/pool.hpp"
#include "reference.hpp"

namespace hubel::reference {

// The window [begin, end) along an axis, any part of which may lie outside the image; averages count what of it lies in
// [counted_begin, counted_end).
struct Range {
  Index begin, end, counted_begin, counted_end;

  Index counted() const { return std::min(end, counted_end) - std::max(begin, counted_begin); }
};

// Window after window. In ceil_mode there is one more as long as the one before does not reach the end, unless it would
// begin past the image; "same" has them begin at each stride of the image and then shares out what they reach beyond.
inline std::vector<Range> axis_windows(Index extent, std::size_t axis, const PoolOptions& o) {
  const Index k = o.kernel_shape[axis], stride = o.stride[axis];
  const bool same = o.padding.kind == Padding::Kind::same, given = o.padding.kind == Padding::Kind::explicit_sides;
  Index before = given ? axis == 0 ? o.padding.top : o.padding.left : 0;
  Index after = given ? axis == 0 ? o.padding.bottom : o.padding.right : 0;
  std::vector<Index> begins;
  const auto goes_on = [&](Index begin) {
    if (same || begin >= extent) return begin < extent;
    return o.ceil_mode ? begin - stride + k < extent + after : begin + k <= extent + after;
  };
  for (Index begin = -before; goes_on(begin); begin += stride) begins.push_back(begin);
  if (same && !begins.empty()) {
    const Index total = std::max<Index>(begins.back() + k - extent, 0);
    before = total / 2;
    after = total - before;
    for (Index& begin : begins) begin -= before;
  }
  std::vector<Range> windows;
  for (Index begin : begins)
    windows.push_back(o.count_include_pad ? Range{begin, begin + k, -before, extent + after}
                                          : Range{begin, begin + k, 0, extent});
  return windows;
}

inline std::vector<Range> adaptive_windows(Index extent, Index out) {
  std::vector<Range> windows;
  const auto edge = [&](Index i) { return static_cast<Real>(i) * static_cast<Real>(extent) / static_cast<Real>(out); };
  for (Index i = 0; i < out; ++i)
    windows.push_back({static_cast<Index>(std::floor(edge(i))), static_cast<Index>(std::ceil(edge(i + 1))), 0, extent});
  return windows;
}

struct WindowPool {
  WindowPool(const Shape& x, const PoolOptions& o)
      : m(x[0]), h(x[1]), w(x[2]), c(x[3]), mode(o.mode), rows(axis_windows(h, 0, o)), columns(axis_windows(w, 1, o)) {}
  WindowPool(const Shape& x, Index h_out, Index w_out, PoolMode pool_mode)
      : m(x[0]),
        h(x[1]),
        w(x[2]),
        c(x[3]),
        mode(pool_mode),
        rows(adaptive_windows(h, h_out)),
        columns(adaptive_windows(w, w_out)) {}

  Shape output_shape() const { return {m, static_cast<Index>(rows.size()), static_cast<Index>(columns.size()), c}; }

  // Calls visit(i, Y, X, k) for each element of the output, and visit(y, x) for each of a window's pixels in the image.
  template <class Visit>
  void for_each_output(Visit visit) const {
    for (Index i = 0; i < m; ++i)
      for (std::size_t y = 0; y < rows.size(); ++y)
        for (std::size_t x = 0; x < columns.size(); ++x)
          for (Index k = 0; k < c; ++k) visit(i, y, x, k);
  }
  template <class Visit>
  void for_each_pixel(std::size_t Y, std::size_t X, Visit visit) const {
    for (Index y = rows[Y].begin; y < rows[Y].end; ++y)
      for (Index x = columns[X].begin; x < columns[X].end; ++x)
        if (y >= 0 && y < h && x >= 0 && x < w) visit(y, x);
  }
  Real count(std::size_t Y, std::size_t X) const { return static_cast<Real>(rows[Y].counted() * columns[X].counted()); }

  struct Place {
    Index y = -1, x = -1;
  };
  Place first_maximum(const Array& input, Index i, std::size_t Y, std::size_t X, Index k) const {
    Place best;
    for_each_pixel(Y, X, [&](Index y, Index x) {
      const Real value = input(i, y, x, k);
      if (best.y < 0) best = {y, x};
      const Real maximum = input(i, best.y, best.x, k);
      if (!std::isnan(maximum) && (value > maximum || std::isnan(value))) best = {y, x};
    });
    return best;
  }

  Index m, h, w, c;
  PoolMode mode;
  std::vector<Range> rows, columns;
};

template <class T>
Array pool_forward(TensorView<const T> x, const WindowPool& s) {
  const Array input = Array::of_images(x);
  const Shape shape = s.output_shape();
  Array out(shape[0], shape[1], shape[2], shape[3]);
  s.for_each_output([&](Index i, std::size_t Y, std::size_t X, Index k) {
    Real& y = out(i, static_cast<Index>(Y), static_cast<Index>(X), k);
    if (s.mode == PoolMode::max) {
      const auto best = s.first_maximum(input, i, Y, X, k);
      y = input(i, best.y, best.x, k);
      return;
    }
    s.for_each_pixel(Y, X, [&](Index a, Index b) { y += input(i, a, b, k); });
    y /= s.count(Y, X);
  });
  return out;
}

template <class T>
Array pool_backward(TensorView<const T> dy, TensorView<const T> x, const WindowPool& s) {
  const Array input = Array::of_images(x), gradient = Array::of_images(dy);
  Array dx(s.m, s.h, s.w, s.c);
  s.for_each_output([&](Index i, std::size_t Y, std::size_t X, Index k) {
    const Real d = gradient(i, static_cast<Index>(Y), static_cast<Index>(X), k);
    if (s.mode == PoolMode::max) {
      const auto best = s.first_maximum(input, i, Y, X, k);
      dx(i, best.y, best.x, k) += d;
      return;
    }
    s.for_each_pixel(Y, X, [&](Index a, Index b) { dx(i, a, b, k) += d / s.count(Y, X); });
  });
  return dx;
}

}  // namespace hubel::reference
