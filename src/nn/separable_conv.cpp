// See separable_conv.hpp.
#include "hubel/separable_conv.hpp"

namespace hubel {

Graph::Value separable_conv2d(Graph& graph, const SeparableConv2D& layer, Graph::Value x) {
  x = graph(DepthwiseConv2D{.kernel_size = layer.kernel_size,
                            .strides = layer.strides,
                            .padding = layer.padding,
                            .dilation_rate = layer.dilation_rate,
                            .depth_multiplier = layer.depth_multiplier,
                            .use_bias = false,
                            .kernel_initializer = layer.kernel_initializer},
            x);
  return graph(Conv2D{.filters = layer.filters,
                      .kernel_size = {1, 1},
                      .activation = layer.activation,
                      .use_bias = layer.use_bias,
                      .kernel_initializer = layer.kernel_initializer,
                      .bias_initializer = layer.bias_initializer},
               x);
}

}  // namespace hubel
