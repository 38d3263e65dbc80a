// What activation_backward needs to know of an activation's two sides.
#pragma once

#include "hubel/activation.hpp"

namespace hubel::detail {

// Whether activation_backward looks at the pre-activation; for the others the output says enough.
inline bool derivative_needs_input(Activation activation) {
  switch (activation) {
    case Activation::gelu:
    case Activation::gelu_tanh:
    case Activation::silu:
    case Activation::mish:
    case Activation::softplus:
    case Activation::hard_sigmoid:
    case Activation::hard_swish:
      return true;
    default:
      return false;
  }
}

}  // namespace hubel::detail
