// Batch normalisation. Forward: a pass for the moments, a pass that normalises. Backward: a pass for the two sums that
// all gradients are made of, a pass for dx.
#include "ops/derivative.hpp"
#include "ops/norm.hpp"

namespace hubel {

namespace {

constexpr std::string_view kAxes = "(m, ..., c)", kChannels = "(c,), the channels of x";

template <class T>
detail::Columns check_input(std::string_view who, TensorView<const T> x, TensorView<const T> gamma,
                            TensorView<const T> beta) {
  detail::check_least_rank(who, "x", x.shape(), 2, kAxes);
  const std::int64_t c = x.shape().back();
  detail::check_optional(who, "gamma", gamma, Shape{c}, kChannels);
  detail::check_optional(who, "beta", beta, Shape{c}, kChannels);
  return {c == 0 ? 0 : x.size() / c, c};
}

template <class T>
void forward(TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> beta, double epsilon,
             Activation activation, TensorView<T> y, TensorView<T> mean, TensorView<T> inv_std,
             TensorView<T> variance) {
  constexpr std::string_view who = "batch_norm_forward";
  const detail::Columns k = check_input(who, x, gamma, beta);
  const Shape channels{k.channels()};
  detail::check_epsilon(who, epsilon);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  detail::check_shape(who, "mean", mean.shape(), channels, kChannels);
  detail::check_shape(who, "inv_std", inv_std.shape(), channels, kChannels);
  detail::check_optional(who, "variance", variance, channels, kChannels);
  auto* moments = detail::scratch<detail::Moments>(detail::Scratch::moments, static_cast<std::size_t>(k.channels()));
  detail::channel_moments(k, x.data(), moments);
  detail::ChannelNumbers<T> numbers(k);
  for (std::int64_t c = 0; c < k.channels(); ++c) {
    const double inverse = detail::inverse_deviation(moments[c].variance(), epsilon);
    mean[c] = static_cast<T>(moments[c].mean);
    inv_std[c] = static_cast<T>(inverse);
    if (detail::is_given(variance)) variance[c] = static_cast<T>(moments[c].variance());
    numbers.set(c, moments[c].mean, detail::value_or(gamma, c, 1) * inverse, detail::value_or(beta, c, 0));
  }
  numbers.widen();
  detail::normalise(k, x.data(), numbers.affine(), activation, y.data());
}

template <class T>
void check_statistics(std::string_view who, const detail::Columns& k, TensorView<const T> mean,
                      TensorView<const T> variance, double epsilon) {
  detail::check_shape(who, "mean", mean.shape(), Shape{k.channels()}, kChannels);
  detail::check_shape(who, "variance", variance.shape(), Shape{k.channels()}, kChannels);
  detail::check_epsilon(who, epsilon);
}

template <class T>
void inference(TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> beta, TensorView<const T> mean,
               TensorView<const T> variance, double epsilon, Activation activation, TensorView<T> y) {
  constexpr std::string_view who = "batch_norm_inference";
  const detail::Columns k = check_input(who, x, gamma, beta);
  check_statistics(who, k, mean, variance, epsilon);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  detail::ChannelNumbers<T> numbers(k);
  for (std::int64_t c = 0; c < k.channels(); ++c) {
    const double inverse = detail::inverse_deviation(variance[c], epsilon);
    numbers.set(c, mean[c], detail::value_or(gamma, c, 1) * inverse, detail::value_or(beta, c, 0));
  }
  numbers.widen();
  detail::normalise(k, x.data(), numbers.affine(), activation, y.data());
}

// What both backward functions are given.
template <class T>
struct Backward {
  std::string_view who;
  TensorView<const T> dy, x, y, gamma, beta, mean;
  Activation activation;
  TensorView<T> dx, dgamma, dbeta;

  detail::Columns check() const {
    const detail::Columns k = check_input(who, x, gamma, beta);
    detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
    detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
    detail::check_shape(who, "mean", mean.shape(), Shape{k.channels()}, kChannels);
    detail::check_optional(who, "dx", dx, x.shape(), "the shape of x");
    detail::check_optional(who, "dgamma", dgamma, Shape{k.channels()}, kChannels);
    detail::check_optional(who, "dbeta", dbeta, Shape{k.channels()}, kChannels);
    return k;
  }
};

// dz = dy through an activation that is not fused, piece by piece; where its derivative asks for the pre-activation,
// that is computed again. `numbers` are forward's.
template <class T>
void through_activation(const detail::Columns& k, const Backward<T>& b, const simd::ColumnAffine<T>& numbers, T* dz) {
  const bool again = detail::derivative_needs_input(b.activation);
  k.for_each_piece(20, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    const Shape shape{static_cast<std::int64_t>(rows * columns) / k.channels(), k.channels()};
    const TensorView<const T> y(b.y.data() + at, shape);
    TensorView<const T> z = y;
    if (again) {
      T* computed = detail::scratch<T>(detail::Scratch::blocks, rows * columns);
      simd::affine_rows(rows, columns, Activation::identity, b.x.data() + at, numbers, computed);
      z = {computed, shape};
    }
    activation_backward(TensorView<const T>(b.dy.data() + at, shape), z, y, b.activation,
                        TensorView<T>(dz + at, shape));
  });
}

// The gradients from dz, which is b.dy through `activation`, a fused one. sums[c] = the sum of dz, products[c] = that
// of dz (x - mean). The mean and the variance of the batch depend on x: with n rows and x^ = (x - mean) inv_std,
// dx = gamma inv_std (dz - sum(dz) / n - x^ sum(dz x^) / n).
template <class T, class InvStd>
void gradients(const detail::Columns& k, const Backward<T>& b, const T* dz, Activation activation, bool frozen,
               const InvStd& inv_std, detail::ChannelNumbers<T>& numbers) {
  double* sums = detail::scratch<double>(detail::Scratch::moments, static_cast<std::size_t>(2 * k.channels()));
  double* products = sums + k.channels();
  const T *x = b.x.data(), *y = b.y.data(), *centre = numbers.centre();
  if (!frozen || detail::is_given(b.dgamma) || detail::is_given(b.dbeta)) {
    detail::sum_rows(k, 6, sums, products,
                     [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t column, double* s, double* p) {
                       simd::column_products(range, activation, dz + at, x + at, y + at, centre + column, s, p);
                     });
  }
  const double n = static_cast<double>(std::max<std::int64_t>(k.rows(), 1));
  for (std::int64_t c = 0; c < k.channels(); ++c) {
    const double inverse = inv_std(c), factor = detail::value_or(b.gamma, c, 1) * inverse;
    if (detail::is_given(b.dgamma)) b.dgamma[c] = static_cast<T>(products[c] * inverse);
    if (detail::is_given(b.dbeta)) b.dbeta[c] = static_cast<T>(sums[c]);
    numbers.set_factor(c, factor);
    if (frozen) continue;
    numbers.set(c, b.mean[c], -factor * inverse * inverse * products[c] / n, -factor * sums[c] / n);
  }
  if (!detail::is_given(b.dx)) return;
  numbers.widen();
  k.for_each_piece(6, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    simd::affine_rows_backward(rows, columns, activation, dz + at, frozen ? nullptr : x + at, y + at, numbers.factor(),
                               numbers.affine(), b.dx.data() + at);
  });
}

// Without dx there is no place for the gradient behind the activation but scratch.
template <class T, class InvStd>
void backward(const detail::Columns& k, const Backward<T>& b, bool frozen, const InvStd& inv_std) {
  detail::ChannelNumbers<T> numbers(k);
  for (std::int64_t c = 0; c < k.channels(); ++c) {
    numbers.set(c, b.mean[c], detail::value_or(b.gamma, c, 1) * inv_std(c), detail::value_or(b.beta, c, 0));
    numbers.set_factor(c, 0);
  }
  numbers.widen();
  if (simd::is_fused(b.activation)) return gradients(k, b, b.dy.data(), b.activation, frozen, inv_std, numbers);
  T* dz = detail::is_given(b.dx) ? b.dx.data()
                                 : detail::scratch<T>(detail::Scratch::samples, static_cast<std::size_t>(k.size()));
  through_activation(k, b, numbers.affine(), dz);
  gradients(k, b, static_cast<const T*>(dz), Activation::identity, frozen, inv_std, numbers);
}

template <class T>
void training_backward(const Backward<T>& b, TensorView<const T> inv_std) {
  const detail::Columns k = b.check();
  detail::check_shape(b.who, "inv_std", inv_std.shape(), Shape{k.channels()}, kChannels);
  backward(k, b, false, [&](std::int64_t c) { return static_cast<double>(inv_std[c]); });
}

template <class T>
void inference_backward(const Backward<T>& b, TensorView<const T> variance, double epsilon) {
  const detail::Columns k = b.check();
  check_statistics(b.who, k, b.mean, variance, epsilon);
  backward(k, b, true, [&](std::int64_t c) { return detail::inverse_deviation(variance[c], epsilon); });
}

template <class T>
BatchNormResult<T> forward_new(TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> beta,
                               double epsilon, Activation activation) {
  const Shape channels{check_input("batch_norm_forward", x, gamma, beta).channels()};
  BatchNormResult<T> r{Tensor<T>::uninitialized(x.shape()), Tensor<T>(channels), Tensor<T>(channels),
                       Tensor<T>(channels)};
  forward<T>(x, gamma, beta, epsilon, activation, r.y, r.mean, r.inv_std, r.variance);
  return r;
}

template <class T>
Tensor<T> inference_new(TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> beta,
                        TensorView<const T> mean, TensorView<const T> variance, double epsilon, Activation activation) {
  auto y = Tensor<T>::uninitialized(x.shape());
  inference<T>(x, gamma, beta, mean, variance, epsilon, activation, y);
  return y;
}

}  // namespace

void batch_norm_forward(TensorView<const float> x, TensorView<const float> gamma, TensorView<const float> beta,
                        double epsilon, Activation activation, TensorView<float> y, TensorView<float> mean,
                        TensorView<float> inv_std, TensorView<float> variance) {
  forward(x, gamma, beta, epsilon, activation, y, mean, inv_std, variance);
}
void batch_norm_forward(TensorView<const double> x, TensorView<const double> gamma, TensorView<const double> beta,
                        double epsilon, Activation activation, TensorView<double> y, TensorView<double> mean,
                        TensorView<double> inv_std, TensorView<double> variance) {
  forward(x, gamma, beta, epsilon, activation, y, mean, inv_std, variance);
}
BatchNormResult<float> batch_norm_forward(TensorView<const float> x, TensorView<const float> gamma,
                                          TensorView<const float> beta, double epsilon, Activation activation) {
  return forward_new(x, gamma, beta, epsilon, activation);
}
BatchNormResult<double> batch_norm_forward(TensorView<const double> x, TensorView<const double> gamma,
                                           TensorView<const double> beta, double epsilon, Activation activation) {
  return forward_new(x, gamma, beta, epsilon, activation);
}
void batch_norm_inference(TensorView<const float> x, TensorView<const float> gamma, TensorView<const float> beta,
                          TensorView<const float> mean, TensorView<const float> variance, double epsilon,
                          Activation activation, TensorView<float> y) {
  inference(x, gamma, beta, mean, variance, epsilon, activation, y);
}
void batch_norm_inference(TensorView<const double> x, TensorView<const double> gamma, TensorView<const double> beta,
                          TensorView<const double> mean, TensorView<const double> variance, double epsilon,
                          Activation activation, TensorView<double> y) {
  inference(x, gamma, beta, mean, variance, epsilon, activation, y);
}
Tensor<float> batch_norm_inference(TensorView<const float> x, TensorView<const float> gamma,
                                   TensorView<const float> beta, TensorView<const float> mean,
                                   TensorView<const float> variance, double epsilon, Activation activation) {
  return inference_new(x, gamma, beta, mean, variance, epsilon, activation);
}
Tensor<double> batch_norm_inference(TensorView<const double> x, TensorView<const double> gamma,
                                    TensorView<const double> beta, TensorView<const double> mean,
                                    TensorView<const double> variance, double epsilon, Activation activation) {
  return inference_new(x, gamma, beta, mean, variance, epsilon, activation);
}
void batch_norm_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> y,
                         TensorView<const float> gamma, TensorView<const float> beta, TensorView<const float> mean,
                         TensorView<const float> inv_std, Activation activation, TensorView<float> dx,
                         TensorView<float> dgamma, TensorView<float> dbeta) {
  training_backward<float>({"batch_norm_backward", dy, x, y, gamma, beta, mean, activation, dx, dgamma, dbeta},
                           inv_std);
}
void batch_norm_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> y,
                         TensorView<const double> gamma, TensorView<const double> beta, TensorView<const double> mean,
                         TensorView<const double> inv_std, Activation activation, TensorView<double> dx,
                         TensorView<double> dgamma, TensorView<double> dbeta) {
  training_backward<double>({"batch_norm_backward", dy, x, y, gamma, beta, mean, activation, dx, dgamma, dbeta},
                            inv_std);
}
void batch_norm_inference_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> y,
                                   TensorView<const float> gamma, TensorView<const float> beta,
                                   TensorView<const float> mean, TensorView<const float> variance, double epsilon,
                                   Activation activation, TensorView<float> dx, TensorView<float> dgamma,
                                   TensorView<float> dbeta) {
  inference_backward<float>(
      {"batch_norm_inference_backward", dy, x, y, gamma, beta, mean, activation, dx, dgamma, dbeta}, variance, epsilon);
}
void batch_norm_inference_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> y,
                                   TensorView<const double> gamma, TensorView<const double> beta,
                                   TensorView<const double> mean, TensorView<const double> variance, double epsilon,
                                   Activation activation, TensorView<double> dx, TensorView<double> dgamma,
                                   TensorView<double> dbeta) {
  inference_backward<double>(
      {"batch_norm_inference_backward", dy, x, y, gamma, beta, mean, activation, dx, dgamma, dbeta}, variance, epsilon);
}

}  // namespace hubel
