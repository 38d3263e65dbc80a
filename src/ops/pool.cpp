// Pooling: its shapes and errors, threaded over images and rows (forward) or images (backward, where windows overlap).
#include "hubel/pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "simd/pool.hpp"

namespace hubel {

namespace {

constexpr std::string_view kInputAxes = "(m, h_prev, w_prev, c_prev)";

void check_pair(std::string_view who, std::string_view name, const std::array<std::int64_t, 2>& pair,
                std::string_view meaning) {
  if (pair[0] >= 1 && pair[1] >= 1) return;
  throw std::invalid_argument(fmt::format("{}: {} is ({}, {}) but both must be at least 1 ({} is {})", who, name,
                                          pair[0], pair[1], name, meaning));
}

// What both directions need to know.
struct Pooling {
  std::int64_t m, h_prev, w_prev, c, h_new, w_new;
  std::array<std::int64_t, 2> stride;
  simd::PoolWindows windows;  // of one output row

  Pooling(const Shape& A_prev, const Shape& out, const PoolOptions& o)
      : m(A_prev[0]),
        h_prev(A_prev[1]),
        w_prev(A_prev[2]),
        c(A_prev[3]),
        h_new(out[1]),
        w_new(out[2]),
        stride(o.stride),
        // With one window in a row the step to the next is never taken; it may be too large to multiply.
        windows{w_new > 1 ? o.stride[1] * c : 0,
                w_prev * c,
                static_cast<std::size_t>(o.kernel_shape[0]),
                static_cast<std::size_t>(o.kernel_shape[1]),
                static_cast<std::size_t>(w_new),
                static_cast<std::size_t>(c)} {}

  std::int64_t input_row(std::int64_t image, std::int64_t y) const {
    return (image * h_prev + (y > 0 ? y * stride[0] : 0)) * w_prev * c;
  }
  std::int64_t output_row(std::int64_t image, std::int64_t y) const { return (image * h_new + y) * w_new * c; }
  double work() const {
    return static_cast<double>(m * h_new * w_new * c) * static_cast<double>(windows.kh * windows.kw);
  }
};

template <class T>
void forward(TensorView<const T> A_prev, const PoolOptions& options, TensorView<T> out) {
  const Shape wanted = pool_output_shape(A_prev.shape(), options, "pool_forward");
  detail::check_shape("pool_forward", "out", out.shape(), wanted, "(m, h_new, w_new, c_prev)");
  if (out.size() == 0) return;
  const Pooling p(A_prev.shape(), wanted, options);
  detail::parallel_for(p.m * p.h_new, p.work(), [&](std::int64_t i) {
    const std::int64_t image = i / p.h_new, y = i % p.h_new;
    const T* from = A_prev.data() + p.input_row(image, y);
    T* to = out.data() + p.output_row(image, y);
    options.mode == PoolMode::max ? simd::max_pool_row(p.windows, from, to) : simd::avg_pool_row(p.windows, from, to);
  });
}

template <class T>
void backward(TensorView<const T> dA, TensorView<const T> A_prev, const PoolOptions& options, TensorView<T> dA_prev) {
  constexpr std::string_view who = "pool_backward";
  const Shape wanted = pool_output_shape(A_prev.shape(), options, who);
  detail::check_shape(who, "dA", dA.shape(), wanted, "(m, h_new, w_new, c_new), the shape of the output");
  detail::check_shape(who, "dA_prev", dA_prev.shape(), A_prev.shape(), "the shape of A_prev");
  const Pooling p(A_prev.shape(), wanted, options);
  const std::int64_t image_size = p.h_prev * p.w_prev * p.c;
  detail::parallel_for(p.m, 2 * p.work(), [&](std::int64_t image) {
    std::fill_n(dA_prev.data() + image * image_size, image_size, T(0));
    for (std::int64_t y = 0; y < p.h_new; ++y) {
      const std::int64_t row = p.input_row(image, y);
      const T* gradient = dA.data() + p.output_row(image, y);
      T* to = dA_prev.data() + row;
      if (options.mode == PoolMode::max) {
        simd::max_pool_row_backward(p.windows, A_prev.data() + row, gradient, to);
      } else {
        simd::avg_pool_row_backward(p.windows, gradient, to);
      }
    }
  });
}

template <class T>
Tensor<T> forward_new(TensorView<const T> A_prev, const PoolOptions& options) {
  auto out = Tensor<T>::uninitialized(pool_output_shape(A_prev.shape(), options, "pool_forward"));
  forward<T>(A_prev, options, out);
  return out;
}

template <class T>
Tensor<T> backward_new(TensorView<const T> dA, TensorView<const T> A_prev, const PoolOptions& options) {
  pool_output_shape(A_prev.shape(), options, "pool_backward");
  auto dA_prev = Tensor<T>::uninitialized(A_prev.shape());
  backward<T>(dA, A_prev, options, dA_prev);
  return dA_prev;
}

}  // namespace

std::string_view pool_mode_name(PoolMode mode) { return mode == PoolMode::max ? "max" : "avg"; }

PoolMode pool_mode_from_name(std::string_view name, std::string_view who) {
  if (name == "max") return PoolMode::max;
  if (name == "avg") return PoolMode::avg;
  throw std::invalid_argument(fmt::format("{}: mode is \"{}\" but must be \"max\" or \"avg\"", who, name));
}

Shape pool_output_shape(const Shape& A_prev, const PoolOptions& options, std::string_view who) {
  detail::check_rank(who, "A_prev", A_prev, 4, kInputAxes);
  check_pair(who, "kernel_shape", options.kernel_shape, "(kh, kw)");
  check_pair(who, "stride", options.stride, "(sh, sw)");
  std::int64_t extents[2];
  for (std::size_t axis : {0, 1}) {
    const std::int64_t extent = A_prev[axis + 1], kernel = options.kernel_shape[axis];
    if (kernel > extent) {
      throw std::invalid_argument(
          fmt::format("{}: kernel_shape is ({}, {}), larger than A_prev, which is {} high and {} wide (A_prev is {})",
                      who, options.kernel_shape[0], options.kernel_shape[1], A_prev[1], A_prev[2], kInputAxes));
    }
    extents[axis] = (extent - kernel) / options.stride[axis] + 1;
  }
  return {A_prev[0], extents[0], extents[1], A_prev[3]};
}

Tensor<float> pool_forward(TensorView<const float> A_prev, const PoolOptions& options) {
  return forward_new(A_prev, options);
}
Tensor<double> pool_forward(TensorView<const double> A_prev, const PoolOptions& options) {
  return forward_new(A_prev, options);
}
void pool_forward(TensorView<const float> A_prev, const PoolOptions& options, TensorView<float> out) {
  forward(A_prev, options, out);
}
void pool_forward(TensorView<const double> A_prev, const PoolOptions& options, TensorView<double> out) {
  forward(A_prev, options, out);
}

Tensor<float> pool_backward(TensorView<const float> dA, TensorView<const float> A_prev, const PoolOptions& options) {
  return backward_new(dA, A_prev, options);
}
Tensor<double> pool_backward(TensorView<const double> dA, TensorView<const double> A_prev, const PoolOptions& options) {
  return backward_new(dA, A_prev, options);
}
void pool_backward(TensorView<const float> dA, TensorView<const float> A_prev, const PoolOptions& options,
                   TensorView<float> dA_prev) {
  backward(dA, A_prev, options, dA_prev);
}
void pool_backward(TensorView<const double> dA, TensorView<const double> A_prev, const PoolOptions& options,
                   TensorView<double> dA_prev) {
  backward(dA, A_prev, options, dA_prev);
}

}  // namespace hubel
