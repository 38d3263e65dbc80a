// The layer Rescaling.
#pragma once

#include "nn/layer_kind.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<Rescaling> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"rescaling"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const Rescaling&) { return kNames[0]; }
  static bool reads_inputs(const Rescaling&) { return false; }
  static Rescaling of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.required("scale", layer.scale);
    f.optional("offset", layer.offset);
  }
  static std::string detail(const Rescaling& layer) {
    return detail::formatted("{} x + {}", layer.scale, layer.offset);
  }
  static LayerPlan plan(const Rescaling& layer, const Shape& x, std::string_view who) {
    same_shape_plan(who, "offset", layer.offset, x);
    return same_shape_plan(who, "scale", layer.scale, x);
  }
  template <class T>
  static void forward(const Rescaling& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    scale(pass.x(), layer.scale, layer.offset, y);
  }
  template <class T>
  static void backward(const Rescaling& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) scale<T>(pass.d, layer.scale, 0, pass.dx[0]);
  }

 private:
  template <class T>
  static void scale(TensorView<const T> x, double factor, double offset, TensorView<T> y) {
    constexpr std::int64_t kPiece = std::int64_t{1} << 14;  // elements of an item of work
    const T a = static_cast<T>(factor), b = static_cast<T>(offset);
    parallel_for((x.size() + kPiece - 1) / kPiece, 2.0 * static_cast<double>(x.size()), [&](std::int64_t item) {
      for (std::int64_t i = item * kPiece; i < std::min((item + 1) * kPiece, x.size()); ++i) y[i] = a * x[i] + b;
    });
  }
};

}  // namespace hubel::detail
