// Training that goes on from what another has learnt: weights of a model file, and layers that stay as they are.
#pragma once

#include <string>
#include <vector>

#include "hubel/network.hpp"

namespace hubel::cli {

// Puts the file's weights into the network, where names and shapes are the same, and prints how many they were and
// which were not. Throws IoError or FormatError as load_model does, and std::runtime_error when none fits.
void begin_with_weights(Network<float>& network, const std::string& path);

// Freezes the layers of these names (Network::freeze) and prints how many parameters are left to learn. Throws
// std::runtime_error for a name that no layer has, and when nothing is left.
void freeze_layers(Network<float>& network, const std::vector<std::string>& patterns);

}  // namespace hubel::cli
