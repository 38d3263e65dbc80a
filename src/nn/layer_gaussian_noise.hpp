// The layer GaussianNoise, at work in training alone.
#pragma once

#include "hubel/noise.hpp"
#include "nn/layer_kind.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<GaussianNoise> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"gaussian_noise"};
  static constexpr bool kInPlace = true;
  static constexpr bool kTrainingOnly = true;

  static std::string_view name(const GaussianNoise&) { return kNames[0]; }
  static bool reads_inputs(const GaussianNoise&) { return false; }
  static GaussianNoise of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("stddev", layer.stddev);
  }
  static std::string detail(const GaussianNoise& layer) { return detail::formatted("{}", layer.stddev); }
  static LayerPlan plan(const GaussianNoise& layer, const Shape& x, std::string_view who) {
    if (!(std::isfinite(layer.stddev) && layer.stddev >= 0)) {
      throw std::invalid_argument(
          detail::formatted("{}: stddev = {}, it must be finite and at least 0", who, layer.stddev));
    }
    LayerPlan plan;
    plan.output = x;
    return plan;
  }
  template <class T>
  static void forward(const GaussianNoise& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    gaussian_noise(pass.x(), layer.stddev, pass.key, pass.first_sample, y);
  }
  template <class T>
  static void backward(const GaussianNoise&, const BackwardPass<T>& pass) {
    if (is_given(pass.dx[0]) && pass.dx[0].data() != pass.d.data())
      std::copy(pass.d.begin(), pass.d.end(), pass.dx[0].begin());
  }
};

}  // namespace hubel::detail
