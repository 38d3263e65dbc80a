// The layers Dropout and SpatialDropout2D, at work in training alone.
#pragma once

#include "hubel/dropout.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

inline LayerPlan dropout_plan(std::string_view who, double rate, const Shape& x) {
  if (!(rate >= 0 && rate < 1))
    throw std::invalid_argument(detail::formatted("{}: rate = {}, it must be in [0, 1)", who, rate));
  LayerPlan plan;
  plan.output = x;
  return plan;
}

template <>
struct LayerKind<Dropout> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"dropout"};
  static constexpr bool kInPlace = true;
  static constexpr bool kTrainingOnly = true;

  static std::string_view name(const Dropout&) { return kNames[0]; }
  static bool reads_inputs(const Dropout&) { return false; }
  static Dropout of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("rate", layer.rate);
  }
  static std::string detail(const Dropout& layer) { return detail::formatted("{}", layer.rate); }
  static LayerPlan plan(const Dropout& layer, const Shape& x, std::string_view who) {
    return dropout_plan(who, layer.rate, x);
  }
  template <class T>
  static void forward(const Dropout& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    dropout_forward(pass.x(), layer.rate, pass.key, pass.first_sample, y);
  }
  template <class T>
  static void backward(const Dropout& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) dropout_backward(pass.d, layer.rate, pass.key, pass.first_sample, pass.dx[0]);
  }
};

template <>
struct LayerKind<SpatialDropout2D> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"spatial_dropout2d"};
  static constexpr bool kInPlace = true;
  static constexpr bool kTrainingOnly = true;

  static std::string_view name(const SpatialDropout2D&) { return kNames[0]; }
  static bool reads_inputs(const SpatialDropout2D&) { return false; }
  static SpatialDropout2D of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("rate", layer.rate);
  }
  static std::string detail(const SpatialDropout2D& layer) { return detail::formatted("{}", layer.rate); }
  static LayerPlan plan(const SpatialDropout2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "spatial dropout takes");
    return dropout_plan(who, layer.rate, x);
  }
  template <class T>
  static void forward(const SpatialDropout2D& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    spatial_dropout_forward(pass.x(), layer.rate, pass.key, pass.first_sample, y);
  }
  template <class T>
  static void backward(const SpatialDropout2D& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) spatial_dropout_backward(pass.d, layer.rate, pass.key, pass.first_sample, pass.dx[0]);
  }
};

}  // namespace hubel::detail
