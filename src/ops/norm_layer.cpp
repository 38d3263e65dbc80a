// Layer normalisation: rows that lie one behind another, each with statistics of its own. A long row is gone over in
// segments, whose moments and sums are added in order.
#include "ops/norm.hpp"
#include "simd/segments.hpp"

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
        fmt::format("{}: axes = {}, it must be from 1 to {} (x has shape {})", who, axes, most, x.to_string()));
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

// Calls f(row): some short rows are an item.
template <class F>
void for_each_row(const Rows& r, const F& f) {
  const std::int64_t step = std::max<std::int64_t>(1, 2 * kSegment / std::max<std::int64_t>(r.length, 1));
  detail::for_each_sample((r.rows + step - 1) / step, step * r.length, 10, [&](std::int64_t item) {
    for (std::int64_t row = item * step; row < std::min((item + 1) * step, r.rows); ++row) f(row);
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
  for_each_row(r, [&](std::int64_t row) {
    const T* from = x.data() + row * r.length;
    T* to = y.data() + row * r.length;
    const detail::Moments moments = row_moments(r, from);
    const double inverse = detail::inverse_deviation(moments.variance(), epsilon);
    const T centre = static_cast<T>(moments.mean);
    mean[row] = centre;
    inv_std[row] = static_cast<T>(inverse);
    // What the centre has lost of the mean comes back in the shift.
    const T shift = static_cast<T>((static_cast<double>(centre) - moments.mean) * inverse);
    for_each_segment(r, [&](std::int64_t, std::int64_t at, std::size_t n) {
      simd::segment_affine<T>(from + at, n, {centre, inv_std[row], shift, data_at(gamma, at), data_at(beta, at)},
                              to + at);
    });
  });
}

template <class T>
struct Backward {
  Rows r;
  TensorView<const T> dy, x, gamma, mean, inv_std;
  TensorView<T> dx, dgamma, dbeta;
};

// With g = dy gamma and x^ = (x - mean) inv_std, dx = inv_std (g - mean(g) - x^ mean(g x^)).
template <class T>
void row_backward(const Backward<T>& b, std::int64_t row) {
  const Rows& r = b.r;
  const T *dy = b.dy.data() + row * r.length, *x = b.x.data() + row * r.length;
  const T centre = b.mean[row];
  auto* parts = detail::scratch<simd::SegmentSums>(detail::Scratch::moments, static_cast<std::size_t>(r.segments()));
  for_each_segment(r, [&](std::int64_t i, std::int64_t at, std::size_t n) {
    parts[i] = simd::segment_sums(dy + at, x + at, data_at(b.gamma, at), centre, n);
  });
  double sum = 0, product = 0;
  for (std::int64_t i = 0; i < r.segments(); ++i) {
    sum += parts[i].gradient;
    product += parts[i].product;
  }
  const double inverse = b.inv_std[row], share = inverse / static_cast<double>(std::max<std::int64_t>(r.length, 1));
  const T scale = static_cast<T>(-share * inverse * inverse * product), shift = static_cast<T>(-share * sum);
  T* dx = b.dx.data() + row * r.length;
  for_each_segment(r, [&](std::int64_t, std::int64_t at, std::size_t n) {
    simd::segment_backward<T>(dy + at, x + at, b.inv_std[row], {centre, scale, shift, data_at(b.gamma, at), nullptr}, n,
                              dx + at);
  });
}

// dgamma = the sum over the rows of dy x^, dbeta = that of dy. Read before dx is written, which may be dy.
template <class T>
void parameter_gradients(const Backward<T>& b) {
  const detail::Columns k(b.r.rows, b.r.length, detail::Columns::Fold::never);
  double* sums = detail::scratch<double>(detail::Scratch::moments, static_cast<std::size_t>(2 * b.r.length));
  double* products = sums + b.r.length;
  const T *dy = b.dy.data(), *x = b.x.data();
  detail::sum_rows(k, 6, sums, products,
                   [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t column, double* s, double* p) {
                     const std::int64_t row = (at - column) / b.r.length;
                     simd::column_row_products(range, dy + at, x + at, b.mean.data() + row, b.inv_std.data() + row, s,
                                               p);
                   });
  for (std::int64_t i = 0; i < b.r.length; ++i) {
    if (detail::is_given(b.dgamma)) b.dgamma[i] = static_cast<T>(products[i]);
    if (detail::is_given(b.dbeta)) b.dbeta[i] = static_cast<T>(sums[i]);
  }
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
  const Backward<T> b{r, dy, x, gamma, mean, inv_std, dx, dgamma, dbeta};
  if (detail::is_given(dgamma) || detail::is_given(dbeta)) parameter_gradients(b);
  if (detail::is_given(dx)) for_each_row(r, [&](std::int64_t row) { row_backward(b, row); });
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
