// Planar inner loops; see planar.hpp. Both are register tiles like those of conv.cpp: N output channels x V vectors of
// pixels, each step V loads and N broadcasts for N V multiply-adds; and R terms x N channels of the weights' gradient,
// R and N loads for R N.
#include "simd/planar.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/planar.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/transpose-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Accumulators: 12 of 16 registers, 24 of 32.
inline constexpr int kAccumulators = kRegisters == 16 ? 12 : 24;

// Vectors of a tile of N channels: 8 hide the latency of the multiply-add also where N is 1.
template <int N>
inline constexpr int kVectors = kAccumulators / N < 8 ? kAccumulators / N : 8;

// One square of `planes`, N channels `plane` elements apart, to pixels of N channels. A pixel's stores are as wide as a
// square and write over what follows: over channels of their own pixel, which are stored in descending order for that,
// and over the next pixels.
template <int N, class T>
HWY_INLINE void interleave(const T* planes, std::size_t plane, T* to) {
  constexpr int kS = static_cast<int>(kSide<T>), kLast = (N - 1) / kS * kS;
  if constexpr (N <= kNarrow<T>) {
    transpose_narrow<N>(planes, plane, to);
  } else {
    HUBEL_UNROLL
    for (int n = kLast; n >= 0; n -= kS) {
      transpose_square(planes + static_cast<std::size_t>(n) * plane, static_cast<std::ptrdiff_t>(plane),
                       static_cast<std::size_t>(N - n < kS ? N - n : kS), static_cast<std::size_t>(kS), to + n, N);
    }
  }
}

// Stores a tile's sums, N planes of V vectors, as pixels.
template <int N, int V, class T>
HWY_INLINE void store_pixels(const PlanarTile<T>& a, const T* planes, std::size_t first) {
  constexpr std::size_t kS = kSide<T>;
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<T>());
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    T* to = a.out + a.out_at[first + static_cast<std::size_t>(v)];
    const T* from = planes + static_cast<std::size_t>(v) * lanes;
    for (std::size_t s = 0; s < lanes; s += kS, from += kS, to += kS * N) {
      const std::ptrdiff_t room = a.out_end - to;
      if (room >= static_cast<std::ptrdiff_t>(kS * (N + 1))) {
        interleave<N>(from, V * lanes, to);
      } else if (room > 0) {
        T pixels[kS * (N + 1)];
        interleave<N>(from, V * lanes, pixels);
        const std::size_t count = static_cast<std::size_t>(room) < kS * N ? static_cast<std::size_t>(room) : kS * N;
        for (std::size_t i = 0; i < count; ++i) to[i] = pixels[i];
      }
    }
  }
}

// What becomes of a tile's sums.
template <int N, int V, class T, class Vec>
HWY_INLINE void finish(const PlanarTile<T>& a, std::size_t first, Vec (&acc)[N][V]) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  if (a.accumulate) {
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) {
      const T* before = a.sums + n * a.sums_plane + static_cast<std::ptrdiff_t>(first * lanes);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v, before += lanes) acc[n][v] = hn::Add(hn::LoadU(d, before), acc[n][v]);
    }
  }
  if (a.out) {
    HWY_ALIGN T planes[N * V * hn::MaxLanes(d)];
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) {
      const Vec bias = a.bias ? hn::Set(d, a.bias[n]) : hn::Zero(d);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v)
        hn::StoreU(hn::Add(acc[n][v], bias), d, planes + static_cast<std::size_t>(n * V + v) * lanes);
    }
    store_pixels<N, V>(a, planes, first);
  } else {
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) {
      T* to = a.sums + n * a.sums_plane + static_cast<std::ptrdiff_t>(first * lanes);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v, to += lanes) hn::StoreU(acc[n][v], d, to);
    }
  }
}

template <int N, int V, class T>
HWY_INLINE void planar_vectors(const PlanarTile<T>& a, std::size_t first) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  Vec acc[N][V];
  const T* at[V];
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    at[v] = a.in + a.in_at[first + static_cast<std::size_t>(v)];
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) acc[n][v] = hn::Zero(d);
  }
  const std::ptrdiff_t* HWY_RESTRICT offsets = a.offsets;
  const T* HWY_RESTRICT w = a.weights;
  for (std::size_t t = 0; t < a.terms; ++t, w += N) {
    const std::ptrdiff_t offset = offsets[t];
    // The fewer of the two kinds of factors are held in registers.
    if constexpr (N < V) {
      Vec weight[N];
      HUBEL_UNROLL
      for (int n = 0; n < N; ++n) weight[n] = hn::Set(d, w[n]);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) {
        const Vec x = hn::LoadU(d, at[v] + offset);
        HUBEL_UNROLL
        for (int n = 0; n < N; ++n) acc[n][v] = hn::MulAdd(x, weight[n], acc[n][v]);
      }
    } else {
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
  finish<N, V>(a, first, acc);
}

// Tiles of V vectors.
template <int N, int V, class T>
HWY_NOINLINE void planar_tiles(const PlanarTile<T>& a, std::size_t begin, std::size_t end) {
  for (; begin + V <= end; begin += V) planar_vectors<N, V>(a, begin);
}

// Splits the vectors into tiles of nearly equal size, the larger ones first.
template <class T>
HWY_INLINE void planar_tile_of(const PlanarTile<T>& a) {
  with_constant<static_cast<int>(kPlanarChannels)>(a.out_channels, [&](auto channels) HWY_ATTR {
    constexpr int kV = kVectors<channels>;
    const std::size_t tiles = (a.vectors + kV - 1) / kV;
    if (tiles == 0) return;
    const std::size_t small = a.vectors / tiles, larger = a.vectors % tiles, middle = larger * (small + 1);
    if (larger > 0)
      with_constant<kV>(small + 1, [&](auto vectors) HWY_ATTR { planar_tiles<channels, vectors>(a, 0, middle); });
    with_constant<kV>(small, [&](auto vectors) HWY_ATTR { planar_tiles<channels, vectors>(a, middle, a.vectors); });
  });
}

// Terms and channels of one tile of the weights' gradient.
inline constexpr int kTermTile = kRegisters == 16 ? 4 : 6, kChannelTile = kRegisters == 16 ? 3 : 4;

template <int R, int N, class T>
HWY_NOINLINE void planar_weights_tile(const PlanarWeights<T>& a, std::size_t term, std::size_t channel) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  Vec acc[R][N];
  std::ptrdiff_t offsets[R];
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    offsets[r] = a.offsets[term + static_cast<std::size_t>(r)];
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) acc[r][n] = hn::Zero(d);
  }
  const auto add_vector = [&](const T* x, const T* z, const auto& in_line) HWY_ATTR {
    Vec g[N];
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) g[n] = in_line(hn::LoadU(d, z + n * a.dz_plane));
    HUBEL_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec in = in_line(hn::LoadU(d, x + offsets[r]));
      HUBEL_UNROLL
      for (int n = 0; n < N; ++n) acc[r][n] = hn::MulAdd(in, g[n], acc[r][n]);
    }
  };
  const auto all = [](Vec v) HWY_ATTR { return v; };
  // Beyond the last pixel both are taken as zeros: zero times what stands there could be NaN.
  const std::size_t whole = a.pixels / lanes * lanes;
  const auto mask = hn::FirstN(d, a.pixels - whole);
  const auto some = [&](Vec v) HWY_ATTR { return hn::IfThenElseZero(mask, v); };
  const T* x = a.in;
  const T* z = a.dz + static_cast<std::ptrdiff_t>(channel) * a.dz_plane;
  for (std::size_t l = 0; l < a.lines; ++l, x += a.in_line, z += a.dz_line) {
    for (std::size_t p = 0; p < whole; p += lanes) add_vector(x + p, z + p, all);
    if (whole < a.pixels) add_vector(x + whole, z + whole, some);
  }
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int n = 0; n < N; ++n) {
      T* to = a.sums + ((term + static_cast<std::size_t>(r)) * a.out_channels + channel + n) * lanes;
      hn::StoreU(hn::Add(hn::LoadU(d, to), acc[r][n]), d, to);
    }
  }
}

template <class T>
HWY_INLINE void planar_weights_of(const PlanarWeights<T>& a) {
  const std::size_t columns = (a.out_channels + kChannelTile - 1) / kChannelTile;
  const std::size_t rows = (a.terms + kTermTile - 1) / kTermTile;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t t0 = a.terms * i / rows, t1 = a.terms * (i + 1) / rows;
    for (std::size_t j = 0; j < columns; ++j) {
      const std::size_t c0 = a.out_channels * j / columns, c1 = a.out_channels * (j + 1) / columns;
      with_constant<kChannelTile>(c1 - c0, [&](auto n) HWY_ATTR {
        with_constant<kTermTile>(t1 - t0, [&](auto r) HWY_ATTR { planar_weights_tile<r, n>(a, t0, c0); });
      });
    }
  }
}

template <class T>
HWY_INLINE void add_lanes_of(const T* sums, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < n; ++i) out[i] = hn::GetLane(hn::SumOfLanes(d, hn::LoadU(d, sums + i * hn::Lanes(d))));
}

// HWY_EXPORT takes plain functions, one for each type.
void PlanarTileF32(const PlanarTile<float>& a) { planar_tile_of(a); }
void PlanarTileF64(const PlanarTile<double>& a) { planar_tile_of(a); }
void PlanarWeightsF32(const PlanarWeights<float>& a) { planar_weights_of(a); }
void PlanarWeightsF64(const PlanarWeights<double>& a) { planar_weights_of(a); }
void AddLanesF32(const float* sums, std::size_t n, float* out) { add_lanes_of(sums, n, out); }
void AddLanesF64(const double* sums, std::size_t n, double* out) { add_lanes_of(sums, n, out); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(PlanarTileF32);
HWY_EXPORT(PlanarTileF64);
HWY_EXPORT(PlanarWeightsF32);
HWY_EXPORT(PlanarWeightsF64);
HWY_EXPORT(AddLanesF32);
HWY_EXPORT(AddLanesF64);

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
template <>
void add_lanes(const float* sums, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(AddLanesF32)(sums, n, out);
}
template <>
void add_lanes(const double* sums, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(AddLanesF64)(sums, n, out);
}

}  // namespace hubel::simd
#endif
