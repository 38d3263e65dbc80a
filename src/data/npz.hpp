// NPZ with a choice of the arrays to unpack.
#pragma once

#include <functional>
#include <string>

#include "data/bytes.hpp"
#include "hubel/npz.hpp"

namespace hubel::detail {

// Asked for each array in turn, by its name: whether it is wanted.
using NpzFilter = std::function<bool(const std::string&)>;

// parse_npz for the arrays that `wanted` says true to; the others are not unpacked.
NpzArrays parse_npz_arrays(ByteSpan bytes, const std::string& name, const ReadLimits& limits, const NpzFilter& wanted);

}  // namespace hubel::detail
