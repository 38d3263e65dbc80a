// Depthwise inner loops for kernels of a few neighbouring columns; compiled once for each instruction set that includes
// it.
//
// Arithmetic is not what bounds them but the way of pixels from L2, where those of a row lie whole pixels apart. So
// they take some rows of the output together and go line by line of the channels: what the rows see of a line stays in
// L1, and each pixel is read from there once for all columns of the kernel. Meanwhile they ask for what the next rows
// will see.

#if defined(HUBEL_SIMD_DEPTHWISE_NEAR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HUBEL_SIMD_DEPTHWISE_NEAR_INL_H_
#undef HUBEL_SIMD_DEPTHWISE_NEAR_INL_H_
#else
#define HUBEL_SIMD_DEPTHWISE_NEAR_INL_H_
#endif

#include <cstddef>

#include "simd/depthwise.hpp"
#include "simd/fused-inl.h"
#include "simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hubel::simd::HWY_NAMESPACE {

// Elements of a line that stay in L1 while both of its vectors pass over them: 16 KB.
template <class T>
inline constexpr std::ptrdiff_t kNearElements = (std::ptrdiff_t{1} << 14) / static_cast<std::ptrdiff_t>(sizeof(T));

// Pixels at a distance of a multiple of these bytes share so few sets of L1 (of 64 sets and 8 ways) that it does not
// hold a few rows of them: their lines are copied to lie side by side.
inline constexpr std::size_t kFewSets = 1024;

template <class T>
constexpr bool share_few_sets(std::size_t channels) {
  return channels * sizeof(T) % kFewSets == 0;
}

// How a group of output rows is computed: the rows of the source that it sees, and runs of positions whose pixels, with
// one more for each position, fit into L1. Row y sees under row r of the kernel the source row y * step + r, counted
// from that of (0, 0) on, if it is one of [begin, end).
template <class T>
struct NearGroup {
  std::ptrdiff_t step, begin, end;
  std::ptrdiff_t row, pixel;  // elements from one to the next
  std::ptrdiff_t line;        // elements of a line of channels
  std::ptrdiff_t run;         // positions, a multiple of `tile`
  std::ptrdiff_t asked;       // rows of the source that the next group sees and this one does not
  std::ptrdiff_t ahead;       // elements to the first of them from the first row that each row sees
  bool copied;

  NearGroup(const DepthwiseRows<T>& a, std::size_t lanes, std::ptrdiff_t tile, bool may_copy) {
    const auto rows = static_cast<std::ptrdiff_t>(a.rows), count = static_cast<std::ptrdiff_t>(a.count);
    const std::ptrdiff_t distance = rows > 1 ? a.row_distance : a.row_step;
    step = a.row_step / distance;
    begin = a.first_row < 0 ? (-a.first_row + distance - 1) / distance : 0;
    end = a.first_row < a.height ? (a.height - a.first_row + distance - 1) / distance : 0;
    end = HWY_MAX(begin, HWY_MIN(end, (count - 1) * step + rows));
    pixel = static_cast<std::ptrdiff_t>(a.channels);
    row = distance * a.width * pixel;
    line = static_cast<std::ptrdiff_t>(2 * lanes);
    asked = static_cast<std::ptrdiff_t>(a.next) * step;
    ahead = (count * step + HWY_MAX(rows - step, 0)) * row;
    const std::ptrdiff_t pixels = kNearElements<T> / line, halo = static_cast<std::ptrdiff_t>(a.columns) - 1;
    const std::ptrdiff_t fitting = (pixels - (end - begin) * halo) / ((end - begin) * a.column_step + count);
    run = HWY_MAX(fitting / tile, 1) * tile;
    copied = may_copy && run <= fitting && share_few_sets<T>(a.channels);
  }
};

// What a run of positions sees of a line of channels: pixel i is that under column i of the kernel at its first
// position. Those in [inside, outside) lie inside the source.
template <class T>
struct NearRun {
  const T* x;  // pixel 0 of row 0
  std::ptrdiff_t row, pixel;
  std::ptrdiff_t positions, inside, outside;
};

// Pixels to be copied: rows and, of each, [begin, end).
struct CopiedPixels {
  std::ptrdiff_t rows, begin, end;
};

// Lines that lie `pixel` and `row` elements apart, copied to be neighbours, in rows `to_row` apart. Of the last `asked`
// rows, as many rows later are asked for.
template <class D, class T>
HWY_INLINE void copy_lines(D d, CopiedPixels pixels, const T* from, std::ptrdiff_t row, std::ptrdiff_t pixel, T* to,
                           std::ptrdiff_t to_row, std::ptrdiff_t asked) {
  const auto n = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  for (std::ptrdiff_t y = 0; y < pixels.rows; ++y, from += row, to += to_row) {
    const bool ask = y >= pixels.rows - asked;
    for (std::ptrdiff_t i = pixels.begin; i < pixels.end; ++i) {
      const T* line = from + i * pixel;
      if (ask) expect_read(line + asked * row);
      hn::StoreU(hn::LoadU(d, line), d, to + 2 * i * n);
      hn::StoreU(hn::LoadU(d, line + n), d, to + (2 * i + 1) * n);
    }
  }
}

// The run of `positions` positions from `p` on, for the line that begins with channel c; `copy` is room for its pixels.
template <class D, class T>
HWY_INLINE NearRun<T> near_run(D d, const DepthwiseRows<T>& a, const NearGroup<T>& g, std::ptrdiff_t p,
                               std::ptrdiff_t positions, std::size_t c, T* copy) {
  const std::ptrdiff_t first = a.first_column + p * a.column_step;
  const T* x = a.source + (a.first_row * a.width + first) * g.pixel + c;
  NearRun<T> run{x, g.row, g.pixel, positions, -first, a.width - first};
  if (!g.copied) return run;
  const std::ptrdiff_t columns = (positions - 1) * a.column_step + static_cast<std::ptrdiff_t>(a.columns);
  run.row = columns * g.line;
  run.pixel = g.line;
  run.x = copy - g.begin * run.row;
  copy_lines(d, {g.end - g.begin, HWY_MAX(run.inside, 0), HWY_MIN(run.outside, columns)}, x + g.begin * g.row, g.row,
             g.pixel, copy, run.row, g.asked);
  return run;
}

// Asks for the pixels that Positions positions of the next group's rows will be the first to see, from `next` on.
template <int Positions, int Step, class T>
HWY_INLINE void ask_next(const NearGroup<T>& g, const T* next) {
  HUBEL_UNROLL
  for (int r = 0; r < Step; ++r) {
    HUBEL_UNROLL
    for (int i = 0; i < Positions * Step; ++i) expect_read(next + r * g.row + i * g.pixel);
  }
}

// P positions of one row, one vector: `x` is the first pixel that the first one sees, under row r0 of the kernel;
// pixels [inside, outside) from there lie inside the source.
template <int Columns, int Step, int P, class D, class T>
HWY_INLINE void near_tile(D d, const T* HWY_RESTRICT x, std::ptrdiff_t row, std::ptrdiff_t pixel, std::ptrdiff_t rows,
                          std::ptrdiff_t inside, std::ptrdiff_t outside, const T* HWY_RESTRICT w, hn::Vec<D> bias,
                          Bounds<T> bounds, T* HWY_RESTRICT out, std::ptrdiff_t out_pixel) {
  using Vec = hn::Vec<D>;
  const std::size_t n = hn::Lanes(d);
  Vec acc[P];
  HUBEL_UNROLL
  for (int i = 0; i < P; ++i) acc[i] = hn::Zero(d);
  for (std::ptrdiff_t r = 0; r < rows; ++r, x += row, w += static_cast<std::size_t>(2 * Columns) * n) {
    Vec wv[Columns];
    HUBEL_UNROLL
    for (int j = 0; j < Columns; ++j) wv[j] = hn::LoadU(d, w + static_cast<std::size_t>(2 * j) * n);
    HUBEL_UNROLL
    for (int i = 0; i < (P - 1) * Step + Columns; ++i) {
      if (i < inside || i >= outside) continue;
      const Vec xv = hn::LoadU(d, x + i * pixel);
      HUBEL_UNROLL
      for (int j = 0; j < Columns; ++j) {
        const int q = i - j;
        if (q >= 0 && q % Step == 0 && q / Step < P) acc[q / Step] = hn::MulAdd(xv, wv[j], acc[q / Step]);
      }
    }
  }
  const Vec low = hn::Set(d, bounds.low), high = hn::Set(d, bounds.high);
  HUBEL_UNROLL
  for (int i = 0; i < P; ++i) hn::StoreU(bounded(hn::Add(acc[i], bias), low, high), d, out + i * out_pixel);
}

// The group's rows, by tiles of P positions.
template <int Columns, int Step, int P, class T>
HWY_NOINLINE void near_forward(const DepthwiseForward<T>& f) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const std::size_t n = hn::Lanes(d);
  const DepthwiseRows<T>& a = f.rows;
  const DepthwiseLines lines(a.channels, n);
  // Fewer columns, or every other pixel, see a pixel too seldom for a copy to pay.
  const NearGroup<T> g(a, n, P, Columns > 2 && Step == 1);
  alignas(64) T copy[kNearElements<T>];
  const auto positions = static_cast<std::ptrdiff_t>(a.positions), count = static_cast<std::ptrdiff_t>(a.count);
  const auto rows = static_cast<std::ptrdiff_t>(a.rows), next = static_cast<std::ptrdiff_t>(a.next);
  const std::size_t taps = a.rows * static_cast<std::size_t>(Columns) * lines.width;
  for (std::ptrdiff_t begin = 0; begin < positions; begin += g.run) {
    // The last tile begins early enough to be whole, and computes some positions again.
    const std::ptrdiff_t end = HWY_MIN(begin + g.run, positions), first = HWY_MIN(begin, end - P);
    for (std::size_t l = a.line_begin; l < a.line_end; ++l) {
      const std::size_t c = lines.first(l);
      const NearRun<T> run = near_run(d, a, g, first, end - first, c, copy);
      for (std::ptrdiff_t y = 0; y < count; ++y) {
        const std::ptrdiff_t r0 = HWY_MAX(g.begin - y * g.step, 0), r1 = HWY_MIN(g.end - y * g.step, rows);
        for (std::ptrdiff_t tile = 0; tile < run.positions; tile += P) {
          const std::ptrdiff_t p = HWY_MIN(tile, run.positions - P), at = p * Step;
          const T* x = run.x + y * g.step * run.row + at * run.pixel;
          if (!g.copied && y < next) ask_next<P, Step>(g, x + g.ahead);
          T* out = f.out + y * f.out_row + (first + p) * f.out_pixel + c;
          for (int i = 0; f.streamed && i < P; ++i) expect_write(out + (P + i) * f.out_pixel);
          for (std::size_t v = 0; v < 2; ++v) {
            const Vec bias = f.bias ? hn::LoadU(d, f.bias + c + v * n) : hn::Zero(d);
            const T* w = f.weights + l * taps + static_cast<std::size_t>(r0 * 2 * Columns) * n + v * n;
            near_tile<Columns, Step, P>(d, x + r0 * run.row + v * n, run.row, run.pixel, r1 - r0, run.inside - at,
                                        run.outside - at, w, bias, f.bounds, out + v * n, f.out_pixel);
          }
        }
      }
    }
  }
}

// A run of one row of the output: its pixel 0 under the kernel's first row inside, its first gradient, and those that
// the next group will see.
template <class T>
struct NearGradients {
  const T* x;
  const T* dz;
  std::ptrdiff_t dz_pixel;
  const T* next_x;
  const T* next_dz;
};

// The gradients of Rows x 3 neighbouring taps, at a step of Step, added over a run of one row. A pixel is loaded once
// and multiplied with the gradients of all positions that see it, which stay in registers.
template <int Rows, int Step, bool kAsk, class D, class T, class Vec = hn::Vec<D>>
HWY_INLINE void add_near_run(D d, const NearGroup<T>& group, const NearRun<T>& run, const NearGradients<T>& row,
                             Vec (&acc)[Rows][3]) {
  const T* HWY_RESTRICT x = row.x;
  const T* HWY_RESTRICT z = row.dz;
  const std::ptrdiff_t z_pixel = row.dz_pixel;
  const std::ptrdiff_t x_row = run.row, x_pixel = run.pixel;
  // Position p sees the pixels [p * Step, p * Step + 3): those that see none are left out.
  const std::ptrdiff_t begin = HWY_MAX(run.inside - 3 + Step, 0) / Step;
  const std::ptrdiff_t end = HWY_MIN(run.positions, (HWY_MAX(run.outside, 0) + Step - 1) / Step);
  if (begin >= end) return;
  const auto add = [&](std::ptrdiff_t i, int j, Vec g) HWY_ATTR {
    HUBEL_UNROLL
    for (int r = 0; r < Rows; ++r) acc[r][j] = hn::MulAdd(hn::LoadU(d, x + r * x_row + i * x_pixel), g, acc[r][j]);
  };
  const auto add_inside = [&](std::ptrdiff_t i, int j, Vec g) HWY_ATTR {
    if (i >= run.inside && i < run.outside) add(i, j, g);
  };
  const auto gradient = [&](std::ptrdiff_t at) HWY_ATTR {
    if constexpr (kAsk) {
      expect_read(row.next_dz + at * z_pixel);
      ask_next<1, Step>(group, row.next_x + at * Step * x_pixel);
    }
    return hn::LoadU(d, z + at * z_pixel);
  };
  Vec g1 = gradient(begin), g2 = g1;  // of the position before, and of the one before that
  add_inside(begin * Step, 0, g1);
  std::ptrdiff_t p = begin + 1;
  if constexpr (Step == 2) {
    add_inside(2 * begin + 1, 1, g1);
    // The second pixel that the last position sees may be outside.
    const std::ptrdiff_t whole = 2 * end - 1 < run.outside ? end : end - 1;
    for (; p < whole; ++p) {
      const Vec g = gradient(p);
      HUBEL_UNROLL
      for (int r = 0; r < Rows; ++r) {
        const T* from = x + r * x_row + 2 * p * x_pixel;
        const Vec xv = hn::LoadU(d, from);
        acc[r][2] = hn::MulAdd(xv, g1, acc[r][2]);
        acc[r][1] = hn::MulAdd(hn::LoadU(d, from + x_pixel), g, acc[r][1]);
        acc[r][0] = hn::MulAdd(xv, g, acc[r][0]);
      }
      g1 = g;
    }
    for (; p < end; ++p) {
      add(2 * p, 2, g1);
      g1 = gradient(p);
      add(2 * p, 0, g1);
    }
    add_inside(2 * end, 2, g1);
  } else {
    if (p < end) {
      g1 = gradient(p);
      add_inside(p, 1, g2);
      add_inside(p, 0, g1);
      ++p;
    }
    for (; p < end; ++p) {
      const Vec g = gradient(p);
      HUBEL_UNROLL
      for (int r = 0; r < Rows; ++r) {
        const Vec xv = hn::LoadU(d, x + r * x_row + p * x_pixel);
        acc[r][2] = hn::MulAdd(xv, g2, acc[r][2]);
        acc[r][1] = hn::MulAdd(xv, g1, acc[r][1]);
        acc[r][0] = hn::MulAdd(xv, g, acc[r][0]);
      }
      g2 = g1;
      g1 = g;
    }
    if (end - begin > 1) add_inside(end, 2, g2);
    add_inside(end, 1, g1);
    add_inside(end + 1, 2, g1);
  }
}

// The gradients of a line's Rows x 3 taps, added over a run of the rows [y0, y1) of the output, which see as many rows
// of the kernel; `first` is the first of these rows, `sums` begins with the first of their taps.
template <int Rows, int Step, class D, class T>
HWY_INLINE void add_near_rows(D d, const NearGroup<T>& g, const NearRun<T>& run, NearGradients<T> first,
                              std::ptrdiff_t dz_row, std::ptrdiff_t rows, std::ptrdiff_t asking, T* sums) {
  using Vec = hn::Vec<D>;
  const std::size_t n = hn::Lanes(d);
  for (std::size_t v = 0; v < 2; ++v, sums += n) {
    Vec acc[Rows][3];
    HUBEL_UNROLL
    for (int t = 0; t < 3 * Rows; ++t) acc[t / 3][t % 3] = hn::LoadU(d, sums + static_cast<std::size_t>(2 * t) * n);
    NearGradients<T> row = first;
    for (std::ptrdiff_t y = 0; y < rows; ++y) {
      v == 0 && y < asking ? add_near_run<Rows, Step, true>(d, g, run, row, acc)
                           : add_near_run<Rows, Step, false>(d, g, run, row, acc);
      row.x += g.step * run.row;
      row.dz += dz_row;
      row.next_x += g.step * g.row;
      row.next_dz += dz_row;
    }
    HUBEL_UNROLL
    for (int t = 0; t < 3 * Rows; ++t) hn::StoreU(acc[t / 3][t % 3], d, sums + static_cast<std::size_t>(2 * t) * n);
    first.x += n;
    first.dz += n;
  }
}

// A kernel of at most 3 x 3 neighbouring taps, vector by vector of channels: all its sums are in registers.
template <int Step, class T>
HWY_NOINLINE void near_weights(const DepthwiseWeights<T>& w) {
  const hn::ScalableTag<T> d;
  const DepthwiseRows<T>& a = w.rows;
  const DepthwiseLines lines(a.channels, hn::Lanes(d));
  const NearGroup<T> g(a, hn::Lanes(d), 1, true);
  alignas(64) T copy[kNearElements<T>];
  const auto positions = static_cast<std::ptrdiff_t>(a.positions), count = static_cast<std::ptrdiff_t>(a.count);
  const auto kernel_rows = static_cast<std::ptrdiff_t>(a.rows), next = static_cast<std::ptrdiff_t>(a.next);
  const std::ptrdiff_t runs = (positions + g.run - 1) / g.run;
  T* sums = w.sums;
  for (std::size_t l = a.line_begin; l < a.line_end; ++l, sums += kernel_rows * 3 * g.line) {
    const std::size_t c = lines.first(l);
    for (std::ptrdiff_t i = 0; i < runs; ++i) {
      const std::ptrdiff_t p = positions * i / runs;
      const NearRun<T> run = near_run(d, a, g, p, positions * (i + 1) / runs - p, c, copy);
      const T* dz = w.dz + p * g.pixel + c;
      NearGradients<T> row{run.x, dz, g.pixel, run.x + g.ahead, dz + count * w.dz_row};
      std::ptrdiff_t dz_row = w.dz_row;
      if (g.copied) {
        T* to = copy + (g.end - g.begin) * run.row;
        row.dz = to;
        row.dz_pixel = g.line;
        dz_row = run.positions * g.line;
        copy_lines(d, {count, 0, run.positions}, dz, w.dz_row, g.pixel, to, dz_row, next);
      }
      for (std::ptrdiff_t y = 0, end; y < count; y = end) {
        const auto begin_of = [&](std::ptrdiff_t at) { return HWY_MAX(g.begin - at * g.step, 0); };
        const auto end_of = [&](std::ptrdiff_t at) { return HWY_MIN(g.end - at * g.step, kernel_rows); };
        const std::ptrdiff_t r0 = begin_of(y), r1 = end_of(y);
        for (end = y + 1; end < count && begin_of(end) == r0 && end_of(end) == r1;) ++end;
        if (r0 >= r1) continue;
        NearGradients<T> first = row;
        first.x += (y * g.step + r0) * run.row;
        first.dz += y * dz_row;
        first.next_x += y * g.step * g.row;
        first.next_dz += y * w.dz_row;
        with_constant<3>(static_cast<std::size_t>(r1 - r0), [&](auto rows) HWY_ATTR {
          add_near_rows<rows, Step>(d, g, run, first, dz_row, end - y, g.copied ? 0 : next - y, sums + r0 * 3 * g.line);
        });
      }
    }
  }
}

}  // namespace hubel::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
