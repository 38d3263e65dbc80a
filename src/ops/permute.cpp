// Orders of axes: first as few axes as will do, then moves of what lies together. Where the last axis stays the last
// that is copies of its runs; else the transposition of matrices, of x's last axis and y's.
#include "hubel/permute.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "simd/transpose.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Of an axis of y: how far apart neighbours on it lie in x and in y.
struct Axis {
  std::int64_t extent = 1, from = 0, to = 0;
};

// y's axes, outermost first.
class Axes {
 public:
  // Without those of one pixel, and those that follow one another in x too as one.
  Axes(const Shape& x, std::span<const std::int64_t> axes) {
    std::array<std::int64_t, Shape::kMaxRank> steps{};
    std::int64_t step = 1;
    for (std::size_t i = x.rank(); i-- > 0; step *= x[i]) steps[i] = step;
    step = 1;
    for (std::size_t i = axes.size(); i-- > 0; step *= x[static_cast<std::size_t>(axes[i])]) {
      const auto axis = static_cast<std::size_t>(axes[i]);
      add_outside({x[axis], steps[axis], step});
    }
    std::reverse(list_.begin(), list_.begin() + static_cast<std::ptrdiff_t>(count_));
  }

  // The axis at hand, taken out; one of one element where there is none.
  Axis take_last() { return count_ == 0 ? Axis{} : list_[--count_]; }
  // The one whose neighbours lie side by side in x.
  Axis take_close() {
    const auto end = list_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto close = std::find_if(list_.begin(), end, [](const Axis& a) { return a.from == 1; });
    const Axis axis = *close;
    std::copy(close + 1, end, close);
    --count_;
    return axis;
  }

  std::int64_t elements() const {
    std::int64_t n = 1;
    for (std::size_t i = 0; i < count_; ++i) n *= list_[i].extent;
    return n;
  }
  // Where the i-th of these lies, in x and in y.
  std::array<std::int64_t, 2> place(std::int64_t i) const {
    std::int64_t from = 0, to = 0;
    for (std::size_t k = count_; k-- > 0; i /= list_[k].extent) {
      from += i % list_[k].extent * list_[k].from;
      to += i % list_[k].extent * list_[k].to;
    }
    return {from, to};
  }

 private:
  void add_outside(const Axis& axis) {
    if (axis.extent == 1) return;
    if (count_ > 0 && axis.from == list_[count_ - 1].from * list_[count_ - 1].extent) {
      list_[count_ - 1].extent *= axis.extent;
    } else {
      list_[count_++] = axis;
    }
  }

  std::array<Axis, Shape::kMaxRank> list_{};
  std::size_t count_ = 0;
};

// Calls move(from, to) for each place of `outer` and `middle`, about 2^14 elements an item of work; a move is of
// `size`.
template <class Move>
void for_each_place(const Axes& outer, const Axis& middle, std::int64_t size, const Move& move) {
  constexpr std::int64_t kItem = std::int64_t{1} << 14;
  const std::int64_t lines = outer.elements(), line = middle.extent * size;
  const std::int64_t step = std::max<std::int64_t>(1, kItem / line);
  detail::parallel_for((lines + step - 1) / step, 2.0 * static_cast<double>(lines * line), [&](std::int64_t item) {
    for (std::int64_t i = item * step; i < std::min(lines, (item + 1) * step); ++i) {
      const auto [from, to] = outer.place(i);
      for (std::int64_t k = 0; k < middle.extent; ++k) move(from + k * middle.from, to + k * middle.to);
    }
  });
}

template <class T>
void move_runs(Axes axes, const Axis& run, const T* x, T* y) {
  const Axis middle = axes.take_last();
  for_each_place(axes, middle, run.extent,
                 [&](std::int64_t from, std::int64_t to) { std::copy_n(x + from, run.extent, y + to); });
}

// A matrix for each place: `last` goes down its rows in x, whose elements lie side by side. Cut into blocks of rows.
template <class T>
void move_matrices(Axes axes, const Axis& last, const T* x, std::int64_t size, T* y) {
  constexpr std::int64_t kRows = 64;
  const Axis close = axes.take_close();
  const std::int64_t blocks = (last.extent + kRows - 1) / kRows;
  const auto transpose = [&](std::int64_t from, std::int64_t to, std::int64_t rows) {
    simd::transpose(x + from, static_cast<std::ptrdiff_t>(last.from), static_cast<std::size_t>(rows),
                    static_cast<std::size_t>(close.extent), static_cast<std::size_t>(size - from), y + to,
                    static_cast<std::ptrdiff_t>(close.to));
  };
  if (blocks == 1) {
    const Axis middle = axes.take_last();
    return for_each_place(axes, middle, last.extent * close.extent,
                          [&](std::int64_t from, std::int64_t to) { transpose(from, to, last.extent); });
  }
  const Axis by_block{blocks, kRows * last.from, kRows};
  for_each_place(axes, by_block, kRows * close.extent, [&](std::int64_t from, std::int64_t to) {
    transpose(from, to, std::min(kRows, last.extent - to % last.extent));
  });
}

template <class T>
void move(TensorView<const T> x, std::span<const std::int64_t> axes, TensorView<T> y) {
  if (x.size() == 0) return;
  Axes list(x.shape(), axes);
  const Axis last = list.take_last();
  if (last.from <= 1) return move_runs(list, last, x.data(), y.data());
  move_matrices(list, last, x.data(), x.size(), y.data());
}

template <class T>
void permute_checked(TensorView<const T> x, std::span<const std::int64_t> axes, TensorView<T> y) {
  const Shape wanted = permute_output_shape(x.shape(), axes);
  detail::check_shape("permute", "y", y.shape(), wanted, "the axes of x in that order");
  move(x, axes, y);
}

// ---- Blocks of pixels -------------------------------------------------------------------------------------------

void check_block(std::string_view who, const Shape& x, std::int64_t block_size) {
  detail::check_rank(who, "x", x, 4, "(m, h, w, c)");
  constexpr std::int64_t kMost = std::int64_t{1} << 15;  // whose square, times an extent, is far from overflowing
  if (block_size >= 1 && block_size <= kMost) return;
  throw std::invalid_argument(detail::formatted("{}: block_size = {}, it must be in [1, {}]", who, block_size, kMost));
}

// Pixels (i, j) with channels (a, b, k) lie as (i, a, j, (b, k)) in the larger image: two axes change places.
template <class T>
void exchange(const T* x, const Shape& x_shape, T* y) {
  constexpr std::int64_t kAxes[] = {0, 2, 1, 3};
  move(TensorView<const T>(x, x_shape), kAxes, TensorView<T>(y, permute_output_shape(x_shape, kAxes)));
}

template <class T>
void spread(TensorView<const T> x, std::int64_t r, TensorView<T> y) {
  const Shape& s = x.shape();
  detail::check_shape("depth_to_space", "y", y.shape(), depth_to_space_output_shape(s, r), "the output's shape");
  exchange(x.data(), {s[0] * s[1], s[2], r, s[3] / r}, y.data());
}

template <class T>
void gather(TensorView<const T> x, std::int64_t r, TensorView<T> y) {
  const Shape& s = x.shape();
  detail::check_shape("space_to_depth", "y", y.shape(), space_to_depth_output_shape(s, r), "the output's shape");
  exchange(x.data(), {s[0] * (s[1] / r), r, s[2] / r, s[3] * r}, y.data());
}

}  // namespace

Shape permute_output_shape(const Shape& x, std::span<const std::int64_t> axes, std::string_view who) {
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  std::array<bool, Shape::kMaxRank> seen{};
  bool fits = axes.size() == x.rank();
  for (std::size_t i = 0; fits && i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[i]);
    fits = axes[i] >= 0 && axis < x.rank() && !seen[axis];
    if (!fits) break;
    seen[axis] = true;
    extents[i] = x[axis];
  }
  if (fits) return Shape(std::span<const std::int64_t>(extents.data(), x.rank()));
  throw std::invalid_argument(detail::formatted("{}: axes are ({}) but must be 0 to {} in some order (x has shape {})",
                                                who, detail::joined(axes, ", "),
                                                static_cast<std::int64_t>(x.rank()) - 1, x.to_string()));
}

void permute(TensorView<const float> x, std::span<const std::int64_t> axes, TensorView<float> y) {
  permute_checked(x, axes, y);
}
void permute(TensorView<const double> x, std::span<const std::int64_t> axes, TensorView<double> y) {
  permute_checked(x, axes, y);
}

Shape depth_to_space_output_shape(const Shape& x, std::int64_t block_size, std::string_view who) {
  check_block(who, x, block_size);
  const std::int64_t pixels = block_size * block_size;
  if (x[3] % pixels != 0) {
    throw std::invalid_argument(detail::formatted("{}: the {} channels of {} are no multiple of block_size^2 = {}", who,
                                                  x[3], x.to_string(), pixels));
  }
  return {x[0], x[1] * block_size, x[2] * block_size, x[3] / pixels};
}

Shape space_to_depth_output_shape(const Shape& x, std::int64_t block_size, std::string_view who) {
  check_block(who, x, block_size);
  if (x[1] % block_size != 0 || x[2] % block_size != 0) {
    throw std::invalid_argument(detail::formatted("{}: the height and width of {} must be multiples of block_size = {}",
                                                  who, x.to_string(), block_size));
  }
  return {x[0], x[1] / block_size, x[2] / block_size, x[3] * block_size * block_size};
}

void depth_to_space(TensorView<const float> x, std::int64_t block_size, TensorView<float> y) {
  spread(x, block_size, y);
}
void depth_to_space(TensorView<const double> x, std::int64_t block_size, TensorView<double> y) {
  spread(x, block_size, y);
}
void space_to_depth(TensorView<const float> x, std::int64_t block_size, TensorView<float> y) {
  gather(x, block_size, y);
}
void space_to_depth(TensorView<const double> x, std::int64_t block_size, TensorView<double> y) {
  gather(x, block_size, y);
}

}  // namespace hubel
