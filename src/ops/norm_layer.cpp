// Layer normalisation: rows that lie one behind another, each with statistics of its own. A long row is gone over in
// segments, whose moments and sums are added in order.
#include "ops/norm.hpp"
#include "simd/segments.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::int64_t kSegment = static_cast<std::int64_t>(simd::kSegment);

struct Rows {
  std::int64_t rows, length;
  Shape before, normalised;  // x's axes before, and those normalised over

  std::int64_t segments() const { return (length + kSegment - 1) / kSegment; }
};

Rows check_input(std::string_view who, const Shape& x, std::int64_t axes) {
  detail::check_least_rank(who, "x", x, 2, "(m, ..., c)");
  const std::int64_t most = static_cast<std::int64_t>(x.rank()) - 1;
  if (axes < 1 || axes > most) {
    throw std::invalid_argument(
        detail::formatted("{}: axes = {}, it must be from 1 to {} (x has shape {})", who, axes, most, x.to_string()));
  }
  const std::size_t first = x.rank() - static_cast<std::size_t>(axes);
  const Shape before(std::span(x.begin(), first)), normalised(std::span(x.begin() + first, x.rank() - first));
  return {before.elements(), normalised.elements(), before, normalised};
}

template <class T>
void check_parameter(std::string_view who, std::string_view name, TensorView<T> view, const Rows& r) {
  detail::check_optional(who, name, view, r.normalised, "the axes normalised over");
}

template <class T>
void check_statistics(std::string_view who, const Rows& r, TensorView<T> mean, TensorView<T> inv_std) {
  detail::check_shape(who, "mean", mean.shape(), r.before, "x's axes before those normalised over");
  detail::check_shape(who, "inv_std", inv_std.shape(), r.before, "x's axes before those normalised over");
}

// Calls f(segment, its first element, number of elements).
template <class F>
void for_each_segment(const Rows& r, const F& f) {
  detail::parallel_for(r.segments(), 6.0 * static_cast<double>(r.length), [&](std::int64_t i) {
    f(i, i * kSegment, static_cast<std::size_t>(std::min(kSegment, r.length - i * kSegment)));
  });
}

// Calls short(first row, rows) for rows that are one segment, some of them an item, or else segmented(row) for each.
template <class Short, class Segmented>
void for_each_row(const Rows& r, const Short& short_rows, const Segmented& segmented) {
  if (r.length > kSegment) return detail::for_each_sample(r.rows, r.length, 10, segmented);
  if (r.length == 0) return;
  const std::int64_t step = std::max<std::int64_t>(1, 2 * kSegment / r.length);
  detail::parallel_for((r.rows + step - 1) / step, 10.0 * static_cast<double>(r.rows * r.length),
                       [&](std::int64_t item) {
                         const std::int64_t first = item * step;
                         short_rows(first, static_cast<std::size_t>(std::min(step, r.rows - first)));
                       });
}

template <class T>
const T* data_at(TensorView<const T> view, std::int64_t i) {
  return detail::is_given(view) ? view.data() + i : nullptr;
}

template <class T>
detail::Moments row_moments(const Rows& r, const T* x) {
  auto* parts = detail::scratch<simd::SegmentMoments>(detail::Scratch::moments, static_cast<std::size_t>(r.segments()));
  for_each_segment(
      r, [&](std::int64_t i, std::int64_t at, std::size_t n) { parts[i] = simd::segment_moments(x + at, n); });
  detail::Moments all;
  for (std::int64_t i = 0; i < r.segments(); ++i) {
    const double n = static_cast<double>(std::min(kSegment, r.length - i * kSegment));
    all.add({n, parts[i].mean, parts[i].squares});
  }
  return all;
}

template <class T>
void forward(TensorView<const T> x, std::int64_t axes, TensorView<const T> gamma, TensorView<const T> beta,
             double epsilon, TensorView<T> y, TensorView<T> mean, TensorView<T> inv_std) {
  constexpr std::string_view who = "layer_norm_forward";
  const Rows r = check_input(who, x.shape(), axes);
  check_parameter(who, "gamma", gamma, r);
  check_parameter(who, "beta", beta, r);
  detail::check_epsilon(who, epsilon);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  check_statistics(who, r, mean, inv_std);
  if (r.length == 0) {
    std::fill(mean.begin(), mean.end(), T(0));
    std::fill(inv_std.begin(), inv_std.end(), static_cast<T>(detail::inverse_deviation(0, epsilon)));
  }
  const auto short_rows = [&](std::int64_t first, std::size_t rows) {
    const std::int64_t at = first * r.length;
    simd::layer_rows<T>(rows, static_cast<std::size_t>(r.length), x.data() + at, data_at(gamma, 0), data_at(beta, 0),
                        epsilon, {mean.data() + first, inv_std.data() + first}, y.data() + at);
  };
  for_each_row(r, short_rows, [&](std::int64_t row) {
    const T* from = x.data() + row * r.length;
    T* to = y.data() + row * r.length;
    const detail::Moments moments = row_moments(r, from);
    const auto numbers = simd::normalising<T>(moments.mean, moments.variance(), epsilon, nullptr, nullptr);
    mean[row] = numbers.centre;
    inv_std[row] = numbers.scale;
    for_each_segment(r, [&](std::int64_t, std::int64_t at, std::size_t n) {
      auto own = numbers;
      own.gamma = data_at(gamma, at);
      own.beta = data_at(beta, at);
      simd::segment_affine<T>(from + at, n, own, to + at);
    });
  });
}

template <class T>
struct Backward {
  Rows r;
  TensorView<const T> dy, x, gamma, mean, inv_std;
  TensorView<T> dx;
};

// A long row's gradient.
template <class T>
void row_backward(const Backward<T>& b, std::int64_t row) {
  const Rows& r = b.r;
  const T *dy = b.dy.data() + row * r.length, *x = b.x.data() + row * r.length;
  const T mean = b.mean[row], inv_std = b.inv_std[row];
  auto* parts = detail::scratch<simd::SegmentSums>(detail::Scratch::moments, static_cast<std::size_t>(r.segments()));
  for_each_segment(r, [&](std::int64_t i, std::int64_t at, std::size_t n) {
    parts[i] = simd::segment_sums(dy + at, x + at, data_at(b.gamma, at), mean, n);
  });
  simd::SegmentSums sums{0, 0};
  for (std::int64_t i = 0; i < r.segments(); ++i) {
    sums.gradient += parts[i].gradient;
    sums.product += parts[i].product;
  }
  T* dx = b.dx.data() + row * r.length;
  for_each_segment(r, [&](std::int64_t, std::int64_t at, std::size_t n) {
    const auto numbers =
        simd::normalising_backward(sums, static_cast<double>(r.length), mean, inv_std, data_at(b.gamma, at));
    simd::segment_backward<T>(dy + at, x + at, inv_std, numbers, n, dx + at);
  });
}

template <class T>
void input_gradient(const Backward<T>& b) {
  const auto short_rows = [&](std::int64_t first, std::size_t rows) {
    const std::int64_t at = first * b.r.length;
    simd::layer_rows_backward(rows, static_cast<std::size_t>(b.r.length), b.dy.data() + at, b.x.data() + at,
                              data_at(b.gamma, 0), b.mean.data() + first, b.inv_std.data() + first, b.dx.data() + at);
  };
  for_each_row(b.r, short_rows, [&](std::int64_t row) { row_backward(b, row); });
}

template <class T>
void backward(TensorView<const T> dy, TensorView<const T> x, std::int64_t axes, TensorView<const T> gamma,
              TensorView<const T> mean, TensorView<const T> inv_std, TensorView<T> dx, TensorView<T> dgamma,
              TensorView<T> dbeta) {
  constexpr std::string_view who = "layer_norm_backward";
  const Rows r = check_input(who, x.shape(), axes);
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  check_parameter(who, "gamma", gamma, r);
  check_statistics(who, r, mean, inv_std);
  detail::check_optional(who, "dx", dx, x.shape(), "the shape of x");
  check_parameter(who, "dgamma", dgamma, r);
  check_parameter(who, "dbeta", dbeta, r);
  const Backward<T> b{r, dy, x, gamma, mean, inv_std, dx};
  // Before dx, which may be dy.
  detail::row_parameter_gradients(r.rows, r.length, dy.data(), x.data(), mean.data(), inv_std.data(), dgamma, dbeta);
  if (detail::is_given(dx)) input_gradient(b);
}

template <class T>
NormResult<T> forward_new(TensorView<const T> x, std::int64_t axes, TensorView<const T> gamma, TensorView<const T> beta,
                          double epsilon) {
  const Shape statistics = check_input("layer_norm_forward", x.shape(), axes).before;
  NormResult<T> r{Tensor<T>::uninitialized(x.shape()), Tensor<T>(statistics), Tensor<T>(statistics)};
  forward<T>(x, axes, gamma, beta, epsilon, r.y, r.mean, r.inv_std);
  return r;
}

}  // namespace

void layer_norm_forward(TensorView<const float> x, std::int64_t axes, TensorView<const float> gamma,
                        TensorView<const float> beta, double epsilon, TensorView<float> y, TensorView<float> mean,
                        TensorView<float> inv_std) {
  forward(x, axes, gamma, beta, epsilon, y, mean, inv_std);
}
void layer_norm_forward(TensorView<const double> x, std::int64_t axes, TensorView<const double> gamma,
                        TensorView<const double> beta, double epsilon, TensorView<double> y, TensorView<double> mean,
                        TensorView<double> inv_std) {
  forward(x, axes, gamma, beta, epsilon, y, mean, inv_std);
}
NormResult<float> layer_norm_forward(TensorView<const float> x, std::int64_t axes, TensorView<const float> gamma,
                                     TensorView<const float> beta, double epsilon) {
  return forward_new(x, axes, gamma, beta, epsilon);
}
NormResult<double> layer_norm_forward(TensorView<const double> x, std::int64_t axes, TensorView<const double> gamma,
                                      TensorView<const double> beta, double epsilon) {
  return forward_new(x, axes, gamma, beta, epsilon);
}
void layer_norm_backward(TensorView<const float> dy, TensorView<const float> x, std::int64_t axes,
                         TensorView<const float> gamma, TensorView<const float> mean, TensorView<const float> inv_std,
                         TensorView<float> dx, TensorView<float> dgamma, TensorView<float> dbeta) {
  backward(dy, x, axes, gamma, mean, inv_std, dx, dgamma, dbeta);
}
void layer_norm_backward(TensorView<const double> dy, TensorView<const double> x, std::int64_t axes,
                         TensorView<const double> gamma, TensorView<const double> mean,
                         TensorView<const double> inv_std, TensorView<double> dx, TensorView<double> dgamma,
                         TensorView<double> dbeta) {
  backward(dy, x, axes, gamma, mean, inv_std, dx, dgamma, dbeta);
}

}  // namespace hubel
