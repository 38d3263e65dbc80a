// What the tests of training networks of several inputs and outputs share: samples, a network and how it learns them.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "nn/nn_testing.hpp"

namespace hubel::test {

// Samples in memory for several inputs and outputs: of each input a tensor, of each output labels, or targets.
class JointSamples : public JointSource {
 public:
  struct Answers {
    std::vector<std::int32_t> labels = {};  // as many for each sample, or none where there are targets
    Tensor<float> targets = {};
  };

  JointSamples(std::vector<Tensor<float>> xs, std::vector<Answers> answers)
      : xs_(std::move(xs)), answers_(std::move(answers)) {}

  std::int64_t count() const override { return xs_[0].shape()[0]; }
  std::vector<Shape> input_shapes() const override {
    std::vector<Shape> shapes;
    for (const Tensor<float>& x : xs_) shapes.push_back(x.shape().without_first());
    return shapes;
  }
  std::vector<AnswerKind> answer_kinds() const override {
    std::vector<AnswerKind> kinds;
    for (const Answers& of : answers_) {
      if (of.labels.empty()) kinds.push_back({0, of.targets.shape().without_first()});
      if (!of.labels.empty()) kinds.push_back({std::ssize(of.labels) / count(), {}});
    }
    return kinds;
  }
  void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const override {
    for (std::size_t i = 0; i < xs_.size(); ++i) copy(xs_[i].data(), xs_[i].size(), indices, n, xs[i]);
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      const Answers& own = answers_[i];
      if (own.labels.empty()) copy(own.targets.data(), own.targets.size(), indices, n, answers[i].targets);
      if (!own.labels.empty()) copy(own.labels.data(), std::ssize(own.labels), indices, n, answers[i].labels);
    }
  }

  const std::vector<Tensor<float>>& xs() const { return xs_; }
  const Answers& answers(std::size_t output) const { return answers_[output]; }

 private:
  template <class T>
  void copy(const T* all, std::int64_t size, const std::int32_t* indices, std::int64_t n, T* out) const {
    const std::int64_t each = size / count();
    for (std::int64_t i = 0; i < n; ++i) out = std::copy_n(all + indices[i] * each, each, out);
  }

  std::vector<Tensor<float>> xs_;
  std::vector<Answers> answers_;
};

// A network of two inputs and three outputs, with dropout and a batch norm: a place and an image make a class, an image
// of classes and two numbers.
inline Network<float> joint_network(std::uint64_t seed) {
  Graph graph;
  const auto place = graph.add_input({2}, "place"), image = graph.add_input({6, 6, 1}, "image");
  const auto trunk = graph(BatchNorm{.activation = Activation::relu},
                           graph(Conv2D{.filters = 4, .padding = Padding::same()}, image), "trunk");
  const auto pixels =
      graph(Conv2D{.filters = 3, .kernel_size = {1, 1}, .activation = Activation::softmax}, trunk, "pixels");
  const auto flat = graph(Dropout{.rate = 0.2}, graph(Flatten{}, graph(Pool2D{}, trunk)));
  const auto both = graph(Concatenate{}, {flat, graph(Dense{.units = 5, .activation = Activation::tanh}, place)});
  const auto quarter = graph(Dense{.units = 4, .activation = Activation::softmax}, both, "quarter");
  const auto box = graph(Dense{.units = 2}, both, "box");
  graph.set_outputs({quarter, box, pixels});
  return Network<float>(std::move(graph), seed);
}

// What it learns: the signs of the place, a linear function of the place, and how bright each pixel is.
inline JointSamples joint_samples(std::int64_t count, std::uint64_t seed) {
  Tensor<float> place = random_tensor<float>(Shape{count, 2}, seed), box(Shape{count, 2});
  Tensor<float> image = random_tensor<float>(Shape{count, 6, 6, 1}, seed + 1);
  std::vector<std::int32_t> quarters, pixels;
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = place[2 * i], y = place[2 * i + 1];
    quarters.push_back((x > 0 ? 1 : 0) + (y > 0 ? 2 : 0));
    box[2 * i] = x - y, box[2 * i + 1] = 0.5f + x;
  }
  for (const float value : image) pixels.push_back(value < -0.3f ? 0 : value < 0.3f ? 1 : 2);
  std::vector<Tensor<float>> xs;
  xs.push_back(std::move(place));
  xs.push_back(std::move(image));
  std::vector<JointSamples::Answers> answers(3);
  answers[0].labels = std::move(quarters);
  answers[1].targets = std::move(box);
  answers[2].labels = std::move(pixels);
  return {std::move(xs), std::move(answers)};
}

inline TrainOptions joint_options(std::int64_t epochs) {
  TrainOptions o = quadrant_options(epochs, 0.01);
  o.losses = {{CrossEntropy{}, 1}, {MeanSquaredError{}, 0.5}, {CrossEntropy{.label_smoothing = 0.1}, 2}};
  return o;
}

}  // namespace hubel::test
