// The layers ZeroPadding2D, Padding2D and Cropping2D.
#pragma once

#include "hubel/pad.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// "1,1,2,2": top, bottom, left, right.
inline std::string margins_text(const Margins& m) {
  return detail::formatted("{},{},{},{}", m.top, m.bottom, m.left, m.right);
}

template <>
struct LayerKind<ZeroPadding2D> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"zero_padding2d"};

  static std::string_view name(const ZeroPadding2D&) { return kNames[0]; }
  static bool reads_inputs(const ZeroPadding2D&) { return false; }
  static ZeroPadding2D of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("padding", layer.padding);
  }
  static std::string detail(const ZeroPadding2D& layer) { return margins_text(layer.padding); }

  static LayerPlan plan(const ZeroPadding2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "padding takes");
    LayerPlan plan;
    plan.output = pad_output_shape(x, layer.padding, who);
    return plan;
  }

  template <class T>
  static void forward(const ZeroPadding2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    pad_forward(pass.x(), layer.padding, T(0), y);
  }

  template <class T>
  static void backward(const ZeroPadding2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) pad_backward(pass.d, layer.padding, pass.dx[0]);
  }
};

template <>
struct LayerKind<Padding2D> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"padding2d"};

  static bool averages(const Padding2D&) { return true; }
  static std::string_view name(const Padding2D&) { return kNames[0]; }
  static bool reads_inputs(const Padding2D&) { return false; }
  static Padding2D of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("padding", layer.padding);
    f.optional("mode", layer.mode);
  }
  static std::string detail(const Padding2D& layer) {
    return detail::formatted("{}, {}", margins_text(layer.padding), pad_mode_name(layer.mode));
  }

  static LayerPlan plan(const Padding2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "padding takes");
    LayerPlan plan;
    plan.output = border_pad_output_shape(x, layer.padding, layer.mode, who);
    return plan;
  }

  template <class T>
  static void forward(const Padding2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    border_pad_forward(pass.x(), layer.padding, layer.mode, y);
  }

  template <class T>
  static void backward(const Padding2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) border_pad_backward(pass.d, layer.padding, layer.mode, pass.dx[0]);
  }
};

template <>
struct LayerKind<Cropping2D> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"cropping2d"};

  static std::string_view name(const Cropping2D&) { return kNames[0]; }
  static bool reads_inputs(const Cropping2D&) { return false; }
  static bool averages(const Cropping2D&) { return true; }
  static Cropping2D of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("cropping", layer.cropping);
  }
  static std::string detail(const Cropping2D& layer) { return margins_text(layer.cropping); }

  static LayerPlan plan(const Cropping2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "cropping takes");
    LayerPlan plan;
    plan.output = crop_output_shape(x, layer.cropping, who);
    if (plan.output.elements() > 0) return plan;
    throw std::invalid_argument(detail::formatted("{}: cropping {} leaves nothing of {}", who,
                                                  margins_text(layer.cropping), x.without_first().to_string()));
  }

  template <class T>
  static void forward(const Cropping2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    crop_forward(pass.x(), layer.cropping, y);
  }

  template <class T>
  static void backward(const Cropping2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) crop_backward(pass.d, layer.cropping, pass.dx[0]);
  }
};

}  // namespace hubel::detail
