// Elementwise loops: activations and their derivatives, softmax, sums of columns.
#pragma once

#include <cstddef>

#include "hubel/activation.hpp"

namespace hubel::simd {

// y[i] = activation(x[i]), i < n; x == y is allowed. Not for softmax and log_softmax.
template <class T>
void activate(Activation activation, const T* x, T* y, std::size_t n);

// dx[i] = dy[i] * activation'(x[i]), where y[i] = activation(x[i]); dx == dy is allowed. x is read only for activations
// whose derivative cannot be had from y (derivative_needs_input), else it may be null.
template <class T>
void activate_backward(Activation activation, const T* dy, const T* x, const T* y, T* dx, std::size_t n);

// For `rows` rows of `columns` values: y = softmax(x), or log(softmax(x)); x == y is allowed.
template <class T>
void softmax_rows(bool log, const T* x, T* y, std::size_t rows, std::size_t columns);

// sums[c] += sum over rows of x[row * columns + c].
template <class T>
void add_column_sums(const T* x, std::size_t rows, std::size_t columns, T* sums);

}  // namespace hubel::simd
