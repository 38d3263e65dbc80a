// Depthwise inner loops; see depthwise.hpp. Here are those for any kernel, any distances and few channels: row by row
// of the output, asking for the rows to come meanwhile.
#include "simd/depthwise.hpp"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/depthwise.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ahead-inl.h"
#include "simd/depthwise_near-inl.h"
#include "simd/fused-inl.h"
#include "simd/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Positions of a tile: with two vectors 8 accumulators, which hide the latency of the multiply-add.
inline constexpr std::ptrdiff_t kTile = 4;

// Columns of the kernel whose gradients are summed at a time: with two vectors 10 accumulators.
inline constexpr int kColumns = 5;

// Taps that are summed in registers before they are added to the rest, which keeps the rounding error of huge kernels
// small.
inline constexpr std::size_t kTapBlock = 256;

// A row of the output: the kernel's rows [r0, r0 + rows) that lie inside the source, and the pixels under them.
// Position p sees under column j the pixel first + p * step + j * column.
template <class T>
struct DepthwiseRow {
  const T* in;            // pixel 0 of the source row under row r0
  std::ptrdiff_t in_row;  // from there to the source row under the next
  std::ptrdiff_t first, step, column, width;
  std::size_t r0, rows, columns;
  std::size_t channels;
  std::size_t positions;
  Ahead ahead;  // the source rows that the next row of the output will be the first to see
};

template <class T>
HWY_INLINE DepthwiseRow<T> row_of(const DepthwiseRows<T>& a, std::ptrdiff_t y) {
  const auto rows = static_cast<std::ptrdiff_t>(a.rows), channels = static_cast<std::ptrdiff_t>(a.channels);
  const std::ptrdiff_t distance = a.row_distance, at = a.first_row + y * a.row_step, line = a.width * channels;
  const std::ptrdiff_t r0 = at < 0 ? HWY_MIN((-at + distance - 1) / distance, rows) : 0;
  const std::ptrdiff_t end = at < a.height ? HWY_MIN((a.height - at + distance - 1) / distance, rows) : 0;
  const std::ptrdiff_t r1 = HWY_MAX(r0, end), first = r0 < r1 ? at + r0 * distance : 0;
  const auto whole = DepthwiseLines(a.channels, hn::Lanes(hn::ScalableTag<T>())).count == a.line_end - a.line_begin;
  const std::ptrdiff_t below = at + (rows - 1) * distance + 1, x0 = HWY_MAX(a.first_column, 0);
  const std::ptrdiff_t pixels = HWY_MIN(a.width, static_cast<std::ptrdiff_t>(a.positions) * a.column_step);
  constexpr auto size = static_cast<std::ptrdiff_t>(sizeof(T));
  return {a.source + first * line,
          distance * line,
          a.first_column,
          a.column_step,
          a.column_distance,
          a.width,
          static_cast<std::size_t>(r0 < r1 ? r0 : 0),
          static_cast<std::size_t>(r1 - r0),
          a.columns,
          a.channels,
          a.positions,
          {reinterpret_cast<const char*>(a.source) + (below * line + x0 * channels) * size,
           static_cast<std::size_t>(pixels * channels * size) / kCacheLine,
           static_cast<std::size_t>(whole ? a.row_step : 0), line * size}};
}

// What becomes of the sums.
template <class T>
struct Finish {
  const T* bias;
  std::ptrdiff_t out_pixel;
  Bounds<T> bounds;
};

// Of P positions, for the channels from c on.
template <bool kPart, bool kBounded, int P, int V, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void store_sums(D d, const Finish<T>& f, const Vec (&acc)[P][V], std::size_t c, std::size_t lanes, T* out) {
  const std::size_t n = hn::Lanes(d);
  const Vec low = hn::Set(d, f.bounds.low), high = hn::Set(d, f.bounds.high);
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v, c += n, out += n) {
    const Vec bias = !f.bias ? hn::Zero(d) : kPart ? load_lanes(d, f.bias + c, lanes) : hn::LoadU(d, f.bias + c);
    HUBEL_UNROLL
    for (int p = 0; p < P; ++p) {
      Vec sum = hn::Add(acc[p][v], bias);
      if constexpr (kBounded) sum = bounded(sum, low, high);
      T* to = out + p * f.out_pixel;
      kPart ? store_lanes(d, sum, to, lanes) : hn::StoreU(sum, d, to);
    }
  }
}
template <bool kPart, int P, int V, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void finish_sums(D d, const Finish<T>& f, const Vec (&acc)[P][V], std::size_t c, std::size_t lanes, T* out) {
  f.bounds.any() ? store_sums<kPart, true>(d, f, acc, c, lanes, out)
                 : store_sums<kPart, false>(d, f, acc, c, lanes, out);
}

// The pixels that P positions see in one kernel row: `x` is the first one, which is pixel `at` of the source row.
template <class T>
struct RowOfTile {
  const T* x;
  std::ptrdiff_t at;
  std::size_t lanes;  // readable, if less than a vector
};

// One column of one row, at any distance.
template <int P, int V, bool kEdge, bool kPart, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void add_column(D d, const DepthwiseRow<T>& a, const RowOfTile<T>& row, std::ptrdiff_t j, const T* w,
                           Vec (&acc)[P][V]) {
  const std::size_t n = hn::Lanes(d);
  const auto pixel = static_cast<std::ptrdiff_t>(a.channels);
  Vec wv[V];
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v) wv[v] = hn::LoadU(d, w + static_cast<std::size_t>(v) * n);
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    const std::ptrdiff_t at = row.at + p * a.step + j * a.column;
    if (kEdge && (at < 0 || at >= a.width)) continue;
    const T* x = row.x + (at - row.at) * pixel;
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      const T* from = x + static_cast<std::size_t>(v) * n;
      acc[p][v] = hn::MulAdd(kPart ? load_lanes(d, from, row.lanes) : hn::LoadU(d, from), wv[v], acc[p][v]);
    }
  }
}

// The rows [r0, r1) of the kernel, and of them the columns [j0, j1), into fresh accumulators.
template <int P, int V, bool kEdge, bool kPart, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void sum_taps(D d, const DepthwiseRow<T>& a, RowOfTile<T> x, const T* w, std::size_t r0, std::size_t r1,
                         std::size_t j0, std::size_t j1, Vec (&acc)[P][V]) {
  const std::size_t n = hn::Lanes(d);
  HUBEL_UNROLL
  for (int p = 0; p < P; ++p) {
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) acc[p][v] = hn::Zero(d);
  }
  x.x += static_cast<std::ptrdiff_t>(r0) * a.in_row;
  for (std::size_t r = r0; r < r1; ++r, x.x += a.in_row) {
    const T* row = w + r * a.columns * static_cast<std::size_t>(V) * n;
    for (std::size_t j = j0; j < j1; ++j) {
      add_column<P, V, kEdge, kPart>(d, a, x, static_cast<std::ptrdiff_t>(j), row + j * static_cast<std::size_t>(V) * n,
                                     acc);
    }
  }
}

// P positions from `p` on, all their lines; `y_out` is the row's first pixel.
template <int P, int V, bool kEdge, bool kPart, class T>
HWY_NOINLINE void forward_tile(const DepthwiseForward<T>& a, const DepthwiseRow<T>& row, T* y_out, std::ptrdiff_t p,
                               Shares& ahead) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const DepthwiseLines lines(row.channels, n);
  const std::size_t lanes = HWY_MIN(row.channels, n), kernel_row = row.columns * lines.width;
  const std::ptrdiff_t at = row.first + p * row.step, pixel = static_cast<std::ptrdiff_t>(row.channels);
  // Blocks of taps: several rows, or a part of one.
  const std::size_t block_rows = HWY_MAX(kTapBlock / HWY_MAX(row.columns, std::size_t{1}), std::size_t{1});
  const std::size_t block_columns = HWY_MIN(row.columns, kTapBlock);
  const bool one_block = row.rows <= block_rows && row.columns <= block_columns;
  const Finish<T> finish{a.bias, a.out_pixel, a.bounds};
  for (std::size_t l = a.rows.line_begin; l < a.rows.line_end; ++l) {
    const std::size_t c = lines.first(l);
    const T* w = a.weights + (l * a.rows.rows + row.r0) * kernel_row;
    ahead.next();
    T* out = y_out + p * a.out_pixel + c;
    HUBEL_UNROLL
    for (int i = 0; i < P; ++i) expect_write(out + (P + i) * a.out_pixel);
    const RowOfTile<T> x{row.in + at * pixel + c, at, lanes};
    Vec acc[P][V];
    if (one_block) {
      sum_taps<P, V, kEdge, kPart>(d, row, x, w, 0, row.rows, 0, row.columns, acc);
      finish_sums<kPart>(d, finish, acc, c, lanes, out);
      continue;
    }
    Vec total[P][V] = {};
    for (std::size_t r = 0; r < row.rows; r += block_rows) {
      for (std::size_t j = 0; j < row.columns; j += block_columns) {
        sum_taps<P, V, kEdge, kPart>(d, row, x, w, r, HWY_MIN(r + block_rows, row.rows), j,
                                     HWY_MIN(j + block_columns, row.columns), acc);
        for (int i = 0; i < P; ++i) {
          for (int v = 0; v < V; ++v) total[i][v] = r + j > 0 ? hn::Add(total[i][v], acc[i][v]) : acc[i][v];
        }
      }
    }
    finish_sums<kPart>(d, finish, total, c, lanes, out);
  }
}

// The same where the kernel's columns are Columns neighbouring pixels and Step is the step: each pixel is loaded once.
template <int Columns, int Step, bool kEdge, class T>
HWY_NOINLINE void near_row_tile(const DepthwiseForward<T>& a, const DepthwiseRow<T>& row, T* y_out, std::ptrdiff_t p,
                                Shares& shares) {
  constexpr int P = kTile, V = 2;
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Shares ahead = shares;
  const std::size_t rows = row.rows, line = V * n;
  const DepthwiseLines lines(row.channels, n);
  const auto pixel = static_cast<std::ptrdiff_t>(row.channels);
  const std::ptrdiff_t at = row.first + p * Step, in_row = row.in_row;
  const std::ptrdiff_t inside = -at, outside = row.width - at;  // pixels [inside, outside) are of the source
  const T* in = row.in + at * pixel;
  const Finish<T> finish{a.bias, a.out_pixel, a.bounds};
  T* out = y_out + p * finish.out_pixel;
  for (std::size_t l = a.rows.line_begin; l < a.rows.line_end; ++l) {
    const std::size_t c = lines.first(l);
    ahead.next();
    HUBEL_UNROLL
    for (int i = 0; i < P; ++i) expect_write(out + (P + i) * finish.out_pixel + c);
    Vec acc[P][V];
    HUBEL_UNROLL
    for (int i = 0; i < P; ++i) {
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) acc[i][v] = hn::Zero(d);
    }
    const T* x = in + c;
    const T* w = a.weights + (l * a.rows.rows + row.r0) * static_cast<std::size_t>(Columns) * line;
    for (std::size_t r = 0; r < rows; ++r, x += in_row, w += static_cast<std::size_t>(Columns) * line) {
      Vec wv[Columns][V];
      HUBEL_UNROLL
      for (int j = 0; j < Columns; ++j) {
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) wv[j][v] = hn::LoadU(d, w + static_cast<std::size_t>(j * V + v) * n);
      }
      HUBEL_UNROLL
      for (int i = 0; i < (P - 1) * Step + Columns; ++i) {
        if (kEdge && (i < inside || i >= outside)) continue;
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) {
          const Vec xv = hn::LoadU(d, x + i * pixel + static_cast<std::size_t>(v) * n);
          HUBEL_UNROLL
          for (int j = 0; j < Columns; ++j) {
            const int q = i - j;
            if (q >= 0 && q % Step == 0 && q / Step < P) acc[q / Step][v] = hn::MulAdd(xv, wv[j][v], acc[q / Step][v]);
          }
        }
      }
    }
    finish_sums<false>(d, finish, acc, c, n, out + c);
  }
  shares = ahead;
}

// All positions of all rows by tiles of P: tile(whether at an edge, row, its first output, first position, Shares). The
// last tile begins early enough to be whole, and computes some positions again.
template <int P, class T, class F>
HWY_INLINE void for_each_tile(const DepthwiseForward<T>& a, const F& tile) {
  const auto positions = static_cast<std::ptrdiff_t>(a.rows.positions);
  const std::size_t tiles = (a.rows.positions + P - 1) / P * (a.rows.line_end - a.rows.line_begin);
  for (std::ptrdiff_t y = 0; y < static_cast<std::ptrdiff_t>(a.rows.count); ++y) {
    const DepthwiseRow<T> row = row_of(a.rows, y);
    Shares ahead(row.ahead, tiles);
    T* out = a.out + y * a.out_row;
    const std::ptrdiff_t span = (P - 1) * row.step + (static_cast<std::ptrdiff_t>(row.columns) - 1) * row.column;
    for (std::ptrdiff_t begin = 0; begin < positions; begin += P) {
      const std::ptrdiff_t p = HWY_MIN(begin, positions - P), at = row.first + p * row.step;
      at >= 0 && at + span < row.width ? tile(std::false_type(), row, out, p, ahead)
                                       : tile(std::true_type(), row, out, p, ahead);
    }
  }
}

template <int P, int V, bool kPart, class T>
HWY_INLINE void forward_tiles(const DepthwiseForward<T>& a) {
  for_each_tile<P>(a, [&](auto edge, const DepthwiseRow<T>& row, T* out, std::ptrdiff_t p, Shares& ahead)
                          HWY_ATTR { forward_tile<P, V, edge, kPart>(a, row, out, p, ahead); });
}

template <int Columns, int Step, class T>
HWY_INLINE void near_row_tiles(const DepthwiseForward<T>& a) {
  for_each_tile<kTile>(a, [&](auto edge, const DepthwiseRow<T>& row, T* out, std::ptrdiff_t p, Shares& ahead)
                              HWY_ATTR { near_row_tile<Columns, Step, edge>(a, row, out, p, ahead); });
}

// Computes kernels of Columns neighbouring columns at a step of Step, and returns whether it is one.
template <int Columns, int Step, class T>
HWY_INLINE bool try_near_forward(const DepthwiseForward<T>& a) {
  const DepthwiseRows<T>& rows = a.rows;
  const bool neighbours = rows.columns == 1 || rows.column_distance == 1;
  if (rows.columns != Columns || rows.column_step != Step || !neighbours || rows.rows * rows.columns > kTapBlock)
    return false;
  if constexpr (Columns <= 3) {
    // Row by row where that is as fast, or where so few columns do not pay for a copy.
    const bool by_rows = Step > 1 || (Columns == 3 ? a.streamed : share_few_sets<T>(rows.channels));
    if (by_rows || rows.positions < 7) return near_row_tiles<Columns, Step>(a), true;
  } else if (rows.positions < 7) {
    return false;
  }
  // 7 or 8 accumulators, whichever wastes less at the end of a row.
  const auto wasted = [&](std::size_t tile) { return (rows.positions + tile - 1) / tile * tile - rows.positions; };
  wasted(7) < wasted(8) || rows.positions < 8 ? near_forward<Columns, Step, 7>(a) : near_forward<Columns, Step, 8>(a);
  return true;
}

template <class T>
HWY_INLINE void forward_of(const DepthwiseForward<T>& a) {
  const std::size_t n = hn::Lanes(hn::ScalableTag<T>());
  const bool few = a.rows.positions < kTile;
  if (a.rows.channels < 2 * n) return few ? forward_tiles<1, 1, true>(a) : forward_tiles<kTile, 1, true>(a);
  if (few) return forward_tiles<1, 2, false>(a);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (try_near_forward<1, 1>(a) || try_near_forward<2, 1>(a) || try_near_forward<3, 1>(a) ||
        try_near_forward<3, 2>(a) || try_near_forward<5, 1>(a) || try_near_forward<5, 2>(a))
      return;
  }
  forward_tiles<kTile, 2, false>(a);
}

// The positions [begin, end) at which a row of pixels, at position 0 from `first` to `last`, lies inside the source.
struct Positions {
  std::ptrdiff_t begin, end;
};
template <class T>
HWY_INLINE Positions whole_positions(const DepthwiseRow<T>& a, std::ptrdiff_t first, std::ptrdiff_t last) {
  const auto positions = static_cast<std::ptrdiff_t>(a.positions);
  const std::ptrdiff_t begin = HWY_MIN(positions, first >= 0 ? 0 : (-first + a.step - 1) / a.step);
  const std::ptrdiff_t end = last < a.width ? (a.width - last + a.step - 1) / a.step : 0;
  return {begin, HWY_MIN(positions, HWY_MAX(begin, end))};
}

// The gradients of N columns from `j` on, in one row of the kernel, summed over the positions [begin, end).
template <int N, int V, bool kEdge, bool kPart, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void add_positions(D d, const DepthwiseRow<T>& a, const T* x, std::ptrdiff_t at, const T* z,
                              std::ptrdiff_t begin, std::ptrdiff_t end, Vec (&acc)[N][V]) {
  const std::size_t n = hn::Lanes(d), lanes = HWY_MIN(a.channels, n);
  const auto pixel = static_cast<std::ptrdiff_t>(a.channels);
  for (std::ptrdiff_t p = begin; p < end; ++p) {
    Vec g[V];
    HUBEL_UNROLL
    for (int v = 0; v < V; ++v) {
      const T* from = z + p * pixel + static_cast<std::size_t>(v) * n;
      g[v] = kPart ? load_lanes(d, from, lanes) : hn::LoadU(d, from);
    }
    const T* first = x + p * a.step * pixel;
    HUBEL_UNROLL
    for (int j = 0; j < N; ++j) {
      const std::ptrdiff_t i = at + p * a.step + j * a.column;
      if (kEdge && (i < 0 || i >= a.width)) continue;
      HUBEL_UNROLL
      for (int v = 0; v < V; ++v) {
        const T* from = first + j * a.column * pixel + static_cast<std::size_t>(v) * n;
        acc[j][v] = hn::MulAdd(kPart ? load_lanes(d, from, lanes) : hn::LoadU(d, from), g[v], acc[j][v]);
      }
    }
  }
}

template <int N, int V, bool kPart, class T>
HWY_NOINLINE void weights_columns(const DepthwiseWeights<T>& a, const DepthwiseRow<T>& row, const T* dz, std::size_t j0,
                                  Shares& ahead) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const DepthwiseLines lines(row.channels, n);
  const auto positions = static_cast<std::ptrdiff_t>(row.positions);
  const std::size_t kernel_row = row.columns * lines.width;
  const std::ptrdiff_t at = row.first + static_cast<std::ptrdiff_t>(j0) * row.column;
  const auto [begin, end] = whole_positions(row, at, at + (N - 1) * row.column);
  T* sums = a.sums + row.r0 * kernel_row + j0 * lines.width;
  for (std::size_t l = a.rows.line_begin; l < a.rows.line_end; ++l, sums += a.rows.rows * kernel_row) {
    const std::size_t c = lines.first(l);
    const T* x = row.in + at * static_cast<std::ptrdiff_t>(row.channels) + c;
    const T* z = dz + c;
    for (std::size_t r = 0; r < row.rows; ++r, x += row.in_row) {
      ahead.next();
      T* to = sums + r * kernel_row;
      Vec acc[N][V];
      HUBEL_UNROLL
      for (int j = 0; j < N; ++j) {
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) acc[j][v] = hn::LoadU(d, to + static_cast<std::size_t>(j * V + v) * n);
      }
      add_positions<N, V, true, kPart>(d, row, x, at, z, 0, begin, acc);
      add_positions<N, V, false, kPart>(d, row, x, at, z, begin, end, acc);
      add_positions<N, V, true, kPart>(d, row, x, at, z, end, positions, acc);
      HUBEL_UNROLL
      for (int j = 0; j < N; ++j) {
        HUBEL_UNROLL
        for (int v = 0; v < V; ++v) hn::StoreU(acc[j][v], d, to + static_cast<std::size_t>(j * V + v) * n);
      }
    }
  }
}

template <int V, bool kPart, class T>
HWY_INLINE void weights_by_columns(const DepthwiseWeights<T>& a) {
  const std::size_t columns = a.rows.columns, groups = (columns + kColumns - 1) / kColumns;
  for (std::ptrdiff_t y = 0; y < static_cast<std::ptrdiff_t>(a.rows.count); ++y) {
    const DepthwiseRow<T> row = row_of(a.rows, y);
    const T* dz = a.dz + y * a.dz_row;
    Shares ahead(row.ahead, HWY_MAX(groups * (a.rows.line_end - a.rows.line_begin) * row.rows, std::size_t{1}));
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t j = columns * g / groups;
      with_constant<kColumns>(columns * (g + 1) / groups - j,
                              [&](auto count) HWY_ATTR { weights_columns<count, V, kPart>(a, row, dz, j, ahead); });
    }
  }
}

template <class T>
HWY_INLINE void weights_of(const DepthwiseWeights<T>& a) {
  const DepthwiseRows<T>& rows = a.rows;
  if (rows.channels < 2 * hn::Lanes(hn::ScalableTag<T>())) return weights_by_columns<1, true>(a);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (rows.columns == 3 && rows.column_distance == 1 && rows.column_step <= 2 && rows.rows <= 3)
      return rows.column_step == 1 ? near_weights<1>(a) : near_weights<2>(a);
  }
  weights_by_columns<2, false>(a);
}

void DepthwiseForwardF32(const DepthwiseForward<float>& a) { forward_of(a); }
void DepthwiseForwardF64(const DepthwiseForward<double>& a) { forward_of(a); }
void DepthwiseWeightsF32(const DepthwiseWeights<float>& a) { weights_of(a); }
void DepthwiseWeightsF64(const DepthwiseWeights<double>& a) { weights_of(a); }

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hubel::simd {

HWY_EXPORT(DepthwiseForwardF32);
HWY_EXPORT(DepthwiseForwardF64);
HWY_EXPORT(DepthwiseWeightsF32);
HWY_EXPORT(DepthwiseWeightsF64);

template <>
void depthwise_forward(const DepthwiseForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(DepthwiseForwardF32)(args);
}
template <>
void depthwise_forward(const DepthwiseForward<double>& args) {
  HWY_DYNAMIC_DISPATCH(DepthwiseForwardF64)(args);
}
template <>
void depthwise_weights(const DepthwiseWeights<float>& args) {
  HWY_DYNAMIC_DISPATCH(DepthwiseWeightsF32)(args);
}
template <>
void depthwise_weights(const DepthwiseWeights<double>& args) {
  HWY_DYNAMIC_DISPATCH(DepthwiseWeightsF64)(args);
}

}  // namespace hubel::simd
#endif
