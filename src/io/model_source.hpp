// A model read from wherever its bytes are.
#pragma once

#include <string>

#include "hubel/model_file.hpp"
#include "io/byte_source.hpp"

namespace hubel::detail {

// As load_model; `who` names the source in messages.
Model read_model(const ByteSource& source, const std::string& who);

// As load_weights.
void read_weights(const ByteSource& source, const std::string& who, Network<float>& network);

}  // namespace hubel::detail
