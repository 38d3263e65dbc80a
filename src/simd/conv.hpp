// The two inner loops of dense convolution: one row of output pixels, and one tile of weight gradients.
//
// Both are register tiles: P x V accumulators, each step one broadcast scalar times V vectors. Forward, backward-data
// and dense layers are ConvRow; backward-weights is WeightTile. Pointers and strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// Lanes of a vector of T in the instruction set chosen at run time.
template <class T>
std::size_t lanes();

// out[p][n] (+)= sum over taps t and channels c of in[p * pixel_step + taps[t] + c] * w[(t * channels + c) *
// weights_step + n], for pixels p and n < out_channels <= width = vectors * lanes<T>(). Weights are readable up to
// width.
template <class T>
struct ConvRow {
  const T* in;
  std::ptrdiff_t pixel_step;
  const std::ptrdiff_t* taps;
  std::size_t tap_count;
  std::size_t channels;
  const T* weights;
  std::ptrdiff_t weights_step;
  std::size_t vectors;  // 1 or 2
  T* out;
  std::ptrdiff_t out_step;
  std::size_t pixels;
  std::size_t out_channels;
  bool accumulate;  // add to out instead of replacing it
  const T* bias;    // width elements that are added, or null
};

template <class T>
void conv_row(const ConvRow<T>& row);

// dw[r][n] += sum over lines l and pixels p of in[l * in_line + p * in_pixel + r] * dz[l * dz_line + p * dz_pixel + n],
// for r < rows and n < out_channels <= width = vectors * lanes<T>(). dz is readable for width elements from each pixel.
template <class T>
struct WeightTile {
  const T* in;
  std::ptrdiff_t in_line, in_pixel;
  const T* dz;
  std::ptrdiff_t dz_line, dz_pixel;
  std::size_t lines, pixels;
  std::size_t rows;
  std::size_t vectors;  // 1 or 2
  T* dw;
  std::ptrdiff_t dw_row;
  std::size_t out_channels;
};

template <class T>
void weight_tile(const WeightTile<T>& tile);

}  // namespace hubel::simd
