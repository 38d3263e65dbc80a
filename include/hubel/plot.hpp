// A drawing of a network's architecture.
#pragma once

#include <string>

#include "hubel/graph.hpp"

namespace hubel {

struct PlotOptions {
  bool merge = true;    // norms, activations, dropouts and flattenings in the box of the layer that they alone follow
  bool options = true;  // a layer's options under its name
  bool shapes = true;   // a sample's output shape under each box's layers
};

// An SVG image, UTF-8: from top to bottom a box for each layer, branches side by side, coloured by what layers do; to
// be read on light and dark ground. The same graph gives the same text. Throws std::invalid_argument for a graph that
// no Network can be made of, and for one whose connections, all layers that they pass counted, are more than 200,000.
std::string graph_svg(const Graph& graph, const PlotOptions& options = {});

}  // namespace hubel
