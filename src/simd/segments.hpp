// Loops over runs of elements that share their mean: layer normalisation, forward and backward.
#pragma once

#include <cmath>
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

// The numbers of a normalised row: what its mean, which the centre has rounded, has lost comes back in the shift.
template <class T>
SegmentAffine<T> normalising(double mean, double variance, double epsilon, const T* gamma, const T* beta) {
  const double inverse = 1 / std::sqrt(variance + epsilon);
  const T centre = static_cast<T>(mean);
  return {centre, static_cast<T>(inverse), static_cast<T>((static_cast<double>(centre) - mean) * inverse), gamma, beta};
}

// The numbers of a row's gradient, of n values: with g = dy gamma and x^ = (x - mean) inv_std,
// dx = inv_std (g - mean(g) - x^ mean(g x^)).
template <class T>
SegmentAffine<T> normalising_backward(const SegmentSums& sums, double n, T mean, T inv_std, const T* gamma) {
  const double inverse = static_cast<double>(inv_std), share = inverse / n;
  return {mean, static_cast<T>(-share * inverse * inverse * sums.product), static_cast<T>(-share * sums.gradient),
          gamma, nullptr};
}

// The sums of g and of g (x - centre), g = dy gamma, of at most kSegment elements. gamma may be null.
template <class T>
SegmentSums segment_sums(const T* dy, const T* x, const T* gamma, T centre, std::size_t n);

// Whole rows of n elements, 1 <= n <= kSegment, that lie one behind another: as the above one by one, in one call.
// y = (x - mean) inv_std gamma + beta with each row's mean and inv_std = 1 / sqrt(variance + epsilon), written too.
template <class T>
struct RowStatistics {
  T *mean, *inv_std;
};
template <class T>
void layer_rows(std::size_t rows, std::size_t n, const T* x, const T* gamma, const T* beta, double epsilon,
                const RowStatistics<T>& statistics, T* y);

// The gradient, from what forward wrote. dx may be dy.
template <class T>
void layer_rows_backward(std::size_t rows, std::size_t n, const T* dy, const T* x, const T* gamma, const T* mean,
                         const T* inv_std, T* dx);

// dx = g factor + (x - centre) scale + shift, g = dy gamma. dx may be dy.
template <class T>
void segment_backward(const T* dy, const T* x, T factor, const SegmentAffine<T>& numbers, std::size_t n, T* dx);

}  // namespace hubel::simd
