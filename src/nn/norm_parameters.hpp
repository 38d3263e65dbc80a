// What the normalising layers share: gamma and beta, each of which may be left out.
#pragma once

#include "nn/layer_kind.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

inline void check_epsilon(std::string_view who, double epsilon) {
  if (epsilon > 0 && epsilon < std::numeric_limits<double>::infinity()) return;
  throw std::invalid_argument(detail::formatted("{}: epsilon = {}, it must be above 0", who, epsilon));
}

// `count` values of a sample of x are normalised together: a single one would become 0, whatever it was.
inline void check_normalised(std::string_view who, std::int64_t count, const Shape& x) {
  if (count != 1) return;
  throw std::invalid_argument(detail::formatted(
      "{}: of an input {} each value would be normalised by itself, which makes it 0", who, x.to_string()));
}

template <class L>
void add_norm_parameters(LayerPlan& plan, const L& layer, const Shape& shape) {
  if (layer.scale) plan.parameters.push_back(vector_spec("gamma", shape, layer.gamma_initializer));
  if (layer.center) plan.parameters.push_back(vector_spec("beta", shape, layer.beta_initializer));
}

// The last options of each norm.
template <class Self, class F>
void norm_initializer_fields(Self& layer, F&& f) {
  f.later("beta_initializer", layer.beta_initializer, Initializer::zeros);
  f.later("gamma_initializer", layer.gamma_initializer, Initializer::ones);
}

// gamma and beta, empty views where the layer has none, and what parameters it has beside them.
template <class T>
struct NormParameters {
  TensorView<T> gamma, beta;
  std::array<TensorView<T>, 2> rest;
};

template <class T, class L, class View>
NormParameters<T> norm_views(const L& layer, std::size_t count, const View& view) {
  NormParameters<T> views;
  std::size_t next = 0;
  if (layer.scale) views.gamma = view(next++);
  if (layer.center) views.beta = view(next++);
  for (std::size_t i = 0; next < count; ++i) views.rest[i] = view(next++);
  return views;
}

template <class T, class L>
NormParameters<const T> norm_parameters(const L& layer, std::span<const Parameter<T>> parameters) {
  return norm_views<const T>(layer, parameters.size(), [&](std::size_t i) { return parameters[i].value.view(); });
}

template <class T, class L>
NormParameters<T> norm_gradients(const L& layer, std::span<const TensorView<T>> gradients) {
  return norm_views<T>(layer, gradients.size(), [&](std::size_t i) { return gradients[i]; });
}

// Tensors of that shape, one behind another, in what is kept, or for this call only where nothing is.
template <std::size_t N, class T>
std::array<TensorView<T>, N> kept_tensors(const ForwardPass<T>& pass, const Shape& shape) {
  const std::int64_t n = shape.elements();
  T* memory = pass.kept;
  if (!memory) memory = scratch<T>(Scratch::statistics, N * static_cast<std::size_t>(n));
  std::array<TensorView<T>, N> tensors;
  for (std::size_t i = 0; i < N; ++i) tensors[i] = {memory + static_cast<std::int64_t>(i) * n, shape};
  return tensors;
}

}  // namespace hubel::detail
