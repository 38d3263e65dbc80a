// Architectures as JSON: {"input_shape": [28, 28, 1], "layers": [{"kind": "conv2d", "filters": 6, ...}, ...]}. Several
// inputs: {"inputs": [{"name": "image", "shape": [28, 28, 1]}, ...], ...}; several outputs: {"outputs": ["dense_1",
// ...]}.
//
// A layer's keys are its options (LayerKind::fields), so that this file knows the types of options and no kind of
// layer. Writing puts down every option but those that came later and have their defaults; reading fills those left out
// with their defaults and refuses a key it does not know, which would otherwise be an option that is silently ignored.
#include "io/architecture.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "hubel/errors.hpp"
#include "hubel/model_file.hpp"
#include "io/json_text.hpp"
#include "nn/layer_kinds.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using nlohmann::json;
using Pair = std::array<std::int64_t, 2>;

// ---- Values ----------------------------------------------------------------------------------------------------

json to_json(std::int64_t value) { return value; }
json to_json(bool value) { return value; }
json to_json(const Pair& value) { return value; }
json to_json(double value) { return value; }
json to_json(const std::vector<std::int64_t>& value) { return value; }
json to_json(const Margins& m) { return {{m.top, m.bottom}, {m.left, m.right}}; }
json to_json(Interpolation value) { return interpolation_name(value); }
json to_json(PadMode value) { return pad_mode_name(value); }
json to_json(Activation value) { return activation_name(value); }
json to_json(Initializer value) { return initializer_name(value); }
json to_json(const Padding& p) {
  if (p.kind == Padding::Kind::same) return "same";
  if (p.kind == Padding::Kind::valid) return "valid";
  return {{p.top, p.bottom}, {p.left, p.right}};
}

[[noreturn]] void wrong(const json& value, std::string_view where, std::string_view wanted) {
  throw FormatError(detail::formatted("{} is {}, it must be {}", where, detail::json_for_message(value), wanted));
}

// Sizes above this are refused, so that the product of two fits 64 bits.
constexpr std::int64_t kMaxInteger = (std::int64_t{1} << 31) - 1;

bool is_size(const json& value) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMaxInteger);
}
bool is_pair(const json& value) {
  return value.is_array() && value.size() == 2 && is_size(value[0]) && is_size(value[1]);
}

// from_json(value, where, out) reads an option; `where` names it for messages.
void from_json(const json& value, std::string_view where, std::int64_t& out) {
  // -1 stands for all that there are, where a layer knows it.
  if (!is_size(value) && value != -1) wrong(value, where, "a whole number below 2^31");
  out = value.get<std::int64_t>();
}
void from_json(const json& value, std::string_view where, bool& out) {
  if (!value.is_boolean()) wrong(value, where, "true or false");
  out = value.get<bool>();
}
void from_json(const json& value, std::string_view where, Pair& out) {
  if (is_size(value)) {
    out.fill(value.get<std::int64_t>());
    return;
  }
  if (!is_pair(value)) wrong(value, where, "one or two whole numbers below 2^31");
  out = value.get<Pair>();
}
void from_json(const json& value, std::string_view where, double& out) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(value, where, "a number");
  out = value.get<double>();
}
// Extents, of which one may be -1.
void from_json(const json& value, std::string_view where, std::vector<std::int64_t>& out) {
  const auto is_extent = [](const json& e) { return is_size(e) || e == -1; };
  if (!value.is_array() || value.size() >= Shape::kMaxRank || !std::all_of(value.begin(), value.end(), is_extent))
    wrong(value, where, detail::formatted("up to {} whole numbers below 2^31", Shape::kMaxRank - 1));
  out = value.get<std::vector<std::int64_t>>();
}
// [[top, bottom], [left, right]], or nothing.
std::optional<Margins> margins_from_json(const json& value) {
  const bool sides = value.is_array() && value.size() == 2 && is_pair(value[0]) && is_pair(value[1]);
  if (!sides) return std::nullopt;
  const auto [top, bottom] = value[0].get<Pair>();
  const auto [left, right] = value[1].get<Pair>();
  return Margins{top, bottom, left, right};
}
void from_json(const json& value, std::string_view where, Margins& out) {
  const auto margins = margins_from_json(value);
  if (!margins) wrong(value, where, "[[top, bottom], [left, right]]");
  out = *margins;
}
void from_json(const json& value, std::string_view where, Padding& out) {
  if (const auto sides = margins_from_json(value)) {
    out = Padding::sides(sides->top, sides->bottom, sides->left, sides->right);
  } else if (value == "same" || value == "valid") {
    out = value == "same" ? Padding::same() : Padding::valid();
  } else {
    wrong(value, where, "\"same\", \"valid\" or [[top, bottom], [left, right]]");
  }
}

// An option that goes by name.
template <class Value, class OfName>
void from_name(const json& value, std::string_view where, Value& out, OfName of_name) {
  if (!value.is_string()) wrong(value, where, "a name");
  try {
    out = of_name(value.get<std::string>());
  } catch (const std::invalid_argument&) {
    wrong(value, where, "a name that this Hubel knows");
  }
}
void from_json(const json& value, std::string_view where, Activation& out) {
  from_name(value, where, out, [](const std::string& name) { return activation_from_name(name); });
}
void from_json(const json& value, std::string_view where, Interpolation& out) {
  from_name(value, where, out, [](const std::string& name) { return interpolation_from_name(name); });
}
void from_json(const json& value, std::string_view where, PadMode& out) {
  from_name(value, where, out, [](const std::string& name) { return pad_mode_from_name(name); });
}
void from_json(const json& value, std::string_view where, Initializer& out) {
  from_name(value, where, out, [](const std::string& name) { return initializer_from_name(name); });
}

// ---- Layers ----------------------------------------------------------------------------------------------------

// The name of a network's one input, where it is not written down.
constexpr std::string_view kInputName = "input";

// Inputs of one layer: DenseNet's widest joins take some dozens. Inputs and outputs of a network: a few.
constexpr std::size_t kMaxInputs = 1000;

// Visits a layer's options (LayerKind::fields) and writes them.
struct FieldWriter {
  json& object;

  template <class Value>
  void required(const char* name, const Value& value) {
    object[name] = to_json(value);
  }
  template <class Value>
  void optional(const char* name, const Value& value) {
    required(name, value);
  }
  template <class Value>
  void later(const char* name, const Value& value, const Value& standard) {
    if (value != standard) required(name, value);
  }
};

// Visits a layer's options and reads them; `known` collects their names.
struct FieldReader {
  const json& object;
  std::string_view who;
  std::vector<std::string_view> known;

  template <class Value>
  void required(const char* name, Value& value) {
    if (!object.contains(name)) throw FormatError(detail::formatted("{}: '{}' is missing", who, name));
    optional(name, value);
  }
  template <class Value>
  void optional(const char* name, Value& value) {
    known.push_back(name);
    if (object.contains(name)) from_json(object[name], detail::formatted("{}: '{}'", who, name), value);
  }
  template <class Value>
  void later(const char* name, Value& value, const Value&) {
    optional(name, value);
  }
};

void check_keys(const json& object, std::span<const std::string_view> known, std::string_view who) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw FormatError(detail::formatted("{}: unknown key {}, known are {}", who, detail::json_quoted(key),
                                        detail::joined(known, ", ")));
  }
}

// A layer's inputs by name.
json inputs_to_json(const Graph& graph, const GraphLayer& layer) {
  json names = json::array();
  for (const std::int64_t input : layer.inputs) names.push_back(graph.name(graph.value(input)));
  return names;
}

// Its name and inputs are put down where they are not what they would be without.
json layer_to_json(const Graph& graph, std::int64_t i, const std::string& default_name) {
  const GraphLayer& placed = graph.layers()[static_cast<std::size_t>(i)];
  json object;
  if (placed.weights_of >= 0) {
    object["again"] = graph.name(graph.value(placed.weights_of));
  } else {
    object["kind"] = layer_kind(placed.layer);
    detail::with_kind(placed.layer, [&](auto kind, const auto& l) { kind.fields(l, FieldWriter{object}); });
  }
  if (placed.name != default_name) object["name"] = placed.name;
  if (placed.inputs != std::vector{i - 1}) object["inputs"] = inputs_to_json(graph, placed);
  return object;
}

Layer layer_of_kind(const json& kind_name, std::string_view who) {
  std::optional<Layer> layer;
  std::vector<std::string_view> known;
  detail::for_each_kind([&](auto kind) {
    for (const std::string_view name : kind.kNames) {
      known.push_back(name);
      if (kind_name == name) layer = kind.of_name(name);
    }
  });
  if (!layer)
    wrong(kind_name, detail::formatted("{}: 'kind'", who), detail::formatted("one of {}", detail::joined(known, ", ")));
  return *layer;
}

// The values that an array names, of 1 to kMaxInputs; `what` says what they may be.
std::vector<Graph::Value> values_from_json(const Graph& graph, const json& names, std::string_view where,
                                           std::string_view what) {
  if (!names.is_array() || names.empty() || names.size() > kMaxInputs)
    wrong(names, where, detail::formatted("an array of 1 to {} names of {}", kMaxInputs, what));
  std::vector<Graph::Value> values;
  for (const json& name : names) {
    const auto found = name.is_string() ? graph.find(name.get_ref<const std::string&>()) : std::nullopt;
    if (!found) wrong(name, where, detail::formatted("the name of one of {}", what));
    values.push_back(*found);
  }
  return values;
}

// The values that a layer takes: those it names, or the one before it.
std::vector<Graph::Value> inputs_from_json(const Graph& graph, const json& object, std::string_view who) {
  if (!object.contains("inputs")) return {graph.value(std::ssize(graph.layers()) - 1)};
  return values_from_json(graph, object["inputs"], detail::formatted("{}: 'inputs'", who),
                          "the network's inputs and earlier layers");
}

// The layer that is there again, by its name.
Graph::Value again_from_json(const Graph& graph, const json& name, std::string_view who) {
  const auto found = name.is_string() ? graph.find(name.get_ref<const std::string&>()) : std::nullopt;
  if (found && found->layer() >= 0) return *found;
  wrong(name, detail::formatted("{}: 'again'", who), "the name of an earlier layer");
}

void add_from_json(Graph& graph, const json& object, std::string_view who) {
  if (!object.is_object() || object.contains("kind") == object.contains("again"))
    wrong(object, who, "an object with a 'kind', or with 'again'");
  std::optional<std::string> given;
  if (object.contains("name")) {
    if (!object["name"].is_string()) wrong(object["name"], detail::formatted("{}: 'name'", who), "a text");
    given = object["name"].get<std::string>();
  }
  const std::string_view name = given ? std::string_view(*given) : std::string_view();
  if (object.contains("again")) {
    constexpr std::string_view kKeys[] = {"again", "name", "inputs"};
    check_keys(object, kKeys, who);
    graph.again(again_from_json(graph, object["again"], who), inputs_from_json(graph, object, who), name);
    return;
  }
  Layer layer = layer_of_kind(object["kind"], who);
  FieldReader reader{object, who, {"kind", "name", "inputs"}};
  detail::with_kind(layer, [&](auto kind, auto& l) { kind.fields(l, reader); });
  check_keys(object, reader.known, who);
  graph(layer, inputs_from_json(graph, object, who), name);
}

// ---- The whole -------------------------------------------------------------------------------------------------

// More layers than in any published network, and little memory.
constexpr std::size_t kMaxLayers = 10'000;

// What is written can be read.
void check_size(const Graph& graph) {
  std::size_t widest = std::max(graph.inputs().size(), graph.outputs().size());
  for (const GraphLayer& layer : graph.layers()) widest = std::max(widest, layer.inputs.size());
  if (graph.layers().size() <= kMaxLayers && widest <= kMaxInputs) return;
  throw std::invalid_argument(detail::formatted(
      "architecture: JSON and files take networks of up to {} layers, and {} inputs, outputs or inputs of a layer",
      kMaxLayers, kMaxInputs));
}

Shape input_shape_from_json(const json& value, std::string_view where) {
  const bool fits = value.is_array() && !value.empty() && value.size() < Shape::kMaxRank &&
                    std::all_of(value.begin(), value.end(), [](const json& e) { return is_size(e) && e != 0; });
  if (!fits) wrong(value, where, detail::formatted("1 to {} whole numbers from 1 on, below 2^31", Shape::kMaxRank - 1));
  return Shape(value.get<std::vector<std::int64_t>>());
}

std::vector<std::int64_t> extents(const Shape& shape) { return {shape.begin(), shape.end()}; }

// One input of the usual name is its shape alone.
void inputs_to_json(const Graph& graph, json& object) {
  const auto inputs = graph.inputs();
  if (inputs.size() == 1 && inputs[0].name == kInputName) {
    object["input_shape"] = extents(inputs[0].shape);
    return;
  }
  object["inputs"] = json::array();
  for (const GraphInput& input : inputs)
    object["inputs"].push_back({{"name", input.name}, {"shape", extents(input.shape)}});
}

// A graph with the inputs and no layers yet.
Graph graph_of_inputs(const json& object, std::string_view who) {
  if (object.contains("input_shape")) {
    if (object.contains("inputs"))
      throw FormatError(detail::formatted("{}: there are both 'input_shape' and 'inputs'", who));
    return Graph(input_shape_from_json(object["input_shape"], detail::formatted("{}: 'input_shape'", who)));
  }
  const json& inputs = object["inputs"];
  if (!inputs.is_array() || inputs.empty() || inputs.size() > kMaxInputs)
    throw FormatError(detail::formatted("{}: 'inputs' must be an array of 1 to {} inputs", who, kMaxInputs));
  Graph graph;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string where = detail::formatted("{}: input {}", who, i + 1);
    const json& input = inputs[i];
    if (!input.is_object() || !input.contains("name") || !input.contains("shape") || !input["name"].is_string())
      wrong(input, where, "an object with a 'name' and a 'shape'");
    constexpr std::string_view kKeys[] = {"name", "shape"};
    check_keys(input, kKeys, where);
    graph.add_input(input_shape_from_json(input["shape"], detail::formatted("{}: 'shape'", where)),
                    input["name"].get_ref<const std::string&>());
  }
  return graph;
}

}  // namespace

namespace detail {

Architecture read_architecture(std::string_view text, std::string_view who) {
  const json object = parse_json(text, who);
  if (!object.is_object())
    throw FormatError(detail::formatted("{}: it must be a JSON object with 'input_shape' and 'layers'", who));
  if (!object.contains("input_shape") && !object.contains("inputs"))
    throw FormatError(detail::formatted("{}: 'input_shape' is missing", who));
  if (!object.contains("layers")) throw FormatError(detail::formatted("{}: 'layers' is missing", who));
  constexpr std::string_view kKeys[] = {"input_shape", "inputs", "layers", "outputs"};
  check_keys(object, kKeys, who);
  const json& layers = object["layers"];
  if (!layers.is_array() || layers.empty() || layers.size() > kMaxLayers) {
    throw FormatError(detail::formatted("{}: 'layers' must be an array of 1 to {} layers", who, kMaxLayers));
  }
  try {
    Graph graph = graph_of_inputs(object, who);
    for (std::size_t i = 0; i < layers.size(); ++i)
      add_from_json(graph, layers[i], detail::formatted("{}: layer {}", who, i + 1));
    if (object.contains("outputs"))
      graph.set_outputs(
          values_from_json(graph, object["outputs"], detail::formatted("{}: 'outputs'", who), "its layers"));
    NetworkPlan plan = plan_network(graph);
    return {std::move(graph), std::move(plan)};
  } catch (const std::invalid_argument& error) {
    throw FormatError(detail::formatted("{}: {}", who, error.what()));
  }
}

}  // namespace detail

std::string architecture_to_json(const Graph& graph) {
  check_size(graph);
  json object;
  inputs_to_json(graph, object);
  object["layers"] = json::array();
  Graph without_names;  // to see which names would be given anyway
  for (const GraphInput& input : graph.inputs()) without_names.add_input(input.shape, input.name);
  for (std::int64_t i = 0; i < std::ssize(graph.layers()); ++i) {
    const GraphLayer& layer = graph.layers()[static_cast<std::size_t>(i)];
    std::vector<Graph::Value> inputs;
    for (const std::int64_t input : layer.inputs) inputs.push_back(without_names.value(input));
    if (layer.weights_of >= 0) {
      const Graph::Value first = without_names.value(layer.weights_of);
      object["layers"].push_back(layer_to_json(graph, i, without_names.default_name(first)));
      without_names.again(first, inputs, layer.name);
    } else {
      object["layers"].push_back(layer_to_json(graph, i, without_names.default_name(layer.layer)));
      without_names(layer.layer, inputs, layer.name);
    }
  }
  if (graph.outputs() != without_names.outputs()) {
    for (const Graph::Value output : graph.outputs()) object["outputs"].push_back(graph.name(output));
  }
  return object.dump();
}

Graph architecture_from_json(const std::string& json_text) {
  return std::move(detail::read_architecture(json_text, "architecture").graph);
}

}  // namespace hubel
