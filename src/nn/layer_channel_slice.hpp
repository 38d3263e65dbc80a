// The layer ChannelSlice: some channels that lie side by side.
#pragma once

#include "hubel/combine.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<ChannelSlice> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"channel_slice"};

  static std::string_view name(const ChannelSlice&) { return kNames[0]; }
  static bool reads_inputs(const ChannelSlice&) { return false; }
  static ChannelSlice of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("begin", layer.begin);
    f.required("end", layer.end);
  }
  static std::string detail(const ChannelSlice& layer) { return detail::formatted("{}:{}", layer.begin, layer.end); }

  static LayerPlan plan(const ChannelSlice& layer, const Shape& x, std::string_view who) {
    if (layer.begin < 0 || layer.begin >= layer.end || layer.end > x.back()) {
      throw std::invalid_argument(
          detail::formatted("{}: begin = {} and end = {}, they must be 0 <= begin < end <= {}, the channels of {}", who,
                            layer.begin, layer.end, x.back(), x.without_first().to_string()));
    }
    LayerPlan plan;
    plan.output = slice_output_shape(x, layer.begin, layer.end);
    return plan;
  }

  template <class T>
  static void forward(const ChannelSlice& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    slice_forward(pass.x(), layer.begin, y);
  }

  template <class T>
  static void backward(const ChannelSlice& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) slice_backward(pass.d, layer.begin, pass.dx[0]);
  }
};

}  // namespace hubel::detail
