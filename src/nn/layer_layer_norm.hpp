// The layer LayerNorm. In training it keeps the means and 1 / deviations; else they have no use after forward.
#pragma once

#include "hubel/norm.hpp"
#include "nn/layer_kind.hpp"
#include "nn/norm_parameters.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<LayerNorm> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"layer_norm"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const LayerNorm&) { return kNames[0]; }
  static LayerNorm of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("axes", layer.axes);
    f.optional("epsilon", layer.epsilon);
    f.optional("center", layer.center);
    f.optional("scale", layer.scale);
    norm_initializer_fields(layer, f);
  }
  static std::string detail(const LayerNorm& layer) {
    return layer.axes == 1 ? "" : detail::formatted("{} axes", layer.axes);
  }

  static LayerPlan plan(const LayerNorm& layer, const Shape& x, std::string_view who) {
    check_epsilon(who, layer.epsilon);
    const auto most = static_cast<std::int64_t>(x.rank()) - 1;
    if (layer.axes < 1 || layer.axes > most)
      throw std::invalid_argument(detail::formatted("{}: axes = {}, it must be from 1 to {}", who, layer.axes, most));
    const Shape normalised(std::span(x.end() - layer.axes, x.end()));
    check_normalised(who, normalised.elements(), x);
    LayerPlan plan;
    plan.output = x;
    add_norm_parameters(plan, layer, normalised);
    return plan;
  }

  static KeptSize kept_size(const LayerNorm& layer, const Shape& x) {
    return {.of_sample = 2 * Shape(std::span(x.begin(), x.end() - layer.axes)).elements()};
  }

  template <class T>
  static void forward(const LayerNorm& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    const NormParameters<const T> p = norm_parameters(layer, pass.parameters);
    const auto [mean, inv_std] = statistics(layer, pass);
    layer_norm_forward(pass.x(), layer.axes, p.gamma, p.beta, layer.epsilon, y, mean, inv_std);
  }

  template <class T>
  static void backward(const LayerNorm& layer, const BackwardPass<T>& pass) {
    const NormParameters<const T> p = norm_parameters(layer, pass.parameters);
    const NormParameters<T> d = norm_gradients(layer, pass.gradients);
    const auto [mean, inv_std] = statistics(layer, pass);
    layer_norm_backward(pass.d, pass.x(), layer.axes, p.gamma, mean, inv_std, pass.dx[0], d.gamma, d.beta);
  }

 private:
  template <class T>
  static std::array<TensorView<T>, 2> statistics(const LayerNorm& layer, const ForwardPass<T>& pass) {
    const Shape x = pass.x().shape();
    return kept_tensors<2>(pass, Shape(std::span(x.begin(), x.end() - layer.axes)));
  }
};

}  // namespace hubel::detail
