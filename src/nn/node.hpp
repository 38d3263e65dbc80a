// A layer at work, on some samples of a batch at a time.
//
// A layer is a linear part z = linear(inputs) and an activation y = activation(z) (see layer_kind.hpp). Where the
// activation's derivative can be had from y, or none is wanted, the two run as one and z is not kept. An activation
// that is a layer of its own, and the max pooling behind a convolution (layer_pairs.hpp), are absorbed by the node
// before them where that pays; their own nodes then have nothing to do.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "hubel/network.hpp"
#include "nn/frozen_conv.hpp"
#include "nn/layer_kinds.hpp"
#include "nn/layer_pairs.hpp"
#include "nn/network_plan.hpp"
#include "ops/small_dense.hpp"

namespace hubel::detail {

template <class T>
struct Node {
  const Layer* layer = nullptr;
  Activation activation = Activation::identity;
  bool own_activation = false;          // the kind does the activation, forward and backward, unless it is put off
  bool reshapes = false;                // no linear part: z is the input, seen in the output's shape
  std::optional<ConvPoolPlan<T>> pair;  // runs as one with the pooling that it absorbs
  std::size_t absorbs = 0;              // layers behind it that run with it, whose last has y for its output
  bool absorbed = false;                // runs with a layer before
  std::optional<FrozenConv<T>> frozen;  // a convolution, with the batch normalisation that it absorbs
  std::optional<std::size_t> adds_to;   // the value that a frozen convolution, which absorbs an Add, adds to in place
  std::optional<SmallDense> dense;      // a dense layer whose weights stay in the cache
  bool training = false;  // does what it does in training only: all layers, but a norm whose statistics are frozen
  bool learns = false;    // has parameters that are not frozen
  bool put_off = false;   // its activation is the softmax of an output: the loss wants what goes into it
  // Of such a node: whether the backward pass under way begins with dL/d(what goes into it).
  bool past_softmax = false;
  std::uint64_t number = 0;  // among the layers
  // A few samples may pass through it, and through its neighbours, while others wait. Its gradients with respect to
  // parameters are then finished later: `sums` of a pair and `dz` of a dense layer hold what they are made of.
  bool by_sample = false;
  std::size_t first_parameter = 0, parameter_count = 0;
  bool shares = false;  // another has the same parameters
  // Of such, unless it is the last, which backward comes to first: room for gradients that are then added to what the
  // later ones left, one for each parameter that is not frozen.
  std::vector<T*> aside_places;
  std::vector<TensorView<T>> aside;
  double left_of_step = 1;                 // of its step of a statistic, when the later ones have moved it too
  std::vector<std::size_t> inputs;         // values: see execution_plan.hpp
  std::vector<Shape> input_shapes;         // a sample's
  Shape output;                            // one sample's; of what it absorbs, the last's
  std::int64_t in_size = 0, out_size = 0;  // elements, of several inputs the first's
  KeptSize kept_size;

  // Memory for a batch; null where there is none. z: it is the input or y, or is not kept. y: it is z.
  T *z = nullptr, *y = nullptr, *kept = nullptr;
  T *winners = nullptr, *packed = nullptr, *packed_from = nullptr;  // of a pair; the last: the weights packed
  bool is_packed = false;
  std::int64_t sums = 0;  // of a pair: where in a part's sums its own are
  T* dz = nullptr;        // of a small dense layer

  // What the batch is, once aimed; z_now is only right where the backward pass or the final softmax reads it.
  std::vector<const T*> xs_now;
  const T *z_now = nullptr, *y_now = nullptr;
  // Room for the views that a layer is given of a whole batch.
  std::vector<TensorView<const T>> xs;
  std::vector<TensorView<T>> dxs;

  using Parameters = std::span<const Parameter<T>>;
  using Gradients = std::span<const TensorView<T>>;

  bool activates() const { return activation != Activation::identity; }
  // Whether backward reads y, or the memory of the inputs.
  bool reads_output() const { return activates(); }
  bool reads_inputs() const {
    if (absorbed) return false;
    if (reshapes) return activates() && derivative_needs_input(activation);
    return with_kind(*layer, [](auto kind, const auto& l) { return kind.reads_inputs(l); });
  }
  const T* x_now() const { return xs_now[0]; }
  TensorView<const T> view_x(std::int64_t begin, std::int64_t count) const {
    return {x_now() + begin * in_size, batch_shape(count, input_shapes[0])};
  }
  TensorView<const T> view_z(std::int64_t begin, std::int64_t count) const {
    return {z_now + begin * out_size, batch_shape(count, output)};
  }
  TensorView<const T> view_y(std::int64_t begin, std::int64_t count) const {
    return {y_now + begin * out_size, batch_shape(count, output)};
  }

  // Points it to its inputs for m samples, of which values[i] is value i; returns its output.
  const T* aim(std::span<const T* const> values, std::int64_t m);
  // Floating-point operations for a sample.
  double forward_flops() const;
  double backward_flops(bool to_input) const;

  // Packs a pair's weights if they are not those of the last time.
  void pack(Parameters parameters, bool backward);
  // Samples [begin, begin + count); of a node that is not by_sample, all of them. What is put off is left out.
  void forward(Parameters parameters, std::int64_t begin, std::int64_t count, const DropoutKey& key) const;
  // From d, their gradient with respect to y or, past_activation, to z: that with respect to the inputs goes to dx, one
  // for each, unless it is empty, and that with respect to z may replace d. Of a node by_sample `part` gets the pairs'
  // gradients added; another one writes those of its parameters, whence it takes the whole batch.
  void backward(Parameters parameters, Gradients gradients, std::int64_t begin, std::int64_t count,
                const DropoutKey& key, T* d, bool past_activation, std::span<const TensorView<T>> dx, T* part) const;

 private:
  typename ConvPoolPlan<T>::Weights pair_weights(Parameters parameters) const {
    return {parameters[0].value.data(), parameters.size() > 1 ? parameters[1].value.data() : nullptr, packed};
  }
  ForwardPass<T> forward_pass(Parameters parameters, std::span<const TensorView<const T>> given, std::int64_t begin,
                              const DropoutKey& key) const {
    ForwardPass<T> pass;
    pass.inputs = given;
    pass.parameters = parameters;
    pass.training = training;
    pass.kept = kept ? kept + begin * kept_size.of_sample : nullptr;
    pass.key = key;
    pass.key.layer = number;
    pass.first_sample = begin;
    return pass;
  }
};

template <class T>
const T* Node<T>::aim(std::span<const T* const> values, std::int64_t m) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    xs_now[i] = values[inputs[i]];
    xs[i] = {xs_now[i], batch_shape(m, input_shapes[i])};
  }
  if (absorbed) return z_now = y_now = x_now();
  z_now = reshapes ? x_now() : z ? z : y;
  y_now = y ? y : z_now;
  return y_now;
}

template <class T>
double Node<T>::forward_flops() const {
  if (pair) return pair->forward_flops();
  if (dense) return dense->flops();
  return static_cast<double>(absorbed ? 0 : in_size + out_size);
}

template <class T>
double Node<T>::backward_flops(bool to_input) const {
  if (pair) return pair->backward_flops(to_input);
  return forward_flops();
}

template <class T>
void Node<T>::pack(Parameters parameters, bool backward) {
  if (!pair) return;
  // Anyone may write to the weights at any time, and comparing them costs a tenth of packing them.
  bool same = is_packed;
  const auto keep = [&](const Tensor<T>& value, T* copied) {
    const auto bytes = static_cast<std::size_t>(value.size()) * sizeof(T);
    if (same) same = std::memcmp(copied, value.data(), bytes) == 0;
    if (!same) std::memcpy(copied, value.data(), bytes);
    return copied + value.size();
  };
  T* copied = packed_from;
  for (const Parameter<T>& parameter : parameters) copied = keep(parameter.value, copied);
  if (same) return;
  is_packed = true;
  const auto weights = pair_weights(parameters);
  pair->pack(weights.W, weights.b, backward, packed);
}

template <class T>
void Node<T>::forward(Parameters parameters, std::int64_t begin, std::int64_t count, const DropoutKey& key) const {
  if (absorbed) return;
  if (pair) {
    T* places = winners ? winners + begin * pair->winners_size() : nullptr;
    pair->forward(pair_weights(parameters), x_now() + begin * in_size, count, y + begin * out_size, places);
    return;
  }
  const bool fused = own_activation || (!z && !reshapes);
  const Activation own = fused ? activation : Activation::identity;
  T* to = (z ? z : y) + begin * out_size;
  if (frozen) {
    frozen->forward(view_x(begin, count), own, adds_to.has_value(), {to, batch_shape(count, output)});
  } else if (dense) {
    const T* bias = parameters.size() > 1 ? parameters[1].value.data() : nullptr;
    dense->forward(x_now() + begin * in_size, parameters[0].value.data(), bias, own, count, to);
  } else if (!reshapes) {
    const TensorView<const T> some = view_x(begin, count);
    ForwardPass<T> pass = forward_pass(parameters, by_sample ? std::span(&some, 1) : std::span(xs), begin, key);
    pass.activation = own;
    with_kind(*layer, [&](auto kind, const auto& l) {
      if constexpr (!kind.kReshapes) kind.template forward<T>(l, pass, {to, batch_shape(count, output)});
    });
  }
  if (activates() && !fused && !put_off)
    activation_forward(view_z(begin, count), activation, {y + begin * out_size, batch_shape(count, output)});
}

template <class T>
void Node<T>::backward(Parameters parameters, Gradients gradients, std::int64_t begin, std::int64_t count,
                       const DropoutKey& key, T* d, bool past_activation, std::span<const TensorView<T>> dx,
                       T* part) const {
  const TensorView<T> view_d(d, batch_shape(count, output));
  if (activates() && !own_activation && !past_activation)
    activation_backward(view_d, view_z(begin, count), view_y(begin, count), activation, view_d);
  if (pair) {
    for (std::int64_t i = 0; i < count; ++i) {
      pair->add_gradients(packed, d + i * out_size, winners + (begin + i) * pair->winners_size(),
                          x_now() + (begin + i) * in_size, is_given(dx[0]) ? dx[0].data() + i * in_size : nullptr,
                          part + sums);
    }
  } else if (dense) {
    if (learns) std::copy_n(d, count * out_size, dz + begin * out_size);
    if (is_given(dx[0])) dense->backward_data(d, parameters[0].value.data(), count, dx[0].data());
  } else if (!reshapes) {
    const TensorView<const T> some = view_x(begin, count);
    BackwardPass<T> pass;
    static_cast<ForwardPass<T>&>(pass) =
        forward_pass(parameters, by_sample ? std::span(&some, 1) : std::span(xs), begin, key);
    pass.activation = own_activation ? activation : Activation::identity;
    pass.d = view_d;
    pass.y = view_y(begin, count);
    pass.dx = dx;
    pass.gradients = gradients;
    with_kind(*layer, [&](auto kind, const auto& l) {
      if constexpr (!kind.kReshapes) kind.template backward<T>(l, pass);
    });
  }
}

}  // namespace hubel::detail
