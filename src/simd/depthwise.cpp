// Depthwise inner loops; see depthwise.hpp.
//
// They are bound by memory and the caches: a pixel's line is used nine times with a 3x3 kernel. So they take whole
// cache lines, two vectors of 32 bytes, of which nothing has to be read again later (where channels are a power of two,
// neighbouring pixels would have driven it out of L1), and ask for the rows to come while they compute.
#include "simd/depthwise.hpp"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/depthwise.cpp"
// foreach_target.h must come first: it includes this file again for each instruction set.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ahead-inl.h"
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

// What becomes of the sums.
template <class T>
struct Finish {
  const T* bias;
  std::ptrdiff_t out_pixel;
  bool relu;
};

// Of P positions, for the channels from c on.
template <bool kPart, bool kRelu, int P, int V, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void store_sums(D d, const Finish<T>& f, const Vec (&acc)[P][V], std::size_t c, std::size_t lanes, T* out) {
  const std::size_t n = hn::Lanes(d);
  HUBEL_UNROLL
  for (int v = 0; v < V; ++v, c += n, out += n) {
    const Vec bias = !f.bias ? hn::Zero(d) : kPart ? load_lanes(d, f.bias + c, lanes) : hn::LoadU(d, f.bias + c);
    HUBEL_UNROLL
    for (int p = 0; p < P; ++p) {
      Vec sum = hn::Add(acc[p][v], bias);
      if constexpr (kRelu) sum = hn::IfThenElse(hn::Lt(sum, hn::Zero(d)), hn::Zero(d), sum);
      T* to = out + p * f.out_pixel;
      kPart ? store_lanes(d, sum, to, lanes) : hn::StoreU(sum, d, to);
    }
  }
}
template <bool kPart, int P, int V, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void finish_sums(D d, const Finish<T>& f, const Vec (&acc)[P][V], std::size_t c, std::size_t lanes, T* out) {
  f.relu ? store_sums<kPart, true>(d, f, acc, c, lanes, out) : store_sums<kPart, false>(d, f, acc, c, lanes, out);
}

// kTile positions from `p` on, all their lines, where the kernel's columns are Columns neighbouring pixels and Step is
// the step: each pixel is loaded once.
template <int Columns, int Step, bool kEdge, class T>
HWY_NOINLINE void near_tile(const DepthwiseForward<T>& a, std::ptrdiff_t p, Shares& shares) {
  constexpr int P = kTile, V = 2;
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  Shares ahead = shares;
  const std::size_t channels = a.row.channels, rows = a.row.rows, line = V * n;
  const auto pixel = static_cast<std::ptrdiff_t>(channels);
  const std::ptrdiff_t at = a.row.first + p * Step, in_row = a.row.in_row;
  const std::ptrdiff_t inside = -at, outside = a.row.width - at;  // pixels [inside, outside) are of the source
  const T* in = a.row.in + at * pixel;
  const T* weights = a.weights;
  const Finish<T> finish{a.bias, a.out_pixel, a.relu};
  const std::ptrdiff_t weights_line = a.weights_line;
  T* out = a.out + p * finish.out_pixel;
  for (std::size_t begin = 0; begin < channels; begin += line, weights += weights_line) {
    const std::size_t c = HWY_MIN(begin, channels - line);
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
    const T* w = weights;
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

// P positions from `p` on, all their lines.
template <int P, int V, bool kEdge, bool kPart, class T>
HWY_NOINLINE void forward_tile(const DepthwiseForward<T>& a, std::ptrdiff_t p, Shares& ahead) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const DepthwiseRow<T>& row = a.row;
  const DepthwiseLines lines(row.channels, n);
  const std::size_t lanes = HWY_MIN(row.channels, n);
  const std::ptrdiff_t at = row.first + p * row.step, pixel = static_cast<std::ptrdiff_t>(row.channels);
  // Blocks of taps: several rows, or a part of one.
  const std::size_t block_rows = HWY_MAX(kTapBlock / HWY_MAX(row.columns, std::size_t{1}), std::size_t{1});
  const std::size_t block_columns = HWY_MIN(row.columns, kTapBlock);
  const bool one_block = row.rows <= block_rows && row.columns <= block_columns;
  const Finish<T> finish{a.bias, a.out_pixel, a.relu};
  const T* w = a.weights;
  for (std::size_t l = 0; l < lines.count; ++l, w += a.weights_line) {
    const std::size_t c = lines.first(l);
    ahead.next();
    T* out = a.out + p * a.out_pixel + c;
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

// All positions by tiles of P: tile(whether at an edge, first position, Shares). The last tile begins early enough to
// be whole, and computes some positions again.
template <int P, class T, class F>
HWY_INLINE void for_each_tile(const DepthwiseRow<T>& row, const F& tile) {
  const auto positions = static_cast<std::ptrdiff_t>(row.positions);
  const DepthwiseLines lines(row.channels, hn::Lanes(hn::ScalableTag<T>()));
  Shares ahead(row.ahead, static_cast<std::size_t>((positions + P - 1) / P) * lines.count);
  const std::ptrdiff_t span = (P - 1) * row.step + (static_cast<std::ptrdiff_t>(row.columns) - 1) * row.column;
  for (std::ptrdiff_t begin = 0; begin < positions; begin += P) {
    const std::ptrdiff_t p = HWY_MIN(begin, positions - P), at = row.first + p * row.step;
    at >= 0 && at + span < row.width ? tile(std::false_type(), p, ahead) : tile(std::true_type(), p, ahead);
  }
}

template <int P, int V, bool kPart, class T>
HWY_INLINE void forward_tiles(const DepthwiseForward<T>& a) {
  for_each_tile<P>(a.row, [&](auto edge, std::ptrdiff_t p, Shares& ahead)
                              HWY_ATTR { forward_tile<P, V, edge, kPart>(a, p, ahead); });
}

template <int Columns, int Step, class T>
HWY_INLINE void near_tiles(const DepthwiseForward<T>& a) {
  for_each_tile<kTile>(
      a.row, [&](auto edge, std::ptrdiff_t p, Shares& ahead) HWY_ATTR { near_tile<Columns, Step, edge>(a, p, ahead); });
}

template <class T>
HWY_INLINE void forward_of(const DepthwiseForward<T>& a) {
  const std::size_t n = hn::Lanes(hn::ScalableTag<T>());
  const DepthwiseRow<T>& row = a.row;
  const bool few = row.positions < kTile;
  if (row.channels < 2 * n) return few ? forward_tiles<1, 1, true>(a) : forward_tiles<kTile, 1, true>(a);
  if (few) return forward_tiles<1, 2, false>(a);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (row.columns == 3 && row.column == 1 && row.rows * 3 <= kTapBlock) {
      if (row.step == 1) return near_tiles<3, 1>(a);
      if (row.step == 2) return near_tiles<3, 2>(a);
    }
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

// The gradients of Rows x 3 neighbouring taps at the positions [begin, end), at a step of Step. `x` is the first pixel
// that position `begin` sees, pixel `at` of the source row.
template <int Rows, int Step, bool kEdge, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void add_near_positions(D d, const DepthwiseRow<T>& a, const T* HWY_RESTRICT x, std::ptrdiff_t at,
                                   const T* HWY_RESTRICT z, std::ptrdiff_t begin, std::ptrdiff_t end,
                                   Vec (&acc)[Rows][3]) {
  const auto pixel = static_cast<std::ptrdiff_t>(a.channels);
  const std::ptrdiff_t in_row = a.in_row, width = a.width;
  const std::ptrdiff_t next = static_cast<std::ptrdiff_t>(a.positions) * pixel;
  z += begin * pixel;
  for (std::ptrdiff_t p = begin; p < end; ++p, x += Step * pixel, z += pixel, at += Step) {
    const Vec g = hn::LoadU(d, z);
    if (!kEdge) {
      expect_read(z + next);
      HUBEL_UNROLL
      for (int s = 0; s < Step; ++s) expect_read(x + (Rows - 1 + Step) * in_row + s * pixel);
    }
    HUBEL_UNROLL
    for (int j = 0; j < 3; ++j) {
      if (kEdge && (at + j < 0 || at + j >= width)) continue;
      HUBEL_UNROLL
      for (int r = 0; r < Rows; ++r) acc[r][j] = hn::MulAdd(hn::LoadU(d, x + r * in_row + j * pixel), g, acc[r][j]);
    }
  }
}

// A kernel of Rows x 3 neighbouring taps, vector by vector of channels: all its sums are in registers.
template <int Rows, int Step, class T>
HWY_NOINLINE void near_weights(const DepthwiseWeights<T>& a) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const DepthwiseRow<T>& row = a.row;
  const DepthwiseLines lines(row.channels, n);
  const auto pixel = static_cast<std::ptrdiff_t>(row.channels), positions = static_cast<std::ptrdiff_t>(row.positions);
  const auto [begin, end] = whole_positions(row, row.first, row.first + 2);
  for (std::size_t i = 0; i < 2 * lines.count; ++i) {
    const std::size_t c = lines.first(i / 2) + i % 2 * n;
    const T* x = row.in + row.first * pixel + c;
    const T* z = a.dz + c;
    T* sums = a.sums + static_cast<std::ptrdiff_t>(i / 2) * a.sums_line + i % 2 * n;
    Vec acc[Rows][3];
    HUBEL_UNROLL
    for (int t = 0; t < 3 * Rows; ++t) acc[t / 3][t % 3] = hn::LoadU(d, sums + static_cast<std::size_t>(2 * t) * n);
    const auto add = [&](auto edge, std::ptrdiff_t from, std::ptrdiff_t to) HWY_ATTR {
      add_near_positions<Rows, Step, edge>(d, row, x + from * Step * pixel, row.first + from * Step, z, from, to, acc);
    };
    add(std::true_type(), 0, begin);
    add(std::false_type(), begin, end);
    add(std::true_type(), end, positions);
    HUBEL_UNROLL
    for (int t = 0; t < 3 * Rows; ++t) hn::StoreU(acc[t / 3][t % 3], d, sums + static_cast<std::size_t>(2 * t) * n);
  }
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
HWY_NOINLINE void weights_columns(const DepthwiseWeights<T>& a, std::size_t j0, Shares& ahead) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const DepthwiseRow<T>& row = a.row;
  const DepthwiseLines lines(row.channels, n);
  const auto positions = static_cast<std::ptrdiff_t>(row.positions);
  const std::ptrdiff_t at = row.first + static_cast<std::ptrdiff_t>(j0) * row.column;
  const auto [begin, end] = whole_positions(row, at, at + (N - 1) * row.column);
  for (std::size_t l = 0; l < lines.count; ++l) {
    const std::size_t c = lines.first(l);
    const T* x = row.in + at * static_cast<std::ptrdiff_t>(row.channels) + c;
    const T* z = a.dz + c;
    T* sums = a.sums + static_cast<std::ptrdiff_t>(l) * a.sums_line + j0 * static_cast<std::size_t>(V) * n;
    for (std::size_t r = 0; r < row.rows; ++r, x += row.in_row) {
      ahead.next();
      T* to = sums + r * row.columns * static_cast<std::size_t>(V) * n;
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
  const DepthwiseRow<T>& row = a.row;
  const DepthwiseLines lines(row.channels, hn::Lanes(hn::ScalableTag<T>()));
  const std::size_t groups = (row.columns + kColumns - 1) / kColumns;
  Shares ahead(row.ahead, HWY_MAX(groups * lines.count * row.rows, std::size_t{1}));
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t j = row.columns * g / groups, count = row.columns * (g + 1) / groups - j;
    with_constant<kColumns>(count, [&](auto columns) HWY_ATTR { weights_columns<columns, V, kPart>(a, j, ahead); });
  }
}

template <class T>
HWY_INLINE void weights_of(const DepthwiseWeights<T>& a) {
  const DepthwiseRow<T>& row = a.row;
  if (row.channels < 2 * hn::Lanes(hn::ScalableTag<T>())) return weights_by_columns<1, true>(a);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (row.columns == 3 && row.column == 1 && row.step <= 2 && row.rows >= 1 && row.rows <= 3) {
      return with_constant<3>(
          row.rows, [&](auto rows) HWY_ATTR { row.step == 1 ? near_weights<rows, 1>(a) : near_weights<rows, 2>(a); });
    }
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
