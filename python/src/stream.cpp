// See stream.hpp.
#include "stream.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

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

class LabelStream final : public SampleSource {
 public:
  LabelStream(std::int64_t count, Batches batches) : count_(count), batches_(std::move(batches)) {}

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return batches_.batch().sample_shape(); }
  std::int64_t labels_per_sample() const override { return batches_.batch().labels_per_sample(); }
  std::int64_t weights_per_sample() const override { return batches_.batch().weights_per_sample(); }
  std::int64_t begin_batch(std::int64_t n) const override { return batches_.begin(n); }
  void gather(const std::int32_t*, std::int64_t n, float* out, std::int32_t* labels) const override {
    batches_.batch().gather(batches_.indices(n), n, out, labels);
  }
  void gather_weights(const std::int32_t*, std::int64_t n, float* weights) const override {
    batches_.batch().gather_weights(batches_.indices(n), n, weights);
  }

 private:
  std::int64_t count_;
  mutable Batches batches_;
};

class TargetStream final : public TargetSource {
 public:
  TargetStream(std::int64_t count, Batches batches) : count_(count), batches_(std::move(batches)) {}

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return batches_.batch().sample_shape(); }
  Shape target_shape() const override { return batch().target_shape(); }
  std::int64_t weights_per_sample() const override { return batches_.batch().weights_per_sample(); }
  std::int64_t begin_batch(std::int64_t n) const override { return batches_.begin(n); }
  void gather_targets(const std::int32_t*, std::int64_t n, float* out, float* targets) const override {
    batch().gather_targets(batches_.indices(n), n, out, targets);
  }
  void gather_weights(const std::int32_t*, std::int64_t n, float* weights) const override {
    batches_.batch().gather_weights(batches_.indices(n), n, weights);
  }

 private:
  const TargetSource& batch() const { return dynamic_cast<const TargetSource&>(batches_.batch()); }

  std::int64_t count_;
  mutable Batches batches_;
};

}  // namespace

std::unique_ptr<SampleSource> stream_source(const PythonStream& stream, Watch& watch, OnFailure on_failure) {
  Batches batches(stream, watch, on_failure);
  if (dynamic_cast<const TargetSource*>(&batches.batch()))
    return std::make_unique<TargetStream>(stream.count, std::move(batches));
  return std::make_unique<LabelStream>(stream.count, std::move(batches));
}

}  // namespace hubel::python
