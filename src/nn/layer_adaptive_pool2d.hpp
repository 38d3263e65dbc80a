// The layer AdaptivePool2D: two kinds to a reader, that differ in the mode alone.
#pragma once

#include <numeric>

#include "hubel/adaptive_pool.hpp"
#include "nn/layer_kind.hpp"
#include "nn/layer_pooling.hpp"

namespace hubel::detail {

template <>
struct LayerKind<AdaptivePool2D> : PoolTraits<AdaptivePool2D> {
  static constexpr std::array<std::string_view, 2> kNames = {"adaptive_max_pool2d", "adaptive_avg_pool2d"};

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

  // The largest window of h pixels in H has h / H, rounded up, and one more where none begins and ends so as to fit it:
  // window y begins (y h mod H) / H of a pixel late, which is at most 1 - gcd(h, H) / H.
  static Reach reach(const AdaptivePool2D& layer, const Shape& x) {
    Reach reach;
    for (const std::size_t axis : {0, 1}) {
      const std::int64_t h = x[axis], H = layer.output_size[axis], rest = h % H;
      reach.window[axis] = h / H + (rest == 0 ? 0 : rest > std::gcd(h, H) ? 2 : 1);
      reach.step[axis] = static_cast<double>(h) / static_cast<double>(H);
    }
    reach.all = layer.output_size == std::array<std::int64_t, 2>{1, 1};
    return reach;
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
