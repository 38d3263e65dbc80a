// Depthwise correlations around the inner loops of simd/; see depthwise.hpp.
//
// Work is cut into bands of rows. A band goes row by row, so that the rows under a kernel are in L2 from one output row
// to the next; very long rows go by parts.
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

// Bands wanted, so that several threads have some; a band's first rows are read by the one before it as well.
constexpr std::int64_t kBandsWanted = 16;

// Elements of the rows under a kernel that shall stay in L2: 128 KB of floats.
constexpr std::int64_t kRowElements = std::int64_t{1} << 15;

// Positions whose products are summed in one chain before they are added to dW: a limit on the rounding error.
constexpr std::int64_t kSummedPositions = 256;

template <class T>
simd::DepthwiseLines lines_of(std::int64_t channels) {
  return {static_cast<std::size_t>(channels), simd::lanes<T>()};
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

// Calls f(element of the packed kernel, row, column, channel, count) for each line's piece of each tap, without
// repeating channels; `all` lets each line begin with those that it has in common with the one before.
template <class T, class F>
void for_each_piece(const PatchGrid& g, bool all, const F& f) {
  const simd::DepthwiseLines lines = lines_of<T>(g.channels);
  const auto width = static_cast<std::int64_t>(lines.width);
  std::int64_t at = 0, done = 0;
  for (std::size_t l = 0; l < lines.count; ++l) {
    const auto first = static_cast<std::int64_t>(lines.first(l)), end = std::min(first + width, g.channels);
    const std::int64_t begin = all ? first : done;
    done = end;
    for (std::size_t r = 0; r < g.rows.size(); ++r) {
      for (std::size_t j = 0; j < g.columns.size(); ++j, at += width) f(at + begin - first, r, j, begin, end - begin);
    }
  }
}

// The row's part that positions [x0, x1) see, of the rows of taps [r0, r1); the first one is source row sy.
template <class T>
simd::DepthwiseRow<T> row_of(const PatchGrid& g, const T* image, std::int64_t sy, std::size_t r0, std::size_t r1,
                             std::int64_t x0, std::int64_t x1) {
  const std::int64_t line = g.width * g.channels;
  simd::DepthwiseRow<T> row{};
  row.in = image + sy * line;
  row.in_row = g.rows.size() > 1 ? (g.rows[1].offset - g.rows[0].offset) * line : 0;
  row.first = x0 * g.step_x + g.columns.front().offset;
  row.step = g.step_x;
  row.column = g.columns.size() > 1 ? g.columns[1].offset - g.columns[0].offset : 1;
  row.width = g.width;
  row.rows = r1 - r0;
  row.columns = g.columns.size();
  row.channels = static_cast<std::size_t>(g.channels);
  row.positions = static_cast<std::size_t>(x1 - x0);
  // The rows below, as far as the next position in this column will be the first to see them.
  const std::int64_t below = (sy + g.rows[r1 > r0 ? r1 - 1 : 0].offset - g.rows[r0].offset + 1) * line;
  const std::int64_t from = std::clamp<std::int64_t>(row.first, 0, g.width) * g.channels;
  const std::int64_t pixels = x1 - x0 == g.grid_w ? g.step_y * g.width : std::min(g.width, (x1 - x0) * g.step_x);
  row.ahead = {reinterpret_cast<const char*>(image + below + from),
               static_cast<std::size_t>(pixels * g.channels) * sizeof(T) / simd::kCacheLine};
  return row;
}

// Calls f(row, y, x0, r0) for the grid's rows [y0, y1) of an image, by parts of rows: the kernel's rows inside the
// source begin with r0.
template <class T, class F>
void for_each_row(const PatchGrid& g, const T* image, std::int64_t y0, std::int64_t y1, const F& f) {
  const std::int64_t position = static_cast<std::int64_t>(g.rows.size()) * std::min(g.step_x, g.width) * g.channels;
  const std::int64_t parts = std::clamp<std::int64_t>((g.grid_w * position + kRowElements - 1) / kRowElements, 1,
                                                      std::max<std::int64_t>(g.grid_w / 16, 1));
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t x0 = g.grid_w * part / parts, x1 = g.grid_w * (part + 1) / parts;
    for (std::int64_t y = y0; y < y1; ++y) {
      const auto sees = [&](const Tap& tap) {
        const std::int64_t sy = y * g.step_y + tap.offset;
        return sy >= 0 && sy < g.height;
      };
      const auto begin = std::find_if(g.rows.begin(), g.rows.end(), sees);
      const auto end = std::find_if_not(begin, g.rows.end(), sees);
      const auto r0 = static_cast<std::size_t>(begin - g.rows.begin()),
                 r1 = static_cast<std::size_t>(end - g.rows.begin());
      f(row_of(g, image, begin < end ? y * g.step_y + begin->offset : 0, begin < end ? r0 : 0, begin < end ? r1 : 0, x0,
               x1),
        y, x0, begin < end ? r0 : 0);
    }
  }
}

// The grid's rows [y0, y1) of an image.
template <class T>
void correlate_rows(const Correlation<T>& k, const T* packed, std::int64_t image, std::int64_t y0, std::int64_t y1) {
  const PatchGrid& g = k.grid;
  const std::int64_t row_elements = static_cast<std::int64_t>(g.columns.size() * lines_of<T>(g.channels).width);
  const std::int64_t line = line_elements<T>(g);
  for_each_row(g, k.source + image * g.height * g.width * g.channels, y0, y1,
               [&](const simd::DepthwiseRow<T>& row, std::int64_t y, std::int64_t x0, std::size_t r0) {
                 T* out = k.out + image * k.out_image + y * k.out_row + x0 * k.out_pixel;
                 simd::depthwise_forward<T>({row, packed + static_cast<std::int64_t>(r0) * row_elements, line, out,
                                             k.out_pixel, k.bias, k.activation == Activation::relu});
                 if (k.activation == Activation::identity || k.activation == Activation::relu) return;
                 for (std::size_t p = 0; p < row.positions; ++p, out += k.out_pixel)
                   simd::activate(k.activation, out, out, row.channels);
               });
}

// How images are cut into bands of rows.
struct Bands {
  std::int64_t images, height, in_image;

  Bands(std::int64_t images_, std::int64_t height_)
      : images(images_),
        height(height_),
        in_image(std::clamp<std::int64_t>(kBandsWanted / images, 1, std::max<std::int64_t>(height, 1))) {}
  std::int64_t count() const { return images * in_image; }
  std::int64_t image(std::int64_t i) const { return i / in_image; }
  std::int64_t begin(std::int64_t i) const { return height * (i % in_image) / in_image; }
  std::int64_t end(std::int64_t i) const { return height * (i % in_image + 1) / in_image; }
};

double flops_of(const PatchGrid& g) {
  return 2.0 * static_cast<double>(g.images * g.grid_h * g.grid_w) * static_cast<double>(g.channels * taps_of(g));
}

// The padding's zeros times the gradients of one position: NaN where a gradient is not finite, and not worth adding
// where it is.
template <class T>
void add_padding_terms(const PatchGrid& g, std::int64_t y, std::int64_t x, const T* dz, T* dw) {
  const auto inside = [](std::int64_t at, std::int64_t extent) { return at >= 0 && at < extent; };
  for (const Tap& row : g.rows) {
    for (const Tap& column : g.columns) {
      if (inside(y * g.step_y + row.offset, g.height) && inside(x * g.step_x + column.offset, g.width)) continue;
      T* to = dw + (row.index * static_cast<std::int64_t>(g.columns.size()) + column.index) * g.channels;
      for (std::int64_t c = 0; c < g.channels; ++c) to[c] += T(0) * dz[c];
    }
  }
}

// The sums over the rows [begin, end) of all images' rows, added to dw.
template <class T>
void add_rows(const WeightGradient<T>& k, std::int64_t begin, std::int64_t end, T* dw) {
  const PatchGrid& g = k.grid;
  const std::int64_t n = kernel_elements<T>(g), line = line_elements<T>(g);
  const std::int64_t row_elements = static_cast<std::int64_t>(g.columns.size() * lines_of<T>(g.channels).width);
  T* sums = scratch<T>(Scratch::gathered, static_cast<std::size_t>(n));
  std::fill_n(sums, n, T(0));
  std::int64_t summed = 0;
  const auto add_sums = [&] {
    for_each_piece<T>(g, false, [&](std::int64_t at, std::size_t r, std::size_t j, std::int64_t c, std::int64_t count) {
      T* to =
          dw + (g.rows[r].index * static_cast<std::int64_t>(g.columns.size()) + g.columns[j].index) * g.channels + c;
      for (std::int64_t i = 0; i < count; ++i) to[i] += sums[at + i];
    });
    std::fill_n(sums, n, T(0));
    summed = 0;
  };
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t image = i / g.grid_h;
    for_each_row(g, k.source + image * g.height * g.width * g.channels, i % g.grid_h, i % g.grid_h + 1,
                 [&](const simd::DepthwiseRow<T>& row, std::int64_t, std::int64_t x0, std::size_t r0) {
                   const T* dz = k.dz + (i * g.grid_w + x0) * g.channels;
                   simd::depthwise_weights<T>({row, dz, sums + static_cast<std::int64_t>(r0) * row_elements, line});
                   summed += static_cast<std::int64_t>(row.positions);
                   if (summed >= kSummedPositions) add_sums();
                 });
  }
  add_sums();
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
  for_each_piece<T>(k.grid, true,
                    [&](std::int64_t at, std::size_t r, std::size_t j, std::int64_t c, std::int64_t count) {
                      const T* w = k.weights + k.grid.rows[r].index * k.w_row + k.grid.columns[j].index * k.w_column;
                      std::copy_n(w + c, count, packed + at);
                    });
}

template <class T>
void correlate_depthwise(const Correlation<T>& k, const T* packed) {
  const Bands bands(k.grid.images, k.grid.grid_h);
  parallel_for(bands.count(), flops_of(k.grid),
               [&](std::int64_t i) { correlate_rows(k, packed, bands.image(i), bands.begin(i), bands.end(i)); });
}

template <class T>
void backward_data_depthwise(const ConvGeometry& g, const T* dz, const T* packed, T* dA_prev) {
  // Bands of the rows that all phases together have from one phase's row to the next.
  const Bands bands(g.m, (g.h_prev + g.sh - 1) / g.sh);
  const double flops = 2.0 * static_cast<double>(g.m * g.h_new * g.w_new) * static_cast<double>(g.kh * g.kw * g.c_prev);
  parallel_for(bands.count(), flops, [&](std::int64_t i) {
    const T* kernel = packed;
    for_each_phase<T>(g, true, [&](Correlation<T>& k, std::int64_t offset) {
      k.source = dz;
      k.out = dA_prev + offset;
      correlate_rows(k, kernel, bands.image(i), bands.begin(i), std::min(bands.end(i), k.grid.grid_h));
      kernel += kernel_elements<T>(k.grid);
    });
  });
}

template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& k) {
  const PatchGrid& g = k.grid;
  const std::int64_t n = taps_of(g) * g.channels, rows = g.images * g.grid_h;
  const std::int64_t parts = std::min(rows, kMaxParts);
  const bool all_see = all_see_some(g);
  const T* sums = sum_in_parts<T>(parts, n, flops_of(g), [&](std::int64_t part, T* dw) {
    const std::int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
    add_rows(k, begin, end, dw);
    // A gradient that is not finite makes the sums for the pixels that it sees so.
    if (all_see && all_finite(dw, n)) return;
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t x = 0; x < g.grid_w; ++x)
        add_padding_terms(g, i % g.grid_h, x, k.dz + (i * g.grid_w + x) * g.channels, dw);
    }
  });
  std::copy(sums, sums + n, k.dw);
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
