// Runs a network by its plan (execution_plan.hpp): every layer's memory is laid out once, and a call only fills it.
//
// In a segment that goes by sample, groups of samples are shared out to the threads, so that a small network's training
// step has one parallel loop for all its layers and one for what is left of the gradients. The groups' gradients are
// added in the groups' order.
//
// An output's softmax is put off: the loss wants its input, and nobody may ask for its output.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "hubel/combine.hpp"
#include "hubel/network.hpp"
#include "nn/execution_plan.hpp"
#include "ops/loss_rows.hpp"
#include "ops/parallel.hpp"
#include "ops/pieces.hpp"
#include "ops/weight_gradient.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using detail::group_count;
using detail::Node;

// Samples [begin, end).
struct Samples {
  std::int64_t begin, end;
  std::int64_t count() const { return end - begin; }
};
Samples piece(Samples whole, std::int64_t i, std::int64_t pieces) {
  return {whole.begin + whole.count() * i / pieces, whole.begin + whole.count() * (i + 1) / pieces};
}

// Two buffers for the gradients of a group's activations.
template <class T>
std::pair<T*, T*> group_flow(std::int64_t widest) {
  T* memory = detail::scratch<T>(detail::Scratch::flow, static_cast<std::size_t>(2 * detail::kGroup * widest));
  return {memory, memory + detail::kGroup * widest};
}

// f(i) for each of n elements, of so many floating-point operations.
template <class F>
void for_each_element(std::int64_t n, double flops, const F& f) {
  detail::parallel_for(detail::piece_count(n), flops * static_cast<double>(n), [&](std::int64_t piece) {
    const std::int64_t begin = piece * detail::kPiece, end = std::min(begin + detail::kPiece, n);
    for (std::int64_t i = begin; i < end; ++i) f(i);
  });
}

template <class T>
void add_to(TensorView<const T> values, TensorView<T> sum) {
  const std::array<TensorView<const T>, 2> terms = {values, sum};
  add_forward(terms, Activation::identity, sum);
}

}  // namespace

template <class T>
struct Execution<T>::Impl {
  using Segment = detail::Segment<T>;

  Impl(const Network<T>& network, std::int64_t max_batch, Mode mode);

  using Views = std::span<const TensorView<const T>>;

  // What an output is held against. Without `loss` it is the cross-entropy of labels, with these options.
  struct Aim {
    const Loss* loss = nullptr;
    CrossEntropyOptions entropy = {};
    double weight = 1;
    std::span<const std::int32_t> labels = {};
    TensorView<const T> targets = {};
    std::span<const float> sample_weights = {};

    bool of_logits() const { return !loss || std::holds_alternative<CrossEntropy>(*loss); }
    LossResult compute(TensorView<const T> out, TensorView<T> d) const {
      if (!loss) return softmax_cross_entropy(out, labels, d, entropy);
      if (targets.shape().rank() > 0) return compute_loss(*loss, out, targets, d, sample_weights);
      return compute_loss(*loss, out, labels, d, sample_weights);
    }
  };

  void check_batch(Views xs, std::int64_t count) const;
  void begin_batch(Views xs);
  void run(Views xs);
  void forward(const Segment& segment);
  void forward(const Segment& segment, Samples samples);
  void finish_outputs();
  Views outputs();
  TensorView<const T> output(std::size_t i) const { return plan.maker(plan.outputs.at(i).value).view_y(0, m); }
  TensorView<const T> logits(std::size_t output) const;

  Impl& aim(const OutputAim<T>& one);
  Impl& aim(std::span<const OutputAim<T>> given);
  Impl& aim_at_classes(std::span<const std::int32_t> labels, const CrossEntropyOptions& options);
  std::span<const LossResult> losses(Views xs);
  std::span<const LossResult> learn(Views xs);
  LossResult loss_of(std::size_t output, T* gradient);
  void scale_gradient(TensorView<T> d, double weight) const;
  bool heads_by_sample() const;
  void learn_by_sample();
  LossResult head();
  void head(double divisor, Samples samples, T* part);
  void check_gradients(Views douts) const;
  void begin_backward(bool to_input);
  void backpropagate(std::size_t segment_count);
  void backward(const Segment& segment);
  void backward_by_sample(const Segment& segment);
  void backward(const Segment& segment, Samples samples, T* d, T* other, T* part);
  void leave(const Segment& segment, std::size_t input, Samples samples, const T* gradient);
  bool wants(std::size_t value) const { return plan.values[value].needed[to_input]; }
  void finish_gradients();
  void finish(const detail::Rest& rest);
  template <class Body>
  void for_each_part(double flops, const Body& body);
  std::int64_t part_count() const;

  double forward_flops(const Segment& segment) const;
  double backward_flops(const Segment& segment) const;
  std::span<const Parameter<T>> parameters_of(const Node<T>& node) const {
    return plan.network->parameters().subspan(node.first_parameter, node.parameter_count);
  }
  std::span<const TensorView<T>> gradients_of(const Node<T>& node) const {
    return std::span(plan.gradients).subspan(node.first_parameter, node.parameter_count);
  }
  // From d = dL/d(softmax's input) on, its own backward is past.
  bool is_past(const Node<T>& node) const { return node.put_off && node.past_softmax; }
  std::size_t lowest(const Segment& segment) const;
  void require_training(const char* who) const {
    if (!plan.training()) throw std::logic_error(detail::formatted("Execution::{}: made without Mode::training", who));
  }
  void require_one_output() const {
    if (plan.outputs.size() == 1) return;
    throw std::invalid_argument(
        detail::formatted("Execution: the network has {} outputs, and a loss is of one; losses and "
                          "losses_and_gradients take one for each",
                          plan.outputs.size()));
  }
  void require_batch(const char* who) const {
    if (!has_run) throw std::logic_error(detail::formatted("Execution::{}: no batch has been run", who));
  }

  detail::ExecutionPlan<T> plan;
  DropoutKey key;
  std::vector<const T*> now;                                      // where each value of the batch lies
  std::vector<TensorView<const T>> outputs_now, input_gradients;  // room for what is returned
  std::vector<Aim> aims;                                          // of each output
  std::vector<LossResult> results;                                // room for what is returned
  std::vector<detail::RowLoss> row_losses;
  std::int64_t m = 0;            // samples of the batch
  bool has_run = false;          // forward is done, and what backward needs is there
  bool has_output = false;       // the outputs, or the logits, are there
  bool outputs_are_due = false;  // what was put off in the last batch was not made up for since
  bool to_input = false;         // of the backward pass under way
};

template <class T>
Execution<T>::Impl::Impl(const Network<T>& network, std::int64_t max_batch, Mode mode)
    : plan(network, max_batch, mode),
      now(plan.values.size()),
      outputs_now(plan.outputs.size()),
      input_gradients(plan.input_count()),
      aims(plan.outputs.size()),
      results(plan.outputs.size()) {
  if (plan.training()) row_losses.resize(static_cast<std::size_t>(max_batch));
}

// ---- Forward ---------------------------------------------------------------------------------------------------

template <class T>
void Execution<T>::Impl::check_batch(Views xs, std::int64_t count) const {
  const auto samples = plan.network->input_shapes();
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (count >= 0 && count <= plan.max_batch && xs[i].shape() == detail::batch_shape(count, samples[i])) continue;
    const std::string name =
        xs.size() == 1 ? "x" : detail::formatted("x of {}", plan.network->graph().inputs()[i].name);
    throw std::invalid_argument(
        detail::formatted("Execution: {} has shape {}, the network takes samples of shape {}, at most {} at once{}",
                          name, xs[i].shape().to_string(), samples[i].to_string(), plan.max_batch,
                          xs.size() == 1 ? "" : ", as many for each input"));
  }
}

template <class T>
void Execution<T>::Impl::begin_batch(Views xs) {
  if (xs.size() != plan.input_count()) {
    throw std::invalid_argument(
        detail::formatted("Execution: the network takes {} inputs, {} given", plan.input_count(), xs.size()));
  }
  const std::int64_t count = xs[0].shape().rank() > 0 ? xs[0].shape()[0] : -1;
  check_batch(xs, count);
  has_run = has_output = outputs_are_due = false;
  m = count;
  for (std::size_t i = 0; i < xs.size(); ++i) now[i] = xs[i].data();
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    now[plan.made_by(i)] = plan.nodes[i].aim(now, m);
    plan.nodes[i].pack(parameters_of(plan.nodes[i]), plan.training());
  }
}

template <class T>
void Execution<T>::Impl::run(Views xs) {
  begin_batch(xs);
  for (const Segment& segment : plan.segments) forward(segment);
  has_run = has_output = outputs_are_due = true;
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
  for (std::size_t i = segment.begin; i < segment.end; ++i) {
    const Node<T>& node = plan.nodes[i];
    node.forward(parameters_of(node), samples.begin, samples.count(), key);
  }
}

template <class T>
void Execution<T>::Impl::finish_outputs() {
  if (!outputs_are_due) return;
  for (const detail::Output<T>& output : plan.outputs) {
    if (!output.softmax) continue;
    const Node<T>& node = plan.nodes[*output.softmax];
    activation_forward(node.view_z(0, m), node.activation, {node.y, detail::batch_shape(m, node.output)});
  }
  outputs_are_due = false;
}

template <class T>
auto Execution<T>::Impl::outputs() -> Views {
  finish_outputs();
  for (std::size_t i = 0; i < outputs_now.size(); ++i) outputs_now[i] = output(i);
  return outputs_now;
}

template <class T>
TensorView<const T> Execution<T>::Impl::logits(std::size_t output) const {
  const detail::Output<T>& made = plan.outputs.at(output);
  const T* logits = made.softmax ? plan.nodes[*made.softmax].z_now : plan.maker(made.value).y_now;
  const Shape& shape = plan.network->output_shapes()[output];
  return {logits, shape.elements() == shape.back() ? Shape{m, shape.back()} : detail::batch_shape(m, shape)};
}

template <class T>
double Execution<T>::Impl::forward_flops(const Segment& segment) const {
  double flops = 0;
  for (std::size_t i = segment.begin; i < segment.end; ++i) flops += plan.nodes[i].forward_flops();
  return flops;
}

// ---- Losses ----------------------------------------------------------------------------------------------------

template <class T>
auto Execution<T>::Impl::aim(const OutputAim<T>& one) -> Impl& {
  require_one_output();
  return aim(std::span(&one, 1));
}

template <class T>
auto Execution<T>::Impl::aim_at_classes(std::span<const std::int32_t> labels, const CrossEntropyOptions& options)
    -> Impl& {
  require_one_output();
  detail::class_count(plan.network->output_shape(), "Execution");
  aims[0] = {};
  aims[0].entropy = options;
  aims[0].labels = labels;
  return *this;
}

template <class T>
auto Execution<T>::Impl::aim(std::span<const OutputAim<T>> given) -> Impl& {
  if (given.size() != aims.size()) {
    throw std::invalid_argument(
        detail::formatted("Execution: the network has {} outputs, {} aims given", aims.size(), given.size()));
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const OutputAim<T>& of = given[i];
    if (!of.loss) throw std::invalid_argument(detail::formatted("Execution: the aim of output {} has no loss", i));
    Aim& own = aims[i];
    own = {of.loss, {}, of.weight, of.labels, of.targets, of.sample_weights};
    const auto* entropy = std::get_if<CrossEntropy>(of.loss);
    if (!entropy || of.targets.shape().rank() > 0) continue;
    own.loss = nullptr;
    own.entropy = detail::cross_entropy_options(*entropy, of.sample_weights);
    own.entropy.skip_above = of.skip_above;
    own.entropy.losses = of.row_losses;
  }
  return *this;
}

template <class T>
std::span<const LossResult> Execution<T>::Impl::losses(Views xs) {
  run(xs);
  for (std::size_t i = 0; i < aims.size(); ++i) results[i] = loss_of(i, nullptr);
  return results;
}

// After the forward pass: the cross-entropy is of the logits, any other loss of the output. `gradient`, unless it is
// null, gets that of weight * loss.
//
// Of an output that is probabilities p already the logits are log p, whose softmax p is. What that leaves in dL/dp
// beside the cross-entropy's own is the same for all classes of a row, which has no effect: all p come from softmaxes.
template <class T>
LossResult Execution<T>::Impl::loss_of(std::size_t i, T* gradient) {
  const Aim& aim = aims[i];
  if (!aim.of_logits()) finish_outputs();
  const bool of_logarithms = aim.of_logits() && plan.outputs[i].probabilities;
  const TensorView<const T> p = aim.of_logits() ? logits(i) : output(i);
  const TensorView<const T> out = of_logarithms ? TensorView<const T>(plan.outputs[i].logarithms, p.shape()) : p;
  constexpr T kLeast = std::numeric_limits<T>::min();  // what has come to 0 in a softmax has no logarithm
  if (of_logarithms)
    for_each_element(p.size(), 20,
                     [&](std::int64_t k) { plan.outputs[i].logarithms[k] = std::log(std::max(p[k], kLeast)); });
  if (!gradient) return aim.compute(out, {});
  const LossResult result = aim.compute(out, {gradient, out.shape()});
  if (of_logarithms) for_each_element(p.size(), 4, [&](std::int64_t k) { gradient[k] /= std::max(p[k], kLeast); });
  scale_gradient({gradient, out.shape()}, aim.weight);
  return result;
}

template <class T>
void Execution<T>::Impl::scale_gradient(TensorView<T> d, double weight) const {
  if (weight == 1) return;
  const T factor = static_cast<T>(weight);
  for_each_element(d.size(), 1, [&](std::int64_t k) { d[k] *= factor; });
}

// ---- Backward --------------------------------------------------------------------------------------------------

// Down to which node of the segment backward goes: all of it when its input's gradient is wanted, else to the first
// layer that learns.
template <class T>
std::size_t Execution<T>::Impl::lowest(const Segment& segment) const {
  std::size_t i = segment.begin;
  if (wants(plan.nodes[i].inputs[0])) return i;
  while (i < segment.end && !plan.nodes[i].learns) ++i;
  return i;
}

template <class T>
double Execution<T>::Impl::backward_flops(const Segment& segment) const {
  const std::size_t low = lowest(segment);
  double flops = 0;
  for (std::size_t i = low; i < segment.end; ++i)
    flops += plan.nodes[i].backward_flops(i > low || wants(plan.nodes[i].inputs[0]));
  return flops;
}

template <class T>
std::int64_t Execution<T>::Impl::part_count() const {
  return std::clamp<std::int64_t>(group_count(m), 1, plan.most_parts);
}

// body(samples, memory for their part of the pairs' gradients), group by group; parts run side by side.
template <class T>
template <class Body>
void Execution<T>::Impl::for_each_part(double flops, const Body& body) {
  const std::int64_t parts = part_count();
  detail::parallel_for(parts, flops, [&](std::int64_t i) {
    const Samples samples = piece({0, m}, i, parts);
    T* part = plan.sums + i * plan.part_size;
    const std::int64_t groups = group_count(samples.count());
    for (std::int64_t group = 0; group < groups; ++group) body(piece(samples, group, groups), part);
  });
}

template <class T>
void Execution<T>::Impl::check_gradients(Views douts) const {
  if (douts.size() != plan.outputs.size()) {
    throw std::invalid_argument(detail::formatted("Execution: the network has {} outputs, {} gradients given",
                                                  plan.outputs.size(), douts.size()));
  }
  for (std::size_t i = 0; i < douts.size(); ++i) {
    if (douts[i].shape() == output(i).shape()) continue;
    throw std::invalid_argument(detail::formatted("Execution: dout{} has shape {}, the output of the last batch has {}",
                                                  douts.size() == 1 ? "" : detail::formatted(" {}", i),
                                                  douts[i].shape().to_string(), output(i).shape().to_string()));
  }
}

template <class T>
void Execution<T>::Impl::begin_backward(bool to_input_) {
  to_input = to_input_;
  for (const detail::Output<T>& output : plan.outputs)
    if (output.softmax) plan.nodes[*output.softmax].past_softmax = false;
  std::fill_n(plan.sums, part_count() * plan.part_size, T(0));
}

// Forward, the losses, and backward.
template <class T>
std::span<const LossResult> Execution<T>::Impl::learn(Views xs) {
  require_training("loss_and_gradients");
  begin_batch(xs);
  outputs_are_due = true;
  begin_backward(false);
  for (std::size_t i = 0; i < aims.size(); ++i)
    if (const auto softmax = plan.outputs[i].softmax) plan.nodes[*softmax].past_softmax = aims[i].of_logits();
  if (heads_by_sample()) {
    learn_by_sample();
  } else {
    for (const Segment& segment : plan.segments) forward(segment);
    for (std::size_t i = 0; i < aims.size(); ++i) results[i] = loss_of(i, plan.values[plan.outputs[i].value].gradient);
    backpropagate(plan.segments.size());
  }
  finish_gradients();
  has_output = true;
  return results;
}

// Whether there is one loss, the cross-entropy of a label for each sample, and what it is of comes from the last
// segment, sample by sample: that then does all three in one.
template <class T>
bool Execution<T>::Impl::heads_by_sample() const {
  if (aims.size() > 1 || aims[0].loss || plan.outputs[0].probabilities || logits(0).shape().rank() != 2) return false;
  const Segment& last = plan.segments.back();
  return last.by_sample && plan.outputs[0].softmax.value_or(last.begin) >= last.begin;
}

template <class T>
void Execution<T>::Impl::learn_by_sample() {
  detail::check_labels(logits(0).shape(), aims[0].labels, aims[0].entropy);
  const std::size_t last = plan.segments.size() - 1;
  for (const Segment& segment : std::span(plan.segments).first(last)) forward(segment);
  results[0] = head();
  backpropagate(last);
}

template <class T>
LossResult Execution<T>::Impl::head() {
  const Segment& last = plan.segments.back();
  const CrossEntropyOptions& options = aims[0].entropy;
  const double divisor = detail::loss_divisor(aims[0].labels, options.class_weights, options.ignore_label);
  for_each_part(static_cast<double>(m) * (forward_flops(last) + backward_flops(last)),
                [&](Samples samples, T* part) { head(divisor, samples, part); });
  detail::LossSum sum;
  for (std::int64_t i = 0; i < m; ++i) {
    const detail::RowLoss& row = row_losses[static_cast<std::size_t>(i)];
    if (!options.losses.empty()) options.losses[static_cast<std::size_t>(i)] = static_cast<float>(row.loss);
    sum.add(row);
  }
  return sum.mean(divisor);
}

template <class T>
void Execution<T>::Impl::head(double divisor, Samples samples, T* part) {
  const Segment& segment = plan.segments.back();
  const Aim& aim = aims[0];
  forward(segment, samples);
  const TensorView<const T> all = logits(0);
  const std::int64_t classes = all.shape()[1];
  const auto [d, other] = group_flow<T>(plan.widest);
  for (std::int64_t i = samples.begin; i < samples.end; ++i) {
    row_losses[static_cast<std::size_t>(i)] =
        detail::row_cross_entropy(all.data() + i * classes, classes, aim.labels[static_cast<std::size_t>(i)], i,
                                  divisor, d + (i - samples.begin) * classes, aim.entropy);
  }
  scale_gradient({d, Shape{samples.count(), classes}}, aim.weight);
  if (lowest(segment) < segment.end) backward(segment, samples, d, other, part);
}

// The first `segment_count` segments, from the gradients of what they make for others or the caller.
template <class T>
void Execution<T>::Impl::backpropagate(std::size_t segment_count) {
  for (std::size_t s = segment_count; s-- > 0;) {
    const Segment& segment = plan.segments[s];
    if (!wants(plan.made_by(segment))) continue;
    if (segment.by_sample) {
      backward_by_sample(segment);
    } else {
      backward(segment);
    }
  }
}

// A node on the whole batch.
template <class T>
void Execution<T>::Impl::backward(const Segment& segment) {
  Node<T>& node = plan.nodes[segment.begin];
  T* d = plan.values[plan.made_by(segment)].gradient;
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    const std::size_t value = node.inputs[k];
    T* to = segment.aside[k] ? segment.aside[k] : plan.values[value].gradient;
    node.dxs[k] = wants(value) ? TensorView<T>(to, detail::batch_shape(m, node.input_shapes[k])) : TensorView<T>();
  }
  const std::span<const TensorView<T>> all = gradients_of(node);
  const std::span<const TensorView<T>> own = node.aside.empty() ? all : node.aside;
  node.backward(parameters_of(node), own, 0, m, key, d, is_past(node), node.dxs, nullptr);
  for (std::size_t p = 0; p < node.aside.size(); ++p) {
    const TensorView<T>& aside = node.aside[p];
    if (!detail::is_given(aside)) continue;
    // A statistic makes one place's step after the other's, s <- left s + (1 - left) measured: what the later leave of
    // it.
    if (parameters_of(node)[p].role == ParameterRole::statistic)
      for (std::int64_t i = 0; i < aside.size(); ++i) aside[i] *= static_cast<T>(node.left_of_step);
    add_to<T>(aside, all[p]);
  }
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    if (!wants(node.inputs[k])) continue;
    const bool done = !node.reshapes && !segment.aside[k];
    if (!done) leave(segment, k, {0, m}, node.reshapes ? d : segment.aside[k]);
  }
}

// Puts the samples' gradient of an input where it belongs, or adds it to what is there.
template <class T>
void Execution<T>::Impl::leave(const Segment& segment, std::size_t input, Samples samples, const T* gradient) {
  const Node<T>& node = plan.nodes[segment.begin];
  const Shape shape = detail::batch_shape(samples.count(), node.input_shapes[input]);
  T* to = plan.values[node.inputs[input]].gradient + samples.begin * node.input_shapes[input].elements();
  const TensorView<const T> given(gradient, shape);
  if (segment.aside[input]) {
    add_to(given, TensorView<T>(to, shape));
  } else if (to != gradient) {
    add_forward(std::span(&given, 1), Activation::identity, {to, shape});
  }
}

template <class T>
void Execution<T>::Impl::backward_by_sample(const Segment& segment) {
  const T* all = plan.values[plan.made_by(segment)].gradient;
  const std::int64_t out = plan.nodes[segment.end - 1].out_size;
  for_each_part(static_cast<double>(m) * backward_flops(segment), [&](Samples samples, T* part) {
    const auto [d, other] = group_flow<T>(plan.widest);
    std::copy_n(all + samples.begin * out, samples.count() * out, d);
    backward(segment, samples, d, other, part);
  });
}

// Some samples through a segment, from the gradient in d, with `other` to work in.
template <class T>
void Execution<T>::Impl::backward(const Segment& segment, Samples samples, T* d, T* other, T* part) {
  const std::size_t low = lowest(segment);
  const bool wants_dx = wants(plan.nodes[segment.begin].inputs[0]);
  for (std::size_t i = segment.end; i-- > low;) {
    const Node<T>& node = plan.nodes[i];
    if (node.absorbed) continue;
    TensorView<T> dx;
    if (i > low || wants_dx) dx = {other, detail::batch_shape(samples.count(), node.input_shapes[0])};
    node.backward(parameters_of(node), {}, samples.begin, samples.count(), key, d, is_past(node), std::span(&dx, 1),
                  part);
    if (!node.reshapes) std::swap(d, other);
  }
  if (wants_dx) leave(segment, 0, samples, d);
}

template <class T>
void Execution<T>::Impl::finish_gradients() {
  double flops = static_cast<double>(part_count() * plan.part_size);
  for (const Node<T>& node : plan.nodes)
    flops += node.dense && node.learns ? static_cast<double>(m) * node.dense->flops() : 0;
  detail::parallel_for(std::ssize(plan.rests), flops,
                       [&](std::int64_t i) { finish(plan.rests[static_cast<std::size_t>(i)]); });
}

template <class T>
void Execution<T>::Impl::finish(const detail::Rest& rest) {
  const Node<T>& node = plan.nodes[rest.node];
  const auto own = gradients_of(node);
  switch (rest.kind) {
    case detail::Rest::Kind::pair: {
      const std::int64_t n = node.pair->gradient_size();
      T* total = plan.sums + node.sums;
      for (std::int64_t part = 1; part < part_count(); ++part) {
        for (std::int64_t i = 0; i < n; ++i) total[i] += total[part * plan.part_size + i];
      }
      node.pair->put_gradients(total, own[0].data(), own.size() > 1 ? own[1].data() : nullptr);
      return;
    }
    case detail::Rest::Kind::rows:
      node.dense->backward_weights(node.x_now(), node.dz, m, rest.begin, rest.end, own[0].data());
      return;
    case detail::Rest::Kind::bias:
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
  return forward(std::span<const TensorView<const T>>(&x, 1)).front();
}

template <class T>
std::span<const TensorView<const T>> Execution<T>::forward(std::span<const TensorView<const T>> xs) {
  impl_->run(xs);
  return impl_->outputs();
}

template <class T>
LossResult Execution<T>::loss(TensorView<const T> x, std::span<const std::int32_t> labels) {
  return impl_->aim_at_classes(labels, {}).losses({&x, 1}).front();
}

template <class T>
LossResult Execution<T>::loss(TensorView<const T> x, const Loss& loss, std::span<const std::int32_t> labels,
                              std::span<const float> sample_weights) {
  const OutputAim<T> aim = {.loss = &loss, .labels = labels, .sample_weights = sample_weights};
  return impl_->aim(aim).losses({&x, 1}).front();
}

template <class T>
LossResult Execution<T>::loss(TensorView<const T> x, const Loss& loss, TensorView<const T> targets,
                              std::span<const float> sample_weights) {
  const OutputAim<T> aim = {.loss = &loss, .targets = targets, .sample_weights = sample_weights};
  return impl_->aim(aim).losses({&x, 1}).front();
}

template <class T>
LossResult Execution<T>::loss_and_gradients(TensorView<const T> x, std::span<const std::int32_t> labels,
                                            const CrossEntropyOptions& options) {
  return impl_->aim_at_classes(labels, options).learn({&x, 1}).front();
}

template <class T>
LossResult Execution<T>::loss_and_gradients(TensorView<const T> x, const Loss& loss,
                                            std::span<const std::int32_t> labels,
                                            std::span<const float> sample_weights) {
  const OutputAim<T> aim = {.loss = &loss, .labels = labels, .sample_weights = sample_weights};
  return impl_->aim(aim).learn({&x, 1}).front();
}

template <class T>
LossResult Execution<T>::loss_and_gradients(TensorView<const T> x, const Loss& loss, TensorView<const T> targets,
                                            std::span<const float> sample_weights) {
  const OutputAim<T> aim = {.loss = &loss, .targets = targets, .sample_weights = sample_weights};
  return impl_->aim(aim).learn({&x, 1}).front();
}

template <class T>
std::span<const LossResult> Execution<T>::losses(std::span<const TensorView<const T>> xs,
                                                 std::span<const OutputAim<T>> aims) {
  return impl_->aim(aims).losses(xs);
}

template <class T>
std::span<const LossResult> Execution<T>::losses_and_gradients(std::span<const TensorView<const T>> xs,
                                                               std::span<const OutputAim<T>> aims) {
  return impl_->aim(aims).learn(xs);
}

template <class T>
TensorView<const T> Execution<T>::output(std::size_t i) {
  if (!impl_->has_output) throw std::logic_error("Execution::output: no batch has been run");
  impl_->finish_outputs();
  return impl_->output(i);
}

template <class T>
TensorView<const T> Execution<T>::backward(TensorView<const T> dout) {
  return backward(std::span<const TensorView<const T>>(&dout, 1)).front();
}

template <class T>
std::span<const TensorView<const T>> Execution<T>::backward(std::span<const TensorView<const T>> douts) {
  Impl& impl = *impl_;
  impl.require_training("backward");
  impl.require_batch("backward");
  impl.check_gradients(douts);
  impl.finish_outputs();
  impl.has_run = false;
  impl.begin_backward(true);
  for (std::size_t i = 0; i < douts.size(); ++i)
    std::copy(douts[i].begin(), douts[i].end(), impl.plan.values[impl.plan.outputs[i].value].gradient);
  impl.backpropagate(impl.plan.segments.size());
  impl.finish_gradients();
  const auto samples = impl.plan.network->input_shapes();
  for (std::size_t i = 0; i < samples.size(); ++i)
    impl.input_gradients[i] = {impl.plan.values[i].gradient, detail::batch_shape(impl.m, samples[i])};
  return impl.input_gradients;
}

template <class T>
std::span<const TensorView<T>> Execution<T>::gradients() {
  impl_->require_training("gradients");
  return impl_->plan.gradients;
}

template <class T>
TensorView<const T> Execution<T>::logits(std::size_t output) const {
  if (!impl_->has_output) throw std::logic_error("Execution::logits: no batch has been run");
  return impl_->logits(output);
}

template <class T>
TensorView<const T> Execution<T>::layer_output(std::size_t i) const {
  if (impl_->plan.mode != Mode::inspection)
    throw std::logic_error("Execution::layer_output: made without Mode::inspection");
  impl_->require_batch("layer_output");
  if (i >= impl_->plan.nodes.size()) {
    throw std::invalid_argument(
        detail::formatted("Execution: there is no layer {}, the network has {}", i, impl_->plan.nodes.size()));
  }
  impl_->finish_outputs();
  return impl_->plan.nodes[i].view_y(0, impl_->m);
}

template <class T>
void Execution<T>::set_dropout(std::uint64_t seed, std::uint64_t step) {
  impl_->key = {seed, step, 0};
}

template class Execution<float>;
template class Execution<double>;

}  // namespace hubel
