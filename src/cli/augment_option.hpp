// --augment: what is changed at random in the images that are trained on: "shift=0.1,rotation=10,flip=0.5".
#pragma once

#include <string>

#include "hubel/augment.hpp"

namespace hubel::cli {

// Throws std::invalid_argument, one sentence, for an unknown name, or a value that is no number or out of its range.
Augmentation augment_option(const std::string& text);

// "shift, rotation, ...": the names that there are, for the help.
std::string augment_names();

}  // namespace hubel::cli
