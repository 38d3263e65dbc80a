// The layer Dense: of vectors, or along the last of several axes, which is a 1x1 convolution.
#pragma once

#include "hubel/conv.hpp"
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
    check_size(who, "units", layer.units);
    const std::int64_t n = x.back();
    std::vector<std::int64_t> extents(x.begin(), x.end());
    extents.back() = layer.units;
    LayerPlan plan;
    plan.output = Shape(std::span<const std::int64_t>(extents));
    plan.parameters.push_back({"kernel", Shape{n, layer.units}, layer.kernel_initializer, n, layer.units});
    if (layer.use_bias) plan.parameters.push_back(vector_spec("bias", Shape{layer.units}, layer.bias_initializer));
    plan.macs = saturating_product({plan.output.elements(), n});
    return plan;
  }

  static Reach reach(const Dense&, const Shape& x) { return {.all = x.rank() == 1}; }

  template <class T>
  static void forward(const Dense& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    const TensorView<const T> W = pass.parameters[0].value.view();
    TensorView<const T> bias;
    if (layer.use_bias) bias = pass.parameters[1].value;
    if (pass.x().shape().rank() == 2) return dense_forward(pass.x(), W, bias, pass.activation, y);
    if (layer.use_bias) bias = {bias.data(), Shape{1, 1, 1, layer.units}};
    conv_forward(pixels(pass.x()), as_kernel(W), bias, pass.activation, {}, pixels(y));
  }

  template <class T>
  static void backward(const Dense& layer, const BackwardPass<T>& pass) {
    const TensorView<const T> W = pass.parameters[0].value.view(), d = pass.d;
    const TensorView<T> dx = pass.dx[0], dW = pass.gradients[0];
    if (pass.x().shape().rank() > 2) {
      conv_backward(pixels(d), pixels(pass.x()), as_kernel(W), {}, is_given(dx) ? pixels(dx) : dx,
                    is_given(dW) ? as_kernel(dW) : dW, bias_gradient(pass));
      return;
    }
    TensorView<T> dbias;
    if (layer.use_bias) dbias = pass.gradients[1];
    dense_backward(d, pass.x(), W, dx, dW, dbias);
  }

  // On images.
  static Conv2D as_conv(const Dense& layer) {
    return {.filters = layer.units,
            .kernel_size = {1, 1},
            .activation = layer.activation,
            .use_bias = layer.use_bias,
            .kernel_initializer = layer.kernel_initializer,
            .bias_initializer = layer.bias_initializer};
  }
  // (n, units), as (1, 1, n, units).
  template <class T>
  static TensorView<T> as_kernel(TensorView<T> W) {
    return {W.data(), Shape{1, 1, W.shape()[0], W.shape()[1]}};
  }

 private:
  // A sample's vectors as an image of one row.
  template <class T>
  static TensorView<T> pixels(TensorView<T> x) {
    const Shape sample = x.shape().without_first();
    return {x.data(), Shape{x.shape()[0], 1, sample.elements() / sample.back(), sample.back()}};
  }
};

}  // namespace hubel::detail
