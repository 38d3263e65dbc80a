// Dense layers for a few samples; see dense.hpp.
//
// Tiles of 12 accumulators, or 8: M samples by V vectors of outputs forward, 8 inputs by the samples as lanes
// backward-data, 4 inputs by 3 vectors of outputs backward-weights. What whole vectors leave of a row is done by
// narrower ones, so that nothing beyond it is read.
#include "simd/dense.hpp"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/dense.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// A product of matrices A (rows, terms) and B (terms, columns) with strides, of which a tile is computed at a time:
// C[r][c] = addend[r * addend_row + c] + sum over t of A[r * a_row + t * a_term] * B[t * b_term + c].
template <class T>
struct Product {
  const T* a;
  std::size_t a_row, a_term;
  const T* b;
  std::size_t b_term;
  const T* addend;  // or null: nothing is added
  std::size_t addend_row;
  T* c;
  std::size_t c_row;
  std::size_t rows, terms, columns;
};

// M rows from r on by V vectors from column c on.
template <int M, int V, class D, class T>
HWY_NOINLINE void product_tile(D d, const Product<T>& p, std::size_t r, std::size_t c) {
  using Vec = hn::Vec<D>;
  const std::size_t lanes = hn::Lanes(d), a_row = p.a_row, a_term = p.a_term, b_term = p.b_term;
  Vec acc[M][V];
  HUBEL_UNROLL
  for (int i = 0; i < M * V; ++i) acc[i / V][i % V] = hn::Zero(d);
  const T* HWY_RESTRICT a = p.a + r * a_row;
  const T* HWY_RESTRICT b = p.b + c;
  for (std::size_t t = 0; t < p.terms; ++t, a += a_term, b += b_term) {
    Vec bv[V];
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) bv[v] = hn::LoadU(d, b + static_cast<std::size_t>(v) * lanes);
    HUBEL_UNROLL
    for (int i = 0; i < M; ++i) {
      const Vec x = hn::Set(d, a[static_cast<std::size_t>(i) * a_row]);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) acc[i][v] = hn::MulAdd(x, bv[v], acc[i][v]);
    }
  }
  if (p.addend) {
    HUBEL_UNROLL
    for (int i = 0; i < M * V; ++i) {
      const std::size_t row = r + static_cast<std::size_t>(i / V), at = c + static_cast<std::size_t>(i % V) * lanes;
      acc[i / V][i % V] = hn::Add(acc[i / V][i % V], hn::LoadU(d, p.addend + row * p.addend_row + at));
    }
  }
  HUBEL_UNROLL
  for (int i = 0; i < M * V; ++i) {
    const std::size_t row = r + static_cast<std::size_t>(i / V), at = c + static_cast<std::size_t>(i % V) * lanes;
    hn::StoreU(acc[i / V][i % V], d, p.c + row * p.c_row + at);
  }
}

// M rows from r on, all columns. A single row is bound by reading B, which is fastest in the order of its memory: hence
// tiles as wide as registers allow, and vectors of at most 32 bytes, of which more rows are multiples.
template <int M, class T>
HWY_INLINE void product_rows(const Product<T>& p, std::size_t r) {
  constexpr int kVectors = M == 1 ? 8 : 12 / M, kRow = 15;
  const hn::CappedTag<T, M == 1 ? 32 / sizeof(T) : HWY_MAX_BYTES / sizeof(T)> d;
  const std::size_t lanes = hn::Lanes(d), vectors = p.columns / lanes;
  std::size_t done = 0;
  if constexpr (M == 1) {
    for (; done + kRow <= vectors; done += kRow) product_tile<1, kRow>(d, p, r, done * lanes);
  }
  const std::size_t rest = vectors - done, tiles = (rest + kVectors - 1) / kVectors;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t begin = done + rest * i / tiles, end = done + rest * (i + 1) / tiles;
    with_constant<kVectors>(end - begin, [&](auto count) HWY_ATTR { product_tile<M, count>(d, p, r, begin * lanes); });
  }
  if constexpr (hn::MaxLanes(d) > 1) {
    for_each_tail_vector<T, hn::MaxLanes(d) / 2>(
        vectors * lanes, p.columns, [&](auto narrow, std::size_t c) HWY_ATTR { product_tile<M, 1>(narrow, p, r, c); });
  }
}

// Rows in groups of at most four, of nearly equal size.
template <class T>
HWY_INLINE void multiply(const Product<T>& p) {
  constexpr int kRows = 4;
  const std::size_t groups = (p.rows + kRows - 1) / kRows;
  for (std::size_t i = 0; i < groups; ++i) {
    const std::size_t begin = p.rows * i / groups, end = p.rows * (i + 1) / groups;
    with_constant<kRows>(end - begin, [&](auto count) HWY_ATTR { product_rows<count>(p, begin); });
  }
}

// The terms of a block, of nearly equal ones.
HWY_INLINE std::size_t block_length(std::size_t terms) {
  const std::size_t blocks = HWY_MAX(std::size_t{1}, (terms + kDenseBlock - 1) / kDenseBlock);
  return HWY_MAX(std::size_t{1}, (terms + blocks - 1) / blocks);
}

// Calls f(product) for each block of terms. All but the first are added to what is there.
template <class T, class F>
HWY_INLINE void for_each_block(Product<T> p, const F& f) {
  const std::size_t terms = p.terms, length = block_length(terms);
  const T* a = p.a;
  const T* b = p.b;
  for (std::size_t begin = 0; begin == 0 || begin < terms; begin += length) {
    p.a = a + begin * p.a_term;
    p.b = b + begin * p.b_term;
    p.terms = HWY_MIN(length, terms - begin);
    f(p);
    p.addend = p.c;
    p.addend_row = p.c_row;
  }
}

template <class T>
HWY_INLINE void forward_of(const T* X, const T* W, const T* b, T* Y, std::size_t m, std::size_t n_in,
                           std::size_t n_out) {
  for_each_block(Product<T>{X, n_in, 1, W, n_out, b, 0, Y, n_out, m, n_in, n_out},
                 [](const Product<T>& p) HWY_ATTR { multiply(p); });
}

template <class T>
HWY_INLINE void weights_of(const T* X, const T* dZ, T* dW, std::size_t m, std::size_t n_in, std::size_t n_out,
                           std::size_t begin, std::size_t end) {
  for_each_block(
      Product<T>{X + begin, 1, n_in, dZ, n_out, nullptr, 0, dW + begin * n_out, n_out, end - begin, m, n_out},
      [](const Product<T>& p) HWY_ATTR { multiply(p); });
}

// R inputs by the samples, V vectors of them.
template <int R, int V, class D, class T>
HWY_INLINE void data_tile(D d, const T* HWY_RESTRICT z, const T* HWY_RESTRICT w, T* HWY_RESTRICT out, std::size_t terms,
                          std::size_t n_out, bool accumulate) {
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<D> acc[R][V];
  HUBEL_UNROLL
  for (int i = 0; i < R * V; ++i) acc[i / V][i % V] = hn::Zero(d);
  for (std::size_t t = 0; t < terms; ++t, z += kDenseSamples, ++w) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      const auto zv = hn::LoadU(d, z + static_cast<std::size_t>(v) * lanes);
      HUBEL_UNROLL
      for (int r = 0; r < R; ++r)
        acc[r][v] = hn::MulAdd(hn::Set(d, w[static_cast<std::size_t>(r) * n_out]), zv, acc[r][v]);
    }
  }
  HUBEL_UNROLL
  for (int i = 0; i < R * V; ++i) {
    T* place = out + static_cast<std::size_t>(i / V) * kDenseSamples + static_cast<std::size_t>(i % V) * lanes;
    const auto sum = acc[i / V][i % V];
    hn::StoreU(accumulate ? hn::Add(hn::LoadU(d, place), sum) : sum, d, place);
  }
}

template <class T>
HWY_INLINE void data_of(const T* dZt, const T* W, T* dXt, std::size_t n_in, std::size_t n_out) {
  const hn::CappedTag<T, kDenseSamples> d;
  const std::size_t lanes = hn::Lanes(d);
  // Two vectors at most at a time; more, where vectors are short, one after the other.
  constexpr int kVectors = kDenseSamples / hn::MaxLanes(d) >= 2 ? 2 : 1;
  constexpr int kInputs = 8 / kVectors;
  const std::size_t length = block_length(n_out);
  for (std::size_t begin = 0; begin == 0 || begin < n_out; begin += length) {
    const std::size_t terms = HWY_MIN(length, n_out - begin);
    for (std::size_t s = 0; s < kDenseSamples; s += kVectors * lanes) {
      const T* z = dZt + begin * kDenseSamples + s;
      std::size_t k = 0;
      for (; k + kInputs <= n_in; k += kInputs)
        data_tile<kInputs, kVectors>(d, z, W + k * n_out + begin, dXt + k * kDenseSamples + s, terms, n_out, begin > 0);
      for (; k < n_in; ++k)
        data_tile<1, kVectors>(d, z, W + k * n_out + begin, dXt + k * kDenseSamples + s, terms, n_out, begin > 0);
    }
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void ForwardF32(const float* X, const float* W, const float* b, float* Y, std::size_t m, std::size_t n_in,
                std::size_t n_out) {
  forward_of(X, W, b, Y, m, n_in, n_out);
}
void ForwardF64(const double* X, const double* W, const double* b, double* Y, std::size_t m, std::size_t n_in,
                std::size_t n_out) {
  forward_of(X, W, b, Y, m, n_in, n_out);
}
void DataF32(const float* dZt, const float* W, float* dXt, std::size_t n_in, std::size_t n_out) {
  data_of(dZt, W, dXt, n_in, n_out);
}
void DataF64(const double* dZt, const double* W, double* dXt, std::size_t n_in, std::size_t n_out) {
  data_of(dZt, W, dXt, n_in, n_out);
}
void WeightsF32(const float* X, const float* dZ, float* dW, std::size_t m, std::size_t n_in, std::size_t n_out,
                std::size_t begin, std::size_t end) {
  weights_of(X, dZ, dW, m, n_in, n_out, begin, end);
}
void WeightsF64(const double* X, const double* dZ, double* dW, std::size_t m, std::size_t n_in, std::size_t n_out,
                std::size_t begin, std::size_t end) {
  weights_of(X, dZ, dW, m, n_in, n_out, begin, end);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(DataF32);
HWY_EXPORT(DataF64);
HWY_EXPORT(WeightsF32);
HWY_EXPORT(WeightsF64);

template <>
void dense_forward(const float* X, const float* W, const float* b, float* Y, std::size_t m, std::size_t n_in,
                   std::size_t n_out) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(X, W, b, Y, m, n_in, n_out);
}
template <>
void dense_forward(const double* X, const double* W, const double* b, double* Y, std::size_t m, std::size_t n_in,
                   std::size_t n_out) {
  HWY_DYNAMIC_DISPATCH(ForwardF64)(X, W, b, Y, m, n_in, n_out);
}
template <>
void dense_backward_data(const float* dZt, const float* W, float* dXt, std::size_t n_in, std::size_t n_out) {
  HWY_DYNAMIC_DISPATCH(DataF32)(dZt, W, dXt, n_in, n_out);
}
template <>
void dense_backward_data(const double* dZt, const double* W, double* dXt, std::size_t n_in, std::size_t n_out) {
  HWY_DYNAMIC_DISPATCH(DataF64)(dZt, W, dXt, n_in, n_out);
}
template <>
void dense_backward_weights(const float* X, const float* dZ, float* dW, std::size_t m, std::size_t n_in,
                            std::size_t n_out, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(WeightsF32)(X, dZ, dW, m, n_in, n_out, begin, end);
}
template <>
void dense_backward_weights(const double* X, const double* dZ, double* dW, std::size_t m, std::size_t n_in,
                            std::size_t n_out, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(WeightsF64)(X, dZ, dW, m, n_in, n_out, begin, end);
}

}  // namespace hubel::simd
#endif
