// Group normalisation: a sample is a matrix of (pixels, channels), whose channels' sums are added up to those of
// groups.
#include "ops/norm.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

struct Groups {
  std::int64_t samples, pixels, channels, groups;

  std::int64_t per_group() const { return channels / groups; }
  std::int64_t sample_size() const { return pixels * channels; }
  // Values normalised together.
  double values() const { return static_cast<double>(std::max<std::int64_t>(pixels * per_group(), 1)); }
};

Groups check_input(std::string_view who, const Shape& x, std::int64_t groups) {
  detail::check_least_rank(who, "x", x, 2, "(m, ..., c)");
  const std::int64_t c = x.back();
  if (groups < 1 || c % groups != 0 || c < groups) {
    throw std::invalid_argument(detail::formatted("{}: groups = {}, it must be a divisor of the {} of x, shape {}", who,
                                                  groups, detail::counted(c, "channel"), x.to_string()));
  }
  std::int64_t pixels = 1;
  for (std::size_t axis = 1; axis + 1 < x.rank(); ++axis) pixels *= x[axis];
  return {x[0], pixels, c, groups};
}

template <class T>
void check_channels(std::string_view who, std::string_view name, TensorView<T> view, const Groups& g) {
  detail::check_optional(who, name, view, Shape{g.channels}, "(c,), the channels of x");
}

template <class T>
void check_statistics(std::string_view who, const Groups& g, TensorView<T> mean, TensorView<T> inv_std) {
  detail::check_shape(who, "mean", mean.shape(), Shape{g.samples, g.groups}, "(m, groups)");
  detail::check_shape(who, "inv_std", inv_std.shape(), Shape{g.samples, g.groups}, "(m, groups)");
}

template <class T>
void forward(TensorView<const T> x, std::int64_t groups, TensorView<const T> gamma, TensorView<const T> beta,
             double epsilon, TensorView<T> y, TensorView<T> mean, TensorView<T> inv_std) {
  constexpr std::string_view who = "group_norm_forward";
  const Groups g = check_input(who, x.shape(), groups);
  check_channels(who, "gamma", gamma, g);
  check_channels(who, "beta", beta, g);
  detail::check_epsilon(who, epsilon);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  check_statistics(who, g, mean, inv_std);
  const detail::Columns k(g.pixels, g.channels);
  detail::for_each_sample(g.samples, k.size(), 10, [&](std::int64_t sample) {
    const T* from = x.data() + sample * k.size();
    auto* moments = detail::scratch<detail::Moments>(detail::Scratch::moments, static_cast<std::size_t>(g.channels));
    detail::channel_moments(k, from, moments);
    detail::ChannelNumbers<T> numbers(k);
    for (std::int64_t group = 0; group < g.groups; ++group) {
      const std::int64_t begin = group * g.per_group(), end = begin + g.per_group();
      detail::Moments all;
      for (std::int64_t c = begin; c < end; ++c) all.add(moments[c]);
      const double inverse = detail::inverse_deviation(all.variance(), epsilon);
      mean[sample * g.groups + group] = static_cast<T>(all.mean);
      inv_std[sample * g.groups + group] = static_cast<T>(inverse);
      for (std::int64_t c = begin; c < end; ++c) {
        numbers.set(c, all.mean, detail::value_or(gamma, c, 1) * inverse, detail::value_or(beta, c, 0));
        numbers.set_factor(c, 0);
      }
    }
    numbers.widen();
    detail::normalise(k, from, numbers.affine(), Activation::identity, y.data() + sample * k.size());
  });
}

template <class T>
struct Backward {
  Groups g;
  TensorView<const T> dy, x, gamma, mean, inv_std;
  TensorView<T> dx, dgamma, dbeta;
};

// A sample's gradients: sums[c] = the sum of dy over the pixels, products[c] = that of dy (x - mean). With n values in
// a group and x^ = (x - mean) inv_std, dx = inv_std (dy gamma - sum(dy gamma) / n - x^ sum(dy gamma x^) / n).
template <class T>
void sample_backward(const detail::Columns& k, const Backward<T>& b, std::int64_t sample, double* sums) {
  const Groups& g = b.g;
  double* products = sums + g.channels;
  const std::int64_t offset = sample * k.size();
  const T *mean = b.mean.data() + sample * g.groups, *inv_std = b.inv_std.data() + sample * g.groups;
  const T *x = b.x.data() + offset, *dy = b.dy.data() + offset;
  detail::ChannelNumbers<T> numbers(k);
  for (std::int64_t c = 0; c < g.channels; ++c) {
    numbers.set(c, mean[c / g.per_group()], 0, 0);
    numbers.set_factor(c, detail::value_or(b.gamma, c, 1) * inv_std[c / g.per_group()]);
  }
  numbers.widen();
  const T* centre = numbers.centre();
  detail::sum_rows(k, 6, sums, products,
                   [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t column, double* s, double* p) {
                     simd::column_products<T>(range, Activation::identity, dy + at, x + at, nullptr, centre + column, s,
                                              p);
                   });
  if (!detail::is_given(b.dx)) return;
  for (std::int64_t group = 0; group < g.groups; ++group) {
    const std::int64_t begin = group * g.per_group(), end = begin + g.per_group();
    double sum = 0, product = 0;
    for (std::int64_t c = begin; c < end; ++c) {
      sum += detail::value_or(b.gamma, c, 1) * sums[c];
      product += detail::value_or(b.gamma, c, 1) * products[c];
    }
    const double inverse = inv_std[group], share = inverse / g.values();
    for (std::int64_t c = begin; c < end; ++c) {
      numbers.set(c, mean[group], -share * inverse * inverse * product, -share * sum);
    }
  }
  numbers.widen();
  T* dx = b.dx.data() + offset;
  k.for_each_piece(6, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    simd::affine_rows_backward<T>(rows, columns, Activation::identity, dy + at, x + at, nullptr, numbers.factor(),
                                  numbers.affine(), dx + at);
  });
}

template <class T>
void backward(const Backward<T>& b) {
  const Groups& g = b.g;
  const detail::Columns k(g.pixels, g.channels);
  const std::int64_t own = 2 * g.channels;
  double* sums = detail::scratch<double>(detail::Scratch::samples, static_cast<std::size_t>(g.samples * own));
  detail::for_each_sample(g.samples, k.size(), 12,
                          [&](std::int64_t sample) { sample_backward(k, b, sample, sums + sample * own); });
  for (std::int64_t c = 0; c < g.channels; ++c) {
    double dgamma = 0, dbeta = 0;
    for (std::int64_t i = 0; i < g.samples; ++i) {
      dbeta += sums[i * own + c];
      dgamma += sums[i * own + g.channels + c] * b.inv_std[i * g.groups + c / g.per_group()];
    }
    if (detail::is_given(b.dgamma)) b.dgamma[c] = static_cast<T>(dgamma);
    if (detail::is_given(b.dbeta)) b.dbeta[c] = static_cast<T>(dbeta);
  }
}

template <class T>
void checked_backward(TensorView<const T> dy, TensorView<const T> x, std::int64_t groups, TensorView<const T> gamma,
                      TensorView<const T> mean, TensorView<const T> inv_std, TensorView<T> dx, TensorView<T> dgamma,
                      TensorView<T> dbeta) {
  constexpr std::string_view who = "group_norm_backward";
  const Groups g = check_input(who, x.shape(), groups);
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  check_channels(who, "gamma", gamma, g);
  check_statistics(who, g, mean, inv_std);
  detail::check_optional(who, "dx", dx, x.shape(), "the shape of x");
  check_channels(who, "dgamma", dgamma, g);
  check_channels(who, "dbeta", dbeta, g);
  backward<T>({g, dy, x, gamma, mean, inv_std, dx, dgamma, dbeta});
}

template <class T>
NormResult<T> forward_new(TensorView<const T> x, std::int64_t groups, TensorView<const T> gamma,
                          TensorView<const T> beta, double epsilon) {
  const Groups g = check_input("group_norm_forward", x.shape(), groups);
  const Shape statistics{g.samples, g.groups};
  NormResult<T> r{Tensor<T>::uninitialized(x.shape()), Tensor<T>(statistics), Tensor<T>(statistics)};
  forward<T>(x, groups, gamma, beta, epsilon, r.y, r.mean, r.inv_std);
  return r;
}

}  // namespace

void group_norm_forward(TensorView<const float> x, std::int64_t groups, TensorView<const float> gamma,
                        TensorView<const float> beta, double epsilon, TensorView<float> y, TensorView<float> mean,
                        TensorView<float> inv_std) {
  forward(x, groups, gamma, beta, epsilon, y, mean, inv_std);
}
void group_norm_forward(TensorView<const double> x, std::int64_t groups, TensorView<const double> gamma,
                        TensorView<const double> beta, double epsilon, TensorView<double> y, TensorView<double> mean,
                        TensorView<double> inv_std) {
  forward(x, groups, gamma, beta, epsilon, y, mean, inv_std);
}
NormResult<float> group_norm_forward(TensorView<const float> x, std::int64_t groups, TensorView<const float> gamma,
                                     TensorView<const float> beta, double epsilon) {
  return forward_new(x, groups, gamma, beta, epsilon);
}
NormResult<double> group_norm_forward(TensorView<const double> x, std::int64_t groups, TensorView<const double> gamma,
                                      TensorView<const double> beta, double epsilon) {
  return forward_new(x, groups, gamma, beta, epsilon);
}
void group_norm_backward(TensorView<const float> dy, TensorView<const float> x, std::int64_t groups,
                         TensorView<const float> gamma, TensorView<const float> mean, TensorView<const float> inv_std,
                         TensorView<float> dx, TensorView<float> dgamma, TensorView<float> dbeta) {
  checked_backward(dy, x, groups, gamma, mean, inv_std, dx, dgamma, dbeta);
}
void group_norm_backward(TensorView<const double> dy, TensorView<const double> x, std::int64_t groups,
                         TensorView<const double> gamma, TensorView<const double> mean,
                         TensorView<const double> inv_std, TensorView<double> dx, TensorView<double> dgamma,
                         TensorView<double> dbeta) {
  checked_backward(dy, x, groups, gamma, mean, inv_std, dx, dgamma, dbeta);
}

}  // namespace hubel
