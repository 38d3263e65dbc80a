// Building a graph: each layer is checked against its inputs' shapes as it is added.
#include "hubel/graph.hpp"

#include <algorithm>
#include <stdexcept>

#include "nn/network_plan.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kInputName = "input";

void check_input_shape(const Shape& shape) {
  const bool fits = shape.rank() >= 1 && shape.rank() < Shape::kMaxRank;
  if (!fits || std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 1; })) {
    throw std::invalid_argument(detail::formatted(
        "Network: input_shape is {}, it must have 1 to {} axes of at least 1, such as (h, w, c) or (n,)",
        shape.to_string(), Shape::kMaxRank - 1));
  }
}

void check_name(std::string_view name) {
  constexpr std::size_t kLongest = 200;
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable || name.empty() || name.size() > kLongest) {
    throw std::invalid_argument(
        detail::formatted("Network: a layer's name must be 1 to {} printable ASCII characters", kLongest));
  }
}

}  // namespace

Graph::Graph(const Shape& input_shape) : input_shape_(input_shape) { check_input_shape(input_shape); }

Graph::Graph(const Shape& input_shape, std::span<const Layer> layers) : Graph(input_shape) {
  Value x = input();
  for (const Layer& layer : layers) x = (*this)(layer, x);
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

Graph::Value Graph::operator()(const Layer& layer, std::span<const Value> xs, std::string_view given_name) {
  std::string name = given_name.data() ? std::string(given_name) : default_name(layer);
  check_name(name);
  if (find(name)) throw std::invalid_argument(detail::formatted("Network: there is a layer named '{}' already", name));
  GraphLayer added{layer, {}, name};
  std::vector<Shape> shapes;
  for (const Value x : xs) {
    added.inputs.push_back(value(x.layer()).layer());
    shapes.push_back(detail::batch_shape(1, shape(x)));
  }
  shapes_.push_back(detail::plan_layer(layer, shapes, name).output.without_first());
  ++of_kind_[std::string(layer_kind(layer))];
  numbers_.emplace(std::move(name), std::ssize(layers_));
  layers_.push_back(std::move(added));
  return Value(std::ssize(layers_) - 1);
}

Graph::Value Graph::operator()(const Layer& layer, std::initializer_list<Value> xs, std::string_view name) {
  return (*this)(layer, std::span(xs.begin(), xs.size()), name);
}
Graph::Value Graph::operator()(const Layer& layer, Value x, std::string_view name) {
  return (*this)(layer, std::span(&x, 1), name);
}

Graph::Value Graph::append(const Graph& other, Value x, std::string_view prefix) {
  const Shape& given = shape(value(x.layer()));
  if (!(given == other.input_shape_)) {
    throw std::invalid_argument(detail::formatted("Network: what is to be appended takes {}, it is given {}",
                                                  other.input_shape_.to_string(), given.to_string()));
  }
  if (other.layers_.empty()) throw std::invalid_argument("Network: what is to be appended has no layers");
  Graph longer = *this;
  std::vector<Value> made;
  for (const auto& [layer, inputs, name] : other.layers_) {
    std::vector<Value> xs;
    for (const std::int64_t input : inputs)
      xs.push_back(input == GraphLayer::kInput ? x : made[static_cast<std::size_t>(input)]);
    made.push_back(longer(layer, xs, std::string(prefix) + name));
  }
  *this = std::move(longer);
  return made.back();
}

Graph::Value Graph::value(std::int64_t layer) const {
  if (layer < GraphLayer::kInput || layer >= std::ssize(layers_))
    throw std::invalid_argument(
        detail::formatted("Network: there is no layer {}, there are {}", layer, layers_.size()));
  return Value(layer);
}

std::optional<Graph::Value> Graph::find(std::string_view name) const {
  if (name == kInputName) return input();
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? std::nullopt : std::optional(Value(found->second));
}

const Shape& Graph::shape(Value value) const {
  return value.layer() == GraphLayer::kInput ? input_shape_ : shapes_[static_cast<std::size_t>(value.layer())];
}

}  // namespace hubel
