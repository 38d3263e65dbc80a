// The network that a training is asked for.
#pragma once

#include <cstdint>
#include <string>

#include "hubel/network.hpp"

namespace hubel::cli {

// What a training's network may be: a name that `hubel zoo` lists, made for such images and classes, or an architecture
// file (.json).
struct NetworkChoice {
  std::string text;
  bool small_images = false;  // the variant for images of about 32x32, of a name
};

// With starting weights from `seed`. Throws CLI::ValidationError for an unknown name, or one whose network does not
// take such images; IoError or FormatError for a file, and std::runtime_error when its network does not take such
// images or has too few outputs.
Network<float> chosen_network(const NetworkChoice& choice, std::int64_t classes, const Shape& input_shape,
                              std::uint64_t seed);

}  // namespace hubel::cli
