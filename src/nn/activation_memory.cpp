// See activation_memory.hpp.
#include "nn/activation_memory.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "nn/layer_kinds.hpp"
#include "nn/memory_plan.hpp"
#include "nn/network_plan.hpp"

namespace hubel::detail {

namespace {

// Whether the layer's output lies where its input does.
bool shares(const GraphLayer& placed, bool training, std::int64_t uses_of_input) {
  return with_kind(placed.layer, [&](auto kind, const auto& l) {
    const bool alone = uses_of_input == 1 && placed.inputs[0] >= 0;
    const bool reshapes = kind.kReshapes || (kind.kTrainingOnly && !training);
    return reshapes && (alone || layer_activation(l) == Activation::identity);
  });
}

std::int64_t in_training(const Graph& graph, const std::vector<std::int64_t>& uses) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i) {
    const GraphLayer& placed = graph.layers()[static_cast<std::size_t>(i)];
    if (shares(placed, true, uses[graph.position(placed.inputs[0])])) continue;
    const std::int64_t size = graph.shape(graph.value(i)).elements();
    total += std::min(size, std::numeric_limits<std::int64_t>::max() - total);
  }
  return total;
}

std::int64_t in_inference(const Graph& graph, const std::vector<std::int64_t>& uses) {
  MemoryPlan plan;
  std::vector<std::optional<MemoryPlan::Block>> blocks(uses.size());  // a value each; the network's inputs have none
  const auto keep = [&](std::int64_t value, std::int64_t time) {
    if (const auto& block = blocks[graph.position(value)]) plan.extend(*block, time);
  };
  for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i) {
    const GraphLayer& placed = graph.layers()[static_cast<std::size_t>(i)];
    const std::size_t first = graph.position(placed.inputs[0]);
    for (const std::int64_t input : placed.inputs) keep(input, i);
    blocks[graph.position(i)] =
        shares(placed, false, uses[first]) ? blocks[first] : plan.add(graph.shape(graph.value(i)).elements(), i, i);
  }
  for (const Graph::Value output : graph.outputs()) keep(output.layer(), std::ssize(graph.layers()) - 1);
  return plan.arrange(1);
}

}  // namespace

ActivationMemory activation_memory(const Graph& graph) {
  const std::vector<std::int64_t> uses = value_uses(graph);
  return {in_inference(graph, uses), in_training(graph, uses)};
}

}  // namespace hubel::detail
