// Inner loops of depthwise convolution: each channel has its own kernel, so everything is vectorised over channels,
// which are contiguous in memory (NHWC). Strides count elements unless they say otherwise.
//
// Channels go by lines of `width` (DepthwiseLines). Kernels and their gradients are packed: line after line, in each
// the taps row by row, in each the line's channels.
//
// Pixels outside the source are not read but left out of the sums.
#pragma once

#include <cstddef>

#include "simd/ahead.hpp"

namespace hubel::simd {

// How channels are cut into lines: the last begins early enough to be whole, and so repeats some of the line before it.
// Fewer channels than a vector are one line, filled up with zeros.
struct DepthwiseLines {
  std::size_t width, count;

  DepthwiseLines(std::size_t channels, std::size_t lanes)
      : width(channels < 2 * lanes ? lanes : 2 * lanes), count((channels + width - 1) / width), channels_(channels) {}
  std::size_t first(std::size_t line) const { return line + 1 == count && line > 0 ? channels_ - width : line * width; }

 private:
  std::size_t channels_;
};

// Positions in a row of the output, and what of the source they see. Position p sees under column j of the kernel the
// pixel first + p * step + j * column of a source row, if that is one of its `width` pixels.
template <class T>
struct DepthwiseRow {
  const T* in;            // pixel 0 of the source row under the first row of the kernel
  std::ptrdiff_t in_row;  // from there to the source row under the next
  std::ptrdiff_t first, step, column, width;
  std::size_t rows, columns;  // of the kernel; all of its rows lie inside the source
  std::size_t channels;       // and elements from pixel to pixel
  std::size_t positions;
  Ahead ahead;
};

// out[p * out_pixel + c] = bias[c] + sum over the kernel's taps of source * weights; with relu negative ones are zero.
template <class T>
struct DepthwiseForward {
  DepthwiseRow<T> row;
  const T* weights;  // packed, from the first row on
  std::ptrdiff_t weights_line;
  T* out;
  std::ptrdiff_t out_pixel;
  const T* bias;  // null for none
  bool relu;
};

template <class T>
void depthwise_forward(const DepthwiseForward<T>& args);

// sums += source * dz, summed over the positions, for each of the kernel's taps; dz's pixels are dense.
template <class T>
struct DepthwiseWeights {
  DepthwiseRow<T> row;
  const T* dz;
  T* sums;  // packed, from the first row on
  std::ptrdiff_t sums_line;
};

template <class T>
void depthwise_weights(const DepthwiseWeights<T>& args);

}  // namespace hubel::simd
