// Loops over columns; see columns.hpp. Rows are read one after another, four at a time, as memory likes it best; the
// accumulators of all columns stay in L1.
#include "simd/columns.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/columns.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/fused-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Rows whose sums are kept in T before they are added in double.
inline constexpr std::size_t kRun = 64;
// Rows that an accumulator takes at once of one array, and of up to three: where these lie powers of two apart, all
// their lines want the same places of L1, which has eight of each or more.
inline constexpr std::size_t kRowsAtOnce = 4, kRowsAtOnceOfThree = 2;

// Calls f(d, count, r, c) for each vector of columns from c on and each `count` rows from r on; count is an
// integral_constant of at most kRows.
template <class T, std::size_t kRows, class F>
HWY_INLINE void for_each_row_group(std::size_t rows, std::size_t columns, const F& f) {
  for (std::size_t r = 0; r < rows; r += kRows) {
    with_constant<static_cast<int>(kRows)>(rows - r, [&](auto n) HWY_ATTR {
      constexpr std::integral_constant<std::size_t, n()> count;
      for_each_vector<T>(columns, [&](auto d, std::size_t c) HWY_ATTR { f(d, count, r, c); });
    });
  }
}

template <class D, class T>
HWY_INLINE void add_to(D d, hn::Vec<D> value, T* sum) {
  hn::StoreU(hn::Add(hn::LoadU(d, sum), value), d, sum);
}

// ---- Sums ------------------------------------------------------------------------------------------------------

// sum[c] = the sum of x - pivot[c], square[c] = that of (x - pivot[c])^2.
template <class T>
HWY_INLINE void shifted_sums(const ColumnRange& range, const T* x, const T* pivot, T* sum, T* square) {
  std::fill_n(sum, range.columns, T(0));
  std::fill_n(square, range.columns, T(0));
  for_each_row_group<T, kRowsAtOnce>(range.rows, range.columns,
                                     [&](auto d, auto count, std::size_t r, std::size_t c) HWY_ATTR {
                                       const T* from = x + r * range.stride + c;
                                       const auto p = hn::LoadU(d, pivot + c);
                                       const auto first = hn::Sub(hn::LoadU(d, from), p);
                                       auto s = first, q = hn::Mul(first, first);
                                       for (std::size_t i = 1; i < count(); ++i) {
                                         const auto next = hn::Sub(hn::LoadU(d, from + i * range.stride), p);
                                         s = hn::Add(s, next);
                                         q = hn::MulAdd(next, next, q);
                                       }
                                       add_to(d, s, sum + c);
                                       add_to(d, q, square + c);
                                     });
}

// Adds a run's sums, of `rows` rows, to the moments of the `before` rows before it (Chan, Golub & LeVeque 1983).
template <class T>
HWY_INLINE void merge_run(std::size_t columns, std::size_t before, std::size_t rows, const T* pivot, const T* sum,
                          const T* square, double* mean, double* squares) {
  const double n = static_cast<double>(before), k = static_cast<double>(rows);
  const double part = k / (n + k), between = n * part;
  for (std::size_t c = 0; c < columns; ++c) {
    const double total = static_cast<double>(sum[c]), shift = total / k;
    const double within = static_cast<double>(square[c]) - total * shift;
    const double delta = static_cast<double>(pivot[c]) + shift - mean[c];
    mean[c] += delta * part;
    // (In this order the first run, whose `between` is 0, adds 0 even where delta^2 overflows.)
    squares[c] += (within < 0 ? 0 : within) + delta * between * delta;
  }
}

// One pass, in runs of rows: each is shifted by the mean of all before it (the first by its own, which takes a second
// look at rows that are in L1 by then), so that what cancels in a run is no larger than what the distance between the
// means adds to the result.
template <class T>
HWY_INLINE void moments(const ColumnRange& range, const T* x, double* mean, double* squares) {
  T pivot[kMostColumns], sum[kMostColumns], square[kMostColumns];
  std::fill_n(mean, range.columns, 0.0);
  std::fill_n(squares, range.columns, 0.0);
  for (std::size_t r = 0; r < range.rows; r += kRun) {
    const ColumnRange run{HWY_MIN(kRun, range.rows - r), range.stride, range.columns};
    if (r == 0) {
      std::copy_n(x, range.columns, pivot);
      shifted_sums(run, x, pivot, sum, square);
      for (std::size_t c = 0; c < range.columns; ++c) pivot[c] += sum[c] / static_cast<T>(run.rows);
    }
    shifted_sums(run, x + r * range.stride, pivot, sum, square);
    merge_run(range.columns, r, run.rows, pivot, sum, square, mean, squares);
    for (std::size_t c = 0; c < range.columns; ++c) pivot[c] = static_cast<T>(mean[c]);
  }
}

// sums[c] += the sum over the rows of terms(d, offset of an element, row, c).first, products[c] += that of .second;
// where kProducts is false there is no second.
template <class T, bool kProducts, class Terms>
HWY_INLINE void sum_terms(const ColumnRange& range, double* sums, double* products, const Terms& terms) {
  T sum[kMostColumns], product[kMostColumns];
  for (std::size_t begin = 0; begin < range.rows; begin += kRun) {
    std::fill_n(sum, range.columns, T(0));
    std::fill_n(product, range.columns, T(0));
    const std::size_t run = HWY_MIN(kRun, range.rows - begin);
    for_each_row_group<T, kRowsAtOnceOfThree>(run, range.columns,
                                              [&](auto d, auto count, std::size_t r, std::size_t c) HWY_ATTR {
                                                auto s = hn::Zero(d), p = hn::Zero(d);
                                                for (std::size_t row = begin + r; row < begin + r + count(); ++row) {
                                                  terms(d, row * range.stride + c, row, c, s, p);
                                                }
                                                add_to(d, s, sum + c);
                                                if constexpr (kProducts) add_to(d, p, product + c);
                                              });
    for (std::size_t c = 0; c < range.columns; ++c) sums[c] += static_cast<double>(sum[c]);
    if constexpr (kProducts) {
      for (std::size_t c = 0; c < range.columns; ++c) products[c] += static_cast<double>(product[c]);
    }
  }
}

// dy through the activation `Fused` with output y.
template <class Fused, class D, class T>
HWY_INLINE hn::Vec<D> load_gradient(D d, const T* dy, const T* y, std::size_t at) {
  const auto gradient = hn::LoadU(d, dy + at);
  if constexpr (Fused::kReadsOutput) return Fused::backward(d, gradient, hn::LoadU(d, y + at));
  return gradient;
}

template <class T>
HWY_INLINE void products_of(const ColumnRange& range, Activation activation, const T* dy, const T* x, const T* y,
                            const T* centre, double* sums, double* products) {
  with_fused(activation, [&](auto fused) HWY_ATTR {
    using Fused = decltype(fused);
    if (!x) {
      sum_terms<T, false>(range, sums, products,
                          [&](auto d, std::size_t at, std::size_t, std::size_t, auto& s, auto&)
                              HWY_ATTR { s = hn::Add(s, load_gradient<Fused>(d, dy, y, at)); });
      return;
    }
    sum_terms<T, true>(range, sums, products,
                       [&](auto d, std::size_t at, std::size_t, std::size_t c, auto& s, auto& p) HWY_ATTR {
                         const auto dz = load_gradient<Fused>(d, dy, y, at);
                         s = hn::Add(s, dz);
                         p = hn::MulAdd(dz, hn::Sub(hn::LoadU(d, x + at), hn::LoadU(d, centre + c)), p);
                       });
  });
}

template <class T>
HWY_INLINE void row_products_of(const ColumnRange& range, const T* dy, const T* x, const T* centre, const T* factor,
                                double* sums, double* products) {
  sum_terms<T, true>(range, sums, products,
                     [&](auto d, std::size_t at, std::size_t row, std::size_t, auto& s, auto& p) HWY_ATTR {
                       const auto gradient = hn::LoadU(d, dy + at);
                       const auto centred = hn::Sub(hn::LoadU(d, x + at), hn::Set(d, centre ? centre[row] : T(0)));
                       s = hn::Add(s, gradient);
                       p = hn::MulAdd(gradient, hn::Mul(centred, hn::Set(d, factor[row])), p);
                     });
}

template <class T>
HWY_INLINE void left_sums(const ColumnRange& range, const T* dy, const T* x, double* sums) {
  sum_terms<T, false>(range, sums, static_cast<double*>(nullptr),
                      [&](auto d, std::size_t at, std::size_t, std::size_t, auto& s, auto&) HWY_ATTR {
                        const auto value = hn::LoadU(d, x + at);
                        const auto left = hn::IfThenElse(hn::Gt(value, hn::Zero(d)), hn::Zero(d), value);
                        s = hn::MulAdd(left, hn::LoadU(d, dy + at), s);
                      });
}

// ---- Elementwise -----------------------------------------------------------------------------------------------

// Calls f(d, offset of the element, column) for each vector of each row.
template <class T, class F>
HWY_INLINE void for_each_in_rows(std::size_t rows, std::size_t columns, const F& f) {
  for (std::size_t r = 0; r < rows; ++r) {
    for_each_vector<T>(columns, [&](auto d, std::size_t c) HWY_ATTR { f(d, r * columns + c, c); });
  }
}

template <class T>
HWY_INLINE void affine(std::size_t rows, std::size_t columns, Activation activation, const T* x,
                       const ColumnAffine<T>& n, T* y) {
  with_fused(activation, [&](auto fused) HWY_ATTR {
    using Fused = decltype(fused);
    for_each_in_rows<T>(rows, columns, [&](auto d, std::size_t at, std::size_t c) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(d, x + at), hn::LoadU(d, n.centre + c));
      const auto z = hn::MulAdd(centred, hn::LoadU(d, n.scale + c), hn::LoadU(d, n.shift + c));
      hn::StoreU(Fused::forward(d, z), d, y + at);
    });
  });
}

template <class T>
HWY_INLINE void affine_backward(std::size_t rows, std::size_t columns, Activation activation, const T* dy, const T* x,
                                const T* y, const T* factor, const ColumnAffine<T>& n, T* dx) {
  with_fused(activation, [&](auto fused) HWY_ATTR {
    using Fused = decltype(fused);
    for_each_in_rows<T>(rows, columns, [&](auto d, std::size_t at, std::size_t c) HWY_ATTR {
      const auto dz = load_gradient<Fused>(d, dy, y, at), f = hn::LoadU(d, factor + c);
      if (!x) {
        hn::StoreU(hn::Mul(dz, f), d, dx + at);
        return;
      }
      const auto centred = hn::Sub(hn::LoadU(d, x + at), hn::LoadU(d, n.centre + c));
      const auto rest = hn::MulAdd(centred, hn::LoadU(d, n.scale + c), hn::LoadU(d, n.shift + c));
      hn::StoreU(hn::MulAdd(dz, f, rest), d, dx + at);
    });
  });
}

// to = from where x > 0, else slope from.
template <class T>
HWY_INLINE void sloped(std::size_t rows, std::size_t columns, const T* from, const T* x, const T* slope, T* to) {
  for_each_in_rows<T>(rows, columns, [&](auto d, std::size_t at, std::size_t c) HWY_ATTR {
    const auto value = hn::LoadU(d, from + at);
    const auto right = hn::Gt(hn::LoadU(d, x + at), hn::Zero(d));
    hn::StoreU(hn::IfThenElse(right, value, hn::Mul(value, hn::LoadU(d, slope + c))), d, to + at);
  });
}

template <class T>
HWY_INLINE void multiplied(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
  for_each_in_rows<T>(rows, columns, [&](auto d, std::size_t at, std::size_t c) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, a + at), hn::LoadU(d, b + c)), d, out + at);
  });
}
template <class T>
HWY_INLINE void added(std::size_t rows, std::size_t columns, const T* a, const T* b, T* out) {
  for_each_in_rows<T>(rows, columns, [&](auto d, std::size_t at, std::size_t c) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, a + at), hn::LoadU(d, b + c)), d, out + at);
  });
}

void MomentsF32(const ColumnRange& range, const float* x, double* mean, double* squares) {
  moments(range, x, mean, squares);
}
void MomentsF64(const ColumnRange& range, const double* x, double* mean, double* squares) {
  moments(range, x, mean, squares);
}
void ProductsF32(const ColumnRange& range, Activation activation, const float* dy, const float* x, const float* y,
                 const float* centre, double* sums, double* products) {
  products_of(range, activation, dy, x, y, centre, sums, products);
}
void ProductsF64(const ColumnRange& range, Activation activation, const double* dy, const double* x, const double* y,
                 const double* centre, double* sums, double* products) {
  products_of(range, activation, dy, x, y, centre, sums, products);
}
void RowProductsF32(const ColumnRange& range, const float* dy, const float* x, const float* centre, const float* factor,
                    double* sums, double* products) {
  row_products_of(range, dy, x, centre, factor, sums, products);
}
void RowProductsF64(const ColumnRange& range, const double* dy, const double* x, const double* centre,
                    const double* factor, double* sums, double* products) {
  row_products_of(range, dy, x, centre, factor, sums, products);
}
void LeftSumsF32(const ColumnRange& range, const float* dy, const float* x, double* sums) {
  left_sums(range, dy, x, sums);
}
void LeftSumsF64(const ColumnRange& range, const double* dy, const double* x, double* sums) {
  left_sums(range, dy, x, sums);
}
void AffineF32(std::size_t rows, std::size_t columns, Activation activation, const float* x,
               const ColumnAffine<float>& numbers, float* y) {
  affine(rows, columns, activation, x, numbers, y);
}
void AffineF64(std::size_t rows, std::size_t columns, Activation activation, const double* x,
               const ColumnAffine<double>& numbers, double* y) {
  affine(rows, columns, activation, x, numbers, y);
}
void AffineBackwardF32(std::size_t rows, std::size_t columns, Activation activation, const float* dy, const float* x,
                       const float* y, const float* factor, const ColumnAffine<float>& numbers, float* dx) {
  affine_backward(rows, columns, activation, dy, x, y, factor, numbers, dx);
}
void AffineBackwardF64(std::size_t rows, std::size_t columns, Activation activation, const double* dy, const double* x,
                       const double* y, const double* factor, const ColumnAffine<double>& numbers, double* dx) {
  affine_backward(rows, columns, activation, dy, x, y, factor, numbers, dx);
}
void SlopeF32(std::size_t rows, std::size_t columns, const float* dy, const float* x, const float* slope, float* dx) {
  sloped(rows, columns, dy, x, slope, dx);
}
void SlopeF64(std::size_t rows, std::size_t columns, const double* dy, const double* x, const double* slope,
              double* dx) {
  sloped(rows, columns, dy, x, slope, dx);
}
void MultiplyF32(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  multiplied(rows, columns, a, b, out);
}
void MultiplyF64(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  multiplied(rows, columns, a, b, out);
}
void AddF32(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  added(rows, columns, a, b, out);
}
void AddF64(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  added(rows, columns, a, b, out);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(MomentsF32);
HWY_EXPORT(MomentsF64);
HWY_EXPORT(ProductsF32);
HWY_EXPORT(ProductsF64);
HWY_EXPORT(RowProductsF32);
HWY_EXPORT(RowProductsF64);
HWY_EXPORT(LeftSumsF32);
HWY_EXPORT(LeftSumsF64);
HWY_EXPORT(AffineF32);
HWY_EXPORT(AffineF64);
HWY_EXPORT(AffineBackwardF32);
HWY_EXPORT(AffineBackwardF64);
HWY_EXPORT(SlopeF32);
HWY_EXPORT(SlopeF64);
HWY_EXPORT(MultiplyF32);
HWY_EXPORT(MultiplyF64);
HWY_EXPORT(AddF32);
HWY_EXPORT(AddF64);

template <>
void column_moments(const ColumnRange& range, const float* x, double* mean, double* squares) {
  HWY_DYNAMIC_DISPATCH(MomentsF32)(range, x, mean, squares);
}
template <>
void column_moments(const ColumnRange& range, const double* x, double* mean, double* squares) {
  HWY_DYNAMIC_DISPATCH(MomentsF64)(range, x, mean, squares);
}
template <>
void column_products(const ColumnRange& range, Activation activation, const float* dy, const float* x, const float* y,
                     const float* centre, double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(ProductsF32)(range, activation, dy, x, y, centre, sums, products);
}
template <>
void column_products(const ColumnRange& range, Activation activation, const double* dy, const double* x,
                     const double* y, const double* centre, double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(ProductsF64)(range, activation, dy, x, y, centre, sums, products);
}
template <>
void column_row_products(const ColumnRange& range, const float* dy, const float* x, const float* centre,
                         const float* factor, double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(RowProductsF32)(range, dy, x, centre, factor, sums, products);
}
template <>
void column_row_products(const ColumnRange& range, const double* dy, const double* x, const double* centre,
                         const double* factor, double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(RowProductsF64)(range, dy, x, centre, factor, sums, products);
}
template <>
void column_left_sums(const ColumnRange& range, const float* dy, const float* x, double* sums) {
  HWY_DYNAMIC_DISPATCH(LeftSumsF32)(range, dy, x, sums);
}
template <>
void column_left_sums(const ColumnRange& range, const double* dy, const double* x, double* sums) {
  HWY_DYNAMIC_DISPATCH(LeftSumsF64)(range, dy, x, sums);
}
template <>
void affine_rows(std::size_t rows, std::size_t columns, Activation activation, const float* x,
                 const ColumnAffine<float>& numbers, float* y) {
  HWY_DYNAMIC_DISPATCH(AffineF32)(rows, columns, activation, x, numbers, y);
}
template <>
void affine_rows(std::size_t rows, std::size_t columns, Activation activation, const double* x,
                 const ColumnAffine<double>& numbers, double* y) {
  HWY_DYNAMIC_DISPATCH(AffineF64)(rows, columns, activation, x, numbers, y);
}
template <>
void affine_rows_backward(std::size_t rows, std::size_t columns, Activation activation, const float* dy, const float* x,
                          const float* y, const float* factor, const ColumnAffine<float>& numbers, float* dx) {
  HWY_DYNAMIC_DISPATCH(AffineBackwardF32)(rows, columns, activation, dy, x, y, factor, numbers, dx);
}
template <>
void affine_rows_backward(std::size_t rows, std::size_t columns, Activation activation, const double* dy,
                          const double* x, const double* y, const double* factor, const ColumnAffine<double>& numbers,
                          double* dx) {
  HWY_DYNAMIC_DISPATCH(AffineBackwardF64)(rows, columns, activation, dy, x, y, factor, numbers, dx);
}
template <>
void slope_rows(std::size_t rows, std::size_t columns, const float* dy, const float* x, const float* slope, float* dx) {
  HWY_DYNAMIC_DISPATCH(SlopeF32)(rows, columns, dy, x, slope, dx);
}
template <>
void slope_rows(std::size_t rows, std::size_t columns, const double* dy, const double* x, const double* slope,
                double* dx) {
  HWY_DYNAMIC_DISPATCH(SlopeF64)(rows, columns, dy, x, slope, dx);
}
template <>
void multiply_rows(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  HWY_DYNAMIC_DISPATCH(MultiplyF32)(rows, columns, a, b, out);
}
template <>
void multiply_rows(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  HWY_DYNAMIC_DISPATCH(MultiplyF64)(rows, columns, a, b, out);
}
template <>
void add_rows(std::size_t rows, std::size_t columns, const float* a, const float* b, float* out) {
  HWY_DYNAMIC_DISPATCH(AddF32)(rows, columns, a, b, out);
}
template <>
void add_rows(std::size_t rows, std::size_t columns, const double* a, const double* b, double* out) {
  HWY_DYNAMIC_DISPATCH(AddF64)(rows, columns, a, b, out);
}

}  // namespace hubel::simd
#endif
