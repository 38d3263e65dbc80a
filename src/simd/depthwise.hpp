// Inner loops of depthwise convolution: each channel has its own kernel, so everything is vectorised over channels,
// which are contiguous in memory (NHWC). Strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// The taps of a kernel, or of a part of it: `rows` rows of `columns`. Row r's first tap reads the source `input[r]`
// elements from a position's origin, and its weights begin at `weights[r]`; the next column is so many elements on.
struct DepthwiseTaps {
  const std::ptrdiff_t* input;
  const std::ptrdiff_t* weights;
  std::size_t rows, columns;
  std::ptrdiff_t input_column, weights_column;
};

// out[p][c] (+)= sum over taps t of in[p * pixel_step + input(t) + c] * weights[weights(t) + c] (+ bias[c]).
template <class T>
struct DepthwiseRow {
  const T* in;
  std::ptrdiff_t pixel_step;
  DepthwiseTaps taps;
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

// dw[weights(t) + c] += sum over lines l and pixels p of in[l * in_line + p * in_pixel + input(t) + c] *
// dz[l * dz_line + p * dz_pixel + c], for every tap t.
template <class T>
struct DepthwiseWeights {
  const T* in;
  std::ptrdiff_t in_line, in_pixel;
  const T* dz;
  std::ptrdiff_t dz_line, dz_pixel;
  std::size_t lines, pixels;
  DepthwiseTaps taps;
  std::size_t channels;
  T* dw;
};

template <class T>
void depthwise_weights(const DepthwiseWeights<T>& args);

}  // namespace hubel::simd
