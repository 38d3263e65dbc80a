// Inner loops of depthwise convolution: each channel has its own kernel, so everything is vectorised over channels,
// which are contiguous in memory (NHWC). Strides count elements unless they say otherwise.
//
// Channels go by lines of `width` (DepthwiseLines). Kernels and their gradients are packed: line after line, in each
// the taps row by row, in each the line's channels.
//
// Pixels outside the source are not read but left out of the sums.
#pragma once

#include <cstddef>

#include "simd/fused.hpp"

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

// Some rows of the output, for the lines [line_begin, line_end), and what of the source they see: position p of row y
// sees under row r and column j of the kernel the pixel
//   (first_row + y * row_step + r * row_distance, first_column + p * column_step + j * column_distance),
// if there is one. Where there are several rows, row_step is a multiple of row_distance.
template <class T>
struct DepthwiseRows {
  const T* source;  // (height, width, channels), dense
  std::ptrdiff_t height, width;
  std::size_t channels, line_begin, line_end;
  std::size_t rows, columns;  // of the kernel
  std::ptrdiff_t row_distance, column_distance;
  std::ptrdiff_t first_row, row_step, first_column, column_step;
  std::size_t count, positions;
  std::size_t next;  // rows of the output that come next: for as many, pixels are asked for ahead
};

// out[y * out_row + p * out_pixel + c] = bias[c] + sum over the kernel's taps of source * weights, within bounds.
template <class T>
struct DepthwiseForward {
  DepthwiseRows<T> rows;
  const T* weights;  // packed, all lines
  T* out;
  std::ptrdiff_t out_row, out_pixel;
  const T* bias;  // null for none
  Bounds<T> bounds;
  bool streamed;  // source and out come from memory: there is one row, to be gone through in order
};

template <class T>
void depthwise_forward(const DepthwiseForward<T>& args);

// sums += source * dz, summed over the positions, for each of the kernel's taps; dz's pixels are dense.
template <class T>
struct DepthwiseWeights {
  DepthwiseRows<T> rows;
  const T* dz;
  std::ptrdiff_t dz_row;
  T* sums;  // packed, from line_begin on
};

template <class T>
void depthwise_weights(const DepthwiseWeights<T>& args);

}  // namespace hubel::simd
