// A batch from a source of samples: memory for it, and its filling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hubel/trainer.hpp"
#include "nn/network_plan.hpp"

namespace hubel::detail {

class Batch {
 public:
  Batch(const SampleSource& source, std::int64_t size)
      : source_(source),
        weights_each_(source.weights_per_sample()),
        weights_(static_cast<std::size_t>(size * weights_each_)) {
    for (const Shape& sample : source.input_shapes()) {
      xs_.push_back(Tensor<float>::uninitialized(batch_shape(size, sample)));
      places_.push_back(xs_.back().data());
    }
    for (const AnswerKind& kind : source.answer_kinds()) {
      Answers& answers = answers_.emplace_back();
      answers.labels_each = kind.labels;
      answers.labels.resize(static_cast<std::size_t>(size * kind.labels));
      if (kind.labels == 0) answers.targets = Tensor<float>::uninitialized(batch_shape(size, kind.target));
      rooms_.push_back({answers.labels.data(), answers.targets.data()});
    }
    views_.resize(xs_.size());
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void gather(std::span<const std::int32_t> indices) {
    count_ = std::ssize(indices);
    source_.gather_batch(indices.data(), count_, places_, rooms_);
    if (weights_each_ > 0) source_.gather_weights(indices.data(), count_, weights_.data());
    for (std::size_t i = 0; i < xs_.size(); ++i) views_[i] = {xs_[i].data(), xs_[i].shape().with_first(count_)};
  }

  std::int64_t count() const { return count_; }
  std::size_t outputs() const { return answers_.size(); }
  std::span<const TensorView<const float>> xs() const { return views_; }  // of each input
  bool has_targets(std::size_t output) const { return answers_[output].labels_each == 0; }
  std::span<const std::int32_t> labels(std::size_t output) const {
    const Answers& answers = answers_[output];
    return std::span(answers.labels).first(static_cast<std::size_t>(count_ * answers.labels_each));
  }
  // Not given where there are labels.
  TensorView<const float> targets(std::size_t output) const {
    if (!has_targets(output)) return {};
    const Tensor<float>& targets = answers_[output].targets;
    return {targets.data(), targets.shape().with_first(count_)};
  }
  // In the loss; none where the source has none.
  std::span<const float> weights() const {
    return std::span(weights_).first(static_cast<std::size_t>(count_ * weights_each_));
  }

 private:
  struct Answers {
    std::int64_t labels_each = 0;  // 0 where there are targets
    std::vector<std::int32_t> labels;
    Tensor<float> targets;
  };

  const SampleSource& source_;
  std::vector<Tensor<float>> xs_;  // of each input
  std::vector<Answers> answers_;   // of each output
  std::vector<float*> places_;     // of xs_ and answers_, as the source takes them
  std::vector<AnswerRoom> rooms_;
  std::vector<TensorView<const float>> views_;  // the batch's samples
  std::int64_t weights_each_;
  std::vector<float> weights_;
  std::int64_t count_ = 0;
};

}  // namespace hubel::detail
