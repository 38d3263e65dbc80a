// A dense layer for a few samples at a time on the calling thread, with weights that fit a core's cache: what a network
// does with its last layers while a group of samples passes through it. (hubel/dense.hpp is for a whole batch at once.)
//
// What it makes of a sample does not depend on the others.
#pragma once

#include <cstdint>

#include "hubel/activation.hpp"

namespace hubel::detail {

// X (m, n_in), W (n_in, n_out), Y and dZ (m, n_out), as in hubel/dense.hpp.
struct SmallDense {
  std::int64_t n_in, n_out;

  // Weights up to which it is the better way: 1 MB of floats.
  static constexpr std::int64_t kMaxWeights = std::int64_t{1} << 18;
  bool pays() const { return n_in <= kMaxWeights && n_out <= kMaxWeights && n_in * n_out <= kMaxWeights; }
  double flops() const { return 2.0 * static_cast<double>(n_in) * static_cast<double>(n_out); }

  // Y = activation(X W + b); b may be null.
  template <class T>
  void forward(const T* X, const T* W, const T* b, Activation activation, std::int64_t m, T* Y) const;
  // dX = dZ Wᵀ.
  template <class T>
  void backward_data(const T* dZ, const T* W, std::int64_t m, T* dX) const;
  // Rows [begin, end) of dW = Xᵀ dZ.
  template <class T>
  void backward_weights(const T* X, const T* dZ, std::int64_t m, std::int64_t begin, std::int64_t end, T* dW) const;
};

}  // namespace hubel::detail
