// The two inner loops of dense convolution: tiles of output positions, and tiles of weight gradients.
//
// Both are register tiles: P x V accumulators, each step one broadcast scalar times V vectors. Forward, backward-data
// and dense layers are ConvTiles; backward-weights is WeightTile. Where a position lies in memory is told by a table,
// so that a tile may go across the ends of rows and images. Pointers and offsets count elements.
#pragma once

#include <cstddef>

#include "simd/ahead.hpp"
#include "simd/fused.hpp"

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
//   out[out_at[p] + n] = bias + sum, or with accumulate out[...] + sum, within bounds.
// Weights and bias are readable up to width. One channel and many taps are the faster way through short runs of terms.
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
  Bounds<T> bounds;  // what is stored is kept within them
  // What is read next: while position p is read, memory is asked for ahead[ahead_at[p] + taps[t] + c], any address.
  // Null for nothing.
  const T* ahead;
  const std::ptrdiff_t* ahead_at;
  Ahead next_weights;
};

template <class T>
void conv_tiles(const ConvTiles<T>& tiles);

// The rows of dW that a tile of weight gradients has at most, when it is so many vectors wide.
std::size_t weight_rows(std::size_t vectors);

// With R = weight_rows(vectors), for rows r = b R + i < rows and n < out_channels <= width = vectors * lanes<T>():
//   sum = sum over positions p of in[b * in_block + p * in_step + i] * dz[p * dz_step + n]
//   dw[r * dw_row + n] = sum, or with accumulate dw[...] + sum.
// in is readable for whole blocks of R rows, dz for width elements from each position; and both for one position more,
// since a compiler may have the loop load that.
template <class T>
struct WeightTiles {
  const T* in;
  std::ptrdiff_t in_block, in_step;
  const T* dz;
  std::ptrdiff_t dz_step;
  std::size_t positions;
  std::size_t rows;
  std::size_t vectors;  // 1 to block_vectors().most
  T* dw;
  std::ptrdiff_t dw_row;
  std::size_t out_channels;
  bool accumulate;  // add to dw instead of replacing it
  Ahead ahead;
};

template <class T>
void weight_tiles(const WeightTiles<T>& tiles);

// Copies rows of pixels to panels of `rows_of_panel` = R rows, as weight_tiles wants them:
//   out[b * out_panel + p * R + i] = in[p][b R + i], for b R + i < rows, and 0 for the rest of the last panel.
// Up to kRoomBehindPanel elements behind a panel's last position are overwritten.
template <class T>
struct RowPanels {
  const T* const* in;
  std::size_t positions, rows, rows_of_panel;
  T* out;
  std::ptrdiff_t out_panel;
};
inline constexpr std::size_t kRoomBehindPanel = 64;

template <class T>
void copy_row_panels(const RowPanels<T>& panels);

// Copies pixels' channels to a panel whose positions are width = vectors * lanes<T>() elements apart:
//   out[p * width + n] = in[p * in_step + n] for n < channels, and 0 for the rest of the width.
template <class T>
struct ChannelPanel {
  const T* in;
  std::ptrdiff_t in_step;
  std::size_t positions, channels, vectors;
  T* out;
};

template <class T>
void copy_channel_panel(const ChannelPanel<T>& panel);

}  // namespace hubel::simd
