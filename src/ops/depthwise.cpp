// Depthwise correlations around the inner loops of simd/; see depthwise.hpp.
#include "ops/depthwise.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/segments.hpp"
#include "ops/workspace.hpp"
#include "simd/depthwise.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// Positions of a tile: few enough that the rows under a kernel stay in L2 from one output row to the next, enough to be
// worth handing out.
constexpr std::int64_t kTilePositions = 256;

// Taps summed before they are added to the output, which keeps the rounding error of huge kernels small.
constexpr std::size_t kTapBlock = 256;

template <class T>
bool finite(T value) {
  return std::abs(value) <= std::numeric_limits<T>::max();
}

// The segments of both axes.
struct Segments {
  std::span<const Segment> rows, columns;

  explicit Segments(const PatchGrid& g) {
    Segment* memory = scratch<Segment>(Scratch::taps, most_segments(g.rows.size()) + most_segments(g.columns.size()));
    rows = axis_segments(g.grid_h, g.step_y, g.height, g.rows, memory);
    columns = axis_segments(g.grid_w, g.step_x, g.width, g.columns, memory + most_segments(g.rows.size()));
  }
};

// Positions [y0, y1) x [x0, x1), all of which see the taps `rows` x `columns` and no others.
struct Part {
  std::int64_t y0, y1, x0, x1;
  std::span<const Tap> rows, columns;
};

template <class F>
void for_each_part(const PatchGrid& g, const GridTile& tile, const Segments& segments, const F& f) {
  for (const Segment& y : segments.rows) {
    const std::int64_t y0 = std::max(y.begin, tile.y0), y1 = std::min(y.end, tile.y1);
    if (y0 >= y1) continue;
    for (const Segment& x : segments.columns) {
      const std::int64_t x0 = std::max(x.begin, tile.x0), x1 = std::min(x.end, tile.x1);
      if (x0 >= x1) continue;
      f(Part{y0, y1, x0, x1, g.rows.subspan(y.first, y.last - y.first), g.columns.subspan(x.first, x.last - x.first)});
    }
  }
}

// A part's taps as the inner loops want them. Columns are equally far apart.
simd::DepthwiseTaps list_taps(const PatchGrid& g, const Part& part, std::int64_t w_row, std::int64_t w_column) {
  const auto& [rows, columns] = std::pair(part.rows, part.columns);
  auto* list = scratch<std::ptrdiff_t>(Scratch::taps, 2 * rows.size());
  simd::DepthwiseTaps taps{list, list + rows.size(), rows.size(), columns.size(), 0, 0};
  if (rows.empty() || columns.empty()) {
    taps.rows = 0;
    return taps;
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    list[r] = (rows[r].offset * g.width + columns.front().offset) * g.channels;
    list[rows.size() + r] = rows[r].index * w_row + columns.front().index * w_column;
  }
  if (columns.size() > 1) {
    taps.input_column = (columns[1].offset - columns[0].offset) * g.channels;
    taps.weights_column = (columns[1].index - columns[0].index) * w_column;
  }
  return taps;
}

// Calls f(part of the taps) so that none has more than kTapBlock; once also where there are none.
template <class F>
void for_each_block(const simd::DepthwiseTaps& taps, const F& f) {
  if (taps.rows * taps.columns <= kTapBlock) return f(taps);
  simd::DepthwiseTaps row = taps;
  row.rows = 1;
  for (std::size_t r = 0; r < taps.rows; ++r) {
    std::ptrdiff_t input = taps.input[r], weights = taps.weights[r];
    row.input = &input;
    row.weights = &weights;
    for (std::size_t c = 0; c < taps.columns; c += row.columns) {
      row.columns = std::min(kTapBlock, taps.columns - c);
      f(row);
      input += static_cast<std::ptrdiff_t>(row.columns) * taps.input_column;
      weights += static_cast<std::ptrdiff_t>(row.columns) * taps.weights_column;
    }
  }
}

template <class T>
void correlate_tile(const Correlation<T>& k, const GridTile& tile, const Segments& segments) {
  const PatchGrid& g = k.grid;
  const T* image = k.source + tile.image * g.height * g.width * g.channels;
  T* out = k.out + tile.image * k.out_image;
  simd::DepthwiseRow<T> row{};
  row.pixel_step = g.step_x * g.channels;
  row.weights = k.weights;
  row.out_step = k.out_pixel;
  row.channels = static_cast<std::size_t>(k.groups);
  for_each_part(g, tile, segments, [&](const Part& part) {
    const simd::DepthwiseTaps taps = list_taps(g, part, k.w_row, k.w_column);
    row.pixels = static_cast<std::size_t>(part.x1 - part.x0);
    for (std::int64_t y = part.y0; y < part.y1; ++y) {
      row.in = image + (y * g.step_y * g.width + part.x0 * g.step_x) * g.channels;
      row.out = out + y * k.out_row + part.x0 * k.out_pixel;
      row.accumulate = false;
      row.bias = k.bias;
      for_each_block(taps, [&](const simd::DepthwiseTaps& block) {
        row.taps = block;
        simd::depthwise_row(row);
        row.accumulate = true;
        row.bias = nullptr;
      });
    }
  });
  if (k.activation == Activation::identity) return;
  for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
    for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
      T* pixel = out + y * k.out_row + x * k.out_pixel;
      simd::activate(k.activation, pixel, pixel, row.channels);
    }
  }
}

// The padding's zeros times the gradients of one position: NaN where a gradient is not finite, and not worth adding
// where it is.
template <class T>
void add_padding_terms(const PatchGrid& g, const Part& part, const T* dz, T* dw) {
  bool all = true;
  for (std::int64_t c = 0; c < g.channels; ++c) all &= finite(dz[c]);
  if (all) return;
  const auto has = [](std::span<const Tap> taps, const Tap& tap) {
    return !taps.empty() && tap.offset >= taps.front().offset && tap.offset <= taps.back().offset;
  };
  for (const Tap& row : g.rows) {
    for (const Tap& column : g.columns) {
      if (has(part.rows, row) && has(part.columns, column)) continue;
      T* to = dw + (row.index * static_cast<std::int64_t>(g.columns.size()) + column.index) * g.channels;
      for (std::int64_t c = 0; c < g.channels; ++c) to[c] += T(0) * dz[c];
    }
  }
}

template <class T>
void add_tile(const WeightGradient<T>& k, const GridTile& tile, const Segments& segments, T* dw) {
  const PatchGrid& g = k.grid;
  simd::DepthwiseWeights<T> d{};
  d.in_line = g.step_y * g.width * g.channels;
  d.in_pixel = g.step_x * g.channels;
  d.dz_line = g.grid_w * g.channels;
  d.dz_pixel = g.channels;
  d.channels = static_cast<std::size_t>(g.channels);
  d.dw = dw;
  for_each_part(g, tile, segments, [&](const Part& part) {
    d.taps = list_taps(g, part, static_cast<std::int64_t>(g.columns.size()) * g.channels, g.channels);
    d.in = k.source + ((tile.image * g.height + part.y0 * g.step_y) * g.width + part.x0 * g.step_x) * g.channels;
    d.dz = k.dz + ((tile.image * g.grid_h + part.y0) * g.grid_w + part.x0) * g.channels;
    d.lines = static_cast<std::size_t>(part.y1 - part.y0);
    d.pixels = static_cast<std::size_t>(part.x1 - part.x0);
    simd::depthwise_weights(d);
    if (part.rows.size() == g.rows.size() && part.columns.size() == g.columns.size()) return;
    for (std::int64_t y = 0; y < part.y1 - part.y0; ++y) {
      for (std::int64_t x = 0; x < part.x1 - part.x0; ++x)
        add_padding_terms(g, part, d.dz + y * d.dz_line + x * d.dz_pixel, dw);
    }
  });
}

template <class T>
bool all_finite(const Correlation<T>& k) {
  bool all = true;
  for (const Tap& row : k.grid.rows) {
    for (const Tap& column : k.grid.columns) {
      const T* w = k.weights + row.index * k.w_row + column.index * k.w_column;
      for (std::int64_t c = 0; c < k.groups; ++c) all &= finite(w[c]);
    }
  }
  return all;
}

template <class Problem>
bool is_depthwise(const Problem& k) {
  return k.groups > 1 && k.channels == 1 && k.out_channels == 1;
}

}  // namespace

template <class T>
bool by_depthwise(const Correlation<T>& k) {
  return is_depthwise(k) && k.w_group == 1 && (k.skip_outside || all_finite(k));
}
template <class T>
bool by_depthwise(const WeightGradient<T>& k) {
  return is_depthwise(k);
}

template <class T>
void correlate_depthwise(const Correlation<T>& k) {
  const PatchGrid& g = k.grid;
  const Tiling tiles(g, kTilePositions);
  const Segments segments(g);
  const double flops = 2.0 * static_cast<double>(g.images * g.grid_h * g.grid_w) * static_cast<double>(k.groups) *
                       static_cast<double>(g.rows.size() * g.columns.size());
  parallel_for(tiles.count(), flops, [&](std::int64_t i) { correlate_tile(k, tiles[i], segments); });
}

template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& k) {
  const PatchGrid& g = k.grid;
  const Tiling tiles(g, kTilePositions);
  const Segments segments(g);
  const std::int64_t n = static_cast<std::int64_t>(g.rows.size() * g.columns.size()) * k.groups;
  const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(g.images * g.grid_h * g.grid_w);
  const std::int64_t parts = std::min(tiles.count(), kMaxParts);
  const T* sums = sum_in_parts<T>(parts, n, flops, [&](std::int64_t part, T* dw) {
    for (std::int64_t i = tiles.count() * part / parts; i < tiles.count() * (part + 1) / parts; ++i) {
      add_tile(k, tiles[i], segments, dw);
    }
  });
  std::copy(sums, sums + n, k.dw);
}

template bool by_depthwise(const Correlation<float>&);
template bool by_depthwise(const Correlation<double>&);
template bool by_depthwise(const WeightGradient<float>&);
template bool by_depthwise(const WeightGradient<double>&);
template void correlate_depthwise(const Correlation<float>&);
template void correlate_depthwise(const Correlation<double>&);
template void weight_gradient_depthwise(const WeightGradient<float>&);
template void weight_gradient_depthwise(const WeightGradient<double>&);

}  // namespace hubel::detail
