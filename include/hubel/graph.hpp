// A network's architecture: its layers, and which of them feed which. Any directed acyclic graph with one input and one
// output.
//
//   hubel::Graph graph({32, 32, 3});
//   auto x = graph(hubel::Conv2D{.filters = 16, .padding = hubel::Padding::same()}, graph.input());
//   auto y = graph(hubel::Conv2D{.filters = 16, .padding = hubel::Padding::same()}, x);
//   x = graph(hubel::Add{.activation = hubel::Activation::relu}, {x, y});
//   hubel::Network<float> network(graph, /*seed=*/1);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/layers.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// A layer in its place.
struct GraphLayer {
  // Stands for the network's input among a layer's inputs.
  static constexpr std::int64_t kInput = -1;

  Layer layer;
  std::vector<std::int64_t> inputs;  // the numbers, from 0, of earlier layers whose outputs it takes, or kInput
  std::string name;                  // unique in the graph

  friend bool operator==(const GraphLayer&, const GraphLayer&) = default;
};

class Graph {
 public:
  // The output of a layer, or the network's input.
  class Value {
   public:
    std::int64_t layer() const { return layer_; }  // its number, or GraphLayer::kInput

   private:
    friend class Graph;
    explicit Value(std::int64_t layer) : layer_(layer) {}
    std::int64_t layer_;
  };

  // input_shape is one sample's: (h, w, c) or (n). Throws std::invalid_argument unless it has one axis at least, each
  // of one at least.
  explicit Graph(const Shape& input_shape);
  // The layers one after another.
  Graph(const Shape& input_shape, std::span<const Layer> layers);

  Value input() const { return Value(GraphLayer::kInput); }
  // Adds a layer that takes x, or several; the last one added is the network's output. Without a name it is called by
  // its kind and its number among its kind, or the next free one: "conv2d_1". Throws std::invalid_argument, its message
  // beginning with the layer's name, when the layer does not fit its inputs, or for a name that is taken, empty,
  // "input", longer than 200 characters or has characters other than printable ASCII.
  Value operator()(const Layer& layer, Value x, std::string_view name = {});
  Value operator()(const Layer& layer, std::initializer_list<Value> xs, std::string_view name = {});
  Value operator()(const Layer& layer, std::span<const Value> xs, std::string_view name = {});
  // Adds the layers of another network, or of this one once more, with x for its input: each by its name there with the
  // prefix before it, such as "base/". Returns its output. Weights are another matter: see Network::copy_weights.
  // Throws std::invalid_argument, and adds nothing, when x has another shape than its input, it has no layers, or for a
  // name as above.
  Value append(const Graph& other, Value x, std::string_view prefix = {});
  // The value with that number: a layer's, or GraphLayer::kInput.
  Value value(std::int64_t layer) const;
  // The output of the layer with that name, "input" being the network's input; nothing where there is none.
  std::optional<Value> find(std::string_view name) const;

  const Shape& input_shape() const { return input_shape_; }
  const Shape& shape(Value value) const;  // one sample's
  std::span<const GraphLayer> layers() const { return layers_; }

  // The name that a layer of that kind gets now unless it is given one.
  std::string default_name(const Layer& layer) const;

  friend bool operator==(const Graph& a, const Graph& b) {
    return a.input_shape_ == b.input_shape_ && a.layers_ == b.layers_;
  }

 private:
  Shape input_shape_;
  std::vector<GraphLayer> layers_;
  std::vector<Shape> shapes_;                                 // of the layers' outputs for a sample
  std::map<std::string, std::int64_t, std::less<>> numbers_;  // by name
  std::map<std::string, std::int64_t, std::less<>> of_kind_;  // numbers that names of each kind have come to
};

}  // namespace hubel
