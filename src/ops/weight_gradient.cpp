// Weight gradients; see weight_gradient.hpp.
//
// The work is cut three ways: the positions into parts, each of which sums into a copy of dW of its own (as many as the
// copies' size allows), and dW itself by its rows (kernel taps and input channels) and its output channels. Into how
// many depends on the problem only. The parts' copies are added in order.
//
// A tile's gradients and pixels are copied into panels that the inner loop reads from end to end, some hundred rows and
// output channels at a time, but where they can as well be read as they lie.
#include "ops/weight_gradient.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "ops/ahead.hpp"
#include "ops/channel_blocks.hpp"
#include "ops/depthwise.hpp"
#include "ops/few_rows.hpp"
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
// enough that a panel of gradients, 16 KB of floats with AVX2, stays in L1 beside one of pixels.
constexpr std::int64_t kTilePositions = 256;

// Rows and output channels of the panels at hand, in L2: in float 128 and 256 KB by the 128 positions of wide problems.
// Whoever has more rows and channels than kWide together is wide.
constexpr std::int64_t kPanelRows = 256, kPanelChannels = 512, kWide = 256;

// Elements of dW that all parts' copies may have together: 2^19 floats are 2 MB.
constexpr std::int64_t kMaxCopied = std::int64_t{1} << 19;

// Items of work wanted, so that several threads have some; and rows of dW that are worth an item.
constexpr std::int64_t kItemsWanted = 8, kMinRows = 48;

template <class T>
std::int64_t weight_count(const WeightGradient<T>& k) {
  return static_cast<std::int64_t>(k.grid.rows.size() * k.grid.columns.size()) * k.channels * k.groups * k.out_channels;
}

// A part of dW: the terms (rows) [r0, r1) and the blocks of output channels [b0, b1).
struct Section {
  std::int64_t r0, r1, b0, b1;
};

// The tile's gradients of the blocks [b0, b1), into panels `panel` apart: some pixels at a time, for all blocks, so
// that they are read as they lie.
template <class T>
void copy_gradients(const WeightGradient<T>& k, const GridTile& tile, const ChannelBlocks& blocks, std::int64_t b0,
                    std::int64_t b1, std::int64_t panel, T* to) {
  constexpr std::int64_t kTogether = 32;
  const std::int64_t c = k.groups * k.out_channels;
  std::int64_t done = 0;
  for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      const T* row = k.dz + ((image * k.grid.grid_h + y) * k.grid.grid_w) * c;
      for (std::int64_t x = tile.x0; x < tile.x1; x += kTogether) {
        const std::int64_t count = std::min(kTogether, tile.x1 - x);
        for (std::int64_t b = b0; b < b1; ++b) {
          const ChannelBlock block = blocks[b];
          simd::copy_channel_panel<T>({row + x * c + block.group * k.out_channels + block.first, c,
                                       static_cast<std::size_t>(count), static_cast<std::size_t>(block.count),
                                       static_cast<std::size_t>(block.vectors),
                                       to + (b - b0) * panel + done * block.vectors * blocks.lanes()});
        }
        done += count;
      }
    }
  }
}

// The memory of the tile that comes next: its gradients and its pixels.
template <class T>
AheadShares next_tile(const WeightGradient<T>& k, const GridTile& next, std::int64_t calls) {
  const PatchGrid& g = k.grid;
  const std::int64_t c = k.groups * k.out_channels, last = next.image + next.images - 1;
  const auto gradient = [&](std::int64_t image, std::int64_t y, std::int64_t x) {
    return k.dz + ((image * g.grid_h + y) * g.grid_w + x) * c;
  };
  const auto pixel = [&](std::int64_t image, std::int64_t y, std::int64_t x) {
    const std::int64_t in_y = std::clamp<std::int64_t>(y, 0, g.height), in_x = std::clamp<std::int64_t>(x, 0, g.width);
    return k.source + ((image * g.height + in_y) * g.width + in_x) * g.channels;
  };
  const PatchBounds bounds = patch_bounds(g, next);
  AheadShares shares(calls);
  shares.add(gradient(next.image, next.y0, next.x0), gradient(last, next.y1 - 1, next.x1 - 1) + c);
  shares.add(pixel(next.image, bounds.top, bounds.left), pixel(last, bounds.bottom - 1, bounds.right));
  return shares;
}

// Where each position of a tile finds one run of its terms: in the source, among zeros where all of the run lies
// outside, or in a copy where some of its columns do. Valid until this thread's next call.
template <class T>
const T* const* run_pointers(const WeightGradient<T>& k, const TermRuns& runs, const GridTile& tile, std::int64_t run) {
  const PatchGrid& g = k.grid;
  const std::int64_t first = runs.column(g, run, 0).offset, columns = runs.columns_in_run, c = g.channels;
  const std::int64_t length = columns * c, positions = tile.positions();
  const T** pointers = scratch<const T*>(Scratch::in_places, static_cast<std::size_t>(positions));
  T* zeros = scratch<T>(Scratch::pixels, static_cast<std::size_t>((columns > 1 ? positions + 1 : 1) * length));
  std::fill_n(zeros, length, T(0));
  T* copy = zeros + length;
  const T** to = pointers;
  for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
      const std::int64_t sy = y * g.step_y + runs.row(g, run).offset;
      const T* line = k.source + (image * g.height + sy) * g.width * c;
      for (std::int64_t x = tile.x0; x < tile.x1; ++x, ++to) {
        const std::int64_t sx = x * g.step_x + first;
        const std::int64_t left = std::clamp<std::int64_t>(-sx, 0, columns);
        const std::int64_t right = std::clamp<std::int64_t>(g.width - sx, 0, columns);
        if (sy < 0 || sy >= g.height || left >= right) {
          *to = zeros;
        } else if (right - left == columns) {
          *to = line + sx * c;
        } else {
          *to = copy;
          std::fill_n(copy, left * c, T(0));
          std::copy_n(line + (sx + left) * c, (right - left) * c, copy + left * c);
          std::fill_n(copy + right * c, (columns - right) * c, T(0));
          copy += length;
        }
      }
    }
  }
  return pointers;
}

// The most rows of the inner loop's blocks.
constexpr std::int64_t kMostRows = 12;

// Whether a tile of a matrix has rows behind it, so that its pixels and gradients can be read where they lie: the inner
// loop may read whole blocks of rows, and a position more than there are.
template <class T>
bool is_followed(const WeightGradient<T>& k, const GridTile& tile) {
  return is_matrix(k.grid) && (k.grid.grid_w - tile.x1) * k.grid.channels >= kMostRows;
}

// They are copied nevertheless where they collide, and gradients, which pass by once for each block of rows, where
// there are many of those.
template <class T>
bool gradients_stay(const WeightGradient<T>& k, const TermRuns& runs, const ChannelBlocks& blocks,
                    const GridTile& tile) {
  constexpr std::int64_t kFewRows = 144;
  return is_followed(k, tile) && runs.terms() <= kFewRows && k.out_channels == blocks.width() &&
         !pixels_collide<T>(k.groups * k.out_channels);
}

// Whether all terms of a position are copied together, to be read where they are: rather than run by run, each to
// panels of its own, which short runs fill badly and with much ado. So few terms of a tile's positions stay in L2.
constexpr std::int64_t kShortRun = 60, kPatchTerms = 400;
bool by_patches(const TermRuns& runs, std::int64_t groups) {
  return groups == 1 && runs.length <= kShortRun && runs.terms() <= kPatchTerms;
}

// Elements from one position's terms to the next one's: whole blocks of kMostRows or fewer.
std::int64_t patch_step(const TermRuns& runs) { return (runs.terms() + kMostRows - 1) / kMostRows * kMostRows; }

// n elements, at most kShortRun, by copies of constant size that may overlap.
template <class T>
void copy_short_run(const T* from, std::int64_t n, T* to) {
  const auto by = [&](auto size) {
    std::memcpy(to, from, decltype(size)::value * sizeof(T));
    std::memcpy(to + n - size, from + n - size, decltype(size)::value * sizeof(T));
  };
  if (n >= 8) {
    for (std::int64_t i = 0; i + 8 < n; i += 8) std::memcpy(to + i, from + i, 8 * sizeof(T));
    std::memcpy(to + n - 8, from + n - 8, 8 * sizeof(T));
  } else if (n >= 4) {
    by(std::integral_constant<std::int64_t, 4>());
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

// All terms of a tile's positions. Valid until this thread's next call.
template <class T>
T* copy_patches(const WeightGradient<T>& k, const TermRuns& runs, const GridTile& tile) {
  const PatchGrid& g = k.grid;
  const std::int64_t step = patch_step(runs), n = tile.positions() * step, columns = runs.columns_in_run;
  const std::int64_t c = g.channels;
  // A block of rows that begins in the middle may end behind the last of them, and one more position may be read.
  const std::int64_t room = n + step + kMostRows;
  T* patches = scratch<T>(Scratch::gathered, static_cast<std::size_t>(room));
  std::fill_n(patches, room, T(0));
  for (std::int64_t run = 0; run < runs.count; ++run) {
    const std::int64_t row = runs.row(g, run).offset, first = runs.column(g, run, 0).offset;
    T* to = patches + run * runs.length;
    for (std::int64_t image = tile.image; image < tile.image + tile.images; ++image) {
      for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        const std::int64_t sy = y * g.step_y + row;
        const bool inside = sy >= 0 && sy < g.height;
        const T* line = k.source + (image * g.height + (inside ? sy : 0)) * g.width * c;
        for (std::int64_t x = tile.x0; x < tile.x1; ++x, to += step) {
          const std::int64_t sx = x * g.step_x + first;
          if (inside && sx >= 0 && sx + columns <= g.width) {
            copy_short_run(line + sx * c, runs.length, to);
          } else if (inside) {
            const std::int64_t left = std::clamp<std::int64_t>(-sx, 0, columns);
            const std::int64_t right = std::clamp<std::int64_t>(g.width - sx, left, columns);
            for (std::int64_t i = left * c; i < right * c; ++i) to[i] = line[sx * c + i];
          }
        }
      }
    }
  }
  return patches;
}

// A tile, whose sums replace what is in dW or are added to it.
struct Summand {
  GridTile tile;
  bool accumulate;
};

// One tile's positions and where its rows go.
template <class T>
struct TileAtWork {
  const WeightGradient<T>& k;
  const TermRuns& runs;
  const ChannelBlocks& blocks;
  GridTile tile;
  bool accumulate;
  T* dw;
  AheadShares next;

  // Copies the rows [r0, r1), all of one run or all there are, to panels of so many rows.
  void copy_rows(std::int64_t r0, std::int64_t r1, std::int64_t group, std::size_t rows,
                 simd::WeightTiles<T>& t) const {
    const auto of_panel = static_cast<std::int64_t>(rows);
    if (by_patches(runs, k.groups)) {
      if (!t.in) t.in = copy_patches(k, runs, tile) + r0;
      t.in_block = of_panel;
      t.in_step = patch_step(runs);
      return;
    }
    if (is_followed(k, tile) && !pixels_collide<T>(k.grid.channels)) {
      t.in = k.source + tile.x0 * k.grid.channels + r0 + group * k.channels;
      t.in_block = of_panel;
      t.in_step = k.grid.channels;
      return;
    }
    t.in_block = tile.positions() * of_panel + static_cast<std::int64_t>(simd::kRoomBehindPanel);
    t.in_step = of_panel;
    T* panel =
        scratch<T>(Scratch::gathered, static_cast<std::size_t>((r1 - r0 + of_panel - 1) / of_panel * t.in_block));
    const T* const* pointers = run_pointers(k, runs, tile, r0 / runs.length);
    const std::int64_t skip = r0 % runs.length + group * k.channels;
    if (skip > 0) {
      const T** moved = scratch<const T*>(Scratch::out_places, t.positions);
      for (std::size_t p = 0; p < t.positions; ++p) moved[p] = pointers[p] + skip;
      pointers = moved;
    }
    simd::copy_row_panels<T>({pointers, t.positions, t.rows, rows, panel, t.in_block});
    t.in = panel;
  }

  // Adds the products of the rows [r0, r1), all of one run or all there are, with the gradients of the blocks [b0, b1),
  // which all belong to one group and have panels `dz_panel` apart.
  void add(std::int64_t r0, std::int64_t r1, std::int64_t b0, std::int64_t b1, const T* dz, std::int64_t dz_panel) {
    const std::int64_t run = r0 / runs.length, e = r0 % runs.length, c_new = k.groups * k.out_channels;
    const std::int64_t tap = runs.row(k.grid, run).index * static_cast<std::int64_t>(k.grid.columns.size()) +
                             runs.column(k.grid, run, 0).index;
    simd::WeightTiles<T> t{};
    t.positions = static_cast<std::size_t>(tile.positions());
    t.rows = static_cast<std::size_t>(r1 - r0);
    t.dw_row = c_new;
    t.accumulate = accumulate;
    std::size_t copied_for = 0;  // rows of a panel; blocks differ in width by a vector, at most
    for (std::int64_t b = b0; b < b1; ++b) {
      const ChannelBlock block = blocks[b];
      t.vectors = static_cast<std::size_t>(block.vectors);
      const std::size_t rows = simd::weight_rows(t.vectors);
      if (rows != copied_for) copy_rows(r0, r1, block.group, rows, t);
      copied_for = rows;
      if (dz) {
        t.dz = dz + (b - b0) * dz_panel;
        t.dz_step = block.vectors * blocks.lanes();
      } else {
        t.dz = k.dz + tile.x0 * c_new + block.group * k.out_channels + block.first;
        t.dz_step = c_new;
      }
      t.dw = dw + (tap * k.channels + e) * c_new + block.group * k.out_channels + block.first;
      t.out_channels = static_cast<std::size_t>(block.count);
      t.ahead = next.next();
      simd::weight_tiles(t);
    }
  }
};

// One tile's part of a section.
template <class T>
void add_tile(const WeightGradient<T>& k, const TermRuns& runs, const ChannelBlocks& blocks, const Summand& summand,
              const GridTile* following, const Section& section, T* dw) {
  const GridTile& tile = summand.tile;
  const std::int64_t block_width = static_cast<std::int64_t>(simd::block_vectors().most) * blocks.lanes();
  const std::int64_t panel = tile.positions() * block_width;
  const std::int64_t most_blocks = std::max<std::int64_t>(1, kPanelChannels / block_width);
  const auto end_of_rows = [&](std::int64_t r0) {
    if (by_patches(runs, k.groups)) return section.r1;
    return std::min({section.r1, r0 - r0 % runs.length + runs.length, r0 + kPanelRows});
  };
  std::int64_t calls = 0;
  for (std::int64_t r = section.r0; r < section.r1; r = end_of_rows(r)) calls += section.b1 - section.b0;
  TileAtWork<T> work{
      k, runs, blocks, tile, summand.accumulate, dw, following ? next_tile(k, *following, calls) : AheadShares(calls)};
  for (std::int64_t b0 = section.b0, b1; b0 < section.b1; b0 = b1) {
    for (b1 = b0; b1 < section.b1 && b1 - b0 < most_blocks && blocks[b1].group == blocks[b0].group;) ++b1;
    T* dz = nullptr;
    if (!gradients_stay(k, runs, blocks, tile)) {
      dz = scratch<T>(Scratch::gradients, static_cast<std::size_t>((b1 - b0) * panel + block_width));
      copy_gradients(k, tile, blocks, b0, b1, panel, dz);
    }
    for (std::int64_t r0 = section.r0; r0 < section.r1; r0 = end_of_rows(r0))
      work.add(r0, end_of_rows(r0), b0, b1, dz, panel);
  }
}

template <class T>
double flops_of(const WeightGradient<T>& k) {
  return 2.0 * static_cast<double>(weight_count(k)) * static_cast<double>(k.grid.images) *
         static_cast<double>(k.grid.grid_h) * static_cast<double>(k.grid.grid_w) / static_cast<double>(k.groups);
}

template <class T>
void weight_gradient_direct(const WeightGradient<T>& k) {
  const TermRuns runs(k.grid, k.groups, k.channels);
  const ChannelBlocks blocks(k.groups, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>()));
  const bool wide = by_patches(runs, k.groups) || std::min(runs.length, kPanelRows) + k.out_channels > kWide;
  const Tiling tiles(k.grid, wide ? kTilePositions / 2 : kTilePositions, Tiling::Images::together);
  const std::int64_t n = weight_count(k), terms = runs.terms();
  const std::int64_t parts = std::clamp<std::int64_t>(kMaxCopied / n, 1, std::min(tiles.count(), kMaxParts));
  const std::int64_t cuts = (kItemsWanted + parts - 1) / parts;
  // Cut the longer way first: each cut of the rows copies the gradients once more, each cut of the channels the pixels.
  const std::int64_t most_row_cuts = std::max<std::int64_t>(terms / kMinRows, 1);
  std::int64_t row_cuts = 1, block_cuts = 1;
  while (row_cuts * block_cuts < cuts) {
    const bool rows_longer = terms * block_cuts >= k.out_channels * k.groups * row_cuts;
    if ((rows_longer || block_cuts == blocks.count()) && row_cuts < most_row_cuts) {
      ++row_cuts;
    } else if (block_cuts < blocks.count()) {
      ++block_cuts;
    } else {
      break;
    }
  }

  T* copies = parts > 1 ? scratch<T>(Scratch::partials, static_cast<std::size_t>(parts * n)) : k.dw;
  parallel_for(parts * row_cuts * block_cuts, flops_of(k), [&](std::int64_t item) {
    const std::int64_t part = item / (row_cuts * block_cuts), row_cut = item / block_cuts % row_cuts;
    const std::int64_t block_cut = item % block_cuts;
    const Section section{terms * row_cut / row_cuts, terms * (row_cut + 1) / row_cuts,
                          blocks.count() * block_cut / block_cuts, blocks.count() * (block_cut + 1) / block_cuts};
    T* dw = copies + part * n;
    const std::int64_t begin = tiles.count() * part / parts, end = tiles.count() * (part + 1) / parts;
    for (std::int64_t i = begin; i < end; ++i) {
      const GridTile following = i + 1 < end ? tiles[i + 1] : tiles[i];
      add_tile(k, runs, blocks, {tiles[i], i > begin}, i + 1 < end ? &following : nullptr, section, dw);
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
  if (by_planes(k)) return weight_gradient_planes(k);
  if (by_winograd(k)) return weight_gradient_winograd(k);
  if (by_depthwise(k)) return weight_gradient_depthwise(k);
  if (by_few_rows(k)) return weight_gradient_few_rows(k);
  weight_gradient_direct(k);
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
