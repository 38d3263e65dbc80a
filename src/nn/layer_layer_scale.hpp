// The layer LayerScale: each channel times a number that is learned.
#pragma once

#include "hubel/scale.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<LayerScale> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"layer_scale"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const LayerScale&) { return kNames[0]; }
  static LayerScale of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("initial", layer.initial);
  }
  static std::string detail(const LayerScale&) { return ""; }

  static LayerPlan plan(const LayerScale& layer, const Shape& x, std::string_view who) {
    LayerPlan plan = same_shape_plan(who, "initial", layer.initial, x);
    plan.parameters.push_back(vector_spec("gamma", Shape{x.back()}, Initializer::zeros));
    plan.parameters.back().constant = layer.initial;
    return plan;
  }

  template <class T>
  static void forward(const LayerScale&, const ForwardPass<T>& pass, TensorView<T> y) {
    channel_scale_forward(pass.x(), pass.parameters[0].value.view(), y);
  }

  template <class T>
  static void backward(const LayerScale&, const BackwardPass<T>& pass) {
    channel_scale_backward(pass.d, pass.x(), pass.parameters[0].value.view(), pass.dx[0], pass.gradients[0]);
  }
};

}  // namespace hubel::detail
