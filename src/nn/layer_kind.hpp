// What a kind of layer tells the rest of Hubel about itself. Each kind is one header, layer_<kind>.hpp, that
// specialises LayerKind for its description; layer_kinds.hpp collects them. Nothing else knows the kinds, so that a new
// one is its header and its place in the variant Layer.
//
// To a network a layer is a linear part followed by an activation, either of which may be absent. The execution handles
// the activation for all kinds, fused into the linear part where that loses nothing.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/layers.hpp"
#include "hubel/network.hpp"
#include "ops/checks.hpp"
#include "ops/derivative.hpp"

namespace hubel::detail {

// A parameter as a layer asks for it.
struct ParameterSpec {
  std::string name;  // within its layer: "kernel", "bias"
  Shape shape;
  Initializer initializer = Initializer::zeros;
  std::int64_t fan_in = 1, fan_out = 1;
};

// What follows from a layer's description and its input's shape.
struct LayerPlan {
  Shape output;  // with the batch axis
  std::vector<ParameterSpec> parameters;
  std::int64_t macs = 0;  // of the whole batch
};

// LayerKind<L>, for each description L:
//
//   static constexpr std::array<std::string_view, n> kNames     the kinds' names in files and summaries
//   static constexpr bool kReshapes                             the linear part moves no data: it is the input seen in
//                                                               the output's shape, and has no forward and backward
//   static std::string_view name(const L&)                      this layer's name among kNames
//   static L of_name(std::string_view name)                     the description with defaults
//   static std::string detail(const L&)                         for the summary: "6 @ 5x5, same, relu"
//   static LayerPlan plan(const L&, const Shape& x, std::string_view who)
//                                                               checks the options against the input's shape
//   template <class Self, class F> static void fields(Self& layer, F&& f)
//       calls f.required(name, field) or f.optional(name, field) for each option; Self is L or const L
//   template <class T> static void forward(const L&, TensorView<const T> x, std::span<const Parameter<T>> parameters,
//                                          Activation activation, TensorView<T> y)
//       y = activation(linear(x))
//   template <class T> static void backward(const L&, TensorView<const T> dz, TensorView<const T> x,
//                                           std::span<const Parameter<T>> parameters, TensorView<T> dx,
//                                           std::span<const TensorView<T>> gradients)
//       from dz = dL/d(linear(x)): dL/dx into dx unless it is an empty view, and dL/d(parameter) into gradients
template <class L>
struct LayerKind;

// The layer's activation; identity for a kind that has none.
template <class L>
Activation layer_activation(const L& layer) {
  if constexpr (requires { layer.activation; }) {
    return layer.activation;
  } else {
    return Activation::identity;
  }
}

// a * b for sizes that only inform: it stays at the largest number instead of overflowing.
inline std::int64_t saturating_product(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (std::int64_t f : factors) {
    if (f != 0 && product > std::numeric_limits<std::int64_t>::max() / f)
      return std::numeric_limits<std::int64_t>::max();
    product *= f;
  }
  return product;
}

// An option that counts something must be at least 1, and small enough that products of two fit 64 bits.
inline void check_size(std::string_view who, std::string_view option, std::int64_t value) {
  if (value >= 1 && value <= std::numeric_limits<std::int32_t>::max()) return;
  throw std::invalid_argument(fmt::format("{}: {} = {}, it must be at least 1 and below 2^31", who, option, value));
}

inline void check_sizes(std::string_view who, std::string_view option, const std::array<std::int64_t, 2>& pair) {
  for (std::int64_t value : pair) check_size(who, option, value);
}

// "5x5"
inline std::string extent_text(const std::array<std::int64_t, 2>& pair) {
  return fmt::format("{}x{}", pair[0], pair[1]);
}

}  // namespace hubel::detail
