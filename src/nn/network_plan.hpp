// What follows from an architecture alone, before any weight exists: each layer's name and shapes, and each parameter's
// name, shape and start. A model file is checked against it before memory is taken for its weights.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hubel/network.hpp"
#include "nn/layer_kind.hpp"

namespace hubel::detail {

struct NetworkPlan {
  // Which of `parameters` a layer has: its own, or those of the layer whose weights it takes.
  struct Range {
    std::size_t first = 0, count = 0;
  };

  std::vector<LayerInfo> info;            // a layer each
  std::vector<Range> ranges;              // a layer each
  std::vector<ParameterSpec> parameters;  // of all layers, in their order; named in full: "conv2d_1.kernel"
};

// A layer on inputs of these shapes, with the batch axis. Throws std::invalid_argument, its message beginning with
// `who`.
LayerPlan plan_layer(const Layer& layer, std::span<const Shape> inputs, std::string_view who);

// Throws std::invalid_argument when there are no layers, an input feeds none, a layer feeds none and is no output, or
// the activations of one sample are more than 2^36 numbers.
NetworkPlan plan_network(const Graph& graph);

// How often each of a graph's values (Graph::position) is taken: by layers, and by whoever runs the network if it is an
// output.
std::vector<std::int64_t> value_uses(const Graph& graph);

// The layer whose softmax over the classes, of a sample or of each of its pixels, is that output of the network and
// nothing else, if there is one. (A Flatten after it, as behind a convolution that has shrunk the image to one pixel,
// changes nothing.)
std::optional<std::size_t> softmax_layer(const Graph& graph, Graph::Value output);

// Whether that output of the network is probabilities over the last axis that softmax_layer does not find: a softmax
// that layers take too, or a mean of softmaxes, as of two heads or behind an average pooling.
bool averages_softmax(const Graph& graph, Graph::Value output);

// The classes of a classifier with this output for a sample: (classes), or (1, 1, classes), an image of one pixel.
// Throws std::invalid_argument, its message beginning with `who`, for another.
std::int64_t class_count(const Shape& output, std::string_view who);

// hubel::summary of a network with these layers (summary.cpp).
std::string summary_of(const Graph& graph, std::span<const LayerInfo> layers, std::int64_t bytes_per_number);

// One sample's shape with a batch axis before it.
Shape batch_shape(std::int64_t m, const Shape& sample);

}  // namespace hubel::detail
