// Weight gradients; see weight_gradient.hpp.
//
// Two ways to share the work. Small gradients: the positions are cut into at most kMaxParts parts, each sums into a
// copy of dW of its own, and the copies are added in order. Large gradients: the output channels are cut, and each part
// goes over all positions. Which one, and into how many parts, depends on the problem only.
#include "ops/weight_gradient.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/depthwise.hpp"
#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/planar.hpp"
#include "ops/winograd.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// Positions whose products are summed in registers before they are added to dW: a limit on the rounding error, long
// enough to hide the cost of adding.
constexpr std::int64_t kTilePositions = 256;

// Elements of dW up to which every part has a copy of its own: 16 copies of 2^15 floats are 2 MB.
constexpr std::int64_t kMaxCopied = std::int64_t{1} << 15;

template <class T>
std::int64_t weight_count(const WeightGradient<T>& k) {
  return static_cast<std::int64_t>(k.grid.rows.size() * k.grid.columns.size()) * k.channels * k.groups * k.out_channels;
}

// The gradient's pixels of one tile and block of channels, readable `width` wide: in place where a whole block is
// there, else a copy filled up with zeros.
template <class T>
struct GradientTile {
  const T* first;
  std::ptrdiff_t line, pixel;
};

template <class T>
GradientTile<T> gradient_tile(const WeightGradient<T>& k, const GridTile& tile, std::int64_t channel,
                              std::int64_t count, std::int64_t width) {
  const std::int64_t c = k.groups * k.out_channels;
  const T* from = k.dz + ((tile.image * k.grid.grid_h + tile.y0) * k.grid.grid_w + tile.x0) * c + channel;
  if (count == width) return {from, k.grid.grid_w * c, c};
  T* copy = scratch<T>(Scratch::gradients, static_cast<std::size_t>(tile.positions() * width));
  T* to = copy;
  for (std::int64_t y = 0; y < tile.y1 - tile.y0; ++y) {
    for (std::int64_t x = 0; x < tile.x1 - tile.x0; ++x, to += width) {
      const T* pixel = from + (y * k.grid.grid_w + x) * c;
      std::fill(std::copy(pixel, pixel + count, to), to + width, T(0));
    }
  }
  return {copy, (tile.x1 - tile.x0) * width, width};
}

// Adds to dw one tile's part for the output channels [n0, n0 + count) of group g. Kernel columns whose pixels touch in
// memory (one group, no dilation) are taken together, as rows of dW that follow one another.
template <class T>
void add_dense_block(const WeightGradient<T>& k, const GridTile& tile, const Patch<T>& patch, std::int64_t group,
                     std::int64_t n0, std::int64_t count, T* dw) {
  const std::int64_t lanes = static_cast<std::int64_t>(simd::lanes<T>());
  const auto& columns = k.grid.columns;
  const std::int64_t n_columns = static_cast<std::int64_t>(columns.size());
  const bool touch = k.groups == 1 && columns.back().offset - columns.front().offset == n_columns - 1;
  const std::int64_t in_run = touch ? n_columns : 1;
  const std::int64_t c_new = k.groups * k.out_channels;

  simd::WeightTile<T> t{};
  t.vectors = count > lanes ? 2 : 1;
  const auto dz =
      gradient_tile(k, tile, group * k.out_channels + n0, count, static_cast<std::int64_t>(t.vectors) * lanes);
  t.dz = dz.first;
  t.dz_line = dz.line;
  t.dz_pixel = dz.pixel;
  t.in_line = k.grid.step_y * patch.line;
  t.in_pixel = k.grid.step_x * k.grid.channels;
  t.lines = static_cast<std::size_t>(tile.y1 - tile.y0);
  t.pixels = static_cast<std::size_t>(tile.x1 - tile.x0);
  t.rows = static_cast<std::size_t>(in_run * k.channels);
  t.dw_row = c_new;
  t.out_channels = static_cast<std::size_t>(count);
  for (const Tap& row : k.grid.rows) {
    for (std::int64_t j = 0; j < n_columns; j += in_run) {
      const Tap column = columns[static_cast<std::size_t>(j)];
      t.in = patch.origin + row.offset * patch.line + column.offset * k.grid.channels + group * k.channels;
      t.dw = dw + (row.index * n_columns + column.index) * k.channels * c_new + group * k.out_channels + n0;
      simd::weight_tile(t);
    }
  }
}

// A tile whose patch is not to be had whole, position by position, for the output channels [n0, n1).
template <class T>
void add_by_position(const WeightGradient<T>& k, const GridTile& tile, std::int64_t n0, std::int64_t n1, T* dw) {
  const auto& g = k.grid;
  const std::int64_t c_new = k.groups * k.out_channels;
  for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
    for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
      const T* dz = k.dz + ((tile.image * g.grid_h + y) * g.grid_w + x) * c_new;
      for (const Tap& row : g.rows) {
        for (const Tap& column : g.columns) {
          const std::int64_t sy = y * g.step_y + row.offset, sx = x * g.step_x + column.offset;
          const bool outside = sy < 0 || sy >= g.height || sx < 0 || sx >= g.width;
          const T* pixel = outside ? nullptr : k.source + ((tile.image * g.height + sy) * g.width + sx) * g.channels;
          T* to = dw + (row.index * static_cast<std::int64_t>(g.columns.size()) + column.index) * k.channels * c_new;
          for (std::int64_t c = 0; c < k.channels; ++c, to += c_new) {
            for (std::int64_t n = n0; n < n1; ++n) {
              to[n] += (outside ? T(0) : pixel[n / k.out_channels * k.channels + c]) * dz[n];
            }
          }
        }
      }
    }
  }
}

// Blocks of output channels, two vectors wide, within the groups.
template <class T>
std::int64_t block_width() {
  return 2 * static_cast<std::int64_t>(simd::lanes<T>());
}
template <class T>
std::int64_t blocks_in_group(const WeightGradient<T>& k) {
  return (k.out_channels + block_width<T>() - 1) / block_width<T>();
}

// Adds one tile's part to dw, for the blocks of output channels [b0, b1).
template <class T>
void add_tile(const WeightGradient<T>& k, const GridTile& tile, std::int64_t b0, std::int64_t b1, T* dw) {
  const std::int64_t in_group = blocks_in_group(k), width = block_width<T>();
  const auto first_channel = [&](std::int64_t b) {
    return b / in_group * k.out_channels + std::min(b % in_group * width, k.out_channels);
  };
  if (!patch_fits(k.grid, tile)) {
    add_by_position(k, tile, first_channel(b0), first_channel(b1), dw);
    return;
  }
  const Patch<T> patch = tile_patch(k.grid, tile, k.source);
  for (std::int64_t b = b0; b < b1; ++b) {
    const std::int64_t n0 = b % in_group * width;
    add_dense_block(k, tile, patch, b / in_group, n0, std::min(width, k.out_channels - n0), dw);
  }
}

}  // namespace

template <class T>
void weight_gradient(const WeightGradient<T>& k) {
  const std::int64_t n = weight_count(k);
  const Tiling tiles(k.grid, kTilePositions);
  const std::int64_t positions = k.grid.images * k.grid.grid_h * k.grid.grid_w;
  if (n == 0 || positions == 0) {
    std::fill(k.dw, k.dw + n, T(0));
    return;
  }
  if (by_planes(k)) return weight_gradient_planes(k);
  if (by_winograd(k)) return weight_gradient_winograd(k);
  if (by_depthwise(k)) return weight_gradient_depthwise(k);
  const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(positions) / static_cast<double>(k.groups);
  const std::int64_t blocks = k.groups * blocks_in_group(k);
  if (n <= kMaxCopied) {
    const std::int64_t parts = std::min(tiles.count(), kMaxParts);
    const T* sums = sum_in_parts<T>(parts, n, flops, [&](std::int64_t part, T* dw) {
      for (std::int64_t i = tiles.count() * part / parts; i < tiles.count() * (part + 1) / parts; ++i) {
        add_tile(k, tiles[i], 0, blocks, dw);
      }
    });
    std::copy(sums, sums + n, k.dw);
    return;
  }
  std::fill(k.dw, k.dw + n, T(0));
  const std::int64_t parts = std::min(blocks, kMaxParts);
  parallel_for(parts, flops, [&](std::int64_t p) {
    for (std::int64_t i = 0; i < tiles.count(); ++i) {
      add_tile(k, tiles[i], blocks * p / parts, blocks * (p + 1) / parts, k.dw);
    }
  });
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
