// See execution_plan.hpp.
#include "nn/execution_plan.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "ops/parts.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

// Elements of a sample up to which a layer that needs no other memory goes by sample.
constexpr std::int64_t kMaxSample = std::int64_t{1} << 14;

// Elements that the gradients of all parts may have: of large kernels there are fewer parts.
constexpr std::int64_t kMaxPartElements = std::int64_t{1} << 20;

// Rows of a dense layer's gradient that are computed in one go.
constexpr std::int64_t kGradientRows = 32;

}  // namespace

template <class T>
ExecutionPlan<T>::ExecutionPlan(const Network<T>& net, std::int64_t max_batch_, Mode mode_)
    : network(&net), max_batch(max_batch_), mode(mode_) {
  if (max_batch < 1) {
    throw std::invalid_argument(detail::formatted("Execution: max_batch = {}, it must be at least 1", max_batch));
  }
  make_nodes();
  make_segments();
  place_values();
  if (training()) {
    find_needed();
    place_gradients();
  }
  arena_.make();
  for (std::size_t i = 0; i < gradient_places_.size(); ++i) {
    const Parameter<T>& p = net.parameters()[i];
    gradients.push_back(p.frozen ? TensorView<T>() : TensorView<T>(gradient_places_[i], p.value.shape()));
  }
  for (Node<T>& node : nodes) {
    for (std::size_t p = 0; p < node.aside_places.size(); ++p) {
      const TensorView<T> all = gradients[node.first_parameter + p];
      node.aside.push_back(is_given(all) ? TensorView<T>(node.aside_places[p], all.shape()) : all);
    }
  }
}

// ---- Nodes -----------------------------------------------------------------------------------------------------

template <class T>
void ExecutionPlan<T>::make_nodes() {
  const Graph& graph = network->graph();
  const NetworkPlan plan = plan_network(graph);
  const auto layers = network->layers();
  nodes.resize(layers.size());
  values.resize(graph.value_count());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Node<T>& node = nodes[i];
    node.layer = &layers[i].layer;
    node.number = i;
    node.training = training();
    node.output = plan.info[i].output_shape;
    node.first_parameter = plan.ranges[i].first;
    node.parameter_count = plan.ranges[i].count;
    const std::span<const Parameter<T>> own = parameters_of(node);
    node.learns = std::ranges::any_of(own, [](const Parameter<T>& p) { return !p.frozen; });
    if (std::ranges::any_of(own, [](const auto& p) { return p.role == ParameterRole::statistic && p.frozen; }))
      node.training = false;
    for (const std::int64_t input : layers[i].inputs) {
      node.inputs.push_back(graph.position(input));
      node.input_shapes.push_back(graph.shape(graph.value(input)));
      values[node.inputs.back()].consumers.push_back(i);
    }
    node.xs_now.resize(node.inputs.size());
    node.xs.resize(node.inputs.size());
    node.dxs.resize(node.inputs.size());
  }
  find_outputs();
  find_sharing();
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!nodes[i].absorbed) choose_kind(i);
  if (mode == Mode::frozen) absorb_additions();
}

template <class T>
void ExecutionPlan<T>::find_outputs() {
  const Graph& graph = network->graph();
  for (const Graph::Value output : graph.outputs()) {
    outputs.push_back({graph.position(output.layer()), softmax_layer(graph, output), averages_softmax(graph, output)});
    values[outputs.back().value].consumers.push_back(nodes.size());
    if (const auto softmax = outputs.back().softmax) nodes[*softmax].put_off = true;
  }
}

template <class T>
void ExecutionPlan<T>::find_sharing() {
  std::vector<std::optional<std::size_t>> later(network->parameters().size());  // which has them, by the first of them
  for (std::size_t i = nodes.size(); i-- > 0;) {
    Node<T>& node = nodes[i];
    if (node.parameter_count == 0) continue;
    std::optional<std::size_t>& last = later[node.first_parameter];
    if (last) {
      const double left = with_kind(*node.layer, [](auto kind, const auto& l) { return kind.left_of_statistics(l); });
      node.shares = nodes[*last].shares = true;
      node.aside_places.resize(training() ? node.parameter_count : 0);
      node.left_of_step = nodes[*last].left_of_step * left;
    }
    last = i;
  }
}

// Whether layer i takes nothing but what the layer before it makes, which nothing else takes.
template <class T>
bool ExecutionPlan<T>::follows_alone(std::size_t i) const {
  if (i == 0 || i >= nodes.size()) return false;
  const std::size_t before = made_by(i - 1);
  return nodes[i].inputs == std::vector{before} && values[before].consumers.size() == 1;
}

// The next layer that node i does not yet run with.
template <class T>
void ExecutionPlan<T>::absorb(std::size_t i) {
  Node<T>& next = nodes[i + ++nodes[i].absorbs];
  next.absorbed = true;
  next.activation = Activation::identity;
  nodes[i].output = next.output;
  if (!std::exchange(next.put_off, false)) return;
  nodes[i].put_off = true;
  for (Output<T>& output : outputs)
    if (output.softmax == next.number) output.softmax = i;
}

// An activation that is a layer of its own, behind one without.
template <class T>
void ExecutionPlan<T>::absorb_activation(std::size_t i) {
  const std::size_t next = i + nodes[i].absorbs + 1;
  if (mode == Mode::inspection || nodes[i].activates() || !follows_alone(next)) return;
  const auto* behind = std::get_if<ActivationLayer>(nodes[next].layer);
  if (!behind) return;
  nodes[i].activation = behind->activation;
  absorb(i);
}

template <class T>
void ExecutionPlan<T>::freeze(std::size_t i) {
  Node<T>& node = nodes[i];
  const std::optional<Conv2D> conv = conv_of(*node.layer, node.input_shapes[0]);
  if (!conv) return;
  const std::size_t next = i + node.absorbs + 1;
  const bool folds = !node.activates() && follows_alone(next);
  const auto* norm = folds ? std::get_if<BatchNorm>(nodes[next].layer) : nullptr;
  node.frozen.emplace(*conv, parameters_of(node), norm,
                      norm ? parameters_of(nodes[next]) : std::span<const Parameter<T>>(), node.input_shapes[0]);
  if (!norm) return;
  node.activation = norm->activation;
  absorb(i);
  absorb_activation(i);
}

// A sum of two whose later one a frozen convolution makes, just before: the convolution adds to the other where that
// lies, if nobody wants it afterwards.
template <class T>
void ExecutionPlan<T>::absorb_additions() {
  std::vector<std::size_t> owners;  // of each value the one in whose memory it lies
  for (std::size_t i = 0; i < input_count(); ++i) owners.push_back(i);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node<T>& node = nodes[i];
    if (node.frozen) absorb_addition(i, owners);
    const bool borrows = node.absorbed || (node.reshapes && !node.activates());
    owners.push_back(node.adds_to ? owners[*node.adds_to] : borrows ? owners[node.inputs[0]] : made_by(i));
  }
}

// `owners`: of the values before node i's.
template <class T>
void ExecutionPlan<T>::absorb_addition(std::size_t i, std::span<const std::size_t> owners) {
  Node<T>& node = nodes[i];
  const std::size_t next = i + node.absorbs + 1;
  const std::size_t made = made_by(next - 1);
  if (next >= nodes.size() || node.activates() || values[made].consumers != std::vector{next}) return;
  const Node<T>& sum = nodes[next];
  if (!std::holds_alternative<Add>(*sum.layer) || sum.inputs.size() != 2 || sum.put_off) return;
  const std::size_t other = sum.inputs[0] == made ? sum.inputs[1] : sum.inputs[0];
  if (owners[other] < input_count() || !node.frozen->can_add()) return;  // the network's inputs are the caller's
  for (std::size_t v = 0; v < owners.size(); ++v) {
    if (owners[v] != owners[other]) continue;
    if (std::ranges::any_of(values[v].consumers, [&](std::size_t c) { return c >= i && c != next; })) return;
  }
  node.adds_to = other;
  node.activation = sum.activation;
  absorb(i);
  node.absorbs += sum.absorbs;
}

template <class T>
void ExecutionPlan<T>::choose_kind(std::size_t i) {
  Node<T>& node = nodes[i];
  bool fuses = false;
  with_kind(*node.layer, [&](auto kind, const auto& l) {
    node.activation = layer_activation(l);
    node.own_activation = kind.kOwnActivation;
    node.reshapes = kind.kReshapes || (kind.kTrainingOnly && !training());
    node.kept_size = kind.kept_size(l, node.input_shapes[0]);
    fuses = kind.kFusesActivation;
  });
  if (fuses) absorb_activation(i);
  // Pairs and small dense layers write their parameters' gradients when all layers are through, and not to add to any.
  const bool writes_late = !(node.shares && training());
  if (writes_late && mode != Mode::inspection && follows_alone(i + node.absorbs + 1)) {
    const Layer& behind = *nodes[i + node.absorbs + 1].layer;
    node.pair = conv_pool_pair<T>(*node.layer, node.activation, behind, node.input_shapes[0], training());
    if (node.pair) absorb(i);
  }
  if (mode == Mode::frozen && !node.pair) freeze(i);
  const auto* dense = std::get_if<Dense>(node.layer);
  if (dense && writes_late && node.input_shapes[0].rank() == 1) {
    const SmallDense small{node.input_shapes[0][0], dense->units};
    if (small.pays()) node.dense = small;
  }
  node.own_activation = node.own_activation && !node.put_off;
  node.in_size = node.input_shapes[0].elements();
  node.out_size = node.output.elements();
  const bool small = std::max(node.in_size, node.out_size) <= kMaxSample;
  const bool plain = node.parameter_count == 0 && node.inputs.size() == 1 && node.kept_size.of_batch == 0;
  node.by_sample = node.pair || node.dense || (plain && small);
}

// ---- Segments --------------------------------------------------------------------------------------------------

template <class T>
void ExecutionPlan<T>::make_segments() {
  segment_of_.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size();) {
    const Node<T>& node = nodes[i];
    const std::size_t end = i + node.absorbs + 1;
    if (!segments.empty() && segments.back().by_sample && node.by_sample && follows_alone(i)) {
      segments.back().end = end;
    } else {
      segments.push_back({i, end, node.by_sample, {}});
    }
    for (; i < end; ++i) {
      segment_of_[i] = segments.size() - 1;
      Node<T>& absorbed = nodes[i];
      if (!absorbed.absorbed) continue;
      absorbed.by_sample = node.by_sample;
      absorbed.output = node.output;
      absorbed.in_size = absorbed.out_size = node.out_size;
    }
    if (node.by_sample) widest = std::max({widest, node.in_size, node.out_size});
  }
}

// ---- Memory ----------------------------------------------------------------------------------------------------

template <class T>
void ExecutionPlan<T>::place_values() {
  memory_of_.resize(values.size());
  for (std::size_t s = 0; s < segments.size(); ++s)
    for (std::size_t i = segments[s].begin; i < segments[s].end; ++i) place_node(s, i);
  for (Output<T>& output : outputs) {
    keep(output.value, end_time());
    if (output.probabilities)
      arena_.place(output.logarithms, max_batch, maker(output.value).output, backward_time(segments.size() - 1),
                   end_time());
  }
  if (mode != Mode::inspection) return;
  for (std::size_t value = input_count(); value < values.size(); ++value) keep(value, end_time());
}

// The value is read at that time.
template <class T>
void ExecutionPlan<T>::keep(std::size_t value, std::int64_t time) {
  if (memory_of_[value]) arena_.extend(*memory_of_[value], time);
}

template <class T>
void ExecutionPlan<T>::place_node(std::size_t segment, std::size_t i) {
  Node<T>& node = nodes[i];
  const std::size_t made = made_by(i);
  const auto forward = static_cast<std::int64_t>(segment);
  const std::int64_t backward = backward_time(segment);
  for (const std::size_t input : node.inputs) keep(input, node.reads_inputs() ? backward : forward);
  memory_of_[made] = memory_of_[node.inputs[0]];  // unless it has memory of its own
  if (node.absorbed) return;
  const bool wants_z = node.put_off || (training() && !node.own_activation && derivative_needs_input(node.activation));
  if (node.put_off && node.reshapes) keep(node.inputs[0], end_time());
  if (wants_z && node.activates() && !node.reshapes)
    arena_.place(node.z, max_batch, node.output, forward, node.put_off ? end_time() : backward);
  if (node.adds_to) {
    memory_of_[made] = memory_of_[*node.adds_to];
    arena_.share(node.y, *memory_of_[made]);
    keep(made, forward);
  } else if (node.activates() || !node.reshapes) {
    memory_of_[made] = arena_.place(node.y, max_batch, node.output, forward,
                                    node.put_off          ? end_time()
                                    : node.reads_output() ? backward
                                                          : forward);
  }
  if (const auto [of_sample, of_batch] = node.kept_size; training() && of_sample + of_batch > 0)
    arena_.place(node.kept, batch_shape(max_batch, Shape{of_sample}).elements() + of_batch, forward, backward);
  if (node.dense && training()) {
    keep(node.inputs[0], end_time());
    arena_.place(node.dz, max_batch, node.output, forward, end_time());
  }
  if (!node.pair) return;
  if (training()) arena_.place(node.winners, max_batch, Shape{node.pair->winners_size()}, forward, backward);
  std::int64_t weights = 0;
  for (std::size_t p = 0; p < node.parameter_count; ++p)
    weights += network->parameters()[node.first_parameter + p].value.size();
  arena_.place(node.packed_from, weights, 0, end_time());
  arena_.place(node.packed, node.pair->packed_size(), 0, end_time());
  node.sums = part_size;
  part_size += node.pair->gradient_size();
}

// ---- Gradients -------------------------------------------------------------------------------------------------

template <class T>
void ExecutionPlan<T>::find_needed() {
  for (std::size_t i = 0; i < input_count(); ++i) values[i].needed = {false, true};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::size_t flag : {0, 1}) {
      bool needed = nodes[i].learns;
      for (const std::size_t input : nodes[i].inputs) needed = needed || values[input].needed[flag];
      values[made_by(i)].needed[flag] = needed;
    }
  }
}

template <class T>
void ExecutionPlan<T>::place_gradients() {
  flow_.resize(values.size());
  const auto last = static_cast<std::int64_t>(segments.size() - 1);
  for (const Output<T>& output :
       outputs) {  // where what is asked for, or the loss, is written before anything goes back
    const std::size_t value = output.value;
    flow_[value] = arena_.place(values[value].gradient, max_batch, maker(value).output, last, last);
  }
  for (std::size_t s = segments.size(); s-- > 0;) {
    arena_.extend(*flow_[made_by(segments[s])], backward_time(s));
    place_flow(s);
    place_shared(s);
  }
  for (std::size_t i = 0; i < input_count(); ++i)
    if (flow_[i]) arena_.extend(*flow_[i], end_time());
  place_parts();
  gradient_places_.resize(network->parameters().size());
  for (std::size_t i = 0; i < gradient_places_.size(); ++i)
    if (!network->parameters()[i].frozen)
      arena_.place(gradient_places_[i], network->parameters()[i].value.size(), 0, end_time());
}

// The gradients of a segment's inputs, at its turn in backward.
template <class T>
void ExecutionPlan<T>::place_flow(std::size_t s) {
  Segment<T>& segment = segments[s];
  const Node<T>& node = nodes[segment.begin];
  const std::int64_t now = backward_time(s);
  bool in_place = !segment.by_sample &&
                  (node.reshapes || with_kind(*node.layer, [](auto kind, const auto&) { return kind.kInPlace; }));
  segment.aside.assign(node.inputs.size(), nullptr);
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    const std::size_t value = node.inputs[k];
    if (flow_[value]) {  // another consumer, of a later turn forward and so an earlier one backward, has written it
      arena_.place(segment.aside[k], max_batch, node.input_shapes[k], now, now);
    } else if (in_place && value >= input_count() && values[value].consumers.size() == 1) {
      flow_[value] = flow_[made_by(segment)];
      arena_.share(values[value].gradient, *flow_[value]);
      in_place = false;
    } else {
      flow_[value] = arena_.place(values[value].gradient, max_batch, node.input_shapes[k], now, now);
    }
    arena_.extend(*flow_[value], now);
  }
}

// Where a segment's gradients of shared parameters wait at its turn.
template <class T>
void ExecutionPlan<T>::place_shared(std::size_t s) {
  Node<T>& node = nodes[segments[s].begin];
  for (std::size_t p = 0; p < node.aside_places.size(); ++p) {
    const Parameter<T>& parameter = network->parameters()[node.first_parameter + p];
    if (!parameter.frozen)
      arena_.place(node.aside_places[p], parameter.value.size(), backward_time(s), backward_time(s));
  }
}

template <class T>
void ExecutionPlan<T>::place_parts() {
  most_parts = std::clamp<std::int64_t>(kMaxPartElements / std::max<std::int64_t>(part_size, 1), 1, kMaxParts);
  most_parts = std::min(most_parts, group_count(max_batch));
  arena_.place(sums, most_parts, Shape{std::max<std::int64_t>(part_size, 1)}, 0, end_time());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].learns) continue;
    if (nodes[i].pair) rests.push_back({Rest::Kind::pair, i});
    if (!nodes[i].dense) continue;
    const auto own = parameters_of(nodes[i]);
    const std::int64_t rows = own[0].frozen ? 0 : nodes[i].dense->n_in;
    for (std::int64_t row = 0; row < rows; row += kGradientRows)
      rests.push_back({Rest::Kind::rows, i, row, std::min(row + kGradientRows, rows)});
    if (own.size() > 1 && !own[1].frozen) rests.push_back({Rest::Kind::bias, i});
  }
}

template struct ExecutionPlan<float>;
template struct ExecutionPlan<double>;

}  // namespace hubel::detail
