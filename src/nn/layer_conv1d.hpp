// The layer Conv1D: a Conv2D over images of one row.
#pragma once

#include "nn/layer_conv2d.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Conv1D> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"conv1d"};
  static constexpr bool kFusesActivation = true;

  static std::string_view name(const Conv1D&) { return kNames[0]; }
  static Conv1D of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("filters", layer.filters);
    f.optional("kernel_size", layer.kernel_size);
    f.optional("strides", layer.strides);
    f.optional("padding", layer.padding);
    f.optional("dilation_rate", layer.dilation_rate);
    f.optional("groups", layer.groups);
    f.optional("activation", layer.activation);
    f.optional("use_bias", layer.use_bias);
    f.optional("kernel_initializer", layer.kernel_initializer);
    f.later("bias_initializer", layer.bias_initializer, Initializer::zeros);
  }

  static std::string detail(const Conv1D& layer) { return LayerKind<Conv2D>::detail(as_conv(layer)); }

  static LayerPlan plan(const Conv1D& layer, const Shape& x, std::string_view who) {
    check_sequences(who, x, "a 1D convolution takes");
    check_row_padding(who, layer.padding);
    LayerPlan plan = LayerKind<Conv2D>::plan(as_conv(layer), row_image(x), who);
    plan.output = {plan.output[0], plan.output[2], plan.output[3]};
    Shape& kernel = plan.parameters[0].shape;
    kernel = {kernel[1], kernel[2], kernel[3]};
    return plan;
  }

  // Of images (1, w).
  static Reach reach(const Conv1D& layer, const Shape&) {
    return window_reach({1, layer.kernel_size}, {1, layer.strides}, {1, layer.dilation_rate});
  }

  template <class T>
  static void forward(const Conv1D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    const TensorView<const T> x = row_image(pass.x()), W = as_kernel(pass);
    conv_forward(x, W, bias(layer, pass), pass.activation, LayerKind<Conv2D>::options(as_conv(layer)), row_image(y));
  }

  template <class T>
  static void backward(const Conv1D& layer, const BackwardPass<T>& pass) {
    const TensorView<const T> d = row_image(TensorView<const T>(pass.d)), x = row_image(pass.x()), W = as_kernel(pass);
    const TensorView<T> dx = is_given(pass.dx[0]) ? row_image(pass.dx[0]) : TensorView<T>();
    const TensorView<T> dW =
        is_given(pass.gradients[0]) ? TensorView<T>(pass.gradients[0].data(), W.shape()) : TensorView<T>();
    conv_backward(d, x, W, LayerKind<Conv2D>::options(as_conv(layer)), dx, dW, bias_gradient(pass));
  }

 private:
  static Conv2D as_conv(const Conv1D& l) {
    return {.filters = l.filters,
            .kernel_size = {1, l.kernel_size},
            .strides = {1, l.strides},
            .padding = l.padding,
            .dilation_rate = {1, l.dilation_rate},
            .groups = l.groups,
            .activation = l.activation,
            .use_bias = l.use_bias,
            .kernel_initializer = l.kernel_initializer,
            .bias_initializer = l.bias_initializer};
  }
  template <class T>
  static TensorView<const T> as_kernel(const ForwardPass<T>& pass) {
    const Tensor<T>& kernel = pass.parameters[0].value;
    return {kernel.data(), Shape{1, kernel.shape()[0], kernel.shape()[1], kernel.shape()[2]}};
  }
  template <class T>
  static TensorView<const T> bias(const Conv1D& layer, const ForwardPass<T>& pass) {
    if (!layer.use_bias) return {};
    return {pass.parameters[1].value.data(), Shape{1, 1, 1, layer.filters}};
  }
};

}  // namespace hubel::detail
