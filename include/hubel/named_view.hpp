// A tensor with a name, as checkpoints hold them.
#pragma once

#include <string>

#include "hubel/tensor.hpp"

namespace hubel {

template <class T>
struct NamedView {
  std::string name;
  TensorView<const T> value;
};

}  // namespace hubel
