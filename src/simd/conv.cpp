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
#include "simd/ahead-inl.h"
#include "simd/fused-inl.h"
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

template <class T>
inline constexpr std::ptrdiff_t kLineElements = static_cast<std::ptrdiff_t>(kCacheLine / sizeof(T));

// What becomes of some whole vectors of a position's sums.
template <bool kAccumulate, bool kBounded, int V, class T, class Vec>
HWY_INLINE void store_vectors(const Vec (&sums)[V], Bounds<T> bounds, T* out) {
  const hn::ScalableTag<T> d;
  const Vec low = hn::Set(d, bounds.low), high = hn::Set(d, bounds.high);
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    T* to = out + static_cast<std::size_t>(v) * hn::Lanes(d);
    Vec sum = sums[v];
    if constexpr (kAccumulate) sum = hn::Add(hn::LoadU(d, to), sum);
    if constexpr (kBounded) sum = bounded(sum, low, high);
    hn::StoreU(sum, d, to);
  }
}

// The sums of one row of a tile whose last vectors are not whole, from a copy: seldom enough to be one function for all
// tiles.
template <class T>
HWY_NOINLINE void store_part_of_row(const T* sums, std::size_t count, bool accumulate, Bounds<T> bounds, T* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const T sum = accumulate ? out[i] + sums[i] : sums[i];
    out[i] = sum < bounds.low ? bounds.low : sum > bounds.high ? bounds.high : sum;
  }
}
template <int V, class T, class Vec>
HWY_INLINE void store_part(const Vec (&sums)[V], std::size_t count, bool accumulate, Bounds<T> bounds, T* out) {
  const hn::ScalableTag<T> d;
  HWY_ALIGN T copy[static_cast<std::size_t>(V) * hn::MaxLanes(d)];
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) hn::StoreU(sums[v], d, copy + static_cast<std::size_t>(v) * hn::Lanes(d));
  store_part_of_row(copy, count, accumulate, bounds, out);
}

// What becomes of a tile's sums.
template <bool kAccumulate, bool kBounded, int P, int V, class T, class Vec>
HWY_INLINE void store_tile(const ConvTiles<T>& a, const std::ptrdiff_t* out_at, const Vec (&acc)[P][V]) {
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) store_vectors<kAccumulate, kBounded>(acc[p], a.bounds, a.out + out_at[p]);
}

// Terms between two looks ahead: fewer where a look would ask for more than kLinesOfLook lines of the next weights,
// about as many as a core waits for at a time.
inline constexpr std::ptrdiff_t kLongLook = 64, kShortLook = 16;
inline constexpr std::size_t kLinesOfLook = 12;

// One tile: the sums of P positions, then what becomes of them. At each look ahead a share of the next weights is asked
// for: more of them at a time would keep the core from loading what it needs now.
template <int P, int V, class T>
HWY_INLINE void conv_tile(const ConvTiles<T>& a, std::size_t position, std::ptrdiff_t look, Shares& weights) {
  const std::ptrdiff_t* in_at = a.in_at + position;
  const std::ptrdiff_t* out_at = a.out_at + position;
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[P][V];
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) {
    const Vec first = a.bias ? hn::LoadU(d, a.bias + static_cast<std::size_t>(v) * n) : hn::Zero(d);
    HUBEL_UNROLL
    for (int p = 0; p < P; ++p) acc[p][v] = first;
  }
  const T* x[P];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    x[p] = a.in + in_at[p];
    for (std::size_t i = 0; i < static_cast<std::size_t>(V) * n; i += kCacheLine / sizeof(T))
      expect_write(a.out + out_at[p] + i);
  }
  const T* HWY_RESTRICT w = a.weights;
  const std::ptrdiff_t step = a.weights_step;
  const auto add_term = [&](std::ptrdiff_t at) HWY_ATTR {
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
  };
  if (a.channels == 1) {
    if (a.ahead) {
      const T* next = a.ahead + a.ahead_at[position];
      expect_read(next + a.taps[0]);
      expect_read(next + a.taps[a.tap_count - 1]);
    }
    for (std::size_t t = 0; t < a.tap_count; ++t) add_term(a.taps[t]);
  } else {
    for (std::size_t t = 0; t < a.tap_count; ++t) {
      const std::ptrdiff_t tap_end = a.taps[t] + static_cast<std::ptrdiff_t>(a.channels);
      for (std::ptrdiff_t at = a.taps[t]; at < tap_end;) {
        const std::ptrdiff_t end = HWY_MIN(at + look, tap_end);
        weights.next();
        if (a.ahead) {
          HUBEL_UNROLL
          for (int p = 0; p < P; ++p) {
            const T* next = a.ahead + a.ahead_at[position + static_cast<std::size_t>(p)] + at;
            for (std::ptrdiff_t i = 0; i < look; i += kLineElements<T>) expect_read(next + i);
          }
        }
        for (; at < end; ++at) add_term(at);
      }
    }
  }
  if (a.out_channels < static_cast<std::size_t>(V) * n) {
    HUBEL_UNROLL
    for (int p = 0; p < P; ++p) store_part(acc[p], a.out_channels, a.accumulate, a.bounds, a.out + out_at[p]);
  } else if (a.accumulate) {
    a.bounds.any() ? store_tile<true, true>(a, out_at, acc) : store_tile<true, false>(a, out_at, acc);
  } else {
    a.bounds.any() ? store_tile<false, true>(a, out_at, acc) : store_tile<false, false>(a, out_at, acc);
  }
}

template <int P, int V, class T>
HWY_NOINLINE void conv_tiles_of(const ConvTiles<T>& a, std::size_t begin, std::size_t end, std::ptrdiff_t look,
                                Shares& weights) {
  for (; begin + P <= end; begin += P) conv_tile<P, V>(a, begin, look, weights);
}

// Splits the positions into tiles of nearly equal size: 7 positions as 4 + 3 rather than 6 + 1, which would idle the
// units. The larger ones come first.
template <int V, class T>
HWY_INLINE void conv_tiles_of_width(const ConvTiles<T>& a) {
  const std::size_t tiles = (a.positions + kPositions<V> - 1) / kPositions<V>;
  if (tiles == 0) return;
  const std::size_t small = a.positions / tiles, larger = a.positions % tiles;
  const std::size_t middle = larger * (small + 1);
  const auto looks = [&](std::ptrdiff_t terms) {
    return tiles * a.tap_count * ((a.channels + static_cast<std::size_t>(terms) - 1) / static_cast<std::size_t>(terms));
  };
  const std::size_t lines = a.next_weights.lines * a.next_weights.rows;
  const std::ptrdiff_t look = lines > kLinesOfLook * looks(kLongLook) ? kShortLook : kLongLook;
  Shares weights(a.next_weights, looks(look));
  if (larger > 0)
    with_constant<kPositions<V>>(small + 1, [&](auto p) HWY_ATTR { conv_tiles_of<p, V>(a, 0, middle, look, weights); });
  with_constant<kPositions<V>>(small,
                               [&](auto p) HWY_ATTR { conv_tiles_of<p, V>(a, middle, a.positions, look, weights); });
}

template <bool kAccumulate, int R, int V, class T, class Vec>
HWY_INLINE void store_weights(const WeightTiles<T>& a, const Vec (&acc)[R][V], T* HWY_RESTRICT dw, std::size_t rows) {
  const hn::ScalableTag<T> d;
  const std::size_t n = hn::Lanes(d), whole = a.out_channels / n;  // vectors
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    if (static_cast<std::size_t>(r) >= rows) break;
    T* to = dw + r * a.dw_row;
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v, to += n) {
      const std::size_t count = static_cast<std::size_t>(v) < whole ? n : a.out_channels - whole * n;
      if (count == 0) break;
      store_lanes(d, kAccumulate ? hn::Add(load_lanes(d, to, count), acc[r][v]) : acc[r][v], to, count);
    }
  }
}

// Positions between two looks ahead: few, since a core has only some dozens of lines on the way.
inline constexpr std::size_t kWeightLook = 16;

// R rows by V vectors of dW: the sums of all positions, to dw's first `rows` rows. Meanwhile it asks for the next
// tile's part of dW: with few positions this one's would not come in time.
template <int R, int V, class T>
HWY_INLINE void weight_tile(const WeightTiles<T>& a, const T* HWY_RESTRICT x, T* HWY_RESTRICT dw, std::size_t rows,
                            Shares& ahead) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[R][V];
  HUBEL_UNROLL
  for (int r = 0; r < R; ++r) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      acc[r][v] = hn::Zero(d);
      expect_write(dw + (R + r) * a.dw_row + static_cast<std::size_t>(v) * n);
    }
  }
  const T* HWY_RESTRICT z = a.dz;
  for (std::size_t p = 0; p < a.positions;) {
    ahead.next();
    for (const std::size_t end = HWY_MIN(p + kWeightLook, a.positions); p < end; ++p, x += a.in_step, z += a.dz_step) {
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
  a.accumulate ? store_weights<true>(a, acc, dw, rows) : store_weights<false>(a, acc, dw, rows);
}

template <int V, class T>
HWY_NOINLINE void weight_tiles_of_width(const WeightTiles<T>& a) {
  constexpr std::size_t kR = kRows<V>;
  const std::size_t tiles = (a.rows + kR - 1) / kR;
  Shares ahead(a.ahead, HWY_MAX(tiles * ((a.positions + kWeightLook - 1) / kWeightLook), std::size_t{1}));
  for (std::size_t i = 0; i < tiles; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    weight_tile<kRows<V>, V>(a, a.in + at * a.in_block, a.dw + at * static_cast<std::ptrdiff_t>(kR) * a.dw_row,
                             a.rows - i * kR, ahead);
  }
}

// Copies R elements for each position by whole vectors: what they bring too much is overwritten by the next position.
// The last blocks, where that would read beyond the rows, are copied one by one. Some positions at a time, so that
// neighbouring stores go to the same cache lines.
template <int R, class T>
HWY_INLINE void copy_row_panels_of(const RowPanels<T>& a) {
  const hn::CappedTag<T, 8> d;
  constexpr std::size_t kR = R, kTogether = 8;
  const std::size_t n = hn::Lanes(d), reach = (kR + n - 1) / n * n;
  const std::size_t vector_blocks = a.rows >= reach ? (a.rows - reach) / kR + 1 : 0;
  for (std::size_t begin = 0; begin < a.positions; begin += kTogether) {
    const std::size_t end = HWY_MIN(begin + kTogether, a.positions);
    T* panel = a.out;
    for (std::size_t b = 0; b < vector_blocks; ++b, panel += a.out_panel) {
      for (std::size_t p = begin; p < end; ++p) {
        const T* HWY_RESTRICT from = a.in[p] + b * kR;
        for (std::size_t i = 0; i < reach; i += n) hn::StoreU(hn::LoadU(d, from + i), d, panel + p * kR + i);
      }
    }
    for (std::size_t row = vector_blocks * kR; row < a.rows; row += kR, panel += a.out_panel) {
      const std::size_t rest = HWY_MIN(kR, a.rows - row);
      for (std::size_t p = begin; p < end; ++p) {
        const T* from = a.in[p] + row;
        for (std::size_t i = 0; i < kR; ++i) panel[p * kR + i] = i < rest ? from[i] : T(0);
      }
    }
  }
}

template <int V, class T>
HWY_INLINE void copy_channel_panel_of(const ChannelPanel<T>& a) {
  const hn::ScalableTag<T> d;
  const std::size_t n = hn::Lanes(d), whole = a.channels / n, rest = a.channels - whole * n;
  const T* HWY_RESTRICT from = a.in;
  T* HWY_RESTRICT to = a.out;
  for (std::size_t p = 0; p < a.positions; ++p, from += a.in_step) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v, to += n) {
      const T* x = from + static_cast<std::size_t>(v) * n;
      hn::StoreU(static_cast<std::size_t>(v) < whole ? hn::LoadU(d, x) : load_part(d, x, rest), d, to);
    }
  }
}

template <class T>
HWY_INLINE void conv_tiles_any(const ConvTiles<T>& a) {
  with_constant<kMostVectors>(a.vectors, [&](auto v) HWY_ATTR { conv_tiles_of_width<v>(a); });
}
template <class T>
HWY_INLINE void weight_tiles_any(const WeightTiles<T>& a) {
  with_constant<kMostVectors>(a.vectors, [&](auto v) HWY_ATTR { weight_tiles_of_width<v>(a); });
}
template <class T>
HWY_INLINE void copy_row_panels_any(const RowPanels<T>& a) {
  with_constant<12>(a.rows_of_panel, [&](auto rows) HWY_ATTR { copy_row_panels_of<rows>(a); });
}

template <class T>
HWY_INLINE void copy_channel_panel_any(const ChannelPanel<T>& a) {
  with_constant<kMostVectors>(a.vectors, [&](auto v) HWY_ATTR { copy_channel_panel_of<v>(a); });
}

// HWY_EXPORT takes plain functions, one for each type.
void ConvTilesF32(const ConvTiles<float>& a) { conv_tiles_any(a); }
void ConvTilesF64(const ConvTiles<double>& a) { conv_tiles_any(a); }
void WeightTilesF32(const WeightTiles<float>& a) { weight_tiles_any(a); }
void WeightTilesF64(const WeightTiles<double>& a) { weight_tiles_any(a); }
void RowPanelsF32(const RowPanels<float>& a) { copy_row_panels_any(a); }
void RowPanelsF64(const RowPanels<double>& a) { copy_row_panels_any(a); }
void ChannelPanelF32(const ChannelPanel<float>& a) { copy_channel_panel_any(a); }
void ChannelPanelF64(const ChannelPanel<double>& a) { copy_channel_panel_any(a); }
std::size_t RowsOfWeightTile(std::size_t vectors) {
  std::size_t rows = 0;
  with_constant<kMostVectors>(vectors, [&](auto v) HWY_ATTR { rows = kRows<v>; });
  return rows;
}
std::size_t LanesF32() { return hn::Lanes(hn::ScalableTag<float>()); }
std::size_t LanesF64() { return hn::Lanes(hn::ScalableTag<double>()); }
BlockVectors VectorsOfBlock() { return {kBestVectors, kMostVectors}; }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ConvTilesF32);
HWY_EXPORT(ConvTilesF64);
HWY_EXPORT(WeightTilesF32);
HWY_EXPORT(WeightTilesF64);
HWY_EXPORT(RowPanelsF32);
HWY_EXPORT(RowPanelsF64);
HWY_EXPORT(ChannelPanelF32);
HWY_EXPORT(ChannelPanelF64);
HWY_EXPORT(RowsOfWeightTile);
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
std::size_t weight_rows(std::size_t vectors) { return HWY_DYNAMIC_DISPATCH(RowsOfWeightTile)(vectors); }
template <>
void weight_tiles(const WeightTiles<float>& tiles) {
  HWY_DYNAMIC_DISPATCH(WeightTilesF32)(tiles);
}
template <>
void weight_tiles(const WeightTiles<double>& tiles) {
  HWY_DYNAMIC_DISPATCH(WeightTilesF64)(tiles);
}
template <>
void copy_row_panels(const RowPanels<float>& panels) {
  HWY_DYNAMIC_DISPATCH(RowPanelsF32)(panels);
}
template <>
void copy_row_panels(const RowPanels<double>& panels) {
  HWY_DYNAMIC_DISPATCH(RowPanelsF64)(panels);
}

template <>
void copy_channel_panel(const ChannelPanel<float>& panel) {
  HWY_DYNAMIC_DISPATCH(ChannelPanelF32)(panel);
}
template <>
void copy_channel_panel(const ChannelPanel<double>& panel) {
  HWY_DYNAMIC_DISPATCH(ChannelPanelF64)(panel);
}

}  // namespace hubel::simd
#endif
