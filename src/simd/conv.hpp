// The two inner loops of dense convolution: tiles of output positions, and tiles of weight gradients.
//
// Both are register tiles: P x V accumulators, each step one broadcast scalar times V vectors. Forward, backward-data
// and dense layers are ConvTiles; backward-weights is WeightTile. Where a position lies in memory is told by a table,
// so that a tile may go across the ends of rows and images. Pointers and offsets count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// Lanes of a vector of T in the instruction set chosen at run time.
template <class T>
std::size_t lanes();

// The vectors that a block of output channels has at best (2 with 16 registers, 4 with 32), and at most (3 or 4).
struct BlockVectors {
  std::size_t best, most;
};
BlockVectors block_vectors();

// For positions p and n < out_channels <= width = vectors * lanes<T>():
//   sum = sum over taps t and channels c of in[in_at[p] + taps[t] + c] * weights[(t * channels + c) * weights_step + n]
//   out[out_at[p] + n] = sum, bias added, or with accumulate out[...] + sum; with relu the negative ones become zero.
// Weights and bias are readable up to width.
template <class T>
struct ConvTiles {
  const T* in;
  const std::ptrdiff_t* in_at;
  const std::ptrdiff_t* taps;
  std::size_t tap_count;
  std::size_t channels;
  const T* weights;
  std::ptrdiff_t weights_step;
  std::size_t vectors;  // 1 to block_vectors().most
  T* out;
  const std::ptrdiff_t* out_at;
  std::size_t positions;
  std::size_t out_channels;
  bool accumulate;  // add to out instead of replacing it
  const T* bias;    // width elements that are added, or null
  bool relu;
};

template <class T>
void conv_tiles(const ConvTiles<T>& tiles);

// dw[r * dw_row + n] += sum over positions p of in[in_at[p] + r] * dz[p * dz_step + n], for r < rows and n <
// out_channels <= width = vectors * lanes<T>(). dz is readable for width elements from each position.
template <class T>
struct WeightTile {
  const T* in;
  const std::ptrdiff_t* in_at;
  const T* dz;
  std::ptrdiff_t dz_step;
  std::size_t positions;
  std::size_t rows;
  std::size_t vectors;  // 1 to block_vectors().most
  T* dw;
  std::ptrdiff_t dw_row;
  std::size_t out_channels;
};

template <class T>
void weight_tile(const WeightTile<T>& tile);

}  // namespace hubel::simd
