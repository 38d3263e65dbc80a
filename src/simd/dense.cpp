// Dense layers for a few samples; see dense.hpp.
//
// Tiles of 12 accumulators, or 8: M samples by V vectors of outputs forward, 8 inputs by the samples as lanes
// backward-data (vectors of inputs by the samples where these are few), 4 inputs by 3 vectors of outputs
// backward-weights. What whole vectors leave of a row is done by
// narrower ones, so that nothing beyond it is read.
#include "simd/dense.hpp"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/dense.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/transpose-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// A product of matrices A (rows, terms) and B (terms, columns) with strides, of which a tile is computed at a time:
// C[r][c] = bias[c] + sum over t of A[r * a_row + t * a_term] * B[t * b_term + c], or with accumulate C[r][c] + sum ...
template <class T>
struct Product {
  const T* a;
  std::size_t a_row, a_term;
  const T* b;
  std::size_t b_term;
  const T* bias;  // or null
  T* c;
  std::size_t c_row;
  std::size_t rows, terms, columns;
  bool accumulate = false;
};

// M rows from r on by V vectors from column c on.
template <int M, int V, class D, class T>
HWY_INLINE void product_tile(D d, const Product<T>& p, std::size_t r, std::size_t c) {
  using Vec = hn::Vec<D>;
  const std::size_t lanes = hn::Lanes(d), a_row = p.a_row, a_term = p.a_term, b_term = p.b_term;
  Vec acc[M][V];
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    const Vec first = p.bias ? hn::LoadU(d, p.bias + c + static_cast<std::size_t>(v) * lanes) : hn::Zero(d);
    HUBEL_UNROLL
    for (int i = 0; i < M; ++i) acc[i][v] = first;
  }
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
  T* to[M];
  HUBEL_UNROLL
  for (int i = 0; i < M; ++i) to[i] = p.c + (r + static_cast<std::size_t>(i)) * p.c_row + c;
  if (p.accumulate) {
    HUBEL_UNROLL
    for (int i = 0; i < M * V; ++i)
      acc[i / V][i % V] = hn::Add(hn::LoadU(d, to[i / V] + static_cast<std::size_t>(i % V) * lanes), acc[i / V][i % V]);
  }
  HUBEL_UNROLL
  for (int i = 0; i < M * V; ++i) hn::StoreU(acc[i / V][i % V], d, to[i / V] + static_cast<std::size_t>(i % V) * lanes);
}

// M rows from r on by so many tiles of V vectors, from column c on. Where the terms are few a call for each tile would
// take as long as the tile.
template <int M, int V, class D, class T>
HWY_NOINLINE std::size_t product_tiles(D d, const Product<T>& p, std::size_t r, std::size_t c, std::size_t tiles) {
  for (std::size_t i = 0; i < tiles; ++i, c += V * hn::Lanes(d)) product_tile<M, V>(d, p, r, c);
  return c;
}

// M rows from r on, all columns. A single row is bound by reading B, which is fastest in the order of its memory: hence
// tiles as wide as registers allow, and vectors of at most 32 bytes, of which more rows are multiples.
template <int M, class T>
HWY_INLINE void product_rows(const Product<T>& p, std::size_t r) {
  constexpr int kVectors = M == 1 ? 8 : 12 / M, kRow = 15;
  const hn::CappedTag<T, M == 1 ? 32 / sizeof(T) : HWY_MAX_BYTES / sizeof(T)> d;
  std::size_t rest = p.columns / hn::Lanes(d), c = 0;
  if constexpr (M == 1) {
    c = product_tiles<1, kRow>(d, p, r, c, rest / kRow);
    rest %= kRow;
  }
  // Tiles of nearly equal width, the wider ones first.
  if (const std::size_t tiles = (rest + kVectors - 1) / kVectors; tiles > 0) {
    const std::size_t narrow = rest / tiles, wider = rest % tiles;
    if (wider > 0)
      with_constant<kVectors>(narrow + 1, [&](auto v) HWY_ATTR { c = product_tiles<M, v>(d, p, r, c, wider); });
    with_constant<kVectors>(narrow, [&](auto v) HWY_ATTR { c = product_tiles<M, v>(d, p, r, c, tiles - wider); });
  }
  if constexpr (hn::MaxLanes(d) > 1) {
    for_each_tail_vector<T, hn::MaxLanes(d) / 2>(
        c, p.columns, [&](auto narrow, std::size_t at) HWY_ATTR { product_tile<M, 1>(narrow, p, r, at); });
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
    p.bias = nullptr;
    p.accumulate = true;
  }
}

template <class T>
HWY_INLINE void forward_of(const T* X, const T* W, const T* b, T* Y, std::size_t m, std::size_t n_in, std::size_t n_out,
                           std::size_t begin, std::size_t end) {
  for_each_block(
      Product<T>{X, n_in, 1, W + begin, n_out, b ? b + begin : nullptr, Y + begin, n_out, m, n_in, end - begin},
      [](const Product<T>& p) HWY_ATTR { multiply(p); });
}

template <class T>
HWY_INLINE void weights_of(const T* X, const T* dZ, T* dW, std::size_t m, std::size_t n_in, std::size_t n_out,
                           std::size_t begin, std::size_t end) {
  for_each_block(Product<T>{X + begin, 1, n_in, dZ, n_out, nullptr, dW + begin * n_out, n_out, end - begin, m, n_out},
                 [](const Product<T>& p) HWY_ATTR { multiply(p); });
}

// One more square's column, the term t, for M samples.
template <int M, int S, class D, class Vec, class T>
HWY_INLINE void add_column(D d, Vec column, const T* HWY_RESTRICT z, std::size_t n_out, int s, Vec (&acc)[M][S]) {
  HUBEL_UNROLL
  for (int i = 0; i < M; ++i)
    acc[i][s] = hn::MulAdd(hn::Set(d, z[static_cast<std::size_t>(i) * n_out]), column, acc[i][s]);
}

// Keeps the compiler from making a pointer of its own of each of a tile's rows: they would be read from the stack again
// and again, which takes as long as the weights.
template <class T>
HWY_INLINE void forget(const T*& pointer) {
#if defined(__GNUC__)
  asm("" : "+r"(pointer));
#else
  (void)pointer;
#endif
}

// S squares of inputs by M samples. A single square may have fewer than kSide rows.
template <int M, int S, class T>
HWY_NOINLINE void few_tile(const T* HWY_RESTRICT z, const T* HWY_RESTRICT w, T* HWY_RESTRICT out, std::size_t terms,
                           std::size_t n_in, std::size_t n_out, std::size_t rows_of_one, bool accumulate) {
  constexpr std::size_t kLanes = kSide<T>, kBlock = kBlockSide<T>;
  const std::size_t rows = S > 1 ? kLanes : rows_of_one;
  const hn::FixedTag<T, kLanes> d;
  using Vec = hn::Vec<decltype(d)>;
  Vec acc[M][S], column[kLanes / kBlock][kBlock];
  HUBEL_UNROLL
  for (int i = 0; i < M * S; ++i) acc[i / S][i % S] = hn::Zero(d);
  std::size_t t = 0;
  for (; t + kLanes <= terms; t += kLanes) {
    HUBEL_UNROLL
    for (int s = 0; s < S; ++s) {
      const T* square = w + static_cast<std::size_t>(s) * kLanes * n_out + t;
      forget(square);
      load_columns(d, square, static_cast<std::ptrdiff_t>(n_out), rows, column);
      HUBEL_UNROLL
      for (std::size_t j = 0; j < kLanes; ++j) add_column(d, column[j / kBlock][j % kBlock], z + t + j, n_out, s, acc);
    }
  }
  HUBEL_UNROLL
  for (int s = 0; s < S; ++s) {  // by a copy, for what is behind a row's end may not be there
    if (t == terms) break;
    HWY_ALIGN T square[kLanes * kLanes] = {};
    const T* row = w + static_cast<std::size_t>(s) * kLanes * n_out;
    for (std::size_t r = 0; r < rows; ++r, row += n_out) {
      for (std::size_t j = t; j < terms; ++j) square[r * kLanes + j - t] = row[j];
    }
    load_columns(d, square, kLanes, kLanes, column);
    HUBEL_UNROLL
    for (std::size_t j = 0; j < kLanes; ++j) {
      if (t + j >= terms) break;
      add_column(d, column[j / kBlock][j % kBlock], z + t + j, n_out, s, acc);
    }
  }
  HUBEL_UNROLL
  for (int i = 0; i < M * S; ++i) {
    T* to = out + static_cast<std::size_t>(i / S) * n_in + static_cast<std::size_t>(i % S) * kLanes;
    const Vec sum = acc[i / S][i % S];
    store_lanes(d, accumulate ? hn::Add(load_lanes(d, to, rows), sum) : sum, to, rows);
  }
}

// Inputs from k on by S squares, as far as whole ones go, or by single ones to the end.
template <int M, int S, class T>
HWY_INLINE std::size_t few_squares(const T* dZ, const T* W, T* dX, std::size_t n_in, std::size_t n_out, std::size_t k,
                                   std::size_t end) {
  constexpr std::size_t kInputs = S * kSide<T>;
  const std::size_t length = block_length(n_out);
  for (; S == 1 ? k < end : k + kInputs <= end; k += kInputs) {
    for (std::size_t t = 0; t == 0 || t < n_out; t += length)
      few_tile<M, S>(dZ + t, W + k * n_out + t, dX + k, HWY_MIN(length, n_out - t), n_in, n_out,
                     HWY_MIN(kInputs, end - k), t > 0);
  }
  return k;
}

// The sums of one square are a chain, whose latency hides only beside other squares': several, as far as registers go.
template <int M, class T>
HWY_INLINE void few_samples(const T* dZ, const T* W, T* dX, std::size_t n_in, std::size_t n_out, std::size_t begin,
                            std::size_t end) {
  begin = few_squares < M, M == 1 ? 4 : 2 > (dZ, W, dX, n_in, n_out, begin, end);
  few_squares<M, 1>(dZ, W, dX, n_in, n_out, begin, end);
}

template <class T>
HWY_INLINE void few_of(const T* dZ, const T* W, T* dX, std::size_t m, std::size_t n_in, std::size_t n_out,
                       std::size_t begin, std::size_t end) {
  with_constant<static_cast<int>(kDenseFew)>(
      m, [&](auto count) HWY_ATTR { few_samples<count>(dZ, W, dX, n_in, n_out, begin, end); });
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
                std::size_t n_out, std::size_t begin, std::size_t end) {
  forward_of(X, W, b, Y, m, n_in, n_out, begin, end);
}
void DataFewF32(const float* dZ, const float* W, float* dX, std::size_t m, std::size_t n_in, std::size_t n_out,
                std::size_t begin, std::size_t end) {
  few_of(dZ, W, dX, m, n_in, n_out, begin, end);
}
void ForwardF64(const double* X, const double* W, const double* b, double* Y, std::size_t m, std::size_t n_in,
                std::size_t n_out, std::size_t begin, std::size_t end) {
  forward_of(X, W, b, Y, m, n_in, n_out, begin, end);
}
void DataFewF64(const double* dZ, const double* W, double* dX, std::size_t m, std::size_t n_in, std::size_t n_out,
                std::size_t begin, std::size_t end) {
  few_of(dZ, W, dX, m, n_in, n_out, begin, end);
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
HWY_EXPORT(DataFewF32);
HWY_EXPORT(DataFewF64);
HWY_EXPORT(DataF32);
HWY_EXPORT(DataF64);
HWY_EXPORT(WeightsF32);
HWY_EXPORT(WeightsF64);

template <>
void dense_forward(const float* X, const float* W, const float* b, float* Y, std::size_t m, std::size_t n_in,
                   std::size_t n_out, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(X, W, b, Y, m, n_in, n_out, begin, end);
}
template <>
void dense_backward_data_few(const float* dZ, const float* W, float* dX, std::size_t m, std::size_t n_in,
                             std::size_t n_out, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(DataFewF32)(dZ, W, dX, m, n_in, n_out, begin, end);
}
template <>
void dense_forward(const double* X, const double* W, const double* b, double* Y, std::size_t m, std::size_t n_in,
                   std::size_t n_out, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(ForwardF64)(X, W, b, Y, m, n_in, n_out, begin, end);
}
template <>
void dense_backward_data_few(const double* dZ, const double* W, double* dX, std::size_t m, std::size_t n_in,
                             std::size_t n_out, std::size_t begin, std::size_t end) {
  HWY_DYNAMIC_DISPATCH(DataFewF64)(dZ, W, dX, m, n_in, n_out, begin, end);
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
