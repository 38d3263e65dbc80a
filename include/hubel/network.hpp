// A network: an architecture (graph.hpp), its weights, and its execution forward and backward.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubel/graph.hpp"
#include "hubel/layers.hpp"
#include "hubel/loss.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// What becomes of a parameter in training.
enum class ParameterRole {
  weight,     // follows its gradient, and decays where the optimiser says so
  offset,     // follows its gradient and does not decay: biases, and what norms scale and shift by
  statistic,  // is measured: what stands for its gradient is the whole step that a batch moves it back by
};

// A named weight tensor, such as "conv2d_1.kernel".
template <class T>
struct Parameter {
  std::string name;
  Tensor<T> value;
  ParameterRole role = ParameterRole::weight;
  bool frozen = false;  // training leaves it as it is: see Network::freeze
};

// One line of a network's summary. Shapes are those of one sample, without the batch axis.
struct LayerInfo {
  std::string name;  // as given, or kind and running number of that kind: "conv2d_1", "max_pool2d_2", "dense_3"
  std::string kind;
  std::string options;              // as the summary gives them: "6 @ 5x5, same, relu"
  Shape input_shape, output_shape;  // of several inputs, the first's
  std::int64_t parameters = 0;
  std::int64_t trainable = 0;  // of the parameters, those that follow a gradient: no statistics, nothing frozen
  std::int64_t macs = 0;       // multiply-adds of a forward pass on one sample
  // The height and width, in pixels of the network's input and regardless of its edges, that an output pixel depends
  // on by windows (Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks", 2019), along
  // the path where they are largest. Nothing: all of the input, as behind a dense layer or a global pooling. What norms
  // measure is not counted.
  std::optional<std::array<std::int64_t, 2>> receptive_field;
};

// What follows from an architecture alone, without weights. Throws std::invalid_argument as Network does.
std::vector<LayerInfo> layer_infos(const Graph& graph);

// The table people expect: layer with its options, output shape, parameters, multiply-adds, bytes of the output and
// receptive field, where layers branch what each takes; totals below. Numbers are for one sample, of so many bytes
// each. The activations' memory is an estimate: in training every output is kept, in inference memory is used again
// once no layer needs it. UTF-8.
std::string summary(const Graph& graph, std::int64_t bytes_per_number = 4);

// T is float or double. A Network is a value: copying copies the weights.
template <class T>
class Network {
 public:
  // Weights start from their initializers with `seed`: the same seed, the same bits, on any machine with the same C
  // library. Throws std::invalid_argument when there are no layers, an input feeds none, or a layer feeds none and is
  // no output.
  explicit Network(Graph graph, std::uint64_t seed = 0);
  // The same of layers one after another.
  Network(const Shape& input_shape, std::span<const Layer> layers, std::uint64_t seed = 0)
      : Network(Graph(input_shape, layers), seed) {}
  Network(const Shape& input_shape, std::initializer_list<Layer> layers, std::uint64_t seed = 0)
      : Network(input_shape, std::span(layers.begin(), layers.size()), seed) {}
  // With given weights, which must have the names and shapes, in the order, that parameters() would have.
  Network(Graph graph, std::vector<Parameter<T>> parameters);

  const Graph& graph() const { return graph_; }
  // One sample's; of several inputs or outputs the first's, or those of all.
  const Shape& input_shape() const { return input_shapes_.front(); }
  const Shape& output_shape() const { return output_shapes_.front(); }
  std::span<const Shape> input_shapes() const { return input_shapes_; }
  std::span<const Shape> output_shapes() const { return output_shapes_; }
  std::span<const GraphLayer> layers() const { return graph_.layers(); }
  std::span<const LayerInfo> info() const { return info_; }

  std::span<Parameter<T>> parameters() { return parameters_; }
  std::span<const Parameter<T>> parameters() const { return parameters_; }
  // Throws std::invalid_argument that lists the names when there is none of that name.
  Parameter<T>& parameter(std::string_view name);
  const Parameter<T>& parameter(std::string_view name) const;
  std::int64_t parameter_count() const;

  // Holds parameters fixed in training, as when the last layers of a trained network learn something new: those of the
  // layers whose names match the pattern, and those whose own names do. * stands for any characters: "conv2d_1",
  // "stage_2_*", "*.bias", "*". Backward goes no further than to the first layer that learns. A batch normalisation
  // whose running statistics are frozen uses them in training too, as Keras has it. An Execution, Optimizer,
  // WeightAverage or training goes by what is frozen when it is made. Model files do not say what was frozen. Throws
  // std::invalid_argument when nothing matches.
  void freeze(std::string_view pattern) { set_frozen(pattern, true); }
  void unfreeze(std::string_view pattern) { set_frozen(pattern, false); }

  // Copies from another network the parameters of each layer that has the same there: by the same name, as many, by the
  // same names and in the same shapes. So begins a network that has other last layers than one that was trained. With a
  // prefix that stands before the names here: after Graph::append. Returns the names of those that it left as they are.
  std::vector<std::string> copy_weights(const Network& other, std::string_view prefix = {});

  // The network that ends in these values of graph(), as Graph::up_to makes it, with copies of its layers' weights,
  // which are frozen where they are here: to look at what inner layers make, or to put other last layers behind it.
  Network up_to(std::span<const Graph::Value> outputs) const;
  Network up_to(Graph::Value output) const { return up_to(std::span(&output, 1)); }

  // True when that output is a softmax over its classes, or those of each pixel, or a mean of such (of two heads, of
  // neighbouring pixels): it is probabilities, and its training loss is the cross-entropy of them. (Without it the
  // output is logits and the training loss takes their softmax.)
  bool ends_in_softmax(std::size_t output = 0) const;

  // hubel::summary of its graph, with what is frozen.
  std::string summary() const;

  // Puts the network's starting weights back, from `seed`.
  void reset(std::uint64_t seed);

 private:
  void set_frozen(std::string_view pattern, bool frozen);
  void count_trainable();
  void take(std::vector<LayerInfo> info);

  Graph graph_;
  std::vector<Shape> input_shapes_, output_shapes_;
  std::vector<LayerInfo> info_;
  std::vector<Parameter<T>> parameters_;
};

extern template class Network<float>;
extern template class Network<double>;

// What an output of a network is to come to in a batch: its loss (loss.hpp), what that is taken of, which is targets
// where they are given and labels where not, and how much it counts in the sum of all outputs' losses.
template <class T>
struct OutputAim {
  const Loss* loss = nullptr;
  double weight = 1;
  std::span<const std::int32_t> labels = {};
  TensorView<const T> targets = {};
  std::span<const float> sample_weights = {};  // see compute_loss
  // Of the cross-entropy of labels: see CrossEntropyOptions, whose losses row_losses are.
  double skip_above = 1;
  std::span<float> row_losses = {};
};

// What executes a network: memory for the activations (and, for training, gradients) of up to max_batch samples, laid
// out once in one block. Its calls allocate nothing but, the first time, the scratch memory that the operations keep
// for each thread. It keeps a reference to the network, which must outlive it and stay where it is, and (but for
// Mode::frozen) reads its current weights on each call. One Execution serves one thread at a time; several may share
// one network that nobody is changing.
//
// x is (m, ...input_shape), 0 <= m <= max_batch, else std::invalid_argument; of several inputs there is one x for each,
// of the same m. Views that are returned are valid until the next call, and so must x be until then for backward() and
// layer_output(). loss() and loss_and_gradients() are for networks with one input and one output, else
// std::invalid_argument. Unless one is given the loss is the mean cross-entropy over the batch; it asks for an output
// of (classes) per sample, or an image of one pixel (1, 1, classes), else std::invalid_argument.
template <class T>
class Execution {
 public:
  // inference: forward alone; what no later layer needs gives its memory away.
  // training: forward as in training (batch statistics, dropout), and backward.
  // frozen: as inference, and faster, for weights that do not change any more: those of convolutions, and of the batch
  //   normalisations that go into them, are read when it is made and never again.
  // inspection: as inference, but each layer's output can be looked at; nothing is computed as one.
  enum class Mode { inference, training, frozen, inspection };

  // Throws std::invalid_argument for max_batch < 1.
  Execution(const Network<T>& network, std::int64_t max_batch, Mode mode);
  ~Execution();
  Execution(Execution&&) noexcept;
  Execution& operator=(Execution&&) noexcept;

  // The network's output, (m, ...output_shape); of several the first. Throws std::invalid_argument where there are
  // several inputs.
  TensorView<const T> forward(TensorView<const T> x);
  // The network's outputs, of its inputs.
  std::span<const TensorView<const T>> forward(std::span<const TensorView<const T>> xs);

  // Forward up to the loss. It is computed from the logits, so that no probability underflows.
  LossResult loss(TensorView<const T> x, std::span<const std::int32_t> labels);
  // The same of any loss, which says what it takes (loss.hpp): a label for each sample, or for each row of its output,
  // such as a pixel's classes; or targets of the output's shape, (m, ...output_shape), for the cross-entropy of a
  // classifier (m, classes). Cross-entropy is of the logits, any other loss of the output as it is.
  // sample_weights: see compute_loss.
  LossResult loss(TensorView<const T> x, const Loss& loss, std::span<const std::int32_t> labels,
                  std::span<const float> sample_weights = {});
  LossResult loss(TensorView<const T> x, const Loss& loss, TensorView<const T> targets,
                  std::span<const float> sample_weights = {});

  // Mode::training only (std::logic_error otherwise). Forward, loss, and backward: afterwards gradients() holds the
  // gradient of the loss for every parameter, in parameters()' order.
  LossResult loss_and_gradients(TensorView<const T> x, std::span<const std::int32_t> labels,
                                const CrossEntropyOptions& options = {});
  LossResult loss_and_gradients(TensorView<const T> x, const Loss& loss, std::span<const std::int32_t> labels,
                                std::span<const float> sample_weights = {});
  LossResult loss_and_gradients(TensorView<const T> x, const Loss& loss, TensorView<const T> targets,
                                std::span<const float> sample_weights = {});

  // The loss of each output, without its weight, in the outputs' order; there is an aim for each, else
  // std::invalid_argument. Losses are taken as by loss(). What is returned is valid until the next batch.
  std::span<const LossResult> losses(std::span<const TensorView<const T>> xs, std::span<const OutputAim<T>> aims);
  // Mode::training only. The same, and backward: afterwards gradients() holds the gradient of the sum of weight * loss.
  std::span<const LossResult> losses_and_gradients(std::span<const TensorView<const T>> xs,
                                                   std::span<const OutputAim<T>> aims);

  // Mode::training only. After forward(x), and once for each: backward from dout = dL/d(output), (m, ...output_shape).
  // The gradients are replaced. Returns dL/dx. Throws std::invalid_argument where there are several outputs.
  TensorView<const T> backward(TensorView<const T> dout);
  // The same from dL/d(output) of each output; what is an output and feeds other layers too has both for its gradient.
  // Returns dL/dx of each input.
  std::span<const TensorView<const T>> backward(std::span<const TensorView<const T>> douts);

  // In parameters()' order; an empty view (default-constructed) for what is frozen.
  std::span<const TensorView<T>> gradients();

  // For the last batch: what goes into an output's softmax, (m, classes); without one, the output. Where a sample's
  // output is no row of classes, (m, ...output_shape). Throws std::out_of_range when there is no such output.
  TensorView<const T> logits(std::size_t output = 0) const;
  // For the last batch: that output of the network, (m, ...output_shape). Throws as logits does.
  TensorView<const T> output(std::size_t i = 0);
  // Mode::inspection only (std::logic_error otherwise). The output of layer i for the last batch, (m, ...).
  TensorView<const T> layer_output(std::size_t i) const;

  // What dropout's masks are made of in training, with the layer's number and the sample's place in its batch. A
  // trainer sets its seed and the step's number; 0 and 0 until then.
  void set_dropout(std::uint64_t seed, std::uint64_t step);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

extern template class Execution<float>;
extern template class Execution<double>;

// LeNet-5 as trained today (LeCun, Bottou, Bengio & Haffner 1998, with ReLU and max pooling): input (28, 28, 1);
// conv 6@5x5 same, max-pool 2x2/2, conv 16@5x5 valid, max-pool 2x2/2, dense 120, 84, 10 + softmax; he-normal weights.
std::vector<Layer> lenet5_layers(std::int64_t classes = 10);
template <class T = float>
Network<T> lenet5(std::uint64_t seed = 0, std::int64_t classes = 10, const Shape& input_shape = {28, 28, 1}) {
  return Network<T>(input_shape, lenet5_layers(classes), seed);
}

}  // namespace hubel
