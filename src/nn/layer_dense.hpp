// The layer Dense.
#pragma once

#include "hubel/dense.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Dense> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"dense"};
  static constexpr bool kFusesActivation = true;

  static std::string_view name(const Dense&) { return kNames[0]; }
  static Dense of_name(std::string_view) { return {}; }

  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("units", layer.units);
    f.optional("activation", layer.activation);
    f.optional("use_bias", layer.use_bias);
    f.optional("kernel_initializer", layer.kernel_initializer);
    f.later("bias_initializer", layer.bias_initializer, Initializer::zeros);
  }

  static std::string detail(const Dense& layer) {
    if (layer.activation == Activation::identity) return std::to_string(layer.units);
    return detail::formatted("{}, {}", layer.units, activation_name(layer.activation));
  }

  static LayerPlan plan(const Dense& layer, const Shape& x, std::string_view who) {
    if (x.rank() != 2) {
      throw std::invalid_argument(detail::formatted(
          "{}: the input has shape {}, a dense layer takes (m, n); put Flatten before it", who, x.to_string()));
    }
    check_size(who, "units", layer.units);
    const std::int64_t n = x[1];
    LayerPlan plan;
    plan.output = Shape{x[0], layer.units};
    plan.parameters.push_back({"kernel", Shape{n, layer.units}, layer.kernel_initializer, n, layer.units});
    if (layer.use_bias) plan.parameters.push_back(vector_spec("bias", Shape{layer.units}, layer.bias_initializer));
    plan.macs = saturating_product({x[0], n, layer.units});
    return plan;
  }

  static Reach reach(const Dense&, const Shape&) { return {.all = true}; }

  template <class T>
  static void forward(const Dense& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    TensorView<const T> bias;
    if (layer.use_bias) bias = pass.parameters[1].value;
    dense_forward(pass.x(), pass.parameters[0].value.view(), bias, pass.activation, y);
  }

  template <class T>
  static void backward(const Dense& layer, const BackwardPass<T>& pass) {
    TensorView<T> dbias;
    if (layer.use_bias) dbias = pass.gradients[1];
    dense_backward(pass.d, pass.x(), pass.parameters[0].value.view(), pass.dx[0], pass.gradients[0], dbias);
  }
};

}  // namespace hubel::detail
