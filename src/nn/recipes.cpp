// The recipes.
#include "hubel/recipes.hpp"

#include "nn/named.hpp"

namespace hubel {

// After the first epoch most images are told with certainty. Hence the later epochs' tenth of the images, and hence
// skip_above, which leaves the backward pass with a third of those that go forward.
Recipe fast99(std::uint64_t seed, std::int64_t classes, const Shape& input_shape) {
  std::vector<Layer> layers = {
      Conv2D{.filters = 8, .kernel_size = {5, 5}, .activation = Activation::relu},
      Pool2D{},
      Conv2D{.filters = 32, .kernel_size = {5, 5}, .activation = Activation::relu},
      Pool2D{},
      Flatten{},
      Dense{.units = classes, .activation = Activation::softmax},
  };
  TrainOptions options;
  options.epochs = 3;
  options.batch_size = 64;
  options.optimizer = Adam{.learning_rate = 0.01, .beta_2 = 0.99};
  options.schedule = Schedule::linear;
  options.warmup = 0.2;
  options.seed = seed;
  options.hard_share = 0.1;
  options.skip_above = 0.99;
  return {Network<float>(input_shape, std::move(layers), seed), options};
}

Recipe recipe_from_name(std::string_view name, std::uint64_t seed, std::int64_t classes, const Shape& input_shape,
                        std::string_view who) {
  using Make = Recipe (*)(std::uint64_t, std::int64_t, const Shape&);
  constexpr detail::Named<Make> kRecipes[] = {{"fast99", &fast99}};
  return detail::value_of(kRecipes, name, who, "recipe")(seed, classes, input_shape);
}

}  // namespace hubel
