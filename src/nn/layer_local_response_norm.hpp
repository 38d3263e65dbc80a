// The layer LocalResponseNorm.
#pragma once

#include "hubel/lrn.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<LocalResponseNorm> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"local_response_norm"};
  static constexpr bool kInPlace = true;

  static std::string_view name(const LocalResponseNorm&) { return kNames[0]; }
  static LocalResponseNorm of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("size", layer.size);
    f.optional("alpha", layer.alpha);
    f.optional("beta", layer.beta);
    f.optional("k", layer.k);
  }
  static std::string detail(const LocalResponseNorm& layer) {
    return detail::formatted("{} channels, alpha {}, beta {}, k {}", layer.size, layer.alpha, layer.beta, layer.k);
  }
  static LayerPlan plan(const LocalResponseNorm& layer, const Shape& x, std::string_view who) {
    check_local_response_norm(options(layer), who);
    LayerPlan plan;
    plan.output = x;
    return plan;
  }
  template <class T>
  static void forward(const LocalResponseNorm& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    local_response_norm_forward(pass.x(), options(layer), y);
  }
  template <class T>
  static void backward(const LocalResponseNorm& layer, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0])) local_response_norm_backward(pass.d, pass.x(), options(layer), pass.dx[0]);
  }

 private:
  static LocalResponseNormOptions options(const LocalResponseNorm& layer) {
    return {layer.size, layer.alpha, layer.beta, layer.k};
  }
};

}  // namespace hubel::detail
