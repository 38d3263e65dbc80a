// Inner loops of a convolution with a 2x2 max pooling behind it: a row of pooled positions straight from the image, the
// convolution's own output never leaving the registers. Pointers and strides count elements.
//
// The sums of a window's four pixels are made at once, and their maximum taken. Lanes are pooled columns (for few
// channels) or output channels. Every sum takes its terms in the kernel's order, from zero, and the bias last.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hubel::simd {

// What the two have in common: where the maxima go, and what winners gets for the first maximum (a NaN is one) when
// that is the window's pixel p: distance[p].
template <class T>
struct MaxPooled {
  bool relu;  // max(0, .) of the maximum
  T* out;
  T* winners;  // or null
  T distance[4];
};

// Lanes are columns: for j < columns, rounded up to whole vectors, and n < channels, out[n * out_channel + j] = max
// over b in {0, below} and i in {0, 1} of bias[n] + sum over taps t of in[b + taps[t][i] + j] * weights[t][n]. winners
// alike, n * winners_channel + j. Weights come in blocks of column_block(the rest) channels, for each tap the block's
// channels.
template <class T>
struct ColumnConvPool {
  MaxPooled<T> pool;
  const T* in;
  std::ptrdiff_t below;
  const std::int32_t* taps;
  std::size_t tap_count;
  const T* weights;
  const T* bias;
  std::size_t channels, columns;
  std::ptrdiff_t out_channel, winners_channel;
};
constexpr std::size_t column_block(std::size_t channels) { return channels >= 3 ? 3 : channels; }
template <class T>
void column_conv_pool(const ColumnConvPool<T>& row);

// Lanes are channels: for j < columns and n < channels, out[j * out_column + n] = max over b in {0, below} and i in
// {0, right} of bias[n] + sum over lines r < rows and elements e < run of
// in[j * step + b + i + r * line + e] * weights[block][r][e][n in block]; winners alike. Blocks are two vectors wide,
// the last one or two; weights are zeros and bias readable up to whole blocks.
template <class T>
struct ChannelConvPool {
  MaxPooled<T> pool;
  const T* in;
  std::ptrdiff_t step, right, below, line;
  std::size_t rows, run;
  const T* weights;
  const T* bias;
  std::size_t channels, columns;
  std::ptrdiff_t out_column;
};
template <class T>
void channel_conv_pool(const ChannelConvPool<T>& row);

// to[i] = from[2 i] and, `apart` elements on, from[2 i + 1], for i < n.
template <class T>
void split_pairs(const T* from, std::size_t n, T* to, std::ptrdiff_t apart);

}  // namespace hubel::simd
