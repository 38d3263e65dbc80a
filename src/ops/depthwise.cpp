// Depthwise correlations around the inner loops of simd/; see depthwise.hpp.
//
// Work is cut into bands of rows, and small images into blocks of channels too. A band goes by groups of a few rows, so
// that the rows under a kernel are in L2 from one group to the next; very long rows go by parts.
#include "ops/depthwise.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/depthwise.hpp"
#include "simd/elementwise.hpp"

namespace hubel::detail {

namespace {

// Items of work wanted, so that several threads have some; a band's first rows are read by the one before it as well.
constexpr std::int64_t kItemsWanted = 16;

// Elements of the rows under a kernel that shall stay in L2: 128 KB of floats.
constexpr std::int64_t kRowElements = std::int64_t{1} << 15;

// Bytes read and written that no cache near the core holds.
constexpr std::int64_t kStreamBytes = std::int64_t{1} << 24;

// Positions whose products are summed in one chain before they are added to dW: a limit on the rounding error.
constexpr std::int64_t kSummedPositions = 256;

// Positions of a band whose sums are worth being kept apart, and added to the others' in the end.
constexpr std::int64_t kBandPositions = 128;

// Rows of the source whose positions go together: a row stays in L1 for all that see it.
constexpr std::int64_t kRowsTogether = 4;

template <class T>
simd::DepthwiseLines lines_of(std::int64_t channels) {
  return {static_cast<std::size_t>(channels), simd::lanes<T>()};
}

// Lines [begin, end) of the channels.
struct LineRange {
  std::size_t begin, end;
};

// Their channels [begin, end).
struct ChannelRange {
  std::int64_t begin, end;
};
template <class T>
ChannelRange channels_of(const PatchGrid& g, LineRange range) {
  const simd::DepthwiseLines lines = lines_of<T>(g.channels);
  return {static_cast<std::int64_t>(lines.first(range.begin)),
          std::min(static_cast<std::int64_t>(lines.first(range.end - 1) + lines.width), g.channels)};
}

std::int64_t taps_of(const PatchGrid& g) { return static_cast<std::int64_t>(g.rows.size() * g.columns.size()); }

// Elements of a packed kernel from line to line.
template <class T>
std::int64_t line_elements(const PatchGrid& g) {
  return taps_of(g) * static_cast<std::int64_t>(lines_of<T>(g.channels).width);
}

template <class T>
std::int64_t kernel_elements(const PatchGrid& g) {
  return line_elements<T>(g) * static_cast<std::int64_t>(lines_of<T>(g.channels).count);
}

// Calls f(element of the packed kernel, row, column, channel, count) for some lines' piece of each tap; the packed
// kernel begins with the first of the lines. Channels that the last line has in common with the one before come twice.
template <class T, class F>
void for_each_piece(const PatchGrid& g, LineRange range, const F& f) {
  const simd::DepthwiseLines lines = lines_of<T>(g.channels);
  const auto width = static_cast<std::int64_t>(lines.width);
  std::int64_t at = 0;
  for (std::size_t l = range.begin; l < range.end; ++l) {
    const auto begin = static_cast<std::int64_t>(lines.first(l)), count = std::min(width, g.channels - begin);
    for (std::size_t r = 0; r < g.rows.size(); ++r) {
      for (std::size_t j = 0; j < g.columns.size(); ++j, at += width) f(at, r, j, begin, count);
    }
  }
}

bool inside(std::int64_t at, std::int64_t extent) { return at >= 0 && at < extent; }

// A rectangle of an image's grid: rows [y0, y1) and positions [x0, x1).
struct RowGroup {
  std::int64_t y0, y1, x0, x1;
};

// What a group sees; `next` rows of the grid come after it.
template <class T>
simd::DepthwiseRows<T> rows_of(const PatchGrid& g, const T* image, LineRange lines, const RowGroup& group,
                               std::int64_t next) {
  const auto distance = [](std::span<const Tap> taps) { return taps.size() > 1 ? taps[1].offset - taps[0].offset : 1; };
  simd::DepthwiseRows<T> rows{};
  rows.source = image;
  rows.height = g.height;
  rows.width = g.width;
  rows.channels = static_cast<std::size_t>(g.channels);
  rows.line_begin = lines.begin;
  rows.line_end = lines.end;
  rows.rows = g.rows.size();
  rows.columns = g.columns.size();
  rows.row_distance = distance(g.rows);
  rows.column_distance = distance(g.columns);
  rows.first_row = group.y0 * g.step_y + g.rows.front().offset;
  rows.row_step = g.step_y;
  rows.first_column = group.x0 * g.step_x + g.columns.front().offset;
  rows.column_step = g.step_x;
  rows.count = static_cast<std::size_t>(group.y1 - group.y0);
  rows.positions = static_cast<std::size_t>(group.x1 - group.x0);
  rows.next = static_cast<std::size_t>(next);
  return rows;
}

// Rows of the grid that go together.
std::int64_t rows_together(const PatchGrid& g) {
  const std::int64_t distance = g.rows.size() > 1 ? g.rows[1].offset - g.rows[0].offset : 1;
  return g.step_y % distance == 0 ? std::max<std::int64_t>(kRowsTogether / g.step_y, 1) : 1;
}

// Calls f(group, next) for the grid's rows [y0, y1) of an image in groups of up to `together` rows, long rows by parts;
// `next` rows come after the group.
template <class F>
void for_each_group(const PatchGrid& g, std::int64_t y0, std::int64_t y1, std::int64_t together, const F& f) {
  const std::int64_t groups = (y1 - y0 + together - 1) / together;
  const std::int64_t rows = static_cast<std::int64_t>(g.rows.size()) + (together - 1) * g.step_y;
  const std::int64_t position = rows * std::min(g.step_x, g.width) * g.channels;
  const std::int64_t parts = std::clamp<std::int64_t>((g.grid_w * position + kRowElements - 1) / kRowElements, 1,
                                                      std::max<std::int64_t>(g.grid_w / 16, 1));
  for (std::int64_t part = 0; part < parts; ++part) {
    const auto begin = [&](std::int64_t i) { return y0 + (y1 - y0) * std::min(i, groups) / groups; };
    for (std::int64_t i = 0; i < groups; ++i) {
      f(RowGroup{begin(i), begin(i + 1), g.grid_w * part / parts, g.grid_w * (part + 1) / parts},
        begin(i + 2) - begin(i + 1));
    }
  }
}

// Whether so many pixels come from memory rather than from a cache: then whole rows in order are faster than groups by
// lines.
template <class T>
bool are_streamed(std::int64_t pixels, std::int64_t channels) {
  return pixels * channels > kStreamBytes / static_cast<std::int64_t>(sizeof(T));
}

// The grid's rows [y0, y1) of an image.
template <class T>
void correlate_rows(const Correlation<T>& k, const T* packed, bool streamed, LineRange lines, std::int64_t image,
                    std::int64_t y0, std::int64_t y1) {
  const PatchGrid& g = k.grid;
  const T* source = k.source + image * g.height * g.width * g.channels;
  for_each_group(g, y0, y1, streamed ? 1 : rows_together(g), [&](const RowGroup& group, std::int64_t next) {
    T* out = k.out + image * k.out_image + group.y0 * k.out_row + group.x0 * k.out_pixel;
    simd::depthwise_forward<T>({rows_of(g, source, lines, group, next), packed, out, k.out_row, k.out_pixel, k.bias,
                                simd::bounds_of<T>(k.activation), streamed});
    if (simd::is_fused(k.activation)) return;
    const ChannelRange channels = channels_of<T>(g, lines);
    for (std::int64_t y = 0; y < group.y1 - group.y0; ++y) {
      for (std::int64_t x = 0; x < group.x1 - group.x0; ++x) {
        T* pixel = out + y * k.out_row + x * k.out_pixel + channels.begin;
        simd::activate(k.activation, pixel, pixel, static_cast<std::size_t>(channels.end - channels.begin));
      }
    }
  });
}

// How images are cut into items of work: bands of rows, and where those are few blocks of lines.
template <class T>
class Items {
 public:
  Items(std::int64_t images, std::int64_t height, std::int64_t channels)
      : height_(height), lines_(static_cast<std::int64_t>(lines_of<T>(channels).count)) {
    bands_ = std::clamp<std::int64_t>(kItemsWanted / images, 1, std::max<std::int64_t>(height / kRowsTogether, 1));
    // The last line shares channels with the one before, which two threads must not write both.
    const std::int64_t width = static_cast<std::int64_t>(lines_of<T>(channels).width);
    apart_ = std::max<std::int64_t>(channels % width == 0 ? lines_ : lines_ - 1, 1);
    blocks_ = std::clamp<std::int64_t>(kItemsWanted / (images * bands_), 1, apart_);
    count_ = images * bands_ * blocks_;
  }
  std::int64_t count() const { return count_; }
  std::int64_t image(std::int64_t i) const { return i / blocks_ / bands_; }
  std::int64_t begin(std::int64_t i) const { return height_ * (i / blocks_ % bands_) / bands_; }
  std::int64_t end(std::int64_t i) const { return height_ * (i / blocks_ % bands_ + 1) / bands_; }
  LineRange lines(std::int64_t i) const {
    const std::int64_t block = i % blocks_, last = block + 1 == blocks_ ? lines_ : apart_ * (block + 1) / blocks_;
    return {static_cast<std::size_t>(apart_ * block / blocks_), static_cast<std::size_t>(last)};
  }

 private:
  std::int64_t height_, lines_, bands_, blocks_, apart_, count_;
};

double flops_of(const PatchGrid& g) {
  return 2.0 * static_cast<double>(g.images * g.grid_h * g.grid_w) * static_cast<double>(g.channels * taps_of(g));
}

// The padding's zeros times the gradients of one position: NaN where a gradient is not finite, and not worth adding
// where it is.
template <class T>
void add_padding_terms(const PatchGrid& g, LineRange lines, std::int64_t y, std::int64_t x, const T* dz, T* sums) {
  for_each_piece<T>(g, lines, [&](std::int64_t at, std::size_t r, std::size_t j, std::int64_t c, std::int64_t count) {
    if (inside(y * g.step_y + g.rows[r].offset, g.height) && inside(x * g.step_x + g.columns[j].offset, g.width))
      return;
    for (std::int64_t i = 0; i < count; ++i) sums[at + i] += T(0) * dz[c + i];
  });
}

// The sums of some lines over the rows [begin, end) of all images' rows, added to `sums`, which is packed as these
// lines of a kernel.
template <class T>
void add_rows(const WeightGradient<T>& k, LineRange lines, std::int64_t begin, std::int64_t end, T* sums) {
  const PatchGrid& g = k.grid;
  const std::int64_t n = static_cast<std::int64_t>(lines.end - lines.begin) * line_elements<T>(g);
  const std::int64_t dz_row = g.grid_w * g.channels;
  const std::int64_t together =
      std::min(rows_together(g), std::max<std::int64_t>(kSummedPositions / std::max<std::int64_t>(g.grid_w, 1), 1));
  T* chain = scratch<T>(Scratch::gathered, static_cast<std::size_t>(n));
  std::fill_n(chain, n, T(0));
  std::int64_t summed = 0;
  const auto add_chain = [&] {
    for (std::int64_t i = 0; i < n; ++i) sums[i] += chain[i];
  };
  for (std::int64_t i = begin, next; i < end; i = next) {
    const std::int64_t image = i / g.grid_h, y0 = i % g.grid_h;
    next = std::min(end, i - y0 + g.grid_h);
    const T* source = k.source + image * g.height * g.width * g.channels;
    for_each_group(g, y0, y0 + next - i, together, [&](const RowGroup& group, std::int64_t after) {
      const T* dz = k.dz + (image * g.grid_h + group.y0) * dz_row + group.x0 * g.channels;
      simd::depthwise_weights<T>({rows_of(g, source, lines, group, after), dz, dz_row, chain});
      summed += (group.y1 - group.y0) * (group.x1 - group.x0);
      if (summed < kSummedPositions) return;
      add_chain();
      std::fill_n(chain, n, T(0));
      summed = 0;
    });
  }
  add_chain();
}

// Whether each position sees some pixel of the source.
bool all_see_some(const PatchGrid& g) {
  const auto all = [](std::span<const Tap> taps, std::int64_t positions, std::int64_t step, std::int64_t extent) {
    for (std::int64_t p = 0; p < positions; ++p) {
      const auto inside = [&](const Tap& tap) { return p * step + tap.offset >= 0 && p * step + tap.offset < extent; };
      if (std::none_of(taps.begin(), taps.end(), inside)) return false;
    }
    return true;
  };
  return all(g.rows, g.grid_h, g.step_y, g.height) && all(g.columns, g.grid_w, g.step_x, g.width);
}

template <class T>
bool weights_are_finite(const Correlation<T>& k) {
  bool all = true;
  for (const Tap& row : k.grid.rows) {
    for (const Tap& column : k.grid.columns)
      all &= all_finite(k.weights + row.index * k.w_row + column.index * k.w_column, k.groups);
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
  return is_depthwise(k) && k.w_group == 1 && (k.skip_outside || weights_are_finite(k));
}
template <class T>
bool by_depthwise(const WeightGradient<T>& k) {
  return is_depthwise(k);
}
bool by_depthwise(const ConvGeometry& g) { return g.groups > 1 && g.c_prev == g.groups && g.c_new == g.groups; }

template <class T>
std::int64_t depthwise_kernel_elements(const Correlation<T>& k) {
  return kernel_elements<T>(k.grid);
}

template <class T>
void pack_depthwise_kernel(const Correlation<T>& k, T* packed) {
  const std::int64_t n = kernel_elements<T>(k.grid);
  if (k.grid.channels < static_cast<std::int64_t>(lines_of<T>(k.grid.channels).width)) std::fill_n(packed, n, T(0));
  for_each_piece<T>(k.grid, {0, lines_of<T>(k.grid.channels).count},
                    [&](std::int64_t at, std::size_t r, std::size_t j, std::int64_t c, std::int64_t count) {
                      const T* w = k.weights + k.grid.rows[r].index * k.w_row + k.grid.columns[j].index * k.w_column;
                      std::copy_n(w + c, count, packed + at);
                    });
}

template <class T>
void correlate_depthwise(const Correlation<T>& k, const T* packed) {
  const PatchGrid& g = k.grid;
  const Items<T> items(g.images, g.grid_h, g.channels);
  const bool streamed = are_streamed<T>(g.images * (g.height * g.width + g.grid_h * g.grid_w), g.channels);
  parallel_for(items.count(), flops_of(g), [&](std::int64_t i) {
    correlate_rows(k, packed, streamed, items.lines(i), items.image(i), items.begin(i), items.end(i));
  });
}

template <class T>
void backward_data_depthwise(const ConvGeometry& g, const T* dz, const T* packed, T* dA_prev) {
  // Bands of the rows that all phases together have from one phase's row to the next.
  const Items<T> items(g.m, (g.h_prev + g.sh - 1) / g.sh, g.c_prev);
  const double flops = 2.0 * static_cast<double>(g.m * g.h_new * g.w_new) * static_cast<double>(g.kh * g.kw * g.c_prev);
  const bool streamed = are_streamed<T>(g.m * (g.h_prev * g.w_prev + g.h_new * g.w_new), g.c_prev);
  parallel_for(items.count(), flops, [&](std::int64_t i) {
    // A few rows at a time, so that what one phase has read and written is in L2 for the next.
    const std::int64_t rows = g.sh * g.sw > 1 ? kRowsTogether : items.end(i) - items.begin(i);
    for (std::int64_t y0 = items.begin(i); y0 < items.end(i); y0 += rows) {
      const std::int64_t y1 = std::min(y0 + rows, items.end(i));
      const T* kernel = packed;
      for_each_phase<T>(g, true, [&](Correlation<T>& k, std::int64_t offset) {
        k.source = dz;
        k.out = dA_prev + offset;
        if (y0 < k.grid.grid_h)
          correlate_rows(k, kernel, streamed, items.lines(i), items.image(i), y0, std::min(y1, k.grid.grid_h));
        kernel += kernel_elements<T>(k.grid);
      });
    }
  });
}

template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& k) {
  const PatchGrid& g = k.grid;
  const std::int64_t line = line_elements<T>(g), n = kernel_elements<T>(g), rows = g.images * g.grid_h;
  const auto lines = static_cast<std::int64_t>(lines_of<T>(g.channels).count);
  // Items are bands of rows, whose sums are added, and where there are few of them blocks of lines.
  const std::int64_t bands = std::clamp<std::int64_t>(rows * g.grid_w / kBandPositions, 1, std::min(rows, kMaxParts));
  const std::int64_t blocks = std::min(kMaxParts / bands, lines);
  const bool all_see = all_see_some(g);
  T* sums = scratch<T>(Scratch::partials, static_cast<std::size_t>(bands * n));
  parallel_for(bands * blocks, flops_of(g), [&](std::int64_t item) {
    const std::int64_t band = item / blocks, block = item % blocks;
    const std::int64_t begin = rows * band / bands, end = rows * (band + 1) / bands;
    const std::int64_t l0 = lines * block / blocks, l1 = lines * (block + 1) / blocks;
    const LineRange range{static_cast<std::size_t>(l0), static_cast<std::size_t>(l1)};
    T* own = sums + band * n + l0 * line;
    std::fill_n(own, (l1 - l0) * line, T(0));
    add_rows(k, range, begin, end, own);
    // A gradient that is not finite makes the sums for the pixels that it sees so.
    if (all_see && all_finite(own, (l1 - l0) * line)) return;
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t x = 0; x < g.grid_w; ++x)
        add_padding_terms(g, range, i % g.grid_h, x, k.dz + (i * g.grid_w + x) * g.channels, own);
    }
  });
  add_parts(sums, bands, n, sums);
  for_each_piece<T>(g, {0, static_cast<std::size_t>(lines)},
                    [&](std::int64_t at, std::size_t r, std::size_t j, std::int64_t c, std::int64_t count) {
                      const Tap &row = g.rows[r], &column = g.columns[j];
                      const std::int64_t tap = row.index * static_cast<std::int64_t>(g.columns.size()) + column.index;
                      std::copy_n(sums + at, count, k.dw + tap * g.channels + c);
                    });
}

template bool by_depthwise(const Correlation<float>&);
template bool by_depthwise(const Correlation<double>&);
template bool by_depthwise(const WeightGradient<float>&);
template bool by_depthwise(const WeightGradient<double>&);
template std::int64_t depthwise_kernel_elements(const Correlation<float>&);
template std::int64_t depthwise_kernel_elements(const Correlation<double>&);
template void pack_depthwise_kernel(const Correlation<float>&, float*);
template void pack_depthwise_kernel(const Correlation<double>&, double*);
template void correlate_depthwise(const Correlation<float>&, const float*);
template void correlate_depthwise(const Correlation<double>&, const double*);
template void backward_data_depthwise(const ConvGeometry&, const float*, const float*, float*);
template void backward_data_depthwise(const ConvGeometry&, const double*, const double*, double*);
template void weight_gradient_depthwise(const WeightGradient<float>&);
template void weight_gradient_depthwise(const WeightGradient<double>&);

}  // namespace hubel::detail
