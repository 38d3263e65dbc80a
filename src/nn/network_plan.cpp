// Shape inference through a network; see network_plan.hpp.
#include "nn/network_plan.hpp"

#include <algorithm>
#include <stdexcept>

#include "nn/layer_kinds.hpp"
#include "nn/receptive_field.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

LayerPlan plan_layer(const Layer& layer, std::span<const Shape> inputs, std::string_view who) {
  try {
    return with_kind(layer, [&](auto kind, const auto& l) {
      if constexpr (kind.kJoins) {
        return kind.plan(l, inputs, who);
      } else {
        if (inputs.size() == 1) return kind.plan(l, inputs[0], who);
        throw std::invalid_argument(detail::formatted("{}: it has {} inputs, it takes one", who, inputs.size()));
      }
    });
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    if (message.starts_with(who)) throw;
    throw std::invalid_argument(
        detail::formatted("{}: {}", who, message));  // a Shape too large does not know whose it is
  }
}

std::vector<std::int64_t> value_uses(const Graph& graph) {
  std::vector<std::int64_t> uses(graph.value_count(), 0);
  for (const GraphLayer& layer : graph.layers())
    for (const std::int64_t input : layer.inputs) ++uses[graph.position(input)];
  for (const Graph::Value output : graph.outputs()) ++uses[graph.position(output.layer())];
  return uses;
}

std::optional<std::size_t> softmax_layer(const Graph& graph, Graph::Value output) {
  const std::vector<std::int64_t> uses = value_uses(graph);
  std::int64_t i = output.layer();
  const auto taken_once = [&] { return i >= 0 && uses[graph.position(i)] == 1; };
  const auto layer = [&]() -> const GraphLayer& { return graph.layers()[static_cast<std::size_t>(i)]; };
  while (taken_once() && std::holds_alternative<Flatten>(layer().layer)) i = layer().inputs[0];
  if (!taken_once()) return std::nullopt;
  const Shape& shape = graph.shape(graph.value(i));
  const bool over_classes = i == output.layer() || shape.elements() == shape.back();
  const bool is_softmax =
      with_kind(layer().layer, [](auto, const auto& l) { return layer_activation(l); }) == Activation::softmax;
  return over_classes && is_softmax ? std::optional(static_cast<std::size_t>(i)) : std::nullopt;
}

namespace {

// Whether what a layer makes is probabilities over the last axis; `before`: of each value before it.
bool makes_probabilities(const Graph& graph, const GraphLayer& placed, const Shape& made,
                         const std::vector<bool>& before) {
  return with_kind(placed.layer, [&](auto kind, const auto& l) {
    if (layer_activation(l) == Activation::softmax) return true;
    const bool same_rows = kind.kReshapes && made.back() == graph.shape(graph.value(placed.inputs[0])).back();
    if (layer_activation(l) != Activation::identity || !(same_rows || kind.averages(l))) return false;
    return std::ranges::all_of(placed.inputs, [&](std::int64_t input) { return before[graph.position(input)]; });
  });
}

}  // namespace

bool averages_softmax(const Graph& graph, Graph::Value output) {
  if (softmax_layer(graph, output)) return false;
  std::vector<bool> probabilities(graph.inputs().size(), false);  // of each value
  for (std::int64_t i = 0; i <= output.layer(); ++i) {
    const GraphLayer& placed = graph.layers()[static_cast<std::size_t>(i)];
    probabilities.push_back(makes_probabilities(graph, placed, graph.shape(graph.value(i)), probabilities));
  }
  return probabilities.back();
}

std::int64_t class_count(const Shape& output, std::string_view who) {
  if (output.elements() == output.back()) return output.back();
  throw std::invalid_argument(detail::formatted(
      "{}: the network's output is {} for a sample, a classifier's is (classes,); end with Flatten and Dense", who,
      output.to_string()));
}

Shape batch_shape(std::int64_t m, const Shape& sample) {
  std::array<std::int64_t, Shape::kMaxRank> extents = {m};
  std::copy(sample.begin(), sample.end(), extents.begin() + 1);
  return Shape(std::span(extents.data(), sample.rank() + 1));
}

namespace {

// What feeds no layer must be an output of the network.
void check_all_feed(const Graph& graph) {
  if (graph.layers().empty()) throw std::invalid_argument("Network: there are no layers, at least one is needed");
  const std::vector<std::int64_t> uses = value_uses(graph);
  std::vector<std::string> outputs;
  for (const Graph::Value output : graph.outputs()) outputs.push_back(graph.name(output));
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    if (uses[i] > 0) continue;
    throw std::invalid_argument(detail::formatted("Network: no layer takes the input {}", graph.inputs()[i].name));
  }
  for (std::size_t i = 0; i < graph.layers().size(); ++i) {
    if (uses[graph.inputs().size() + i] > 0) continue;
    throw std::invalid_argument(detail::formatted("Network: no layer takes the output of {}, and the network's is {}",
                                                  graph.layers()[i].name, detail::joined(outputs, ", ")));
  }
}

// Activations of one sample, all layers together: 256 GiB in float32. A few hundred bytes of architecture could
// otherwise ask for any amount, and sums of it would not fit 64 bits. What this lets pass is built, saved and read
// alike; whether this machine can run it shows when that is asked for (Arena).
constexpr std::int64_t kMaxActivations = std::int64_t{1} << 36;

void check_activations(const NetworkPlan& plan) {
  std::int64_t total = 0;
  for (const LayerInfo& layer : plan.info) {
    const std::int64_t elements = layer.output_shape.elements();
    if (elements > kMaxActivations - total) {
      throw std::invalid_argument(
          detail::formatted("Network: with {}, of output {}, the activations of one sample are more than {} numbers",
                            layer.name, layer.output_shape.to_string(), kMaxActivations));
    }
    total += elements;
  }
}

}  // namespace

NetworkPlan plan_network(const Graph& graph) {
  check_all_feed(graph);
  const std::vector<ReceptiveField> fields = receptive_fields(graph);
  NetworkPlan network;
  for (std::size_t i = 0; i < graph.layers().size(); ++i) {
    const auto& [layer, inputs, name, weights_of] = graph.layers()[i];
    std::vector<Shape> shapes;
    for (const std::int64_t input : inputs) shapes.push_back(batch_shape(1, graph.shape(graph.value(input))));
    LayerPlan plan = plan_layer(layer, shapes, name);
    LayerInfo info;
    info.name = name;
    info.kind = layer_kind(layer);
    info.options = with_kind(layer, [](auto kind, const auto& l) { return kind.detail(l); });
    info.input_shape = shapes[0].without_first();
    info.output_shape = plan.output.without_first();
    info.macs = plan.macs;
    info.receptive_field = fields[i];
    if (weights_of >= 0) {
      const auto owner = static_cast<std::size_t>(weights_of);
      info.options += detail::formatted("{}weights of {}", info.options.empty() ? "" : ", ", network.info[owner].name);
      network.ranges.push_back(network.ranges[owner]);
      network.info.push_back(std::move(info));
      continue;
    }
    network.ranges.push_back({network.parameters.size(), plan.parameters.size()});
    for (ParameterSpec& parameter : plan.parameters) {
      parameter.name = detail::formatted("{}.{}", name, parameter.name);
      info.parameters += parameter.shape.elements();
      if (parameter.role != ParameterRole::statistic) info.trainable += parameter.shape.elements();
      network.parameters.push_back(std::move(parameter));
    }
    network.info.push_back(std::move(info));
  }
  check_activations(network);
  return network;
}

}  // namespace hubel::detail

namespace hubel {

std::string_view layer_kind(const Layer& layer) {
  return detail::with_kind(layer, [](auto kind, const auto& l) { return kind.name(l); });
}

std::vector<LayerInfo> layer_infos(const Graph& graph) { return detail::plan_network(graph).info; }

Shape layer_output_shape(const Layer& layer, const Shape& input, std::string_view who) {
  if (input.rank() < 2) {
    throw std::invalid_argument(detail::formatted(
        "{}: the input has shape {}, it must have a batch axis and at least one more", who, input.to_string()));
  }
  return detail::plan_layer(layer, std::span(&input, 1), who).output;
}

}  // namespace hubel
