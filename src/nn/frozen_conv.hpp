// A convolution whose weights do not change any more: packed once, and with the batch normalisation behind it folded
// in.
//
// Outside of training a batch normalisation is y = s z + t for each channel, s = gamma / sqrt(variance + epsilon) and t
// = beta - s mean; of z = x * W + b this makes x * (s W) + (s b + t) (Jacob et al. 2018, section 3.2).
#pragma once

#include <cmath>
#include <optional>
#include <span>

#include "hubel/conv_plan.hpp"
#include "hubel/network.hpp"
#include "nn/layer_batch_norm.hpp"
#include "nn/layer_conv2d.hpp"
#include "nn/layer_dense.hpp"
#include "nn/layer_depthwise_conv2d.hpp"

namespace hubel::detail {

// The layer as a Conv2D on samples of shape x, if it is one.
inline std::optional<Conv2D> conv_of(const Layer& layer, const Shape& x) {
  if (const auto* conv = std::get_if<Conv2D>(&layer)) return *conv;
  if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&layer))
    return LayerKind<DepthwiseConv2D>::as_conv(*depthwise, x.back());
  if (const auto* dense = std::get_if<Dense>(&layer); dense && x.rank() == 3) return LayerKind<Dense>::as_conv(*dense);
  return std::nullopt;
}

template <class T>
class FrozenConv {
 public:
  using Parameters = std::span<const Parameter<T>>;

  // On samples of shape x; norm is the layer behind, or null. The plan is made for one image, so that an image's result
  // does not depend on how many a batch may have.
  FrozenConv(const Conv2D& conv, Parameters parameters, const BatchNorm* norm, Parameters norm_parameters,
             const Shape& x)
      : plan_(batch_shape_of(x), as_kernel(parameters[0].value).shape(), LayerKind<Conv2D>::options(conv)) {
    Tensor<T> kernel = parameters[0].value;
    if (conv.use_bias || norm) bias_ = Tensor<T>(Shape{1, 1, 1, conv.filters});
    if (conv.use_bias) std::copy(parameters[1].value.begin(), parameters[1].value.end(), bias_.begin());
    if (norm) fold(*norm, norm_parameters, kernel);
    plan_.set_weights(as_kernel(kernel), false);
  }

  // With `add`, if it can, the result before the activation is added to y.
  void forward(TensorView<const T> x, Activation activation, bool add, TensorView<T> y) const {
    const TensorView<const T> bias = bias_.size() > 0 ? bias_.view() : TensorView<const T>();
    add ? plan_.forward_add(x, bias, activation, y) : plan_.forward(x, bias, activation, y);
  }
  bool can_add() const { return plan_.can_add(); }

 private:
  // Also of a dense layer.
  static TensorView<const T> as_kernel(const Tensor<T>& weights) {
    return weights.shape().rank() == 2 ? LayerKind<Dense>::as_kernel(weights.view()) : weights.view();
  }
  static Shape batch_shape_of(const Shape& x) { return {1, x[0], x[1], x[2]}; }

  void fold(const BatchNorm& norm, Parameters parameters, Tensor<T>& kernel) {
    const NormParameters<const T> p = norm_parameters(norm, parameters);
    const std::int64_t filters = bias_.size();
    for (std::int64_t k = 0; k < filters; ++k) {
      const double gamma = p.gamma.data() ? static_cast<double>(p.gamma[k]) : 1;
      const double beta = p.beta.data() ? static_cast<double>(p.beta[k]) : 0;
      const double s = gamma / std::sqrt(static_cast<double>(p.rest[1][k]) + norm.epsilon);
      bias_[k] = static_cast<T>(s * (static_cast<double>(bias_[k]) - static_cast<double>(p.rest[0][k])) + beta);
      for (std::int64_t i = k; i < kernel.size(); i += filters)
        kernel[i] = static_cast<T>(s * static_cast<double>(kernel[i]));
    }
  }

  ConvPlan<T> plan_;
  Tensor<T> bias_ = Tensor<T>(Shape{0});
};

}  // namespace hubel::detail
