// The oracle: every operation written straight from its definition, with the simplest loops that say it. It shares
// nothing with the library but the types of its arguments; output sizes, padding and channel groups are worked out here
// again. Sums run in long double, so that in a comparison the error is the library's own. T is float or double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/pool.hpp"
#include "hubel/tensor.hpp"

namespace hubel::reference {

using Real = long double;
using Index = std::int64_t;

// A dense array of up to four axes, row-major, of zeros to begin with.
class Array {
 public:
  explicit Array(Index n0, Index n1 = 1, Index n2 = 1, Index n3 = 1)
      : n1_(n1), n2_(n2), n3_(n3), values_(static_cast<std::size_t>(n0 * n1 * n2 * n3)) {}

  template <class T>
  static Array of(TensorView<T> x) {
    Array a(x.size());
    for (Index i = 0; i < x.size(); ++i) a[i] = static_cast<Real>(x[i]);
    return a;
  }
  template <class T>
  static Array of_images(TensorView<T> x) {  // (m, h, w, c), also (kh, kw, c, n)
    Array a(x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]);
    for (Index i = 0; i < x.size(); ++i) a[i] = static_cast<Real>(x[i]);
    return a;
  }

  Index size() const { return static_cast<Index>(values_.size()); }
  Real& operator[](Index i) { return values_[static_cast<std::size_t>(i)]; }
  Real operator[](Index i) const { return values_[static_cast<std::size_t>(i)]; }
  Real& operator()(Index i, Index j, Index k, Index l) { return (*this)[offset(i, j, k, l)]; }
  Real operator()(Index i, Index j, Index k, Index l) const { return (*this)[offset(i, j, k, l)]; }

 private:
  Index offset(Index i, Index j, Index k, Index l) const { return ((i * n1_ + j) * n2_ + k) * n3_ + l; }

  Index n1_, n2_, n3_;
  std::vector<Real> values_;
};

// ---- Convolution -----------------------------------------------------------------------------------------------

// One axis of a convolution: how many zeros come before and after, and how many windows fit.
struct Axis {
  Index before, after, windows;
};

// The sizes of a convolution, from the shapes and the options.
struct Conv {
  Conv(const Shape& A, const Shape& W, const ConvOptions& options);

  Shape output_shape() const { return {m, rows.windows, columns.windows, n}; }
  Index padded_h() const { return rows.before + h + rows.after; }
  Index padded_w() const { return columns.before + w + columns.after; }

  Index m, h, w, c, kh, kw, group_in, n, group_out, sh, sw, dh, dw;
  Axis rows, columns;
};

// The pre-activation, (m, h_new, w_new, c_new); an empty b is no bias.
template <class T>
Array conv_forward(TensorView<const T> A_prev, TensorView<const T> W, TensorView<const T> b,
                   const ConvOptions& options);

struct ConvGradients {
  Array dA_prev, dW, db;
};

// The chain rule applied to each product of the forward pass in turn.
template <class T>
ConvGradients conv_backward(TensorView<const T> dZ, TensorView<const T> A_prev, TensorView<const T> W,
                            const ConvOptions& options);

// ---- Pooling ---------------------------------------------------------------------------------------------------

struct Pool {
  Pool(const Shape& A, const PoolOptions& options)
      : m(A[0]),
        h(A[1]),
        w(A[2]),
        c(A[3]),
        kh(options.kernel_shape[0]),
        kw(options.kernel_shape[1]),
        sh(options.stride[0]),
        sw(options.stride[1]),
        h_new((h - kh) / sh + 1),
        w_new((w - kw) / sw + 1) {}

  Shape output_shape() const { return {m, h_new, w_new, c}; }

  Index m, h, w, c, kh, kw, sh, sw, h_new, w_new;
};

template <class T>
Array pool_forward(TensorView<const T> A_prev, const PoolOptions& options);
template <class T>
Array pool_backward(TensorView<const T> dA, TensorView<const T> A_prev, const PoolOptions& options);

// ---- Dense -----------------------------------------------------------------------------------------------------

template <class T>
Array dense_forward(TensorView<const T> X, TensorView<const T> W, TensorView<const T> b);

struct DenseGradients {
  Array dX, dW, db;
};

template <class T>
DenseGradients dense_backward(TensorView<const T> dZ, TensorView<const T> X, TensorView<const T> W);

// ---- Activations -----------------------------------------------------------------------------------------------

// The elementwise activations at x, and their derivatives; at kinks, as PyTorch has them.
Real activation(Activation which, Real x);
Real activation_slope(Activation which, Real x);
bool is_elementwise(Activation which);
// Twice the argument of the hyperbolic tangent in gelu's approximation at x.
Real gelu_gate(Real x);

// log(sum(exp(x))) of the n numbers from x[begin].
Real log_sum_exp(const Array& x, Index begin, Index n);

// The activation of a whole array whose last axis has n elements.
Array activate(Activation which, Array x, Index n);
// dx from dy and the pre-activation x.
Array activate_backward(Activation which, const Array& dy, const Array& x, Index n);

// ---- Loss ------------------------------------------------------------------------------------------------------

struct CrossEntropy {
  Real loss = 0;
  Index correct = 0;
  Array dlogits;
};

template <class T>
CrossEntropy softmax_cross_entropy(TensorView<const T> logits, std::span<const std::int32_t> labels);

}  // namespace hubel::reference
