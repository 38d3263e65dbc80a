// Loops over runs of elements that share their mean: layer normalisation, forward and backward.
#pragma once

#include <cstddef>

namespace hubel::simd {

// The most elements of a segment: it stays in L1 while it is gone over twice, and sums of as many round well.
inline constexpr std::size_t kSegment = 4096;

struct SegmentMoments {
  double mean, squares;  // squares = the sum of (x - mean)^2
};

// Of n elements, 1 <= n <= kSegment.
template <class T>
SegmentMoments segment_moments(const T* x, std::size_t n);

// y = ((x - centre) scale + shift) gamma + beta; gamma and beta may be null, for 1 and 0.
template <class T>
struct SegmentAffine {
  T centre, scale, shift;
  const T *gamma, *beta;
};
template <class T>
void segment_affine(const T* x, std::size_t n, const SegmentAffine<T>& numbers, T* y);

struct SegmentSums {
  double gradient, product;
};

// The sums of g and of g (x - centre), g = dy gamma, of at most kSegment elements. gamma may be null.
template <class T>
SegmentSums segment_sums(const T* dy, const T* x, const T* gamma, T centre, std::size_t n);

// dx = g factor + (x - centre) scale + shift, g = dy gamma. dx may be dy.
template <class T>
void segment_backward(const T* dy, const T* x, T factor, const SegmentAffine<T>& numbers, std::size_t n, T* dx);

}  // namespace hubel::simd
