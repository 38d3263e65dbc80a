// Runs a network: every layer's memory is laid out once in one arena, and a call only fills it.
//
// A layer is a linear part z = linear(x) and an activation y = activation(z) (see layer_kind.hpp). Where the
// activation's derivative can be had from y, or none is wanted, the two run as one and z is not kept. The final softmax
// is put off: the loss wants its input, and nobody may ask for its output. While training, a convolution and the max
// pooling behind it may run as one node (layer_pairs.hpp); the pooling's own node then has nothing to do.
//
// Backward keeps two buffers, each as large as the largest activation, and goes from one to the other.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "hubel/network.hpp"
#include "nn/layer_kinds.hpp"
#include "nn/layer_pairs.hpp"
#include "nn/network_plan.hpp"

namespace hubel {

namespace {

// Places in the arena are counted in elements from its start.
using Place = std::int64_t;
constexpr Place kNowhere = -1;

// Hands out places, each on a vector-friendly boundary.
class Layout {
 public:
  explicit Layout(std::size_t element_size) : step_(static_cast<std::int64_t>(kAlignment / element_size)) {}

  Place place(const Shape& shape) {
    const Place at = size_;
    // Through a Shape, so that a sum beyond any memory is refused and does not overflow.
    size_ = Shape{size_ + (shape.elements() + step_ - 1) / step_ * step_}.elements();
    return at;
  }
  std::int64_t size() const { return size_; }

 private:
  std::int64_t step_, size_ = 0;
};

// A layer at work.
template <class T>
struct Node {
  const Layer* layer = nullptr;
  Activation activation = Activation::identity;
  bool reshapes = false;                 // no linear part: z is the input, seen in the output's shape
  std::optional<detail::ConvPool> pair;  // runs as one with the next layer, and y is the next layer's
  bool absorbed = false;                 // runs with the layer before
  Place winners = kNowhere;              // of the pair's pooling
  Place z = kNowhere;                    // nowhere: z is the input or y, or is not kept
  Place y = kNowhere;                    // nowhere: y is the input
  std::size_t first_parameter = 0, parameter_count = 0;
  Shape output;  // one sample's; of a pair, the pair's
  // What the last batch left; z_now is only right where the backward pass or the final softmax reads it.
  TensorView<const T> x_now, z_now, y_now;

  bool activates() const { return activation != Activation::identity; }
};

}  // namespace

template <class T>
struct Execution<T>::Impl {
  Impl(const Network<T>& net, std::int64_t max_batch_, Mode mode_);
  void place_node(Node<T>& node, Layout& layout, bool is_final_softmax);
  void make_gradients(const std::vector<Place>& places);

  void run(TensorView<const T> x);
  void run_layer(Node<T>& node, TensorView<const T> x);
  void run_pair(Node<T>& node, TensorView<const T> x);
  void backpropagate_pair(const Node<T>& node, TensorView<const T> d, TensorView<T> dx);
  void finish_output();
  TensorView<const T> logits() const;
  TensorView<T> backpropagate(std::size_t top, bool past_activation, bool to_input);

  std::span<const Parameter<T>> parameters_of(const Node<T>& node) const {
    return network->parameters().subspan(node.first_parameter, node.parameter_count);
  }
  std::span<const TensorView<T>> gradients_of(const Node<T>& node) const {
    return std::span(gradients).subspan(node.first_parameter, node.parameter_count);
  }
  TensorView<T> view(Place place, std::int64_t m, const Shape& sample) {
    return {arena.data() + place, detail::batch_shape(m, sample)};
  }
  void require_training(const char* who) const {
    if (mode != Mode::training) throw std::logic_error(fmt::format("Execution::{}: made with Mode::inference", who));
  }
  void require_batch(const char* who) const {
    if (!has_run) throw std::logic_error(fmt::format("Execution::{}: no batch has been run", who));
  }

  const Network<T>* network;
  std::int64_t max_batch;
  Mode mode;
  std::vector<Node<T>> nodes;
  bool has_run = false;
  Node<T>* softmax = nullptr;                    // the layer whose activation is put off, if any
  bool output_is_due = false;                    // it was put off in the last batch and not made up for since
  Place flow = kNowhere, other_flow = kNowhere;  // backward's two buffers
  std::vector<TensorView<T>> gradients;
  Tensor<T> arena;
  Tensor<T> shown;  // the output of a pair's first layer, when someone has asked for it
};

template <class T>
Execution<T>::Impl::Impl(const Network<T>& net, std::int64_t max_batch_, Mode mode_)
    : network(&net), max_batch(max_batch_), mode(mode_) {
  if (max_batch < 1) {
    throw std::invalid_argument(fmt::format("Execution: max_batch = {}, it must be at least 1", max_batch));
  }
  const detail::NetworkPlan plan = detail::plan_network(net.input_shape(), net.layers());
  const std::optional<std::size_t> final_softmax = detail::softmax_layer(net.layers(), net.info());
  nodes.resize(net.layers().size());
  if (final_softmax) softmax = &nodes[*final_softmax];
  Layout layout(sizeof(T));
  std::int64_t widest = net.input_shape().elements();
  std::size_t parameters = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Node<T>& node = nodes[i];
    node.layer = &net.layers()[i];
    node.output = plan.info[i].output_shape;
    node.first_parameter = parameters;
    node.parameter_count = plan.parameter_counts[i];
    node.absorbed = i > 0 && nodes[i - 1].pair;
    if (mode == Mode::training && i + 1 < nodes.size() && plan.info[i].input_shape.rank() == 3)
      node.pair = detail::conv_pool_pair(net.layers()[i], net.layers()[i + 1], plan.info[i].input_shape);
    if (node.pair) node.output = plan.info[i + 1].output_shape;
    if (!node.absorbed) place_node(node, layout, &node == softmax);
    parameters += node.parameter_count;
    widest = std::max(widest, node.output.elements());
  }
  std::vector<Place> gradient_places;
  if (mode == Mode::training) {
    flow = layout.place(Shape{max_batch, widest});
    other_flow = layout.place(Shape{max_batch, widest});
    for (const Parameter<T>& p : net.parameters()) gradient_places.push_back(layout.place(p.value.shape()));
  }
  arena = Tensor<T>(Shape{layout.size()});  // zeros: the pages are touched here and not in the first step
  make_gradients(gradient_places);
}

template <class T>
void Execution<T>::Impl::place_node(Node<T>& node, Layout& layout, bool is_final_softmax) {
  detail::with_kind(*node.layer, [&](auto kind, const auto& l) {
    node.activation = detail::layer_activation(l);
    node.reshapes = kind.kReshapes;
  });
  const bool wants_z = is_final_softmax || (mode == Mode::training && detail::derivative_needs_input(node.activation));
  const Shape shape = detail::batch_shape(max_batch, node.output);
  if (wants_z && node.activates() && !node.reshapes) node.z = layout.place(shape);
  if (node.activates() || !node.reshapes) node.y = layout.place(shape);
  if (node.pair) node.winners = layout.place(shape);
}

template <class T>
void Execution<T>::Impl::make_gradients(const std::vector<Place>& places) {
  for (std::size_t i = 0; i < places.size(); ++i)
    gradients.emplace_back(arena.data() + places[i], network->parameters()[i].value.shape());
}

// ---- Forward ---------------------------------------------------------------------------------------------------

template <class T>
void Execution<T>::Impl::run(TensorView<const T> x) {
  const Shape& sample = network->input_shape();
  const std::int64_t m = x.shape().rank() > 0 ? x.shape()[0] : -1;
  if (m < 0 || m > max_batch || !(x.shape() == detail::batch_shape(m, sample))) {
    throw std::invalid_argument(
        fmt::format("Execution: x has shape {}, the network takes samples of shape {}, at most {} at once",
                    x.shape().to_string(), sample.to_string(), max_batch));
  }
  has_run = false;
  for (Node<T>& node : nodes) {
    if (node.absorbed) {
      node.x_now = node.z_now = node.y_now = x;
      continue;
    }
    node.pair ? run_pair(node, x) : run_layer(node, x);
    x = node.y_now;
  }
  has_run = true;
  output_is_due = softmax != nullptr;
}

template <class T>
void Execution<T>::Impl::run_layer(Node<T>& node, TensorView<const T> x) {
  const std::int64_t m = x.shape()[0];
  node.x_now = x;
  const TensorView<T> y = node.y != kNowhere ? view(node.y, m, node.output) : TensorView<T>();
  if (node.reshapes) {
    node.z_now = {x.data(), detail::batch_shape(m, node.output)};
  } else {
    const bool fused = node.z == kNowhere;
    const TensorView<T> z = fused ? y : view(node.z, m, node.output);
    detail::with_kind(*node.layer, [&](auto kind, const auto& l) {
      if constexpr (!kind.kReshapes)
        kind.template forward<T>(l, x, parameters_of(node), fused ? node.activation : Activation::identity, z);
    });
    node.z_now = z;
  }
  const bool activate = node.activates() && (node.reshapes || node.z != kNowhere);
  if (activate && &node != softmax) activation_forward(node.z_now, node.activation, y);
  node.y_now = node.y != kNowhere ? TensorView<const T>(y) : node.z_now;
}

template <class T>
void Execution<T>::Impl::run_pair(Node<T>& node, TensorView<const T> x) {
  const std::int64_t m = x.shape()[0];
  const auto parameters = parameters_of(node);
  TensorView<const T> bias;
  if (parameters.size() > 1) bias = {parameters[1].value.data(), Shape{1, 1, 1, parameters[1].value.size()}};
  node.x_now = x;
  const TensorView<T> y = view(node.y, m, node.output);
  detail::conv_pool_forward<T>(*node.pair, x, parameters[0].value.view(), bias, y, view(node.winners, m, node.output));
  node.z_now = node.y_now = y;
}

template <class T>
void Execution<T>::Impl::finish_output() {
  if (!output_is_due) return;
  activation_forward(softmax->z_now, softmax->activation, view(softmax->y, softmax->z_now.shape()[0], softmax->output));
  output_is_due = false;
}

template <class T>
TensorView<const T> Execution<T>::Impl::logits() const {
  const TensorView<const T> logits = softmax ? softmax->z_now : nodes.back().y_now;
  return {logits.data(), Shape{logits.shape()[0], detail::class_count(network->output_shape(), "Execution")}};
}

// ---- Backward --------------------------------------------------------------------------------------------------

// From the gradient in `flow` with respect to layer top's output (or, past_activation, to its pre-activation) down to
// the first layer that has parameters, or to_input all the way.
template <class T>
TensorView<T> Execution<T>::Impl::backpropagate(std::size_t top, bool past_activation, bool to_input) {
  std::size_t bottom = 0;
  while (!to_input && bottom < nodes.size() && nodes[bottom].parameter_count == 0) ++bottom;
  for (std::size_t i = top + 1; i-- > bottom;) {
    const Node<T>& node = nodes[i];
    const std::int64_t m = node.x_now.shape()[0];
    const TensorView<T> d = view(flow, m, node.output);
    if (node.absorbed) continue;
    if (node.activates() && !(past_activation && i == top))
      activation_backward(d, node.z_now, node.y_now, node.activation, d);
    if (node.reshapes) continue;
    const bool wants_dx = i > bottom || to_input;
    const TensorView<T> dx = wants_dx ? TensorView<T>{arena.data() + other_flow, node.x_now.shape()} : TensorView<T>();
    if (node.pair) {
      backpropagate_pair(node, d, dx);
    } else {
      detail::with_kind(*node.layer, [&](auto kind, const auto& l) {
        if constexpr (!kind.kReshapes)
          kind.template backward<T>(l, d, node.x_now, parameters_of(node), dx, gradients_of(node));
      });
    }
    std::swap(flow, other_flow);
  }
  return {arena.data() + flow, nodes[0].x_now.shape()};
}

template <class T>
void Execution<T>::Impl::backpropagate_pair(const Node<T>& node, TensorView<const T> d, TensorView<T> dx) {
  const auto slopes = gradients_of(node);
  TensorView<T> dbias;
  if (slopes.size() > 1) dbias = {slopes[1].data(), Shape{1, 1, 1, slopes[1].size()}};
  const TensorView<const T> winners = view(node.winners, node.x_now.shape()[0], node.output);
  detail::conv_pool_backward<T>(*node.pair, d, winners, node.x_now, parameters_of(node)[0].value.view(), dx, slopes[0],
                                dbias);
}

// ---- The public face -------------------------------------------------------------------------------------------

template <class T>
Execution<T>::Execution(const Network<T>& network, std::int64_t max_batch, Mode mode)
    : impl_(std::make_unique<Impl>(network, max_batch, mode)) {}

template <class T>
Execution<T>::~Execution() = default;
template <class T>
Execution<T>::Execution(Execution&&) noexcept = default;
template <class T>
Execution<T>& Execution<T>::operator=(Execution&&) noexcept = default;

template <class T>
TensorView<const T> Execution<T>::forward(TensorView<const T> x) {
  impl_->run(x);
  impl_->finish_output();
  return impl_->nodes.back().y_now;
}

template <class T>
LossResult Execution<T>::loss(TensorView<const T> x, std::span<const std::int32_t> labels) {
  impl_->run(x);
  return softmax_cross_entropy(impl_->logits(), labels);
}

template <class T>
LossResult Execution<T>::loss_and_gradients(TensorView<const T> x, std::span<const std::int32_t> labels,
                                            const CrossEntropyOptions& options) {
  impl_->require_training("loss_and_gradients");
  impl_->run(x);
  const TensorView<const T> logits = impl_->logits();
  const LossResult result =
      softmax_cross_entropy(logits, labels, TensorView<T>(impl_->arena.data() + impl_->flow, logits.shape()), options);
  // The logits are the pre-activation of the final softmax, or the output of the last layer.
  const Node<T>* top = impl_->softmax ? impl_->softmax : &impl_->nodes.back();
  impl_->backpropagate(static_cast<std::size_t>(top - impl_->nodes.data()), impl_->softmax != nullptr, false);
  return result;
}

template <class T>
TensorView<const T> Execution<T>::backward(TensorView<const T> dout) {
  impl_->require_training("backward");
  impl_->require_batch("backward");
  impl_->finish_output();
  const TensorView<const T> output = impl_->nodes.back().y_now;
  if (!(dout.shape() == output.shape())) {
    throw std::invalid_argument(fmt::format("Execution: dout has shape {}, the output of the last batch has {}",
                                            dout.shape().to_string(), output.shape().to_string()));
  }
  std::copy(dout.begin(), dout.end(), impl_->arena.data() + impl_->flow);
  return impl_->backpropagate(impl_->nodes.size() - 1, false, true);
}

template <class T>
std::span<const TensorView<T>> Execution<T>::gradients() {
  impl_->require_training("gradients");
  return impl_->gradients;
}

template <class T>
TensorView<const T> Execution<T>::logits() const {
  impl_->require_batch("logits");
  return impl_->logits();
}

template <class T>
TensorView<const T> Execution<T>::layer_output(std::size_t i) const {
  impl_->require_batch("layer_output");
  if (i >= impl_->nodes.size()) {
    throw std::invalid_argument(
        fmt::format("Execution: there is no layer {}, the network has {}", i, impl_->nodes.size()));
  }
  impl_->finish_output();
  const Node<T>& node = impl_->nodes[i];
  if (!node.pair) return node.y_now;
  // Only the pooled output was kept: the convolution is done once more.
  const Shape sample = impl_->network->info()[i].output_shape;
  impl_->shown = Tensor<T>(detail::batch_shape(node.x_now.shape()[0], sample));
  detail::with_kind(*node.layer, [&](auto kind, const auto& l) {
    if constexpr (!kind.kReshapes)
      kind.template forward<T>(l, node.x_now, impl_->parameters_of(node), node.activation, impl_->shown);
  });
  return impl_->shown;
}

template class Execution<float>;
template class Execution<double>;

}  // namespace hubel
