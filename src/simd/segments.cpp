// Loops over runs of elements; see segments.hpp.
#include "simd/segments.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/segments.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

template <class D>
HWY_INLINE double sum_of(D d, hn::Vec<D> value) {
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, value)));
}

// Two sums of n elements. terms(d, i, count, s, p) adds those of the `count` elements from i on; what it reads beyond
// them is 0. Two pairs of accumulators, since an addition takes as long as several loads.
template <class T, class Terms>
HWY_INLINE SegmentSums two_sums(std::size_t n, const Terms& terms) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), p0 = hn::Zero(d), s1 = hn::Zero(d), p1 = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    terms(d, i, lanes, s0, p0);
    terms(d, i + lanes, lanes, s1, p1);
  }
  for (; i < n; i += lanes) terms(d, i, HWY_MIN(lanes, n - i), s0, p0);
  return {sum_of(d, hn::Add(s0, s1)), sum_of(d, hn::Add(p0, p1))};
}

// x - centre in the first `count` lanes, 0 in the others.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_centred(D d, const T* x, std::size_t count, T centre) {
  const auto centred = hn::Sub(load_lanes(d, x, count), hn::Set(d, centre));
  return count >= hn::Lanes(d) ? centred : hn::IfThenElseZero(hn::FirstN(d, count), centred);
}

template <class T>
HWY_INLINE SegmentSums shifted_sums(const T* x, std::size_t n, T pivot) {
  return two_sums<T>(n, [&](auto d, std::size_t i, std::size_t count, auto& s, auto& p) HWY_ATTR {
    const auto centred = load_centred(d, x + i, count, pivot);
    s = hn::Add(s, centred);
    p = hn::MulAdd(centred, centred, p);
  });
}

// First about the first element, then about the mean that this gave.
template <class T>
HWY_INLINE SegmentMoments moments(const T* x, std::size_t n) {
  const double count = static_cast<double>(n);
  const T pivot = static_cast<T>(static_cast<double>(x[0]) + shifted_sums(x, n, x[0]).gradient / count);
  const SegmentSums sums = shifted_sums(x, n, pivot);
  const double shift = sums.gradient / count, squares = sums.product - sums.gradient * shift;
  return {static_cast<double>(pivot) + shift, squares < 0 ? 0 : squares};
}

template <class T>
HWY_INLINE void affine(const T* x, std::size_t n, const SegmentAffine<T>& a, T* y) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, a.centre));
    auto value = hn::MulAdd(centred, hn::Set(d, a.scale), hn::Set(d, a.shift));
    if (a.gamma) value = hn::Mul(value, hn::LoadU(d, a.gamma + i));
    if (a.beta) value = hn::Add(value, hn::LoadU(d, a.beta + i));
    hn::StoreU(value, d, y + i);
  });
}

template <class T>
HWY_INLINE SegmentSums sums_of(const T* dy, const T* x, const T* gamma, T centre, std::size_t n) {
  return two_sums<T>(n, [&](auto d, std::size_t i, std::size_t count, auto& s, auto& p) HWY_ATTR {
    auto g = load_lanes(d, dy + i, count);
    if (gamma) g = hn::Mul(g, load_lanes(d, gamma + i, count));
    s = hn::Add(s, g);
    p = hn::MulAdd(g, load_centred(d, x + i, count, centre), p);
  });
}

template <class T>
HWY_INLINE void backward(const T* dy, const T* x, T factor, const SegmentAffine<T>& a, std::size_t n, T* dx) {
  for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, a.centre));
    const auto rest = hn::MulAdd(centred, hn::Set(d, a.scale), hn::Set(d, a.shift));
    auto g = hn::LoadU(d, dy + i);
    if (a.gamma) g = hn::Mul(g, hn::LoadU(d, a.gamma + i));
    hn::StoreU(hn::MulAdd(g, hn::Set(d, factor), rest), d, dx + i);
  });
}

template <class T>
HWY_INLINE void rows_forward(std::size_t rows, std::size_t n, const T* x, const T* gamma, const T* beta, double epsilon,
                             const RowStatistics<T>& statistics, T* y) {
  for (std::size_t r = 0; r < rows; ++r) {
    const SegmentMoments m = moments(x + r * n, n);
    const SegmentAffine<T> numbers = normalising(m.mean, m.squares / static_cast<double>(n), epsilon, gamma, beta);
    statistics.mean[r] = numbers.centre;
    statistics.inv_std[r] = numbers.scale;
    affine(x + r * n, n, numbers, y + r * n);
  }
}

template <class T>
HWY_INLINE void rows_backward(std::size_t rows, std::size_t n, const T* dy, const T* x, const T* gamma, const T* mean,
                              const T* inv_std, T* dx) {
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t at = r * n;
    const SegmentSums sums = sums_of(dy + at, x + at, gamma, mean[r], n);
    const auto numbers = normalising_backward(sums, static_cast<double>(n), mean[r], inv_std[r], gamma);
    backward(dy + at, x + at, inv_std[r], numbers, n, dx + at);
  }
}

SegmentMoments MomentsF32(const float* x, std::size_t n) { return moments(x, n); }
SegmentMoments MomentsF64(const double* x, std::size_t n) { return moments(x, n); }
SegmentSums SumsF32(const float* dy, const float* x, const float* gamma, float centre, std::size_t n) {
  return sums_of(dy, x, gamma, centre, n);
}
SegmentSums SumsF64(const double* dy, const double* x, const double* gamma, double centre, std::size_t n) {
  return sums_of(dy, x, gamma, centre, n);
}
void AffineF32(const float* x, std::size_t n, const SegmentAffine<float>& numbers, float* y) {
  affine(x, n, numbers, y);
}
void AffineF64(const double* x, std::size_t n, const SegmentAffine<double>& numbers, double* y) {
  affine(x, n, numbers, y);
}
void RowsF32(std::size_t rows, std::size_t n, const float* x, const float* gamma, const float* beta, double epsilon,
             const RowStatistics<float>& statistics, float* y) {
  rows_forward(rows, n, x, gamma, beta, epsilon, statistics, y);
}
void RowsF64(std::size_t rows, std::size_t n, const double* x, const double* gamma, const double* beta, double epsilon,
             const RowStatistics<double>& statistics, double* y) {
  rows_forward(rows, n, x, gamma, beta, epsilon, statistics, y);
}
void RowsBackwardF32(std::size_t rows, std::size_t n, const float* dy, const float* x, const float* gamma,
                     const float* mean, const float* inv_std, float* dx) {
  rows_backward(rows, n, dy, x, gamma, mean, inv_std, dx);
}
void RowsBackwardF64(std::size_t rows, std::size_t n, const double* dy, const double* x, const double* gamma,
                     const double* mean, const double* inv_std, double* dx) {
  rows_backward(rows, n, dy, x, gamma, mean, inv_std, dx);
}

void BackwardF32(const float* dy, const float* x, float factor, const SegmentAffine<float>& numbers, std::size_t n,
                 float* dx) {
  backward(dy, x, factor, numbers, n, dx);
}
void BackwardF64(const double* dy, const double* x, double factor, const SegmentAffine<double>& numbers, std::size_t n,
                 double* dx) {
  backward(dy, x, factor, numbers, n, dx);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(MomentsF32);
HWY_EXPORT(MomentsF64);
HWY_EXPORT(SumsF32);
HWY_EXPORT(SumsF64);
HWY_EXPORT(AffineF32);
HWY_EXPORT(AffineF64);
HWY_EXPORT(BackwardF32);
HWY_EXPORT(BackwardF64);

HWY_EXPORT(RowsF32);
HWY_EXPORT(RowsF64);
HWY_EXPORT(RowsBackwardF32);
HWY_EXPORT(RowsBackwardF64);

template <>
void layer_rows(std::size_t rows, std::size_t n, const float* x, const float* gamma, const float* beta, double epsilon,
                const RowStatistics<float>& statistics, float* y) {
  HWY_DYNAMIC_DISPATCH(RowsF32)(rows, n, x, gamma, beta, epsilon, statistics, y);
}
template <>
void layer_rows(std::size_t rows, std::size_t n, const double* x, const double* gamma, const double* beta,
                double epsilon, const RowStatistics<double>& statistics, double* y) {
  HWY_DYNAMIC_DISPATCH(RowsF64)(rows, n, x, gamma, beta, epsilon, statistics, y);
}
template <>
void layer_rows_backward(std::size_t rows, std::size_t n, const float* dy, const float* x, const float* gamma,
                         const float* mean, const float* inv_std, float* dx) {
  HWY_DYNAMIC_DISPATCH(RowsBackwardF32)(rows, n, dy, x, gamma, mean, inv_std, dx);
}
template <>
void layer_rows_backward(std::size_t rows, std::size_t n, const double* dy, const double* x, const double* gamma,
                         const double* mean, const double* inv_std, double* dx) {
  HWY_DYNAMIC_DISPATCH(RowsBackwardF64)(rows, n, dy, x, gamma, mean, inv_std, dx);
}

template <>
void segment_affine(const float* x, std::size_t n, const SegmentAffine<float>& numbers, float* y) {
  HWY_DYNAMIC_DISPATCH(AffineF32)(x, n, numbers, y);
}
template <>
void segment_affine(const double* x, std::size_t n, const SegmentAffine<double>& numbers, double* y) {
  HWY_DYNAMIC_DISPATCH(AffineF64)(x, n, numbers, y);
}
template <>
void segment_backward(const float* dy, const float* x, float factor, const SegmentAffine<float>& numbers, std::size_t n,
                      float* dx) {
  HWY_DYNAMIC_DISPATCH(BackwardF32)(dy, x, factor, numbers, n, dx);
}
template <>
void segment_backward(const double* dy, const double* x, double factor, const SegmentAffine<double>& numbers,
                      std::size_t n, double* dx) {
  HWY_DYNAMIC_DISPATCH(BackwardF64)(dy, x, factor, numbers, n, dx);
}

template <>
SegmentMoments segment_moments(const float* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(MomentsF32)(x, n);
}
template <>
SegmentMoments segment_moments(const double* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(MomentsF64)(x, n);
}
template <>
SegmentSums segment_sums(const float* dy, const float* x, const float* gamma, float centre, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(SumsF32)(dy, x, gamma, centre, n);
}
template <>
SegmentSums segment_sums(const double* dy, const double* x, const double* gamma, double centre, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(SumsF64)(dy, x, gamma, centre, n);
}

}  // namespace hubel::simd
#endif
