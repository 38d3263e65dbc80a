// The layer Add.
#pragma once

#include "hubel/combine.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Add> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"add"};
  static constexpr bool kJoins = true;
  static constexpr bool kFusesActivation = true;
  static constexpr bool kInPlace = true;

  static std::string_view name(const Add&) { return kNames[0]; }
  static bool reads_inputs(const Add&) { return false; }
  static Add of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("activation", layer.activation);
  }
  static std::string detail(const Add& layer) {
    return layer.activation == Activation::identity ? "" : std::string(activation_name(layer.activation));
  }

  static LayerPlan plan(const Add&, std::span<const Shape> xs, std::string_view who) { return joined_plan(who, xs); }

  template <class T>
  static void forward(const Add&, const ForwardPass<T>& pass, TensorView<T> y) {
    add_forward(pass.inputs, pass.activation, y);
  }

  template <class T>
  static void backward(const Add&, const BackwardPass<T>& pass) {
    const TensorView<const T> d = pass.d;
    for (const TensorView<T>& dx : pass.dx)
      if (is_given(dx) && dx.data() != d.data()) add_forward(std::span(&d, 1), Activation::identity, dx);
  }
};

}  // namespace hubel::detail
