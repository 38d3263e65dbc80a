// Recipes: what they make of their arguments. That they reach their goal is tested with the command (tests/cli).
#include "hubel/recipes.hpp"

#include <gtest/gtest.h>

#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

TEST(Recipes, ByName) {
  const Recipe recipe = fast99(7), named = recipe_from_name("fast99", 7);
  EXPECT_TRUE(same_weights(recipe.network, named.network));
  EXPECT_FALSE(same_weights(recipe.network, fast99(8).network));
  EXPECT_EQ(recipe.options.seed, 7u);
  EXPECT_TRUE(refuses([] { recipe_from_name("slow99"); }, "recipe", {"slow99", "fast99"}));
}

TEST(Recipes, OtherImagesAndClasses) {
  const Recipe recipe = fast99(0, 4, {32, 30, 3});
  EXPECT_EQ(recipe.network.input_shape(), Shape({32, 30, 3}));
  EXPECT_EQ(recipe.network.output_shape(), Shape({4}));
  EXPECT_TRUE(recipe.network.ends_in_softmax());
  EXPECT_THROW(fast99(0, 10, {8, 8, 1}), std::invalid_argument);
}

TEST(Recipes, SameBitsOnAnyNumberOfThreads) {
  const Samples train(random_tensor<float>({150, 28, 28, 1}, 1), std::vector<std::int32_t>(150, 3));
  const auto trained = [&] {
    Recipe recipe = fast99(1);
    fit(recipe.network, train, recipe.options);
    return recipe.network;
  };
  const Network<float> one = with_threads(1, trained);
  for (const int threads : {2, 3}) EXPECT_TRUE(same_weights(one, with_threads(threads, trained))) << threads;
}

}  // namespace
}  // namespace hubel::test
