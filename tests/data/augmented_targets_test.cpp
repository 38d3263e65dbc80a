// Changed samples with targets: changed as those with labels are, their targets mixed in the samples' shares.
#include <numeric>

#include "hubel/augment.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

// Labelled samples with one-hot rows in place of the labels.
class OneHot : public TargetSource {
 public:
  OneHot(const Samples& samples, const Shape& target_shape) : samples_(samples), target_shape_(target_shape) {}

  std::int64_t count() const override { return samples_.count(); }
  Shape sample_shape() const override { return samples_.sample_shape(); }
  Shape target_shape() const override { return target_shape_; }
  void gather_targets(const std::int32_t* indices, std::int64_t n, float* out, float* targets) const override {
    std::vector<std::int32_t> labels(static_cast<std::size_t>(n));
    samples_.gather(indices, n, out, labels.data());
    std::fill_n(targets, n * 4, 0.0f);
    for (std::int64_t i = 0; i < n; ++i) targets[i * 4 + labels[static_cast<std::size_t>(i)]] = 1;
  }

 private:
  const Samples& samples_;
  Shape target_shape_;
};

// A batch of all of 12 samples, (x, targets), in the second epoch.
std::pair<std::vector<float>, std::vector<float>> batch_of(const TargetSource& source) {
  std::vector<std::int32_t> indices(12);
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<float> x(12 * 64), targets(12 * 4);
  source.begin_epoch(2, 5);
  source.gather_targets(indices.data(), 12, x.data(), targets.data());
  return {x, targets};
}

Augmentation crops(double mixup, double cutmix) {
  Augmentation options;
  options.crop_padding = 1;
  options.mixup = mixup;
  options.cutmix = cutmix;
  return options;
}

TEST(AugmentedTargets, AreMixedAsLabelsAre) {
  const Samples samples = quadrants(12, 1);
  const OneHot one_hot(samples, {4});
  for (const auto& [mixup, cutmix] : {std::pair{0.4, 0.0}, {0.0, 1.0}, {0.4, 1.0}}) {
    const AugmentedTargets mixed(one_hot, crops(mixup, cutmix));
    EXPECT_EQ(mixed.count(), 12);
    EXPECT_EQ(mixed.target_shape(), Shape({4}));
    const Augmented augmented(samples, crops(mixup, cutmix));
    EXPECT_EQ(batch_of(mixed), batch_of(Mixed(augmented, 4)));
    EXPECT_EQ(with_threads(4, [&] { return batch_of(mixed); }), batch_of(mixed));
  }
}

TEST(AugmentedTargets, StayAsTheyAreWithoutMixing) {
  const Samples samples = quadrants(12, 1);
  const OneHot one_hot(samples, {4});
  const auto [x, targets] = batch_of(AugmentedTargets(one_hot, crops(0, 0)));
  EXPECT_EQ(targets, batch_of(one_hot).second);
  std::vector<std::int32_t> indices(12), labels(12);
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<float> expected(12 * 64);
  const Augmented augmented(samples, crops(0, 0));
  augmented.begin_epoch(2, 5);
  augmented.gather(indices.data(), 12, expected.data(), labels.data());
  EXPECT_EQ(x, expected);
}

TEST(AugmentedTargets, RefusesWhatItCannotMove) {
  const Samples samples = quadrants(12, 1);
  EXPECT_TRUE(refuses(
      [&] {
        AugmentedTargets(OneHot(samples, {2, 2}), {});
      },
      "AugmentedTargets", {"(2, 2)", "one row"}));
  Augmentation wrong;
  wrong.shift = 2;
  EXPECT_TRUE(refuses([&] { AugmentedTargets(OneHot(samples, {4}), wrong); }, "AugmentedTargets", {"shift = 2"}));
}

}  // namespace
}  // namespace hubel::test
