// The layers RMSNorm and UnitNorm. In training they keep what each pixel was multiplied with.
#pragma once

#include "hubel/norm.hpp"
#include "nn/layer_kind.hpp"
#include "nn/norm_parameters.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// What the two have in common.
template <class L>
struct PixelNormTraits : LayerTraits {
  static constexpr bool kInPlace = true;

  static L of_name(std::string_view) { return {}; }
  static std::string detail(const L&) { return ""; }
  static KeptSize kept_size(const L&, const Shape& x) { return {.of_sample = x.elements() / x.back()}; }
  // The numbers of the pixels.
  template <class T>
  static TensorView<T> kept_inverses(const ForwardPass<T>& pass) {
    const Shape x = pass.x().shape();
    return kept_tensors<1>(pass, Shape(std::span(x.begin(), x.end() - 1)))[0];
  }
};

template <>
struct LayerKind<RMSNorm> : PixelNormTraits<RMSNorm> {
  static constexpr std::array<std::string_view, 1> kNames = {"rms_norm"};

  static std::string_view name(const RMSNorm&) { return kNames[0]; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("epsilon", layer.epsilon);
    f.optional("scale", layer.scale);
    f.optional("gamma_initializer", layer.gamma_initializer);
  }
  static LayerPlan plan(const RMSNorm& layer, const Shape& x, std::string_view who) {
    check_epsilon(who, layer.epsilon);
    LayerPlan plan;
    plan.output = x;
    if (layer.scale) plan.parameters.push_back(vector_spec("gamma", Shape{x.back()}, layer.gamma_initializer));
    return plan;
  }
  template <class T>
  static void forward(const RMSNorm& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    rms_norm_forward(pass.x(), gamma(pass), layer.epsilon, y, kept_inverses(pass));
  }
  template <class T>
  static void backward(const RMSNorm& layer, const BackwardPass<T>& pass) {
    const TensorView<T> dgamma = layer.scale ? pass.gradients[0] : TensorView<T>();
    rms_norm_backward(pass.d, pass.x(), gamma(pass), kept_inverses(pass), pass.dx[0], dgamma);
  }

 private:
  template <class T>
  static TensorView<const T> gamma(const ForwardPass<T>& pass) {
    return pass.parameters.empty() ? TensorView<const T>() : pass.parameters[0].value.view();
  }
};

template <>
struct LayerKind<UnitNorm> : PixelNormTraits<UnitNorm> {
  static constexpr std::array<std::string_view, 1> kNames = {"unit_norm"};

  static std::string_view name(const UnitNorm&) { return kNames[0]; }
  template <class Self, class F>
  static void fields(Self&, F&&) {}
  static LayerPlan plan(const UnitNorm&, const Shape& x, std::string_view) {
    LayerPlan plan;
    plan.output = x;
    return plan;
  }
  template <class T>
  static void forward(const UnitNorm&, const ForwardPass<T>& pass, TensorView<T> y) {
    unit_norm_forward(pass.x(), y, kept_inverses(pass));
  }
  template <class T>
  static void backward(const UnitNorm&, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) unit_norm_backward(pass.d, pass.x(), kept_inverses(pass), pass.dx[0]);
  }
};

}  // namespace hubel::detail
