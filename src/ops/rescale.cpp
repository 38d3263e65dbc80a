// Scaling by constants, shared out over threads.
#include "hubel/rescale.hpp"

#include <algorithm>
#include <cstdint>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"

namespace hubel {

namespace {

template <class T>
void scaled(TensorView<const T> x, double scale, double offset, TensorView<T> y) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 14;  // elements of an item of work: some microseconds
  detail::check_shape("rescale", "y", y.shape(), x.shape(), "the shape of x");
  const T a = static_cast<T>(scale), b = static_cast<T>(offset);
  const std::int64_t size = x.size();
  detail::parallel_for((size + kPiece - 1) / kPiece, 2.0 * static_cast<double>(size), [&](std::int64_t item) {
    const std::int64_t begin = item * kPiece, end = std::min(begin + kPiece, size);
    std::transform(x.data() + begin, x.data() + end, y.data() + begin, [a, b](T value) { return a * value + b; });
  });
}

}  // namespace

void rescale(TensorView<const float> x, double scale, double offset, TensorView<float> y) {
  scaled(x, scale, offset, y);
}
void rescale(TensorView<const double> x, double scale, double offset, TensorView<double> y) {
  scaled(x, scale, offset, y);
}

}  // namespace hubel
