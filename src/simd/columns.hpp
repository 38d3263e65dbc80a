// Loops over a matrix with a number of its own for each column: the moments and sums of columns, and what is added to
// and multiplied with them. `activation` is one that is_fused (fused.hpp).
#pragma once

#include <cstddef>

#include "hubel/activation.hpp"

namespace hubel::simd {

// The most columns that the sums take at once, since their accumulators lie on the stack.
inline constexpr std::size_t kMostColumns = 512;

// Some columns of a matrix: `rows` rows, `stride` elements from one to the next, of which `columns` are meant.
struct ColumnRange {
  std::size_t rows, stride, columns;
};

// mean[c] and squares[c] = the sum over the rows of (x - mean)^2. Both are right to a few units of T's precision, of
// the column's largest |x| and of squares, however far the mean is from 0.
template <class T>
void column_moments(const ColumnRange& range, const T* x, double* mean, double* squares);

// sums[c] += the sum over the rows of dz, products[c] += that of dz (x - centre[c]), where dz is dy through the
// activation with output y. y may be null for identity. x may be null; then products are left alone.
template <class T>
void column_products(const ColumnRange& range, Activation activation, const T* dy, const T* x, const T* y,
                     const T* centre, double* sums, double* products);

// The same with a centre and a factor for each row: products[c] += the sum of dy (x - centre[row]) factor[row]. centre
// may be null, for 0.
template <class T>
void column_row_products(const ColumnRange& range, const T* dy, const T* x, const T* centre, const T* factor,
                         double* sums, double* products);

// sums[c] += the sum over the rows of dy min(x, 0): the gradient of a slope to the left of 0.
template <class T>
void column_left_sums(const ColumnRange& range, const T* dy, const T* x, double* sums);

// Numbers for each column, as read by the following, for which rows lie one behind another.
template <class T>
struct ColumnAffine {
  const T *centre, *scale, *shift;
};

// y = activation((x - centre) scale + shift).
template <class T>
void affine_rows(std::size_t rows, std::size_t columns, Activation activation, const T* x,
                 const ColumnAffine<T>& numbers, T* y);

// dx = dz factor + (x - centre) scale + shift, dz being dy through the activation with output y. y may be null for
// identity. x may be null: then dx = dz factor. dx may be dy.
template <class T>
void affine_rows_backward(std::size_t rows, std::size_t columns, Activation activation, const T* dy, const T* x,
                          const T* y, const T* factor, const ColumnAffine<T>& numbers, T* dx);

// dx = dy where x > 0, else slope dy; dx may be dy. With dy = x it is the function itself: x, or slope x.
template <class T>
void slope_rows(std::size_t rows, std::size_t columns, const T* dy, const T* x, const T* slope, T* dx);

// out = a b[c], and out = a + b[c]. out may be a.
template <class T>
void multiply_rows(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out);
template <class T>
void add_rows(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out);

}  // namespace hubel::simd
