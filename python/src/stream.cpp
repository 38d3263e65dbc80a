// See stream.hpp.
#include "stream.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "samples.hpp"
#include "training.hpp"

namespace hubel::python {

namespace {

std::unique_ptr<SampleSource> source_of(const nb::tuple& batch) {
  return python::source_of(batch[0], batch[1], batch[2]);
}

// The batch at hand, and how much of it has been given away.
class Batches {
 public:
  Batches(const PythonStream& stream, Watch& watch, OnFailure on_failure)
      : next_(stream.next), watch_(watch), on_failure_(on_failure), batch_(source_of(stream.batch)) {
    end_ = batch_->count();  // it only shows the kind of those to come
  }

  const SampleSource& batch() const { return *batch_; }

  std::int64_t begin(std::int64_t n) {
    begin_ = end_;
    if (begin_ == batch_->count() && !pull()) return 0;
    end_ = std::min(begin_ + n, batch_->count());
    return end_ - begin_;
  }

  // The numbers, in the batch, of the samples that begin() told of.
  const std::int32_t* indices(std::int64_t n) {
    if (n != end_ - begin_) throw std::logic_error("a stream's samples are not those that begin_batch told of");
    indices_.resize(static_cast<std::size_t>(n));
    std::iota(indices_.begin(), indices_.end(), static_cast<std::int32_t>(begin_));
    return indices_.data();
  }

 private:
  // False at the end.
  bool pull() {
    const bool pulled = watch_.visit([&] {
      const nb::object next = next_();
      if (next.is_none()) return false;
      batch_ = source_of(nb::cast<nb::tuple>(next));
      begin_ = 0;
      return true;
    });
    if (on_failure_ == OnFailure::raise) watch_.rethrow();
    return pulled;
  }

  nb::object next_;
  Watch& watch_;
  OnFailure on_failure_;
  std::unique_ptr<SampleSource> batch_;
  std::int64_t begin_ = 0, end_ = 0;  // samples of the batch
  std::vector<std::int32_t> indices_;
};

// Base is the kind of source that the batches are.
template <class Base>
class StreamOf : public Base {
 public:
  StreamOf(std::int64_t count, Batches batches) : count_(count), batches_(std::move(batches)) {}

  std::int64_t count() const override { return count_; }
  std::int64_t weights_per_sample() const override { return batch().weights_per_sample(); }
  std::int64_t begin_batch(std::int64_t n) const override { return batches_.begin(n); }
  void gather_weights(const std::int32_t*, std::int64_t n, float* weights) const override {
    batch().gather_weights(indices(n), n, weights);
  }

 protected:
  const SampleSource& batch() const { return batches_.batch(); }
  const std::int32_t* indices(std::int64_t n) const { return batches_.indices(n); }

 private:
  std::int64_t count_;
  mutable Batches batches_;
};

class LabelStream final : public StreamOf<SampleSource> {
 public:
  using StreamOf::StreamOf;

  Shape sample_shape() const override { return batch().sample_shape(); }
  std::int64_t labels_per_sample() const override { return batch().labels_per_sample(); }
  void gather(const std::int32_t*, std::int64_t n, float* out, std::int32_t* labels) const override {
    batch().gather(indices(n), n, out, labels);
  }
};

class TargetStream final : public StreamOf<TargetSource> {
 public:
  using StreamOf::StreamOf;

  Shape sample_shape() const override { return batch().sample_shape(); }
  Shape target_shape() const override { return targets().target_shape(); }
  void gather_targets(const std::int32_t*, std::int64_t n, float* out, float* targets_) const override {
    targets().gather_targets(indices(n), n, out, targets_);
  }

 private:
  const TargetSource& targets() const { return dynamic_cast<const TargetSource&>(batch()); }
};

class JointStream final : public StreamOf<JointSource> {
 public:
  using StreamOf::StreamOf;

  std::vector<Shape> input_shapes() const override { return batch().input_shapes(); }
  std::vector<AnswerKind> answer_kinds() const override { return batch().answer_kinds(); }
  void gather_batch(const std::int32_t*, std::int64_t n, std::span<float* const> xs,
                    std::span<const AnswerRoom> answers) const override {
    batch().gather_batch(indices(n), n, xs, answers);
  }
};

}  // namespace

std::unique_ptr<SampleSource> stream_source(const PythonStream& stream, Watch& watch, OnFailure on_failure) {
  Batches batches(stream, watch, on_failure);
  if (is_joint(batches.batch())) return std::make_unique<JointStream>(stream.count, std::move(batches));
  if (dynamic_cast<const TargetSource*>(&batches.batch()))
    return std::make_unique<TargetStream>(stream.count, std::move(batches));
  return std::make_unique<LabelStream>(stream.count, std::move(batches));
}

}  // namespace hubel::python
