// Dense layers for a few samples; see small_dense.hpp.
#include "ops/small_dense.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/workspace.hpp"
#include "simd/dense.hpp"
#include "simd/elementwise.hpp"
#include "simd/transpose.hpp"

namespace hubel::detail {

template <class T>
void SmallDense::forward(const T* X, const T* W, const T* b, Activation activation, std::int64_t m, T* Y) const {
  const auto samples = static_cast<std::size_t>(m), outputs = static_cast<std::size_t>(n_out);
  simd::dense_forward(X, W, b, Y, samples, static_cast<std::size_t>(n_in), outputs, 0, outputs);
  if (activation == Activation::softmax || activation == Activation::log_softmax) {
    simd::softmax_rows(activation == Activation::log_softmax, Y, Y, samples, outputs);
  } else if (activation != Activation::identity) {
    simd::activate(activation, Y, Y, samples * outputs);
  }
}

template <class T>
void SmallDense::backward_data(const T* dZ, const T* W, std::int64_t m, T* dX) const {
  constexpr auto kSamples = static_cast<std::int64_t>(simd::kDenseSamples);
  T* dZt = scratch<T>(Scratch::gradients, static_cast<std::size_t>((n_in + n_out) * kSamples));
  T* dXt = dZt + n_out * kSamples;
  for (std::int64_t begin = 0; begin < m; begin += kSamples) {
    const std::int64_t count = std::min(kSamples, m - begin);
    const auto samples = static_cast<std::size_t>(count);
    if (count < kSamples) std::fill_n(dZt, n_out * kSamples, T(0));
    simd::transpose(dZ + begin * n_out, n_out, samples, static_cast<std::size_t>(n_out),
                    static_cast<std::size_t>((m - begin) * n_out), dZt, kSamples);
    simd::dense_backward_data(dZt, W, dXt, static_cast<std::size_t>(n_in), static_cast<std::size_t>(n_out));
    simd::transpose(dXt, kSamples, static_cast<std::size_t>(n_in), samples, static_cast<std::size_t>(n_in * kSamples),
                    dX + begin * n_in, n_in);
  }
}

template <class T>
void SmallDense::backward_weights(const T* X, const T* dZ, std::int64_t m, std::int64_t begin, std::int64_t end,
                                  T* dW) const {
  simd::dense_backward_weights(X, dZ, dW, static_cast<std::size_t>(m), static_cast<std::size_t>(n_in),
                               static_cast<std::size_t>(n_out), static_cast<std::size_t>(begin),
                               static_cast<std::size_t>(end));
}

template void SmallDense::forward(const float*, const float*, const float*, Activation, std::int64_t, float*) const;
template void SmallDense::forward(const double*, const double*, const double*, Activation, std::int64_t, double*) const;
template void SmallDense::backward_data(const float*, const float*, std::int64_t, float*) const;
template void SmallDense::backward_data(const double*, const double*, std::int64_t, double*) const;
template void SmallDense::backward_weights(const float*, const float*, std::int64_t, std::int64_t, std::int64_t,
                                           float*) const;
template void SmallDense::backward_weights(const double*, const double*, std::int64_t, std::int64_t, std::int64_t,
                                           double*) const;

}  // namespace hubel::detail
