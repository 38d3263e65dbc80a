// Where the boxes and connections of a drawing go: a layered layout (Sugiyama, Tagawa & Toda, "Methods for visual
// understanding of hierarchical system structures", 1981). Boxes lie in rows by the longest path from the first; a
// connection over several rows has a place of its own in each row that it passes, so that it goes around the boxes.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace hubel::detail {

struct LayoutBox {
  double width = 0, height = 0;
  std::vector<std::size_t> inputs;  // the numbers of earlier boxes
  double x = 0, y = 0;              // set by the layout: the middle of its upper side
};

// A connection: through these points, downwards in straight lines where x stays and in curves between.
struct LayoutRoute {
  std::vector<std::pair<double, double>> points;
};

struct Layout {
  std::vector<LayoutBox> boxes;
  std::vector<LayoutRoute> routes;  // of each box's inputs in turn
  double width = 0, height = 0;
};

// Throws std::invalid_argument, see graph_svg.
Layout lay_out(std::vector<LayoutBox> boxes);

}  // namespace hubel::detail
