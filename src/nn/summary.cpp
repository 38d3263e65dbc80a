// The table that a summary prints.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "nn/network_plan.hpp"

namespace hubel::detail {

namespace {

using Row = std::array<std::string, 4>;

// 61706 as "61,706".
std::string thousands(std::int64_t n) {
  std::string text = std::to_string(n);
  for (std::ptrdiff_t i = std::ssize(text) - 3; i > 0; i -= 3) text.insert(static_cast<std::size_t>(i), 1, ',');
  return text;
}

std::string memory(double bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) bytes /= 1024, ++unit;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, kUnits[unit]);
}

// Names to the left, shapes after them, numbers to the right. All text here is ASCII but the lines, so bytes are
// columns.
std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, 4> widths = {};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  const std::size_t total = widths[0] + widths[1] + widths[2] + widths[3] + 3 * 3 + 2;
  std::string line;
  for (std::size_t i = 0; i < total; ++i) line += "─";
  std::string text;
  for (const Row& row : rows) {
    text += fmt::format(" {:<{}}   {:<{}}   {:>{}}   {:>{}}\n", row[0], widths[0], row[1], widths[1], row[2], widths[2],
                        row[3], widths[3]);
    if (&row == &rows.front()) text += line + "\n";
  }
  return text + line + "\n";
}

}  // namespace

std::string summary_table(const Graph& graph, std::int64_t bytes_per_weight) {
  const NetworkPlan plan = plan_network(graph);
  std::vector<Row> rows = {{"Layer", "Output shape", "Params", "MACs"}};
  rows.push_back({"input", graph.input_shape().to_string(), "0", "0"});
  std::int64_t parameters = 0, macs = 0;
  for (std::size_t i = 0; i < plan.info.size(); ++i) {
    const LayerInfo& layer = plan.info[i];
    rows.push_back(
        {plan.descriptions[i], layer.output_shape.to_string(), thousands(layer.parameters), thousands(layer.macs)});
    parameters += layer.parameters;
    macs += std::min(layer.macs, std::numeric_limits<std::int64_t>::max() - macs);
  }
  return fmt::format("{} Parameters: {} ({}). Multiply-adds for one sample: {}.\n", table(rows), thousands(parameters),
                     memory(static_cast<double>(parameters) * static_cast<double>(bytes_per_weight)), thousands(macs));
}

}  // namespace hubel::detail
