// The dense layer: a 1x1 convolution over m "pixels" of n_in channels, and so the same three loops.
#include "hubel/dense.hpp"

#include <stdexcept>

#include "ops/checks.hpp"
#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr detail::Tap kOneTap[1] = {{0, 0}};

detail::PatchGrid row_of(std::int64_t m, std::int64_t channels) {
  return {1, 1, m, channels, 1, m, 1, 1, kOneTap, kOneTap};
}

void check_operands(std::string_view who, const Shape& X, const Shape& W) {
  detail::check_rank(who, "X", X, 2, "(m, n_in)");
  detail::check_rank(who, "W", W, 2, "(n_in, n_out)");
  if (W[0] != X[1]) {
    throw std::invalid_argument(
        detail::formatted("{}: W has n_in = {} but X has {} (W is (n_in, n_out), X is (m, n_in))", who, W[0],
                          detail::counted(X[1], "column")));
  }
}

template <class T>
void forward(TensorView<const T> X, TensorView<const T> W, TensorView<const T> b, Activation activation,
             TensorView<T> out) {
  constexpr std::string_view who = "dense_forward";
  check_operands(who, X.shape(), W.shape());
  const std::int64_t m = X.shape()[0], n_in = X.shape()[1], n_out = W.shape()[1];
  if (b.data() || b.shape().rank() > 0) detail::check_shape(who, "b", b.shape(), Shape{n_out}, "(n_out,)");
  detail::check_shape(who, "out", out.shape(), Shape{m, n_out}, "(m, n_out)");
  const bool by_row = activation == Activation::softmax || activation == Activation::log_softmax;
  detail::Correlation<T> k{};
  k.grid = row_of(m, n_in);
  k.source = X.data();
  k.groups = 1;
  k.channels = n_in;
  k.out_channels = n_out;
  k.weights = W.data();
  k.w_c = n_out;
  k.w_n = 1;
  k.out = out.data();
  k.out_pixel = n_out;
  k.bias = b.data();
  k.activation = by_row ? Activation::identity : activation;
  detail::correlate(k);
  if (by_row) activation_forward(out, activation, out);
}

template <class T>
void backward(TensorView<const T> dZ, TensorView<const T> X, TensorView<const T> W, TensorView<T> dX, TensorView<T> dW,
              TensorView<T> db) {
  constexpr std::string_view who = "dense_backward";
  const auto wanted = [](const TensorView<T>& v) { return v.data() || v.shape().rank() > 0; };
  check_operands(who, X.shape(), W.shape());
  const std::int64_t m = X.shape()[0], n_in = X.shape()[1], n_out = W.shape()[1];
  detail::check_shape(who, "dZ", dZ.shape(), Shape{m, n_out}, "(m, n_out), the shape of the output");
  if (wanted(dX)) {
    detail::check_shape(who, "dX", dX.shape(), X.shape(), "the shape of X");
    detail::Correlation<T> k{};
    k.grid = row_of(m, n_out);
    k.source = dZ.data();
    k.groups = 1;
    k.channels = n_out;
    k.out_channels = n_in;
    k.weights = W.data();
    k.w_c = 1;
    k.w_n = n_out;
    k.out = dX.data();
    k.out_pixel = n_in;
    detail::correlate(k);
  }
  if (wanted(dW)) {
    detail::check_shape(who, "dW", dW.shape(), W.shape(), "the shape of W");
    detail::weight_gradient(detail::WeightGradient<T>{row_of(m, n_in), X.data(), 1, n_in, n_out, dZ.data(), dW.data()});
  }
  if (wanted(db)) {
    detail::check_shape(who, "db", db.shape(), Shape{n_out}, "(n_out,)");
    detail::column_sums(dZ.data(), m, n_out, db.data());
  }
}

template <class T>
Tensor<T> forward_new(TensorView<const T> X, TensorView<const T> W, TensorView<const T> b, Activation activation) {
  check_operands("dense_forward", X.shape(), W.shape());
  auto out = Tensor<T>::uninitialized({X.shape()[0], W.shape()[1]});
  forward<T>(X, W, b, activation, out);
  return out;
}

template <class T>
DenseGradients<T> backward_new(TensorView<const T> dZ, TensorView<const T> X, TensorView<const T> W) {
  check_operands("dense_backward", X.shape(), W.shape());
  DenseGradients<T> g{Tensor<T>::uninitialized(X.shape()), Tensor<T>::uninitialized(W.shape()),
                      Tensor<T>::uninitialized({W.shape()[1]})};
  backward<T>(dZ, X, W, g.dX, g.dW, g.db);
  return g;
}

}  // namespace

Tensor<float> dense_forward(TensorView<const float> X, TensorView<const float> W, TensorView<const float> b,
                            Activation activation) {
  return forward_new(X, W, b, activation);
}
Tensor<double> dense_forward(TensorView<const double> X, TensorView<const double> W, TensorView<const double> b,
                             Activation activation) {
  return forward_new(X, W, b, activation);
}
void dense_forward(TensorView<const float> X, TensorView<const float> W, TensorView<const float> b,
                   Activation activation, TensorView<float> out) {
  forward(X, W, b, activation, out);
}
void dense_forward(TensorView<const double> X, TensorView<const double> W, TensorView<const double> b,
                   Activation activation, TensorView<double> out) {
  forward(X, W, b, activation, out);
}

DenseGradients<float> dense_backward(TensorView<const float> dZ, TensorView<const float> X, TensorView<const float> W) {
  return backward_new(dZ, X, W);
}
DenseGradients<double> dense_backward(TensorView<const double> dZ, TensorView<const double> X,
                                      TensorView<const double> W) {
  return backward_new(dZ, X, W);
}
void dense_backward(TensorView<const float> dZ, TensorView<const float> X, TensorView<const float> W,
                    TensorView<float> dX, TensorView<float> dW, TensorView<float> db) {
  backward(dZ, X, W, dX, dW, db);
}
void dense_backward(TensorView<const double> dZ, TensorView<const double> X, TensorView<const double> W,
                    TensorView<double> dX, TensorView<double> dW, TensorView<double> db) {
  backward(dZ, X, W, dX, dW, db);
}

}  // namespace hubel
