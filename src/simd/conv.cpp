// Register-tiled inner loops of dense convolution; see conv.hpp.
//
// Tile sizes. A fused multiply-add takes 4-5 cycles and two start each cycle, so 8-10 accumulators must be in flight.
// With 16 vector registers 6 positions x 2 vectors = 12 accumulators leave room for 2 weight vectors and a broadcast;
// with 32 registers (AVX-512, NEON, SVE) 6 x 4 = 24 do. A broadcast that feeds 2 vectors or more halves the loads,
// which would otherwise be the bottleneck. Each position of a tile has a pointer of its own, in one of 16 general
// registers: so there are at most 8.
#include "simd/conv.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/conv.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

inline constexpr std::size_t kBestVectors = kRegisters == 16 ? 2 : 4;
inline constexpr std::size_t kMostVectors = kRegisters == 16 ? 3 : 4;

// The most positions of a tile that is V vectors wide.
template <int V>
inline constexpr int kPositions = kRegisters == 16 ? (V == 1 ? 8 : 12 / V) : (V == 4 ? 6 : 8);

// The most weight rows of a tile that is V vectors wide; they follow one another in memory and share a pointer.
template <int V>
inline constexpr int kRows = kRegisters == 16 ? 12 / V : (V <= 2 ? 12 : 24 / V);

// Asks for the memory of a result while its sum is being made. (Writing to a line that is not in the cache would
// otherwise hold up the tiles behind it.)
template <class T>
HWY_INLINE void expect_write(const T* to) {
#if defined(__GNUC__)
  __builtin_prefetch(to, 1, 3);
#else
  (void)to;
#endif
}

// Writes n lanes.
template <class D, class Vec, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, Vec value, T* out, std::size_t n) {
  if (n >= hn::Lanes(d)) {
    hn::StoreU(value, d, out);
  } else {
    store_part(d, value, out, n);
  }
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, const T* from, std::size_t n) {
  return n >= hn::Lanes(d) ? hn::LoadU(d, from) : load_part(d, from, n);
}

// One tile: the sums of P positions, then what becomes of them.
template <int P, int V, class T>
HWY_INLINE void conv_tile(const ConvTiles<T>& a, const std::ptrdiff_t* in_at, const std::ptrdiff_t* out_at) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[P][V];
  const T* x[P];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    x[p] = a.in + in_at[p];
    expect_write(a.out + out_at[p]);
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) acc[p][v] = hn::Zero(d);
  }
  const T* HWY_RESTRICT w = a.weights;
  const std::ptrdiff_t step = a.weights_step;
  const auto channels = static_cast<std::ptrdiff_t>(a.channels);
  for (std::size_t t = 0; t < a.tap_count; ++t) {
    const std::ptrdiff_t begin = a.taps[t], end = begin + channels;
    for (std::ptrdiff_t at = begin; at < end; ++at) {
      Vec wv[V];
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) wv[v] = hn::LoadU(d, w + static_cast<std::size_t>(v) * n);
      w += step;
      HUBEL_UNROLL
      for (int p = 0; p < P; ++p) {
        const Vec b = hn::Set(d, x[p][at]);
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) acc[p][v] = hn::MulAdd(b, wv[v], acc[p][v]);
      }
    }
  }
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    const std::size_t first = static_cast<std::size_t>(v) * n;
    if (first >= a.out_channels) break;
    const Vec bias = a.bias ? hn::LoadU(d, a.bias + first) : hn::Zero(d);
    const std::size_t count = a.out_channels - first;
    HUBEL_UNROLL
    for (int p = 0; p < P; ++p) {
      T* out = a.out + out_at[p] + first;
      Vec sum = acc[p][v];
      if (a.bias) sum = hn::Add(sum, bias);
      if (a.accumulate) sum = hn::Add(load_lanes(d, out, count), sum);
      if (a.relu) sum = hn::IfThenElse(hn::Lt(sum, hn::Zero(d)), hn::Zero(d), sum);
      store_lanes(d, sum, out, count);
    }
  }
}

template <int P, int V, class T>
HWY_NOINLINE void conv_tiles_of(const ConvTiles<T>& a, std::size_t begin, std::size_t end) {
  for (; begin + P <= end; begin += P) conv_tile<P, V>(a, a.in_at + begin, a.out_at + begin);
}

// Splits the positions into tiles of nearly equal size: 7 positions as 4 + 3 rather than 6 + 1, which would idle the
// units. The larger ones come first.
template <int V, class T>
HWY_INLINE void conv_tiles_of_width(const ConvTiles<T>& a) {
  const std::size_t tiles = (a.positions + kPositions<V> - 1) / kPositions<V>;
  if (tiles == 0) return;
  const std::size_t small = a.positions / tiles, larger = a.positions % tiles;
  const std::size_t middle = larger * (small + 1);
  if (larger > 0) with_constant<kPositions<V>>(small + 1, [&](auto p) HWY_ATTR { conv_tiles_of<p, V>(a, 0, middle); });
  with_constant<kPositions<V>>(small, [&](auto p) HWY_ATTR { conv_tiles_of<p, V>(a, middle, a.positions); });
}

template <int R, int V, class T>
HWY_NOINLINE void weight_tile_of(const WeightTile<T>& a, std::size_t row) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[R][V];
  T* HWY_RESTRICT dw = a.dw + static_cast<std::ptrdiff_t>(row) * a.dw_row;
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      acc[r][v] = hn::Zero(d);
      expect_write(dw + r * a.dw_row + static_cast<std::size_t>(v) * n);
    }
  }
  const T* HWY_RESTRICT in = a.in + row;
  const T* HWY_RESTRICT z = a.dz;
  const std::ptrdiff_t* HWY_RESTRICT at = a.in_at;
  for (std::size_t p = 0; p < a.positions; ++p, z += a.dz_step) {
    const T* HWY_RESTRICT x = in + at[p];
    Vec zv[V];
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) zv[v] = hn::LoadU(d, z + static_cast<std::size_t>(v) * n);
    HUBEL_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec b = hn::Set(d, x[r]);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) acc[r][v] = hn::MulAdd(b, zv[v], acc[r][v]);
    }
  }
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    const std::size_t first = static_cast<std::size_t>(v) * n;
    if (first >= a.out_channels) break;
    const std::size_t count = a.out_channels - first;
    HUBEL_UNROLL
    for (int r = 0; r < R; ++r) {
      T* to = dw + r * a.dw_row + first;
      store_lanes(d, hn::Add(load_lanes(d, to, count), acc[r][v]), to, count);
    }
  }
}

template <int V, class T>
HWY_INLINE void weight_tile_of_width(const WeightTile<T>& a) {
  const std::size_t tiles = (a.rows + kRows<V> - 1) / kRows<V>;
  std::size_t row = 0;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t end = a.rows * (i + 1) / tiles;
    with_constant<kRows<V>>(end - row, [&](auto rows) HWY_ATTR { weight_tile_of<rows, V>(a, row); });
    row = end;
  }
}

template <class T>
HWY_INLINE void conv_tiles_any(const ConvTiles<T>& a) {
  with_constant<kMostVectors>(a.vectors, [&](auto v) HWY_ATTR { conv_tiles_of_width<v>(a); });
}
template <class T>
HWY_INLINE void weight_tile_any(const WeightTile<T>& a) {
  with_constant<kMostVectors>(a.vectors, [&](auto v) HWY_ATTR { weight_tile_of_width<v>(a); });
}

// HWY_EXPORT takes plain functions, one for each type.
void ConvTilesF32(const ConvTiles<float>& a) { conv_tiles_any(a); }
void ConvTilesF64(const ConvTiles<double>& a) { conv_tiles_any(a); }
void WeightTileF32(const WeightTile<float>& a) { weight_tile_any(a); }
void WeightTileF64(const WeightTile<double>& a) { weight_tile_any(a); }
std::size_t LanesF32() { return hn::Lanes(hn::ScalableTag<float>()); }
std::size_t LanesF64() { return hn::Lanes(hn::ScalableTag<double>()); }
BlockVectors VectorsOfBlock() { return {kBestVectors, kMostVectors}; }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ConvTilesF32);
HWY_EXPORT(ConvTilesF64);
HWY_EXPORT(WeightTileF32);
HWY_EXPORT(WeightTileF64);
HWY_EXPORT(LanesF32);
HWY_EXPORT(LanesF64);
HWY_EXPORT(VectorsOfBlock);

template <>
std::size_t lanes<float>() {
  return HWY_DYNAMIC_DISPATCH(LanesF32)();
}
template <>
std::size_t lanes<double>() {
  return HWY_DYNAMIC_DISPATCH(LanesF64)();
}
BlockVectors block_vectors() { return HWY_DYNAMIC_DISPATCH(VectorsOfBlock)(); }
template <>
void conv_tiles(const ConvTiles<float>& tiles) {
  HWY_DYNAMIC_DISPATCH(ConvTilesF32)(tiles);
}
template <>
void conv_tiles(const ConvTiles<double>& tiles) {
  HWY_DYNAMIC_DISPATCH(ConvTilesF64)(tiles);
}
template <>
void weight_tile(const WeightTile<float>& tile) {
  HWY_DYNAMIC_DISPATCH(WeightTileF32)(tile);
}
template <>
void weight_tile(const WeightTile<double>& tile) {
  HWY_DYNAMIC_DISPATCH(WeightTileF64)(tile);
}

}  // namespace hubel::simd
#endif
