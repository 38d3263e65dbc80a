// Threaded over images and rows (forward) or images (backward, where windows overlap).
#include "ops/pool_rows.hpp"

#include <algorithm>
#include <limits>

#include "ops/parallel.hpp"
#include "simd/pixels.hpp"
#include "simd/pool.hpp"

namespace hubel::detail {

namespace {

// From so many pixels on, a window that lies in one piece is taken pixel by pixel with all channels, as memory has it.
constexpr std::size_t kManyPixels = 32;

// The windows of a run in one output row.
struct Part {
  simd::PoolWindows windows;
  double count;  // what averages divide by
  std::int64_t in, out;

  Part(const PoolRows& p, std::int64_t image, std::int64_t y, const WindowRun& run)
      : windows{run.step * p.c,
                p.w * p.c,
                static_cast<std::size_t>(row(p, y).end - row(p, y).begin),
                static_cast<std::size_t>(run.window.end - run.window.begin),
                static_cast<std::size_t>(run.count),
                static_cast<std::size_t>(p.c)},
        count(static_cast<double>(row(p, y).counted) * static_cast<double>(run.window.counted)),
        in(((image * p.h + row(p, y).begin) * p.w + run.window.begin) * p.c),
        out(((image * static_cast<std::int64_t>(p.rows.size()) + y) * p.w_new + run.first) * p.c) {}

  static const AxisWindow& row(const PoolRows& p, std::int64_t y) { return p.rows[static_cast<std::size_t>(y)]; }
  std::size_t pixels() const { return windows.kh * windows.kw; }
  // One large window of whole lines: all its pixels lie one behind the other.
  bool in_one_piece() const {
    const bool whole_lines = windows.line == static_cast<std::ptrdiff_t>(windows.kw * windows.channels);
    return windows.pixels == 1 && (whole_lines || windows.kh == 1) && pixels() >= kManyPixels;
  }
};

double work(const PoolRows& p) {
  double rows = 0, columns = 0;
  for (const AxisWindow& window : p.rows) rows += static_cast<double>(window.end - window.begin);
  for (const WindowRun& run : p.runs) {
    columns += static_cast<double>(run.count) * static_cast<double>(run.window.end - run.window.begin);
  }
  return static_cast<double>(p.m * p.c) * rows * columns;
}

template <class T>
void forward_in_one_piece(const Part& part, PoolMode mode, const T* in, T* out) {
  const std::size_t channels = part.windows.channels;
  T* buffers = scratch<T>(Scratch::pixel_sums, simd::pixel_buffers(part.pixels(), channels));
  if (mode == PoolMode::max) {
    simd::max_of_pixels(in, part.pixels(), channels, buffers, out);
  } else {
    simd::sum_of_pixels(in, part.pixels(), channels, buffers, out);
    const T count = static_cast<T>(part.count);
    std::for_each(out, out + channels, [count](T& sum) { sum /= count; });
  }
}

template <class T>
void forward_part(const Part& part, PoolMode mode, const T* in, T* out) {
  if (part.in_one_piece()) {
    forward_in_one_piece(part, mode, in + part.in, out + part.out);
  } else if (mode == PoolMode::max) {
    simd::max_pool_row(part.windows, in + part.in, out + part.out);
  } else {
    simd::avg_pool_row(part.windows, static_cast<T>(part.count), in + part.in, out + part.out);
  }
}

// The gradient of the mean of an image's n pixels: the first pixel's, copied in ever longer pieces that stay in L1.
template <class T>
void spread(const T* dout, std::int64_t n, std::int64_t channels, T count, T* din) {
  constexpr std::int64_t kPiece = 2048;
  std::transform(dout, dout + channels, din, [count](T d) { return d / count; });
  const std::int64_t all = n * channels, most = std::max(kPiece / channels * channels, channels);
  for (std::int64_t done = channels; done < all;) {
    const std::int64_t piece = std::min({done, most, all - done});
    std::copy_n(din, piece, din + done);
    done += piece;
  }
}

// The gradient of the maxima of an image's n pixels.
template <class T>
void send_to_maxima(const T* dout, const T* in, std::int64_t n, std::int64_t channels, T* din) {
  const auto pixels = static_cast<std::size_t>(n), c = static_cast<std::size_t>(channels);
  T* buffers = scratch<T>(Scratch::pixel_sums, simd::pixel_buffers(pixels, c));
  auto* places = scratch<std::int64_t>(Scratch::pixel_places, c);
  simd::max_places_of_pixels(in, pixels, c, buffers, places);
  std::fill_n(din, n * channels, T(0));
  for (std::int64_t k = 0; k < channels; ++k) din[places[k] * channels + k] = dout[k];
}

// Whether there is one window, of the whole image.
bool is_global(const PoolRows& p) {
  if (p.rows.size() != 1 || p.w_new != 1) return false;
  const AxisWindow &row = p.rows[0], &column = p.runs[0].window;
  const std::int64_t pixels = p.h * p.w;
  return row.end - row.begin == p.h && column.end - column.begin == p.w &&
         pixels >= static_cast<std::int64_t>(kManyPixels) && pixels <= std::numeric_limits<std::int32_t>::max();
}

template <class T>
void backward_global(const PoolRows& p, std::int64_t image, const T* dout, const T* in, T* din) {
  const Part part(p, image, 0, p.runs[0]);
  if (p.mode == PoolMode::max) {
    send_to_maxima(dout + part.out, in + part.in, p.h * p.w, p.c, din + part.in);
  } else {
    spread(dout + part.out, p.h * p.w, p.c, static_cast<T>(part.count), din + part.in);
  }
}

}  // namespace

template <class T>
void pool_rows_forward(const PoolRows& p, const T* in, T* out) {
  const auto h_new = static_cast<std::int64_t>(p.rows.size());
  if (p.m * h_new * p.w_new * p.c == 0) return;
  parallel_for(p.m * h_new, work(p), [&](std::int64_t i) {
    for (const WindowRun& run : p.runs) forward_part(Part(p, i / h_new, i % h_new, run), p.mode, in, out);
  });
}

template <class T>
void pool_rows_backward(const PoolRows& p, const T* dout, const T* in, T* din) {
  const std::int64_t image_size = p.h * p.w * p.c;
  if (p.m * image_size == 0) return;
  const bool global = is_global(p);
  parallel_for(p.m, 2 * work(p), [&](std::int64_t image) {
    if (global) return backward_global(p, image, dout, in, din);
    std::fill_n(din + image * image_size, image_size, T(0));
    for (std::int64_t y = 0; y < static_cast<std::int64_t>(p.rows.size()); ++y) {
      for (const WindowRun& run : p.runs) {
        const Part part(p, image, y, run);
        if (p.mode == PoolMode::max) {
          simd::max_pool_row_backward(part.windows, in + part.in, dout + part.out, din + part.in);
        } else {
          simd::avg_pool_row_backward(part.windows, static_cast<T>(part.count), dout + part.out, din + part.in);
        }
      }
    }
  });
}

template void pool_rows_forward(const PoolRows&, const float*, float*);
template void pool_rows_forward(const PoolRows&, const double*, double*);
template void pool_rows_backward(const PoolRows&, const float*, const float*, float*);
template void pool_rows_backward(const PoolRows&, const double*, const double*, double*);

}  // namespace hubel::detail
