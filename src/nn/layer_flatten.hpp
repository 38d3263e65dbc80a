// The layer Flatten: the same numbers in another shape.
#pragma once

#include "nn/layer_kind.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Flatten> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"flatten"};
  static constexpr bool kReshapes = true;

  static std::string_view name(const Flatten&) { return kNames[0]; }
  static Flatten of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self&, F&&) {}
  static std::string detail(const Flatten&) { return ""; }

  static LayerPlan plan(const Flatten&, const Shape& x, std::string_view) {
    LayerPlan plan;
    plan.output = Shape{x[0], x.without_first().elements()};
    return plan;
  }
};

}  // namespace hubel::detail
