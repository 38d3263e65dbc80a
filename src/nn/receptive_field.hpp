// How much of the input each layer's output depends on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "hubel/graph.hpp"

namespace hubel::detail {

using ReceptiveField = std::optional<std::array<std::int64_t, 2>>;

// A layer each; see LayerInfo::receptive_field.
std::vector<ReceptiveField> receptive_fields(const Graph& graph);

}  // namespace hubel::detail
