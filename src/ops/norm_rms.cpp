// Root-mean-square and unit normalisation: rows of channels, each multiplied with a number of its own. They differ in
// what that number is of the sum of the row's squares, and in how far it moves with it.
#include <algorithm>
#include <cmath>

#include "ops/norm.hpp"
#include "simd/segments.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::int64_t kSegment = static_cast<std::int64_t>(simd::kSegment);

// The least sum of squares that a row is divided by the root of.
constexpr double kLeast = 1e-12;

struct Rows {
  std::int64_t rows, length;
};

// The checks of x and of inv, which has x's axes but the last.
template <class T>
Rows check_rows(std::string_view who, const Shape& x, TensorView<T> inv) {
  detail::check_least_rank(who, "x", x, 2, "(m, ..., c)");
  const Shape before(std::span(x.begin(), x.rank() - 1));
  detail::check_shape(who, "inv", inv.shape(), before, "x's axes but the last");
  return {before.elements(), x.back()};
}

template <class T>
const T* data_at(const T* data, std::int64_t i) {
  return data ? data + i : nullptr;
}

// Calls f(first element, elements) for the segments of a row.
template <class F>
void for_each_segment(std::int64_t length, const F& f) {
  for (std::int64_t at = 0; at < length; at += kSegment)
    f(at, static_cast<std::size_t>(std::min(kSegment, length - at)));
}

// Calls f(row), several rows an item of work.
template <class F>
void for_each_row(const Rows& r, const F& f) {
  if (r.length == 0) return;
  const std::int64_t step = std::max<std::int64_t>(1, 2 * kSegment / r.length);
  detail::parallel_for((r.rows + step - 1) / step, 8.0 * static_cast<double>(r.rows * r.length),
                       [&](std::int64_t item) {
                         for (std::int64_t i = item * step; i < std::min(r.rows, (item + 1) * step); ++i) f(i);
                       });
}

// The sum of dy gamma x over a row. gamma may be null, for 1.
template <class T>
double product(std::int64_t length, const T* dy, const T* x, const T* gamma) {
  double sum = 0;
  for_each_segment(length, [&](std::int64_t at, std::size_t n) {
    sum += simd::segment_sums(dy + at, x + at, data_at(gamma, at), T(0), n).product;
  });
  return sum;
}

// y = x inv gamma, where inv = inverse(sum of the row's squares).
template <class T, class Inverse>
void forward(const Rows& r, const T* x, const T* gamma, const Inverse& inverse, T* y, T* inv) {
  for_each_row(r, [&](std::int64_t row) {
    const T* from = x + row * r.length;
    inv[row] = static_cast<T>(inverse(product<T>(r.length, from, from, nullptr)));
    for_each_segment(r.length, [&](std::int64_t at, std::size_t n) {
      simd::segment_affine<T>(from + at, n, {T(0), inv[row], T(0), data_at(gamma, at), nullptr},
                              y + row * r.length + at);
    });
  });
}

// dx = inv (g - inv^2 share(inv) sum(g x) x), g = dy gamma: with inv = (share of the squares + a constant)^(-1/2).
template <class T, class ShareOf>
void backward(const Rows& r, const T* dy, const T* x, const T* gamma, const T* inv, const ShareOf& share, T* dx) {
  for_each_row(r, [&](std::int64_t row) {
    const T *d = dy + row * r.length, *from = x + row * r.length;
    const double inverse = static_cast<double>(inv[row]), factor = share(inv[row]) * product(r.length, d, from, gamma);
    const T scale = static_cast<T>(-inverse * inverse * inverse * factor);
    for_each_segment(r.length, [&](std::int64_t at, std::size_t n) {
      simd::segment_backward<T>(d + at, from + at, inv[row], {T(0), scale, T(0), data_at(gamma, at), nullptr}, n,
                                dx + row * r.length + at);
    });
  });
}

template <class T>
void rms_forward(TensorView<const T> x, TensorView<const T> gamma, double epsilon, TensorView<T> y, TensorView<T> inv) {
  constexpr std::string_view who = "rms_norm_forward";
  const Rows r = check_rows(who, x.shape(), inv);
  detail::check_optional(who, "gamma", gamma, Shape{r.length}, "(c,)");
  detail::check_epsilon(who, epsilon);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  const auto inverse = [&](double squares) {
    return detail::inverse_deviation(squares / static_cast<double>(r.length), epsilon);
  };
  if (r.length == 0) std::fill(inv.begin(), inv.end(), static_cast<T>(detail::inverse_deviation(0, epsilon)));
  forward(r, x.data(), gamma.data(), inverse, y.data(), inv.data());
}

template <class T>
void rms_backward(TensorView<const T> dy, TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> inv,
                  TensorView<T> dx, TensorView<T> dgamma) {
  constexpr std::string_view who = "rms_norm_backward";
  const Rows r = check_rows(who, x.shape(), inv);
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  detail::check_optional(who, "gamma", gamma, Shape{r.length}, "(c,)");
  detail::check_optional(who, "dx", dx, x.shape(), "the shape of x");
  detail::check_optional(who, "dgamma", dgamma, Shape{r.length}, "(c,)");
  // Before dx, which may be dy.
  detail::row_parameter_gradients<T>(r.rows, r.length, dy.data(), x.data(), nullptr, inv.data(), dgamma, {});
  if (!detail::is_given(dx)) return;
  const auto share = [&](T) { return 1 / static_cast<double>(r.length); };
  backward(r, dy.data(), x.data(), gamma.data(), inv.data(), share, dx.data());
}

template <class T>
void unit_forward(TensorView<const T> x, TensorView<T> y, TensorView<T> inv) {
  constexpr std::string_view who = "unit_norm_forward";
  const Rows r = check_rows(who, x.shape(), inv);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  const auto inverse = [](double squares) { return 1 / std::sqrt(squares < kLeast ? kLeast : squares); };
  if (r.length == 0) std::fill(inv.begin(), inv.end(), static_cast<T>(inverse(0)));
  forward<T>(r, x.data(), nullptr, inverse, y.data(), inv.data());
}

template <class T>
void unit_backward(TensorView<const T> dy, TensorView<const T> x, TensorView<const T> inv, TensorView<T> dx) {
  constexpr std::string_view who = "unit_norm_backward";
  const Rows r = check_rows(who, x.shape(), inv);
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  detail::check_shape(who, "dx", dx.shape(), x.shape(), "the shape of x");
  const T bound = static_cast<T>(1 / std::sqrt(kLeast));
  const auto share = [&](T inverse) { return inverse == bound ? 0.0 : 1.0; };
  backward<T>(r, dy.data(), x.data(), nullptr, inv.data(), share, dx.data());
}

}  // namespace

void rms_norm_forward(TensorView<const float> x, TensorView<const float> gamma, double epsilon, TensorView<float> y,
                      TensorView<float> inv) {
  rms_forward(x, gamma, epsilon, y, inv);
}
void rms_norm_forward(TensorView<const double> x, TensorView<const double> gamma, double epsilon, TensorView<double> y,
                      TensorView<double> inv) {
  rms_forward(x, gamma, epsilon, y, inv);
}
void rms_norm_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> gamma,
                       TensorView<const float> inv, TensorView<float> dx, TensorView<float> dgamma) {
  rms_backward(dy, x, gamma, inv, dx, dgamma);
}
void rms_norm_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> gamma,
                       TensorView<const double> inv, TensorView<double> dx, TensorView<double> dgamma) {
  rms_backward(dy, x, gamma, inv, dx, dgamma);
}
void unit_norm_forward(TensorView<const float> x, TensorView<float> y, TensorView<float> inv) {
  unit_forward(x, y, inv);
}
void unit_norm_forward(TensorView<const double> x, TensorView<double> y, TensorView<double> inv) {
  unit_forward(x, y, inv);
}
void unit_norm_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> inv,
                        TensorView<float> dx) {
  unit_backward(dy, x, inv, dx);
}
void unit_norm_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> inv,
                        TensorView<double> dx) {
  unit_backward(dy, x, inv, dx);
}

}  // namespace hubel
