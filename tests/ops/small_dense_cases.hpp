// Checks of a dense layer for a few samples, in ordinary memory and between pages that may not be touched.
#pragma once

#include "ops/small_dense.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {

template <class T>
void check_small_dense(std::int64_t m, std::int64_t n_in, std::int64_t n_out, double tolerance,
                       Fence fence = Fence::after) {
  SCOPED_TRACE(detail::formatted("({}, {}) ({}, {})", m, n_in, n_in, n_out));
  const detail::SmallDense dense{n_in, n_out};
  const Tensor<T> X = random_tensor<T>({m, n_in}, 1), W = random_tensor<T>({n_in, n_out}, 2),
                  b = random_tensor<T>({n_out}, 3), dZ = random_tensor<T>({m, n_out}, 4);
  const FencedTensor<T> fenced_X(X, fence), fenced_W(W, fence), fenced_b(b, fence), fenced_dZ(dZ, fence);
  FencedTensor<T> Y({m, n_out}, fence), dX({m, n_in}, fence), dW({n_in, n_out}, fence);
  const auto at = [](const FencedTensor<T>& t) { return t.view().data(); };
  const auto out = [](FencedTensor<T>& t) { return TensorView<T>(t).data(); };

  dense.forward(at(fenced_X), at(fenced_W), at(fenced_b), Activation::identity, m, out(Y));
  EXPECT_TRUE(close(Y.view(), reference::dense_forward<T>(X, W, b), tolerance));
  EXPECT_TRUE(Y.untouched());

  const reference::DenseGradients expected = reference::dense_backward<T>(dZ, X, W);
  dense.backward_data(at(fenced_dZ), at(fenced_W), m, out(dX));
  EXPECT_TRUE(close(dX.view(), expected.dX, tolerance));
  EXPECT_TRUE(dX.untouched());

  const std::int64_t middle = n_in / 3;
  dense.backward_weights(at(fenced_X), at(fenced_dZ), m, 0, middle, out(dW));
  dense.backward_weights(at(fenced_X), at(fenced_dZ), m, middle, n_in, out(dW));
  EXPECT_TRUE(close(dW.view(), expected.dW, tolerance));
  EXPECT_TRUE(dW.untouched());
}

}  // namespace hubel::test
