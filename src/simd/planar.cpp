// Planar inner loops; see planar.hpp. Both are register tiles like those of conv.cpp: N output channels x V vectors of
// pixels, each step V loads and N broadcasts for N V multiply-adds; and R taps x N channels of the weights' gradient, R
// and N loads for R N.
#include "simd/planar.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/planar.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Accumulators: 12 of 16 registers, 24 of 32.
inline constexpr int kAccumulators = kRegisters == 16 ? 12 : 24;

// Vectors of a tile of N channels: 8 hide the latency of the multiply-add also where N is 1.
template <int N>
inline constexpr int kVectors = kAccumulators / N < 8 ? kAccumulators / N : 8;

template <int N, int V, class T>
HWY_NOINLINE void planar_vectors(const PlanarTile<T>& a, std::size_t first) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  Vec acc[N][V];
  const T* at[V];
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    at[v] = a.in + a.origins[first + static_cast<std::size_t>(v)];
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) acc[n][v] = hn::Zero(d);
  }
  for (std::size_t c = 0; c < a.channels; ++c) {
    const T* HWY_RESTRICT w = a.weights + c * a.weights_channel * N;
    const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(c) * a.plane;
    for (std::size_t t = 0; t < a.tap_count; ++t, w += N) {
      const std::ptrdiff_t offset = plane + a.taps[t];
      Vec x[V];
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) x[v] = hn::LoadU(d, at[v] + offset);
      HUBEL_UNROLL
      for (int n = 0; n < N; ++n) {
        const Vec weight = hn::Set(d, w[n]);
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) acc[n][v] = hn::MulAdd(x[v], weight, acc[n][v]);
      }
    }
  }
  HUBEL_UNROLL
  for (int n = 0; n < N; ++n) {
    T* out = a.out + n * a.out_plane + static_cast<std::ptrdiff_t>(first * hn::Lanes(d));
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v, out += hn::Lanes(d)) {
      hn::StoreU(a.accumulate ? hn::Add(hn::LoadU(d, out), acc[n][v]) : acc[n][v], d, out);
    }
  }
}

template <class T>
HWY_INLINE void planar_tile_of(const PlanarTile<T>& a) {
  with_constant<static_cast<int>(kPlanarChannels)>(a.out_channels, [&](auto channels) HWY_ATTR {
    constexpr int kV = kVectors<channels>;
    const std::size_t tiles = (a.vectors + kV - 1) / kV;
    for (std::size_t i = 0; i < tiles; ++i) {
      const std::size_t begin = a.vectors * i / tiles, end = a.vectors * (i + 1) / tiles;
      with_constant<kV>(end - begin, [&](auto vectors) HWY_ATTR { planar_vectors<channels, vectors>(a, begin); });
    }
  });
}

// Taps and channels of one tile of the weights' gradient.
inline constexpr int kTapTile = kRegisters == 16 ? 4 : 6, kChannelTile = kRegisters == 16 ? 3 : 4;

// One vector of pixels, of which `mask` are there.
template <int R, int N, class D, class Load, class T, class Vec = hn::Vec<D>>
HWY_INLINE void add_planar_vector(const Load& load, const T* x, const std::ptrdiff_t* taps, const T* z,
                                  std::ptrdiff_t dz_plane, Vec (&acc)[R][N]) {
  Vec g[N];
  HUBEL_UNROLL
  for (int n = 0; n < N; ++n) g[n] = load(z + n * dz_plane);
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    const Vec in = load(x + taps[r]);
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) acc[r][n] = hn::MulAdd(in, g[n], acc[r][n]);
  }
}

template <int R, int N, class T>
HWY_NOINLINE void planar_weights_tile(const PlanarWeights<T>& a, std::size_t tap, std::size_t channel) {
  const hn::ScalableTag<T> d;
  using D = decltype(d);
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<D> acc[R][N];
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) acc[r][n] = hn::Zero(d);
  }
  const std::ptrdiff_t* taps = a.taps + tap;
  const auto whole = [&](const T* p) HWY_ATTR { return hn::LoadU(d, p); };
  // The pixels beyond the last are zeros on both sides: 0 times whatever stands there could be NaN.
  const auto part = [&](const T* p) HWY_ATTR { return load_part(d, p, a.pixels % lanes); };
  for (std::size_t l = 0; l < a.lines; ++l) {
    const T* x = a.in + static_cast<std::ptrdiff_t>(l) * a.in_line;
    const T* z = a.dz + static_cast<std::ptrdiff_t>(channel) * a.dz_plane + static_cast<std::ptrdiff_t>(l) * a.dz_line;
    std::size_t p = 0;
    for (; p + lanes <= a.pixels; p += lanes) add_planar_vector<R, N, D>(whole, x + p, taps, z + p, a.dz_plane, acc);
    if (p < a.pixels) add_planar_vector<R, N, D>(part, x + p, taps, z + p, a.dz_plane, acc);
  }
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) {
      T* to = a.dw + static_cast<std::ptrdiff_t>(tap + static_cast<std::size_t>(r)) * a.dw_tap + channel + n;
      *to += hn::GetLane(hn::SumOfLanes(d, acc[r][n]));
    }
  }
}

template <class T>
HWY_INLINE void planar_weights_of(const PlanarWeights<T>& a) {
  const std::size_t columns = (a.out_channels + kChannelTile - 1) / kChannelTile;
  const std::size_t rows = (a.tap_count + kTapTile - 1) / kTapTile;
  for (std::size_t j = 0; j < columns; ++j) {
    const std::size_t c0 = a.out_channels * j / columns, c1 = a.out_channels * (j + 1) / columns;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t t0 = a.tap_count * i / rows, t1 = a.tap_count * (i + 1) / rows;
      with_constant<kChannelTile>(c1 - c0, [&](auto n) HWY_ATTR {
        with_constant<kTapTile>(t1 - t0, [&](auto r) HWY_ATTR { planar_weights_tile<r, n>(a, t0, c0); });
      });
    }
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void PlanarTileF32(const PlanarTile<float>& a) { planar_tile_of(a); }
void PlanarTileF64(const PlanarTile<double>& a) { planar_tile_of(a); }
void PlanarWeightsF32(const PlanarWeights<float>& a) { planar_weights_of(a); }
void PlanarWeightsF64(const PlanarWeights<double>& a) { planar_weights_of(a); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(PlanarTileF32);
HWY_EXPORT(PlanarTileF64);
HWY_EXPORT(PlanarWeightsF32);
HWY_EXPORT(PlanarWeightsF64);

template <>
void planar_tile(const PlanarTile<float>& tile) {
  HWY_DYNAMIC_DISPATCH(PlanarTileF32)(tile);
}
template <>
void planar_tile(const PlanarTile<double>& tile) {
  HWY_DYNAMIC_DISPATCH(PlanarTileF64)(tile);
}
template <>
void planar_weights(const PlanarWeights<float>& args) {
  HWY_DYNAMIC_DISPATCH(PlanarWeightsF32)(args);
}
template <>
void planar_weights(const PlanarWeights<double>& args) {
  HWY_DYNAMIC_DISPATCH(PlanarWeightsF64)(args);
}

}  // namespace hubel::simd
#endif
