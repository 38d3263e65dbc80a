// What a kind of layer tells the rest of Hubel about itself. Each kind is one header, layer_<kind>.hpp, that
// specialises LayerKind for its description; layer_kinds.hpp collects them. Nothing else knows the kinds, so that a new
// one is its header and its place in the variant Layer.
//
// To a network a layer is a linear part followed by an activation, either of which may be absent. The execution handles
// the activation for all kinds, fused into the linear part where that loses nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubel/dropout.hpp"
#include "hubel/layers.hpp"
#include "hubel/network.hpp"
#include "ops/checks.hpp"
#include "ops/derivative.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// A parameter as a layer asks for it.
struct ParameterSpec {
  std::string name;  // within its layer: "kernel", "bias"
  Shape shape;
  Initializer initializer = Initializer::zeros;
  std::int64_t fan_in = 1, fan_out = 1;
  ParameterRole role = ParameterRole::weight;
  std::optional<double> constant = {};  // the start of all elements, instead of the initializer's
};

// A parameter that weight decay leaves alone: a bias, a norm's gamma or beta.
inline ParameterSpec vector_spec(std::string name, const Shape& shape, Initializer initializer) {
  const std::int64_t n = std::max<std::int64_t>(shape.elements(), 1);
  return {std::move(name), shape, initializer, n, n, ParameterRole::offset};
}

// What follows from a layer's description and its input's shape.
struct LayerPlan {
  Shape output;  // with the batch axis
  std::vector<ParameterSpec> parameters;
  std::int64_t macs = 0;  // of the whole batch
};

// What a layer at work is given, for some samples: of the batch those from `first_sample` on, or all.
template <class T>
struct ForwardPass {
  std::span<const TensorView<const T>> inputs;
  std::span<const Parameter<T>> parameters;
  Activation activation = Activation::identity;  // to be done in the same pass
  bool training = false;                         // batch statistics instead of running ones, dropout
  T* kept = nullptr;                             // in training: room for what backward will need, see kept_size
  DropoutKey key = {};
  std::int64_t first_sample = 0;

  TensorView<const T> x() const { return inputs[0]; }
};

template <class T>
struct BackwardPass : ForwardPass<T> {
  TensorView<T> d;        // the gradient with respect to the layer's output; free to be overwritten
  TensorView<const T> y;  // the output, where the kind asks for it (kOwnActivation)
  // Room for the gradients with respect to the inputs, to be written; empty views where none is wanted. A kind with
  // kInPlace may find d's memory here.
  std::span<const TensorView<T>> dx;
  std::span<const TensorView<T>> gradients;  // to be written, as parameters are
};

// What forward leaves for backward, in elements.
struct KeptSize {
  std::int64_t of_sample = 0;  // sample by sample
  std::int64_t of_batch = 0;   // once, whence the layer takes its batch whole
};

// Which pixels of its input a layer's output pixel depends on: along each axis a window, and how far those of
// neighbouring output pixels lie apart, a fraction where the output is larger than the input; or all of the input.
struct Reach {
  std::array<std::int64_t, 2> window = {1, 1};
  std::array<double, 2> step = {1, 1};
  bool all = false;
};

// LayerKind<L>, for each description L:
//
//   static constexpr std::array<std::string_view, n> kNames     the kinds' names in files and summaries
//   static std::string_view name(const L&)                      this layer's name among kNames
//   static L of_name(std::string_view name)                     the description with defaults
//   static std::string detail(const L&)                         for the summary: "6 @ 5x5, same, relu"
//   static LayerPlan plan(const L&, const Shape& x, std::string_view who)
//                                                               checks the options against the input's shape
//   static Reach reach(const L&, const Shape& x)                where it is more than the pixel itself; x is a sample's
//   template <class Self, class F> static void fields(Self& layer, F&& f)
//       calls f.required(name, field) or f.optional(name, field) for each option; Self is L or const L. An option that
//       came after files were written: f.later(name, field, default), which is not written where it is the default, so
//       that an earlier Hubel reads the file
//   template <class T> static void forward(const L&, const ForwardPass<T>&, TensorView<T> y)
//       y = activation(linear(inputs))
//   template <class T> static void backward(const L&, const BackwardPass<T>&)
//       from d = dL/d(linear(inputs)): dx, unless a view is empty, and the parameters' gradients
//
// and, where the defaults of LayerTraits do not hold, its own of those.
struct LayerTraits {
  // Moves no data: the linear part is the input seen in the output's shape, and there is no forward and backward.
  static constexpr bool kReshapes = false;
  // Takes several inputs: plan() then gets a span of their shapes.
  static constexpr bool kJoins = false;
  // Forward may do any activation in its pass, so that one behind it may be folded into it.
  static constexpr bool kFusesActivation = false;
  // Backward takes d = dL/dy and does the activation's part itself.
  static constexpr bool kOwnActivation = false;
  // dx[0] may be the memory of d.
  static constexpr bool kInPlace = false;
  // Backward reads the inputs; else their memory may be gone by then, and only their shapes count.
  template <class L>
  static bool reads_inputs(const L&) {
    return true;
  }
  // Whether each number it makes is a mean of such of the same channel, or one of them: rows of probabilities stay
  // such.
  template <class L>
  static bool averages(const L&) {
    return false;
  }
  // How much of a statistic is left when a batch has moved it.
  template <class L>
  static double left_of_statistics(const L&) {
    return 1;
  }
  // Only in training; else its output is its input.
  static constexpr bool kTrainingOnly = false;
  template <class L>
  static KeptSize kept_size(const L&, const Shape& /*x: a sample's*/) {
    return {};
  }
  template <class L>
  static Reach reach(const L&, const Shape& /*x: a sample's*/) {
    return {};
  }
};
template <class L>
struct LayerKind;

// Where a convolution's bias has its gradient, as (1, 1, 1, filters); an empty view where none is wanted.
template <class T>
TensorView<T> bias_gradient(const BackwardPass<T>& pass) {
  if (pass.gradients.size() < 2 || !is_given(pass.gradients[1])) return {};
  return {pass.gradients[1].data(), Shape{1, 1, 1, pass.gradients[1].size()}};
}

// The layer's activation; identity for a kind that has none.
template <class L>
Activation layer_activation(const L& layer) {
  if constexpr (requires { layer.activation; }) {
    return layer.activation;
  } else {
    return Activation::identity;
  }
}

// Of a convolution or pooling.
inline Reach window_reach(const std::array<std::int64_t, 2>& size, const std::array<std::int64_t, 2>& strides,
                          const std::array<std::int64_t, 2>& dilation = {1, 1}) {
  Reach reach;
  for (const std::size_t axis : {0, 1}) {
    reach.window[axis] = (size[axis] - 1) * dilation[axis] + 1;
    reach.step[axis] = static_cast<double>(strides[axis]);
  }
  return reach;
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
  throw std::invalid_argument(
      detail::formatted("{}: {} = {}, it must be at least 1 and below 2^31", who, option, value));
}

inline void check_sizes(std::string_view who, std::string_view option, const std::array<std::int64_t, 2>& pair) {
  for (std::int64_t value : pair) check_size(who, option, value);
}

// A layer on images takes (m, h, w, c); `what` says who it is: "pooling takes".
inline void check_images(std::string_view who, const Shape& x, std::string_view what) {
  if (x.rank() == 4) return;
  throw std::invalid_argument(
      detail::formatted("{}: the input has shape {}, {} images, (m, h, w, c)", who, x.to_string(), what));
}

// A layer of sequences (m, w, c), which are images of one row.
inline void check_sequences(std::string_view who, const Shape& x, std::string_view what) {
  if (x.rank() == 3) return;
  throw std::invalid_argument(detail::formatted("{}: the input has shape {}, {} (m, w, c)", who, x.to_string(), what));
}
inline Shape row_image(const Shape& x) { return {x[0], 1, x[1], x[2]}; }
template <class T>
TensorView<T> row_image(TensorView<T> x) {
  return {x.data(), row_image(x.shape())};
}

// What keeps its input's shape and has one number for an option, which must be finite, also as a float.
inline LayerPlan same_shape_plan(std::string_view who, std::string_view option, double value, const Shape& x) {
  if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max())))
    throw std::invalid_argument(detail::formatted("{}: {} = {}, it must be finite in float32", who, option, value));
  LayerPlan plan;
  plan.output = x;
  return plan;
}

// A layer that joins branches takes two at least.
inline void check_join(std::string_view who, std::span<const Shape> xs) {
  if (xs.size() >= 2) return;
  throw std::invalid_argument(
      detail::formatted("{}: it has {} input{}, it must have two or more", who, xs.size(), xs.size() == 1 ? "" : "s"));
}

// One that takes two at least of one shape, and keeps it.
inline LayerPlan joined_plan(std::string_view who, std::span<const Shape> xs) {
  check_join(who, xs);
  for (const Shape& x : xs) {
    if (x == xs[0]) continue;
    throw std::invalid_argument(detail::formatted("{}: the inputs have shapes {} and {}, they must have one shape", who,
                                                  xs[0].without_first().to_string(), x.without_first().to_string()));
  }
  LayerPlan plan;
  plan.output = xs[0];
  return plan;
}

// "5x5"
inline std::string extent_text(const std::array<std::int64_t, 2>& pair) {
  return detail::formatted("{}x{}", pair[0], pair[1]);
}

// "same", "valid", or "padding 1,1,2,2": top, bottom, left, right.
inline std::string padding_text(const Padding& p) {
  if (p.kind == Padding::Kind::same) return "same";
  if (p.kind == Padding::Kind::valid) return "valid";
  return detail::formatted("padding {},{},{},{}", p.top, p.bottom, p.left, p.right);
}

// Of images of one row.
inline void check_row_padding(std::string_view who, const Padding& p) {
  if (p.top == 0 && p.bottom == 0) return;
  throw std::invalid_argument(
      detail::formatted("{}: {}, of which top and bottom must be 0: ((0, 0), (left, right))", who, padding_text(p)));
}

}  // namespace hubel::detail
