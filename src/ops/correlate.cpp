// Correlation; see correlate.hpp.
//
// The kernel is packed: blocks of output channels some vectors wide, in each the terms of the sum in blocks of
// kTermBlock, so that the weights in use stay in L1 while a tile's pixels pass by. Work is cut into tiles of the grid
// (and blocks of output channels when there are few tiles); each output element is computed by one thread in a fixed
// order of terms, whatever tile it lies in.
#include "ops/correlate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "ops/ahead.hpp"
#include "ops/channel_blocks.hpp"
#include "ops/depthwise.hpp"
#include "ops/few_rows.hpp"
#include "ops/parallel.hpp"
#include "ops/planar.hpp"
#include "ops/term_runs.hpp"
#include "ops/winograd.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/elementwise.hpp"
#include "simd/transpose.hpp"

namespace hubel::detail {

namespace {

// Terms that are summed in registers before they are added to the output. 256 terms x 32 floats of weights are 32 KB,
// an L1 cache; and summing in blocks keeps the rounding error of long sums small.
constexpr std::int64_t kTermBlock = 256;

// Positions of a tile: enough to use packed weights many times, few enough that a tile's pixels fit in L2 and that a
// batch of small images gives every thread something to do.
constexpr std::int64_t kTilePositions = 256;

// A block of terms: the elements [begin, end) of the runs [r0, r1), of which `before` terms lie in earlier blocks.
struct TermBlock {
  std::int64_t r0, r1, begin, end, before;
  std::int64_t count() const { return (r1 - r0) * (end - begin); }
};

// The blocks of terms, in order: several whole runs, or pieces of one.
class TermBlocks {
 public:
  explicit TermBlocks(const TermRuns& runs) : runs_(runs.count), length_(std::max<std::int64_t>(runs.length, 1)) {
    const std::int64_t pieces = (length_ + kTermBlock - 1) / kTermBlock;
    piece_length_ = (length_ + pieces - 1) / pieces;
    pieces_ = (length_ + piece_length_ - 1) / piece_length_;
    const std::int64_t most = std::max<std::int64_t>(1, kTermBlock / length_), blocks = (runs_ + most - 1) / most;
    runs_of_block_ = pieces_ > 1 ? 1 : (runs_ + blocks - 1) / blocks;
  }
  std::int64_t count() const { return (runs_ + runs_of_block_ - 1) / runs_of_block_ * pieces_; }
  TermBlock operator[](std::int64_t i) const {
    const std::int64_t r = i / pieces_ * runs_of_block_, begin = i % pieces_ * piece_length_;
    return {r, std::min(r + runs_of_block_, runs_), begin, std::min(begin + piece_length_, length_),
            r * length_ + begin};
  }

 private:
  std::int64_t runs_, length_, runs_of_block_, pieces_, piece_length_;  // runs_of_block_ or pieces_ is 1
};

// Positions up to which weights that lie in the order of the terms are used as they lie: a few tiles of the inner loop
// take no longer to read them from L2 than packing takes. More, where a block of terms lies within 128 KB: in so many
// pages as the first level of address translation knows.
constexpr std::int64_t kFewPositions = 24, kMorePositions = 64, kWithinPages = std::int64_t{128} << 10;

// What a correlation's geometry says about its packed kernel: blocks of output channels one after another, in each
// [block of terms][run][element of the run][width], filled up with zeros; then the blocks' biases.
template <class T>
struct Layout {
  TermRuns runs;
  TermBlocks term_blocks;
  ChannelBlocks blocks;

  explicit Layout(const Correlation<T>& k)
      : runs(k.grid, k.groups, k.channels),
        term_blocks(runs),
        blocks(k.groups, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>())) {}

  std::int64_t elements() const { return blocks.width() * runs.terms(); }
  std::int64_t width(const ChannelBlock& block) const { return block.vectors * blocks.lanes(); }
  // Where block's weights begin.
  std::int64_t at(const ChannelBlock& block) const { return block.vectors_before * blocks.lanes() * runs.terms(); }
  // In the unpacked kernel, from a block's first output channel.
  std::int64_t weight_offset(const Correlation<T>& k, std::int64_t run, std::int64_t e) const {
    return runs.row(k.grid, run).index * k.w_row + runs.column(k.grid, run, e).index * k.w_column +
           e % k.channels * k.w_c;
  }
  // Whether whole blocks are used as they lie.
  bool as_they_lie(const Correlation<T>& k) const {
    const std::int64_t reach = term_blocks[0].count() * k.w_c * static_cast<std::int64_t>(sizeof(T));
    return !k.kernel_is_kept && k.w_n == 1 && runs.count == 1 && runs.columns_in_run == 1 &&
           k.grid.images * k.grid.grid_h * k.grid.grid_w <= (reach <= kWithinPages ? kMorePositions : kFewPositions);
  }
  bool in_place(const Correlation<T>& k, const ChannelBlock& block) const {
    return as_they_lie(k) && block.count == width(block);
  }
};

// Packs a block of terms of a block of output channels.
template <class T>
void pack_terms(const Correlation<T>& k, const Layout<T>& layout, const ChannelBlock& block, const TermBlock& terms,
                T* to) {
  const std::int64_t width = layout.width(block);
  const T* from = k.weights + block.group * k.w_group + block.first * k.w_n;
  const bool exchanged = k.w_n != 1;  // and so w_c is 1
  if (exchanged && block.count < width) std::fill_n(to, terms.count() * width, T(0));
  for (std::int64_t r = terms.r0; r < terms.r1; ++r) {
    // Pieces of a pixel, whose elements are w_c apart.
    for (std::int64_t e = terms.begin, next; e < terms.end; e = next) {
      next = std::min(terms.end, e - e % k.channels + k.channels);
      const T* w = from + layout.weight_offset(k, r, e);
      const auto elements = static_cast<std::size_t>(next - e), count = static_cast<std::size_t>(block.count);
      if (exchanged) {
        simd::transpose(w, k.w_n, count, elements, static_cast<std::size_t>((block.count - 1) * k.w_n) + elements, to,
                        width);
      } else {
        simd::copy_channel_panel<T>({w, k.w_c, elements, count, static_cast<std::size_t>(block.vectors), to});
      }
      to += (next - e) * width;
    }
  }
}

// The weights of a block of terms and a block of output channels, and how far apart the terms are.
template <class T>
struct BlockWeights {
  const T* from;
  std::int64_t step;
};

// The kernel of one call, which its threads share.
template <class T>
struct Kernel {
  const Layout<T>& layout;
  const T* packed;  // or null: blocks are packed when they are needed
  const T* bias;    // the blocks' vectors side by side, or null

  // In memory that lasts until this thread's next call.
  BlockWeights<T> weights(const Correlation<T>& k, const ChannelBlock& block, const TermBlock& terms) const {
    if (layout.in_place(k, block)) return {as_it_lies(k, block, terms), k.w_c};
    const std::int64_t width = layout.width(block);
    if (packed) return {packed + layout.at(block) + terms.before * width, width};
    T* to = scratch<T>(Scratch::weights, static_cast<std::size_t>(terms.count() * width));
    pack_terms(k, layout, block, terms, to);
    return {to, width};
  }

  // The memory that weights() will read.
  simd::Ahead expected(const Correlation<T>& k, const ChannelBlock& block, const TermBlock& terms) const {
    const std::int64_t width = layout.width(block);
    if (packed) return ahead_of(packed + layout.at(block) + terms.before * width, terms.count() * width);
    if (terms.r1 - terms.r0 > 1 || layout.runs.columns_in_run > 1) return {};  // short pieces here and there
    const T* from = as_it_lies(k, block, terms);
    return k.w_n == 1 ? ahead_of(from, block.count, terms.count(), k.w_c)
                      : ahead_of(from, terms.count(), block.count, k.w_n);
  }

 private:
  const T* as_it_lies(const Correlation<T>& k, const ChannelBlock& block, const TermBlock& terms) const {
    return k.weights + layout.weight_offset(k, terms.r0, terms.begin) + block.group * k.w_group + block.first * k.w_n;
  }
};

template <class T>
const T* packed_bias(const Correlation<T>& k, const Layout<T>& layout) {
  if (!k.bias) return nullptr;
  T* bias = scratch<T>(Scratch::bias, static_cast<std::size_t>(layout.blocks.width()));
  const std::int64_t group_width = layout.blocks.width() / k.groups;
  for (std::int64_t g = 0; g < k.groups; ++g) {
    T* to = bias + g * group_width;
    std::fill(std::copy_n(k.bias + g * k.out_channels, k.out_channels, to), to + group_width, T(0));
  }
  return bias;
}

template <class T>
T* position(const Correlation<T>& k, std::int64_t image, std::int64_t y, std::int64_t x) {
  return k.out + image * k.out_image + y * k.out_row + x * k.out_pixel;
}

// The activation, on the tile's output channels [first, first + count), while they are in the cache.
template <class T>
void activate_tile(const Correlation<T>& k, const GridTile& tile, std::int64_t first, std::int64_t count) {
  if (k.activation == Activation::identity) return;
  const bool dense = count == k.out_pixel;
  for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      if (dense) {
        T* row = position(k, image, y, tile.x0);
        simd::activate(k.activation, row, row, static_cast<std::size_t>((tile.x1 - tile.x0) * count));
        continue;
      }
      for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
        T* pixel = position(k, image, y, x) + first;
        simd::activate(k.activation, pixel, pixel, static_cast<std::size_t>(count));
      }
    }
  }
}

// A tile's pixels where the inner loop reads them, for one block of terms.
template <class T>
struct TileInput {
  const T* in;
  const std::ptrdiff_t* places;
  const std::ptrdiff_t* offsets;  // of all runs
};

template <class T>
TileInput<T> patch_input(const Correlation<T>& k, const TermRuns& runs, const GridTile& tile, bool copy) {
  const Patch<T> patch = tile_patch(k.grid, tile, k.source, {copy, runs.copied_pixel<T>(k.grid)});
  std::ptrdiff_t* offsets = scratch<std::ptrdiff_t>(Scratch::taps, static_cast<std::size_t>(runs.count));
  for (std::int64_t r = 0; r < runs.count; ++r) offsets[r] = runs.offset(k.grid, patch, r);
  const auto* places =
      position_table(Scratch::in_places, tile, {patch.image, k.grid.step_y * patch.line, k.grid.step_x * patch.pixel});
  return {patch.origin, places, offsets};
}

// Whether pixels that collide shall be copied apart. That pays when they are read for enough output channels, by one
// item of work, and goes by half as many positions, whose pixels L2 can hold.
template <class T>
bool copying_pays(const Correlation<T>& k) {
  constexpr std::int64_t kManyOutputs = 128;
  return k.out_channels >= kManyOutputs && pixels_collide<T>(k.grid.step_x * k.grid.channels);
}

// The terms of short runs one by one, as taps of one channel: the inner loop begins a run in the time of some terms.
// Empty where runs are long enough, or more than the room is for, which is less than a block of terms.
constexpr std::int64_t kShortRun = 16, kSingleTerms = 128;
static_assert(kSingleTerms < kTermBlock);
std::span<const std::ptrdiff_t> single_terms(const TermRuns& runs, const std::ptrdiff_t* offsets,
                                             std::array<std::ptrdiff_t, kSingleTerms>& room) {
  if (runs.length > kShortRun || runs.terms() > kSingleTerms) return {};
  for (std::int64_t t = 0; t < runs.terms(); ++t)
    room[static_cast<std::size_t>(t)] = offsets[t / runs.length] + t % runs.length;
  return std::span(room).first(static_cast<std::size_t>(runs.terms()));
}

// The tile's output channels of the blocks [b0, b1), block of terms by block of terms: so the pixels' part in use stays
// in L2 while all blocks of output channels pass by.
template <class T>
void correlate_blocks(const Correlation<T>& k, const Kernel<T>& kernel, const GridTile& tile, std::int64_t b0,
                      std::int64_t b1) {
  const Layout<T>& layout = kernel.layout;
  constexpr std::int64_t kBlocksOfACopy = 8;
  const bool one_tap = k.grid.rows.size() * k.grid.columns.size() == 1, collide = copying_pays(k);
  const bool gather = collide && one_tap && k.groups == 1 && b1 - b0 >= kBlocksOfACopy;
  const bool last = tile.image + tile.images == k.grid.images && tile.y1 == k.grid.grid_h && tile.x1 == k.grid.grid_w;
  const TileInput<T> input = patch_input(k, layout.runs, tile, collide && !one_tap);
  constexpr std::ptrdiff_t kNoOffset = 0;
  simd::ConvTiles<T> t{};
  t.positions = static_cast<std::size_t>(tile.positions());
  t.out_at = position_table(Scratch::out_places, tile, {k.out_image, k.out_row, k.out_pixel});
  T* out = position(k, tile.image, tile.y0, tile.x0);
  const std::ptrdiff_t following = input.places[tile.positions() - 1] + k.grid.step_x * k.grid.channels;
  const std::int64_t term_blocks = layout.term_blocks.count();
  std::array<std::ptrdiff_t, kSingleTerms> room;
  const auto singles = single_terms(layout.runs, input.offsets, room);
  for (std::int64_t i = 0; i < term_blocks; ++i) {
    const TermBlock terms = layout.term_blocks[i];
    t.taps = input.offsets + terms.r0;
    t.tap_count = static_cast<std::size_t>(terms.r1 - terms.r0);
    t.channels = static_cast<std::size_t>(terms.end - terms.begin);
    if (!singles.empty()) {
      t.taps = singles.data();
      t.tap_count = singles.size();
      t.channels = 1;
    }
    t.accumulate = i > 0 || k.accumulate;
    t.bounds = i + 1 == term_blocks ? simd::bounds_of<T>(k.activation) : simd::Bounds<T>();
    const T* in = input.in + terms.begin;
    t.in_at = input.places;
    // Read next: the tile behind this one, where it lies as tiles in a row do; of gathered pixels the next channels.
    const T* ahead = last ? nullptr : in + following;
    t.ahead_at = input.places;
    if (gather) {
      const std::int64_t count = terms.count(), pixel = padded_pixel<T>(count);
      T* copy = scratch<T>(Scratch::gathered, static_cast<std::size_t>(tile.positions() * pixel));
      for (std::size_t p = 0; p < t.positions; ++p) {
        std::copy_n(in + input.places[p] + input.offsets[terms.r0], count,
                    copy + static_cast<std::ptrdiff_t>(p) * pixel);
      }
      if (terms.end < layout.runs.length)
        ahead = in + input.offsets[terms.r0] + count;
      else if (!last)
        ahead = input.in + following;
      in = copy;
      t.in_at = position_table(Scratch::gathered_places, {0, 0, 1, 0, tile.positions()}, {0, 0, pixel});
      t.taps = &kNoOffset;
    }
    for (std::int64_t b = b0; b < b1; ++b) {
      const ChannelBlock block = layout.blocks[b];
      const BlockWeights<T> weights = kernel.weights(k, block, terms);
      t.in = in + block.group * k.channels;
      t.weights = weights.from;
      t.weights_step = weights.step;
      t.vectors = static_cast<std::size_t>(block.vectors);
      t.out = out + block.group * k.out_channels + block.first;
      t.out_channels = static_cast<std::size_t>(block.count);
      t.ahead = b == b0 ? ahead : nullptr;
      t.next_weights = {};
      if (b + 1 < b1) {
        t.next_weights = kernel.expected(k, layout.blocks[b + 1], terms);
      } else if (i + 1 < term_blocks) {
        t.next_weights = kernel.expected(k, layout.blocks[b0], layout.term_blocks[i + 1]);
      }
      t.bias = kernel.bias && i == 0 ? kernel.bias + block.vectors_before * layout.blocks.lanes() : nullptr;
      simd::conv_tiles(t);
    }
  }
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
  for (std::int64_t n = 0; n < all; ++n) out[n] = k.accumulate ? out[n] + sums[n] : sums[n];
}

template <class T>
void correlate_by_position(const Correlation<T>& k, const GridTile& tile) {
  for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      for (std::int64_t x = tile.x0; x < tile.x1; ++x) correlate_position(k, image, y, x);
    }
  }
}

template <class T>
bool tile_needs_positions(const Correlation<T>& k, const GridTile& tile) {
  if (k.channels == 0 || !patch_fits(k.grid, tile)) return true;
  return k.skip_outside && !inside(k.grid, patch_bounds(k.grid, tile));
}

template <class T>
double flops_of(const Correlation<T>& k) {
  const double terms = static_cast<double>(k.grid.rows.size()) * static_cast<double>(k.grid.columns.size()) *
                       static_cast<double>(k.channels);
  return 2.0 * terms * static_cast<double>(k.grid.images) * static_cast<double>(k.grid.grid_h) *
         static_cast<double>(k.grid.grid_w) * static_cast<double>(k.groups * k.out_channels);
}

template <class T>
void pack_direct(const Correlation<T>& k, T* packed) {
  const Layout<T> layout(k);
  parallel_for(layout.blocks.count(), static_cast<double>(layout.elements()), [&](std::int64_t b) {
    const ChannelBlock block = layout.blocks[b];
    T* to = packed + layout.at(block);
    for (std::int64_t i = 0; i < layout.term_blocks.count(); ++i) {
      const TermBlock terms = layout.term_blocks[i];
      pack_terms(k, layout, block, terms, to + terms.before * layout.width(block));
    }
  });
}

template <class T>
Tiling tiling(const Correlation<T>& k) {
  return Tiling(k.grid, copying_pays(k) ? kTilePositions / 2 : kTilePositions, Tiling::Images::together);
}

// Whether each tile packs the kernel for itself, block by block. Packed, a block is in L1 when it is used; a whole
// kernel goes out to memory and comes back, which takes as long as packing it from a cache several times.
template <class T>
bool pack_late(const Correlation<T>& k) {
  constexpr std::int64_t kFewTiles = 4;
  return tiling(k).count() <= kFewTiles;
}

// packed: or null, where blocks are packed when they are needed.
template <class T>
void correlate_direct(const Correlation<T>& k, const T* packed) {
  const Tiling tiles = tiling(k);
  const Layout<T> layout(k);
  const Kernel<T> kernel{layout, packed, packed_bias(k, layout)};
  const std::int64_t blocks = layout.blocks.count();
  // With few tiles the output channels are shared out too; the number of parts depends on the problem only.
  constexpr std::int64_t kItemsWanted = 16;
  const std::int64_t parts = std::clamp<std::int64_t>(kItemsWanted / tiles.count(), 1, blocks);
  parallel_for(tiles.count() * parts, flops_of(k), [&](std::int64_t i) {
    const GridTile tile = tiles[i / parts];
    const std::int64_t part = i % parts;
    if (tile_needs_positions(k, tile)) {
      if (part == 0) {
        correlate_by_position(k, tile);
        activate_tile(k, tile, 0, k.groups * k.out_channels);
      }
      return;
    }
    const std::int64_t begin = blocks * part / parts, end = blocks * (part + 1) / parts;
    correlate_blocks(k, kernel, tile, begin, end);
    if (simd::is_fused(k.activation)) return;  // done in the registers
    const ChannelBlock first = layout.blocks[begin], last = layout.blocks[end - 1];
    const std::int64_t from = first.group * k.out_channels + first.first;
    activate_tile(k, tile, from, last.group * k.out_channels + last.first + last.count - from);
  });
}

// A product of matrices with a transposed kernel, as the gradient with respect to a dense layer's input, may be had
// with its operands exchanged: out transposed = W times the pixels transposed. Then it is the pixels that are packed,
// and the output that is transposed, instead of the kernel. The terms keep their order.
template <class T>
bool exchange_pays(const Correlation<T>& k) {
  return k.w_c == 1 && k.w_n == k.channels && k.groups == 1 && is_matrix(k.grid) && !k.bias &&
         k.activation == Activation::identity && k.grid.grid_w <= k.out_channels;
}

template <class T>
void correlate_exchanged(const Correlation<T>& k) {
  const std::int64_t positions = k.grid.grid_w, outputs = k.out_channels;
  Correlation<T> e = k;
  e.grid.width = e.grid.grid_w = outputs;
  e.source = k.weights + k.grid.rows[0].index * k.w_row + k.grid.columns[0].index * k.w_column;
  e.out_channels = positions;
  e.weights = k.source;
  e.w_row = e.w_column = 0;
  e.out_pixel = padded_pixel<T>(positions);
  e.out = scratch<T>(Scratch::products, static_cast<std::size_t>(outputs * e.out_pixel));
  e.out_row = e.out_image = outputs * e.out_pixel;
  e.kernel_is_kept = true;
  T* packed = scratch<T>(Scratch::weights, static_cast<std::size_t>(Layout<T>(e).elements()));
  pack_direct(e, packed);
  correlate_direct(e, packed);
  constexpr std::int64_t kTogether = 64;
  parallel_for((outputs + kTogether - 1) / kTogether, static_cast<double>(outputs * positions), [&](std::int64_t i) {
    const std::int64_t begin = i * kTogether, count = std::min(kTogether, outputs - begin);
    simd::transpose(e.out + begin * e.out_pixel, e.out_pixel, static_cast<std::size_t>(count),
                    static_cast<std::size_t>(positions), static_cast<std::size_t>(count * e.out_pixel), k.out + begin,
                    k.out_pixel);
  });
}

template <class T>
bool is_empty(const Correlation<T>& k) {
  return k.grid.images * k.grid.grid_h * k.grid.grid_w * k.groups * k.out_channels == 0;
}

}  // namespace

template <class T>
std::int64_t packed_elements(const Correlation<T>& k) {
  if (is_empty(k) || k.channels == 0 || by_planes(k)) return 0;
  if (by_winograd(k)) return winograd_kernel_elements(k);
  if (by_depthwise(k)) return depthwise_kernel_elements(k);
  return Layout<T>(k).elements();
}

template <class T>
void pack_kernel(const Correlation<T>& k, T* packed) {
  if (packed_elements(k) == 0) return;
  if (by_winograd(k)) return transform_winograd_kernel(k, packed);
  by_depthwise(k) ? pack_depthwise_kernel(k, packed) : pack_direct(k, packed);
}

template <class T>
void correlate(const Correlation<T>& k, const T* packed) {
  if (is_empty(k)) return;
  if (by_planes(k)) return correlate_planes(k);
  if (k.channels > 0 && by_winograd(k)) return correlate_winograd(k, packed);
  if (by_depthwise(k)) return correlate_depthwise(k, packed);
  correlate_direct(k, packed);
}

template <class T>
void correlate(const Correlation<T>& k) {
  if (is_empty(k)) return;
  const std::int64_t elements = packed_elements(k);
  const bool direct = elements > 0 && !by_winograd(k) && !by_depthwise(k);
  if (direct && by_few_rows(k)) return correlate_few_rows(k);
  if (direct && exchange_pays(k)) return correlate_exchanged(k);
  if (direct && pack_late(k)) return correlate_direct<T>(k, nullptr);
  T* packed = scratch<T>(Scratch::weights, static_cast<std::size_t>(elements));
  pack_kernel(k, packed);
  correlate(k, packed);
}

template std::int64_t packed_elements(const Correlation<float>&);
template std::int64_t packed_elements(const Correlation<double>&);
template void pack_kernel(const Correlation<float>&, float*);
template void pack_kernel(const Correlation<double>&, double*);
template void correlate(const Correlation<float>&, const float*);
template void correlate(const Correlation<double>&, const double*);
template void correlate(const Correlation<float>&);
template void correlate(const Correlation<double>&);

}  // namespace hubel::detail
