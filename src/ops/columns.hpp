// Matrices of (rows, channels) with a number of its own for each channel, as normalisations and broadcasts have them:
// how they are cut, and the sums over their rows.
//
// A matrix of few channels is seen as one of fewer, wider rows, each of `fold` rows side by side, so that vectors are
// full; the numbers of the channels are written `fold` times in a row (widen), sums over the wide columns are added up
// to those of the channels. What rows are left over make up one shorter row at the end.
//
// Sums are cut into parts of the rows and blocks of the columns; in what way depends on the matrix alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "hubel/threads.hpp"
#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/workspace.hpp"
#include "simd/columns.hpp"

namespace hubel::detail {

// Number, mean and sum of squared distances from it, of values that come in groups (Chan, Golub & LeVeque 1983).
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void add(const Moments& o) {
    if (o.count == 0) return;
    if (count == 0) {
      *this = o;
      return;
    }
    const double total = count + o.count, delta = o.mean - mean;
    squares += o.squares + delta * delta * (count / total * o.count);
    mean += delta * (o.count / total);
    count = total;
  }
  // Biased, as normalisations want it; 0 of nothing.
  double variance() const { return count == 0 ? 0 : squares / count; }
};

class Columns {
 public:
  enum class Fold { few_channels, never };  // never: for rows that have numbers of their own

  Columns(std::int64_t rows, std::int64_t channels, Fold fold = Fold::few_channels) : rows_(rows), channels_(channels) {
    constexpr std::int64_t kLanes = 16;  // of the widest vectors in use
    constexpr std::int64_t kFew = 32, kWide = 64;
    if (fold == Fold::few_channels && channels >= 1 && channels <= kFew) {
      fold_ = kLanes / std::gcd(channels, kLanes);
      while (fold_ * channels < kWide) fold_ *= 2;
    }
    blocks_ = (width() + kBlock - 1) / kBlock;
    // About 2^14 elements for a part and block.
    const std::int64_t items = std::clamp<std::int64_t>(rows * channels >> 14, 1, kMaxParts);
    parts_ = std::clamp<std::int64_t>(items / std::max<std::int64_t>(blocks_, 1), 1,
                                      std::max<std::int64_t>(rows / fold_, 1));
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t channels() const { return channels_; }
  std::int64_t size() const { return rows_ * channels_; }
  std::int64_t width() const { return fold_ * channels_; }
  // Sums of wide columns there are: one for each part, and one of the rows left over if there are any.
  std::int64_t slots() const { return parts_ + (rows_ % fold_ > 0 ? 1 : 0); }

  // The channels' numbers as the wide rows have them.
  template <class T>
  void widen(const T* numbers, T* wide) const {
    for (std::int64_t i = 0; i < fold_; ++i) std::copy_n(numbers, channels_, wide + i * channels_);
  }

  // Calls f(first element, rows, columns) for pieces of whole rows that lie one behind another, of about 2^13 elements;
  // the last may have one row with fewer columns than the width. `flops` is what an element costs.
  template <class F>
  void for_each_piece(double flops, const F& f) const {
    if (size() == 0) return;
    const std::int64_t wide_rows = rows_ / fold_, rest = rows_ % fold_ * channels_;
    const std::int64_t step = std::max<std::int64_t>(1, (std::int64_t{1} << 13) / width());
    const std::int64_t whole = (wide_rows + step - 1) / step;
    parallel_for(whole + (rest > 0 ? 1 : 0), flops * static_cast<double>(size()), [&](std::int64_t i) {
      if (i == whole) return f(wide_rows * width(), std::size_t{1}, static_cast<std::size_t>(rest));
      const std::int64_t count = std::min(step, wide_rows - i * step);
      f(i * step * width(), static_cast<std::size_t>(count), static_cast<std::size_t>(width()));
    });
  }

  // Calls f(first element, range, slot, first column of it) for each part and block of columns, and the rows left over.
  template <class F>
  void for_each_part(double flops, const F& f) const {
    if (size() == 0) return;
    const std::int64_t wide_rows = rows_ / fold_, rest = rows_ % fold_ * channels_;
    const auto range = [](std::int64_t rows, std::int64_t stride, std::int64_t columns) {
      return simd::ColumnRange{static_cast<std::size_t>(rows), static_cast<std::size_t>(stride),
                               static_cast<std::size_t>(columns)};
    };
    parallel_for(parts_ * blocks_, flops * static_cast<double>(size()), [&](std::int64_t item) {
      const std::int64_t part = item / blocks_, column = item % blocks_ * kBlock;
      const std::int64_t begin = wide_rows * part / parts_, end = wide_rows * (part + 1) / parts_;
      f(begin * width() + column, range(end - begin, width(), std::min(kBlock, width() - column)), part, column);
    });
    if (rest > 0) f(wide_rows * width(), range(1, rest, rest), parts_, std::int64_t{0});
  }

  // Calls f(slot, first of its columns, rows summed in it) for each `channels` columns of each slot, in a fixed order.
  template <class F>
  void for_each_slot(const F& f) const {
    const std::int64_t wide_rows = rows_ / fold_;
    for (std::int64_t part = 0; part < parts_; ++part) {
      const std::int64_t summed = wide_rows * (part + 1) / parts_ - wide_rows * part / parts_;
      for (std::int64_t i = 0; i < fold_; ++i) f(part, i * channels_, summed);
    }
    for (std::int64_t i = 0; i < rows_ % fold_; ++i) f(parts_, i * channels_, std::int64_t{1});
  }

 private:
  static constexpr std::int64_t kBlock = static_cast<std::int64_t>(simd::kMostColumns);

  std::int64_t rows_, channels_, fold_ = 1, blocks_, parts_;
};

// moments[c] = those of channel c over the rows.
template <class T>
void channel_moments(const Columns& k, const T* x, Moments* moments) {
  const std::int64_t width = k.width();
  double* sums = scratch<double>(Scratch::partials, static_cast<std::size_t>(2 * k.slots() * width));
  k.for_each_part(6, [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t slot, std::int64_t column) {
    double* mean = sums + 2 * slot * width + column;
    simd::column_moments(range, x + at, mean, mean + width);
  });
  std::fill_n(moments, k.channels(), Moments());
  if (k.size() == 0) return;
  k.for_each_slot([&](std::int64_t slot, std::int64_t column, std::int64_t rows) {
    const double* mean = sums + 2 * slot * width + column;
    for (std::int64_t c = 0; c < k.channels(); ++c) {
      moments[c].add({static_cast<double>(rows), mean[c], mean[c + width]});
    }
  });
}

// Two sums over the rows for each channel, first[c] and second[c]; add(first element, range, first column, sums of the
// first kind, of the second) adds a part to zeros.
template <class Add>
void sum_rows(const Columns& k, double flops, double* first, double* second, const Add& add) {
  const std::int64_t width = k.width();
  double* sums = scratch<double>(Scratch::partials, static_cast<std::size_t>(2 * k.slots() * width));
  k.for_each_part(flops, [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t slot, std::int64_t column) {
    double* own = sums + 2 * slot * width + column;
    std::fill_n(own, range.columns, 0.0);
    std::fill_n(own + width, range.columns, 0.0);
    add(at, range, column, own, own + width);
  });
  std::fill_n(first, k.channels(), 0.0);
  if (second) std::fill_n(second, k.channels(), 0.0);
  if (k.size() == 0) return;
  k.for_each_slot([&](std::int64_t slot, std::int64_t column, std::int64_t) {
    const double* own = sums + 2 * slot * width + column;
    for (std::int64_t c = 0; c < k.channels(); ++c) first[c] += own[c];
    if (!second) return;
    for (std::int64_t c = 0; c < k.channels(); ++c) second[c] += own[c + width];
  });
}

// Calls body(sample) for each of m samples of `size` elements: on all threads at once where there are enough samples or
// these are small; else one by one, so that loops within the body are shared out.
template <class Body>
void for_each_sample(std::int64_t m, std::int64_t size, double flops, const Body& body) {
  constexpr std::int64_t kSmall = std::int64_t{1} << 16;
  if (size > kSmall && m < num_threads()) {
    for (std::int64_t i = 0; i < m; ++i) body(i);
    return;
  }
  parallel_for(m, flops * static_cast<double>(m) * static_cast<double>(size), body);
}

}  // namespace hubel::detail
