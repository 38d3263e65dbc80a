// The table that a summary prints.

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "nn/activation_memory.hpp"
#include "nn/network_plan.hpp"
#include "nn/short_name.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using Row = std::vector<std::string>;

// 61706 as "61,706".
std::string thousands(std::int64_t n) {
  std::string text = std::to_string(n);
  for (std::ptrdiff_t i = std::ssize(text) - 3; i > 0; i -= 3) text.insert(static_cast<std::size_t>(i), 1, ',');
  return text;
}

std::string memory(std::int64_t numbers, std::int64_t bytes_per_number) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double bytes = static_cast<double>(numbers) * static_cast<double>(bytes_per_number);
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) bytes /= 1024, ++unit;
  return detail::formatted("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string described(const LayerInfo& layer) {
  const std::string name = detail::short_name(layer.name);
  return layer.options.empty() ? name : detail::formatted("{} ({})", name, layer.options);
}

// The names of what layer i takes; of many, the first and how many more.
std::string inputs_text(const Graph& graph, const GraphLayer& layer) {
  constexpr std::size_t kMost = 4;
  std::string text;
  for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
    if (i == kMost && layer.inputs.size() > kMost + 1)
      return text + detail::formatted(", {} more", layer.inputs.size() - kMost);
    if (i > 0) text += ", ";
    text += detail::short_name(graph.name(graph.value(layer.inputs[i])));
  }
  return text;
}

bool branches(const Graph& graph) {
  for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i)
    if (graph.layers()[static_cast<std::size_t>(i)].inputs != std::vector{i - 1}) return true;
  return false;
}

// An image has a height and a width, a sequence has a width.
bool has_field(const GraphInput& input) { return input.shape.rank() == 3 || input.shape.rank() == 2; }

std::string field_text(const LayerInfo& layer) {
  if (!layer.receptive_field) return "all";
  return detail::formatted("{}x{}", (*layer.receptive_field)[0], (*layer.receptive_field)[1]);
}

std::vector<Row> rows_of(const Graph& graph, std::span<const LayerInfo> layers, std::int64_t bytes_per_number) {
  const auto inputs = graph.inputs();
  const bool shows_fields = std::ranges::any_of(inputs, has_field), shows_inputs = branches(graph);
  std::vector<Row> rows = {{"Layer", "Output shape", "Params", "MACs", "Memory"}};
  if (shows_fields) rows[0].push_back("Field");
  if (shows_inputs) rows[0].push_back("Connected to");
  for (const GraphInput& input : inputs) {
    rows.push_back({detail::short_name(input.name), input.shape.to_string(), "0", "0",
                    memory(input.shape.elements(), bytes_per_number)});
    if (shows_fields) rows.back().push_back(has_field(input) ? "1x1" : "");
    if (shows_inputs) rows.back().push_back("");
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerInfo& layer = layers[i];
    rows.push_back({described(layer), layer.output_shape.to_string(), thousands(layer.parameters),
                    thousands(layer.macs), memory(layer.output_shape.elements(), bytes_per_number)});
    if (shows_fields) rows.back().push_back(field_text(layer));
    if (shows_inputs) rows.back().push_back(inputs_text(graph, graph.layers()[i]));
  }
  return rows;
}

// Of several: "Outputs: dense_1 (10,), dense_2 (4,)."
std::string outputs_text(const Graph& graph) {
  std::string text;
  const std::vector<Graph::Value> outputs = graph.outputs();
  if (outputs.size() == 1) return text;
  for (const Graph::Value output : outputs) {
    text += detail::formatted("{}{} {}", text.empty() ? " Outputs: " : ", ", detail::short_name(graph.name(output)),
                              graph.shape(output).to_string());
  }
  return text + ".\n";
}

// Texts to the left, numbers to the right. All text here is ASCII but the lines, so bytes are columns.
std::string table(const std::vector<Row>& rows) {
  const auto is_number = [&](std::size_t column) { return column >= 2 && rows[0][column] != "Connected to"; };
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text, line;
  for (const std::size_t width : widths)
    for (std::size_t i = 0; i < width + 3; ++i) line += "─";
  for (const Row& row : rows) {
    std::string columns;
    for (std::size_t i = 0; i < row.size(); ++i) {
      columns += i == 0 ? " " : "   ";
      columns += is_number(i) ? detail::formatted("{:>{}}", row[i], widths[i])
                              : detail::formatted("{:<{}}", row[i], widths[i]);
    }
    text += columns.substr(0, columns.find_last_not_of(' ') + 1) + "\n";
    if (&row == &rows.front()) text += line + "\n";
  }
  return text + line + "\n";
}

}  // namespace

std::string summary(const Graph& graph, std::int64_t bytes_per_number) {
  return detail::summary_of(graph, layer_infos(graph), bytes_per_number);
}

std::string detail::summary_of(const Graph& graph, std::span<const LayerInfo> layers, std::int64_t bytes_per_number) {
  std::int64_t parameters = 0, trainable = 0, macs = 0;
  for (const LayerInfo& layer : layers) {
    parameters += layer.parameters;
    trainable += layer.trainable;
    macs += std::min(layer.macs, std::numeric_limits<std::int64_t>::max() - macs);
  }
  const detail::ActivationMemory activations = detail::activation_memory(graph);
  std::string text = table(rows_of(graph, layers, bytes_per_number)) + outputs_text(graph);
  text += detail::formatted(" Parameters: {} ({})", thousands(parameters), memory(parameters, bytes_per_number));
  if (trainable != parameters) {
    text += detail::formatted(", of which {} trainable and {} not", thousands(trainable),
                              thousands(parameters - trainable));
  }
  text += detail::formatted(". Multiply-adds for one sample: {}.\n", thousands(macs));
  text += detail::formatted(" Activations of one sample: {} in inference, {} in training.\n",
                            memory(activations.inference, bytes_per_number),
                            memory(activations.training, bytes_per_number));
  return text;
}

}  // namespace hubel
