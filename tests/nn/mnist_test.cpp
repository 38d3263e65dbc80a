// LeNet-5 learns to read: one epoch of MNIST as the contract has it.
#include <gtest/gtest.h>

#include "hubel/dataset.hpp"
#include "hubel/network.hpp"
#include "hubel/trainer.hpp"

namespace hubel::test {
namespace {

// Seeds give 97.6 to 98.3 %.
TEST(Mnist, OneEpochOfLeNet5) {
  const DatasetSplits mnist = load_dataset(HUBEL_SOURCE_DIR "/data/mnist");
  Network<float> network = lenet5(1);
  TrainOptions options;
  options.batch_size = 32;
  options.optimizer = Adam{.learning_rate = 1e-3};
  options.seed = 1;
  fit(network, mnist.train, options);
  std::vector<std::int64_t> confusion;
  const Evaluation test = evaluate(network, mnist.test, 256, &confusion);
  EXPECT_GE(test.accuracy, 0.975);
  EXPECT_LT(test.loss, 0.09);
  std::int64_t diagonal = 0;
  for (std::size_t i = 0; i < 10; ++i) diagonal += confusion[11 * i];
  EXPECT_EQ(test.accuracy, static_cast<double>(diagonal) / 10'000);
}

}  // namespace
}  // namespace hubel::test
