// Concatenation along the channels, and slices of them, with their gradients: copies of rows.

#include <algorithm>
#include <array>

#include "hubel/combine.hpp"
#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Elements of one item of parallel work.
constexpr std::int64_t kPiece = std::int64_t{1} << 14;

Shape with_last(const Shape& shape, std::int64_t channels) {
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  std::copy(shape.begin(), shape.end(), extents.begin());
  extents[shape.rank() - 1] = channels;
  return Shape(std::span<const std::int64_t>(extents.data(), shape.rank()));
}

// Copies `rows` rows of n elements between rows of other lengths.
template <class T>
void copy_rows(std::int64_t rows, std::int64_t n, const T* from, std::int64_t from_row, T* to, std::int64_t to_row) {
  if (n == 0) return;
  const std::int64_t step = std::max<std::int64_t>(1, kPiece / n);
  detail::parallel_for((rows + step - 1) / step, 4.0 * static_cast<double>(rows * n), [&](std::int64_t item) {
    for (std::int64_t row = item * step; row < std::min(rows, (item + 1) * step); ++row) {
      std::copy_n(from + row * from_row, n, to + row * to_row);
    }
  });
}

template <class T>
Shape output_shape(std::span<const TensorView<const T>> xs) {
  constexpr std::string_view who = "concat_forward";
  if (xs.empty()) throw std::invalid_argument("concat_forward: xs has 0 tensors, it must have at least 1");
  if (xs[0].shape().rank() == 0) {
    throw std::invalid_argument("concat_forward: xs[0] has shape () but must have a last dimension");
  }
  std::int64_t channels = xs[0].shape().back();
  for (std::size_t i = 1; i < xs.size(); ++i) {
    const Shape& shape = xs[i].shape();
    const std::string name = detail::formatted("xs[{}]", i);
    detail::check_rank(who, name, shape, xs[0].shape().rank(), "as many as xs[0]");
    detail::check_shape(who, name, shape, with_last(xs[0].shape(), shape.back()),
                        "the shape of xs[0] but for the last axis");
    channels += shape.back();
  }
  return with_last(xs[0].shape(), channels);
}

template <class T>
void forward(std::span<const TensorView<const T>> xs, TensorView<T> out) {
  detail::check_shape("concat_forward", "out", out.shape(), output_shape(xs), "the channels of all xs");
  const std::int64_t channels = out.shape().back(), rows = channels == 0 ? 0 : out.size() / channels;
  std::int64_t first = 0;
  for (const TensorView<const T>& x : xs) {
    copy_rows(rows, x.shape().back(), x.data(), x.shape().back(), out.data() + first, channels);
    first += x.shape().back();
  }
}

template <class T>
void check_gradients(TensorView<const T> dout, std::span<const std::int64_t> channels,
                     std::span<const TensorView<T>> dxs) {
  constexpr std::string_view who = "concat_backward";
  if (dout.shape().rank() == 0) {
    throw std::invalid_argument("concat_backward: dout has shape () but must have a last dimension");
  }
  if (channels.size() != dxs.size()) {
    throw std::invalid_argument(
        detail::formatted("{}: channels has {} numbers but dxs has {} tensors", who, channels.size(), dxs.size()));
  }
  std::int64_t rest = dout.shape().back();
  for (std::size_t i = 0; i < dxs.size(); ++i) {
    if (channels[i] < 0 || channels[i] > rest) {
      throw std::invalid_argument(detail::formatted("{}: channels[{}] is {} but dout, shape {}, has {} left", who, i,
                                                    channels[i], dout.shape().to_string(), rest));
    }
    rest -= channels[i];
    if (!detail::is_given(dxs[i])) continue;
    detail::check_shape(who, detail::formatted("dxs[{}]", i), dxs[i].shape(), with_last(dout.shape(), channels[i]),
                        "the shape of dout with channels of its own");
  }
  if (rest == 0) return;
  throw std::invalid_argument(detail::formatted("{}: channels add up to {} but dout has shape {}", who,
                                                dout.shape().back() - rest, dout.shape().to_string()));
}

template <class T>
void backward(TensorView<const T> dout, std::span<const std::int64_t> channels, std::span<const TensorView<T>> dxs) {
  check_gradients(dout, channels, dxs);
  const std::int64_t all = dout.shape().back(), rows = all == 0 ? 0 : dout.size() / all;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < dxs.size(); ++i) {
    if (detail::is_given(dxs[i])) {
      copy_rows(rows, channels[i], dout.data() + first, all, dxs[i].data(), channels[i]);
    }
    first += channels[i];
  }
}

// `part` has some channels of `whole`.
void check_slice(std::string_view who, std::string_view part_name, const Shape& part, const Shape& whole,
                 std::int64_t begin) {
  // A begin beyond all channels is told as it is, without a sum that might overflow.
  const std::int64_t channels = part.rank() == 0 || whole.rank() == 0 || begin > whole.back() ? 0 : part.back();
  detail::check_shape(who, part_name, part, slice_output_shape(whole, begin, begin + channels, who),
                      "of those channels");
}

std::int64_t rows_of(const Shape& shape) { return shape.back() == 0 ? 0 : shape.elements() / shape.back(); }

template <class T>
void take_slice(TensorView<const T> x, std::int64_t begin, TensorView<T> y) {
  check_slice("slice_forward", "y", y.shape(), x.shape(), begin);
  const std::int64_t n = y.shape().back();
  copy_rows(rows_of(x.shape()), n, x.data() + begin, x.shape().back(), y.data(), n);
}

template <class T>
void slice_gradient(TensorView<const T> dy, std::int64_t begin, TensorView<T> dx) {
  check_slice("slice_backward", "dy", dy.shape(), dx.shape(), begin);
  const std::int64_t n = dy.shape().back(), c = dx.shape().back();
  if (dx.size() == 0) return;
  const std::int64_t step = std::max<std::int64_t>(1, kPiece / c), rows = dx.size() / c;
  detail::parallel_for((rows + step - 1) / step, 4.0 * static_cast<double>(dx.size()), [&](std::int64_t item) {
    for (std::int64_t row = item * step; row < std::min(rows, (item + 1) * step); ++row) {
      T* to = std::fill_n(dx.data() + row * c, begin, T(0));
      to = std::copy_n(dy.data() + row * n, n, to);
      std::fill_n(to, c - begin - n, T(0));
    }
  });
}

template <class T>
Tensor<T> forward_new(std::span<const TensorView<const T>> xs) {
  auto out = Tensor<T>::uninitialized(output_shape(xs));
  forward<T>(xs, out);
  return out;
}

}  // namespace

void concat_forward(std::span<const TensorView<const float>> xs, TensorView<float> out) { forward(xs, out); }
void concat_forward(std::span<const TensorView<const double>> xs, TensorView<double> out) { forward(xs, out); }
Tensor<float> concat_forward(std::span<const TensorView<const float>> xs) { return forward_new(xs); }
Tensor<double> concat_forward(std::span<const TensorView<const double>> xs) { return forward_new(xs); }
void concat_backward(TensorView<const float> dout, std::span<const std::int64_t> channels,
                     std::span<const TensorView<float>> dxs) {
  backward(dout, channels, dxs);
}
void concat_backward(TensorView<const double> dout, std::span<const std::int64_t> channels,
                     std::span<const TensorView<double>> dxs) {
  backward(dout, channels, dxs);
}

Shape slice_output_shape(const Shape& x, std::int64_t begin, std::int64_t end, std::string_view who) {
  const std::int64_t c = x.rank() == 0 ? 0 : x.back();
  if (x.rank() > 0 && begin >= 0 && begin <= end && end <= c) return with_last(x, end - begin);
  throw std::invalid_argument(detail::formatted("{}: channels {} to {} of a shape {}, they must be of [0, {}]", who,
                                                begin, end, x.to_string(), c));
}
void slice_forward(TensorView<const float> x, std::int64_t begin, TensorView<float> y) { take_slice(x, begin, y); }
void slice_forward(TensorView<const double> x, std::int64_t begin, TensorView<double> y) { take_slice(x, begin, y); }
void slice_backward(TensorView<const float> dy, std::int64_t begin, TensorView<float> dx) {
  slice_gradient(dy, begin, dx);
}
void slice_backward(TensorView<const double> dy, std::int64_t begin, TensorView<double> dx) {
  slice_gradient(dy, begin, dx);
}

}  // namespace hubel
