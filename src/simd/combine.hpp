// Elementwise loops over several inputs, and sums along rows.
#pragma once

#include <cstddef>

#include "hubel/activation.hpp"

namespace hubel::simd {

// out[i] = activation(the sum over k < count of xs[k][offset + i]), i < n; `activation` is one that is_fused
// (fused.hpp).
template <class T>
void add_many(const T* const* xs, std::size_t count, std::size_t offset, std::size_t n, Activation activation, T* out);

// out = a b[row], out = a + b[row], of rows that lie one behind another. out may be a.
template <class T>
void multiply_by_row(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out);
template <class T>
void add_by_row(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out);

// sums[row] = the sum along the row of x, or of x y if y is not null.
template <class T>
void row_sums(std::size_t rows, std::size_t columns, const T* x, const T* y, T* sums);

}  // namespace hubel::simd
