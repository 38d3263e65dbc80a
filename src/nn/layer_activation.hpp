// The layer ActivationLayer: an activation after no linear part, so that its pre-activation is its input.
#pragma once

#include "hubel/activation.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

template <>
struct LayerKind<ActivationLayer> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"activation"};
  static constexpr bool kReshapes = true;

  static std::string_view name(const ActivationLayer&) { return kNames[0]; }
  static ActivationLayer of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("activation", layer.activation);
  }
  static std::string detail(const ActivationLayer& layer) { return std::string(activation_name(layer.activation)); }

  static LayerPlan plan(const ActivationLayer&, const Shape& x, std::string_view) {
    LayerPlan plan;
    plan.output = x;
    return plan;
  }
};

}  // namespace hubel::detail
