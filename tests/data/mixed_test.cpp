// Training on mixed samples: their targets, and going on from any step to the same bits.
#include <numeric>

#include "hubel/augment.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

Augmentation mixing() {
  Augmentation options;
  options.crop_padding = 1;
  options.mixup = 0.4;
  options.cutmix = 1;
  return options;
}

TEST(Mixed, ItsTargetsAreTheSharesOfTheLabels) {
  const Samples samples = quadrants(12, 1);
  const Augmented augmented(samples, mixing());
  const Mixed mixed(augmented, 4);
  EXPECT_EQ(mixed.count(), 12);
  EXPECT_EQ(mixed.target_shape(), Shape({4}));
  mixed.begin_epoch(2, 5);
  std::vector<std::int32_t> indices(12), labels(12), others(12);
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<float> x(12 * 64), targets(12 * 4), again(12 * 64), shares(12), expected(12 * 4);
  mixed.gather_targets(indices.data(), 12, x.data(), targets.data());
  augmented.gather_mixed(indices.data(), 12, again.data(), labels.data(), others.data(), shares.data());
  soft_targets(labels.data(), others.data(), shares.data(), 12, 4, expected.data());
  EXPECT_EQ(x, again);
  EXPECT_EQ(targets, expected);
}

TEST(Mixed, IsLearnedFrom) {
  const Samples samples = quadrants(200, 1), test = quadrants(100, 2);
  const Augmented augmented(samples, mixing());
  const Mixed mixed(augmented, 4);
  Network<float> network = quadrant_network(5);
  TrainOptions o;
  o.epochs = 25;
  o.batch_size = 16;
  o.optimizer = Adam{.learning_rate = 5e-3};
  EXPECT_GE(fit(network, mixed, o, &test).epochs.back().validation->accuracy, 0.95);
}

// A second training is told of epochs anew; nothing of the source is part of the state.
TEST(Mixed, GoesOnToTheSameBits) {
  const Samples samples = quadrants(40, 1);
  const Augmented augmented(samples, mixing());
  const Mixed mixed(augmented, 4);
  TrainOptions o;
  o.epochs = 2;
  o.batch_size = 16;
  Network<float> whole = quadrant_network(5);
  fit(whole, mixed, o);
  Network<float> network = quadrant_network(5), resumed = quadrant_network(9);
  std::optional<TrainingState> state;
  std::vector<Tensor<float>> memory;
  o.on_step = [](const TrainProgress& p) { return p.all_steps < 4; };  // in the second epoch
  o.save_state = [&](const TrainingState& now) {
    state = now;
    for (NamedView<float>& tensor : state->tensors) {
      memory.push_back(Tensor<float>::uninitialized(tensor.value.shape()));
      std::copy(tensor.value.begin(), tensor.value.end(), memory.back().begin());
      tensor.value = std::as_const(memory.back()).view();
    }
  };
  fit(network, mixed, o);
  ASSERT_TRUE(state);
  o.on_step = nullptr;
  o.save_state = nullptr;
  o.resume = &*state;
  fit(resumed, mixed, o);
  EXPECT_TRUE(same_weights(resumed, whole));
}

TEST(Mixed, RefusesNoClasses) {
  const Samples samples = quadrants(4, 1);
  const Augmented augmented(samples, {});
  EXPECT_TRUE(refuses([&] { Mixed(augmented, 0); }, "Mixed", {"classes = 0"}));
}

}  // namespace
}  // namespace hubel::test
