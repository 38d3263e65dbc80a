// The layers DepthToSpace and SpaceToDepth.
#pragma once

#include "hubel/permute.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// What the two have in common.
template <class L>
struct BlockTraits : LayerTraits {
  static bool reads_inputs(const L&) { return false; }
  static L of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("block_size", layer.block_size);
  }
  static std::string detail(const L& layer) { return detail::formatted("{}", layer.block_size); }
};

template <>
struct LayerKind<DepthToSpace> : BlockTraits<DepthToSpace> {
  static constexpr std::array<std::string_view, 1> kNames = {"depth_to_space"};

  static std::string_view name(const DepthToSpace&) { return kNames[0]; }
  static Reach reach(const DepthToSpace& layer, const Shape&) {
    const double step = 1 / static_cast<double>(layer.block_size);
    return {.step = {step, step}};
  }
  static LayerPlan plan(const DepthToSpace& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "depth to space takes");
    LayerPlan plan;
    plan.output = depth_to_space_output_shape(x, layer.block_size, who);
    return plan;
  }
  template <class T>
  static void forward(const DepthToSpace& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    depth_to_space(pass.x(), layer.block_size, y);
  }
  template <class T>
  static void backward(const DepthToSpace& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) space_to_depth(TensorView<const T>(pass.d), layer.block_size, pass.dx[0]);
  }
};

template <>
struct LayerKind<SpaceToDepth> : BlockTraits<SpaceToDepth> {
  static constexpr std::array<std::string_view, 1> kNames = {"space_to_depth"};

  static std::string_view name(const SpaceToDepth&) { return kNames[0]; }
  static Reach reach(const SpaceToDepth& layer, const Shape&) {
    return window_reach({layer.block_size, layer.block_size}, {layer.block_size, layer.block_size});
  }
  static LayerPlan plan(const SpaceToDepth& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "space to depth takes");
    LayerPlan plan;
    plan.output = space_to_depth_output_shape(x, layer.block_size, who);
    return plan;
  }
  template <class T>
  static void forward(const SpaceToDepth& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    space_to_depth(pass.x(), layer.block_size, y);
  }
  template <class T>
  static void backward(const SpaceToDepth& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) depth_to_space(TensorView<const T>(pass.d), layer.block_size, pass.dx[0]);
  }
};

}  // namespace hubel::detail
