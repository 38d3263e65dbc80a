// The layers Pool1D and GlobalPool1D: Pool2D and GlobalPool2D over images of one row.
#pragma once

#include "nn/layer_global_pool2d.hpp"
#include "nn/layer_kind.hpp"
#include "nn/layer_pool2d.hpp"
#include "nn/layer_pooling.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Pool1D> : WindowPoolTraits<Pool1D> {
  static constexpr std::array<std::string_view, 2> kNames = {"max_pool1d", "avg_pool1d"};

  static std::string detail(const Pool1D& layer) { return LayerKind<Pool2D>::detail(as_pool2d(layer)); }

  static LayerPlan plan(const Pool1D& layer, const Shape& x, std::string_view who) {
    check_sequences(who, x, "1D pooling takes");
    check_row_padding(who, layer.padding);
    check_size(who, "pool_size", layer.pool_size);
    check_size(who, "strides", layer.strides);
    check_window(who, layer, x);
    LayerPlan plan = LayerKind<Pool2D>::plan(as_pool2d(layer), row_image(x), who);
    plan.output = {plan.output[0], plan.output[2], plan.output[3]};
    return plan;
  }

  // Of images (1, w).
  static Reach reach(const Pool1D& layer, const Shape&) {
    return window_reach({1, layer.pool_size}, {1, layer.strides});
  }

  template <class T>
  static void forward(const Pool1D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    pool_forward(row_image(pass.x()), options(layer), row_image(y));
  }

  template <class T>
  static void backward(const Pool1D& layer, const BackwardPass<T>& pass) {
    if (!is_given(pass.dx[0])) return;
    pool_backward(row_image(TensorView<const T>(pass.d)), row_image(pass.x()), options(layer), row_image(pass.dx[0]));
  }

 private:
  // Pool2D's rules for windows, in terms of one axis.
  static void check_window(std::string_view who, const Pool1D& l, const Shape& x) {
    if (l.padding.kind == Padding::Kind::same) return;
    const bool padded = l.padding.kind == Padding::Kind::explicit_sides;
    const std::int64_t left = padded ? l.padding.left : 0, right = padded ? l.padding.right : 0;
    if (std::max(left, right) >= l.pool_size) {
      throw std::invalid_argument(
          detail::formatted("{}: padding is ({}, {}) left and right, of which each must be smaller than pool_size = {}",
                            who, left, right, l.pool_size));
    }
    const std::int64_t missing = l.pool_size - (left + x[1] + right);  // values of the window
    if (missing <= (l.ceil_mode ? l.strides - 1 : 0)) return;
    throw std::invalid_argument(
        detail::formatted("{}: pool_size = {} is larger than the input, which has {} steps{}", who, l.pool_size, x[1],
                          padded ? detail::formatted(" and padding of ({}, {})", left, right) : ""));
  }
  static Pool2D as_pool2d(const Pool1D& l) {
    return {.mode = l.mode,
            .pool_size = {1, l.pool_size},
            .strides = {1, l.strides},
            .padding = l.padding,
            .ceil_mode = l.ceil_mode,
            .count_include_pad = l.count_include_pad};
  }
  static PoolOptions options(const Pool1D& layer) { return LayerKind<Pool2D>::options(as_pool2d(layer)); }
};

template <>
struct LayerKind<GlobalPool1D> : GlobalPoolTraits<GlobalPool1D> {
  static constexpr std::array<std::string_view, 2> kNames = {"global_max_pool1d", "global_avg_pool1d"};

  static LayerPlan plan(const GlobalPool1D& layer, const Shape& x, std::string_view who) {
    check_sequences(who, x, "1D pooling takes");
    LayerPlan plan = LayerKind<GlobalPool2D>::plan(as_pool2d(layer), row_image(x), who);
    if (layer.keepdims) plan.output = {x[0], 1, x[2]};
    return plan;
  }

  template <class T>
  static void forward(const GlobalPool1D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    adaptive_pool_forward(row_image(pass.x()), {1, 1}, layer.mode, {y.data(), pixel(y.shape())});
  }

  template <class T>
  static void backward(const GlobalPool1D& layer, const BackwardPass<T>& pass) {
    if (!is_given(pass.dx[0])) return;
    const TensorView<const T> d(pass.d.data(), pixel(pass.d.shape()));
    adaptive_pool_backward(d, row_image(pass.x()), layer.mode, row_image(pass.dx[0]));
  }

 private:
  static GlobalPool2D as_pool2d(const GlobalPool1D& l) { return {.mode = l.mode, .keepdims = l.keepdims}; }
};

}  // namespace hubel::detail
