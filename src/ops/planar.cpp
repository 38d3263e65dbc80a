// Planar correlations around the inner loops of simd/; see planar.hpp.
//
// A plane holds a channel of a patch. With a horizontal stride s the pixels that neighbouring positions see are s
// apart; so that they lie next to each other, a plane is s sub-planes, of the columns with the same remainder.
#include "ops/planar.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/planar.hpp"

namespace hubel::detail {

namespace {

// Terms that are summed in registers before they are added to the output: a bound on the rounding error.
constexpr std::int64_t kTermBlock = 256;

template <class T>
std::int64_t lanes() {
  return static_cast<std::int64_t>(simd::lanes<T>());
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
  T* to = scratch<T>(Scratch::pixels, static_cast<std::size_t>(planes.plane * channels + 2 * lanes<T>()));
  planes.first = to;
  const bool whole = inside(g, b);
  if (!whole || s > 1) std::fill(to, to + planes.plane * channels, T(0));
  std::fill_n(to + planes.plane * channels, 2 * lanes<T>(), T(0));
  const std::int64_t x0 = std::clamp<std::int64_t>(b.left, 0, g.width),
                     x1 = std::clamp<std::int64_t>(b.right, x0, g.width);
  for (std::int64_t y = std::max<std::int64_t>(b.top, 0); y < std::min(b.bottom, g.height); ++y) {
    const T* row = source + ((tile.image * g.height + y) * g.width) * g.channels + first;
    for (std::int64_t c = 0; c < channels; ++c) {
      T* line = to + c * planes.plane + (y - b.top) * planes.line;
      if (s == 1) {
        for (std::int64_t x = x0; x < x1; ++x) line[x - b.left] = row[x * g.channels + c];
      } else {
        for (std::int64_t x = x0; x < x1; ++x) {
          line[(x - b.left) % s * planes.sub_plane + (x - b.left) / s] = row[x * g.channels + c];
        }
      }
    }
  }
  return planes;
}

// The taps' offsets in a plane, from the patch's first pixel, row by row.
template <class T>
std::span<const std::ptrdiff_t> plane_taps(const PatchGrid& g, const Planes<T>& planes) {
  const std::size_t count = g.rows.size() * g.columns.size();
  auto* taps = scratch<std::ptrdiff_t>(Scratch::taps, count);
  std::ptrdiff_t* to = taps;
  for (const Tap& row : g.rows) {
    for (const Tap& column : g.columns) {
      const std::int64_t y = row.offset - g.rows.front().offset, x = column.offset - g.columns.front().offset;
      *to++ = y * planes.line + x % g.step_x * planes.sub_plane + x / g.step_x;
    }
  }
  return {taps, count};
}

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

// Both costs in vector operations a position. To copy an element to a plane, or from one, takes about as long as two.
template <class T, class Problem>
bool pays(const Problem& k) {
  if (k.channels == 0 || k.out_channels > static_cast<std::int64_t>(simd::kPlanarChannels)) return false;
  const double terms =
      static_cast<double>(k.grid.rows.size() * k.grid.columns.size()) * static_cast<double>(k.channels);
  const double n = static_cast<double>(k.out_channels), l = static_cast<double>(lanes<T>());
  const double planar = terms * n / (l * filled<T>(k.grid)) + 2 * (patch_elements_per_position(k) + n);
  return planar < 0.8 * terms;
}

}  // namespace

template <class T>
bool by_planes(const Correlation<T>& k) {
  return pays<T>(k);
}
template <class T>
bool by_planes(const WeightGradient<T>& k) {
  return pays<T>(k);
}

template <class T>
PlanarKernel<T>::PlanarKernel(const Correlation<T>& k) {
  const auto& g = k.grid;
  const std::size_t taps = g.rows.size() * g.columns.size();
  T* to = scratch<T>(Scratch::weights, static_cast<std::size_t>(k.groups * k.channels * k.out_channels) * taps);
  weights = to;
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
}

// Where the lines of a tile's planes hold less waste than lines of vectors do, and lie one after another as the
// positions' lines do, the whole tile is one line, the positions between two lines computed for nothing.
template <class T>
void correlate_planes(const Correlation<T>& k, const PlanarKernel<T>& kernel, const GridTile& tile) {
  const PatchGrid& g = k.grid;
  const std::int64_t h = tile.y1 - tile.y0, w = tile.x1 - tile.x0;
  const std::int64_t in_line = (w + lanes<T>() - 1) / lanes<T>();  // vectors
  const std::int64_t taps_of_group = static_cast<std::int64_t>(g.rows.size() * g.columns.size());
  for (std::int64_t group = 0; group < k.groups; ++group) {
    const Planes<T> planes = make_planes(g, tile, k.source, group * k.channels, k.channels);
    const auto taps = plane_taps(g, planes);
    const std::int64_t flat = ((h - 1) * planes.line + w + lanes<T>() - 1) / lanes<T>();
    const bool one_line = g.step_y == 1 && flat < h * in_line;
    const std::int64_t vectors = one_line ? flat : h * in_line;
    const std::int64_t out_line = one_line ? planes.line : in_line * lanes<T>();
    auto* origins = scratch<std::ptrdiff_t>(Scratch::origins, static_cast<std::size_t>(vectors));
    for (std::int64_t v = 0; v < vectors; ++v) {
      origins[v] = one_line ? v * lanes<T>() : v / in_line * g.step_y * planes.line + v % in_line * lanes<T>();
    }
    simd::PlanarTile<T> t{};
    t.plane = planes.plane;
    t.origins = origins;
    t.vectors = static_cast<std::size_t>(vectors);
    t.weights_channel = taps.size();
    t.out_channels = static_cast<std::size_t>(k.out_channels);
    t.out_plane = vectors * lanes<T>();
    t.out = scratch<T>(Scratch::products, static_cast<std::size_t>(t.out_plane * k.out_channels));
    const T* weights = kernel.weights + group * k.channels * taps_of_group * k.out_channels;
    const std::int64_t channels = std::max<std::int64_t>(1, kTermBlock / taps_of_group);  // of a block
    const std::int64_t tap_block = std::min(taps_of_group, kTermBlock);
    for (std::int64_t c = 0; c < k.channels; c += channels) {
      for (std::int64_t tap = 0; tap < taps_of_group; tap += tap_block) {
        t.in = planes.first + c * planes.plane;
        t.channels = static_cast<std::size_t>(std::min(channels, k.channels - c));
        t.taps = taps.data() + tap;
        t.tap_count = static_cast<std::size_t>(std::min(tap_block, taps_of_group - tap));
        t.weights = weights + (c * taps_of_group + tap) * k.out_channels;
        simd::planar_tile(t);
        t.accumulate = true;
      }
    }
    T* out = k.out + tile.image * k.out_image + tile.y0 * k.out_row + tile.x0 * k.out_pixel + group * k.out_channels;
    for (std::int64_t n = 0; n < k.out_channels; ++n) {
      const T bias = k.bias ? k.bias[group * k.out_channels + n] : T(0);
      for (std::int64_t y = 0; y < h; ++y) {
        const T* from = t.out + n * t.out_plane + y * out_line;
        T* to = out + y * k.out_row + n;
        for (std::int64_t x = 0; x < w; ++x) to[x * k.out_pixel] = from[x] + bias;
      }
    }
  }
}

// Long tiles, for a tile ends with adding up the lanes of each sum; but the planes should stay in L2.
template <class T>
std::int64_t planar_gradient_positions(const WeightGradient<T>& k) {
  return std::clamp<std::int64_t>((std::int64_t{1} << 15) / k.channels, 256, 2048);
}

template <class T>
void add_planes(const WeightGradient<T>& k, const GridTile& tile, T* dw) {
  const PatchGrid& g = k.grid;
  const std::int64_t h = tile.y1 - tile.y0, w = tile.x1 - tile.x0, c_new = k.groups * k.out_channels;
  T* dz = scratch<T>(Scratch::gradients, static_cast<std::size_t>(k.out_channels * h * w));
  for (std::int64_t group = 0; group < k.groups; ++group) {
    for (std::int64_t y = 0; y < h; ++y) {
      const T* from =
          k.dz + ((tile.image * g.grid_h + tile.y0 + y) * g.grid_w + tile.x0) * c_new + group * k.out_channels;
      for (std::int64_t n = 0; n < k.out_channels; ++n) {
        T* to = dz + (n * h + y) * w;
        for (std::int64_t x = 0; x < w; ++x) to[x] = from[x * c_new + n];
      }
    }
    const Planes<T> planes = make_planes(g, tile, k.source, group * k.channels, k.channels);
    const auto taps = plane_taps(g, planes);
    simd::PlanarWeights<T> t{};
    t.in_line = g.step_y * planes.line;
    t.taps = taps.data();
    t.tap_count = taps.size();
    t.dz = dz;
    t.dz_plane = h * w;
    t.dz_line = w;
    t.lines = static_cast<std::size_t>(h);
    t.pixels = static_cast<std::size_t>(w);
    t.out_channels = static_cast<std::size_t>(k.out_channels);
    t.dw_tap = k.channels * c_new;
    for (std::int64_t c = 0; c < k.channels; ++c) {
      t.in = planes.first + c * planes.plane;
      t.dw = dw + c * c_new + group * k.out_channels;
      simd::planar_weights(t);
    }
  }
}

template bool by_planes(const Correlation<float>&);
template bool by_planes(const Correlation<double>&);
template bool by_planes(const WeightGradient<float>&);
template bool by_planes(const WeightGradient<double>&);
template struct PlanarKernel<float>;
template struct PlanarKernel<double>;
template void correlate_planes(const Correlation<float>&, const PlanarKernel<float>&, const GridTile&);
template void correlate_planes(const Correlation<double>&, const PlanarKernel<double>&, const GridTile&);
template std::int64_t planar_gradient_positions(const WeightGradient<float>&);
template std::int64_t planar_gradient_positions(const WeightGradient<double>&);
template void add_planes(const WeightGradient<float>&, const GridTile&, float*);
template void add_planes(const WeightGradient<double>&, const GridTile&, double*);

}  // namespace hubel::detail
