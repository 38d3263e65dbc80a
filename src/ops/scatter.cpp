// Scattering around the inner loop of simd/; see scatter.hpp.
//
// Work is cut into bands of the input's rows. A band takes, for each kernel row, the output rows that reach it through
// that kernel row, and sums in a copy with the padding on its left and right, which is then written out. So each sum
// belongs to one band and has one order.
#include "ops/scatter.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/parallel.hpp"
#include "ops/patch.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/planar.hpp"
#include "simd/scatter.hpp"
#include "simd/transpose.hpp"

namespace hubel::detail {

namespace {

// Channels of dZ whose products are summed in registers before they are added: a bound on the rounding error, and the
// weights in use stay in L1.
constexpr std::int64_t kChannelBlock = 256;

// Output rows of a band: multiples of the inner loop's tiles.
constexpr std::int64_t kBandRows = 12;

template <class T>
struct Sizes {
  ConvGeometry g;
  std::int64_t lanes = static_cast<std::int64_t>(simd::lanes<T>());
  std::int64_t run = g.kw * g.c_prev;  // elements of a kernel row
  std::int64_t padded_run = (run + lanes - 1) / lanes * lanes;
  // Pixels of a band's line: those that windows see, and the image's.
  std::int64_t width = std::max((g.w_new - 1) * g.sw + g.kw, g.left + g.w_prev);
  std::int64_t line = width * g.c_prev;
  std::int64_t band_rows = std::min(kBandRows * g.sh, g.h_prev);  // of the input
  std::int64_t bands = (g.h_prev + band_rows - 1) / band_rows;
};

// W as (kh, c_new, padded_run), zeros beyond a run.
template <class T>
const T* scatter_kernel(const Sizes<T>& s, const T* W) {
  const ConvGeometry& g = s.g;
  const std::int64_t row = g.c_new * s.padded_run;
  T* kernel = scratch<T>(Scratch::weights, static_cast<std::size_t>(g.kh * row));
  if (s.run < s.padded_run) std::fill_n(kernel, g.kh * row, T(0));
  for (std::int64_t r = 0; r < g.kh; ++r) {
    const std::int64_t from = r * s.run * g.c_new;
    simd::transpose(W + from, g.c_new, static_cast<std::size_t>(s.run), static_cast<std::size_t>(g.c_new),
                    static_cast<std::size_t>(g.kh * s.run * g.c_new - from), kernel + r * row, s.padded_run);
  }
  return kernel;
}

// Input rows [begin, end) of one image, into `band`, whose first line is row `begin`.
template <class T>
void add_band(const Sizes<T>& s, const T* dz, const T* kernel, std::int64_t begin, std::int64_t end, T* band) {
  const ConvGeometry& g = s.g;
  simd::ScatterRow<T> row{};
  row.dz_pixel = g.c_new;
  row.dz_line = g.w_new * g.c_new;
  row.pixels = static_cast<std::size_t>(g.w_new);
  row.weights_step = s.padded_run;
  row.run = static_cast<std::size_t>(s.run);
  row.image_line = g.sh * s.line;
  row.image_pixel = g.sw * g.c_prev;
  for (std::int64_t c = 0; c < g.c_new; c += kChannelBlock) {
    row.channels = static_cast<std::size_t>(std::min(kChannelBlock, g.c_new - c));
    for (std::int64_t r = 0; r < g.kh; ++r) {
      // Output row y reaches input row y * sh + shift.
      const std::int64_t shift = r * g.dh - g.top;
      const auto first_from = [&](std::int64_t input) {  // the first output row that reaches `input` or beyond
        return std::clamp<std::int64_t>((std::max<std::int64_t>(input - shift, 0) + g.sh - 1) / g.sh, 0, g.h_new);
      };
      const std::int64_t y0 = first_from(begin), y1 = first_from(end);
      if (y0 == y1) continue;
      row.dz = dz + y0 * row.dz_line + c;
      row.lines = static_cast<std::size_t>(y1 - y0);
      row.weights = kernel + (r * g.c_new + c) * s.padded_run;
      row.image = band + (y0 * g.sh + shift - begin) * s.line;
      simd::scatter_row(row);
    }
  }
}

}  // namespace

// Costs in vector multiply-adds of one image. A tile's vectors are added to the image at the price of some three; for
// the other ways see ops/planar.cpp.
template <class T>
bool by_scatter(const ConvGeometry& g) {
  if (g.groups != 1 || g.dw != 1 || g.c_new == 0) return false;
  const auto lanes = static_cast<std::int64_t>(simd::lanes<T>());
  const Sizes<T> s{g};
  const double band = static_cast<double>(s.band_rows) * static_cast<double>(s.line);
  if (s.width > 2 * g.w_prev + g.kw || band > static_cast<double>(kMaxPatchElements)) return false;
  const auto vectors = [&](std::int64_t n) { return static_cast<double>((n + lanes - 1) / lanes); };
  const double rows = static_cast<double>(g.h_new * g.kh), c = static_cast<double>(g.c_new);
  const double scatter = rows * static_cast<double>(g.w_new) * vectors(s.run) * (c + 3);
  const double taps = static_cast<double>(g.kh * g.kw) / static_cast<double>(g.sh * g.sw);
  const double pixels = static_cast<double>(g.h_prev * g.w_prev);
  double gather = pixels * taps * c * vectors(g.c_prev);
  if (g.sh == 1 && g.sw == 1 && g.c_prev <= static_cast<std::int64_t>(simd::kPlanarChannels)) {
    const double n = static_cast<double>(g.c_prev), line = vectors(g.w_prev);
    gather = std::min(gather, static_cast<double>(g.h_prev) * line * taps * c * n + pixels * (1.3 * c + n));
  }
  return scatter < 0.8 * gather;
}

template <class T>
void backward_data_scatter(const ConvGeometry& g, const T* dZ, const T* W, T* dA_prev) {
  const Sizes<T> s{g};
  const T* kernel = scatter_kernel(s, W);
  const double flops = 2.0 * static_cast<double>(g.m * g.h_new * g.w_new * g.c_new) * static_cast<double>(g.kh * s.run);
  parallel_for(g.m * s.bands, flops, [&](std::int64_t item) {
    const std::int64_t image = item / s.bands, begin = item % s.bands * s.band_rows;
    const std::int64_t end = std::min(begin + s.band_rows, g.h_prev), elements = (end - begin) * s.line;
    T* band = scratch<T>(Scratch::pixels, static_cast<std::size_t>(elements + s.padded_run));
    std::fill_n(band, elements + s.padded_run, T(0));
    add_band(s, dZ + image * g.h_new * g.w_new * g.c_new, kernel, begin, end, band);
    const T* from = band + g.left * g.c_prev;
    T* to = dA_prev + (image * g.h_prev + begin) * g.w_prev * g.c_prev;
    for (std::int64_t y = begin; y < end; ++y, from += s.line, to += g.w_prev * g.c_prev) {
      std::copy_n(from, g.w_prev * g.c_prev, to);
    }
  });
}

template bool by_scatter<float>(const ConvGeometry&);
template bool by_scatter<double>(const ConvGeometry&);
template void backward_data_scatter(const ConvGeometry&, const float*, const float*, float*);
template void backward_data_scatter(const ConvGeometry&, const double*, const double*, double*);

}  // namespace hubel::detail
