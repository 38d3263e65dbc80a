// Which activations the loops over columns and over several inputs run in their registers (fused-inl.h).
#pragma once

#include "hubel/activation.hpp"

namespace hubel::simd {

inline bool is_fused(Activation activation) {
  return activation == Activation::identity || activation == Activation::relu || activation == Activation::relu6;
}

}  // namespace hubel::simd
