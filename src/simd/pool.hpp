// The inner loops of pooling, vectorised over the channels. Pointers and strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// One row of pooling windows. The window of pixel p begins at p * pixel_step and has kh lines of kw pixels, `line`
// apart, each `channels` long.
struct PoolWindows {
  std::ptrdiff_t pixel_step;
  std::ptrdiff_t line;
  std::size_t kh, kw;
  std::size_t pixels;
  std::size_t channels;
};

// out[p][c] = the windows' maximum; a NaN is taken as larger than all else.
template <class T>
void max_pool_row(const PoolWindows& windows, const T* in, T* out);
// The same, and winner[p][c] = the number of the first maximum in its window, row by row: exact up to 2^24 pixels.
template <class T>
void max_pool_row_winners(const PoolWindows& windows, const T* in, T* out, T* winner);
// out[p][c] = the windows' sum / count.
template <class T>
void avg_pool_row(const PoolWindows& windows, T count, const T* in, T* out);

// din[...] += dout[p][c] at each window's first maximum in row-major order.
template <class T>
void max_pool_row_backward(const PoolWindows& windows, const T* in, const T* dout, T* din);
// din[...] += dout[p][c] / count over the whole window.
template <class T>
void avg_pool_row_backward(const PoolWindows& windows, T count, const T* dout, T* din);

}  // namespace hubel::simd
