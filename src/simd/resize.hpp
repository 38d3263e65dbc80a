// The inner loops of resizing: rows of whole images, and rows of pixels that come from one to four others.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hubel::simd {

// first_weight times the pixel `first`, and second_weight times the pixel after it, which takes no part if that is 0.
template <class T>
struct ResizeTap {
  std::int64_t first;
  T first_weight, second_weight;
};

// weights[0] times the pixel `first`, weights[1] times the one after it, and so on, `count` in all.
template <class T>
struct CubicTap {
  std::int64_t first, count;
  T weights[4];
};

// out[i] += weight * in[i], i < n.
template <class T>
void add_scaled(T weight, const T* in, std::size_t n, T* out);

// out[p][c] = what taps[p] makes of the pixels of `in`, p < pixels.
template <class T>
void resize_row(const ResizeTap<T>* taps, std::size_t pixels, std::size_t channels, const T* in, T* out);
// Its gradient: din[q][c] += dout[p][c] times the weight of pixel q in taps[p], in the order of p.
template <class T>
void resize_row_backward(const ResizeTap<T>* taps, std::size_t pixels, std::size_t channels, const T* dout, T* din);

// The same of four.
template <class T>
void resize_row(const CubicTap<T>* taps, std::size_t pixels, std::size_t channels, const T* in, T* out);
template <class T>
void resize_row_backward(const CubicTap<T>* taps, std::size_t pixels, std::size_t channels, const T* dout, T* din);

}  // namespace hubel::simd
