// Runs a network: every layer's memory is laid out once in one arena, and a call only fills it.
//
// The nodes (node.hpp) make up segments. In one that goes by sample, a few samples pass through all its nodes, and back
// again, while what they leave is in the cache; groups of samples are shared out to the threads, so that a small
// network's training step has one parallel loop for all its layers and one for what is left of the gradients. The
// groups' gradients are added in the groups' order. Other nodes (large images, large matrices) are segments of their
// own, which take the whole batch and share out their own work.
//
// The final softmax is put off: the loss wants its input, and nobody may ask for its output.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "hubel/network.hpp"
#include "nn/node.hpp"
#include "ops/loss_rows.hpp"
#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/weight_gradient.hpp"
#include "ops/workspace.hpp"

namespace hubel {

namespace {

using detail::Node;

// Samples that pass through a segment together: a dense layer's weights serve so many at a time, and a small network's
// activations of so many stay in L2.
constexpr std::int64_t kGroup = 8;

// Elements of a sample up to which a layer that needs no other memory goes by sample.
constexpr std::int64_t kMaxSample = std::int64_t{1} << 14;

// Elements that the gradients of all parts may have: of large kernels there are fewer parts.
constexpr std::int64_t kMaxPartElements = std::int64_t{1} << 20;

// Rows of a dense layer's gradient that are computed in one go.
constexpr std::int64_t kGradientRows = 32;

// Memory in one block, handed out before it exists.
template <class T>
class Arena {
 public:
  // `where` will point to n elements, on a vector-friendly boundary; it must stay where it is until make().
  void place(T*& where, std::int64_t n) {
    constexpr std::int64_t kStep = kAlignment / sizeof(T);
    places_.emplace_back(&where, size_);
    // Through a Shape, so that a sum beyond any memory is refused and does not overflow.
    size_ = Shape{size_ + (n + kStep - 1) / kStep * kStep}.elements();
  }
  void place(T*& where, std::int64_t m, const Shape& sample) {
    place(where, detail::batch_shape(m, sample).elements());
  }

  void make() {
    memory_ = Tensor<T>(Shape{size_});  // zeros: the pages are touched here and not in the first step
    for (const auto& [where, at] : places_) *where = memory_.data() + at;
    places_.clear();
  }

 private:
  std::vector<std::pair<T**, std::int64_t>> places_;
  std::int64_t size_ = 0;
  Tensor<T> memory_;
};

// Nodes [begin, end).
struct Segment {
  std::size_t begin, end;
  bool by_sample;
};

// Backward goes from node `top`, with the gradient with respect to its output or its pre-activation, down to node
// `bottom`, and through that as well if to_input.
struct Way {
  std::size_t top, bottom;
  bool past_activation, to_input;
};

// What is left of the gradients when all samples have passed: the sum of a pair's parts, rows [begin, end) of a small
// dense layer's kernel, or its bias.
struct Rest {
  enum class Kind { pair, rows, bias } kind;
  std::size_t node;
  std::int64_t begin = 0, end = 0;
};

// Samples [begin, end).
struct Samples {
  std::int64_t begin, end;
  std::int64_t count() const { return end - begin; }
};
Samples piece(Samples whole, std::int64_t i, std::int64_t pieces) {
  return {whole.begin + whole.count() * i / pieces, whole.begin + whole.count() * (i + 1) / pieces};
}
std::int64_t group_count(std::int64_t m) { return (m + kGroup - 1) / kGroup; }

}  // namespace

template <class T>
struct Execution<T>::Impl {
  Impl(const Network<T>& net, std::int64_t max_batch_, Mode mode_);
  void make_nodes();
  void choose_kind(Node<T>& node, bool last);
  void make_segments();
  void place_node(Node<T>& node);
  void place_gradients();

  void begin_batch(TensorView<const T> x);
  void run(TensorView<const T> x);
  void forward(const Segment& segment);
  void forward(const Segment& segment, Samples samples);
  void finish_output();
  TensorView<const T> logits() const;

  LossResult run_and_backpropagate(std::span<const std::int32_t> labels, const CrossEntropyOptions& options);
  void head(const Segment& segment, const Way& way, std::span<const std::int32_t> labels,
            const CrossEntropyOptions& options, Samples samples, T* part);
  void backpropagate(std::size_t segment_count, const Way& way);
  void backward(const Segment& segment, const Way& way);
  void backward(const Segment& segment, const Way& way, Samples samples, T* d, T* other, T* dx, T* part);
  void finish_gradients();
  void finish(const Rest& rest);
  template <class Body>
  void for_each_part(double flops, const Body& body);
  std::int64_t part_count() const;
  Way way_down(bool to_input) const;

  double forward_flops(const Segment& segment) const;
  double backward_flops(const Segment& segment, const Way& way) const;
  std::span<const Parameter<T>> parameters_of(const Node<T>& node) const {
    return network->parameters().subspan(node.first_parameter, node.parameter_count);
  }
  std::span<const TensorView<T>> gradients_of(const Node<T>& node) const {
    return std::span(gradients).subspan(node.first_parameter, node.parameter_count);
  }
  bool puts_off(const Node<T>& node) const { return &node == softmax; }
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
  std::vector<Segment> segments;
  Node<T>* softmax = nullptr;  // the layer whose activation is put off, if any
  std::int64_t m = 0;          // samples of the batch
  bool has_run = false;
  bool output_is_due = false;                  // it was put off in the last batch and not made up for since
  std::int64_t widest = 0;                     // elements of a sample's largest activation
  T *flow = nullptr, *other_flow = nullptr;    // backward's two buffers, for the gradients between segments
  std::int64_t part_size = 0, most_parts = 1;  // of the pairs' gradients
  T* sums = nullptr;
  std::vector<Rest> rests;
  std::vector<detail::RowLoss> losses;
  std::vector<T*> gradient_places;
  std::vector<TensorView<T>> gradients;
  Arena<T> arena;
  Tensor<T> shown;  // the output of a pair's first layer, when someone has asked for it
};

// ---- Construction ----------------------------------------------------------------------------------------------

template <class T>
Execution<T>::Impl::Impl(const Network<T>& net, std::int64_t max_batch_, Mode mode_)
    : network(&net), max_batch(max_batch_), mode(mode_) {
  if (max_batch < 1) {
    throw std::invalid_argument(fmt::format("Execution: max_batch = {}, it must be at least 1", max_batch));
  }
  make_nodes();
  make_segments();
  for (Node<T>& node : nodes) {
    if (!node.absorbed) place_node(node);
  }
  if (mode == Mode::training) place_gradients();
  arena.make();
  for (std::size_t i = 0; i < gradient_places.size(); ++i)
    gradients.emplace_back(gradient_places[i], net.parameters()[i].value.shape());
}

template <class T>
void Execution<T>::Impl::make_nodes() {
  const detail::NetworkPlan plan = detail::plan_network(network->input_shape(), network->layers());
  nodes.resize(network->layers().size());
  if (const auto final_softmax = detail::softmax_layer(network->layers(), network->info()))
    softmax = &nodes[*final_softmax];
  widest = network->input_shape().elements();
  std::size_t parameters = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Node<T>& node = nodes[i];
    node.layer = &network->layers()[i];
    node.input = plan.info[i].input_shape;
    node.output = plan.info[i].output_shape;
    node.first_parameter = parameters;
    node.parameter_count = plan.parameter_counts[i];
    node.absorbed = i > 0 && nodes[i - 1].pair;
    choose_kind(node, i + 1 == nodes.size());
    if (node.pair) node.output = plan.info[i + 1].output_shape;
    if (node.absorbed) node.input = node.output;
    node.in_size = node.input.elements();
    node.out_size = node.output.elements();
    parameters += node.parameter_count;
    widest = std::max({widest, node.in_size, node.out_size});
  }
}

template <class T>
void Execution<T>::Impl::choose_kind(Node<T>& node, bool last) {
  if (!last && node.input.rank() == 3 && !node.absorbed) {
    node.pair = detail::conv_pool_pair<T>(*node.layer, *(node.layer + 1), node.input, mode == Mode::training);
  }
  if (const auto* dense = std::get_if<Dense>(node.layer)) {
    const detail::SmallDense small{node.input[0], dense->units};
    if (small.pays()) node.dense = small;
  }
  detail::with_kind(*node.layer, [&](auto kind, const auto& l) {
    node.activation = node.absorbed ? Activation::identity : detail::layer_activation(l);
    node.reshapes = kind.kReshapes;
  });
  const bool small = std::max(node.input.elements(), node.output.elements()) <= kMaxSample;
  node.by_sample = node.pair || node.dense || node.absorbed || (node.parameter_count == 0 && small);
}

template <class T>
void Execution<T>::Impl::make_segments() {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool joins = !segments.empty() && segments.back().by_sample && nodes[i].by_sample;
    if (joins) {
      segments.back().end = i + 1;
    } else {
      segments.push_back({i, i + 1, nodes[i].by_sample});
    }
  }
}

template <class T>
void Execution<T>::Impl::place_node(Node<T>& node) {
  const bool training = mode == Mode::training;
  const bool wants_z = puts_off(node) || (training && detail::derivative_needs_input(node.activation));
  if (wants_z && node.activates() && !node.reshapes) arena.place(node.z, max_batch, node.output);
  if (node.activates() || !node.reshapes) arena.place(node.y, max_batch, node.output);
  if (node.dense && training) arena.place(node.dz, max_batch, node.output);
  if (!node.pair) return;
  if (training) arena.place(node.winners, max_batch, Shape{node.pair->winners_size()});
  std::int64_t weights = 0;
  for (const Parameter<T>& parameter : parameters_of(node)) weights += parameter.value.size();
  arena.place(node.packed_from, weights);
  arena.place(node.packed, node.pair->packed_size());
  node.sums = part_size;
  part_size += node.pair->gradient_size();
}

template <class T>
void Execution<T>::Impl::place_gradients() {
  arena.place(flow, max_batch, Shape{widest});
  arena.place(other_flow, max_batch, Shape{widest});
  most_parts = std::clamp<std::int64_t>(kMaxPartElements / std::max<std::int64_t>(part_size, 1), 1, detail::kMaxParts);
  most_parts = std::min(most_parts, group_count(max_batch));
  arena.place(sums, most_parts, Shape{std::max<std::int64_t>(part_size, 1)});
  losses.resize(static_cast<std::size_t>(max_batch));
  gradient_places.resize(network->parameters().size());
  for (std::size_t i = 0; i < gradient_places.size(); ++i)
    arena.place(gradient_places[i], network->parameters()[i].value.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].pair) rests.push_back({Rest::Kind::pair, i});
    if (!nodes[i].dense) continue;
    const std::int64_t rows = nodes[i].dense->n_in;
    for (std::int64_t row = 0; row < rows; row += kGradientRows)
      rests.push_back({Rest::Kind::rows, i, row, std::min(row + kGradientRows, rows)});
    if (nodes[i].parameter_count > 1) rests.push_back({Rest::Kind::bias, i});
  }
}

// ---- Forward ---------------------------------------------------------------------------------------------------

template <class T>
void Execution<T>::Impl::begin_batch(TensorView<const T> x) {
  const Shape& sample = network->input_shape();
  const std::int64_t count = x.shape().rank() > 0 ? x.shape()[0] : -1;
  if (count < 0 || count > max_batch || !(x.shape() == detail::batch_shape(count, sample))) {
    throw std::invalid_argument(
        fmt::format("Execution: x has shape {}, the network takes samples of shape {}, at most {} at once",
                    x.shape().to_string(), sample.to_string(), max_batch));
  }
  has_run = output_is_due = false;
  m = count;
  const T* at = x.data();
  for (Node<T>& node : nodes) {
    at = node.aim(at);
    node.pack(parameters_of(node), mode == Mode::training);
  }
}

template <class T>
void Execution<T>::Impl::run(TensorView<const T> x) {
  begin_batch(x);
  for (const Segment& segment : segments) forward(segment);
  has_run = true;
  output_is_due = softmax != nullptr;
}

template <class T>
void Execution<T>::Impl::forward(const Segment& segment) {
  if (!segment.by_sample) return forward(segment, {0, m});
  const std::int64_t groups = group_count(m);
  detail::parallel_for(groups, static_cast<double>(m) * forward_flops(segment), [&](std::int64_t i) {
    forward(segment, piece({0, m}, i, groups));
  });
}

template <class T>
void Execution<T>::Impl::forward(const Segment& segment, Samples samples) {
  for (std::size_t i = segment.begin; i < segment.end; ++i)
    nodes[i].forward(parameters_of(nodes[i]), samples.begin, samples.count(), puts_off(nodes[i]));
}

template <class T>
void Execution<T>::Impl::finish_output() {
  if (!output_is_due) return;
  const Node<T>& node = *softmax;
  activation_forward(node.view_z(0, m), node.activation, {node.y, detail::batch_shape(m, node.output)});
  output_is_due = false;
}

template <class T>
TensorView<const T> Execution<T>::Impl::logits() const {
  const T* logits = softmax ? softmax->z_now : nodes.back().y_now;
  return {logits, Shape{m, detail::class_count(network->output_shape(), "Execution")}};
}

template <class T>
double Execution<T>::Impl::forward_flops(const Segment& segment) const {
  double flops = 0;
  for (std::size_t i = segment.begin; i < segment.end; ++i) flops += nodes[i].forward_flops();
  return flops;
}

// ---- Backward --------------------------------------------------------------------------------------------------

// From the logits or the output down to the first layer that has parameters, or to the input.
template <class T>
Way Execution<T>::Impl::way_down(bool to_input) const {
  Way way{nodes.size() - 1, 0, false, to_input};
  while (!to_input && way.bottom < nodes.size() && nodes[way.bottom].parameter_count == 0) ++way.bottom;
  return way;
}

template <class T>
double Execution<T>::Impl::backward_flops(const Segment& segment, const Way& way) const {
  double flops = 0;
  for (std::size_t i = std::max(segment.begin, way.bottom); i < segment.end; ++i)
    flops += nodes[i].backward_flops(i > way.bottom || way.to_input);
  return flops;
}

template <class T>
std::int64_t Execution<T>::Impl::part_count() const {
  return std::clamp<std::int64_t>(group_count(m), 1, most_parts);
}

// body(samples, memory for their part of the pairs' gradients), group by group; parts run side by side.
template <class T>
template <class Body>
void Execution<T>::Impl::for_each_part(double flops, const Body& body) {
  const std::int64_t parts = part_count();
  detail::parallel_for(parts, flops, [&](std::int64_t i) {
    const Samples samples = piece({0, m}, i, parts);
    T* part = sums + i * part_size;
    const std::int64_t groups = group_count(samples.count());
    for (std::int64_t group = 0; group < groups; ++group) body(piece(samples, group, groups), part);
  });
}

// Forward, the loss, and backward, after begin_batch. The last segment, if it goes by sample, does all three in one.
template <class T>
LossResult Execution<T>::Impl::run_and_backpropagate(std::span<const std::int32_t> labels,
                                                     const CrossEntropyOptions& options) {
  const TensorView<const T> out = logits();
  detail::check_labels(out.shape(), labels, options);
  Way way = way_down(false);
  // The logits are the pre-activation of the final softmax, or the output of the last layer.
  if (softmax) way.top = static_cast<std::size_t>(softmax - nodes.data());
  way.past_activation = softmax != nullptr;
  std::fill_n(sums, part_count() * part_size, T(0));
  for (const Segment& segment : std::span(segments).first(segments.size() - 1)) forward(segment);
  const Segment& last = segments.back();
  const double batch = static_cast<double>(m);
  LossResult result;
  if (last.by_sample) {
    for_each_part(batch * (forward_flops(last) + backward_flops(last, way)),
                  [&](Samples samples, T* part) { head(last, way, labels, options, samples, part); });
    detail::LossSum sum;
    for (std::int64_t i = 0; i < m; ++i) {
      const detail::RowLoss& row = losses[static_cast<std::size_t>(i)];
      if (!options.losses.empty()) options.losses[static_cast<std::size_t>(i)] = static_cast<float>(row.loss);
      sum.add(row);
    }
    result = sum.mean(m);
    std::swap(flow, other_flow);
    backpropagate(segments.size() - 1, way);
  } else {
    forward(last);
    result = softmax_cross_entropy(out, labels, TensorView<T>(flow, out.shape()), options);
    backpropagate(segments.size(), way);
  }
  finish_gradients();
  return result;
}

// Two buffers for the gradients of a group's activations.
template <class T>
static std::pair<T*, T*> group_flow(std::int64_t widest) {
  T* memory = detail::scratch<T>(detail::Scratch::flow, static_cast<std::size_t>(2 * kGroup * widest));
  return {memory, memory + kGroup * widest};
}

template <class T>
void Execution<T>::Impl::head(const Segment& segment, const Way& way, std::span<const std::int32_t> labels,
                              const CrossEntropyOptions& options, Samples samples, T* part) {
  forward(segment, samples);
  const TensorView<const T> all = logits();
  const std::int64_t classes = all.shape()[1];
  const auto [d, other] = group_flow<T>(widest);
  for (std::int64_t i = samples.begin; i < samples.end; ++i) {
    losses[static_cast<std::size_t>(i)] =
        detail::row_cross_entropy(all.data() + i * classes, classes, labels[static_cast<std::size_t>(i)], m,
                                  d + (i - samples.begin) * classes, options.skip_above);
  }
  if (way.bottom >= segment.end) return;
  T* dx = way.bottom < segment.begin ? other_flow + samples.begin * nodes[segment.begin].in_size : nullptr;
  backward(segment, way, samples, d, other, dx, part);
}

// The first `segment_count` segments, from the gradient in `flow`.
template <class T>
void Execution<T>::Impl::backpropagate(std::size_t segment_count, const Way& way) {
  for (std::size_t i = segment_count; i-- > 0 && segments[i].end > way.bottom;) backward(segments[i], way);
}

// From `flow` to `other_flow`, which then change places.
template <class T>
void Execution<T>::Impl::backward(const Segment& segment, const Way& way) {
  const bool wants_dx = way.to_input || way.bottom < segment.begin;
  if (segment.begin > way.top) return;  // reshapes behind the final softmax
  if (segment.by_sample) {
    const std::int64_t in = nodes[segment.begin].in_size, out = nodes[segment.end - 1].out_size;
    for_each_part(static_cast<double>(m) * backward_flops(segment, way), [&](Samples samples, T* part) {
      const auto [d, other] = group_flow<T>(widest);
      std::copy_n(flow + samples.begin * out, samples.count() * out, d);
      backward(segment, way, samples, d, other, wants_dx ? other_flow + samples.begin * in : nullptr, part);
    });
  } else {
    const Node<T>& node = nodes[segment.begin];
    node.backward(parameters_of(node), gradients_of(node), 0, m, flow, way.past_activation && way.top == segment.begin,
                  wants_dx ? other_flow : nullptr, nullptr);
    if (node.reshapes) return;
  }
  std::swap(flow, other_flow);
}

// From the gradient in d, with `other` to work in, to dx if that is not null.
template <class T>
void Execution<T>::Impl::backward(const Segment& segment, const Way& way, Samples samples, T* d, T* other, T* dx,
                                  T* part) {
  const std::size_t lowest = std::max(segment.begin, way.bottom);
  for (std::size_t i = std::min(segment.end, way.top + 1); i-- > lowest;) {
    const Node<T>& node = nodes[i];
    if (node.absorbed) continue;
    T* to = i > lowest || dx ? other : nullptr;
    node.backward(parameters_of(node), {}, samples.begin, samples.count(), d, way.past_activation && i == way.top, to,
                  part);
    if (!node.reshapes) std::swap(d, other);
  }
  if (dx) std::copy_n(d, samples.count() * nodes[segment.begin].in_size, dx);
}

template <class T>
void Execution<T>::Impl::finish_gradients() {
  double flops = static_cast<double>(part_count() * part_size);
  for (const Node<T>& node : nodes) flops += node.dense ? static_cast<double>(m) * node.dense->flops() : 0;
  detail::parallel_for(std::ssize(rests), flops, [&](std::int64_t i) { finish(rests[static_cast<std::size_t>(i)]); });
}

template <class T>
void Execution<T>::Impl::finish(const Rest& rest) {
  const Node<T>& node = nodes[rest.node];
  const auto own = gradients_of(node);
  switch (rest.kind) {
    case Rest::Kind::pair: {
      const std::int64_t n = node.pair->gradient_size();
      T* total = sums + node.sums;
      for (std::int64_t part = 1; part < part_count(); ++part) {
        for (std::int64_t i = 0; i < n; ++i) total[i] += total[part * part_size + i];
      }
      node.pair->put_gradients(total, own[0].data(), own.size() > 1 ? own[1].data() : nullptr);
      return;
    }
    case Rest::Kind::rows:
      node.dense->backward_weights(node.x_now, node.dz, m, rest.begin, rest.end, own[0].data());
      return;
    case Rest::Kind::bias:
      detail::column_sums(node.dz, m, node.out_size, own[1].data());
      return;
  }
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
  return impl_->nodes.back().view_y(0, impl_->m);
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
  impl_->begin_batch(x);
  const LossResult result = impl_->run_and_backpropagate(labels, options);
  impl_->has_run = true;
  impl_->output_is_due = impl_->softmax != nullptr;
  return result;
}

template <class T>
TensorView<const T> Execution<T>::backward(TensorView<const T> dout) {
  impl_->require_training("backward");
  impl_->require_batch("backward");
  impl_->finish_output();
  const TensorView<const T> output = impl_->nodes.back().view_y(0, impl_->m);
  if (!(dout.shape() == output.shape())) {
    throw std::invalid_argument(fmt::format("Execution: dout has shape {}, the output of the last batch has {}",
                                            dout.shape().to_string(), output.shape().to_string()));
  }
  std::copy(dout.begin(), dout.end(), impl_->flow);
  std::fill_n(impl_->sums, impl_->part_count() * impl_->part_size, T(0));
  impl_->backpropagate(impl_->segments.size(), impl_->way_down(true));
  impl_->finish_gradients();
  return {impl_->flow, detail::batch_shape(impl_->m, impl_->network->input_shape())};
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
  if (!node.pair) return node.view_y(0, impl_->m);
  // Only the pooled output was kept: the convolution is done once more.
  const Shape sample = impl_->network->info()[i].output_shape;
  impl_->shown = Tensor<T>(detail::batch_shape(impl_->m, sample));
  detail::with_kind(*node.layer, [&](auto kind, const auto& l) {
    if constexpr (!kind.kReshapes)
      kind.template forward<T>(l, node.view_x(0, impl_->m), impl_->parameters_of(node), node.activation, impl_->shown);
  });
  return impl_->shown;
}

template class Execution<float>;
template class Execution<double>;

}  // namespace hubel
