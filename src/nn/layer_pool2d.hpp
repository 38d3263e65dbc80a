// The layer Pool2D: two kinds to a reader, max_pool2d and avg_pool2d, that differ in the mode alone.
#pragma once

#include "hubel/pool.hpp"
#include "nn/layer_kind.hpp"
#include "nn/layer_pooling.hpp"
#include "ops/pool_words.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Pool2D> : WindowPoolTraits<Pool2D> {
  static constexpr std::array<std::string_view, 2> kNames = {"max_pool2d", "avg_pool2d"};

  static std::string detail(const Pool2D& layer) {
    std::string text = detail::formatted("{}, stride {}", extent_text(layer.pool_size), extent_text(layer.strides));
    if (layer.padding != Padding::valid()) text += ", " + padding_text(layer.padding);
    if (layer.ceil_mode) text += ", ceil";
    return text;
  }

  static LayerPlan plan(const Pool2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "pooling takes");
    check_sizes(who, "pool_size", layer.pool_size);
    check_sizes(who, "strides", layer.strides);
    LayerPlan plan;
    plan.output = pool_shape_in_words(x, options(layer), who, {.kernel = "pool_size", .input = "the input"});
    return plan;
  }

  static Reach reach(const Pool2D& layer, const Shape&) { return window_reach(layer.pool_size, layer.strides); }

  template <class T>
  static void forward(const Pool2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    pool_forward(pass.x(), options(layer), y);
  }

  template <class T>
  static void backward(const Pool2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) pool_backward(pass.d, pass.x(), options(layer), pass.dx[0]);
  }

  static PoolOptions options(const Pool2D& layer) {
    return {layer.pool_size, layer.strides, layer.mode, layer.padding, layer.ceil_mode, layer.count_include_pad};
  }
};

}  // namespace hubel::detail
