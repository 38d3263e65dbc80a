// The transposition of a matrix: between channels last and planes, and for packing weights.
#pragma once

#include <cstddef>

namespace hubel::simd {

// out[j * out_step + i] = in[i * in_step + j], for i < rows and j < columns; steps count elements. Rows of `in` and of
// `out` do not overlap (in_step >= columns, out_step >= rows). `readable` elements from `in` on may be read, at least
// those up to the last one's; where there are some more, narrow matrices take less time.
template <class T>
void transpose(const T* in, std::ptrdiff_t in_step, std::size_t rows, std::size_t columns, std::size_t readable, T* out,
               std::ptrdiff_t out_step);

}  // namespace hubel::simd
