// The layer GlobalPool2D: two kinds to a reader, that differ in the mode alone.
#pragma once

#include "hubel/adaptive_pool.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

template <>
struct LayerKind<GlobalPool2D> : LayerTraits {
  static constexpr std::array<std::string_view, 2> kNames = {"global_max_pool2d", "global_avg_pool2d"};

  static std::string_view name(const GlobalPool2D& layer) { return kNames[layer.mode == PoolMode::max ? 0 : 1]; }
  static GlobalPool2D of_name(std::string_view name) {
    return {.mode = name == kNames[0] ? PoolMode::max : PoolMode::avg};
  }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("keepdims", layer.keepdims);
  }
  static std::string detail(const GlobalPool2D&) { return ""; }

  static LayerPlan plan(const GlobalPool2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "pooling takes");
    const Shape pooled = adaptive_pool_output_shape(x, {1, 1}, who);
    LayerPlan plan;
    plan.output = layer.keepdims ? pooled : Shape{x[0], x[3]};
    return plan;
  }

  static Reach reach(const GlobalPool2D&, const Shape&) { return {.all = true}; }

  template <class T>
  static void forward(const GlobalPool2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    adaptive_pool_forward(pass.x(), {1, 1}, layer.mode, {y.data(), image_shape(y.shape())});
  }

  template <class T>
  static void backward(const GlobalPool2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) {
      adaptive_pool_backward({pass.d.data(), image_shape(pass.d.shape())}, pass.x(), layer.mode, pass.dx[0]);
    }
  }

 private:
  static Shape image_shape(const Shape& y) { return {y[0], 1, 1, y.back()}; }
};

}  // namespace hubel::detail
