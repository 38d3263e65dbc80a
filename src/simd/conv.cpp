// Register-tiled inner loops of dense convolution; see conv.hpp.
//
// Tile sizes. A fused multiply-add takes 4-5 cycles and two start each cycle, so 8-10 accumulators must be in flight.
// With 16 vector registers 6 pixels x 2 vectors = 12 accumulators leave room for 2 weight vectors and a broadcast; with
// 32 registers (AVX-512, NEON, SVE) 12 x 2 = 24 do. A broadcast that feeds 2 vectors halves the loads, which would
// otherwise be the bottleneck.
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

// The most pixels (or weight rows) of a tile that is V vectors wide.
template <int V>
inline constexpr int kTile = V == 2 && kRegisters == 16 ? 6 : 12;

// Writes, or adds, n lanes of an accumulator.
template <class D, class Vec, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, Vec value, T* out, std::size_t n, bool add) {
  if (n >= hn::Lanes(d)) {
    hn::StoreU(add ? hn::Add(hn::LoadU(d, out), value) : value, d, out);
    return;
  }
  const auto mask = hn::FirstN(d, n);
  hn::BlendedStore(add ? hn::Add(hn::MaskedLoad(mask, d, out), value) : value, mask, d, out);
}

template <int P, int V, class T>
HWY_NOINLINE void conv_tile(const ConvRow<T>& a, const T* in, T* out) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const std::ptrdiff_t step = a.pixel_step;
  Vec acc[P][V];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) acc[p][v] = hn::Zero(d);
  }
  const T* HWY_RESTRICT w = a.weights;
  for (std::size_t t = 0; t < a.tap_count; ++t) {
    const T* HWY_RESTRICT x = in + a.taps[t];
    for (std::size_t c = 0; c < a.channels; ++c, ++x, w += a.weights_step) {
      Vec wv[V];
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) wv[v] = hn::LoadU(d, w + static_cast<std::size_t>(v) * n);
      HUBEL_UNROLL
      for (int p = 0; p < P; ++p) {
        const Vec b = hn::Set(d, x[p * step]);
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) acc[p][v] = hn::MulAdd(b, wv[v], acc[p][v]);
      }
    }
  }
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      const std::size_t first = static_cast<std::size_t>(v) * n;
      if (first >= a.out_channels) continue;
      const Vec sum = a.bias ? hn::Add(acc[p][v], hn::LoadU(d, a.bias + first)) : acc[p][v];
      store_lanes(d, sum, out + p * a.out_step + first, a.out_channels - first, a.accumulate);
    }
  }
}

// Splits the row into tiles of nearly equal size: 7 pixels as 4 + 3 rather than 6 + 1, which would idle the units.
template <int V, class T>
HWY_INLINE void conv_row_of_width(const ConvRow<T>& a) {
  const std::size_t tiles = (a.pixels + kTile<V> - 1) / kTile<V>;
  std::size_t p = 0;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t end = a.pixels * (i + 1) / tiles;
    const T* in = a.in + static_cast<std::ptrdiff_t>(p) * a.pixel_step;
    T* out = a.out + static_cast<std::ptrdiff_t>(p) * a.out_step;
    with_constant<kTile<V>>(end - p, [&](auto count) HWY_ATTR { conv_tile<count, V>(a, in, out); });
    p = end;
  }
}

template <int R, int V, class T>
HWY_NOINLINE void weight_tile_of(const WeightTile<T>& a) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[R][V];
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) acc[r][v] = hn::Zero(d);
  }
  for (std::size_t l = 0; l < a.lines; ++l) {
    const T* HWY_RESTRICT x = a.in + static_cast<std::ptrdiff_t>(l) * a.in_line;
    const T* HWY_RESTRICT z = a.dz + static_cast<std::ptrdiff_t>(l) * a.dz_line;
    for (std::size_t p = 0; p < a.pixels; ++p, x += a.in_pixel, z += a.dz_pixel) {
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
  }
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      const std::size_t first = static_cast<std::size_t>(v) * n;
      if (first >= a.out_channels) continue;
      store_lanes(d, acc[r][v], a.dw + r * a.dw_row + first, a.out_channels - first, true);
    }
  }
}

template <int V, class T>
HWY_INLINE void weight_tile_of_width(const WeightTile<T>& a) {
  const std::size_t tiles = (a.rows + kTile<V> - 1) / kTile<V>;
  std::size_t r = 0;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t end = a.rows * (i + 1) / tiles;
    WeightTile<T> part = a;
    part.in += r;
    part.dw += static_cast<std::ptrdiff_t>(r) * a.dw_row;
    with_constant<kTile<V>>(end - r, [&](auto count) HWY_ATTR { weight_tile_of<count, V>(part); });
    r = end;
  }
}

template <class T>
HWY_INLINE void conv_row_of(const ConvRow<T>& a) {
  a.vectors == 2 ? conv_row_of_width<2>(a) : conv_row_of_width<1>(a);
}
template <class T>
HWY_INLINE void weight_tile_any(const WeightTile<T>& a) {
  a.vectors == 2 ? weight_tile_of_width<2>(a) : weight_tile_of_width<1>(a);
}

// HWY_EXPORT takes plain functions, one for each type.
void ConvRowF32(const ConvRow<float>& a) { conv_row_of(a); }
void ConvRowF64(const ConvRow<double>& a) { conv_row_of(a); }
void WeightTileF32(const WeightTile<float>& a) { weight_tile_any(a); }
void WeightTileF64(const WeightTile<double>& a) { weight_tile_any(a); }
std::size_t LanesF32() { return hn::Lanes(hn::ScalableTag<float>()); }
std::size_t LanesF64() { return hn::Lanes(hn::ScalableTag<double>()); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ConvRowF32);
HWY_EXPORT(ConvRowF64);
HWY_EXPORT(WeightTileF32);
HWY_EXPORT(WeightTileF64);
HWY_EXPORT(LanesF32);
HWY_EXPORT(LanesF64);

template <>
std::size_t lanes<float>() {
  return HWY_DYNAMIC_DISPATCH(LanesF32)();
}
template <>
std::size_t lanes<double>() {
  return HWY_DYNAMIC_DISPATCH(LanesF64)();
}
template <>
void conv_row(const ConvRow<float>& row) {
  HWY_DYNAMIC_DISPATCH(ConvRowF32)(row);
}
template <>
void conv_row(const ConvRow<double>& row) {
  HWY_DYNAMIC_DISPATCH(ConvRowF64)(row);
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
