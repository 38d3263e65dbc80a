// Recipes: a network and how to train it, settled together and measured.
#pragma once

#include <cstdint>
#include <string_view>

#include "hubel/network.hpp"
#include "hubel/trainer.hpp"

namespace hubel {

// To be trained by fit(recipe.network, samples, recipe.options).
struct Recipe {
  Network<float> network;
  TrainOptions options;
};

// MNIST to 99 % of the test images in the shortest training; docs/performance.md has the figures and how it was chosen.
// `seed` is of the weights and of the order of samples. Throws std::invalid_argument when the images are too small for
// the network.
Recipe fast99(std::uint64_t seed = 0, std::int64_t classes = 10, const Shape& input_shape = {28, 28, 1});

// The recipe of that name. An unknown one throws std::invalid_argument that begins with `who` and lists the known.
Recipe recipe_from_name(std::string_view name, std::uint64_t seed = 0, std::int64_t classes = 10,
                        const Shape& input_shape = {28, 28, 1}, std::string_view who = "recipe");

}  // namespace hubel
