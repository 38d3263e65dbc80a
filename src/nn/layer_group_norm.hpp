// The layer GroupNorm. In training it keeps each sample's and group's mean and 1 / deviation; else they have no use
// after forward.
#pragma once

#include "hubel/norm.hpp"
#include "nn/layer_kind.hpp"
#include "nn/norm_parameters.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<GroupNorm> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"group_norm"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const GroupNorm&) { return kNames[0]; }
  static GroupNorm of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("groups", layer.groups);
    f.optional("epsilon", layer.epsilon);
    f.optional("center", layer.center);
    f.optional("scale", layer.scale);
    norm_initializer_fields(layer, f);
  }
  static std::string detail(const GroupNorm& layer) {
    return layer.groups == -1 ? "a group each channel" : detail::formatted("{} groups", layer.groups);
  }

  static LayerPlan plan(const GroupNorm& layer, const Shape& x, std::string_view who) {
    if (layer.groups != -1 && layer.groups < 1)
      throw std::invalid_argument(detail::formatted(
          "{}: groups = {}, it must be at least 1, or -1 for a group of each channel", who, layer.groups));
    check_epsilon(who, layer.epsilon);
    if (x.back() % groups(layer, x) != 0) {
      throw std::invalid_argument(
          detail::formatted("{}: groups = {} must divide the input's channels ({})", who, layer.groups, x.back()));
    }
    check_normalised(who, x.elements() / (x[0] * groups(layer, x)), x);
    LayerPlan plan;
    plan.output = x;
    add_norm_parameters(plan, layer, Shape{x.back()});
    return plan;
  }

  static KeptSize kept_size(const GroupNorm& layer, const Shape& x) { return {.of_sample = 2 * groups(layer, x)}; }

  template <class T>
  static void forward(const GroupNorm& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    const NormParameters<const T> p = norm_parameters(layer, pass.parameters);
    const auto [mean, inv_std] = statistics(layer, pass);
    group_norm_forward(pass.x(), groups(layer, pass.x().shape()), p.gamma, p.beta, layer.epsilon, y, mean, inv_std);
  }

  template <class T>
  static void backward(const GroupNorm& layer, const BackwardPass<T>& pass) {
    const NormParameters<const T> p = norm_parameters(layer, pass.parameters);
    const NormParameters<T> d = norm_gradients(layer, pass.gradients);
    const auto [mean, inv_std] = statistics(layer, pass);
    group_norm_backward(pass.d, pass.x(), groups(layer, pass.x().shape()), p.gamma, mean, inv_std, pass.dx[0], d.gamma,
                        d.beta);
  }

 private:
  static std::int64_t groups(const GroupNorm& layer, const Shape& x) {
    return layer.groups == -1 ? x.back() : layer.groups;
  }
  template <class T>
  static std::array<TensorView<T>, 2> statistics(const GroupNorm& layer, const ForwardPass<T>& pass) {
    return kept_tensors<2>(pass, Shape{pass.x().shape()[0], groups(layer, pass.x().shape())});
  }
};

}  // namespace hubel::detail
