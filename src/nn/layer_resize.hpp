// The layers UpSampling2D, larger by factors, and Resizing, to a given size.
#pragma once

#include "hubel/resize.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// How many along an axis a pixel is made of.
inline std::int64_t pixels_around(Interpolation interpolation) {
  if (interpolation == Interpolation::nearest) return 1;
  return interpolation == Interpolation::bilinear ? 2 : 4;
}

// What the two have in common: an options() from their description and the input's shape.
template <class L>
struct ResizingKind : LayerTraits {
  static L of_name(std::string_view) { return {}; }
  static bool reads_inputs(const L&) { return false; }
  static bool averages(const L& layer) { return layer.interpolation != Interpolation::bicubic; }  // which overshoots
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("size", layer.size);
    f.optional("interpolation", layer.interpolation);
    f.optional("align_corners", layer.align_corners);
  }
  static std::string detail(const L& layer) {
    return detail::formatted("{}, {}{}", extent_text(layer.size), interpolation_name(layer.interpolation),
                             layer.align_corners ? ", corners aligned" : "");
  }

  static LayerPlan plan(const L& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "resizing takes");
    check_sizes(who, "size", layer.size);
    LayerPlan plan;
    plan.output = resize_output_shape(x, LayerKind<L>::options(layer, x), who);
    return plan;
  }

  static Reach reach(const L& layer, const Shape& x) {
    const Shape batch{1, x[0], x[1], x[2]};
    const auto size = LayerKind<L>::options(layer, batch).size;
    Reach reach;
    for (const std::size_t axis : {0, 1}) {
      if (size[axis] != x[axis]) reach.window[axis] = pixels_around(layer.interpolation);
      reach.step[axis] = static_cast<double>(x[axis]) / static_cast<double>(size[axis]);
    }
    return reach;
  }

  template <class T>
  static void forward(const L& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    resize_forward(pass.x(), LayerKind<L>::options(layer, pass.x().shape()), y);
  }

  template <class T>
  static void backward(const L& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) resize_backward(pass.d, LayerKind<L>::options(layer, pass.x().shape()), pass.dx[0]);
  }
};

template <>
struct LayerKind<UpSampling2D> : ResizingKind<UpSampling2D> {
  static constexpr std::array<std::string_view, 1> kNames = {"upsampling2d"};
  static std::string_view name(const UpSampling2D&) { return kNames[0]; }
  static ResizeOptions options(const UpSampling2D& layer, const Shape& x) {
    return {{saturating_product({x[1], layer.size[0]}), saturating_product({x[2], layer.size[1]})},
            layer.interpolation,
            layer.align_corners};
  }
};

template <>
struct LayerKind<Resizing> : ResizingKind<Resizing> {
  static constexpr std::array<std::string_view, 1> kNames = {"resizing"};
  static std::string_view name(const Resizing&) { return kNames[0]; }
  static ResizeOptions options(const Resizing& layer, const Shape&) {
    return {layer.size, layer.interpolation, layer.align_corners};
  }
};

}  // namespace hubel::detail
