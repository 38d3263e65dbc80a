// Steps by the mean gradient of several batches.
#include <gtest/gtest.h>

#include "hubel/threads.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

TrainOptions options(std::int64_t epochs, std::int64_t batch_size, std::int64_t accumulation) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = batch_size;
  o.accumulation_steps = accumulation;
  o.optimizer = SGD{.learning_rate = 0.05, .momentum = 0.9};
  return o;
}

void expect_close(const Network<float>& a, const Network<float>& b) {
  for (std::size_t i = 0; i < a.parameters().size(); ++i)
    for (std::int64_t k = 0; k < a.parameters()[i].value.size(); ++k)
      ASSERT_NEAR(a.parameters()[i].value[k], b.parameters()[i].value[k], 1e-5) << a.parameters()[i].name;
}

// Four batches of 8 are one of 32, but for rounding; with the gradient's bound too.
TEST(Accumulation, SmallBatchesAreALargeOne) {
  const Samples samples = quadrants(64, 1);
  for (const double clip_norm : {0.0, 0.05}) {
    Network<float> small = quadrant_network(5), large = quadrant_network(5);
    TrainOptions accumulating = options(3, 8, 4), plain = options(3, 32, 1);
    accumulating.clip_norm = plain.clip_norm = clip_norm;
    const TrainResult a = fit(small, samples, accumulating), b = fit(large, samples, plain);
    expect_close(small, large);
    EXPECT_NEAR(a.epochs.back().loss, b.epochs.back().loss, 1e-5);
  }
}

// 5 batches an epoch, a step every 3: the fourth and fifth of the first epoch go with the first of the second. What
// comes after the last step comes to nothing.
TEST(Accumulation, GoesOnFromEpochToEpoch) {
  const Samples samples = quadrants(40, 1);
  TrainOptions o = options(2, 8, 3);
  o.shuffle = false;
  Network<float> network = quadrant_network(5);
  std::vector<Network<float>> seen;
  o.on_step = [&](const TrainProgress&) {
    seen.push_back(network);
    return true;
  };
  fit(network, samples, o);
  ASSERT_EQ(seen.size(), 10u);
  for (std::size_t i = 1; i < seen.size(); ++i)
    EXPECT_EQ(static_cast<bool>(same_weights(seen[i], seen[i - 1])), (i + 1) % 3 != 0) << i;
}

TEST(Accumulation, OneIsWithout) {
  const Samples samples = quadrants(40, 1);
  Network<float> one = quadrant_network(5), plain = quadrant_network(5);
  TrainOptions o = options(2, 16, 1);
  fit(one, samples, o);
  TrainOptions defaults;
  defaults.epochs = 2;
  defaults.batch_size = 16;
  defaults.optimizer = o.optimizer;
  fit(plain, samples, defaults);
  EXPECT_TRUE(same_weights(one, plain));
}

Network<float> busy_network(std::uint64_t seed) {
  return {Shape{8, 8, 1},
          {Conv2D{.filters = 4}, BatchNorm{}, ActivationLayer{Activation::relu}, Flatten{}, Dropout{.rate = 0.3},
           Dense{.units = 4, .activation = Activation::softmax}},
          seed};
}

// Running statistics move with every batch, whether a step is due or not.
TEST(Accumulation, StatisticsMoveWithEveryBatch) {
  const Samples samples = quadrants(32, 1);
  Network<float> network = busy_network(2), frozen = busy_network(2);
  fit(network, samples, options(1, 8, 100));  // no step at all
  TrainOptions still = options(1, 8, 1);
  still.optimizer = SGD{.learning_rate = 0};
  fit(frozen, samples, still);
  EXPECT_TRUE(same_weights(network, frozen));
  EXPECT_FALSE(same_weights(network, busy_network(2)));
}

TEST(Accumulation, FrozenLayersStay) {
  const Samples samples = quadrants(64, 1);
  Network<float> network = quadrant_network(5);
  const Network<float> before = network;
  network.freeze("conv2d_*");
  fit(network, samples, options(2, 8, 4));
  EXPECT_TRUE(same_bits(network.parameter("conv2d_2.kernel").value, before.parameter("conv2d_2.kernel").value));
  EXPECT_FALSE(same_bits(network.parameter("dense_1.kernel").value, before.parameter("dense_1.kernel").value));
}

TEST(Accumulation, SameBitsOnAnyNumberOfThreads) {
  const Samples samples = quadrants(64, 1);
  const int threads = num_threads();
  std::vector<Network<float>> networks;
  for (const int n : {1, 2, 4}) {
    set_num_threads(n);
    networks.push_back(busy_network(3));
    fit(networks.back(), samples, options(2, 8, 3));
  }
  set_num_threads(threads);
  EXPECT_TRUE(same_weights(networks[0], networks[1]));
  EXPECT_TRUE(same_weights(networks[0], networks[2]));
}

// Stopped anywhere between two steps of the optimizer: what has been accumulated is in the state.
TEST(Accumulation, Resume) {
  const Samples samples = quadrants(40, 1);
  TrainOptions o = options(3, 8, 3);
  o.optimizer = Adam{.learning_rate = 0.01};
  o.schedule = Schedule::one_cycle;
  o.average = AverageOptions{.decay = 0.9, .bias_correction = true};
  Network<float> whole = busy_network(2);
  fit(whole, samples, o);
  for (const std::int64_t k : {1, 2, 3, 4, 5, 6, 11, 14}) {
    Network<float> first = busy_network(2), second = busy_network(9);
    TrainOptions stopping = o;
    stopping.on_step = [k](const TrainProgress& p) { return p.all_steps < k; };
    bool resumed = false;
    stopping.save_state = [&](const TrainingState& state) {
      TrainOptions rest = o;
      rest.resume = &state;
      fit(second, samples, rest);
      rest.accumulation_steps = 2;
      EXPECT_TRUE(refuses([&] { fit(second, samples, rest); }, "fit", {"accumulation_steps = 3", "2"}));
      resumed = true;
    };
    fit(first, samples, stopping);
    EXPECT_TRUE(resumed);
    EXPECT_TRUE(same_weights(whole, second)) << k;
  }
}

TEST(Accumulation, RefusesWrongNumbers) {
  const Samples samples = quadrants(20, 1);
  Network<float> network = quadrant_network(5);
  for (const std::int64_t wrong : {0, -3})
    EXPECT_TRUE(refuses([&] { fit(network, samples, options(1, 8, wrong)); }, "fit", {"accumulation_steps"}));
}

}  // namespace
}  // namespace hubel::test
