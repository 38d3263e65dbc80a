// The layer GlobalPool2D: two kinds to a reader, that differ in the mode alone.
#pragma once

#include "hubel/adaptive_pool.hpp"
#include "nn/layer_kind.hpp"
#include "nn/layer_pooling.hpp"

namespace hubel::detail {

template <>
struct LayerKind<GlobalPool2D> : GlobalPoolTraits<GlobalPool2D> {
  static constexpr std::array<std::string_view, 2> kNames = {"global_max_pool2d", "global_avg_pool2d"};

  static LayerPlan plan(const GlobalPool2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "pooling takes");
    const Shape pooled = adaptive_pool_output_shape(x, {1, 1}, who);
    LayerPlan plan;
    plan.output = layer.keepdims ? pooled : Shape{x[0], x[3]};
    return plan;
  }

  template <class T>
  static void forward(const GlobalPool2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    adaptive_pool_forward(pass.x(), {1, 1}, layer.mode, {y.data(), pixel(y.shape())});
  }

  template <class T>
  static void backward(const GlobalPool2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) {
      adaptive_pool_backward({pass.d.data(), pixel(pass.d.shape())}, pass.x(), layer.mode, pass.dx[0]);
    }
  }
};

}  // namespace hubel::detail
