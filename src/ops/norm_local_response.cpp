// Local response normalisation, pixel by pixel, in double. The sums over the channels around each are taken anew, since
// differences of running sums would carry a NaN on to all channels.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "hubel/lrn.hpp"
#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Elements of one item of parallel work.
constexpr std::int64_t kPiece = std::int64_t{1} << 12;
constexpr double kFlopsPerElement = 40;  // the power

// sums[c] = the sum of values[j] over the channels j from c - before to c + after.
void window_sums(const double* values, std::int64_t channels, std::int64_t before, std::int64_t after, double* sums) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t first = c - std::min(before, c), last = c + std::min(after, channels - 1 - c);
    double sum = 0;
    for (std::int64_t j = first; j <= last; ++j) sum += values[j];
    sums[c] = sum;
  }
}

// d^-beta; the usual beta without a logarithm.
double inverse_power(double d, double beta) {
  if (beta == 0.75) {
    const double root = std::sqrt(d);
    return 1 / (root * std::sqrt(root));
  }
  return std::pow(d, -beta);
}

struct Window {
  std::int64_t before, after;

  explicit Window(const LocalResponseNormOptions& o) : before(o.size / 2), after((o.size - 1) / 2) {}
};

// Room for one pixel's numbers.
struct Room {
  double *values, *divisors, *sums;

  explicit Room(std::int64_t c) {
    const auto n = static_cast<std::size_t>(c);
    values = detail::scratch<double>(detail::Scratch::moments, 3 * n);
    divisors = values + n;
    sums = divisors + n;
  }
};

// divisors[c] = k + alpha / size * the sum of the squares around c.
template <class T>
void find_divisors(const T* x, std::int64_t channels, const LocalResponseNormOptions& o, const Room& room) {
  const Window window(o);
  for (std::int64_t c = 0; c < channels; ++c) room.values[c] = static_cast<double>(x[c]) * static_cast<double>(x[c]);
  window_sums(room.values, channels, window.before, window.after, room.divisors);
  const double factor = o.alpha / static_cast<double>(o.size);
  for (std::int64_t c = 0; c < channels; ++c) room.divisors[c] = o.k + factor * room.divisors[c];
}

template <class T>
void forward_pixel(const T* x, std::int64_t channels, const LocalResponseNormOptions& o, const Room& room, T* y) {
  find_divisors(x, channels, o, room);
  for (std::int64_t c = 0; c < channels; ++c)
    y[c] = static_cast<T>(static_cast<double>(x[c]) * inverse_power(room.divisors[c], o.beta));
}

// dx_j = dy_j d_j^-beta - 2 alpha beta / size x_j * the sum of dy_c x_c d_c^(-beta - 1) over the c that j is around.
template <class T>
void backward_pixel(const T* dy, const T* x, std::int64_t channels, const LocalResponseNormOptions& o, const Room& room,
                    T* dx) {
  const Window window(o);
  find_divisors(x, channels, o, room);
  for (std::int64_t c = 0; c < channels; ++c) {
    const double power = inverse_power(room.divisors[c], o.beta);
    room.values[c] = static_cast<double>(dy[c]) * static_cast<double>(x[c]) * power / room.divisors[c];
    room.divisors[c] = power;
  }
  window_sums(room.values, channels, window.after, window.before, room.sums);
  const double factor = 2 * o.alpha * o.beta / static_cast<double>(o.size);
  for (std::int64_t c = 0; c < channels; ++c) {
    dx[c] = static_cast<T>(static_cast<double>(dy[c]) * room.divisors[c] -
                           factor * static_cast<double>(x[c]) * room.sums[c]);
  }
}

// Calls f(the pixel's first element, room) for each pixel.
template <class F>
void for_each_pixel(const Shape& shape, const F& f) {
  const std::int64_t c = shape.back(), pixels = c == 0 ? 0 : shape.elements() / c;
  const std::int64_t piece = std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(c, 1));
  detail::parallel_for((pixels + piece - 1) / piece, kFlopsPerElement * static_cast<double>(shape.elements()),
                       [&](std::int64_t item) {
                         const Room room(c);
                         for (std::int64_t p = item * piece; p < std::min((item + 1) * piece, pixels); ++p)
                           f(p * c, room);
                       });
}

void check(std::string_view who, const Shape& x, const LocalResponseNormOptions& options) {
  check_local_response_norm(options, who);
  if (x.rank() < 2) {
    throw std::invalid_argument(
        detail::formatted("{}: x has shape {} but must have 2 or more dimensions: (m, ..., c)", who, x.to_string()));
  }
}

template <class T>
void forward(TensorView<const T> x, const LocalResponseNormOptions& options, TensorView<T> y) {
  constexpr std::string_view who = "local_response_norm_forward";
  check(who, x.shape(), options);
  detail::check_shape(who, "y", y.shape(), x.shape(), "the shape of x");
  for_each_pixel(x.shape(), [&](std::int64_t at, const Room& room) {
    forward_pixel(x.data() + at, x.shape().back(), options, room, y.data() + at);
  });
}

template <class T>
void backward(TensorView<const T> dy, TensorView<const T> x, const LocalResponseNormOptions& options,
              TensorView<T> dx) {
  constexpr std::string_view who = "local_response_norm_backward";
  check(who, x.shape(), options);
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  detail::check_shape(who, "dx", dx.shape(), x.shape(), "the shape of x");
  for_each_pixel(x.shape(), [&](std::int64_t at, const Room& room) {
    backward_pixel(dy.data() + at, x.data() + at, x.shape().back(), options, room, dx.data() + at);
  });
}

}  // namespace

void check_local_response_norm(const LocalResponseNormOptions& o, std::string_view who) {
  if (o.size < 1) throw std::invalid_argument(detail::formatted("{}: size = {}, it must be at least 1", who, o.size));
  const auto check_number = [&](std::string_view name, double value, bool fits, std::string_view wanted) {
    if (std::isfinite(value) && fits) return;
    throw std::invalid_argument(detail::formatted("{}: {} = {}, it must be finite and {}", who, name, value, wanted));
  };
  check_number("alpha", o.alpha, o.alpha >= 0, "at least 0");
  check_number("beta", o.beta, o.beta >= 0, "at least 0");
  check_number("k", o.k, o.k > 0, "above 0");
}

void local_response_norm_forward(TensorView<const float> x, const LocalResponseNormOptions& options,
                                 TensorView<float> y) {
  forward(x, options, y);
}
void local_response_norm_forward(TensorView<const double> x, const LocalResponseNormOptions& options,
                                 TensorView<double> y) {
  forward(x, options, y);
}
void local_response_norm_backward(TensorView<const float> dy, TensorView<const float> x,
                                  const LocalResponseNormOptions& options, TensorView<float> dx) {
  backward(dy, x, options, dx);
}
void local_response_norm_backward(TensorView<const double> dy, TensorView<const double> x,
                                  const LocalResponseNormOptions& options, TensorView<double> dx) {
  backward(dy, x, options, dx);
}

}  // namespace hubel
