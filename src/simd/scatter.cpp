// Scattering in register tiles; see scatter.hpp.
//
// A tile is P pixels x V vectors of their runs. The pixels of a tile stand one below the other: so their runs do not
// overlap, and what a tile adds to is not what the tile before it has just written (which a load that straddles two
// stores would have to wait for).
#include "simd/scatter.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/scatter.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// The most vectors of a tile, and the most pixels of one that is V vectors wide: 12 accumulators of 16 registers, 24 of
// 32, but no more pixels than there are general registers for their addresses.
inline constexpr int kWidest = 4;
template <int V>
inline constexpr int kDeepest = kRegisters == 16 ? (V == 1 ? 8 : 12 / V) : (V == 4 ? 6 : 8);

// One tile; of its last vector `last` lanes belong to the run.
template <int P, int V, class T>
HWY_INLINE void scatter_tile(const ScatterRow<T>& a, const T* dz, const T* weights, T* image, std::size_t last) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[P][V];
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) acc[p][v] = hn::Zero(d);
  }
  const T* HWY_RESTRICT w = weights;
  const auto add_channel = [&](std::size_t c) HWY_ATTR {
    // The fewer of the two kinds of factors are held.
    if constexpr (P < V) {
      Vec g[P];
      HUBEL_UNROLL
      for (int p = 0; p < P; ++p) g[p] = hn::Set(d, dz[p * a.dz_line + static_cast<std::ptrdiff_t>(c)]);
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) {
        const Vec wv = hn::LoadU(d, w + static_cast<std::size_t>(v) * n);
        HUBEL_UNROLL
        for (int p = 0; p < P; ++p) acc[p][v] = hn::MulAdd(g[p], wv, acc[p][v]);
      }
    } else {
      Vec wv[V];
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) wv[v] = hn::LoadU(d, w + static_cast<std::size_t>(v) * n);
      HUBEL_UNROLL
      for (int p = 0; p < P; ++p) {
        const Vec g = hn::Set(d, dz[p * a.dz_line + static_cast<std::ptrdiff_t>(c)]);
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) acc[p][v] = hn::MulAdd(g, wv[v], acc[p][v]);
      }
    }
    w += a.weights_step;
  };
  for (std::size_t c = 0; c < a.channels; ++c) add_channel(c);
  const auto mine = hn::FirstN(d, last);
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      T* to = image + p * a.image_line + static_cast<std::size_t>(v) * n;
      const Vec old = hn::LoadU(d, to), sum = hn::Add(old, acc[p][v]);
      // (Infinity times the zeros beyond the run is not zero.)
      hn::StoreU(v + 1 < V ? sum : hn::IfThenElse(mine, sum, old), d, to);
    }
  }
}

// All pixels of P lines.
template <int P, int V, class T>
HWY_NOINLINE void scatter_lines(const ScatterRow<T>& a, std::size_t line, std::size_t vector, std::size_t last) {
  const hn::ScalableTag<T> d;
  const std::size_t first = vector * hn::Lanes(d);
  const T* dz = a.dz + static_cast<std::ptrdiff_t>(line) * a.dz_line;
  T* image = a.image + static_cast<std::ptrdiff_t>(line) * a.image_line + first;
  for (std::size_t p = 0; p < a.pixels; ++p, dz += a.dz_pixel, image += a.image_pixel) {
    scatter_tile<P, V>(a, dz, a.weights + first, image, last);
  }
}

template <int V, class T>
HWY_INLINE void scatter_vectors(const ScatterRow<T>& a, std::size_t vector, std::size_t last) {
  constexpr int kP = kDeepest<V>;
  const std::size_t tiles = (a.lines + kP - 1) / kP;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t begin = a.lines * i / tiles, end = a.lines * (i + 1) / tiles;
    with_constant<kP>(end - begin, [&](auto lines) HWY_ATTR { scatter_lines<lines, V>(a, begin, vector, last); });
  }
}

template <class T>
HWY_INLINE void scatter_row_of(const ScatterRow<T>& a) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d), vectors = (a.run + lanes - 1) / lanes;
  const std::size_t columns = (vectors + kWidest - 1) / kWidest;
  for (std::size_t j = 0; j < columns; ++j) {
    const std::size_t begin = vectors * j / columns, end = vectors * (j + 1) / columns;
    const std::size_t last = end * lanes <= a.run ? lanes : a.run % lanes;
    with_constant<kWidest>(end - begin, [&](auto v) HWY_ATTR { scatter_vectors<v>(a, begin, last); });
  }
}

// HWY_EXPORT takes plain functions, one for each type.
void ScatterRowF32(const ScatterRow<float>& a) { scatter_row_of(a); }
void ScatterRowF64(const ScatterRow<double>& a) { scatter_row_of(a); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(ScatterRowF32);
HWY_EXPORT(ScatterRowF64);

template <>
void scatter_row(const ScatterRow<float>& row) {
  HWY_DYNAMIC_DISPATCH(ScatterRowF32)(row);
}
template <>
void scatter_row(const ScatterRow<double>& row) {
  HWY_DYNAMIC_DISPATCH(ScatterRowF64)(row);
}

}  // namespace hubel::simd
#endif
