// The layer DepthwiseConv2D: a Conv2D with a group for each channel.
#pragma once

#include "nn/layer_conv2d.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

template <>
struct LayerKind<DepthwiseConv2D> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"depthwise_conv2d"};
  static constexpr bool kFusesActivation = true;

  static std::string_view name(const DepthwiseConv2D&) { return kNames[0]; }
  static DepthwiseConv2D of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("kernel_size", layer.kernel_size);
    f.optional("strides", layer.strides);
    f.optional("padding", layer.padding);
    f.optional("dilation_rate", layer.dilation_rate);
    f.optional("depth_multiplier", layer.depth_multiplier);
    f.optional("activation", layer.activation);
    f.optional("use_bias", layer.use_bias);
    f.optional("kernel_initializer", layer.kernel_initializer);
    f.later("bias_initializer", layer.bias_initializer, Initializer::zeros);
  }

  static std::string detail(const DepthwiseConv2D& layer) {
    const std::string text = LayerKind<Conv2D>::detail(as_conv(layer, 1));
    return text.substr(text.find('@') + 2);  // without the number of filters
  }

  static LayerPlan plan(const DepthwiseConv2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "a convolution takes");
    check_size(who, "depth_multiplier", layer.depth_multiplier);
    return LayerKind<Conv2D>::plan(as_conv(layer, x[3]), x, who);
  }

  static Reach reach(const DepthwiseConv2D& layer, const Shape&) {
    return window_reach(layer.kernel_size, layer.strides, layer.dilation_rate);
  }

  template <class T>
  static void forward(const DepthwiseConv2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    LayerKind<Conv2D>::forward<T>(as_conv(layer, pass.x().shape()[3]), pass, y);
  }

  template <class T>
  static void backward(const DepthwiseConv2D& layer, const BackwardPass<T>& pass) {
    LayerKind<Conv2D>::backward<T>(as_conv(layer, pass.x().shape()[3]), pass);
  }

  static Conv2D as_conv(const DepthwiseConv2D& l, std::int64_t c) {
    return {.filters = saturating_product({c, l.depth_multiplier}),
            .kernel_size = l.kernel_size,
            .strides = l.strides,
            .padding = l.padding,
            .dilation_rate = l.dilation_rate,
            .groups = c,
            .activation = l.activation,
            .use_bias = l.use_bias,
            .kernel_initializer = l.kernel_initializer,
            .bias_initializer = l.bias_initializer};
  }
};

}  // namespace hubel::detail
