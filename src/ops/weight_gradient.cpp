// Weight gradients; see weight_gradient.hpp.
//
// The work is cut three ways: the positions into parts, each of which sums into a copy of dW of its own (as many as the
// copies' size allows), and dW itself by its rows (kernel taps and input channels) and its output channels. Into how
// many depends on the problem only. The parts' copies are added in order.
//
// A tile's gradients are copied into panels, one a block of output channels, and its pixels, where need be, into rows
// whose step does not make them collide in the cache: both are read many times.
#include "ops/weight_gradient.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/channel_blocks.hpp"
#include "ops/depthwise.hpp"
#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/planar.hpp"
#include "ops/term_runs.hpp"
#include "ops/winograd.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// Positions whose products are summed in registers before they are added to dW: a limit on the rounding error, and few
// enough that a panel of gradients and the cache lines of as many pixels fit in L1, 8 KB each.
constexpr std::int64_t kTilePositions = 128;

// Elements of dW that all parts' copies may have together: 2^19 floats are 2 MB.
constexpr std::int64_t kMaxCopied = std::int64_t{1} << 19;

// Items of work wanted, so that several threads have some; and rows of dW that are worth an item.
constexpr std::int64_t kItemsWanted = 16, kMinRows = 48;

template <class T>
std::int64_t weight_count(const WeightGradient<T>& k) {
  return static_cast<std::int64_t>(k.grid.rows.size() * k.grid.columns.size()) * k.channels * k.groups * k.out_channels;
}

// A part of dW: the terms (rows) [r0, r1) and the blocks of output channels [b0, b1).
struct Section {
  std::int64_t r0, r1, b0, b1;
};

// The tile's gradients of one block of channels, position by position, filled up with zeros to its width.
template <class T>
void copy_panel(const WeightGradient<T>& k, const GridTile& tile, const ChannelBlock& block, std::int64_t width,
                T* panel) {
  const std::int64_t c = k.groups * k.out_channels;
  const T* first = k.dz + block.group * k.out_channels + block.first;
  for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      const T* from = first + ((image * k.grid.grid_h + y) * k.grid.grid_w + tile.x0) * c;
      for (std::int64_t x = tile.x0; x < tile.x1; ++x, from += c, panel += width)
        std::fill(std::copy_n(from, block.count, panel), panel + width, T(0));
    }
  }
}

// Whether pixels so many elements apart fall into few sets of the cache.
template <class T>
bool collides(std::int64_t step) {
  constexpr std::int64_t kLine = 64;
  const std::int64_t bytes = step * static_cast<std::int64_t>(sizeof(T));
  return bytes > 2 * kLine && bytes % (2 * kLine) == 0;
}

// A tile's pixels where the inner loop reads them; valid until this thread's next call.
template <class T>
struct TilePixels {
  const T* origin;
  const std::ptrdiff_t* places;
  Patch<T> patch;
};

// Of a kernel of one tap only the section's channels are copied.
template <class T>
TilePixels<T> tile_pixels(const WeightGradient<T>& k, const TermRuns& runs, const GridTile& tile,
                          const Section& section) {
  const bool one_tap = runs.count == 1 && runs.columns_in_run == 1,
             collide = collides<T>(k.grid.step_x * k.grid.channels);
  const Patch<T> patch = tile_patch(k.grid, tile, k.source,
                                    {collide && !one_tap && runs.columns_in_run == 1, runs.copied_pixel<T>(k.grid)});
  const auto* places =
      position_table(Scratch::in_places, tile, [&](std::int64_t image, std::int64_t y, std::int64_t x) {
        return image * patch.image + y * k.grid.step_y * patch.line + x * k.grid.step_x * patch.pixel;
      });
  if (!one_tap || !collide || k.groups > 1) return {patch.origin, places, patch};
  const std::int64_t rows = section.r1 - section.r0, pixel = padded_pixel<T>(rows), positions = tile.positions();
  T* copy = scratch<T>(Scratch::gathered, static_cast<std::size_t>(positions * pixel));
  auto* at = scratch<std::ptrdiff_t>(Scratch::gathered_places, static_cast<std::size_t>(positions));
  const T* from = patch.origin + runs.offset(k.grid, patch, 0) + section.r0;
  for (std::int64_t p = 0; p < positions; ++p) {
    at[p] = p * pixel;
    std::copy_n(from + places[p], rows, copy + at[p]);
  }
  return {copy - section.r0 - runs.offset(k.grid, patch, 0), at, patch};
}

// Adds to dw one tile's part of a section.
template <class T>
void add_dense(const WeightGradient<T>& k, const TermRuns& runs, const ChannelBlocks& blocks, const GridTile& tile,
               const Section& section, T* dw) {
  const TilePixels<T> pixels = tile_pixels(k, runs, tile, section);
  const std::int64_t c_new = k.groups * k.out_channels, n_columns = static_cast<std::int64_t>(k.grid.columns.size());
  simd::WeightTile<T> t{};
  t.in_at = pixels.places;
  t.positions = static_cast<std::size_t>(tile.positions());
  t.dw_row = c_new;
  for (std::int64_t b = section.b0; b < section.b1; ++b) {
    const ChannelBlock block = blocks[b];
    const std::int64_t width = block.vectors * blocks.lanes();
    T* panel = scratch<T>(Scratch::gradients, static_cast<std::size_t>(tile.positions() * width));
    copy_panel(k, tile, block, width, panel);
    t.dz = panel;
    t.dz_step = width;
    t.vectors = static_cast<std::size_t>(block.vectors);
    t.out_channels = static_cast<std::size_t>(block.count);
    for (std::int64_t r = section.r0; r < section.r1;) {
      const std::int64_t run = r / runs.length, e = r % runs.length;
      const std::int64_t end = std::min(section.r1, r - e + runs.length);
      t.rows = static_cast<std::size_t>(end - r);
      t.in = pixels.origin + runs.offset(k.grid, pixels.patch, run) + e + block.group * k.channels;
      const std::int64_t tap = runs.row(k.grid, run).index * n_columns + runs.column(k.grid, run, 0).index;
      t.dw = dw + (tap * k.channels + e) * c_new + block.group * k.out_channels + block.first;
      simd::weight_tile(t);
      r = end;
    }
  }
}

template <class T>
void clear_section(const WeightGradient<T>& k, const TermRuns& runs, const ChannelBlocks& blocks,
                   const Section& section, T* dw) {
  const std::int64_t c_new = k.groups * k.out_channels, n_columns = static_cast<std::int64_t>(k.grid.columns.size());
  const ChannelBlock first = blocks[section.b0], last = blocks[section.b1 - 1];
  const std::int64_t from = first.group * k.out_channels + first.first;
  const std::int64_t count = last.group * k.out_channels + last.first + last.count - from;
  for (std::int64_t r = section.r0; r < section.r1; ++r) {
    const std::int64_t run = r / runs.length, e = r % runs.length;
    const std::int64_t tap = runs.row(k.grid, run).index * n_columns + runs.column(k.grid, run, e).index;
    std::fill_n(dw + (tap * k.channels + e % k.channels) * c_new + from, count, T(0));
  }
}

// A tile whose patch is not to be had whole, position by position.
template <class T>
void add_by_position(const WeightGradient<T>& k, const TermRuns& runs, const ChannelBlocks& blocks,
                     const GridTile& tile, const Section& section, T* dw) {
  const auto& g = k.grid;
  const std::int64_t c_new = k.groups * k.out_channels, n_columns = static_cast<std::int64_t>(g.columns.size());
  const auto add_position = [&](std::int64_t image, std::int64_t y, std::int64_t x) {
    const T* dz = k.dz + ((image * g.grid_h + y) * g.grid_w + x) * c_new;
    for (std::int64_t r = section.r0; r < section.r1; ++r) {
      const std::int64_t run = r / runs.length, e = r % runs.length, c = e % k.channels;
      const Tap& row = runs.row(g, run);
      const Tap& column = runs.column(g, run, e);
      const std::int64_t sy = y * g.step_y + row.offset, sx = x * g.step_x + column.offset;
      const bool outside = sy < 0 || sy >= g.height || sx < 0 || sx >= g.width;
      const T* pixel = outside ? nullptr : k.source + ((image * g.height + sy) * g.width + sx) * g.channels + c;
      T* to = dw + ((row.index * n_columns + column.index) * k.channels + c) * c_new;
      for (std::int64_t b = section.b0; b < section.b1; ++b) {
        const ChannelBlock block = blocks[b];
        const T value = outside ? T(0) : pixel[block.group * k.channels];
        const std::int64_t first = block.group * k.out_channels + block.first;
        for (std::int64_t n = first; n < first + block.count; ++n) to[n] += value * dz[n];
      }
    }
  };
  for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      for (std::int64_t x = tile.x0; x < tile.x1; ++x) add_position(image, y, x);
    }
  }
}

template <class T>
double flops_of(const WeightGradient<T>& k) {
  return 2.0 * static_cast<double>(weight_count(k)) * static_cast<double>(k.grid.images) *
         static_cast<double>(k.grid.grid_h) * static_cast<double>(k.grid.grid_w) / static_cast<double>(k.groups);
}

template <class T>
void weight_gradient_planar(const WeightGradient<T>& k) {
  const TermRuns runs(k.grid, k.groups, k.channels);
  const ChannelBlocks blocks(k.groups, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>()));
  const Tiling tiles(k.grid, planar_gradient_positions(k));
  const std::int64_t n = weight_count(k), parts = std::min(tiles.count(), kMaxParts);
  const T* sums = sum_in_parts<T>(parts, n, flops_of(k), [&](std::int64_t part, T* dw) {
    for (std::int64_t i = tiles.count() * part / parts; i < tiles.count() * (part + 1) / parts; ++i) {
      patch_fits(k.grid, tiles[i])
          ? add_planes(k, tiles[i], dw)
          : add_by_position(k, runs, blocks, tiles[i], {0, runs.terms(), 0, blocks.count()}, dw);
    }
  });
  std::copy(sums, sums + n, k.dw);
}

template <class T>
void weight_gradient_direct(const WeightGradient<T>& k) {
  const TermRuns runs(k.grid, k.groups, k.channels);
  const ChannelBlocks blocks(k.groups, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>()));
  const Tiling tiles(k.grid, kTilePositions, Tiling::Images::together);
  const std::int64_t n = weight_count(k), terms = runs.terms();
  const std::int64_t parts = std::clamp<std::int64_t>(kMaxCopied / n, 1, std::min(tiles.count(), kMaxParts));
  const std::int64_t cuts = (kItemsWanted + parts - 1) / parts;
  const std::int64_t row_cuts = std::clamp<std::int64_t>(terms / kMinRows, 1, cuts);
  const std::int64_t block_cuts = std::clamp<std::int64_t>((cuts + row_cuts - 1) / row_cuts, 1, blocks.count());

  T* copies = parts > 1 ? scratch<T>(Scratch::partials, static_cast<std::size_t>(parts * n)) : k.dw;
  parallel_for(parts * row_cuts * block_cuts, flops_of(k), [&](std::int64_t item) {
    const std::int64_t part = item / (row_cuts * block_cuts), row_cut = item / block_cuts % row_cuts;
    const std::int64_t block_cut = item % block_cuts;
    const Section section{terms * row_cut / row_cuts, terms * (row_cut + 1) / row_cuts,
                          blocks.count() * block_cut / block_cuts, blocks.count() * (block_cut + 1) / block_cuts};
    T* dw = copies + part * n;
    clear_section(k, runs, blocks, section, dw);
    for (std::int64_t i = tiles.count() * part / parts; i < tiles.count() * (part + 1) / parts; ++i) {
      patch_fits(k.grid, tiles[i]) ? add_dense(k, runs, blocks, tiles[i], section, dw)
                                   : add_by_position(k, runs, blocks, tiles[i], section, dw);
    }
  });
  if (parts > 1) add_parts(copies, parts, n, k.dw);
}

}  // namespace

template <class T>
void weight_gradient(const WeightGradient<T>& k) {
  const std::int64_t n = weight_count(k);
  if (n == 0 || k.grid.images * k.grid.grid_h * k.grid.grid_w == 0) {
    std::fill(k.dw, k.dw + n, T(0));
    return;
  }
  if (by_winograd(k)) return weight_gradient_winograd(k);
  if (by_depthwise(k)) return weight_gradient_depthwise(k);
  by_planes(k) ? weight_gradient_planar(k) : weight_gradient_direct(k);
}

// Rows are summed in T in short runs, the runs in double: a bias's gradient may be the sum of millions.
template <class T>
void column_sums(const T* x, std::int64_t rows, std::int64_t columns, T* sums) {
  constexpr std::int64_t kRun = 256;  // rows; the rounding error stays that of so many terms
  const auto n = static_cast<std::size_t>(columns);
  T* run = scratch<T>(Scratch::partials, n);
  double* totals = scratch<double>(Scratch::gradients, n);
  std::fill_n(totals, n, 0.0);
  for (std::int64_t begin = 0; begin < rows; begin += kRun) {
    std::fill_n(run, n, T(0));
    simd::add_column_sums(x + begin * columns, static_cast<std::size_t>(std::min(kRun, rows - begin)), n, run);
    for (std::size_t c = 0; c < n; ++c) totals[c] += static_cast<double>(run[c]);
  }
  for (std::size_t c = 0; c < n; ++c) sums[c] = static_cast<T>(totals[c]);
}

template void weight_gradient(const WeightGradient<float>&);
template void weight_gradient(const WeightGradient<double>&);
template void column_sums(const float*, std::int64_t, std::int64_t, float*);
template void column_sums(const double*, std::int64_t, std::int64_t, double*);

}  // namespace hubel::detail
