// Elementwise loops over several inputs; see combine.hpp.
#include "simd/combine.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/combine.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/fused-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

template <class T>
HWY_INLINE void add_all(const T* const* xs, std::size_t count, std::size_t offset, std::size_t n, Activation activation,
                        T* out) {
  with_fused(activation, [&](auto fused) HWY_ATTR {
    using Fused = decltype(fused);
    for_each_vector<T>(n, [&](auto d, std::size_t i) HWY_ATTR {
      auto sum = hn::LoadU(d, xs[0] + offset + i);
      for (std::size_t k = 1; k < count; ++k) sum = hn::Add(sum, hn::LoadU(d, xs[k] + offset + i));
      hn::StoreU(Fused::forward(d, sum), d, out + i);
    });
  });
}

template <class T>
HWY_INLINE void multiplied(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    for_each_vector<T>(columns, [&](auto d, std::size_t c) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(d, a + r * columns + c), hn::Set(d, b[r])), d, out + r * columns + c);
    });
  }
}

template <class T>
HWY_INLINE void added(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    for_each_vector<T>(columns, [&](auto d, std::size_t c) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, a + r * columns + c), hn::Set(d, b[r])), d, out + r * columns + c);
    });
  }
}

// Elements that are summed in T, in the lanes of a vector, before the sums are added in double.
inline constexpr std::size_t kRun = 512;

template <class T>
HWY_INLINE double run_sum(std::size_t n, const T* x, const T* y) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto value = load_lanes(d, x + i, n - i);
    sum = y ? hn::MulAdd(value, load_lanes(d, y + i, n - i), sum) : hn::Add(sum, value);
  }
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
}

template <class T>
HWY_INLINE void sums_of_rows(std::size_t rows, std::size_t columns, const T* x, const T* y, T* sums) {
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::size_t c = 0; c < columns; c += kRun) {
      const std::size_t at = r * columns + c;
      sum += run_sum(HWY_MIN(kRun, columns - c), x + at, y ? y + at : nullptr);
    }
    sums[r] = static_cast<T>(sum);
  }
}

void AddManyF32(const float* const* xs, std::size_t count, std::size_t offset, std::size_t n, Activation activation,
                float* out) {
  add_all(xs, count, offset, n, activation, out);
}
void AddManyF64(const double* const* xs, std::size_t count, std::size_t offset, std::size_t n, Activation activation,
                double* out) {
  add_all(xs, count, offset, n, activation, out);
}
void MultiplyByRowF32(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  multiplied(rows, columns, a, b, out);
}
void MultiplyByRowF64(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  multiplied(rows, columns, a, b, out);
}
void AddByRowF32(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  added(rows, columns, a, b, out);
}
void AddByRowF64(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  added(rows, columns, a, b, out);
}
void RowSumsF32(std::size_t rows, std::size_t columns, const float* x, const float* y, float* sums) {
  sums_of_rows(rows, columns, x, y, sums);
}
void RowSumsF64(std::size_t rows, std::size_t columns, const double* x, const double* y, double* sums) {
  sums_of_rows(rows, columns, x, y, sums);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(AddManyF32);
HWY_EXPORT(AddManyF64);
HWY_EXPORT(MultiplyByRowF32);
HWY_EXPORT(MultiplyByRowF64);
HWY_EXPORT(AddByRowF32);
HWY_EXPORT(AddByRowF64);
HWY_EXPORT(RowSumsF32);
HWY_EXPORT(RowSumsF64);

template <>
void add_many(const float* const* xs, std::size_t count, std::size_t offset, std::size_t n, Activation activation,
              float* out) {
  HWY_DYNAMIC_DISPATCH(AddManyF32)(xs, count, offset, n, activation, out);
}
template <>
void add_many(const double* const* xs, std::size_t count, std::size_t offset, std::size_t n, Activation activation,
              double* out) {
  HWY_DYNAMIC_DISPATCH(AddManyF64)(xs, count, offset, n, activation, out);
}
template <>
void multiply_by_row(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  HWY_DYNAMIC_DISPATCH(MultiplyByRowF32)(rows, columns, a, b, out);
}
template <>
void multiply_by_row(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  HWY_DYNAMIC_DISPATCH(MultiplyByRowF64)(rows, columns, a, b, out);
}
template <>
void add_by_row(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  HWY_DYNAMIC_DISPATCH(AddByRowF32)(rows, columns, a, b, out);
}
template <>
void add_by_row(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  HWY_DYNAMIC_DISPATCH(AddByRowF64)(rows, columns, a, b, out);
}
template <>
void row_sums(std::size_t rows, std::size_t columns, const float* x, const float* y, float* sums) {
  HWY_DYNAMIC_DISPATCH(RowSumsF32)(rows, columns, x, y, sums);
}
template <>
void row_sums(std::size_t rows, std::size_t columns, const double* x, const double* y, double* sums) {
  HWY_DYNAMIC_DISPATCH(RowSumsF64)(rows, columns, x, y, sums);
}

}  // namespace hubel::simd
#endif
