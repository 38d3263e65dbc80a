// Resizing from its definition: each output's weights over all pixels of an axis, in long double.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "hubel/resize.hpp"
#include "reference.hpp"

namespace hubel::reference {

// Keys's piecewise cubic of the distance, with a = -3/4.
inline Real keys_weight(Real distance) {
  const Real d = std::abs(distance), a = -0.75L;
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

// The weight of each of `extent` pixels in place i of `out`.
inline std::vector<Real> resize_weights(Index i, Index extent, Index out, const ResizeOptions& o) {
  std::vector<Real> weights(static_cast<std::size_t>(extent));
  const Real h = static_cast<Real>(extent), H = static_cast<Real>(out), place = static_cast<Real>(i);
  if (o.interpolation == Interpolation::nearest) {
    weights[static_cast<std::size_t>(std::floor(place * h / H))] = 1;
    return weights;
  }
  Real at = std::max((place + Real(0.5)) * h / H - Real(0.5), Real(0));
  if (o.align_corners) at = out > 1 ? place * (h - 1) / (H - 1) : Real(0);
  if (o.interpolation == Interpolation::bicubic) {
    if (!o.align_corners) at = (place + Real(0.5)) * h / H - Real(0.5);
    if (std::abs(at - std::round(at)) < 1e-15L) at = std::round(at);
    for (Index p = static_cast<Index>(std::floor(at)) - 1; p <= std::floor(at) + 2; ++p)
      weights[static_cast<std::size_t>(std::clamp<Index>(p, 0, extent - 1))] += keys_weight(at - static_cast<Real>(p));
    return weights;
  }
  at = std::min(at, h - 1);
  // A hat of width 1 around each pixel. Places that should be whole are off by a rounding.
  if (std::abs(at - std::round(at)) < 1e-15L) at = std::round(at);
  for (Index p = 0; p < extent; ++p)
    weights[static_cast<std::size_t>(p)] = std::max(Real(1) - std::abs(at - static_cast<Real>(p)), Real(0));
  return weights;
}

// Calls visit(i, y, x, Y, X, k, weight) for each pixel of the image and each of the output that it takes part in.
template <class Visit>
void for_each_resize_weight(const Shape& x, const ResizeOptions& o, Visit visit) {
  for (Index Y = 0; Y < o.size[0]; ++Y) {
    const std::vector<Real> rows = resize_weights(Y, x[1], o.size[0], o);
    for (Index X = 0; X < o.size[1]; ++X) {
      const std::vector<Real> columns = resize_weights(X, x[2], o.size[1], o);
      for (Index y = 0; y < x[1]; ++y)
        for (Index c = 0; c < x[2]; ++c) {
          const Real weight = rows[static_cast<std::size_t>(y)] * columns[static_cast<std::size_t>(c)];
          if (weight == 0) continue;
          for (Index i = 0; i < x[0]; ++i)
            for (Index k = 0; k < x[3]; ++k) visit(i, y, c, Y, X, k, weight);
        }
    }
  }
}

template <class T>
Array resize_forward(TensorView<const T> x, const ResizeOptions& o) {
  const Array input = Array::of_images(x);
  Array out(x.shape()[0], o.size[0], o.size[1], x.shape()[3]);
  for_each_resize_weight(x.shape(), o, [&](Index i, Index y, Index c, Index Y, Index X, Index k, Real weight) {
    out(i, Y, X, k) += weight * input(i, y, c, k);
  });
  return out;
}

template <class T>
Array resize_backward(TensorView<const T> dy, const Shape& x, const ResizeOptions& o) {
  const Array gradient = Array::of_images(dy);
  Array dx(x[0], x[1], x[2], x[3]);
  for_each_resize_weight(x, o, [&](Index i, Index y, Index c, Index Y, Index X, Index k, Real weight) {
    dx(i, y, c, k) += weight * gradient(i, Y, X, k);
  });
  return dx;
}

}  // namespace hubel::reference
