// Building a graph: each layer is checked against its inputs' shapes as it is added.
#include "hubel/graph.hpp"

#include <algorithm>
#include <stdexcept>

#include "nn/network_plan.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

void check_input_shape(const Shape& shape) {
  const bool fits = shape.rank() >= 1 && shape.rank() < Shape::kMaxRank;
  if (!fits || std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 1; })) {
    throw std::invalid_argument(detail::formatted(
        "Network: input_shape is {}, it must have 1 to {} axes of at least 1, such as (h, w, c) or (n,)",
        shape.to_string(), Shape::kMaxRank - 1));
  }
}

// What a layer that takes them takes: the values' numbers, and their shapes with a batch axis.
struct Taken {
  std::vector<std::int64_t> numbers;
  std::vector<Shape> shapes;
};

Taken taken(const Graph& graph, std::span<const Graph::Value> xs) {
  Taken all;
  for (const Graph::Value x : xs) {
    all.numbers.push_back(graph.value(x.layer()).layer());
    all.shapes.push_back(detail::batch_shape(1, graph.shape(x)));
  }
  return all;
}

}  // namespace

Graph::Graph(const Shape& input_shape) { add_input(input_shape); }

Graph::Graph(const Shape& input_shape, std::span<const Layer> layers) : Graph(input_shape) {
  Value x = input();
  for (const Layer& layer : layers) x = (*this)(layer, x);
}

// Of a new layer or input.
void Graph::check_name(std::string_view name) const {
  constexpr std::size_t kLongest = 200;
  const auto allowed = [](char c) { return c >= ' ' && c <= '~' && c != '*'; };
  if (!std::all_of(name.begin(), name.end(), allowed) || name.empty() || name.size() > kLongest) {
    throw std::invalid_argument(
        detail::formatted("Network: a layer's name must be 1 to {} printable ASCII characters other than *", kLongest));
  }
  if (find(name))
    throw std::invalid_argument(detail::formatted("Network: there is something named '{}' already", name));
}

Graph::Value Graph::add_input(const Shape& shape, std::string_view given_name) {
  check_input_shape(shape);
  std::string name(given_name);
  if (!given_name.data()) {
    name = "input";
    for (int i = 2; numbers_.contains(name); ++i) name = detail::formatted("input_{}", i);
  }
  check_name(name);
  const Value added(GraphLayer::kInput - std::ssize(inputs_));
  inputs_.push_back({shape, name});
  numbers_.emplace(std::move(name), added.layer());
  return added;
}

Graph::Value Graph::input(std::size_t i) const {
  if (i < inputs_.size()) return Value(GraphLayer::kInput - static_cast<std::int64_t>(i));
  throw std::invalid_argument(detail::formatted("Network: there is no input {}, there are {}", i, inputs_.size()));
}

std::string Graph::default_name(const Layer& layer) const {
  const std::string_view kind = layer_kind(layer);
  const auto found = of_kind_.find(kind);
  std::int64_t number = found == of_kind_.end() ? 0 : found->second;
  std::string name;
  do name = detail::formatted("{}_{}", kind, ++number);
  while (numbers_.contains(name));
  return name;
}

std::string Graph::default_name(Value made) const {
  std::string given;
  for (int i = 2; given.empty() || numbers_.contains(given); ++i) given = detail::formatted("{}_{}", name(made), i);
  return given;
}

Graph::Value Graph::add(GraphLayer added, const Shape& output) {
  shapes_.push_back(output.without_first());
  numbers_.emplace(added.name, std::ssize(layers_));
  layers_.push_back(std::move(added));
  return Value(std::ssize(layers_) - 1);
}

Graph::Value Graph::operator()(const Layer& layer, std::span<const Value> xs, std::string_view given_name) {
  std::string name = given_name.data() ? std::string(given_name) : default_name(layer);
  check_name(name);
  const auto [inputs, shapes] = taken(*this, xs);
  const Shape output = detail::plan_layer(layer, shapes, name).output;
  ++of_kind_[std::string(layer_kind(layer))];
  return add({layer, inputs, std::move(name)}, output);
}

Graph::Value Graph::again(Value made, std::span<const Value> xs, std::string_view given_name) {
  if (value(made.layer()).layer() < 0) {
    throw std::invalid_argument(
        detail::formatted("Network: the input '{}' cannot be made again, as a layer's output can", name(made)));
  }
  const GraphLayer first = layers_[static_cast<std::size_t>(made.layer())];
  std::string name = given_name.data() ? std::string(given_name) : default_name(made);
  check_name(name);
  const auto [inputs, shapes] = taken(*this, xs);
  const detail::LayerPlan plan = detail::plan_layer(first.layer, shapes, name);
  std::vector<Value> firsts;
  for (const std::int64_t input : first.inputs) firsts.push_back(value(input));
  const auto own = detail::plan_layer(first.layer, taken(*this, firsts).shapes, first.name).parameters;
  const auto same_shape = [](const auto& a, const auto& b) { return a.shape == b.shape; };
  if (!std::ranges::equal(plan.parameters, own, same_shape)) {
    throw std::invalid_argument(
        detail::formatted("{}: it takes {}, for which it cannot have the weights of {}, which takes {}", name,
                          shape(xs[0]).to_string(), first.name, shape(firsts[0]).to_string()));
  }
  const std::int64_t owner = first.weights_of < 0 ? made.layer() : first.weights_of;
  return add({first.layer, inputs, std::move(name), own.empty() ? -1 : owner}, plan.output);
}

Graph::Value Graph::again(Value made, std::initializer_list<Value> xs, std::string_view name) {
  return again(made, std::span(xs.begin(), xs.size()), name);
}
Graph::Value Graph::again(Value made, Value x, std::string_view name) { return again(made, std::span(&x, 1), name); }

Graph::Value Graph::operator()(const Layer& layer, std::initializer_list<Value> xs, std::string_view name) {
  return (*this)(layer, std::span(xs.begin(), xs.size()), name);
}
Graph::Value Graph::operator()(const Layer& layer, Value x, std::string_view name) {
  return (*this)(layer, std::span(&x, 1), name);
}

std::vector<Graph::Value> Graph::append(const Graph& other, std::span<const Value> xs, std::string_view prefix,
                                        std::optional<std::string_view> weights_of) {
  if (xs.size() != other.inputs_.size()) {
    throw std::invalid_argument(detail::formatted("Network: what is to be appended has {} inputs, {} were given",
                                                  other.inputs_.size(), xs.size()));
  }
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const Shape &given = shape(value(xs[i].layer())), &wanted = other.inputs_[i].shape;
    if (given == wanted) continue;
    throw std::invalid_argument(detail::formatted("Network: what is to be appended takes {}, it is given {}",
                                                  wanted.to_string(), given.to_string()));
  }
  if (other.layers_.empty()) throw std::invalid_argument("Network: what is to be appended has no layers");
  Graph longer = *this;
  std::vector<Value> made(xs.begin(), xs.end());  // a value of the other graph each
  for (const GraphLayer& layer : other.layers_) {
    std::vector<Value> inputs;
    for (const std::int64_t input : layer.inputs) inputs.push_back(made[other.position(input)]);
    const std::string name = std::string(prefix) + layer.name;
    if (weights_of) {
      made.push_back(longer.again(longer.named(std::string(*weights_of) + layer.name, layer.layer), inputs, name));
    } else if (layer.weights_of >= 0) {
      made.push_back(longer.again(made[other.position(layer.weights_of)], inputs, name));
    } else {
      made.push_back(longer(layer.layer, inputs, name));
    }
  }
  std::vector<Value> outputs;
  for (const Value output : other.outputs()) outputs.push_back(made[other.position(output.layer())]);
  *this = std::move(longer);
  return outputs;
}

Graph::Value Graph::append(const Graph& other, Value x, std::string_view prefix,
                           std::optional<std::string_view> weights_of) {
  return append(other, std::span(&x, 1), prefix, weights_of).front();
}

// What the layer of that name makes, which must be that layer.
Graph::Value Graph::named(std::string_view name, const Layer& layer) const {
  const std::optional<Value> found = find(name);
  if (found && found->layer() >= 0 && layers_[static_cast<std::size_t>(found->layer())].layer == layer) return *found;
  throw std::invalid_argument(detail::formatted(
      "Network: what is appended cannot have the weights of {}: there is no such layer, or it is another", name));
}

Graph Graph::up_to(std::span<const Value> outputs) const {
  Graph whole = *this;
  whole.set_outputs(outputs);
  std::vector<bool> wanted(value_count());
  for (const Value output : outputs) wanted[position(output.layer())] = true;
  for (std::int64_t i = std::ssize(layers_) - 1; i >= 0; --i) {
    if (!wanted[position(i)]) continue;
    for (const std::int64_t input : layers_[static_cast<std::size_t>(i)].inputs) wanted[position(input)] = true;
  }
  Graph part;
  std::vector<std::optional<Value>> made(value_count());
  std::vector<std::optional<Value>> first(layers_.size());  // by whose weights they are, what has them there
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (wanted[i]) made[i] = part.add_input(inputs_[i].shape, inputs_[i].name);
  for (std::int64_t i = 0; i < std::ssize(layers_); ++i) {
    if (!wanted[position(i)]) continue;
    const GraphLayer& placed = layers_[static_cast<std::size_t>(i)];
    std::vector<Value> taken;
    for (const std::int64_t input : placed.inputs) taken.push_back(*made[position(input)]);
    std::optional<Value>& weights = first[static_cast<std::size_t>(placed.weights_of < 0 ? i : placed.weights_of)];
    made[position(i)] = weights ? part.again(*weights, taken, placed.name) : part(placed.layer, taken, placed.name);
    if (!weights) weights = made[position(i)];
  }
  std::vector<Value> ends;
  for (const Value output : outputs) ends.push_back(*made[position(output.layer())]);
  part.set_outputs(ends);
  return part;
}

Graph Graph::up_to(Value output) const { return up_to(std::span(&output, 1)); }

void Graph::set_outputs(std::span<const Value> outputs) {
  if (outputs.empty()) throw std::invalid_argument("Network: there are no outputs, at least one is needed");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Value output = value(outputs[i].layer());
    if (output.layer() < 0) {
      throw std::invalid_argument(
          detail::formatted("Network: the input '{}' cannot be an output too, as a layer's output can", name(output)));
    }
    const auto before = outputs.first(i);
    if (std::find(before.begin(), before.end(), output) == before.end()) continue;
    throw std::invalid_argument(detail::formatted("Network: the output of {} is there twice", name(output)));
  }
  outputs_.assign(outputs.begin(), outputs.end());
}

void Graph::set_outputs(std::initializer_list<Value> outputs) {
  set_outputs(std::span(outputs.begin(), outputs.size()));
}

std::vector<Graph::Value> Graph::outputs() const {
  if (!outputs_.empty() || layers_.empty()) return outputs_;
  return {Value(std::ssize(layers_) - 1)};
}

Graph::Value Graph::value(std::int64_t layer) const {
  if (layer < 0) return input(static_cast<std::size_t>(GraphLayer::kInput - layer));
  if (layer < std::ssize(layers_)) return Value(layer);
  throw std::invalid_argument(detail::formatted("Network: there is no layer {}, there are {}", layer, layers_.size()));
}

std::optional<Graph::Value> Graph::find(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? std::nullopt : std::optional(Value(found->second));
}

const Shape& Graph::shape(Value value) const {
  const std::size_t at = position(value.layer());
  return at < inputs_.size() ? inputs_[at].shape : shapes_[at - inputs_.size()];
}

const std::string& Graph::name(Value value) const {
  const std::size_t at = position(value.layer());
  return at < inputs_.size() ? inputs_[at].name : layers_[at - inputs_.size()].name;
}

}  // namespace hubel
