// Memory that will be read next, which inner loops ask for while they compute something else.
#pragma once

#include <cstddef>

namespace hubel::simd {

inline constexpr std::size_t kCacheLine = 64;

// Any address may be asked for.
struct Ahead {
  const char* from;
  std::size_t lines;  // of a row, kCacheLine bytes each
  std::size_t rows = 1;
  std::ptrdiff_t row_step = 0;  // bytes
};

}  // namespace hubel::simd
