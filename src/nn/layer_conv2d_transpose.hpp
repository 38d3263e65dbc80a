// The layer Conv2DTranspose.
#pragma once

#include "hubel/conv_transpose.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Conv2DTranspose> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"conv2d_transpose"};
  static constexpr bool kFusesActivation = true;

  static std::string_view name(const Conv2DTranspose&) { return kNames[0]; }
  static Conv2DTranspose of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("filters", layer.filters);
    f.optional("kernel_size", layer.kernel_size);
    f.optional("strides", layer.strides);
    f.optional("padding", layer.padding);
    f.optional("output_padding", layer.output_padding);
    f.optional("dilation_rate", layer.dilation_rate);
    f.optional("groups", layer.groups);
    f.optional("activation", layer.activation);
    f.optional("use_bias", layer.use_bias);
    f.optional("kernel_initializer", layer.kernel_initializer);
    f.later("bias_initializer", layer.bias_initializer, Initializer::zeros);
  }

  static std::string detail(const Conv2DTranspose& layer) {
    std::string text = detail::formatted("{} @ {}, {}, stride {}", layer.filters, extent_text(layer.kernel_size),
                                         padding_text(layer.padding), extent_text(layer.strides));
    if (layer.groups != 1) text += detail::formatted(", groups {}", layer.groups);
    if (layer.activation != Activation::identity) text += detail::formatted(", {}", activation_name(layer.activation));
    return text;
  }

  static LayerPlan plan(const Conv2DTranspose& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "a convolution takes");
    check_size(who, "filters", layer.filters);
    check_sizes(who, "kernel_size", layer.kernel_size);
    check_size(who, "groups", layer.groups);
    const std::int64_t c = x[3];
    if (c % layer.groups != 0 || layer.filters % layer.groups != 0) {
      throw std::invalid_argument(
          detail::formatted("{}: groups = {} must divide the input's channels ({}) and filters ({})", who, layer.groups,
                            c, layer.filters));
    }
    const auto [kh, kw] = layer.kernel_size;
    const Shape kernel{kh, kw, layer.filters / layer.groups, c};
    LayerPlan plan;
    plan.output = conv_transpose_output_shape(x, kernel, options(layer), who);
    plan.parameters.push_back(
        {"kernel", kernel, layer.kernel_initializer, kh * kw * (c / layer.groups), kh * kw * kernel[2]});
    if (layer.use_bias) plan.parameters.push_back(vector_spec("bias", Shape{layer.filters}, layer.bias_initializer));
    plan.macs = saturating_product({x.elements(), kh * kw, kernel[2]});
    return plan;
  }

  // An output pixel takes every stride-th weight along an axis; without dilation these meet neighbouring pixels.
  static Reach reach(const Conv2DTranspose& layer, const Shape&) {
    Reach reach;
    for (const std::size_t axis : {0, 1}) {
      const std::int64_t extent = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis];
      reach.window[axis] = extent / layer.strides[axis] + 1;
      reach.step[axis] = 1 / static_cast<double>(layer.strides[axis]);
    }
    return reach;
  }

  template <class T>
  static void forward(const Conv2DTranspose& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    TensorView<const T> bias;
    if (layer.use_bias) bias = {pass.parameters[1].value.data(), Shape{1, 1, 1, layer.filters}};
    conv_transpose_forward(pass.x(), pass.parameters[0].value.view(), bias, pass.activation, options(layer), y);
  }

  template <class T>
  static void backward(const Conv2DTranspose& layer, const BackwardPass<T>& pass) {
    conv_transpose_backward(pass.d, pass.x(), pass.parameters[0].value.view(), options(layer), pass.dx[0],
                            pass.gradients[0], bias_gradient(pass));
  }

 private:
  static ConvTransposeOptions options(const Conv2DTranspose& layer) {
    return {layer.padding, layer.strides, layer.output_padding, layer.dilation_rate, layer.groups};
  }
};

}  // namespace hubel::detail
