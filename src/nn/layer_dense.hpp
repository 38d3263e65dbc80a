// The layer Dense.
#pragma once

#include "hubel/dense.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Dense> {
  static constexpr std::array<std::string_view, 1> kNames = {"dense"};
  static constexpr bool kReshapes = false;

  static std::string_view name(const Dense&) { return kNames[0]; }
  static Dense of_name(std::string_view) { return {}; }

  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("units", layer.units);
    f.optional("activation", layer.activation);
    f.optional("use_bias", layer.use_bias);
    f.optional("kernel_initializer", layer.kernel_initializer);
  }

  static std::string detail(const Dense& layer) {
    if (layer.activation == Activation::identity) return std::to_string(layer.units);
    return fmt::format("{}, {}", layer.units, activation_name(layer.activation));
  }

  static LayerPlan plan(const Dense& layer, const Shape& x, std::string_view who) {
    if (x.rank() != 2) {
      throw std::invalid_argument(fmt::format(
          "{}: the input has shape {}, a dense layer takes (m, n); put Flatten before it", who, x.to_string()));
    }
    check_size(who, "units", layer.units);
    const std::int64_t n = x[1];
    LayerPlan plan;
    plan.output = Shape{x[0], layer.units};
    plan.parameters.push_back({"kernel", Shape{n, layer.units}, layer.kernel_initializer, n, layer.units});
    if (layer.use_bias) plan.parameters.push_back({"bias", Shape{layer.units}});
    plan.macs = saturating_product({x[0], n, layer.units});
    return plan;
  }

  template <class T>
  static void forward(const Dense& layer, TensorView<const T> x, std::span<const Parameter<T>> parameters,
                      Activation activation, TensorView<T> y) {
    TensorView<const T> bias;
    if (layer.use_bias) bias = parameters[1].value;
    dense_forward(x, parameters[0].value.view(), bias, activation, y);
  }

  template <class T>
  static void backward(const Dense& layer, TensorView<const T> dz, TensorView<const T> x,
                       std::span<const Parameter<T>> parameters, TensorView<T> dx,
                       std::span<const TensorView<T>> gradients) {
    TensorView<T> dbias;
    if (layer.use_bias) dbias = gradients[1];
    dense_backward(dz, x, parameters[0].value.view(), dx, gradients[0], dbias);
  }
};

}  // namespace hubel::detail
