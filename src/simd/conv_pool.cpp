// Fused convolution and max pooling; see conv_pool.hpp.
//
// Tiles. Lanes as columns: a window's 4 pixels x 3 channels = 12 accumulators, and 16 registers hold 3 weights and a
// vector of pixels beside them; a tap is 4 loads of pixels and 3 of weights for 12 multiply-adds. Lanes as channels: 4
// pixels by two vectors of channels, or 3 windows' by one.
#include "simd/conv_pool.hpp"

#include <limits>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/conv_pool.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// The best so far of a window and the distance of its pixel.
template <class V>
struct Best {
  V value, distance;
};

// Before the first pixel: nothing is less, and if all are -infinity, the first is the maximum.
template <class D, class T>
HWY_INLINE Best<hn::Vec<D>> none_yet(D d, const T* distance) {
  return {hn::Set(d, -std::numeric_limits<T>::infinity()), hn::Set(d, distance[0])};
}

// As in max_row_winners: the first maximum is wanted, and a NaN is one. Without NaNs that is a comparison.
template <bool kWithNaN, class D, class V, class T>
HWY_INLINE Best<V> first_maximum(D d, const V (&sums)[4], const T* distance) {
  Best<V> best = none_yet(d, distance);
  HUBEL_UNROLL
  for (int p = 0; p < 4; ++p) {
    auto larger = hn::Gt(sums[p], best.value);
    if constexpr (kWithNaN) larger = hn::AndNot(hn::IsNaN(best.value), hn::Or(larger, hn::IsNaN(sums[p])));
    best.value = hn::IfThenElse(larger, sums[p], best.value);
    best.distance = hn::IfThenElse(larger, hn::Set(d, distance[p]), best.distance);
  }
  return best;
}

// Rare, and kept out of the tiles' code.
template <class D, class V, class T>
HWY_NOINLINE void first_maximum_with_nan(D d, const V (&sums)[4], const T* distance, Best<V>& best) {
  best = first_maximum<true>(d, sums, distance);
}

// Of a window's four sums and a bias. Without winners the order of equals does not matter, and rounding keeps an order,
// so the bias comes last.
template <bool kWinners, class D, class V, class T>
HWY_INLINE Best<V> maximum(D d, V a, V b, V c, V e, V bias, const T* distance) {
  // A NaN makes this one; so may infinities, for which the longer way is right as well.
  const bool plain = hn::AllFalse(d, hn::IsNaN(hn::Add(hn::Add(a, b), hn::Add(c, e))));
  if (!kWinners && HWY_LIKELY(plain)) return {hn::Add(hn::Max(hn::Max(a, b), hn::Max(c, e)), bias), bias};
  const V sums[4] = {hn::Add(a, bias), hn::Add(b, bias), hn::Add(c, bias), hn::Add(e, bias)};
  if (kWinners && HWY_LIKELY(plain)) return first_maximum<false>(d, sums, distance);
  Best<V> best;
  first_maximum_with_nan(d, sums, distance, best);
  return best;
}

template <class D, class V>
HWY_INLINE V finished(D d, V value, bool relu) {
  const V zero = hn::Zero(d);
  return relu ? hn::IfThenElse(hn::Lt(value, zero), zero, value) : value;
}

// Keeps a vector in the register that it was loaded into. g++ would otherwise load the next ones early and run out of
// registers, and an accumulator that lives in memory costs its round trip in each step.
template <class V>
HWY_INLINE void pin(V& v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  asm("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

// ---- Lanes are columns -----------------------------------------------------------------------------------------

// One vector of columns by N channels.
template <bool kWinners, int N, class T>
HWY_NOINLINE void column_tile(const ColumnConvPool<T>& a, std::size_t j, std::size_t channel, const T* HWY_RESTRICT w) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  Vec acc[4][N];
  HUBEL_UNROLL
  for (int n = 0; n < 4 * N; ++n) acc[n / N][n % N] = hn::Zero(d);
  const T* HWY_RESTRICT in = a.in + j;
  const T* HWY_RESTRICT below = in + a.below;
  const std::int32_t* HWY_RESTRICT taps = a.taps;
  for (std::size_t t = 0; t < a.tap_count; ++t, taps += 2, w += N) {
    Vec wv[N];
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) wv[n] = hn::Set(d, w[n]);
    const T* const x[4] = {in + taps[0], in + taps[1], below + taps[0], below + taps[1]};
    HUBEL_UNROLL
    for (int p = 0; p < 4; ++p) {
      Vec pixel = hn::LoadU(d, x[p]);
      pin(pixel);
      HUBEL_UNROLL
      for (int n = 0; n < N; ++n) acc[p][n] = hn::MulAdd(pixel, wv[n], acc[p][n]);
    }
  }
  HUBEL_UNROLL
  for (int n = 0; n < N; ++n) {
    const std::size_t c = channel + static_cast<std::size_t>(n);
    const auto bias = hn::Set(d, a.bias[c]);
    const Best<Vec> best = maximum<kWinners>(d, acc[0][n], acc[1][n], acc[2][n], acc[3][n], bias, a.pool.distance);
    const auto place = static_cast<std::ptrdiff_t>(c);
    hn::StoreU(finished(d, best.value, a.pool.relu), d, a.pool.out + place * a.out_channel + j);
    if constexpr (kWinners) hn::StoreU(best.distance, d, a.pool.winners + place * a.winners_channel + j);
  }
}

template <bool kWinners, class T>
HWY_INLINE void column_conv_pool_of(const ColumnConvPool<T>& a) {
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<T>());
  const T* w = a.weights;
  for (std::size_t n = 0; n < a.channels;) {
    const std::size_t count = column_block(a.channels - n);
    for (std::size_t j = 0; j < a.columns; j += lanes) {
      with_constant<3>(count, [&](auto block) HWY_ATTR { column_tile<kWinners, block>(a, j, n, w); });
    }
    w += a.tap_count * count;
    n += count;
  }
}

// ---- Lanes are channels ----------------------------------------------------------------------------------------

template <class D, class V, class T>
HWY_INLINE void store_first(D d, V value, T* to, std::size_t n) {
  if (n >= hn::Lanes(d)) return hn::StoreU(value, d, to);
  store_part(d, value, to, n);
}

// Q windows from column j on by V vectors of channels.
template <bool kWinners, int Q, int V, class T>
HWY_NOINLINE void channel_tile(const ChannelConvPool<T>& a, std::size_t j, std::size_t channel,
                               const T* HWY_RESTRICT w) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  Vec acc[4][Q][V];
  HUBEL_UNROLL
  for (int i = 0; i < 4 * Q * V; ++i) acc[i / (Q * V)][i / V % Q][i % V] = hn::Zero(d);
  const std::ptrdiff_t right = a.right, below = a.below;
  const T* in = a.in + static_cast<std::ptrdiff_t>(j) * a.step;
  for (std::size_t r = 0; r < a.rows; ++r, in += a.line) {
    const T* HWY_RESTRICT x = in;
    for (std::size_t e = 0; e < a.run; ++e, ++x, w += static_cast<std::size_t>(V) * lanes) {
      Vec wv[V];
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) wv[v] = hn::LoadU(d, w + static_cast<std::size_t>(v) * lanes);
      HUBEL_UNROLL
      for (int q = 0; q < Q; ++q) {
        const T* HWY_RESTRICT window = x + q * a.step;
        const T pixels[4] = {window[0], window[right], window[below], window[right + below]};
        HUBEL_UNROLL
        for (int p = 0; p < 4; ++p) {
          const auto pixel = hn::Set(d, pixels[p]);
          HUBEL_UNROLL
          for (int v = 0; v < V; ++v) acc[p][q][v] = hn::MulAdd(pixel, wv[v], acc[p][q][v]);
        }
      }
    }
  }
  HUBEL_UNROLL
  for (int i = 0; i < Q * V; ++i) {
    const std::size_t n = channel + static_cast<std::size_t>(i % V) * lanes;
    if (n >= a.channels) continue;
    const auto bias = hn::LoadU(d, a.bias + n);
    const int q = i / V, v = i % V;
    const Best<Vec> best =
        maximum<kWinners>(d, acc[0][q][v], acc[1][q][v], acc[2][q][v], acc[3][q][v], bias, a.pool.distance);
    const std::ptrdiff_t to = static_cast<std::ptrdiff_t>(j + static_cast<std::size_t>(i / V)) * a.out_column +
                              static_cast<std::ptrdiff_t>(n);
    store_first(d, finished(d, best.value, a.pool.relu), a.pool.out + to, a.channels - n);
    if constexpr (kWinners) store_first(d, best.distance, a.pool.winners + to, a.channels - n);
  }
}

template <bool kWinners, class T>
HWY_INLINE void channel_conv_pool_of(const ChannelConvPool<T>& a) {
  constexpr int kWindows = 3;
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<T>());
  const T* w = a.weights;
  for (std::size_t n = 0; n < a.channels; n += 2 * lanes) {
    std::size_t j = 0;
    if (a.channels - n > lanes) {
      for (; j < a.columns; ++j) channel_tile<kWinners, 1, 2>(a, j, n, w);
    } else {
      for (; j + kWindows <= a.columns; j += kWindows) channel_tile<kWinners, kWindows, 1>(a, j, n, w);
      for (; j < a.columns; ++j) channel_tile<kWinners, 1, 1>(a, j, n, w);
    }
    w += a.rows * a.run * 2 * lanes;
  }
}

template <class T>
HWY_INLINE void split_pairs_of(const T* HWY_RESTRICT from, std::size_t n, T* HWY_RESTRICT to, std::ptrdiff_t apart) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::Vec<decltype(d)> even, odd;
    hn::LoadInterleaved2(d, from + 2 * i, even, odd);
    hn::StoreU(even, d, to + i);
    hn::StoreU(odd, d, to + apart + static_cast<std::ptrdiff_t>(i));
  }
  for (; i < n; ++i) {
    to[i] = from[2 * i];
    to[apart + static_cast<std::ptrdiff_t>(i)] = from[2 * i + 1];
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void ColumnConvPoolF32(const ColumnConvPool<float>& a) {
  a.pool.winners ? column_conv_pool_of<true>(a) : column_conv_pool_of<false>(a);
}
void ColumnConvPoolF64(const ColumnConvPool<double>& a) {
  a.pool.winners ? column_conv_pool_of<true>(a) : column_conv_pool_of<false>(a);
}
void ChannelConvPoolF32(const ChannelConvPool<float>& a) {
  a.pool.winners ? channel_conv_pool_of<true>(a) : channel_conv_pool_of<false>(a);
}
void ChannelConvPoolF64(const ChannelConvPool<double>& a) {
  a.pool.winners ? channel_conv_pool_of<true>(a) : channel_conv_pool_of<false>(a);
}
void SplitPairsF32(const float* from, std::size_t n, float* to, std::ptrdiff_t apart) {
  split_pairs_of(from, n, to, apart);
}
void SplitPairsF64(const double* from, std::size_t n, double* to, std::ptrdiff_t apart) {
  split_pairs_of(from, n, to, apart);
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ColumnConvPoolF32);
HWY_EXPORT(ColumnConvPoolF64);
HWY_EXPORT(ChannelConvPoolF32);
HWY_EXPORT(ChannelConvPoolF64);
HWY_EXPORT(SplitPairsF32);
HWY_EXPORT(SplitPairsF64);

template <>
void column_conv_pool(const ColumnConvPool<float>& row) {
  HWY_DYNAMIC_DISPATCH(ColumnConvPoolF32)(row);
}
template <>
void column_conv_pool(const ColumnConvPool<double>& row) {
  HWY_DYNAMIC_DISPATCH(ColumnConvPoolF64)(row);
}
template <>
void channel_conv_pool(const ChannelConvPool<float>& row) {
  HWY_DYNAMIC_DISPATCH(ChannelConvPoolF32)(row);
}
template <>
void channel_conv_pool(const ChannelConvPool<double>& row) {
  HWY_DYNAMIC_DISPATCH(ChannelConvPoolF64)(row);
}
template <>
void split_pairs(const float* from, std::size_t n, float* to, std::ptrdiff_t apart) {
  HWY_DYNAMIC_DISPATCH(SplitPairsF32)(from, n, to, apart);
}
template <>
void split_pairs(const double* from, std::size_t n, double* to, std::ptrdiff_t apart) {
  HWY_DYNAMIC_DISPATCH(SplitPairsF64)(from, n, to, apart);
}

}  // namespace hubel::simd
#endif
