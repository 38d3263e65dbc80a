// Dropout: each sample is cut into rows of Philox's numbers (simd/philox.hpp), some of which are an item of work.
#include "hubel/dropout.hpp"

#include <algorithm>
#include <cmath>

#include "ops/checks.hpp"
#include "ops/columns.hpp"
#include "ops/sample_numbers.hpp"
#include "simd/philox.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::int64_t kRow = static_cast<std::int64_t>(simd::kPhiloxRow);
// Rows of numbers that are made at once; they stay in L1.
constexpr std::int64_t kRowsAtOnce = 16;
constexpr std::int64_t kPiece = kRow * kRowsAtOnce;

constexpr std::uint32_t kMark = 0x64726F70;  // "drop"
constexpr int kSizeBits = 35;                // 2^32 counters, of which 16 are a row of 128 elements

template <class T>
void check(std::string_view who, std::string_view in, std::string_view out, TensorView<const T> x, double rate,
           const DropoutKey& key, std::int64_t first_sample, TensorView<T> y) {
  detail::check_rate(who, rate);
  detail::check_sample_numbers(who, in, out, x, key, first_sample, kSizeBits, y);
}

// What becomes of an element that is kept, and of one that is not. Dropout's adds -0, which leaves every number as it
// is, 0 with its sign among them.
template <class T>
simd::Keeping<T> dropping(double rate) {
  return {static_cast<T>(1 / (1 - rate)), T(-0.0), T(0)};
}
template <class T>
simd::Keeping<T> alpha_dropping(double rate, bool backward) {
  // SELU's limit to the left, - lambda alpha (Klambauer et al. 2017, section 2 and "New dropout technique").
  constexpr double kLimit = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717;
  const double scale = 1 / std::sqrt((1 - rate) * (1 + rate * kLimit * kLimit)), offset = -scale * kLimit * rate;
  if (backward) return {static_cast<T>(scale), T(-0.0), T(0)};
  return {static_cast<T>(scale), static_cast<T>(offset), static_cast<T>(scale * kLimit + offset)};
}

// The numbers of one sample, and what they decide.
template <class T>
class Mask {
 public:
  Mask(double rate, const DropoutKey& key, const simd::Keeping<T>& keeping)
      : numbers_(key, kMark),
        threshold_(static_cast<std::uint32_t>(std::min(std::round(rate * 0x1p16), 0x1p16 - 1))),
        keeping_(keeping) {}

  // Numbers of the sample from row `first` on.
  void numbers(std::int64_t sample, std::int64_t first, std::int64_t rows, std::uint32_t* to) const {
    numbers_.rows(sample, first, rows, to);
  }
  void keep(std::size_t n, const std::uint32_t* numbers, const T* x, T* y) const {
    simd::keep_elements(n, numbers, threshold_, keeping_, x, y);
  }

 private:
  detail::SampleNumbers numbers_;
  std::uint32_t threshold_;
  simd::Keeping<T> keeping_;
};

// y = x with elements dropped.
template <class T>
void drop_elements(TensorView<const T> x, const Mask<T>& mask, std::int64_t first_sample, TensorView<T> y) {
  const std::int64_t m = x.shape()[0], size = x.shape().without_first().elements();
  if (x.size() == 0) return;
  const std::int64_t pieces = (size + kPiece - 1) / kPiece;                // of a sample
  const std::int64_t together = std::max<std::int64_t>(1, kPiece / size);  // samples of an item
  const auto piece = [&](std::int64_t sample, std::int64_t index) {
    std::uint32_t numbers[kPiece];
    const std::int64_t begin = index * kPiece, n = std::min(kPiece, size - begin), at = sample * size + begin;
    mask.numbers(first_sample + sample, index * kRowsAtOnce, (n + kRow - 1) / kRow, numbers);
    mask.keep(static_cast<std::size_t>(n), numbers, x.data() + at, y.data() + at);
  };
  const std::int64_t groups = (m + together - 1) / together;
  detail::parallel_for(groups * pieces, 12.0 * static_cast<double>(x.size()), [&](std::int64_t item) {
    const std::int64_t first = item / pieces * together;
    for (std::int64_t i = first; i < std::min(first + together, m); ++i) piece(i, item % pieces);
  });
}

// y = x with channels dropped: a sample's numbers, one a channel, meet each of its pixels.
template <class T>
void drop_channels(TensorView<const T> x, const Mask<T>& mask, std::int64_t first_sample, TensorView<T> y) {
  if (x.size() == 0) return;
  const std::int64_t m = x.shape()[0], c = x.shape().back(), rows = (c + kRow - 1) / kRow;
  const detail::Columns k(x.size() / (m * c), c);
  detail::for_each_sample(m, k.size(), 4, [&](std::int64_t sample) {
    auto* numbers =
        detail::scratch<std::uint32_t>(detail::Scratch::widened, static_cast<std::size_t>(rows * kRow + k.width()));
    std::uint32_t* wide = numbers + rows * kRow;
    mask.numbers(first_sample + sample, 0, rows, numbers);
    k.widen(numbers, wide);
    k.for_each_piece(4, [&](std::int64_t at, std::size_t count, std::size_t columns) {
      for (std::size_t r = 0; r < count; ++r) {
        const std::int64_t from = sample * k.size() + at + static_cast<std::int64_t>(r * columns);
        mask.keep(columns, wide, x.data() + from, y.data() + from);
      }
    });
  });
}

// y = x with samples dropped, each by its first number.
template <class T>
void drop_samples(TensorView<const T> x, const Mask<T>& mask, std::int64_t first_sample, TensorView<T> y) {
  if (x.size() == 0) return;
  const std::int64_t m = x.shape()[0], size = x.size() / m, pieces = (size + kPiece - 1) / kPiece;
  detail::parallel_for(m * pieces, 2.0 * static_cast<double>(x.size()), [&](std::int64_t item) {
    const std::int64_t sample = item / pieces, begin = item % pieces * kPiece, at = sample * size + begin;
    std::uint32_t numbers[kRow];
    mask.numbers(first_sample + sample, 0, 1, numbers);
    const T one = 1;
    T factor;
    mask.keep(1, numbers, &one, &factor);
    const std::int64_t n = std::min(kPiece, size - begin);
    for (std::int64_t i = at; i < at + n; ++i) y[i] = factor == T(0) ? T(0) : x[i] * factor;
  });
}

// What is dropped whole.
enum class Unit { element, channel, sample };

template <class T>
void drop(Unit unit, std::string_view who, std::string_view in, std::string_view out, TensorView<const T> x,
          double rate, const DropoutKey& key, std::int64_t first_sample, TensorView<T> y) {
  check(who, in, out, x, rate, key, first_sample, y);
  const Mask<T> mask(rate, key, dropping<T>(rate));
  if (unit == Unit::element) return drop_elements(x, mask, first_sample, y);
  if (unit == Unit::sample) return drop_samples(x, mask, first_sample, y);
  if (x.shape().rank() < 2) {
    throw std::invalid_argument(detail::formatted("{}: {} has shape {} but must have 2 or more dimensions: (m, ..., c)",
                                                  who, in, x.shape().to_string()));
  }
  drop_channels(x, mask, first_sample, y);
}

template <class T>
void alpha_drop(bool backward, TensorView<const T> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                TensorView<T> y) {
  check(backward ? "alpha_dropout_backward" : "alpha_dropout_forward", backward ? "dy" : "x", backward ? "dx" : "y", x,
        rate, key, first_sample, y);
  drop_elements(x, Mask<T>(rate, key, alpha_dropping<T>(rate, backward)), first_sample, y);
}

}  // namespace

void dropout_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                     TensorView<float> y) {
  drop(Unit::element, "dropout_forward", "x", "y", x, rate, key, first_sample, y);
}
void dropout_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                     TensorView<double> y) {
  drop(Unit::element, "dropout_forward", "x", "y", x, rate, key, first_sample, y);
}
void dropout_backward(TensorView<const float> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<float> dx) {
  drop(Unit::element, "dropout_backward", "dy", "dx", dy, rate, key, first_sample, dx);
}
void dropout_backward(TensorView<const double> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<double> dx) {
  drop(Unit::element, "dropout_backward", "dy", "dx", dy, rate, key, first_sample, dx);
}
void spatial_dropout_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                             TensorView<float> y) {
  drop(Unit::channel, "spatial_dropout_forward", "x", "y", x, rate, key, first_sample, y);
}
void spatial_dropout_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                             TensorView<double> y) {
  drop(Unit::channel, "spatial_dropout_forward", "x", "y", x, rate, key, first_sample, y);
}
void spatial_dropout_backward(TensorView<const float> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                              TensorView<float> dx) {
  drop(Unit::channel, "spatial_dropout_backward", "dy", "dx", dy, rate, key, first_sample, dx);
}
void spatial_dropout_backward(TensorView<const double> dy, double rate, const DropoutKey& key,
                              std::int64_t first_sample, TensorView<double> dx) {
  drop(Unit::channel, "spatial_dropout_backward", "dy", "dx", dy, rate, key, first_sample, dx);
}
void stochastic_depth_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                              TensorView<float> y) {
  drop(Unit::sample, "stochastic_depth_forward", "x", "y", x, rate, key, first_sample, y);
}
void stochastic_depth_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                              TensorView<double> y) {
  drop(Unit::sample, "stochastic_depth_forward", "x", "y", x, rate, key, first_sample, y);
}
void stochastic_depth_backward(TensorView<const float> dy, double rate, const DropoutKey& key,
                               std::int64_t first_sample, TensorView<float> dx) {
  drop(Unit::sample, "stochastic_depth_backward", "dy", "dx", dy, rate, key, first_sample, dx);
}
void stochastic_depth_backward(TensorView<const double> dy, double rate, const DropoutKey& key,
                               std::int64_t first_sample, TensorView<double> dx) {
  drop(Unit::sample, "stochastic_depth_backward", "dy", "dx", dy, rate, key, first_sample, dx);
}
void alpha_dropout_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                           TensorView<float> y) {
  alpha_drop(false, x, rate, key, first_sample, y);
}
void alpha_dropout_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                           TensorView<double> y) {
  alpha_drop(false, x, rate, key, first_sample, y);
}
void alpha_dropout_backward(TensorView<const float> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                            TensorView<float> dx) {
  alpha_drop(true, dy, rate, key, first_sample, dx);
}
void alpha_dropout_backward(TensorView<const double> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                            TensorView<double> dx) {
  alpha_drop(true, dy, rate, key, first_sample, dx);
}

}  // namespace hubel
