// Gaussian noise: each sample is cut into rows of Philox's numbers (simd/philox.hpp), four for each element.
#include "hubel/noise.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/parallel.hpp"
#include "ops/sample_numbers.hpp"
#include "simd/noise.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::int64_t kRow = static_cast<std::int64_t>(simd::kNoiseRow);  // elements of a row of numbers
constexpr std::int64_t kRowsAtOnce = 16;                                   // whose numbers stay in L1
constexpr std::int64_t kPiece = kRow * kRowsAtOnce;
constexpr std::uint32_t kMark = 0x6E6F6973;  // "nois"
constexpr int kSizeBits = 33;                // 2^32 counters, of which 16 are a row of 32 elements

template <class T>
void make_noisy(std::string_view who, simd::NoiseMode mode, TensorView<const T> x, double stddev, const DropoutKey& key,
                std::int64_t first_sample, TensorView<T> y) {
  detail::check_sample_numbers(who, "x", "y", x, key, first_sample, kSizeBits, y);
  if (x.size() == 0) return;
  const detail::SampleNumbers numbers_of(key, kMark);
  const std::int64_t m = x.shape()[0], size = x.size() / m, pieces = (size + kPiece - 1) / kPiece;
  const std::int64_t together = std::max<std::int64_t>(1, kPiece / size);  // samples of an item
  const auto piece = [&](std::int64_t sample, std::int64_t begin) {
    std::uint32_t numbers[kRowsAtOnce * static_cast<std::int64_t>(simd::kPhiloxRow)];
    const std::int64_t n = std::min(kPiece, size - begin), at = sample * size + begin;
    numbers_of.rows(first_sample + sample, begin / kRow, (n + kRow - 1) / kRow, numbers);
    simd::make_noisy(static_cast<std::size_t>(n), numbers, mode, stddev, x.data() + at, y.data() + at);
  };
  constexpr double kFlops = 60;  // of an element: a logarithm, a cosine and a root
  const std::int64_t groups = (m + together - 1) / together;
  detail::parallel_for(groups * pieces, kFlops * static_cast<double>(x.size()), [&](std::int64_t item) {
    const std::int64_t first = item / pieces * together;
    for (std::int64_t i = first; i < std::min(first + together, m); ++i) piece(i, item % pieces * kPiece);
  });
}

template <class T>
void add_noise(TensorView<const T> x, double stddev, const DropoutKey& key, std::int64_t first_sample,
               TensorView<T> y) {
  constexpr std::string_view who = "gaussian_noise";
  if (!(std::isfinite(stddev) && stddev >= 0))
    throw std::invalid_argument(detail::formatted("{}: stddev = {}, it must be finite and at least 0", who, stddev));
  make_noisy(who, simd::NoiseMode::added, x, stddev, key, first_sample, y);
}

template <class T>
void multiply_noise(TensorView<const T> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                    TensorView<T> y) {
  constexpr std::string_view who = "gaussian_dropout";
  detail::check_rate(who, rate);
  make_noisy(who, simd::NoiseMode::multiplied, x, std::sqrt(rate / (1 - rate)), key, first_sample, y);
}

}  // namespace

void gaussian_noise(TensorView<const float> x, double stddev, const DropoutKey& key, std::int64_t first_sample,
                    TensorView<float> y) {
  add_noise(x, stddev, key, first_sample, y);
}
void gaussian_noise(TensorView<const double> x, double stddev, const DropoutKey& key, std::int64_t first_sample,
                    TensorView<double> y) {
  add_noise(x, stddev, key, first_sample, y);
}
void gaussian_dropout(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<float> y) {
  multiply_noise(x, rate, key, first_sample, y);
}
void gaussian_dropout(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<double> y) {
  multiply_noise(x, rate, key, first_sample, y);
}

}  // namespace hubel
