// A network's architecture: its layers, and which of them feed which. Any directed acyclic graph, most often with one
// input and one output.
//
//   hubel::Graph graph({32, 32, 3});
//   auto x = graph(hubel::Conv2D{.filters = 16, .padding = hubel::Padding::same()}, graph.input());
//   auto y = graph(hubel::Conv2D{.filters = 16, .padding = hubel::Padding::same()}, x);
//   x = graph(hubel::Add{.activation = hubel::Activation::relu}, {x, y});
//   hubel::Network<float> network(graph, /*seed=*/1);
//
// With several:
//
//   hubel::Graph graph;
//   const auto image = graph.add_input({32, 32, 3}, "image"), place = graph.add_input({2}, "place");
//   ...
//   graph.set_outputs({classes, box});
//
// One layer in two places, with the same weights:
//
//   const auto left = graph(hubel::Dense{.units = 16}, image_a), right = graph.again(left, image_b);
#pragma once

#include <cstddef>
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

struct GraphInput {
  Shape shape;       // one sample's
  std::string name;  // unique among inputs and layers

  friend bool operator==(const GraphInput&, const GraphInput&) = default;
};

// A layer in its place.
struct GraphLayer {
  // Stands for the network's input among a layer's inputs; kInput - i for its input i, from 0.
  static constexpr std::int64_t kInput = -1;

  Layer layer;
  std::vector<std::int64_t> inputs;  // the numbers, from 0, of earlier layers whose outputs it takes, or kInput - i
  std::string name;                  // unique in the graph
  std::int64_t weights_of = -1;      // unless it has its own weights: the earlier layer that has them (Graph::again)

  friend bool operator==(const GraphLayer&, const GraphLayer&) = default;
};

class Graph {
 public:
  // The output of a layer, or an input of the network.
  class Value {
   public:
    std::int64_t layer() const { return layer_; }  // its number, or GraphLayer::kInput - i

    friend bool operator==(Value, Value) = default;

   private:
    friend class Graph;
    explicit Value(std::int64_t layer) : layer_(layer) {}
    std::int64_t layer_;
  };

  // Without inputs yet.
  Graph() = default;
  // With one input, "input". input_shape is one sample's: (h, w, c) or (n). Throws std::invalid_argument unless it has
  // one axis at least, each of one at least.
  explicit Graph(const Shape& input_shape);
  // The layers one after another.
  Graph(const Shape& input_shape, std::span<const Layer> layers);

  // Adds an input. Without a name it is called "input", or "input_2" and so on, the next that is free. Throws
  // std::invalid_argument for a shape as above, or a name as below.
  Value add_input(const Shape& shape, std::string_view name = {});
  // Throws std::invalid_argument when there is no input i.
  Value input(std::size_t i = 0) const;
  // Adds a layer that takes x, or several; unless set_outputs has said otherwise the last one added is the network's
  // output. Without a name it is called by its kind and its number among its kind, or the next free one: "conv2d_1".
  // Throws std::invalid_argument, its message beginning with the layer's name, when the layer does not fit its inputs,
  // or for a name that is taken, empty, longer than 200 characters, or not of printable ASCII but freeze's *.
  Value operator()(const Layer& layer, Value x, std::string_view name = {});
  Value operator()(const Layer& layer, std::initializer_list<Value> xs, std::string_view name = {});
  Value operator()(const Layer& layer, std::span<const Value> xs, std::string_view name = {});
  // Adds the layer that makes `made` once more, taking x, or several, with the same weights: there is one set of them,
  // and its gradient is the sum of what each place asks for (LeCun et al., "Backpropagation applied to handwritten zip
  // code recognition", 1989; Bromley et al., "Signature verification using a Siamese time delay neural network", 1993).
  // A batch normalisation's running statistics are moved by one place after the other. Without a name it is called by the
  // layer's and a number, the next that is free: "conv2d_1_2". Throws std::invalid_argument when no layer makes `made`,
  // when x is such that the weights would have other shapes, and as above.
  Value again(Value made, Value x, std::string_view name = {});
  Value again(Value made, std::initializer_list<Value> xs, std::string_view name = {});
  Value again(Value made, std::span<const Value> xs, std::string_view name = {});
  // Adds the layers of another network, or of this one once more, with xs for its inputs: each by its name there with
  // the prefix before it, such as "base/". Returns its outputs. Where weights_of is given they take the weights of the
  // layers by the same names with that before them, where the network was appended before; else weights are another
  // matter: see Network::copy_weights. Throws std::invalid_argument, and adds nothing, when the xs have other shapes
  // than its inputs, it has no layers, for a name as above, or when there are no such layers to take the weights of.
  std::vector<Value> append(const Graph& other, std::span<const Value> xs, std::string_view prefix = {},
                            std::optional<std::string_view> weights_of = {});
  // The same with one input; returns the output, of several the first.
  Value append(const Graph& other, Value x, std::string_view prefix = {},
               std::optional<std::string_view> weights_of = {});
  // What the network's outputs are, in this order: layers' outputs, which others may take too. Throws
  // std::invalid_argument, and changes nothing, when there are none, one is there twice, or one is an input.
  void set_outputs(std::initializer_list<Value> outputs);
  void set_outputs(std::span<const Value> outputs);

  // The network that ends in these values, which are its outputs in this order: the layers that lead to them, and the
  // inputs that those take, by their names here. Throws std::invalid_argument as set_outputs does.
  Graph up_to(std::span<const Value> outputs) const;
  Graph up_to(Value output) const;

  // The value with that number: a layer's, or GraphLayer::kInput - i.
  Value value(std::int64_t layer) const;
  // The output of the layer, or the input, with that name; nothing where there is none.
  std::optional<Value> find(std::string_view name) const;

  std::span<const GraphInput> inputs() const { return inputs_; }
  std::span<const GraphLayer> layers() const { return layers_; }
  std::vector<Value> outputs() const;                               // none while there are no layers
  const Shape& input_shape() const { return inputs_.at(0).shape; }  // of several, the first's
  const Shape& shape(Value value) const;                            // one sample's
  const std::string& name(Value value) const;                       // the layer's, or the input's

  // All values in a row: the inputs, then what each layer makes.
  std::size_t value_count() const { return inputs_.size() + layers_.size(); }
  // Where in that row the value with that number stands.
  std::size_t position(std::int64_t layer) const {
    return static_cast<std::size_t>(layer < 0 ? GraphLayer::kInput - layer : std::ssize(inputs_) + layer);
  }

  // The name that a layer of that kind gets now unless it is given one.
  std::string default_name(const Layer& layer) const;
  // The name that the layer that makes it gets when it is added again.
  std::string default_name(Value made) const;

  friend bool operator==(const Graph& a, const Graph& b) {
    return a.inputs_ == b.inputs_ && a.layers_ == b.layers_ && a.outputs() == b.outputs();
  }

 private:
  void check_name(std::string_view name) const;
  Value add(GraphLayer added, const Shape& output);
  Value named(std::string_view name, const Layer& layer) const;

  std::vector<GraphInput> inputs_;
  std::vector<GraphLayer> layers_;
  std::vector<Value> outputs_;                                // none: the last layer's
  std::vector<Shape> shapes_;                                 // of the layers' outputs for a sample
  std::map<std::string, std::int64_t, std::less<>> numbers_;  // by name
  std::map<std::string, std::int64_t, std::less<>> of_kind_;  // numbers that names of each kind have come to
};

}  // namespace hubel
