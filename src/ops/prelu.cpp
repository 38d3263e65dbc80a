// Activations with numbers of their own. All have a slope to the left of 0: one for each column of a matrix
// (columns.hpp), which has a single column where one slope is for all.
#include "hubel/prelu.hpp"

#include <algorithm>

#include "ops/checks.hpp"
#include "ops/columns.hpp"
#include "simd/elementwise.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

template <class T>
const T* widened(const detail::Columns& k, const T* slopes) {
  T* wide = detail::scratch<T>(detail::Scratch::widened, static_cast<std::size_t>(k.width()));
  k.widen(slopes, wide);
  return wide;
}

// to = from where x > 0, else slope from.
template <class T>
void apply_slopes(const detail::Columns& k, const T* from, const T* x, const T* slopes, T* to) {
  const T* wide = widened(k, slopes);
  k.for_each_piece(3, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    simd::slope_rows(rows, columns, from + at, x + at, wide, to + at);
  });
}

// ---- PReLU -----------------------------------------------------------------------------------------------------

detail::Columns check_input(std::string_view who, const Shape& x, const Shape& alpha) {
  if (x.rank() == 0) throw std::invalid_argument(detail::formatted("{}: x has shape () but must have channels", who));
  const std::int64_t c = x.back();
  if (alpha == Shape{1}) return {x.elements(), 1};
  if (alpha != Shape{c}) {
    throw std::invalid_argument(detail::formatted(
        "{}: alpha has shape {} but must have ({},), the channels of x, or (1,)", who, alpha.to_string(), c));
  }
  return {c == 0 ? 0 : x.elements() / c, c};
}

template <class T>
void prelu(TensorView<const T> x, TensorView<const T> alpha, TensorView<T> y) {
  const detail::Columns k = check_input("prelu_forward", x.shape(), alpha.shape());
  detail::check_shape("prelu_forward", "y", y.shape(), x.shape(), "the shape of x");
  apply_slopes(k, x.data(), x.data(), alpha.data(), y.data());
}

template <class T>
void prelu_gradients(TensorView<const T> dy, TensorView<const T> x, TensorView<const T> alpha, TensorView<T> dx,
                     TensorView<T> dalpha) {
  constexpr std::string_view who = "prelu_backward";
  const detail::Columns k = check_input(who, x.shape(), alpha.shape());
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  if (detail::is_given(dx)) detail::check_shape(who, "dx", dx.shape(), x.shape(), "the shape of x");
  if (detail::is_given(dalpha)) {  // first, since dx may be the memory of dy
    detail::check_shape(who, "dalpha", dalpha.shape(), alpha.shape(), "the shape of alpha");
    double* sums = detail::scratch<double>(detail::Scratch::moments, static_cast<std::size_t>(k.channels()));
    detail::sum_rows(k, 4, sums, nullptr,
                     [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t, double* s, double*) {
                       simd::column_left_sums(range, dy.data() + at, x.data() + at, s);
                     });
    std::transform(sums, sums + k.channels(), dalpha.data(), [](double s) { return static_cast<T>(s); });
  }
  if (detail::is_given(dx)) apply_slopes(k, dy.data(), x.data(), alpha.data(), dx.data());
}

template <class T>
Tensor<T> prelu_new(TensorView<const T> x, TensorView<const T> alpha) {
  auto y = Tensor<T>::uninitialized(x.shape());
  prelu<T>(x, alpha, y);
  return y;
}

// ---- One slope for all -----------------------------------------------------------------------------------------

template <class T>
void leaky_relu(TensorView<const T> x, double slope, TensorView<T> y) {
  detail::check_shape("leaky_relu_forward", "y", y.shape(), x.shape(), "the shape of x");
  const T number = static_cast<T>(slope);
  apply_slopes({x.size(), 1}, x.data(), x.data(), &number, y.data());
}

template <class T>
void check_gradient(std::string_view who, TensorView<const T> dy, TensorView<const T> x, TensorView<T> dx) {
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  detail::check_shape(who, "dx", dx.shape(), x.shape(), "the shape of x");
}

template <class T>
void leaky_relu_gradient(TensorView<const T> dy, TensorView<const T> x, double slope, TensorView<T> dx) {
  check_gradient("leaky_relu_backward", dy, x, dx);
  const T number = static_cast<T>(slope);
  apply_slopes({x.size(), 1}, dy.data(), x.data(), &number, dx.data());
}

// ELU is Activation::elu, of which what lies to the left of 0 is multiplied with alpha; so is its derivative. Both go
// piece by piece.
template <class T>
void elu(TensorView<const T> x, double alpha, TensorView<T> y) {
  detail::check_shape("elu_forward", "y", y.shape(), x.shape(), "the shape of x");
  const detail::Columns k(x.size(), 1);
  const T number = static_cast<T>(alpha);
  const T* wide = widened(k, &number);
  k.for_each_piece(20, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    T* to = y.data() + at;
    simd::activate(Activation::elu, x.data() + at, to, rows * columns);
    simd::slope_rows<T>(rows, columns, to, to, wide, to);
  });
}

template <class T>
void elu_gradient(TensorView<const T> dy, TensorView<const T> x, double alpha, TensorView<T> dx) {
  check_gradient("elu_backward", dy, x, dx);
  const detail::Columns k(x.size(), 1);
  const T number = static_cast<T>(alpha);
  const T* wide = widened(k, &number);
  k.for_each_piece(20, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    T* to = dx.data() + at;
    T* y = detail::scratch<T>(detail::Scratch::blocks, rows * columns);
    simd::activate(Activation::elu, x.data() + at, y, rows * columns);
    simd::slope_rows<T>(rows, columns, dy.data() + at, x.data() + at, wide, to);
    simd::activate_backward<T>(Activation::elu, to, nullptr, y, to, rows * columns);
  });
}

}  // namespace

void prelu_forward(TensorView<const float> x, TensorView<const float> alpha, TensorView<float> y) {
  prelu(x, alpha, y);
}
void prelu_forward(TensorView<const double> x, TensorView<const double> alpha, TensorView<double> y) {
  prelu(x, alpha, y);
}
Tensor<float> prelu_forward(TensorView<const float> x, TensorView<const float> alpha) { return prelu_new(x, alpha); }
Tensor<double> prelu_forward(TensorView<const double> x, TensorView<const double> alpha) { return prelu_new(x, alpha); }
void prelu_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> alpha,
                    TensorView<float> dx, TensorView<float> dalpha) {
  prelu_gradients(dy, x, alpha, dx, dalpha);
}
void prelu_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> alpha,
                    TensorView<double> dx, TensorView<double> dalpha) {
  prelu_gradients(dy, x, alpha, dx, dalpha);
}
void leaky_relu_forward(TensorView<const float> x, double slope, TensorView<float> y) { leaky_relu(x, slope, y); }
void leaky_relu_forward(TensorView<const double> x, double slope, TensorView<double> y) { leaky_relu(x, slope, y); }
void leaky_relu_backward(TensorView<const float> dy, TensorView<const float> x, double slope, TensorView<float> dx) {
  leaky_relu_gradient(dy, x, slope, dx);
}
void leaky_relu_backward(TensorView<const double> dy, TensorView<const double> x, double slope, TensorView<double> dx) {
  leaky_relu_gradient(dy, x, slope, dx);
}
void elu_forward(TensorView<const float> x, double alpha, TensorView<float> y) { elu(x, alpha, y); }
void elu_forward(TensorView<const double> x, double alpha, TensorView<double> y) { elu(x, alpha, y); }
void elu_backward(TensorView<const float> dy, TensorView<const float> x, double alpha, TensorView<float> dx) {
  elu_gradient(dy, x, alpha, dx);
}
void elu_backward(TensorView<const double> dy, TensorView<const double> x, double alpha, TensorView<double> dx) {
  elu_gradient(dy, x, alpha, dx);
}

}  // namespace hubel
