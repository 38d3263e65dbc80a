// Training on and evaluating samples that come in batches of their own, as from a stream.
#include <limits>
#include <numeric>

#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

// Batches of samples one after another, of these sizes over and over. 0 is an end, after which it goes on.
class Stream : public SampleSource {
 public:
  Stream(const Samples& samples, std::vector<std::int64_t> sizes, std::int64_t count)
      : samples_(samples), sizes_(std::move(sizes)), count_(count) {}

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return samples_.sample_shape(); }
  std::int64_t begin_batch(std::int64_t n) const override {
    first_ += size_;
    size_ = sizes_[next_++ % sizes_.size()];
    EXPECT_LE(size_, n);
    if (size_ == 0) first_ = 0;
    return size_;
  }
  void gather(const std::int32_t*, std::int64_t n, float* out, std::int32_t* labels) const override {
    EXPECT_EQ(n, size_);
    std::vector<std::int32_t> indices(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i)
      indices[static_cast<std::size_t>(i)] = static_cast<std::int32_t>((first_ + i) % samples_.count());
    samples_.gather(indices.data(), n, out, labels);
  }

 private:
  const Samples& samples_;
  std::vector<std::int64_t> sizes_;
  std::int64_t count_;
  mutable std::size_t next_ = 0;
  mutable std::int64_t first_ = 0, size_ = 0;
};

TrainOptions in_order(std::int64_t epochs) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = 16;
  o.shuffle = false;
  return o;
}

TEST(Stream, TrainsToTheBitsOfItsSamplesInOrder) {
  const Samples samples = quadrants(40, 1);
  const Stream stream(samples, {16, 16, 8}, 48);  // three steps of at most 16
  Network<float> expected = quadrant_network(5), network = quadrant_network(5);
  fit(expected, samples, in_order(3));
  const TrainResult result = fit(network, stream, in_order(3));
  EXPECT_TRUE(same_weights(network, expected));
  ASSERT_EQ(result.epochs.size(), 3u);
  EXPECT_EQ(result.epochs.back().samples, 40);
  EXPECT_FALSE(result.stopped);
}

TEST(Stream, ItsEndStopsTraining) {
  const Samples samples = quadrants(40, 1);
  const Stream stream(samples, {16, 16, 16, 16, 0}, 48);
  Network<float> network = quadrant_network(5), expected = quadrant_network(5);
  TrainOptions o = in_order(3);
  o.keep_best = true;
  const TrainResult result = fit(network, stream, o, &samples);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.best_epoch, 1);
  o.epochs = 1;
  o.keep_best = false;
  fit(expected, Stream(samples, {16}, 48), o);
  EXPECT_TRUE(same_weights(network, expected));  // the first epoch's, the whole one
}

TEST(Stream, IsEvaluatedToItsEnd) {
  const Samples samples = quadrants(40, 1);
  const Stream stream(samples, {16, 5, 16, 3, 0}, std::numeric_limits<std::int32_t>::max());
  const Network<float> network = quadrant_network(5);
  const Evaluation expected = evaluate(network, samples);
  for (int again = 0; again < 2; ++again) {
    const Evaluation result = evaluate(network, stream, 16);
    EXPECT_EQ(result.count, 40);
    EXPECT_NEAR(result.loss, expected.loss, 1e-6);
    EXPECT_EQ(result.accuracy, expected.accuracy);
  }
}

}  // namespace
}  // namespace hubel::test
