// Memory that will be read next, which inner loops ask for while they compute something else.
#pragma once

#include <cstddef>

namespace hubel::simd {

inline constexpr std::size_t kCacheLine = 64;

// Any address may be asked for.
struct Ahead {
  const char* from;
  std::size_t lines;  // of kCacheLine bytes
};

}  // namespace hubel::simd
