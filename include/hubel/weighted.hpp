// Samples with weights in the loss, as a source to train on or to evaluate.
#pragma once

#include <span>
#include <string>

#include "hubel/trainer.hpp"

namespace hubel {

// The weights of a source's samples: one each, or one for each row of the output.
class SampleWeights {
 public:
  // weights (count) or (count, rows) must outlive this. Throws std::invalid_argument where their number is no multiple
  // of the samples', or one of them is negative or not finite.
  SampleWeights(std::span<const float> weights, std::int64_t count);

  std::int64_t each() const { return each_; }
  void gather(const std::int32_t* indices, std::int64_t n, float* weights) const;

 private:
  std::span<const float> weights_;
  std::int64_t each_ = 1;
};

// Any samples: Weighted(JointSource) serves several inputs and outputs, WeightedTargets what asks for a TargetSource.
class Weighted : public SampleSource {
 public:
  // `source` must outlive this. Throws as SampleWeights does.
  Weighted(const SampleSource& source, std::span<const float> weights) : source_(source), weights_(weights, count()) {}

  std::int64_t count() const override { return source_.count(); }
  Shape sample_shape() const override { return source_.sample_shape(); }
  void begin_epoch(std::int64_t epoch, std::uint64_t seed) const override { source_.begin_epoch(epoch, seed); }
  std::string changes() const override { return source_.changes(); }
  std::int64_t labels_per_sample() const override { return source_.labels_per_sample(); }
  void gather(const std::int32_t* indices, std::int64_t n, float* out, std::int32_t* labels) const override {
    source_.gather(indices, n, out, labels);
  }
  std::vector<Shape> input_shapes() const override { return source_.input_shapes(); }
  std::vector<AnswerKind> answer_kinds() const override { return source_.answer_kinds(); }
  void gather_batch(const std::int32_t* indices, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const override {
    source_.gather_batch(indices, n, xs, answers);
  }
  TensorView<const float> known_targets(std::size_t output) const override { return source_.known_targets(output); }
  std::int64_t weights_per_sample() const override { return weights_.each(); }
  void gather_weights(const std::int32_t* indices, std::int64_t n, float* weights) const override {
    weights_.gather(indices, n, weights);
  }

 private:
  const SampleSource& source_;
  SampleWeights weights_;
};

// Samples with targets.
class WeightedTargets : public TargetSource {
 public:
  // `source` must outlive this. Throws as SampleWeights does.
  WeightedTargets(const TargetSource& source, std::span<const float> weights)
      : source_(source), weights_(weights, count()) {}

  std::int64_t count() const override { return source_.count(); }
  Shape sample_shape() const override { return source_.sample_shape(); }
  Shape target_shape() const override { return source_.target_shape(); }
  TensorView<const float> all_targets() const override { return source_.all_targets(); }
  void begin_epoch(std::int64_t epoch, std::uint64_t seed) const override { source_.begin_epoch(epoch, seed); }
  std::string changes() const override { return source_.changes(); }
  void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const override {
    source_.gather_targets(indices, n, out, targets);
  }
  std::int64_t weights_per_sample() const override { return weights_.each(); }
  void gather_weights(const std::int32_t* indices, std::int64_t n, float* weights) const override {
    weights_.gather(indices, n, weights);
  }

 private:
  const TargetSource& source_;
  SampleWeights weights_;
};

}  // namespace hubel
