// Correlation; see correlate.hpp.
//
// The kernel is packed once a call: blocks of output channels one or two vectors wide, in each the terms of the sum in
// blocks of kTermBlock, so that the weights in use stay in L1 while a tile's pixels pass by. Work is cut into tiles of
// the grid (and blocks of output channels when there are few tiles); each output element is computed by one thread in a
// fixed order of terms.
#include "ops/correlate.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/depthwise.hpp"
#include "ops/parallel.hpp"
#include "ops/planar.hpp"
#include "ops/winograd.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// Terms that are summed in registers before they are added to the output. 256 terms x 32 floats of weights are 32 KB,
// an L1 cache; and summing in blocks keeps the rounding error of long sums small.
constexpr std::int64_t kTermBlock = 256;

// Positions of a tile: enough to use packed weights many times, few enough that a tile's pixels fit in L2 and that a
// batch of small images gives every thread something to do.
constexpr std::int64_t kTilePositions = 256;

// Output channels [first, first + count) of one group, `vectors` vectors wide when packed.
struct OutBlock {
  std::int64_t group, first, count;
  std::size_t vectors;
  std::int64_t packed;  // where its weights begin
};

// Output channels are cut into blocks of two vectors; what remains of a group takes one or two.
class OutBlocks {
 public:
  OutBlocks(std::int64_t groups, std::int64_t out_channels, std::int64_t terms, std::int64_t lanes)
      : out_channels_(out_channels), lanes_(lanes), terms_(terms) {
    per_group_ = (out_channels + 2 * lanes - 1) / (2 * lanes);
    const std::int64_t rest = out_channels - (per_group_ - 1) * 2 * lanes;
    last_vectors_ = rest > lanes ? 2 : 1;
    group_width_ = (per_group_ - 1) * 2 * lanes + last_vectors_ * lanes;
    count_ = groups * per_group_;
  }
  std::int64_t count() const { return count_; }
  std::int64_t packed_size() const { return count_ / per_group_ * group_width_ * terms_; }
  OutBlock operator[](std::int64_t i) const {
    const std::int64_t group = i / per_group_, in_group = i % per_group_;
    const std::int64_t first = in_group * 2 * lanes_;
    return {group, first, std::min(2 * lanes_, out_channels_ - first),
            static_cast<std::size_t>(in_group + 1 == per_group_ ? last_vectors_ : 2),
            (group * group_width_ + first) * terms_};
  }

 private:
  std::int64_t out_channels_, lanes_, terms_, per_group_, last_vectors_, group_width_, count_;
};

// The order of the terms. Neighbouring columns whose pixels touch in memory are one run: with one group and no dilation
// a kernel row of kw pixels is a run of kw * c elements. Runs are cut into pieces of at most kTermBlock elements, or
// several whole runs make a block.
struct TermOrder {
  std::int64_t runs, run_length;        // runs = kernel rows, or rows x columns when columns do not touch
  std::int64_t columns_in_run;          // pixels of a run
  std::int64_t runs_per_block, pieces;  // one of them is 1
  std::int64_t piece_length;            // of a run; the last piece may be shorter

  template <class T>
  explicit TermOrder(const Correlation<T>& k) {
    const auto& columns = k.grid.columns;
    const std::int64_t n = static_cast<std::int64_t>(columns.size());
    const bool touch = k.groups == 1 && columns.back().offset - columns.front().offset == n - 1;
    columns_in_run = touch ? n : 1;
    runs = static_cast<std::int64_t>(k.grid.rows.size()) * (n / columns_in_run);
    run_length = columns_in_run * k.channels;
    pieces = std::max<std::int64_t>(1, (run_length + kTermBlock - 1) / kTermBlock);
    piece_length = (run_length + pieces - 1) / pieces;
    runs_per_block =
        pieces > 1 ? 1 : std::clamp<std::int64_t>(kTermBlock / std::max<std::int64_t>(run_length, 1), 1, runs);
  }
  std::int64_t terms() const { return runs * run_length; }

  // Calls f(first run, end of runs, begin in the run, end in the run) for each block, in order.
  template <class F>
  void for_each_block(const F& f) const {
    for (std::int64_t r = 0; r < runs; r += runs_per_block) {
      for (std::int64_t begin = 0; begin < run_length; begin += piece_length) {
        f(r, std::min(r + runs_per_block, runs), begin, std::min(begin + piece_length, run_length));
      }
    }
  }
};

template <class T>
std::int64_t weight_offset(const Correlation<T>& k, const TermOrder& order, std::int64_t run, std::int64_t in_run) {
  const std::int64_t runs_in_row = static_cast<std::int64_t>(k.grid.columns.size()) / order.columns_in_run;
  const std::int64_t column = run % runs_in_row * order.columns_in_run + in_run / k.channels;
  const Tap row = k.grid.rows[static_cast<std::size_t>(run / runs_in_row)];
  return row.index * k.w_row + k.grid.columns[static_cast<std::size_t>(column)].index * k.w_column +
         in_run % k.channels * k.w_c;
}

// Packs one block of output channels: [block of terms][run][element of the run][width], filled up with zeros.
template <class T>
void pack_block(const Correlation<T>& k, const TermOrder& order, const OutBlock& block, std::int64_t lanes, T* packed) {
  const std::int64_t width = static_cast<std::int64_t>(block.vectors) * lanes;
  const T* from = k.weights + block.group * k.w_group + block.first * k.w_n;
  T* to = packed + block.packed;
  order.for_each_block([&](std::int64_t r0, std::int64_t r1, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = r0; r < r1; ++r) {
      for (std::int64_t e = begin; e < end; ++e, to += width) {
        const T* w = from + weight_offset(k, order, r, e);
        for (std::int64_t n = 0; n < block.count; ++n) to[n] = w[n * k.w_n];
        std::fill(to + block.count, to + width, T(0));
      }
    }
  });
}

// Positions up to which weights that lie in the order of the terms are used as they lie: packing them would take as
// long as multiplying with them. One tile of the inner loop goes over them once.
constexpr std::int64_t kFewPositions = 12;

// One call's packed weights and bias, shared by its threads.
template <class T>
struct Packed {
  TermOrder order;
  OutBlocks blocks;
  std::int64_t lanes;
  T* weights;
  T* bias;           // two vectors' width a block, or null
  bool as_they_lie;  // whole blocks are not packed

  // Block b's weights from the `term`-th on, and from one term to the next.
  const T* of(const Correlation<T>& k, std::int64_t b, std::int64_t term) const {
    const OutBlock block = blocks[b];
    if (in_place(block)) return k.weights + weight_offset(k, order, 0, term) + block.group * k.w_group + block.first;
    return weights + block.packed + term * static_cast<std::int64_t>(block.vectors) * lanes;
  }
  std::int64_t step(const Correlation<T>& k, std::int64_t b) const {
    const OutBlock block = blocks[b];
    return in_place(block) ? k.w_c : static_cast<std::int64_t>(block.vectors) * lanes;
  }
  bool in_place(const OutBlock& block) const {
    return as_they_lie && block.count == static_cast<std::int64_t>(block.vectors) * lanes;
  }

  explicit Packed(const Correlation<T>& k)
      : order(k),
        blocks(k.groups, k.out_channels, order.terms(), static_cast<std::int64_t>(simd::lanes<T>())),
        lanes(static_cast<std::int64_t>(simd::lanes<T>())),
        weights(scratch<T>(Scratch::weights, static_cast<std::size_t>(blocks.packed_size()))),
        bias(k.bias ? scratch<T>(Scratch::bias, static_cast<std::size_t>(blocks.count() * 2 * lanes)) : nullptr),
        as_they_lie(k.w_n == 1 && order.runs == 1 && order.columns_in_run == 1 &&
                    k.grid.images * k.grid.grid_h * k.grid.grid_w <= kFewPositions) {
    parallel_for(blocks.count(), static_cast<double>(blocks.packed_size()), [&](std::int64_t b) {
      const OutBlock block = blocks[b];
      if (!in_place(block)) pack_block(k, order, block, lanes, weights);
      if (!bias) return;
      T* to = bias + b * 2 * lanes;
      const T* from = k.bias + block.group * k.out_channels + block.first;
      std::fill(std::copy(from, from + block.count, to), to + 2 * lanes, T(0));
    });
  }
};

template <class T>
T* position(const Correlation<T>& k, std::int64_t image, std::int64_t y, std::int64_t x) {
  return k.out + image * k.out_image + y * k.out_row + x * k.out_pixel;
}

// The activation, on the tile's output channels [first, first + count), while they are in the cache.
template <class T>
void activate_tile(const Correlation<T>& k, const GridTile& tile, std::int64_t first, std::int64_t count) {
  if (k.activation == Activation::identity) return;
  const bool dense = count == k.out_pixel;
  for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
    if (dense) {
      T* row = position(k, tile.image, y, tile.x0);
      simd::activate(k.activation, row, row, static_cast<std::size_t>((tile.x1 - tile.x0) * count));
      continue;
    }
    for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
      T* pixel = position(k, tile.image, y, x) + first;
      simd::activate(k.activation, pixel, pixel, static_cast<std::size_t>(count));
    }
  }
}

// The offsets of the runs from a position's origin in a patch.
template <class T>
std::ptrdiff_t* run_offsets(const Correlation<T>& k, const TermOrder& order, std::ptrdiff_t line) {
  std::ptrdiff_t* offsets = scratch<std::ptrdiff_t>(Scratch::taps, static_cast<std::size_t>(order.runs));
  std::ptrdiff_t* to = offsets;
  for (const Tap& row : k.grid.rows) {
    for (std::size_t j = 0; j < k.grid.columns.size(); j += static_cast<std::size_t>(order.columns_in_run)) {
      *to++ = row.offset * line + k.grid.columns[j].offset * k.grid.channels;
    }
  }
  return offsets;
}

// The tile's output channels of one block, from a patch.
template <class T>
void correlate_block(const Correlation<T>& k, const Packed<T>& packed, std::int64_t b, const GridTile& tile,
                     const Patch<T>& patch, const std::ptrdiff_t* offsets) {
  const OutBlock block = packed.blocks[b];
  simd::ConvRow<T> row{};
  row.pixel_step = k.grid.step_x * k.grid.channels;
  row.vectors = block.vectors;
  row.out_step = k.out_pixel;
  row.pixels = static_cast<std::size_t>(tile.x1 - tile.x0);
  row.out_channels = static_cast<std::size_t>(block.count);
  row.weights_step = packed.step(k, b);
  std::int64_t term = 0;
  row.bias = packed.bias ? packed.bias + b * 2 * packed.lanes : nullptr;
  row.accumulate = false;
  packed.order.for_each_block([&](std::int64_t r0, std::int64_t r1, std::int64_t begin, std::int64_t end) {
    row.taps = offsets + r0;
    row.tap_count = static_cast<std::size_t>(r1 - r0);
    row.channels = static_cast<std::size_t>(end - begin);
    row.weights = packed.of(k, b, term);
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      row.in = patch.origin + (y - tile.y0) * k.grid.step_y * patch.line + block.group * k.channels + begin;
      row.out = position(k, tile.image, y, tile.x0) + block.group * k.out_channels + block.first;
      simd::conv_row(row);
    }
    term += (r1 - r0) * (end - begin);
    row.accumulate = true;
    row.bias = nullptr;
  });
}

// One position whose patch is not to be had whole: run by run, from the source where the run lies inside, from zeros
// (or, with skip_outside, not at all) where it does not.
template <class T>
void correlate_position(const Correlation<T>& k, std::int64_t image, std::int64_t y, std::int64_t x) {
  const auto& g = k.grid;
  T* out = position(k, image, y, x);
  const std::int64_t all = k.groups * k.out_channels;
  T* sums = scratch<T>(Scratch::pixels, static_cast<std::size_t>(all));
  if (k.bias) {
    std::copy(k.bias, k.bias + all, sums);
  } else {
    std::fill(sums, sums + all, T(0));
  }
  for (const Tap& row : g.rows) {
    for (const Tap& column : g.columns) {
      const std::int64_t sy = y * g.step_y + row.offset, sx = x * g.step_x + column.offset;
      const bool outside = sy < 0 || sy >= g.height || sx < 0 || sx >= g.width;
      if (outside && k.skip_outside) continue;
      const T* pixel = outside ? nullptr : k.source + ((image * g.height + sy) * g.width + sx) * g.channels;
      const T* w = k.weights + row.index * k.w_row + column.index * k.w_column;
      for (std::int64_t n = 0; n < all; ++n) {
        const std::int64_t group = n / k.out_channels;
        const T* wn = w + group * k.w_group + n % k.out_channels * k.w_n;
        T sum = 0;
        for (std::int64_t c = 0; c < k.channels; ++c) {
          sum += (outside ? T(0) : pixel[group * k.channels + c]) * wn[c * k.w_c];
        }
        sums[n] += sum;
      }
    }
  }
  std::copy(sums, sums + all, out);
}

template <class T>
void correlate_by_position(const Correlation<T>& k, const GridTile& tile) {
  for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
    for (std::int64_t x = tile.x0; x < tile.x1; ++x) correlate_position(k, tile.image, y, x);
  }
}

template <class T>
bool tile_needs_positions(const Correlation<T>& k, const GridTile& tile) {
  if (k.channels == 0 || !patch_fits(k.grid, tile)) return true;
  return k.skip_outside && !inside(k.grid, patch_bounds(k.grid, tile));
}

}  // namespace

template <class T>
void correlate(const Correlation<T>& k) {
  const std::int64_t out_channels = k.groups * k.out_channels;
  const PatchGrid& grid = k.grid;
  if (grid.images * grid.grid_h * grid.grid_w * out_channels == 0) return;
  if (by_planes(k)) return correlate_planes(k);
  if (k.channels > 0 && by_winograd(k)) return correlate_winograd(k);
  if (by_depthwise(k)) return correlate_depthwise(k);
  const double terms = static_cast<double>(grid.rows.size()) * static_cast<double>(grid.columns.size()) *
                       static_cast<double>(k.channels);
  const double flops = 2.0 * terms * static_cast<double>(grid.images) * static_cast<double>(grid.grid_h) *
                       static_cast<double>(grid.grid_w) * static_cast<double>(out_channels);
  const Tiling tiles(grid, kTilePositions);

  const Packed<T> packed(k);
  // With few tiles the output channels are shared out too; the number of parts depends on the problem only.
  constexpr std::int64_t kItemsWanted = 16;
  const std::int64_t parts = std::clamp<std::int64_t>(kItemsWanted / tiles.count(), 1, packed.blocks.count());
  parallel_for(tiles.count() * parts, flops, [&](std::int64_t i) {
    const GridTile tile = tiles[i / parts];
    const std::int64_t part = i % parts;
    if (tile_needs_positions(k, tile)) {
      if (part == 0) {
        correlate_by_position(k, tile);
        activate_tile(k, tile, 0, out_channels);
      }
      return;
    }
    const Patch<T> patch = tile_patch(grid, tile, k.source);
    const std::ptrdiff_t* offsets = run_offsets(k, packed.order, patch.line);
    const std::int64_t begin = packed.blocks.count() * part / parts, end = packed.blocks.count() * (part + 1) / parts;
    for (std::int64_t b = begin; b < end; ++b) correlate_block(k, packed, b, tile, patch, offsets);
    const OutBlock first = packed.blocks[begin], last = packed.blocks[end - 1];
    const std::int64_t from = first.group * k.out_channels + first.first;
    activate_tile(k, tile, from, last.group * k.out_channels + last.first + last.count - from);
  });
}

template void correlate(const Correlation<float>&);
template void correlate(const Correlation<double>&);

}  // namespace hubel::detail
