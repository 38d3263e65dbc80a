// The layer BatchNorm. In training it keeps the batch's mean, 1 / deviation and variance for backward, which also
// works out by how much the running statistics move.
#pragma once

#include "hubel/norm.hpp"
#include "nn/layer_kind.hpp"
#include "nn/norm_parameters.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

template <>
struct LayerKind<BatchNorm> : LayerTraits {
  static constexpr std::array<std::string_view, 1> kNames = {"batch_norm"};
  static constexpr bool kFusesActivation = true;
  static constexpr bool kOwnActivation = true;
  static constexpr bool kInPlace = true;

  static std::string_view name(const BatchNorm&) { return kNames[0]; }
  static double left_of_statistics(const BatchNorm& layer) { return layer.momentum; }
  static BatchNorm of_name(std::string_view) { return {}; }
  template <class Self, class F>
  static void fields(Self& layer, F&& f) {
    f.optional("momentum", layer.momentum);
    f.optional("epsilon", layer.epsilon);
    f.optional("center", layer.center);
    f.optional("scale", layer.scale);
    f.optional("activation", layer.activation);
    norm_initializer_fields(layer, f);
  }
  static std::string detail(const BatchNorm& layer) {
    return layer.activation == Activation::identity ? "" : std::string(activation_name(layer.activation));
  }

  static LayerPlan plan(const BatchNorm& layer, const Shape& x, std::string_view who) {
    if (!(layer.momentum >= 0 && layer.momentum <= 1))
      throw std::invalid_argument(detail::formatted("{}: momentum = {}, it must be in [0, 1]", who, layer.momentum));
    check_epsilon(who, layer.epsilon);
    const Shape channels{x.back()};
    LayerPlan plan;
    plan.output = x;
    add_norm_parameters(plan, layer, channels);
    plan.parameters.push_back(
        {.name = "running_mean", .shape = channels, .role = ParameterRole::statistic, .constant = 0});
    plan.parameters.push_back(
        {.name = "running_variance", .shape = channels, .role = ParameterRole::statistic, .constant = 1});
    return plan;
  }

  static KeptSize kept_size(const BatchNorm&, const Shape& x) { return {.of_batch = 3 * x.back()}; }

  template <class T>
  static void forward(const BatchNorm& layer, const ForwardPass<T>& pass, TensorView<T> y) {
    const NormParameters<const T> p = norm_parameters(layer, pass.parameters);
    if (pass.training) {
      const auto [mean, inv_std, variance] = statistics(pass);
      batch_norm_forward(pass.x(), p.gamma, p.beta, layer.epsilon, pass.activation, y, mean, inv_std, variance);
    } else {
      batch_norm_inference(pass.x(), p.gamma, p.beta, p.rest[0], p.rest[1], layer.epsilon, pass.activation, y);
    }
  }

  template <class T>
  static void backward(const BatchNorm& layer, const BackwardPass<T>& pass) {
    const NormParameters<const T> p = norm_parameters(layer, pass.parameters);
    const NormParameters<T> d = norm_gradients(layer, pass.gradients);
    if (!pass.training) {
      batch_norm_inference_backward(pass.d, pass.x(), pass.y, p.gamma, p.beta, p.rest[0], p.rest[1], layer.epsilon,
                                    pass.activation, pass.dx[0], d.gamma, d.beta);
      for (const TensorView<T>& step : d.rest)
        if (is_given(step)) std::fill(step.begin(), step.end(), T(0));
      return;
    }
    const auto [mean, inv_std, variance] = statistics(pass);
    batch_norm_backward(pass.d, pass.x(), pass.y, p.gamma, p.beta, mean, inv_std, pass.activation, pass.dx[0], d.gamma,
                        d.beta);
    const std::int64_t n = pass.x().size() / mean.size();
    const double unbiased = n > 1 ? static_cast<double>(n) / static_cast<double>(n - 1) : 1, share = 1 - layer.momentum;
    for (std::int64_t c = 0; c < mean.size(); ++c) {
      d.rest[0][c] = n > 0 ? static_cast<T>(share * (p.rest[0][c] - mean[c])) : T(0);
      d.rest[1][c] = n > 0 ? static_cast<T>(share * (p.rest[1][c] - unbiased * variance[c])) : T(0);
    }
  }

 private:
  template <class T>
  static std::array<TensorView<T>, 3> statistics(const ForwardPass<T>& pass) {
    const std::int64_t c = pass.x().shape().back();
    return {TensorView<T>(pass.kept, {c}), TensorView<T>(pass.kept + c, {c}), TensorView<T>(pass.kept + 2 * c, {c})};
  }
};

}  // namespace hubel::detail
