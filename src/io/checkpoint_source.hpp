// A checkpoint read from wherever its bytes are.
#pragma once

#include <string>

#include "hubel/checkpoint.hpp"
#include "io/byte_source.hpp"
#include "io/safetensors.hpp"

namespace hubel::detail {

bool is_checkpoint(const SafetensorsHeader& header);

// As load_checkpoint; `who` names the source in messages.
Checkpoint read_checkpoint(const ByteSource& source, const std::string& who, const Network<float>& network);

}  // namespace hubel::detail
