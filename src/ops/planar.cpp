// Planar correlations around the inner loops of simd/; see planar.hpp.
//
// A plane holds a channel of a patch. With a horizontal stride s the pixels that neighbouring positions see are s
// apart; so that they lie next to each other, a plane is s sub-planes, of the columns with the same remainder.
#include "ops/planar.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "ops/depthwise.hpp"
#include "ops/few_rows.hpp"
#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/elementwise.hpp"
#include "simd/planar.hpp"
#include "simd/transpose.hpp"

namespace hubel::detail {

namespace {

// Terms that are summed in registers before they are added to the output: a bound on the rounding error.
constexpr std::int64_t kTermBlock = 256;

// Lanes of the sums of the weights' gradient that a part has: with 16 parts 2 MB of floats.
constexpr std::int64_t kMaxSums = std::int64_t{1} << 15;

template <class T>
std::int64_t lanes() {
  return static_cast<std::int64_t>(simd::lanes<T>());
}

// Long tiles, for the rows above and below a tile are copied again for the next; but the planes should stay in L2, and
// a large image should be several tiles.
std::int64_t tile_positions(std::int64_t channels) {
  return std::clamp<std::int64_t>((std::int64_t{1} << 15) / channels, 256, 1024);
}

// The planes of one group's channels in one tile's patch.
template <class T>
struct Planes {
  const T* first;
  std::int64_t line, sub_plane, plane;
};

// Lays a patch of `channels` channels from `first` on out in planes, with room to read a vector from any pixel.
template <class T>
Planes<T> make_planes(const PatchGrid& g, const GridTile& tile, const T* source, std::int64_t first,
                      std::int64_t channels) {
  const PatchBounds b = patch_bounds(g, tile);
  const std::int64_t s = g.step_x, width = b.right - b.left;
  Planes<T> planes{};
  planes.line = (width + s - 1) / s;
  planes.sub_plane = planes.line * (b.bottom - b.top);
  planes.plane = planes.sub_plane * s;
  const std::int64_t room = 2 * lanes<T>();
  T* to = scratch<T>(Scratch::pixels, static_cast<std::size_t>(planes.plane * channels + room));
  planes.first = to;
  const bool whole = inside(g, b);
  if (!whole || s > 1) std::fill(to, to + planes.plane * channels, T(0));
  std::fill_n(to + planes.plane * channels, room, T(0));
  const std::int64_t x0 = std::clamp<std::int64_t>(b.left, 0, g.width),
                     x1 = std::clamp<std::int64_t>(b.right, x0, g.width);
  const std::int64_t size = g.images * g.height * g.width * g.channels;
  for (std::int64_t y = std::max<std::int64_t>(b.top, 0); y < std::min(b.bottom, g.height); ++y) {
    const std::int64_t row = (tile.image * g.height + y) * g.width * g.channels + first;
    T* lines = to + (y - b.top) * planes.line;
    for (std::int64_t x = x0; x < std::min(x0 + s, x1); ++x) {
      const std::int64_t column = x - b.left, count = (x1 - x + s - 1) / s, from = row + x * g.channels;
      simd::transpose(source + from, s * g.channels, static_cast<std::size_t>(count),
                      static_cast<std::size_t>(channels), static_cast<std::size_t>(size - from),
                      lines + column % s * planes.sub_plane + column / s, planes.plane);
    }
  }
  return planes;
}

// The places of the taps in the planes of `channels` channels, from the patch's first pixel on: [channel][row][column].
template <class T>
std::span<const std::ptrdiff_t> term_offsets(const PatchGrid& g, const Planes<T>& planes, std::int64_t channels) {
  const std::size_t count = g.rows.size() * g.columns.size() * static_cast<std::size_t>(channels);
  auto* offsets = scratch<std::ptrdiff_t>(Scratch::taps, count);
  std::ptrdiff_t* to = offsets;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (const Tap& row : g.rows) {
      const std::int64_t line = c * planes.plane + (row.offset - g.rows.front().offset) * planes.line;
      for (const Tap& column : g.columns) {
        const std::int64_t x = column.offset - g.columns.front().offset;
        *to++ = line + (g.step_x == 1 ? x : x % g.step_x * planes.sub_plane + x / g.step_x);
      }
    }
  }
  return {offsets, count};
}

// Elements of the source that are copied to planes for each position.
template <class Problem>
double patch_elements_per_position(const Problem& k) {
  // A guess for tiles of some 16 x 16 positions; what counts is that a stride reads more and a large kernel too.
  const auto& g = k.grid;
  const auto along = [](std::int64_t step, std::span<const Tap> taps) {
    constexpr double kTile = 16;
    const double reach = static_cast<double>(taps.back().offset - taps.front().offset);
    return static_cast<double>(step) + reach / kTile;
  };
  return along(g.step_y, g.rows) * along(g.step_x, g.columns) * static_cast<double>(k.channels);
}

// The share of a vector that a line of positions fills.
template <class T>
double filled(const PatchGrid& g) {
  const std::int64_t vectors = (g.grid_w + lanes<T>() - 1) / lanes<T>();
  return static_cast<double>(g.grid_w) / static_cast<double>(vectors * lanes<T>());
}

// Both costs in vector multiply-adds a position. To transpose an element takes about as long as one of them. The other
// way is a tile of a single vector of output channels, or of two narrow ones, which does not reach the full rate, and
// whose stores are partial.
template <class T, class Problem>
bool pays(const Problem& k) {
  if (k.algorithm == ConvAlgorithm::winograd) return false;
  if (k.channels == 0 || k.out_channels > static_cast<std::int64_t>(simd::kPlanarChannels)) return false;
  const PatchBounds b = patch_bounds(k.grid, Tiling(k.grid, tile_positions(k.channels))[0]);
  const double patch = static_cast<double>(b.bottom - b.top) * static_cast<double>(b.right - b.left);
  if (patch * static_cast<double>(k.channels) > static_cast<double>(kMaxPatchElements)) return false;
  const double terms =
      static_cast<double>(k.grid.rows.size() * k.grid.columns.size()) * static_cast<double>(k.channels);
  const double n = static_cast<double>(k.out_channels), l = static_cast<double>(lanes<T>());
  const double planar = terms * n / (l * filled<T>(k.grid)) + patch_elements_per_position(k) + n;
  return planar < 1.3 * terms * std::ceil(n / l) + 4;
}

// The kernel in the order that tiles read it, [group][channel][tap][output channel]; one for all threads.
template <class T>
const T* planar_kernel(const Correlation<T>& k) {
  const auto& g = k.grid;
  const std::size_t taps = g.rows.size() * g.columns.size();
  T* const kernel =
      scratch<T>(Scratch::weights, static_cast<std::size_t>(k.groups * k.channels * k.out_channels) * taps);
  T* to = kernel;
  for (std::int64_t group = 0; group < k.groups; ++group) {
    for (std::int64_t c = 0; c < k.channels; ++c) {
      for (const Tap& row : g.rows) {
        for (const Tap& column : g.columns) {
          const T* from = k.weights + row.index * k.w_row + column.index * k.w_column + group * k.w_group + c * k.w_c;
          for (std::int64_t n = 0; n < k.out_channels; ++n) *to++ = from[n * k.w_n];
        }
      }
    }
  }
  return kernel;
}

// Where a tile's vectors begin: in a plane, and in the output from its first position on.
struct VectorPlaces {
  std::int64_t in_line, count;  // vectors
  std::ptrdiff_t *in_at, *out_at;
};

template <class T>
VectorPlaces vector_places(const Correlation<T>& k, const GridTile& tile, std::int64_t plane_line) {
  VectorPlaces v{};
  v.in_line = (tile.x1 - tile.x0 + lanes<T>() - 1) / lanes<T>();
  v.count = (tile.y1 - tile.y0) * v.in_line;
  v.in_at = scratch<std::ptrdiff_t>(Scratch::origins, static_cast<std::size_t>(2 * v.count));
  v.out_at = v.in_at + v.count;
  std::int64_t i = 0;
  const std::int64_t step = lanes<T>();
  for (std::int64_t y = 0; y < tile.y1 - tile.y0; ++y) {
    for (std::int64_t x = 0; x < tile.x1 - tile.x0; x += step, ++i) {
      v.in_at[i] = y * k.grid.step_y * plane_line + x;
      v.out_at[i] = y * k.out_row + x * k.out_pixel;
    }
  }
  return v;
}

// Whether a tile's output is dense: whole rows one after another, or a part of one.
template <class T>
bool dense_output(const Correlation<T>& k) {
  return k.out_pixel == k.out_channels && k.out_row == k.grid.grid_w * k.out_pixel;
}

// One group of one tile, without the activation.
template <class T>
void correlate_planes_tile(const Correlation<T>& k, const T* weights, const GridTile& tile, std::int64_t group) {
  const Planes<T> planes = make_planes(k.grid, tile, k.source, group * k.channels, k.channels);
  // Blocks of terms: so many channels, or of one channel so many taps. Their offsets are the same in each.
  const auto taps = static_cast<std::int64_t>(k.grid.rows.size() * k.grid.columns.size());
  const std::int64_t channels = std::clamp<std::int64_t>(kTermBlock / taps, 1, k.channels);
  const std::int64_t tap_block = std::min(taps, kTermBlock);
  const auto offsets = term_offsets(k.grid, planes, channels);
  const VectorPlaces places = vector_places(k, tile, planes.line);
  T* out = k.out + tile.image * k.out_image + tile.y0 * k.out_row + tile.x0 * k.out_pixel + group * k.out_channels;
  const bool dense = dense_output(k);
  simd::PlanarTile<T> t{};
  t.in_at = places.in_at;
  t.vectors = static_cast<std::size_t>(places.count);
  t.out_channels = static_cast<std::size_t>(k.out_channels);
  t.sums_plane = places.count * lanes<T>();
  t.sums = scratch<T>(Scratch::products, static_cast<std::size_t>(t.sums_plane * k.out_channels));
  t.out_at = places.out_at;
  t.out_end = out + tile.positions() * k.out_pixel;
  t.bias = k.bias ? k.bias + group * k.out_channels : nullptr;
  for (std::int64_t c = 0; c < k.channels; c += channels) {
    for (std::int64_t tap = 0; tap < taps; tap += tap_block) {
      t.in = planes.first + c * planes.plane;
      t.offsets = offsets.data() + tap;
      t.terms = static_cast<std::size_t>(std::min(channels, k.channels - c) * std::min(tap_block, taps - tap));
      t.weights = weights + (c * taps + tap) * k.out_channels;
      t.out = dense && c + channels >= k.channels && tap + tap_block >= taps ? out : nullptr;
      simd::planar_tile(t);
      t.accumulate = true;
    }
  }
  if (dense) return;
  for (std::int64_t n = 0; n < k.out_channels; ++n) {
    const T bias = t.bias ? t.bias[n] : T(0);
    for (std::int64_t y = 0; y < tile.y1 - tile.y0; ++y) {
      const T* from = t.sums + n * t.sums_plane + y * places.in_line * lanes<T>();
      T* to = out + y * k.out_row + n;
      for (std::int64_t x = 0; x < tile.x1 - tile.x0; ++x) to[x * k.out_pixel] = from[x] + bias;
    }
  }
}

template <class T>
void activate_tile(const Correlation<T>& k, const GridTile& tile) {
  if (k.activation == Activation::identity) return;
  const std::int64_t channels = k.groups * k.out_channels;
  for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
    T* row = k.out + tile.image * k.out_image + y * k.out_row + tile.x0 * k.out_pixel;
    const bool dense = k.out_pixel == channels;
    const std::int64_t runs = dense ? 1 : tile.x1 - tile.x0, run = dense ? (tile.x1 - tile.x0) * channels : channels;
    for (std::int64_t i = 0; i < runs; ++i, row += k.out_pixel) {
      simd::activate(k.activation, row, row, static_cast<std::size_t>(run));
    }
  }
}

// Adds one tile's part to the lanes of the sums.
template <class T>
void add_planes(const WeightGradient<T>& k, const GridTile& tile, T* sums) {
  const PatchGrid& g = k.grid;
  const std::int64_t h = tile.y1 - tile.y0, w = tile.x1 - tile.x0, c_new = k.groups * k.out_channels;
  const std::int64_t line = (w + lanes<T>() - 1) / lanes<T>() * lanes<T>();
  T* dz = scratch<T>(Scratch::gradients, static_cast<std::size_t>(k.out_channels * h * line));
  const std::int64_t size = g.images * g.grid_h * g.grid_w * c_new;
  for (std::int64_t group = 0; group < k.groups; ++group) {
    for (std::int64_t y = 0; y < h; ++y) {
      const std::int64_t from =
          ((tile.image * g.grid_h + tile.y0 + y) * g.grid_w + tile.x0) * c_new + group * k.out_channels;
      simd::transpose(k.dz + from, c_new, static_cast<std::size_t>(w), static_cast<std::size_t>(k.out_channels),
                      static_cast<std::size_t>(size - from), dz + y * line, h * line);
    }
    const Planes<T> planes = make_planes(g, tile, k.source, group * k.channels, k.channels);
    const auto offsets = term_offsets(g, planes, k.channels);
    simd::PlanarWeights<T> t{};
    t.in = planes.first;
    t.in_line = g.step_y * planes.line;
    t.offsets = offsets.data();
    t.terms = offsets.size();
    t.dz = dz;
    t.dz_plane = h * line;
    t.dz_line = line;
    t.lines = static_cast<std::size_t>(h);
    t.pixels = static_cast<std::size_t>(w);
    t.out_channels = static_cast<std::size_t>(k.out_channels);
    t.sums = sums + group * static_cast<std::int64_t>(offsets.size()) * k.out_channels * lanes<T>();
    simd::planar_weights(t);
  }
}

template <class T>
std::int64_t weight_count(const WeightGradient<T>& k) {
  return static_cast<std::int64_t>(k.grid.rows.size() * k.grid.columns.size()) * k.channels * k.groups * k.out_channels;
}

}  // namespace

template <class T>
bool by_planes(const Correlation<T>& k) {
  // Of matrices other ways sum in another order, and whether planes pay would depend on the number of rows.
  return !k.skip_outside && !by_depthwise(k) && !is_matrix(k.grid) && pays<T>(k);
}
template <class T>
bool by_planes(const WeightGradient<T>& k) {
  return !by_depthwise(k) && weight_count(k) * lanes<T>() <= kMaxSums && pays<T>(k);
}

template <class T>
void correlate_planes(const Correlation<T>& k) {
  const T* kernel = planar_kernel(k);
  const PatchGrid& g = k.grid;
  const auto taps = static_cast<std::int64_t>(g.rows.size() * g.columns.size());
  const Tiling tiles(g, tile_positions(k.channels));
  const double flops = 2.0 * static_cast<double>(g.images * g.grid_h * g.grid_w * taps) *
                       static_cast<double>(k.groups * k.channels * k.out_channels);
  parallel_for(tiles.count(), flops, [&](std::int64_t i) {
    const GridTile tile = tiles[i];
    for (std::int64_t group = 0; group < k.groups; ++group) {
      correlate_planes_tile(k, kernel + group * k.channels * taps * k.out_channels, tile, group);
    }
    activate_tile(k, tile);
  });
}

// Sums of lanes are added up at the very end.
template <class T>
void weight_gradient_planes(const WeightGradient<T>& k) {
  const PatchGrid& g = k.grid;
  const std::int64_t n = weight_count(k);
  const Tiling tiles(g, tile_positions(k.channels));
  const std::int64_t parts = std::min(tiles.count(), kMaxParts);
  const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(g.images * g.grid_h * g.grid_w);
  T* sums = sum_in_parts<T>(parts, n * lanes<T>(), flops, [&](std::int64_t part, T* own) {
    for (std::int64_t i = tiles.count() * part / parts; i < tiles.count() * (part + 1) / parts; ++i) {
      add_planes(k, tiles[i], own);
    }
  });
  T* dw = sums;
  simd::add_lanes(sums, static_cast<std::size_t>(n), dw);
  // From [group][channel][tap][output channel].
  const auto taps = static_cast<std::int64_t>(g.rows.size() * g.columns.size()), c_new = k.groups * k.out_channels;
  for (std::int64_t group = 0; group < k.groups; ++group) {
    for (std::int64_t c = 0; c < k.channels; ++c) {
      for (std::int64_t tap = 0; tap < taps; ++tap, dw += k.out_channels) {
        std::copy_n(dw, k.out_channels, k.dw + (tap * k.channels + c) * c_new + group * k.out_channels);
      }
    }
  }
}

template bool by_planes(const Correlation<float>&);
template bool by_planes(const Correlation<double>&);
template bool by_planes(const WeightGradient<float>&);
template bool by_planes(const WeightGradient<double>&);
template void correlate_planes(const Correlation<float>&);
template void correlate_planes(const Correlation<double>&);
template void weight_gradient_planes(const WeightGradient<float>&);
template void weight_gradient_planes(const WeightGradient<double>&);

}  // namespace hubel::detail
