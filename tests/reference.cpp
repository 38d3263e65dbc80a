#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace hubel::reference {

// ---- Convolution -----------------------------------------------------------------------------------------------

namespace {

Axis axis_of(Index length, Index kernel, Index stride, Index dilation, Padding::Kind kind, Index before, Index after) {
  const Index extent = (kernel - 1) * dilation + 1;  // from the first tap to the last
  if (kind == Padding::Kind::same) {
    const Index windows = (length + stride - 1) / stride;
    const Index total = std::max<Index>((windows - 1) * stride + extent - length, 0);
    return {total / 2, total - total / 2, windows};
  }
  if (kind == Padding::Kind::valid) before = after = 0;
  if (length + before + after < extent) throw std::logic_error("reference: the kernel does not fit");
  return {before, after, (length + before + after - extent) / stride + 1};
}

}  // namespace

Conv::Conv(const Shape& A, const Shape& W, const ConvOptions& options)
    : m(A[0]),
      h(A[1]),
      w(A[2]),
      c(A[3]),
      kh(W[0]),
      kw(W[1]),
      group_in(W[2]),
      n(W[3]),
      group_out(W[3] / options.groups),
      sh(options.stride[0]),
      sw(options.stride[1]),
      dh(options.dilation[0]),
      dw(options.dilation[1]),
      rows(axis_of(h, kh, sh, dh, options.padding.kind, options.padding.top, options.padding.bottom)),
      columns(axis_of(w, kw, sw, dw, options.padding.kind, options.padding.left, options.padding.right)) {}

namespace {

// Calls visit(i, y, x, o, p, q, a, b, k, c): output (i, y, x, o) is the sum of padded_input(i, p, q, c) * W(a, b, k,
// o). Output channel o belongs to group o / group_out, whose input channels are c = group * group_in + k.
template <class Visit>
void for_each_product(const Conv& s, Visit visit) {
  for (Index i = 0; i < s.m; ++i)
    for (Index y = 0; y < s.rows.windows; ++y)
      for (Index x = 0; x < s.columns.windows; ++x)
        for (Index a = 0; a < s.kh; ++a)
          for (Index b = 0; b < s.kw; ++b)
            for (Index group = 0; group * s.group_out < s.n; ++group)
              for (Index k = 0; k < s.group_in; ++k)
                for (Index o = group * s.group_out; o < (group + 1) * s.group_out; ++o)
                  visit(i, y, x, o, y * s.sh + a * s.dh, x * s.sw + b * s.dw, a, b, k, group * s.group_in + k);
}

// The padded input: zeros that are multiplied like any other pixel, so that infinity times padding is NaN.
template <class T>
Array pad(const Conv& s, TensorView<const T> A_prev) {
  const Array input = Array::of_images(A_prev);
  Array padded(s.m, s.padded_h(), s.padded_w(), s.c);
  for (Index i = 0; i < s.m; ++i)
    for (Index y = 0; y < s.h; ++y)
      for (Index x = 0; x < s.w; ++x)
        for (Index k = 0; k < s.c; ++k) padded(i, y + s.rows.before, x + s.columns.before, k) = input(i, y, x, k);
  return padded;
}

Array crop(const Conv& s, const Array& padded) {
  Array cropped(s.m, s.h, s.w, s.c);
  for (Index i = 0; i < s.m; ++i)
    for (Index y = 0; y < s.h; ++y)
      for (Index x = 0; x < s.w; ++x)
        for (Index k = 0; k < s.c; ++k) cropped(i, y, x, k) = padded(i, y + s.rows.before, x + s.columns.before, k);
  return cropped;
}

}  // namespace

template <class T>
Array conv_forward(TensorView<const T> A_prev, TensorView<const T> W, TensorView<const T> bias,
                   const ConvOptions& options) {
  const Conv s(A_prev.shape(), W.shape(), options);
  const Array input = pad(s, A_prev), weights = Array::of_images(W);
  Array out(s.m, s.rows.windows, s.columns.windows, s.n);
  for_each_product(s, [&](Index i, Index y, Index x, Index o, Index p, Index q, Index a, Index b, Index k, Index c) {
    out(i, y, x, o) += input(i, p, q, c) * weights(a, b, k, o);
  });
  if (bias.data() != nullptr)
    for (Index i = 0; i < out.size(); ++i) out[i] += static_cast<Real>(bias[i % s.n]);
  return out;
}

template <class T>
ConvGradients conv_backward(TensorView<const T> dZ, TensorView<const T> A_prev, TensorView<const T> W,
                            const ConvOptions& options) {
  const Conv s(A_prev.shape(), W.shape(), options);
  const Array input = pad(s, A_prev), weights = Array::of_images(W), gradient = Array::of_images(dZ);
  Array d_input(s.m, s.padded_h(), s.padded_w(), s.c), dW(s.kh, s.kw, s.group_in, s.n), db(s.n);
  for_each_product(s, [&](Index i, Index y, Index x, Index o, Index p, Index q, Index a, Index b, Index k, Index c) {
    d_input(i, p, q, c) += weights(a, b, k, o) * gradient(i, y, x, o);
    dW(a, b, k, o) += input(i, p, q, c) * gradient(i, y, x, o);
  });
  for (Index i = 0; i < gradient.size(); ++i) db[i % s.n] += gradient[i];
  return {crop(s, d_input), dW, db};
}

// ---- Pooling ---------------------------------------------------------------------------------------------------

namespace {

// The pixel (y, x) of the maximum of the window that begins at (top, left): the first in row-major order; the first
// NaN when there is one.
struct Pixel {
  Index y, x;
};

Pixel first_maximum(const Array& input, const Pool& s, Index i, Index top, Index left, Index k) {
  Pixel best{top, left};
  for (Index y = top; y < top + s.kh; ++y)
    for (Index x = left; x < left + s.kw; ++x) {
      const Real value = input(i, y, x, k), maximum = input(i, best.y, best.x, k);
      if (!std::isnan(maximum) && (value > maximum || std::isnan(value))) best = {y, x};
    }
  return best;
}

// Calls visit(i, y, x, k) for each element of the output.
template <class Visit>
void for_each_window(const Pool& s, Visit visit) {
  for (Index i = 0; i < s.m; ++i)
    for (Index y = 0; y < s.h_new; ++y)
      for (Index x = 0; x < s.w_new; ++x)
        for (Index k = 0; k < s.c; ++k) visit(i, y, x, k);
}

}  // namespace

template <class T>
Array pool_forward(TensorView<const T> A_prev, const PoolOptions& options) {
  const Pool s(A_prev.shape(), options);
  const Array input = Array::of_images(A_prev);
  Array out(s.m, s.h_new, s.w_new, s.c);
  for_each_window(s, [&](Index i, Index y, Index x, Index k) {
    if (options.mode == PoolMode::max) {
      const Pixel best = first_maximum(input, s, i, y * s.sh, x * s.sw, k);
      out(i, y, x, k) = input(i, best.y, best.x, k);
      return;
    }
    for (Index a = 0; a < s.kh; ++a)
      for (Index b = 0; b < s.kw; ++b) out(i, y, x, k) += input(i, y * s.sh + a, x * s.sw + b, k);
    out(i, y, x, k) /= static_cast<Real>(s.kh * s.kw);
  });
  return out;
}

template <class T>
Array pool_backward(TensorView<const T> dA, TensorView<const T> A_prev, const PoolOptions& options) {
  const Pool s(A_prev.shape(), options);
  const Array input = Array::of_images(A_prev), gradient = Array::of_images(dA);
  Array dA_prev(s.m, s.h, s.w, s.c);
  for_each_window(s, [&](Index i, Index y, Index x, Index k) {
    if (options.mode == PoolMode::max) {
      const Pixel best = first_maximum(input, s, i, y * s.sh, x * s.sw, k);
      dA_prev(i, best.y, best.x, k) += gradient(i, y, x, k);
      return;
    }
    for (Index a = 0; a < s.kh; ++a)
      for (Index b = 0; b < s.kw; ++b)
        dA_prev(i, y * s.sh + a, x * s.sw + b, k) += gradient(i, y, x, k) / static_cast<Real>(s.kh * s.kw);
  });
  return dA_prev;
}

// ---- Dense -----------------------------------------------------------------------------------------------------

template <class T>
Array dense_forward(TensorView<const T> X, TensorView<const T> W, TensorView<const T> b) {
  const Index m = X.shape()[0], n_in = X.shape()[1], n_out = W.shape()[1];
  Array out(m * n_out);
  for (Index i = 0; i < m; ++i)
    for (Index o = 0; o < n_out; ++o) {
      Real sum = b.data() == nullptr ? Real(0) : static_cast<Real>(b[o]);
      for (Index k = 0; k < n_in; ++k) sum += static_cast<Real>(X[i * n_in + k]) * static_cast<Real>(W[k * n_out + o]);
      out[i * n_out + o] = sum;
    }
  return out;
}

template <class T>
DenseGradients dense_backward(TensorView<const T> dZ, TensorView<const T> X, TensorView<const T> W) {
  const Index m = X.shape()[0], n_in = X.shape()[1], n_out = W.shape()[1];
  DenseGradients g{Array(m * n_in), Array(n_in * n_out), Array(n_out)};
  for (Index i = 0; i < m; ++i)
    for (Index o = 0; o < n_out; ++o) {
      const Real d = static_cast<Real>(dZ[i * n_out + o]);
      for (Index k = 0; k < n_in; ++k) {
        g.dX[i * n_in + k] += d * static_cast<Real>(W[k * n_out + o]);
        g.dW[k * n_out + o] += d * static_cast<Real>(X[i * n_in + k]);
      }
      g.db[o] += d;
    }
  return g;
}

// ---- Activations -----------------------------------------------------------------------------------------------

namespace {

// Klambauer et al. 2017, equation 14 and its appendix.
constexpr Real kSeluAlpha = 1.6732632423543772848170429916717L;
constexpr Real kSeluScale = 1.0507009873554804934193349852946L;
constexpr Real kSqrtHalf = 0.70710678118654752440084436210485L;
constexpr Real kInverseSqrtTwoPi = 0.39894228040143267793994605993438L;

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
constexpr Real kSqrtTwoOverPi = 0.79788456080286535587989211986876L;
Real normal_cdf(Real x) { return std::erfc(-x * kSqrtHalf) / 2; }

}  // namespace

Real gelu_gate(Real x) { return 2 * kSqrtTwoOverPi * (x + Real(0.044715L) * x * x * x); }

Real activation(Activation which, Real x) {
  if (std::isnan(x)) return x;
  switch (which) {
    case Activation::identity:
      return x;
    case Activation::relu:
      return std::max(x, Real(0));
    case Activation::relu6:
      return std::min(std::max(x, Real(0)), Real(6));
    case Activation::leaky_relu:
      return x > 0 ? x : x / 100;
    case Activation::elu:
      return x > 0 ? x : std::expm1(x);
    case Activation::selu:
      return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x));
    case Activation::gelu:
      return x * normal_cdf(x);
    case Activation::gelu_tanh:
      return x * sigmoid(gelu_gate(x));
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::softplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Activation::softsign:
      return x / (1 + std::abs(x));
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::hard_sigmoid:
      return std::min(std::max(x / 6 + Real(0.5), Real(0)), Real(1));
    case Activation::hard_swish:
      return x * std::min(std::max(x / 6 + Real(0.5), Real(0)), Real(1));
    case Activation::hard_tanh:
      return std::min(std::max(x, Real(-1)), Real(1));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::exponential:
      return std::exp(x);
    case Activation::softmax:
    case Activation::log_softmax:
      break;
  }
  throw std::logic_error("reference: not an elementwise activation");
}

Real activation_slope(Activation which, Real x) {
  if (std::isnan(x)) return x;
  switch (which) {
    case Activation::identity:
      return 1;
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::relu6:
      return x > 0 && x < 6 ? 1 : 0;
    case Activation::leaky_relu:
      return x > 0 ? Real(1) : Real(1) / 100;
    case Activation::elu:
      return x > 0 ? Real(1) : std::exp(x);
    case Activation::selu:
      return kSeluScale * (x > 0 ? Real(1) : kSeluAlpha * std::exp(x));
    case Activation::gelu:
      return normal_cdf(x) + x * kInverseSqrtTwoPi * std::exp(-x * x / 2);
    case Activation::gelu_tanh: {
      const Real gate = sigmoid(gelu_gate(x));
      return gate + x * gate * sigmoid(-gelu_gate(x)) * 2 * kSqrtTwoOverPi * (1 + 3 * Real(0.044715L) * x * x);
    }
    case Activation::silu:
      return sigmoid(x) + x * sigmoid(x) * sigmoid(-x);
    case Activation::mish: {
      const Real inner = std::log1p(std::exp(x)), sech = 1 / std::cosh(inner);
      return std::tanh(inner) + x * sech * sech * sigmoid(x);
    }
    case Activation::softplus:
      return sigmoid(x);
    case Activation::softsign:
      return 1 / ((1 + std::abs(x)) * (1 + std::abs(x)));
    case Activation::sigmoid:
      return sigmoid(x) * sigmoid(-x);
    case Activation::hard_sigmoid:
      return x > -3 && x < 3 ? Real(1) / 6 : Real(0);
    case Activation::hard_swish:
      return x <= -3 ? Real(0) : x <= 3 ? x / 3 + Real(0.5) : Real(1);
    case Activation::hard_tanh:
      return x > -1 && x < 1 ? 1 : 0;
    case Activation::tanh:
      return 1 / (std::cosh(x) * std::cosh(x));
    case Activation::exponential:
      return std::exp(x);
    case Activation::softmax:
    case Activation::log_softmax:
      break;
  }
  throw std::logic_error("reference: not an elementwise activation");
}

bool is_elementwise(Activation which) { return which != Activation::softmax && which != Activation::log_softmax; }

Real log_sum_exp(const Array& x, Index begin, Index n) {
  Real maximum = x[begin], sum = 0;
  for (Index j = 1; j < n; ++j) maximum = std::max(maximum, x[begin + j]);
  for (Index j = 0; j < n; ++j) sum += std::exp(x[begin + j] - maximum);
  return maximum + std::log(sum);
}

Array activate(Activation which, Array x, Index n) {
  if (is_elementwise(which)) {
    for (Index i = 0; i < x.size(); ++i) x[i] = activation(which, x[i]);
    return x;
  }
  for (Index row = 0; row < x.size(); row += n) {
    const Real normaliser = log_sum_exp(x, row, n);
    for (Index j = 0; j < n; ++j) {
      x[row + j] -= normaliser;
      if (which == Activation::softmax) x[row + j] = std::exp(x[row + j]);
    }
  }
  return x;
}

Array activate_backward(Activation which, const Array& dy, const Array& x, Index n) {
  Array dx = dy;
  if (is_elementwise(which)) {
    for (Index i = 0; i < x.size(); ++i) dx[i] *= activation_slope(which, x[i]);
    return dx;
  }
  const Array p = activate(Activation::softmax, x, n);
  for (Index row = 0; row < x.size(); row += n) {
    Real dot = 0, sum = 0;
    for (Index j = 0; j < n; ++j) {
      dot += dy[row + j] * p[row + j];
      sum += dy[row + j];
    }
    for (Index j = row; j < row + n; ++j)
      dx[j] = which == Activation::softmax ? p[j] * (dy[j] - dot) : dy[j] - p[j] * sum;
  }
  return dx;
}

// ---- Loss ------------------------------------------------------------------------------------------------------

template <class T>
CrossEntropy softmax_cross_entropy(TensorView<const T> logits, std::span<const std::int32_t> labels) {
  const Index m = logits.shape()[0], classes = logits.shape()[1];
  const Array x = Array::of(logits);
  CrossEntropy result{0, 0, Array(m * classes)};
  for (Index i = 0; i < m; ++i) {
    const Index label = labels[static_cast<std::size_t>(i)], row = i * classes;
    const Real normaliser = log_sum_exp(x, row, classes);
    result.loss += (normaliser - x[row + label]) / static_cast<Real>(m);
    Index largest = 0;
    for (Index j = 0; j < classes; ++j) {
      if (x[row + j] > x[row + largest]) largest = j;
      result.dlogits[row + j] = (std::exp(x[row + j] - normaliser) - (j == label ? 1 : 0)) / static_cast<Real>(m);
    }
    result.correct += largest == label ? 1 : 0;
  }
  return result;
}

// ---- For the types that tests are made of ----------------------------------------------------------------------

#define HUBEL_REFERENCE(T)                                                                                        \
  template Array conv_forward(TensorView<const T>, TensorView<const T>, TensorView<const T>, const ConvOptions&); \
  template ConvGradients conv_backward(TensorView<const T>, TensorView<const T>, TensorView<const T>,             \
                                       const ConvOptions&);                                                       \
  template Array pool_forward(TensorView<const T>, const PoolOptions&);                                           \
  template Array pool_backward(TensorView<const T>, TensorView<const T>, const PoolOptions&);                     \
  template Array dense_forward(TensorView<const T>, TensorView<const T>, TensorView<const T>);                    \
  template DenseGradients dense_backward(TensorView<const T>, TensorView<const T>, TensorView<const T>);          \
  template CrossEntropy softmax_cross_entropy(TensorView<const T>, std::span<const std::int32_t>);
HUBEL_REFERENCE(float)
HUBEL_REFERENCE(double)
#undef HUBEL_REFERENCE

}  // namespace hubel::reference
