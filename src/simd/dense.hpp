// Inner loops of a dense layer for a few samples, whose weights are used as they lie: to pack them would take as long
// as to multiply. Matrices are row-major and without gaps: X (m, n_in), W (n_in, n_out), Y and dZ (m, n_out).
//
// Sums are taken in blocks of at most kDenseBlock terms, each in order, the first one from the bias and the others from
// zero, that are added one after another, as the convolution's loops have it too: a sample's result depends neither on
// how many others there are nor on where in a vector it is.
#pragma once

#include <cstddef>

namespace hubel::simd {

inline constexpr std::size_t kDenseBlock = 256;

// The outputs [begin, end) of Y = X W + b; b may be null.
template <class T>
void dense_forward(const T* X, const T* W, const T* b, T* Y, std::size_t m, std::size_t n_in, std::size_t n_out,
                   std::size_t begin, std::size_t end);

// Samples up to which dense_backward_data_few is the better way.
inline constexpr std::size_t kDenseFew = 4;

// The inputs [begin, end) of dX = dZ Wᵀ, for 1 to kDenseFew samples. Lanes are inputs: W is transposed in registers, by
// squares, which takes as long as multiplying them with three samples.
template <class T>
void dense_backward_data_few(const T* dZ, const T* W, T* dX, std::size_t m, std::size_t n_in, std::size_t n_out,
                             std::size_t begin, std::size_t end);

// Samples that dense_backward_data takes, one a lane.
inline constexpr std::size_t kDenseSamples = 8;

// dXt = W dZt, where dXt (n_in, kDenseSamples) and dZt (n_out, kDenseSamples) are transposed.
template <class T>
void dense_backward_data(const T* dZt, const T* W, T* dXt, std::size_t n_in, std::size_t n_out);

// Rows [begin, end) of dW = Xᵀ dZ.
template <class T>
void dense_backward_weights(const T* X, const T* dZ, T* dW, std::size_t m, std::size_t n_in, std::size_t n_out,
                            std::size_t begin, std::size_t end);

}  // namespace hubel::simd
