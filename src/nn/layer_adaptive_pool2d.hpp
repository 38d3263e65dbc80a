// The layer AdaptivePool2D: two kinds to a reader, that differ in the mode alone.
#pragma once

#include "hubel/adaptive_pool.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

template <>
struct LayerKind<AdaptivePool2D> : LayerTraits {
  static constexpr std::array<std::string_view, 2> kNames = {"adaptive_max_pool2d", "adaptive_avg_pool2d"};

  static std::string_view name(const AdaptivePool2D& layer) { return kNames[layer.mode == PoolMode::max ? 0 : 1]; }
  static AdaptivePool2D of_name(std::string_view name) {
    return {.mode = name == kNames[0] ? PoolMode::max : PoolMode::avg};
  }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("output_size", layer.output_size);
  }
  static std::string detail(const AdaptivePool2D& layer) { return extent_text(layer.output_size); }

  static LayerPlan plan(const AdaptivePool2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "pooling takes");
    check_sizes(who, "output_size", layer.output_size);
    LayerPlan plan;
    plan.output = adaptive_pool_output_shape(x, layer.output_size, who);
    return plan;
  }

  template <class T>
  static void forward(const AdaptivePool2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    adaptive_pool_forward(pass.x(), layer.output_size, layer.mode, y);
  }

  template <class T>
  static void backward(const AdaptivePool2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) adaptive_pool_backward(pass.d, pass.x(), layer.mode, pass.dx[0]);
  }
};

}  // namespace hubel::detail
