// A convolution with its activation and the max pooling behind it, as one: for training on small images.
//
// Forward keeps the pooled output and where in its window each maximum was; the convolution's own output only lives in
// the cache. Backward knows that behind the pooling all gradients are zero but the winners': it takes these alone, a
// quarter of the positions behind a 2x2 pooling and fewer where the activation is flat.
#pragma once

#include "hubel/conv.hpp"
#include "hubel/pool.hpp"

namespace hubel::detail {

struct ConvPool {
  ConvOptions conv;
  Activation activation = Activation::identity;  // elementwise, its derivative to be had from its output
  PoolOptions pool;
};

// Whether the pair, on samples of shape x (h, w, c) and with kernel W (kh, kw, c, c_new), may and should be computed
// so: one group, no dilation, windows that do not overlap, small images, and a convolution that is not better off with
// Winograd's algorithm. It has been checked that both fit.
bool conv_pool_pays(const ConvPool& pair, const Shape& x, const Shape& W);

// y (m, h_new, w_new, c_new), the pooled output, and of the same shape each maximum's number in its window.
template <class T>
void conv_pool_forward(const ConvPool& pair, TensorView<const T> x, TensorView<const T> W, TensorView<const T> b,
                       TensorView<T> y, TensorView<T> winners);

// From dz, of y's shape, the gradient with respect to the winners' pre-activations. dx and db may be empty views.
template <class T>
void conv_pool_backward(const ConvPool& pair, TensorView<const T> dz, TensorView<const T> winners,
                        TensorView<const T> x, TensorView<const T> W, TensorView<T> dx, TensorView<T> dW,
                        TensorView<T> db);

}  // namespace hubel::detail
