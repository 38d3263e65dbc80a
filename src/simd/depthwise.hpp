// The inner loops of depthwise convolution (one kernel a channel), vectorised over the channels.
// Pointers and strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// A kernel tap: where its input lies relative to the output pixel's origin, and where its weights (one a channel)
// begin.
struct DepthwiseTap {
  std::ptrdiff_t input;
  std::ptrdiff_t weights;
};

// out[p][c] (+)= sum over taps t of in[p * pixel_step + t.input + c] * weights[t.weights + c] (+ bias[c]).
template <class T>
struct DepthwiseRow {
  const T* in;
  std::ptrdiff_t pixel_step;
  const DepthwiseTap* taps;
  std::size_t tap_count;
  const T* weights;
  T* out;
  std::ptrdiff_t out_step;
  std::size_t pixels;
  std::size_t channels;
  bool accumulate;  // add to out instead of replacing it
  const T* bias;    // null for none
};

template <class T>
void depthwise_row(const DepthwiseRow<T>& row);

// dw[t.weights + c] += sum over lines l and pixels p of in[l * in_line + p * in_pixel + t.input + c] *
// dz[l * dz_line + p * dz_pixel + c], for every tap t.
template <class T>
struct DepthwiseWeights {
  const T* in;
  std::ptrdiff_t in_line, in_pixel;
  const T* dz;
  std::ptrdiff_t dz_line, dz_pixel;
  std::size_t lines, pixels;
  const DepthwiseTap* taps;
  std::size_t tap_count;
  std::size_t channels;
  T* dw;
};

template <class T>
void depthwise_weights(const DepthwiseWeights<T>& args);

}  // namespace hubel::simd
