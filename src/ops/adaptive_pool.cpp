// Adaptive pooling: its shapes and errors, and where its windows lie.
#include "hubel/adaptive_pool.hpp"

#include "ops/checks.hpp"
#include "ops/pool_rows.hpp"

namespace hubel {

namespace {

detail::PoolRows windows_of(const Shape& x, const Shape& y, PoolMode mode) {
  // Both extents are below 2^31, so their products fit.
  const auto window = [&](std::size_t axis) {
    return [extent = x[axis], out = y[axis]](std::int64_t i) {
      const std::int64_t begin = i * extent / out, end = ((i + 1) * extent + out - 1) / out;
      return detail::AxisWindow{begin, end, end - begin};
    };
  };
  return detail::pool_rows(x, y, mode, window(1), window(2));
}

template <class T>
void forward(TensorView<const T> x, const std::array<std::int64_t, 2>& size, PoolMode mode, TensorView<T> y) {
  constexpr std::string_view who = "adaptive_pool_forward";
  detail::check_shape(who, "y", y.shape(), adaptive_pool_output_shape(x.shape(), size, who), "(m, h_out, w_out, c)");
  if (y.size() == 0) return;
  detail::pool_rows_forward(windows_of(x.shape(), y.shape(), mode), x.data(), y.data());
}

template <class T>
void backward(TensorView<const T> dy, TensorView<const T> x, PoolMode mode, TensorView<T> dx) {
  constexpr std::string_view who = "adaptive_pool_backward";
  detail::check_rank(who, "dy", dy.shape(), 4, "(m, h_out, w_out, c)");
  const Shape wanted = adaptive_pool_output_shape(x.shape(), {dy.shape()[1], dy.shape()[2]}, who);
  detail::check_shape(who, "dy", dy.shape(), wanted, "(m, h_out, w_out, c) with m and c of x");
  detail::check_shape(who, "dx", dx.shape(), x.shape(), "the shape of x");
  if (dx.size() == 0) return;
  detail::pool_rows_backward(windows_of(x.shape(), dy.shape(), mode), dy.data(), x.data(), dx.data());
}

template <class T>
Tensor<T> forward_new(TensorView<const T> x, const std::array<std::int64_t, 2>& size, PoolMode mode) {
  auto y = Tensor<T>::uninitialized(adaptive_pool_output_shape(x.shape(), size, "adaptive_pool_forward"));
  forward<T>(x, size, mode, y);
  return y;
}

template <class T>
Tensor<T> backward_new(TensorView<const T> dy, TensorView<const T> x, PoolMode mode) {
  auto dx = Tensor<T>::uninitialized(x.shape());
  backward<T>(dy, x, mode, dx);
  return dx;
}

}  // namespace

Shape adaptive_pool_output_shape(const Shape& x, const std::array<std::int64_t, 2>& size, std::string_view who) {
  detail::check_rank(who, "x", x, 4, "(m, h, w, c)");
  detail::check_pair(who, "the image of x", {x[1], x[2]}, detail::kMaxOption, "(h, w)");
  detail::check_pair(who, "size", size, detail::kMaxOption, "(h_out, w_out)");
  return {x[0], size[0], size[1], x[3]};
}

Tensor<float> adaptive_pool_forward(TensorView<const float> x, const std::array<std::int64_t, 2>& size, PoolMode mode) {
  return forward_new(x, size, mode);
}
Tensor<double> adaptive_pool_forward(TensorView<const double> x, const std::array<std::int64_t, 2>& size,
                                     PoolMode mode) {
  return forward_new(x, size, mode);
}
void adaptive_pool_forward(TensorView<const float> x, const std::array<std::int64_t, 2>& size, PoolMode mode,
                           TensorView<float> y) {
  forward(x, size, mode, y);
}
void adaptive_pool_forward(TensorView<const double> x, const std::array<std::int64_t, 2>& size, PoolMode mode,
                           TensorView<double> y) {
  forward(x, size, mode, y);
}

Tensor<float> adaptive_pool_backward(TensorView<const float> dy, TensorView<const float> x, PoolMode mode) {
  return backward_new(dy, x, mode);
}
Tensor<double> adaptive_pool_backward(TensorView<const double> dy, TensorView<const double> x, PoolMode mode) {
  return backward_new(dy, x, mode);
}
void adaptive_pool_backward(TensorView<const float> dy, TensorView<const float> x, PoolMode mode,
                            TensorView<float> dx) {
  backward(dy, x, mode, dx);
}
void adaptive_pool_backward(TensorView<const double> dy, TensorView<const double> x, PoolMode mode,
                            TensorView<double> dx) {
  backward(dy, x, mode, dx);
}

}  // namespace hubel
