// See activation_memory.hpp.
#include "nn/activation_memory.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "nn/layer_kinds.hpp"
#include "nn/memory_plan.hpp"

namespace hubel::detail {

namespace {

// How many layers take each value: the network's input, then each layer's output.
std::vector<std::int64_t> consumers(const Graph& graph) {
  std::vector<std::int64_t> count(graph.layers().size() + 1, 0);
  for (const GraphLayer& layer : graph.layers())
    for (const std::int64_t input : layer.inputs) ++count[static_cast<std::size_t>(input + 1)];
  return count;
}

// Whether the layer's output lies where its input does.
bool shares(const GraphLayer& placed, bool training, std::int64_t consumers_of_input) {
  return with_kind(placed.layer, [&](auto kind, const auto& l) {
    const bool alone = consumers_of_input == 1 && placed.inputs[0] != GraphLayer::kInput;
    const bool reshapes = kind.kReshapes || (kind.kTrainingOnly && !training);
    return reshapes && (alone || layer_activation(l) == Activation::identity);
  });
}

std::int64_t in_training(const Graph& graph, const std::vector<std::int64_t>& taken) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i) {
    const GraphLayer& placed = graph.layers()[static_cast<std::size_t>(i)];
    if (shares(placed, true, taken[static_cast<std::size_t>(placed.inputs[0] + 1)])) continue;
    const std::int64_t size = graph.shape(graph.value(i)).elements();
    total += std::min(size, std::numeric_limits<std::int64_t>::max() - total);
  }
  return total;
}

std::int64_t in_inference(const Graph& graph, const std::vector<std::int64_t>& taken) {
  MemoryPlan plan;
  std::vector<std::optional<MemoryPlan::Block>> blocks(taken.size());  // a value each; the network's input has none
  for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i) {
    const GraphLayer& placed = graph.layers()[static_cast<std::size_t>(i)];
    const auto first = static_cast<std::size_t>(placed.inputs[0] + 1);
    for (const std::int64_t input : placed.inputs)
      if (const auto& block = blocks[static_cast<std::size_t>(input + 1)]) plan.extend(*block, i);
    blocks[static_cast<std::size_t>(i + 1)] =
        shares(placed, false, taken[first]) ? blocks[first] : plan.add(graph.shape(graph.value(i)).elements(), i, i);
  }
  return plan.arrange(1);
}

}  // namespace

ActivationMemory activation_memory(const Graph& graph) {
  const std::vector<std::int64_t> taken = consumers(graph);
  return {in_inference(graph, taken), in_training(graph, taken)};
}

}  // namespace hubel::detail
