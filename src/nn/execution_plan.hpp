// How an execution runs a network, fixed when it is made: which layers run as one, which go sample by sample, where
// everything lies and from when to when it is needed.
//
// The nodes (node.hpp) make up segments. In one that goes by sample, a few samples pass through all its nodes, one
// after another, and back again, while what they leave is in the cache. Other nodes (large images, large matrices,
// several inputs) are segments of their own, which take the whole batch and share out their own work.
//
// Values are numbered as in Graph::position: the network's inputs, then what each layer makes. Times are the segments'
// turns: S segments go forward at 0 ... S - 1 and backward at S - 1 ... 2 S - 2, the last doing both at once. What
// backward reads is kept until its turn; gradients take the room of what is no longer needed.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "hubel/network.hpp"
#include "nn/arena.hpp"
#include "nn/node.hpp"

namespace hubel::detail {

// Samples that pass through a segment together: a dense layer's weights serve so many at a time, and a small network's
// activations of so many stay in L2.
inline constexpr std::int64_t kGroup = 8;

inline std::int64_t group_count(std::int64_t m) { return (m + kGroup - 1) / kGroup; }

// Nodes [begin, end). One that does not go by sample is the node `begin` with what it absorbs.
template <class T>
struct Segment {
  std::size_t begin, end;
  bool by_sample;
  // For each input of the first node, in training: room for a gradient that is then added to what another consumer of
  // that value left, or null where it is the first to write.
  std::vector<T*> aside;
};

// What is left of the gradients when all samples have passed: the sum of a pair's parts, rows [begin, end) of a small
// dense layer's kernel, or its bias.
struct Rest {
  enum class Kind { pair, rows, bias } kind;
  std::size_t node;
  std::int64_t begin = 0, end = 0;
};

template <class T>
struct Value {
  // Nodes, one for each use. Of an output of the network the number of nodes is one more: it is taken after all of
  // them.
  std::vector<std::size_t> consumers;
  std::array<bool, 2> needed = {};  // whether backward wants its gradient: [1] when the inputs' are asked for
  T* gradient = nullptr;            // of values between segments
};

template <class T>
struct Output {
  std::size_t value;
  std::optional<std::size_t> softmax;  // the node whose activation is put off, if any
  bool probabilities = false;          // it is such, and there is no such node (averages_softmax)
  T* logarithms = nullptr;             // of those: room for them
};

template <class T>
struct ExecutionPlan {
  using Mode = typename Execution<T>::Mode;
  using Block = typename Arena<T>::Block;

  ExecutionPlan(const Network<T>& network, std::int64_t max_batch, Mode mode);
  ExecutionPlan(const ExecutionPlan&) = delete;
  ExecutionPlan& operator=(const ExecutionPlan&) = delete;

  bool training() const { return mode == Mode::training; }
  std::size_t input_count() const { return values.size() - nodes.size(); }
  std::size_t made_by(std::size_t node) const { return input_count() + node; }  // the value
  const Node<T>& maker(std::size_t value) const { return nodes[value - input_count()]; }
  std::size_t made_by(const Segment<T>& segment) const { return made_by(segment.end - 1); }

  const Network<T>* network;
  std::int64_t max_batch;
  Mode mode;
  std::vector<Node<T>> nodes;
  std::vector<Value<T>> values;
  std::vector<Segment<T>> segments;
  std::vector<Output<T>> outputs;
  std::int64_t widest = 0;  // elements of a sample's largest activation within segments that go by sample
  std::int64_t part_size = 0, most_parts = 1;  // of the pairs' gradients
  T* sums = nullptr;
  std::vector<Rest> rests;
  std::vector<TensorView<T>> gradients;  // of the parameters

 private:
  void make_nodes();
  void choose_kind(std::size_t i);
  void absorb(std::size_t i);
  void absorb_activation(std::size_t i);
  void freeze(std::size_t i);
  void absorb_additions();
  void absorb_addition(std::size_t i, std::span<const std::size_t> owners);
  void find_outputs();
  void find_sharing();
  std::span<const Parameter<T>> parameters_of(const Node<T>& node) const {
    return network->parameters().subspan(node.first_parameter, node.parameter_count);
  }
  bool follows_alone(std::size_t i) const;
  void make_segments();
  void find_needed();
  void place_values();
  void place_node(std::size_t segment, std::size_t i);
  void keep(std::size_t value, std::int64_t time);
  void place_gradients();
  void place_flow(std::size_t segment);
  void place_shared(std::size_t segment);
  void place_parts();

  std::int64_t backward_time(std::size_t segment) const {
    return training() ? std::int64_t(2 * segments.size() - 2 - segment) : std::int64_t(segment);
  }
  std::int64_t end_time() const { return std::int64_t(2 * segments.size()); }

  Arena<T> arena_;
  std::vector<T*> gradient_places_;
  std::vector<std::size_t> segment_of_;          // each node's
  std::vector<std::optional<Block>> memory_of_;  // each value's; the network's inputs have none
  std::vector<std::optional<Block>> flow_;       // each value's gradient's
};

extern template struct ExecutionPlan<float>;
extern template struct ExecutionPlan<double>;

}  // namespace hubel::detail
