// Prepared convolutions; see hubel/conv_plan.hpp.
#include "hubel/conv_plan.hpp"

#include <stdexcept>
#include <vector>

#include "ops/checks.hpp"
#include "ops/conv_passes.hpp"
#include "ops/depthwise.hpp"
#include "ops/planar.hpp"
#include "ops/scatter.hpp"
#include "ops/winograd.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Tensor's memory is aligned for vectors. It keeps the larger of two kernels' room.
template <class T>
T* room_for(Tensor<T>& memory, std::int64_t elements) {
  if (memory.size() < elements) memory = Tensor<T>::uninitialized(Shape{elements});
  return memory.data();
}

template <class Problem>
ConvAlgorithm chosen(Problem k, ConvAlgorithm wanted) {
  k.algorithm = wanted;
  return detail::by_winograd(k) ? ConvAlgorithm::winograd : ConvAlgorithm::direct;
}

}  // namespace

template <class T>
struct ConvPlan<T>::Impl {
  Shape W;
  ConvOptions options;
  ConvGeometry geometry;
  ConvAlgorithm forward, backward_data = ConvAlgorithm::direct, backward_weights;

  // The packed kernels of forward and of backward_data's phases, the latter one after another from `phases` on. An
  // infinite or NaN weight makes padding matter (Correlation::skip_outside).
  Tensor<T> forward_kernel, backward_kernel, weights;
  std::vector<std::int64_t> phases;
  bool has_weights = false, has_backward = false, finite = true;

  Impl(const Shape& A_prev, const Shape& W_, const ConvOptions& o)
      : W(W_), options(o), geometry(conv_geometry(A_prev, W_, o, "ConvPlan")) {
    const ConvGeometry g = detail::flattened(geometry);
    auto k = detail::forward_correlation<T>(g);
    k.kernel_is_kept = true;
    forward = chosen(k, o.algorithm);
    backward_weights = chosen(detail::weight_gradient_of<T>(g), o.algorithm);
    detail::for_each_phase<T>(g, false, [&](detail::Correlation<T>& phase, std::int64_t) {
      phase.kernel_is_kept = true;
      backward_data = chosen(phase, o.algorithm);
    });
  }

  // The geometry for as many images as A_prev has.
  ConvGeometry geometry_of(const Shape& A_prev, const char* who) const {
    detail::check_shape(who, "A_prev", A_prev,
                        Shape{A_prev.rank() > 0 ? A_prev[0] : 0, geometry.h_prev, geometry.w_prev, geometry.c_prev},
                        "(m, h_prev, w_prev, c_prev) as planned");
    ConvGeometry g = geometry;
    g.m = A_prev[0];
    return g;
  }
  // The forward pass, all but its pointers, for the geometry's images.
  detail::Correlation<T> forward_of(const ConvGeometry& g) const {
    auto k = detail::forward_correlation<T>(detail::flattened(g));
    k.algorithm = forward;
    k.kernel_is_kept = true;
    return k;
  }
  // forward, or with `add` forward_add, for the function named.
  void run(TensorView<const T> A_prev, TensorView<const T> b, Activation activation, bool add, TensorView<T> out,
           const char* who) const;
  bool scatters(const ConvGeometry& g) const {
    return options.algorithm != ConvAlgorithm::winograd && detail::by_scatter<T>(g);
  }
  void require(bool there, const char* who) const {
    if (!there) throw std::logic_error(detail::formatted("{}: set_weights has not been called for it", who));
  }
};

template <class T>
ConvPlan<T>::ConvPlan(const Shape& A_prev, const Shape& W, const ConvOptions& options)
    : impl_(std::make_unique<Impl>(A_prev, W, options)) {}
template <class T>
ConvPlan<T>::~ConvPlan() = default;
template <class T>
ConvPlan<T>::ConvPlan(ConvPlan&&) noexcept = default;
template <class T>
ConvPlan<T>& ConvPlan<T>::operator=(ConvPlan&&) noexcept = default;

template <class T>
const ConvGeometry& ConvPlan<T>::geometry() const {
  return impl_->geometry;
}
template <class T>
ConvAlgorithm ConvPlan<T>::forward_algorithm() const {
  return impl_->forward;
}
template <class T>
ConvAlgorithm ConvPlan<T>::backward_data_algorithm() const {
  return impl_->backward_data;
}
template <class T>
ConvAlgorithm ConvPlan<T>::backward_weights_algorithm() const {
  return impl_->backward_weights;
}

template <class T>
void ConvPlan<T>::set_weights(TensorView<const T> W, bool for_backward) {
  Impl& p = *impl_;
  detail::check_shape("ConvPlan::set_weights", "W", W.shape(), p.W, "the plan's W");
  p.has_weights = p.has_backward = false;
  std::copy(W.begin(), W.end(), room_for(p.weights, W.size()));
  p.finite = detail::all_finite(W.data(), W.size());
  ConvGeometry g = p.geometry;
  g.m = std::max<std::int64_t>(g.m, 1);
  auto k = p.forward_of(g);
  k.weights = p.weights.data();
  detail::pack_kernel(k, room_for(p.forward_kernel, detail::packed_elements(k)));
  p.has_weights = true;
  if (!for_backward) return;
  p.has_backward = true;
  g = detail::flattened(g);
  if (p.scatters(g)) return;
  const auto each_phase = [&](const auto& f) {
    detail::for_each_phase<T>(g, !p.finite, [&](detail::Correlation<T>& phase, std::int64_t) {
      phase.weights = p.weights.data();
      phase.algorithm = p.backward_data;
      phase.kernel_is_kept = true;
      f(phase);
    });
  };
  p.phases = {0};
  each_phase([&](const auto& phase) { p.phases.push_back(p.phases.back() + detail::packed_elements(phase)); });
  T* to = room_for(p.backward_kernel, p.phases.back());
  std::size_t i = 0;
  each_phase([&](const auto& phase) { detail::pack_kernel(phase, to + p.phases[i++]); });
}

template <class T>
void ConvPlan<T>::Impl::run(TensorView<const T> A_prev, TensorView<const T> b, Activation activation, bool add,
                            TensorView<T> out, const char* who) const {
  const ConvGeometry g = geometry_of(A_prev.shape(), who);
  if (b.data() || b.shape().rank() > 0) {
    detail::check_shape(who, "b", b.shape(), Shape{1, 1, 1, g.c_new}, "(1, 1, 1, c_new) with W's c_new");
  }
  detail::check_shape(who, "out", out.shape(), g.output_shape(), "(m, h_new, w_new, c_new)");
  require(has_weights, who);
  if (out.size() == 0) return;
  const bool by_row = activation == Activation::softmax || activation == Activation::log_softmax;
  auto k = forward_of(g);
  k.source = A_prev.data();
  k.weights = weights.data();
  k.out = out.data();
  k.bias = b.data();
  k.activation = by_row ? Activation::identity : activation;
  k.accumulate = add;
  detail::correlate(k, forward_kernel.data());
  if (by_row) activation_forward(out, activation, out);
}

template <class T>
void ConvPlan<T>::forward(TensorView<const T> A_prev, TensorView<const T> b, Activation activation,
                          TensorView<T> out) const {
  impl_->run(A_prev, b, activation, false, out, "ConvPlan::forward");
}

template <class T>
bool ConvPlan<T>::can_add() const {
  ConvGeometry g = impl_->geometry;
  g.m = std::max<std::int64_t>(g.m, 1);
  return !detail::by_depthwise(g) && !detail::by_planes(impl_->forward_of(g));
}

template <class T>
void ConvPlan<T>::forward_add(TensorView<const T> A_prev, TensorView<const T> b, Activation activation,
                              TensorView<T> out) const {
  constexpr const char* who = "ConvPlan::forward_add";
  if (!can_add())
    throw std::logic_error(detail::formatted("{}: this convolution cannot add to its output (see can_add)", who));
  impl_->run(A_prev, b, activation, true, out, who);
}

template <class T>
void ConvPlan<T>::backward_data(TensorView<const T> dZ, TensorView<T> dA_prev) const {
  constexpr const char* who = "ConvPlan::backward_data";
  const Impl& p = *impl_;
  const ConvGeometry g = p.geometry_of(dA_prev.shape(), who);
  detail::check_shape(who, "dZ", dZ.shape(), g.output_shape(), "(m, h_new, w_new, c_new), the shape of the output");
  p.require(p.has_backward, who);
  const bool nothing = dZ.size() == 0 || p.weights.size() == 0;
  if (nothing || !detail::covers_input(g)) std::fill(dA_prev.begin(), dA_prev.end(), T(0));
  if (nothing || dA_prev.size() == 0) return;
  if (p.scatters(detail::flattened(g)))
    return detail::backward_data_scatter(detail::flattened(g), dZ.data(), p.weights.data(), dA_prev.data());
  if (detail::by_depthwise(g))
    return detail::backward_data_depthwise(detail::flattened(g), dZ.data(), p.backward_kernel.data(), dA_prev.data());
  std::size_t i = 0;
  detail::for_each_phase<T>(detail::flattened(g), !p.finite, [&](detail::Correlation<T>& k, std::int64_t offset) {
    k.source = dZ.data();
    k.weights = p.weights.data();
    k.out = dA_prev.data() + offset;
    k.algorithm = p.backward_data;
    k.kernel_is_kept = true;
    detail::correlate(k, p.backward_kernel.data() + p.phases[i++]);
  });
}

template <class T>
void ConvPlan<T>::backward_weights(TensorView<const T> dZ, TensorView<const T> A_prev, TensorView<T> dW) const {
  constexpr const char* who = "ConvPlan::backward_weights";
  const Impl& p = *impl_;
  const ConvGeometry g = p.geometry_of(A_prev.shape(), who);
  detail::check_shape(who, "dZ", dZ.shape(), g.output_shape(), "(m, h_new, w_new, c_new), the shape of the output");
  detail::check_shape(who, "dW", dW.shape(), p.W, "the shape of W");
  if (dW.size() == 0) return;
  auto k = detail::weight_gradient_of<T>(detail::flattened(g));
  k.source = A_prev.data();
  k.dz = dZ.data();
  k.dw = dW.data();
  k.algorithm = p.backward_weights;
  detail::weight_gradient(k);
}

template class ConvPlan<float>;
template class ConvPlan<double>;

}  // namespace hubel
