// Transposing small matrices in the cache. Pitches count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// to[c * to_pitch + r] = from[r * from_pitch + c], r < rows, c < columns.
template <class T>
void transpose(const T* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, T* to,
               std::size_t to_pitch);

}  // namespace hubel::simd
