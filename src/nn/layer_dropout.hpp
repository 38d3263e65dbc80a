// The layers Dropout, SpatialDropout2D, StochasticDepth, AlphaDropout and GaussianDropout, at work in training alone.
#pragma once

#include "hubel/dropout.hpp"
#include "hubel/noise.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// What they have in common.
template <class L>
struct DropoutTraits : LayerTraits {
  static constexpr bool kInPlace = true;
  static constexpr bool kTrainingOnly = true;

  static bool reads_inputs(const L&) { return false; }
  static L of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("rate", layer.rate);
  }
  static std::string detail(const L& layer) { return detail::formatted("{}", layer.rate); }
  static LayerPlan plan(const L& layer, const Shape& x, std::string_view who) {
    if (!(layer.rate >= 0 && layer.rate < 1))
      throw std::invalid_argument(detail::formatted("{}: rate = {}, it must be in [0, 1)", who, layer.rate));
    LayerPlan plan;
    plan.output = x;
    return plan;
  }
};

template <>
struct LayerKind<Dropout> : DropoutTraits<Dropout> {
  static constexpr std::array<std::string_view, 1> kNames = {"dropout"};

  static std::string_view name(const Dropout&) { return kNames[0]; }
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
struct LayerKind<SpatialDropout2D> : DropoutTraits<SpatialDropout2D> {
  static constexpr std::array<std::string_view, 1> kNames = {"spatial_dropout2d"};

  static std::string_view name(const SpatialDropout2D&) { return kNames[0]; }
  static LayerPlan plan(const SpatialDropout2D& layer, const Shape& x, std::string_view who) {
    check_images(who, x, "spatial dropout takes");
    return DropoutTraits::plan(layer, x, who);
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

template <>
struct LayerKind<StochasticDepth> : DropoutTraits<StochasticDepth> {
  static constexpr std::array<std::string_view, 1> kNames = {"stochastic_depth"};

  static std::string_view name(const StochasticDepth&) { return kNames[0]; }
  template <class T>
  static void forward(const StochasticDepth& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    stochastic_depth_forward(pass.x(), layer.rate, pass.key, pass.first_sample, y);
  }
  template <class T>
  static void backward(const StochasticDepth& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) stochastic_depth_backward(pass.d, layer.rate, pass.key, pass.first_sample, pass.dx[0]);
  }
};

template <>
struct LayerKind<AlphaDropout> : DropoutTraits<AlphaDropout> {
  static constexpr std::array<std::string_view, 1> kNames = {"alpha_dropout"};

  static std::string_view name(const AlphaDropout&) { return kNames[0]; }
  template <class T>
  static void forward(const AlphaDropout& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    alpha_dropout_forward(pass.x(), layer.rate, pass.key, pass.first_sample, y);
  }
  template <class T>
  static void backward(const AlphaDropout& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) alpha_dropout_backward(pass.d, layer.rate, pass.key, pass.first_sample, pass.dx[0]);
  }
};

template <>
struct LayerKind<GaussianDropout> : DropoutTraits<GaussianDropout> {
  static constexpr std::array<std::string_view, 1> kNames = {"gaussian_dropout"};

  static std::string_view name(const GaussianDropout&) { return kNames[0]; }
  template <class T>
  static void forward(const GaussianDropout& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    gaussian_dropout(pass.x(), layer.rate, pass.key, pass.first_sample, y);
  }
  template <class T>
  static void backward(const GaussianDropout& layer, const BackwardPass<T>& pass) {
    if (!is_given(pass.dx[0])) return;
    gaussian_dropout(TensorView<const T>(pass.d), layer.rate, pass.key, pass.first_sample, pass.dx[0]);
  }
};

}  // namespace hubel::detail
