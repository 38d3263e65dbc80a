// Pooling: its shapes and errors, and where its windows lie.
#include "hubel/pool.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/pool_rows.hpp"
#include "ops/pool_words.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kInputAxes = "(m, h_prev, w_prev, c_prev)";

// One axis: its kernel and stride, the padding, and the output's extent (below 1 where the kernel does not fit).
struct PoolAxis {
  std::int64_t extent, kernel, stride, before, after, out;

  detail::AxisWindow window(std::int64_t i, bool count_include_pad) const {
    // A stride past the image is never taken, so that no product overflows.
    const std::int64_t begin = (i > 0 ? i * stride : 0) - before, end = std::min(begin + kernel, extent + after);
    const std::int64_t first = std::max<std::int64_t>(begin, 0), past = std::min(end, extent);
    return {first, past, count_include_pad ? end - begin : past - first};
  }
};

PoolAxis resolve_axis(const Shape& A_prev, const PoolOptions& o, std::size_t axis) {
  const Padding& p = o.padding;
  PoolAxis a{A_prev[axis + 1], o.kernel_shape[axis], o.stride[axis], 0, 0, 0};
  if (p.kind == Padding::Kind::same) {
    a.out = a.extent / a.stride + (a.extent % a.stride != 0);
    const std::int64_t reach = a.out > 0 ? (a.out - 1) * a.stride - a.extent + a.kernel : 0;
    a.before = std::max<std::int64_t>(reach, 0) / 2;
    a.after = std::max<std::int64_t>(reach, 0) - a.before;
    return a;
  }
  if (p.kind == Padding::Kind::explicit_sides) {
    a.before = axis == 0 ? p.top : p.left;
    a.after = axis == 0 ? p.bottom : p.right;
  }
  if (a.extent == 0) return a;
  const std::int64_t span = a.before + a.extent + a.after - a.kernel;
  // Division rounds towards zero: in ceil_mode a kernel that is too large by less than a stride makes one window.
  const bool rounds_up = o.ceil_mode && span > 0 && span % a.stride != 0;
  if (span >= 0 || o.ceil_mode) a.out = span / a.stride + 1 + (rounds_up ? 1 : 0);
  if (a.out > 1 && (a.out - 1) * a.stride >= a.extent + a.before) --a.out;
  return a;
}

void check_padding(std::string_view who, const PoolOptions& o) {
  const Padding& p = o.padding;
  if (p.kind != Padding::Kind::explicit_sides) return;
  detail::check_sides(who, "padding", {p.top, p.bottom, p.left, p.right});
  const auto [kh, kw] = o.kernel_shape;
  if (std::max(p.top, p.bottom) < kh && std::max(p.left, p.right) < kw) return;
  throw std::invalid_argument(detail::formatted(
      "{}: padding is (({}, {}), ({}, {})) but each side must be smaller than the kernel, which is ({}, "
      "{}), so that every window sees the image (padding is ((top, bottom), (left, right)))",
      who, p.top, p.bottom, p.left, p.right, kh, kw));
}

void check_fits(std::string_view who, const detail::PoolWords& words, const PoolOptions& o, const PoolAxis& rows,
                const PoolAxis& columns) {
  if (o.padding.kind == Padding::Kind::same || (rows.out >= 1 && columns.out >= 1)) return;
  const Padding& p = o.padding;
  const std::string padded =
      p.kind == Padding::Kind::valid
          ? ""
          : detail::formatted(" without its padding of (({}, {}), ({}, {}))", p.top, p.bottom, p.left, p.right);
  throw std::invalid_argument(detail::formatted("{}: {} is ({}, {}), larger than {}, which is {} high and {} wide{}",
                                                who, words.kernel, o.kernel_shape[0], o.kernel_shape[1], words.input,
                                                rows.extent, columns.extent, padded));
}

// The windows, whose shapes pool_output_shape has checked; they last until the thread's next pooling.
detail::PoolRows windows_of(const Shape& A_prev, const Shape& out, const PoolOptions& o) {
  const PoolAxis rows = resolve_axis(A_prev, o, 0), columns = resolve_axis(A_prev, o, 1);
  return detail::pool_rows(
      A_prev, out, o.mode, [&](std::int64_t y) { return rows.window(y, o.count_include_pad); },
      [&](std::int64_t x) { return columns.window(x, o.count_include_pad); });
}

template <class T>
void forward(TensorView<const T> A_prev, const PoolOptions& options, TensorView<T> out) {
  const Shape wanted = pool_output_shape(A_prev.shape(), options, "pool_forward");
  detail::check_shape("pool_forward", "out", out.shape(), wanted, "(m, h_new, w_new, c_prev)");
  if (out.size() == 0) return;
  detail::pool_rows_forward(windows_of(A_prev.shape(), wanted, options), A_prev.data(), out.data());
}

template <class T>
void backward(TensorView<const T> dA, TensorView<const T> A_prev, const PoolOptions& options, TensorView<T> dA_prev) {
  constexpr std::string_view who = "pool_backward";
  const Shape wanted = pool_output_shape(A_prev.shape(), options, who);
  detail::check_shape(who, "dA", dA.shape(), wanted, "(m, h_new, w_new, c_new), the shape of the output");
  detail::check_shape(who, "dA_prev", dA_prev.shape(), A_prev.shape(), "the shape of A_prev");
  if (dA_prev.size() == 0) return;
  detail::pool_rows_backward(windows_of(A_prev.shape(), wanted, options), dA.data(), A_prev.data(), dA_prev.data());
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
  throw std::invalid_argument(detail::formatted("{}: mode is \"{}\" but must be \"max\" or \"avg\"", who, name));
}

Shape detail::pool_shape_in_words(const Shape& A_prev, const PoolOptions& options, std::string_view who,
                                  const PoolWords& words) {
  detail::check_rank(who, words.input, A_prev, 4, kInputAxes);
  constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
  detail::check_pair(who, words.kernel, options.kernel_shape, kUnbounded, "(kh, kw)");
  detail::check_pair(who, "stride", options.stride, kUnbounded, "(sh, sw)");
  check_padding(who, options);
  const PoolAxis rows = resolve_axis(A_prev, options, 0), columns = resolve_axis(A_prev, options, 1);
  check_fits(who, words, options, rows, columns);
  return {A_prev[0], rows.out, columns.out, A_prev[3]};
}

Shape pool_output_shape(const Shape& A_prev, const PoolOptions& options, std::string_view who) {
  return detail::pool_shape_in_words(A_prev, options, who, {});
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
