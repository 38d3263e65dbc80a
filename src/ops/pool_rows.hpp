// Pooling by rows of windows that need not be alike: those at a padded image's border are smaller, adaptive pooling's
// differ by a pixel. Along the width, equal windows at equal distances are runs, which the inner loops take at once.
#pragma once

#include <cstdint>
#include <span>

#include "hubel/pool.hpp"
#include "ops/workspace.hpp"

namespace hubel::detail {

// A window along one axis: the pixels [begin, end) of the image, and how many an average counts.
struct AxisWindow {
  std::int64_t begin, end, counted;
};

// `count` windows from the first-th on, each as large as `window`, which is the first, and `step` after the last.
struct WindowRun {
  std::int64_t first, count, step;
  AxisWindow window;
};

// A pooling of images (m, h, w, c) to (m, rows.size(), w_new, c).
struct PoolRows {
  std::int64_t m, h, w, c, w_new;
  PoolMode mode;
  std::span<const AxisWindow> rows;
  std::span<const WindowRun> runs;
};

// Cuts windows [0, n) along the width, window(i) each, into runs; `runs` has room for n.
template <class Window>
std::span<const WindowRun> window_runs(std::int64_t n, const Window& window, WindowRun* runs) {
  std::size_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const AxisWindow next = window(i);
    WindowRun* last = count > 0 ? &runs[count - 1] : nullptr;
    const auto alike = [&](const AxisWindow& a) {
      return next.end - next.begin == a.end - a.begin && next.counted == a.counted;
    };
    if (last && alike(last->window)) {
      const std::int64_t offset = next.begin - last->window.begin;
      if (last->count == 1) last->step = offset;
      if (offset == last->count * last->step) {
        ++last->count;
        continue;
      }
    }
    runs[count++] = {i, 1, 0, next};
  }
  return {runs, count};
}

// The windows of an output of shape `out`: row_window(y) and column_window(x). They lie in the calling thread's scratch
// memory until its next call.
template <class Rows, class Columns>
PoolRows pool_rows(const Shape& in, const Shape& out, PoolMode mode, const Rows& row_window,
                   const Columns& column_window) {
  const auto h_new = static_cast<std::size_t>(out[1]), w_new = static_cast<std::size_t>(out[2]);
  auto* rows = scratch<AxisWindow>(Scratch::windows, h_new);
  for (std::size_t y = 0; y < h_new; ++y) rows[y] = row_window(static_cast<std::int64_t>(y));
  auto* runs = scratch<WindowRun>(Scratch::window_runs, w_new);
  return {in[0], in[1], in[2], in[3], out[2], mode, {rows, h_new}, window_runs(out[2], column_window, runs)};
}

template <class T>
void pool_rows_forward(const PoolRows& pooling, const T* in, T* out);
// `in` is read for max only.
template <class T>
void pool_rows_backward(const PoolRows& pooling, const T* dout, const T* in, T* din);

}  // namespace hubel::detail
