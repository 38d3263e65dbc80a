// An architecture read from JSON, and what follows from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hubel/layers.hpp"
#include "nn/network_plan.hpp"

namespace hubel::detail {

struct Architecture {
  Graph graph;
  NetworkPlan plan;
};

// Throws FormatError, its message beginning with `who`, for text that is no architecture, or one that no network can be
// built of (see plan_network).
Architecture read_architecture(std::string_view text, std::string_view who);

}  // namespace hubel::detail
