// Placeholder until merged: see branch norm.
#pragma once
#include <cstdint>
namespace hubel {
struct DropoutKey {
  std::uint64_t seed = 0, step = 0, layer = 0;
};
}  // namespace hubel
