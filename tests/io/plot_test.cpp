// Drawings of networks: that boxes stand apart, connections go around them, and the SVG says what it should.
#include "hubel/plot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hubel/zoo.hpp"
#include "testing.hpp"
#include "view/graph_layout.hpp"

namespace hubel::test {
namespace {

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

// A random network of boxes, each taking one to three of the last `reach`.
std::vector<detail::LayoutBox> random_boxes(std::uint64_t seed, std::int64_t n, std::int64_t reach) {
  Noise noise(seed);
  std::vector<detail::LayoutBox> boxes(1);
  for (std::int64_t i = 1; i < n; ++i) {
    detail::LayoutBox& box = boxes.emplace_back();
    for (std::int64_t k = noise.integer(1, 3); k > 0; --k)
      box.inputs.push_back(static_cast<std::size_t>(noise.integer(std::max<std::int64_t>(0, i - reach), i - 1)));
  }
  for (auto& box : boxes) box.width = noise.real(40, 200), box.height = noise.real(20, 60);
  return boxes;
}

void expect_apart(const detail::Layout& layout) {
  const auto& boxes = layout.boxes;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const auto& a = boxes[i];
    EXPECT_GE(a.x - a.width / 2, 0);
    EXPECT_LE(a.x + a.width / 2, layout.width);
    EXPECT_LE(a.y + a.height, layout.height);
    for (const std::size_t input : a.inputs) EXPECT_GT(a.y, boxes[input].y + boxes[input].height);
    for (std::size_t j = 0; j < i; ++j) {
      const auto& b = boxes[j];
      EXPECT_TRUE(std::abs(a.x - b.x) > (a.width + b.width) / 2 || a.y > b.y + b.height || b.y > a.y + a.height);
    }
  }
}

// Between its points a route's curve stays between them, and it moves sideways only between two rows.
void expect_around(const detail::Layout& layout) {
  for (const detail::LayoutRoute& route : layout.routes) {
    for (std::size_t i = 0; i + 1 < route.points.size(); ++i) {
      const auto [x0, y0] = route.points[i];
      const auto [x1, y1] = route.points[i + 1];
      EXPECT_LE(y0, y1);
      for (const detail::LayoutBox& box : layout.boxes) {
        const bool beside = std::max(x0, x1) < box.x - box.width / 2 || std::min(x0, x1) > box.x + box.width / 2;
        EXPECT_TRUE(beside || y1 <= box.y + 1e-9 || y0 >= box.y + box.height - 1e-9);
      }
    }
  }
}

TEST(GraphLayout, BoxesStandApartAndConnectionsGoAroundThem) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const auto n = static_cast<std::int64_t>(1 + seed * 2);
    const detail::Layout layout = detail::lay_out(random_boxes(seed, n, seed % 3 == 0 ? n : 6));
    expect_apart(layout);
    expect_around(layout);
  }
}

TEST(GraphLayout, AChainIsStraight) {
  std::vector<detail::LayoutBox> boxes(5);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    boxes[i].width = 100, boxes[i].height = 30;
    if (i > 0) boxes[i].inputs = {i - 1};
  }
  boxes[4].inputs = {3, 0};  // and what passes it goes beside it
  const detail::Layout layout = detail::lay_out(boxes);
  for (const auto& box : layout.boxes) EXPECT_NEAR(box.x, layout.boxes[0].x, 0.05);
  EXPECT_GT(std::abs(layout.routes.back().points[2].first - layout.boxes[0].x), 50);
}

TEST(Plot, HasABoxForEachLayerAndALineForEachConnection) {
  const std::string svg = graph_svg(zoo::resnet18(), {.merge = false});
  const Graph graph = zoo::resnet18();
  std::size_t connections = 0;
  for (const GraphLayer& layer : graph.layers()) connections += layer.inputs.size();
  EXPECT_EQ(count(svg, "<rect"), graph.layers().size() + 1);
  EXPECT_EQ(count(svg, "fill=\"none\""), connections);
  for (const char* part : {">conv2d_1<", ">64 @ 7x7, padding 3,3,3,3, stride 2x2<", ">(112, 112, 64)<", ">add_8<"})
    EXPECT_EQ(count(svg, part), 1 + (part[1] == '(')) << part;
  EXPECT_EQ(svg, graph_svg(zoo::resnet18(), {.merge = false}));
}

TEST(Plot, MergesWhatFollowsALayerAlone) {
  Graph graph({8, 8, 3});
  auto x = graph(Conv2D{.filters = 4}, graph.input());
  x = graph(BatchNorm{}, x);
  auto y = graph(ActivationLayer{}, x);  // the norm's output goes elsewhere too
  x = graph(Add{}, {x, y});
  graph(Dropout{}, x);
  EXPECT_EQ(count(graph_svg(graph), "<rect"), 4u);  // input, convolution, activation, sum
  EXPECT_EQ(count(graph_svg(graph, {.merge = false}), "<rect"), 6u);
  const std::string plain = graph_svg(graph, {.options = false, .shapes = false});
  EXPECT_EQ(count(plain, "<text"), 6u);
}

TEST(Plot, ShowsAllInputsAndOutputs) {
  Graph graph;
  const auto a = graph.add_input({4}, "left"), b = graph.add_input({3}, "right");
  const auto x = graph(Concatenate{}, {a, b});
  const auto y = graph(Dense{.units = 2}, x), z = graph(ActivationLayer{}, y);
  EXPECT_EQ(count(graph_svg(graph), ">output<"), 0u);
  graph.set_outputs({y, z});
  const std::string svg = graph_svg(graph);
  EXPECT_EQ(count(svg, "<rect"), 5u);  // the activation does not lie in the box of an output
  EXPECT_EQ(count(svg, ">left<") + count(svg, ">right<"), 2u);
  EXPECT_EQ(count(svg, ">output<"), 2u);
}

TEST(GraphLayout, SeveralFirstBoxesStandApart) {
  std::vector<detail::LayoutBox> boxes(6);
  for (auto& box : boxes) box.width = 100, box.height = 30;
  boxes[3].inputs = {0, 1};
  boxes[4].inputs = {3, 2};
  boxes[5].inputs = {3};
  const detail::Layout layout = detail::lay_out(boxes);
  expect_apart(layout);
  expect_around(layout);
}

TEST(Plot, EscapesNamesAndCutsLongOnes) {
  Graph graph({4});
  graph(Dense{}, graph.input(), "<&\"'>");
  graph(Dense{}, graph.value(0), std::string(150, 'x'));
  const std::string svg = graph_svg(graph);
  EXPECT_EQ(count(svg, ">&lt;&amp;&quot;&#39;&gt;<"), 1u);
  EXPECT_EQ(count(svg, "<&"), 0u);
  EXPECT_EQ(count(svg, std::string(150, 'x')), 1u);  // in the title alone
}

TEST(Plot, RefusesWhatNoNetworkIsAndWhatIsBeyondDrawing) {
  EXPECT_TRUE(refuses([] { graph_svg(Graph({3})); }, "Network", {"no layers"}));
  Graph graph({2});
  auto x = graph(Dense{.units = 2}, graph.input());
  std::vector<Graph::Value> all = {x};
  for (int i = 0; i < 700; ++i) {
    x = graph(Dense{.units = 2}, x);
    all.push_back(x);
  }
  EXPECT_TRUE(refuses(
      [&] {
        graph(Add{}, all);
        graph_svg(graph);
      },
      "graph_svg", {"200000"}));
}

}  // namespace
}  // namespace hubel::test
