// The layers LeakyReLU, ELU and PReLU: activations with a number or weights of their own.
#pragma once

#include "hubel/prelu.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<LeakyReLU> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"leaky_relu"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const LeakyReLU&) { return kNames[0]; }
  static LeakyReLU of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("negative_slope", layer.negative_slope);
  }
  static std::string detail(const LeakyReLU& layer) { return detail::formatted("{}", layer.negative_slope); }
  static LayerPlan plan(const LeakyReLU& layer, const Shape& x, std::string_view who) {
    return same_shape_plan(who, "negative_slope", layer.negative_slope, x);
  }
  template <class T>
  static void forward(const LeakyReLU& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    leaky_relu_forward(pass.x(), layer.negative_slope, y);
  }
  template <class T>
  static void backward(const LeakyReLU& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) leaky_relu_backward(pass.d, pass.x(), layer.negative_slope, pass.dx[0]);
  }
};

template <>
struct LayerKind<ELU> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"elu"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const ELU&) { return kNames[0]; }
  static ELU of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("alpha", layer.alpha);
  }
  static std::string detail(const ELU& layer) { return detail::formatted("{}", layer.alpha); }
  static LayerPlan plan(const ELU& layer, const Shape& x, std::string_view who) {
    return same_shape_plan(who, "alpha", layer.alpha, x);
  }
  template <class T>
  static void forward(const ELU& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    elu_forward(pass.x(), layer.alpha, y);
  }
  template <class T>
  static void backward(const ELU& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) elu_backward(pass.d, pass.x(), layer.alpha, pass.dx[0]);
  }
};

template <>
struct LayerKind<PReLU> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"prelu"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const PReLU&) { return kNames[0]; }
  static PReLU of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("shared", layer.shared);
    f.optional("initial", layer.initial);
  }
  static std::string detail(const PReLU& layer) { return layer.shared ? "shared" : ""; }
  static LayerPlan plan(const PReLU& layer, const Shape& x, std::string_view who) {
    LayerPlan plan = same_shape_plan(who, "initial", layer.initial, x);
    plan.parameters.push_back({.name = "alpha",
                               .shape = {layer.shared ? 1 : x.back()},
                               .role = ParameterRole::offset,
                               .constant = layer.initial});
    return plan;
  }
  template <class T>
  static void forward(const PReLU&, const ForwardPass<T>& pass, TensorView<T> y) {
    prelu_forward(pass.x(), pass.parameters[0].value.view(), y);
  }
  template <class T>
  static void backward(const PReLU&, const BackwardPass<T>& pass) {
    prelu_backward(pass.d, pass.x(), pass.parameters[0].value.view(), pass.dx[0], pass.gradients[0]);
  }
};

}  // namespace hubel::detail
