// The layer Rescaling.
#pragma once

#include "hubel/rescale.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Rescaling> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"rescaling"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const Rescaling&) { return kNames[0]; }
  static bool reads_inputs(const Rescaling&) { return false; }
  static Rescaling of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("scale", layer.scale);
    f.optional("offset", layer.offset);
  }
  static std::string detail(const Rescaling& layer) {
    return detail::formatted("{} x + {}", layer.scale, layer.offset);
  }
  static LayerPlan plan(const Rescaling& layer, const Shape& x, std::string_view who) {
    same_shape_plan(who, "offset", layer.offset, x);
    return same_shape_plan(who, "scale", layer.scale, x);
  }
  template <class T>
  static void forward(const Rescaling& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    rescale(pass.x(), layer.scale, layer.offset, y);
  }
  template <class T>
  static void backward(const Rescaling& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) rescale(TensorView<const T>(pass.d), layer.scale, 0, pass.dx[0]);
  }
};

}  // namespace hubel::detail
