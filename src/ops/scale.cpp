// Channels times numbers of their own: a pass over the matrix of (pixels, channels), and for the numbers' gradient the
// sums of its columns.
#include "hubel/scale.hpp"

#include "ops/norm.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

detail::Columns check_input(std::string_view who, const Shape& x, const Shape& gamma) {
  detail::check_least_rank(who, "x", x, 1, "(..., c)");
  const std::int64_t c = x.back();
  detail::check_shape(who, "gamma", gamma, Shape{c}, "the channels of x");
  return {c == 0 ? 0 : x.elements() / c, c};
}

template <class T>
void multiply(const detail::Columns& k, const T* x, const T* gamma, T* y) {
  T* wide = detail::scratch<T>(detail::Scratch::widened, static_cast<std::size_t>(k.width()));
  k.widen(gamma, wide);
  k.for_each_piece(2, [&](std::int64_t at, std::size_t rows, std::size_t columns) {
    simd::multiply_rows<T>(rows, columns, x + at, wide, y + at);
  });
}

template <class T>
void forward(TensorView<const T> x, TensorView<const T> gamma, TensorView<T> y) {
  const detail::Columns k = check_input("channel_scale_forward", x.shape(), gamma.shape());
  detail::check_shape("channel_scale_forward", "y", y.shape(), x.shape(), "the shape of x");
  multiply(k, x.data(), gamma.data(), y.data());
}

template <class T>
void backward(TensorView<const T> dy, TensorView<const T> x, TensorView<const T> gamma, TensorView<T> dx,
              TensorView<T> dgamma) {
  constexpr std::string_view who = "channel_scale_backward";
  const detail::Columns k = check_input(who, x.shape(), gamma.shape());
  detail::check_shape(who, "dy", dy.shape(), x.shape(), "the shape of x");
  detail::check_optional(who, "dx", dx, x.shape(), "the shape of x");
  detail::check_optional(who, "dgamma", dgamma, gamma.shape(), "the shape of gamma");
  if (detail::is_given(dgamma)) {  // first, since dx may be the memory of dy
    const auto c = static_cast<std::size_t>(k.channels());
    double* sums = detail::scratch<double>(detail::Scratch::moments, 2 * c);
    T* centre = detail::scratch<T>(detail::Scratch::widened, static_cast<std::size_t>(k.width()));
    std::fill_n(centre, k.width(), T(0));
    detail::sum_rows(
        k, 4, sums, sums + c, [&](std::int64_t at, const simd::ColumnRange& range, std::int64_t, double* s, double* p) {
          simd::column_products<T>(range, Activation::identity, dy.data() + at, x.data() + at, nullptr, centre, s, p);
        });
    std::transform(sums + c, sums + 2 * c, dgamma.data(), [](double s) { return static_cast<T>(s); });
  }
  if (detail::is_given(dx)) multiply(k, dy.data(), gamma.data(), dx.data());
}

}  // namespace

void channel_scale_forward(TensorView<const float> x, TensorView<const float> gamma, TensorView<float> y) {
  forward(x, gamma, y);
}
void channel_scale_forward(TensorView<const double> x, TensorView<const double> gamma, TensorView<double> y) {
  forward(x, gamma, y);
}
void channel_scale_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> gamma,
                            TensorView<float> dx, TensorView<float> dgamma) {
  backward(dy, x, gamma, dx, dgamma);
}
void channel_scale_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> gamma,
                            TensorView<double> dx, TensorView<double> dgamma) {
  backward(dy, x, gamma, dx, dgamma);
}

}  // namespace hubel
