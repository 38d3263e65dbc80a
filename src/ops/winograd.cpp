// Winograd's algorithm around the inner loops of simd/; see winograd.hpp.
//
// A tile is 4x4 outputs and the 6x6 inputs under them. Tiles are numbered image by image, row by row, and worked on in
// blocks: a block's 36 transformed values are 36 small matrices (tiles, channels), each of which is multiplied by its
// matrix of the transformed kernel with the direct convolution's own inner loop, as if its tiles were pixels.
#include "ops/winograd.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "ops/ahead.hpp"
#include "ops/channel_blocks.hpp"
#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/elementwise.hpp"
#include "simd/winograd.hpp"

namespace hubel::detail {

namespace {

constexpr std::int64_t kOut = simd::kWinogradOut, kIn = simd::kWinogradIn, kPoints = simd::kWinogradPoints;

// Tiles of a block: multiples of 12 and of 6, the tile sizes of the inner loop. With few channels a block of 36 keeps
// its transformed values in L2 (36 x 36 x 128 floats are 0.6 MB); with many, more tiles are needed for each pass over
// the transformed kernel, which no longer stays there.
std::int64_t tiles_of_block(std::int64_t channels) { return channels <= 128 ? 36 : 72; }

// Tiles whose transformed values are held at a time by the passes that all threads share: 4 M floats of input.
std::int64_t tiles_of_round(std::int64_t channels, std::int64_t block) {
  return std::max<std::int64_t>(1, (std::int64_t{1} << 22) / (kPoints * channels * block)) * block;
}

// The tiles of a grid, and what each covers.
struct TileGrid {
  const PatchGrid& grid;
  std::int64_t down, across, count;

  explicit TileGrid(const PatchGrid& g)
      : grid(g),
        down((g.grid_h + kOut - 1) / kOut),
        across((g.grid_w + kOut - 1) / kOut),
        count(g.images * down * across) {}

  struct Place {
    std::int64_t image, y, x;  // the tile's first output
  };
  Place operator[](std::int64_t tile) const {
    const std::int64_t in_image = tile % (down * across);
    return {tile / (down * across), in_image / across * kOut, in_image % across * kOut};
  }
};

std::size_t within(std::int64_t value, std::int64_t limit) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(value, 0, limit));
}

// Dense images (height, width, channels) that tiles see: a tile's first pixel lies (dy, dx) from its first output, and
// it has `extent` of them each way.
template <class T>
struct TileImages {
  const T* source;
  std::int64_t height, width, channels, dy, dx, extent;
};

// Transforms what tiles [begin, end) see to out[(f * stride + tile - begin) * pixel + c].
template <class T, class Transform>
void transform_tiles(const TileGrid& tiles, const TileImages<T>& images, std::int64_t begin, std::int64_t end,
                     std::int64_t stride, std::int64_t pixel, T* out, const Transform& transform) {
  simd::WinogradTile<T> t{};
  t.line = images.width * images.channels;
  t.pixel = images.channels;
  t.point = stride * pixel;
  t.n = static_cast<std::size_t>(images.channels);
  for (std::int64_t i = begin; i < end; ++i) {
    const auto place = tiles[i];
    const std::int64_t y = place.y + images.dy, x = place.x + images.dx;
    t.in = images.source + ((place.image * images.height + y) * images.width + x) * images.channels;
    t.top = within(-y, images.extent), t.bottom = within(images.height - y, images.extent);
    t.left = within(-x, images.extent), t.right = within(images.width - x, images.extent);
    t.out = out + (i - begin) * pixel;
    transform(t);
  }
}
template <class T>
void transform_inputs(const TileGrid& tiles, const T* source, std::int64_t begin, std::int64_t end, std::int64_t stride,
                      std::int64_t pixel, T* v) {
  const PatchGrid& g = tiles.grid;
  const TileImages<T> images{source, g.height, g.width, g.channels, g.rows.front().offset, g.columns.front().offset,
                             kIn};
  transform_tiles(tiles, images, begin, end, stride, pixel, v, simd::winograd_input<T>);
}

// The transformed kernel: for each block of output channels 36 matrices (channels, width).
template <class T>
struct KernelLayout {
  std::int64_t channels;
  ChannelBlocks blocks;

  explicit KernelLayout(const Correlation<T>& k)
      : channels(k.channels), blocks(1, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>())) {}
  std::int64_t width(const ChannelBlock& block) const { return block.vectors * blocks.lanes(); }
  std::int64_t elements() const { return kPoints * channels * blocks.width(); }
  // Of the block's matrix f.
  std::int64_t at(const ChannelBlock& block, std::int64_t f) const {
    return (block.vectors_before * blocks.lanes() * kPoints + f * width(block)) * channels;
  }
};

// Transforms the channels [c0, c1) of one block.
template <class T>
void transform_kernel(const Correlation<T>& k, const KernelLayout<T>& layout, const ChannelBlock& block,
                      std::int64_t c0, std::int64_t c1, T* kernel) {
  const std::int64_t width = layout.width(block);
  T* taps = scratch<T>(Scratch::pixels, static_cast<std::size_t>(9 * width));
  std::fill(taps, taps + 9 * width, T(0));
  simd::WinogradTile<T> t{};
  t.in = taps;
  t.line = 3 * width;
  t.pixel = width;
  t.bottom = t.right = 3;
  t.point = k.channels * width;
  t.n = static_cast<std::size_t>(width);
  for (std::int64_t c = c0; c < c1; ++c) {
    T* to = taps;
    for (const Tap& row : k.grid.rows) {
      for (const Tap& column : k.grid.columns) {
        const T* from = k.weights + row.index * k.w_row + column.index * k.w_column + c * k.w_c + block.first * k.w_n;
        for (std::int64_t i = 0; i < block.count; ++i) to[i] = from[i * k.w_n];
        to += width;
      }
    }
    t.out = kernel + layout.at(block, 0) + c * width;
    simd::winograd_kernel(t);
  }
}

// The outputs of tiles [begin, end) and one block of output channels, from the tiles' transformed inputs
// v[(f * stride + tile - begin) * pixel + c].
template <class T>
void multiply(const Correlation<T>& k, const TileGrid& tiles, const KernelLayout<T>& layout, const T* kernel,
              const ChannelBlock& block, std::int64_t begin, std::int64_t end, const T* v, std::int64_t stride,
              std::int64_t pixel) {
  const std::int64_t width = layout.width(block), n = end - begin;
  T* sums = scratch<T>(Scratch::products, static_cast<std::size_t>(kPoints * n * width));
  constexpr std::ptrdiff_t kNoOffset = 0;
  simd::ConvTiles<T> t{};
  const GridTile row{0, 0, 1, 0, n};
  t.in_at = position_table(Scratch::in_places, row, {0, 0, pixel});
  t.taps = &kNoOffset;
  t.tap_count = 1;
  t.channels = static_cast<std::size_t>(k.channels);
  t.weights_step = width;
  t.vectors = static_cast<std::size_t>(block.vectors);
  t.out_at = position_table(Scratch::out_places, row, {0, 0, width});
  t.positions = static_cast<std::size_t>(n);
  t.out_channels = static_cast<std::size_t>(width);
  for (std::int64_t f = 0; f < kPoints; ++f) {
    t.in = v + f * stride * pixel;
    t.weights = kernel + layout.at(block, f);
    t.out = sums + f * n * width;
    t.next_weights = f + 1 < kPoints ? ahead_of(kernel + layout.at(block, f + 1), k.channels * width) : simd::Ahead{};
    simd::conv_tiles(t);
  }
  simd::WinogradResult<T> result{};
  result.accumulate = k.accumulate;
  result.bounds = simd::bounds_of<T>(k.activation);
  result.point = n * width;
  result.next = width;
  result.bias = k.bias ? k.bias + block.first : nullptr;
  result.line = k.out_row;
  result.pixel = k.out_pixel;
  result.n = static_cast<std::size_t>(block.count);
  for (std::int64_t i = begin; i < end; ++i) {
    const auto place = tiles[i];
    result.in = sums + (i - begin) * width;
    result.out = k.out + place.image * k.out_image + place.y * k.out_row + place.x * k.out_pixel + block.first;
    result.rows = within(k.grid.grid_h - place.y, kOut);
    result.columns = within(k.grid.grid_w - place.x, kOut);
    simd::winograd_output(result);
    if (simd::is_fused(k.activation)) continue;  // done in the registers
    for (std::size_t y = 0; y < result.rows; ++y) {
      for (std::size_t x = 0; x < result.columns; ++x) {
        T* at = result.out + static_cast<std::ptrdiff_t>(y) * k.out_row + static_cast<std::ptrdiff_t>(x) * k.out_pixel;
        simd::activate(k.activation, at, at, result.n);
      }
    }
  }
}

bool three_in_a_row(std::span<const Tap> taps) {
  return taps.size() == 3 && taps[1].offset == taps[0].offset + 1 && taps[2].offset == taps[1].offset + 1;
}

template <class Problem>
bool applies(const Problem& k) {
  return k.groups == 1 && k.grid.step_y == 1 && k.grid.step_x == 1 && three_in_a_row(k.grid.rows) &&
         three_in_a_row(k.grid.columns);
}

// What a call costs once, whatever the number of tiles, for each of the kernel's pairs of channels: 36 values are
// written and read, or only read when the kernel is kept (ConvPlan), the more dearly beyond the caches.
template <class T>
double kernel_cost(const Correlation<T>& k, bool fits) {
  if (k.kernel_is_kept) return fits ? 100 : 900;
  return fits ? 300 : 3000;
}
template <class T>
double kernel_cost(const WeightGradient<T>&, bool fits) {
  return fits ? 300 : 1500;
}

// The images that the choice is made for. A plain call is reckoned for one image whatever the batch, so that a sample's
// result does not depend on how many come with it.
template <class T>
std::int64_t counted_images(const Correlation<T>& k) {
  return k.kernel_is_kept ? std::max<std::int64_t>(k.grid.images, 1) : 1;
}
template <class T>
std::int64_t counted_images(const WeightGradient<T>& k) {
  return k.grid.images;
}

// Costs are in units of a multiplication and addition of the inner loop.
//
// A correlation's tile costs, besides its products, about 36 loads or stores and 60 operations for each channel on
// either side, at about a third of the inner loop's speed. Each sum costs as much to begin and store as some terms, and
// whole vectors are summed.
template <class T>
double winograd_cost(const Correlation<T>& k, double tiles, bool fits) {
  constexpr double kTransform = 250, kSum = 8;
  const double c = static_cast<double>(k.channels), n = static_cast<double>(k.out_channels);
  const double summed =
      static_cast<double>(ChannelBlocks(1, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>())).width());
  return tiles * (kPoints * (c + kSum) * summed + kTransform * (c + n)) + kernel_cost(k, fits) * c * n;
}
template <class T>
double direct_cost(const Correlation<T>& k, double positions) {
  constexpr double kSum = 8;
  return positions * (9 * static_cast<double>(k.channels) + kSum) * static_cast<double>(k.out_channels);
}

// A gradient's tile is transformed for few products, by whole vectors of channels; whole blocks of 6 rows are summed.
// The direct way copies pixels and gradients, which few channels make dear.
template <class T>
double winograd_cost(const WeightGradient<T>& k, double tiles, bool fits) {
  constexpr double kTransform = 360;
  const auto whole = [](std::int64_t n, std::int64_t of) { return static_cast<double>((n + of - 1) / of * of); };
  const auto lanes = static_cast<std::int64_t>(simd::lanes<T>());
  const double summed = whole(k.out_channels, lanes);
  const double transforms = kTransform * (whole(k.channels, lanes) + summed);
  return tiles * (kPoints * whole(k.channels, 6) * summed + transforms) +
         kernel_cost(k, fits) * static_cast<double>(k.channels * k.out_channels);
}
template <class T>
double direct_cost(const WeightGradient<T>& k, double positions) {
  constexpr double kCopy = 8;
  const double c = static_cast<double>(k.channels), n = static_cast<double>(k.out_channels);
  return positions * (9 * c * n + kCopy * (9 * std::min(c, 6.0) + n));
}

template <class T, class Problem>
bool pays(const Problem& k) {
  const TileGrid grid(k.grid);
  const double images = static_cast<double>(counted_images(k));
  const double tiles = images * static_cast<double>(grid.down * grid.across);
  const double positions = images * static_cast<double>(k.grid.grid_h) * static_cast<double>(k.grid.grid_w);
  constexpr double kCacheBytes = 16e6;
  const bool fits = kPoints * static_cast<double>(k.channels * k.out_channels) * sizeof(T) <= kCacheBytes;
  return winograd_cost(k, tiles, fits) < direct_cost(k, positions);
}

template <class T, class Problem>
bool chosen(const Problem& k) {
  if (k.algorithm != ConvAlgorithm::automatic) return k.algorithm == ConvAlgorithm::winograd;
  return std::is_same_v<T, float> && applies(k) && pays<T>(k);
}

}  // namespace

template <class T>
bool by_winograd(const Correlation<T>& k) {
  return !k.skip_outside && chosen<T>(k);
}
template <class T>
bool by_winograd(const WeightGradient<T>& k) {
  return chosen<T>(k);
}

template <class T>
std::int64_t winograd_kernel_elements(const Correlation<T>& k) {
  return KernelLayout<T>(k).elements();
}

template <class T>
void transform_winograd_kernel(const Correlation<T>& k, T* kernel) {
  const KernelLayout<T> layout(k);
  // Some channels at a time: enough items for many threads, each reading W in runs.
  constexpr std::int64_t kChannels = 16;
  const std::int64_t parts = (k.channels + kChannels - 1) / kChannels;
  const double flops = 200.0 * static_cast<double>(k.channels * layout.blocks.width());
  parallel_for(layout.blocks.count() * parts, flops, [&](std::int64_t i) {
    const std::int64_t c = i % parts * kChannels;
    transform_kernel(k, layout, layout.blocks[i / parts], c, std::min(c + kChannels, k.channels), kernel);
  });
}

template <class T>
void correlate_winograd(const Correlation<T>& k, const T* kernel) {
  const TileGrid tiles(k.grid);
  const KernelLayout<T> layout(k);
  const std::int64_t blocks = layout.blocks.count();
  const std::int64_t pixel = padded_pixel<T>(k.channels), block = tiles_of_block(k.channels);
  const std::int64_t items = (tiles.count + block - 1) / block;
  const double flops =
      2.0 * static_cast<double>(kPoints * tiles.count * k.channels) * static_cast<double>(k.out_channels);

  // With many blocks each is one item from input to output. With few, the input is transformed first and the output
  // channels are shared out as well. No output depends on which way it went.
  constexpr std::int64_t kManyItems = 16;
  // Room for either way, so that a smaller batch than the last asks for no more memory. What is not used costs nothing.
  const auto room = static_cast<std::size_t>(kPoints * kManyItems * block * pixel);
  if (items >= kManyItems) {
    parallel_for(items, flops, [&](std::int64_t i) {
      const std::int64_t begin = i * block, end = std::min(begin + block, tiles.count);
      T* v = scratch<T>(Scratch::transformed, room);
      transform_inputs(tiles, k.source, begin, end, end - begin, pixel, v);
      for (std::int64_t b = 0; b < blocks; ++b)
        multiply(k, tiles, layout, kernel, layout.blocks[b], begin, end, v, end - begin, pixel);
    });
    return;
  }
  T* v = scratch<T>(Scratch::transformed, room);
  constexpr std::int64_t kTransformed = 4;  // tiles of an item: some microseconds
  parallel_for((tiles.count + kTransformed - 1) / kTransformed, flops / 10, [&](std::int64_t i) {
    const std::int64_t begin = i * kTransformed, end = std::min(begin + kTransformed, tiles.count);
    transform_inputs(tiles, k.source, begin, end, tiles.count, pixel, v + begin * pixel);
  });
  parallel_for(items * blocks, flops, [&](std::int64_t i) {
    const std::int64_t begin = i % items * block, end = std::min(begin + block, tiles.count);
    multiply(k, tiles, layout, kernel, layout.blocks[i / items], begin, end, v + begin * pixel, tiles.count, pixel);
  });
}

// Tiles that are summed in registers at a time: the cache lines of as many pixels and gradients fit in L1.
constexpr std::int64_t kSummedTiles = 144;

// A round of tiles, pixels and gradients transformed to 36 matrices (round, channels) each.
template <class T>
struct GradientRound {
  const WeightGradient<T>& k;
  const TileGrid& tiles;
  std::int64_t round;  // tiles that there is room for
  ChannelBlocks blocks;
  std::int64_t in_pixel, dz_pixel;
  T* v = nullptr;
  T* z = nullptr;

  GradientRound(const WeightGradient<T>& gradient, const TileGrid& grid, std::int64_t most)
      : k(gradient),
        tiles(grid),
        round(std::min(most, grid.count)),
        blocks(1, k.out_channels, static_cast<std::int64_t>(simd::lanes<T>())),
        in_pixel(padded_pixel<T>(k.channels)),
        dz_pixel(padded_pixel<T>(blocks.width())) {}

  // In this thread's scratch memory.
  void allocate() {
    // The inner loop may read a block of rows beyond the last channel, and one more position.
    const std::int64_t behind = static_cast<std::int64_t>(simd::kRoomBehindPanel);
    v = scratch<T>(Scratch::transformed, static_cast<std::size_t>((kPoints * round + 1) * in_pixel + behind));
    z = scratch<T>(Scratch::gradients, static_cast<std::size_t>((kPoints * round + 1) * dz_pixel));
    if (blocks.width() > k.out_channels) std::fill(z, z + kPoints * round * dz_pixel, T(0));
  }

  // The tiles [first, last) of the round that begins with tile `begin`.
  void transform(std::int64_t begin, std::int64_t first, std::int64_t last) const {
    transform_inputs(tiles, k.source, first, last, round, in_pixel, v + (first - begin) * in_pixel);
    const TileImages<T> gradients{k.dz, k.grid.grid_h, k.grid.grid_w, k.out_channels, 0, 0, kOut};
    transform_tiles(tiles, gradients, first, last, round, dz_pixel, z + (first - begin) * dz_pixel,
                    simd::winograd_gradient<T>);
  }

  // The products of matrix f, channels [c0, c1), over the round's first `count` tiles: added to the 36 matrices `sums`,
  // or with `replace` instead of what is there.
  void multiply(std::int64_t f, std::int64_t c0, std::int64_t c1, std::int64_t count, bool replace, T* sums) const {
    const std::int64_t n = k.out_channels;
    T* to = sums + (f * k.channels + c0) * n;
    simd::WeightTiles<T> t{};
    t.in_step = in_pixel;
    t.dz_step = dz_pixel;
    t.rows = static_cast<std::size_t>(c1 - c0);
    t.dw_row = n;
    for (std::int64_t first = 0; first < count; first += kSummedTiles) {
      t.positions = static_cast<std::size_t>(std::min(kSummedTiles, count - first));
      t.accumulate = !replace || first > 0;
      t.in = v + (f * round + first) * in_pixel + c0;
      const T* gradients = z + (f * round + first) * dz_pixel;
      const std::int64_t next = std::min(kSummedTiles, std::max<std::int64_t>(count - first - kSummedTiles, 0));
      AheadShares ahead(blocks.count());
      ahead.add(t.in + kSummedTiles * in_pixel, t.in + (kSummedTiles + next) * in_pixel);
      ahead.add(gradients + kSummedTiles * dz_pixel, gradients + (kSummedTiles + next) * dz_pixel);
      for (std::int64_t b = 0; b < blocks.count(); ++b) {
        const ChannelBlock block = blocks[b];
        t.vectors = static_cast<std::size_t>(block.vectors);
        t.in_block = static_cast<std::ptrdiff_t>(simd::weight_rows(t.vectors));
        t.dz = gradients + block.first;
        t.ahead = ahead.next();
        t.dw = to + block.first;
        t.out_channels = static_cast<std::size_t>(block.count);
        simd::weight_tiles(t);
      }
    }
  }
};

// In large rounds: all threads transform the round, then each takes whole matrices of the 36 and adds the round's
// products to them, so that every sum has one order.
template <class T>
void sum_in_shared_rounds(const WeightGradient<T>& k, const TileGrid& tiles, double flops, T* sums) {
  const std::int64_t c = k.channels;
  GradientRound<T> r(k, tiles, tiles_of_round(c + k.out_channels, tiles_of_block(c)));
  r.allocate();
  for (std::int64_t begin = 0; begin < tiles.count; begin += r.round) {
    const std::int64_t end = std::min(begin + r.round, tiles.count);
    const double share = flops * static_cast<double>(end - begin) / static_cast<double>(tiles.count);
    constexpr std::int64_t kTransformed = 4;  // tiles of an item: some microseconds
    parallel_for((end - begin + kTransformed - 1) / kTransformed, share / 10, [&](std::int64_t item) {
      const std::int64_t first = begin + item * kTransformed;
      r.transform(begin, first, std::min(first + kTransformed, end));
    });
    // Rows of one item: few enough that 36 matrices make work for many threads.
    constexpr std::int64_t kRows = 96;
    const std::int64_t parts = (c + kRows - 1) / kRows;
    parallel_for(kPoints * parts, share, [&](std::int64_t item) {
      const std::int64_t part = item % parts;
      r.multiply(item / parts, c * part / parts, c * (part + 1) / parts, end - begin, begin == 0, sums);
    });
  }
}

// In parts, whose rounds stay in L2 from the transform to the products.
template <class T>
const T* sum_in_own_rounds(const WeightGradient<T>& k, const TileGrid& tiles, double flops, std::int64_t parts) {
  constexpr std::int64_t kRoundBytes = std::int64_t{1} << 19;
  const std::int64_t n = kPoints * k.channels * k.out_channels;
  GradientRound<T> shared(k, tiles, 1);
  const std::int64_t tile_bytes = kPoints * (shared.in_pixel + shared.dz_pixel) * static_cast<std::int64_t>(sizeof(T));
  shared.round = std::clamp<std::int64_t>(kRoundBytes / tile_bytes, 1, kSummedTiles);
  T* sums = scratch<T>(Scratch::partials, static_cast<std::size_t>(parts * n));
  parallel_for(parts, flops, [&](std::int64_t part) {
    GradientRound<T> r = shared;
    r.allocate();
    const std::int64_t first = tiles.count * part / parts, last = tiles.count * (part + 1) / parts;
    for (std::int64_t begin = first; begin < last; begin += r.round) {
      const std::int64_t end = std::min(begin + r.round, last);
      r.transform(begin, begin, end);
      for (std::int64_t f = 0; f < kPoints; ++f)
        r.multiply(f, 0, k.channels, end - begin, begin == first, sums + part * n);
    }
  });
  add_parts(sums, parts, n, sums);
  return sums;
}

template <class T>
void weight_gradient_winograd(const WeightGradient<T>& k) {
  const TileGrid tiles(k.grid);
  const std::int64_t c = k.channels, n = k.out_channels;
  const double flops = 2.0 * static_cast<double>(kPoints * tiles.count) * static_cast<double>(c * n);
  // Elements that all parts' sums may have together, tiles that are worth a part, and parts that are enough for some
  // threads.
  constexpr std::int64_t kMaxCopied = std::int64_t{1} << 21, kMinTiles = 32, kMinParts = 4;
  const std::int64_t parts = std::min({kMaxCopied / (kPoints * c * n), tiles.count / kMinTiles, kMaxParts});
  const T* sums;
  if (parts >= kMinParts) {
    sums = sum_in_own_rounds(k, tiles, flops, parts);
  } else {
    T* room = scratch<T>(Scratch::products, static_cast<std::size_t>(kPoints * c * n));
    sum_in_shared_rounds(k, tiles, flops, room);
    sums = room;
  }
  parallel_for(c, 100.0 * static_cast<double>(c * n), [&](std::int64_t i) {
    simd::WinogradResult<T> result{};
    result.in = sums + i * n;
    result.point = c * n;
    result.next = n;
    result.out = k.dw + i * n;
    result.pixel = c * n;
    result.line = 3 * result.pixel;
    result.rows = result.columns = 3;
    result.n = static_cast<std::size_t>(n);
    simd::winograd_kernel_gradient(result);
  });
}

template bool by_winograd(const Correlation<float>&);
template bool by_winograd(const Correlation<double>&);
template bool by_winograd(const WeightGradient<float>&);
template bool by_winograd(const WeightGradient<double>&);
template std::int64_t winograd_kernel_elements(const Correlation<float>&);
template std::int64_t winograd_kernel_elements(const Correlation<double>&);
template void transform_winograd_kernel(const Correlation<float>&, float*);
template void transform_winograd_kernel(const Correlation<double>&, double*);
template void correlate_winograd(const Correlation<float>&, const float*);
template void correlate_winograd(const Correlation<double>&, const double*);
template void weight_gradient_winograd(const WeightGradient<float>&);
template void weight_gradient_winograd(const WeightGradient<double>&);

}  // namespace hubel::detail
