// The network that a command line asks for.
#pragma once

#include <cstdint>
#include <string>

#include "hubel/network.hpp"

namespace hubel::cli {

// A network of a known name for such images. An unknown name throws CLI::ValidationError that lists the known.
Network<float> network_by_name(const std::string& name, std::int64_t classes, const Shape& input_shape,
                               std::uint64_t seed);

// That of an architecture file (a name that ends in .json), or of a known name. Throws IoError or FormatError for the
// file, and std::runtime_error when its network does not take such images or has too few outputs.
Network<float> chosen_network(const std::string& name_or_file, std::int64_t classes, const Shape& input_shape,
                              std::uint64_t seed);

}  // namespace hubel::cli
