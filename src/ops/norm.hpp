// What the normalisations share: checks, and passes over matrices of (rows, channels).
#pragma once

#include <cmath>
#include <string_view>

#include "hubel/norm.hpp"
#include "ops/checks.hpp"
#include "ops/columns.hpp"
#include "simd/fused.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

inline void check_least_rank(std::string_view who, std::string_view name, const Shape& got, std::size_t least,
                             std::string_view meaning) {
  if (got.rank() >= least) return;
  throw std::invalid_argument(detail::formatted("{}: {} has shape {} but must have {} or more dimensions: {}", who,
                                                name, got.to_string(), least, meaning));
}

inline void check_epsilon(std::string_view who, double epsilon) {
  if (epsilon >= 0) return;
  throw std::invalid_argument(detail::formatted("{}: epsilon = {}, it must be at least 0", who, epsilon));
}

// A view that may be left out.
template <class T>
void check_optional(std::string_view who, std::string_view name, TensorView<T> view, const Shape& wanted,
                    std::string_view meaning) {
  if (is_given(view)) check_shape(who, name, view.shape(), wanted, meaning);
}

template <class T>
double value_or(TensorView<const T> view, std::int64_t i, double otherwise) {
  return is_given(view) ? static_cast<double>(view[i]) : otherwise;
}

inline double inverse_deviation(double variance, double epsilon) { return 1 / std::sqrt(variance + epsilon); }

// dgamma = the sum over the rows of dy x^, dbeta = that of dy, with x^ = (x - mean) inv of each row; mean may be null,
// for 0. An empty view leaves a gradient out.
template <class T>
void row_parameter_gradients(std::int64_t rows, std::int64_t length, const T* dy, const T* x, const T* mean,
                             const T* inv, TensorView<T> dgamma, TensorView<T> dbeta) {
  if (!is_given(dgamma) && !is_given(dbeta)) return;
  const Columns k(rows, length, Columns::Fold::never);
  double* sums = scratch<double>(Scratch::moments, static_cast<std::size_t>(2 * length));
  double* products = sums + length;
  sum_rows(k, 6, sums, products,
           [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t column, double* s, double* p) {
             const std::int64_t row = (at - column) / length;
             simd::column_row_products(range, dy + at, x + at, mean ? mean + row : nullptr, inv + row, s, p);
           });
  for (std::int64_t i = 0; i < length; ++i) {
    if (is_given(dgamma)) dgamma[i] = static_cast<T>(products[i]);
    if (is_given(dbeta)) dbeta[i] = static_cast<T>(sums[i]);
  }
}

// The numbers of each channel that a pass over the matrix needs: set by channel, read as the wide rows have them. They
// last until the calling thread's next use.
template <class T>
class ChannelNumbers {
 public:
  explicit ChannelNumbers(const Columns& k)
      : k_(k),
        n_(k.channels()),
        numbers_(scratch<T>(Scratch::widened, static_cast<std::size_t>(4 * (k.channels() + k.width())))) {}

  // What is multiplied with (x - centre) and what is added. The centre is taken as T has it; what that loses of a mean
  // known better goes into the sum.
  void set(std::int64_t c, double centre, double scale, double shift) {
    numbers_[c] = static_cast<T>(centre);
    numbers_[n_ + c] = static_cast<T>(scale);
    numbers_[2 * n_ + c] = static_cast<T>(shift - (centre - static_cast<double>(numbers_[c])) * scale);
  }
  // What the gradient is multiplied with.
  void set_factor(std::int64_t c, double factor) { numbers_[3 * n_ + c] = static_cast<T>(factor); }

  void widen() const {
    for (std::int64_t i = 0; i < 4; ++i) k_.widen(numbers_ + i * n_, wide(i));
  }
  simd::ColumnAffine<T> affine() const { return {wide(0), wide(1), wide(2)}; }
  const T* centre() const { return wide(0); }
  const T* factor() const { return wide(3); }

 private:
  T* wide(std::int64_t i) const { return numbers_ + 4 * n_ + i * k_.width(); }

  const Columns& k_;
  std::int64_t n_;
  T* numbers_;
};

// y = activation((x - centre) scale + shift).
template <class T>
void normalise(const Columns& k, const T* x, const simd::ColumnAffine<T>& numbers, Activation activation, T* y) {
  const bool fused = simd::is_fused(activation);
  k.for_each_piece(fused ? 4 : 20, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    simd::affine_rows(rows, columns, fused ? activation : Activation::identity, x + at, numbers, y + at);
    if (fused) return;
    const TensorView<T> piece(y + at, {static_cast<std::int64_t>(rows * columns) / k.channels(), k.channels()});
    activation_forward(piece, activation, piece);
  });
}

}  // namespace hubel::detail
