// A network's architecture as an SVG image: what stands in the boxes, and how they look. Where they go is
// graph_layout.hpp's.

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/network.hpp"
#include "hubel/plot.hpp"
#include "nn/network_plan.hpp"
#include "nn/short_name.hpp"
#include "text/formatted.hpp"
#include "view/graph_layout.hpp"

namespace hubel {

namespace {

// ---- Colours -----------------------------------------------------------------------------------------------------

// Pale grounds for dark text, with a border that stands out from white and from black.
struct Colours {
  std::string_view ground, border;
};
constexpr Colours kConvolution = {"#d6e6fb", "#4a86cf"}, kPooling = {"#d8f0db", "#4b9e5f"},
                  kDense = {"#fde3cc", "#d5823b"}, kNorm = {"#e8defa", "#8d6bc9"}, kActivation = {"#fdf2c4", "#b89a2e"},
                  kJoin = {"#fbdbe3", "#cc5f7e"}, kOther = {"#e6e9ee", "#7d8797"};
constexpr std::string_view kText = "#1b2430", kFaint = "#4c586a", kLine = "#7d8797";

Colours colours_of(std::string_view kind) {
  const auto has = [&](std::initializer_list<std::string_view> parts) {
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return kind.find(part) != kind.npos; });
  };
  if (has({"conv"})) return kConvolution;
  if (has({"pool", "sampling", "resizing"})) return kPooling;
  if (has({"dense"})) return kDense;
  if (has({"norm"})) return kNorm;
  if (has({"activation", "relu", "elu"})) return kActivation;
  if (has({"add", "multiply", "concatenate"}) && !has({"padding"})) return kJoin;
  return kOther;
}

// ---- Text --------------------------------------------------------------------------------------------------------

constexpr double kNameSize = 13, kSmallSize = 11, kNameLine = 17, kSmallLine = 14.5, kInside = 8;
constexpr std::string_view kFont = "Helvetica, Arial, 'Liberation Sans', sans-serif";

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// About what a sans-serif font takes, in units of its size; a little more rather than less.
double text_width(std::string_view text) {
  double width = 0;
  for (const char c : text) {
    if (std::string_view(" .,:;|'!()[]ijlftI/").find(c) != std::string_view::npos) {
      width += 0.36;
    } else if (std::string_view("mwMW@%").find(c) != std::string_view::npos) {
      width += 0.95;
    } else {
      width += c >= 'A' && c <= 'Z' ? 0.76 : 0.62;
    }
  }
  return width;
}

// ---- Boxes -------------------------------------------------------------------------------------------------------

struct Line {
  std::string text;
  bool is_name = false;
};

struct Box {
  Colours colours = kOther;
  std::vector<Line> lines;
  std::string shape, title;
};

// What shares the box of the layer before it, if nothing else takes that layer's output.
bool merges(const Layer& layer) {
  return std::visit(
      []<class L>(const L&) {
        constexpr bool kNorms = std::is_same_v<L, BatchNorm> || std::is_same_v<L, GroupNorm> ||
                                std::is_same_v<L, LayerNorm> || std::is_same_v<L, RMSNorm> ||
                                std::is_same_v<L, UnitNorm>;
        constexpr bool kActivations = std::is_same_v<L, ActivationLayer> || std::is_same_v<L, LeakyReLU> ||
                                      std::is_same_v<L, ELU> || std::is_same_v<L, PReLU>;
        constexpr bool kNoise = std::is_same_v<L, Dropout> || std::is_same_v<L, SpatialDropout2D> ||
                                std::is_same_v<L, AlphaDropout> || std::is_same_v<L, GaussianNoise> ||
                                std::is_same_v<L, GaussianDropout>;
        return kNorms || kActivations || kNoise || std::is_same_v<L, Flatten>;
      },
      layer);
}

class Boxes {
 public:
  Boxes(const Graph& graph, const PlotOptions& options) : options_(options) {
    for (const GraphInput& input : graph.inputs()) {
      box_of_.push_back(boxes.size());
      boxes.push_back({kOther, {{detail::short_name(input.name, 28), true}}, input.shape.to_string(), input.name});
      layout.emplace_back();
    }
    const std::vector<LayerInfo> infos = layer_infos(graph);
    const std::vector<std::int64_t> uses = detail::value_uses(graph);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      const GraphLayer& placed = graph.layers()[i];
      std::vector<std::size_t> inputs;
      for (const std::int64_t input : placed.inputs) inputs.push_back(graph.position(input));
      const bool alone = inputs[0] >= graph.inputs().size() && uses[inputs[0]] == 1;
      add(infos[i], inputs, options.merge && alone && merges(placed.layer));
    }
    const std::vector<Graph::Value> outputs = graph.outputs();
    for (const Graph::Value output : outputs)
      if (outputs.size() > 1) boxes[box_of_[graph.position(output.layer())]].lines.push_back({"output"});
    measure();
  }

  std::vector<Box> boxes;
  std::vector<detail::LayoutBox> layout;

 private:
  // inputs: values.
  void add(const LayerInfo& info, std::span<const std::size_t> inputs, bool merged) {
    if (merged) {
      box_of_.push_back(box_of_[inputs[0]]);
      const std::string name = detail::short_name(info.name, 28);
      boxes[box_of_.back()].lines.push_back(
          {options_.options && !info.options.empty() ? detail::formatted("{} ({})", name, info.options) : name});
    } else {
      box_of_.push_back(boxes.size());
      boxes.push_back({colours_of(info.kind), {{detail::short_name(info.name, 28), true}}, "", ""});
      if (options_.options && !info.options.empty()) boxes.back().lines.push_back({info.options});
      layout.emplace_back();
      for (const std::size_t input : inputs) layout.back().inputs.push_back(box_of_[input]);
    }
    Box& box = boxes[box_of_.back()];
    box.shape = info.output_shape.to_string();
    box.title += detail::formatted("{}{}{}", box.title.empty() ? "" : "\n", info.name,
                                   info.options.empty() ? "" : detail::formatted(" ({})", info.options));
  }

  // All boxes are as wide as the widest: columns look calm, and rows line up.
  void measure() {
    double width = 120;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      double height = 2 * kInside - 3;
      for (const Line& line : boxes[i].lines) {
        width = std::max(width, text_width(line.text) * (line.is_name ? kNameSize * 1.08 : kSmallSize) + 2 * kInside);
        height += line.is_name ? kNameLine : kSmallLine;
      }
      layout[i].height = height + (options_.shapes ? kSmallLine : 0);
    }
    for (auto& box : layout) box.width = width;
  }

  PlotOptions options_;
  std::vector<std::size_t> box_of_;  // of each value: Graph::position
};

// ---- SVG ---------------------------------------------------------------------------------------------------------

std::string route_svg(const detail::LayoutRoute& route) {
  constexpr double kArrow = 5;
  const auto [end_x, end_y] = route.points.back();
  auto [x0, y0] = route.points[0];
  std::string path = detail::formatted("M{:.1f} {:.1f}", x0, y0);
  for (auto [x, y] : std::span(route.points).subspan(1)) {
    y = std::min(y, end_y - kArrow);  // the line ends where the arrow begins
    if (std::abs(x - x0) >= 0.05) {
      const double middle = (y0 + y) / 2;
      path += detail::formatted("C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", x0, middle, x, middle, x, y);
    } else if (y > y0) {
      path += detail::formatted("V{:.1f}", y);
    }
    x0 = x, y0 = y;
  }
  return detail::formatted(
      "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>"
      "<path d=\"M{:.1f} {:.1f}l-3.6 -7h7.2z\" fill=\"{}\"/>\n",
      path, kLine, end_x, end_y, kLine);
}

std::string text_svg(double x, double y, double size, bool is_name, std::string_view colour, std::string_view text) {
  return detail::formatted("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\"{} fill=\"{}\">{}</text>", x, y, size,
                           is_name ? " font-weight=\"bold\"" : "", colour, escaped(text));
}

std::string box_svg(const Box& box, const detail::LayoutBox& at, bool shows_shape) {
  std::string text = detail::formatted(
      "<g><title>{}\n{}</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"6\" "
      "fill=\"{}\" stroke=\"{}\" stroke-width=\"1.4\"/>",
      escaped(box.title), box.shape, at.x - at.width / 2, at.y, at.width, at.height, box.colours.ground,
      box.colours.border);
  double y = at.y + kInside - 3;
  for (const Line& line : box.lines) {
    y += line.is_name ? kNameLine : kSmallLine;
    text += text_svg(at.x, y - 3, line.is_name ? kNameSize : kSmallSize, line.is_name, kText, line.text);
  }
  if (shows_shape) text += text_svg(at.x, y + kSmallLine - 3, kSmallSize, false, kFaint, box.shape);
  return text + "</g>\n";
}

}  // namespace

std::string graph_svg(const Graph& graph, const PlotOptions& options) {
  Boxes boxes(graph, options);
  const detail::Layout layout = detail::lay_out(std::move(boxes.layout));
  std::string svg = detail::formatted(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"{2}\" text-anchor=\"middle\">\n",
      layout.width, layout.height, kFont);
  for (const detail::LayoutRoute& route : layout.routes) svg += route_svg(route);
  for (std::size_t i = 0; i < boxes.boxes.size(); ++i) svg += box_svg(boxes.boxes[i], layout.boxes[i], options.shapes);
  return svg + "</svg>\n";
}

}  // namespace hubel
