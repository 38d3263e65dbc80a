// The memory that a network's activations take, estimated from its architecture.
#pragma once

#include <cstdint>

#include "hubel/graph.hpp"

namespace hubel::detail {

// In numbers, for one sample.
struct ActivationMemory {
  std::int64_t inference = 0;  // an output's place is used again when the last layer that takes it is done
  std::int64_t training = 0;   // all outputs, which backward needs
};

// Layers that only reshape share their input's memory, and so do activations of what nothing else takes.
ActivationMemory activation_memory(const Graph& graph);

}  // namespace hubel::detail
