// Inner loops of convolutions with few output channels: the vectors lie along the width of planar images, one plane a
// channel, where vectors of output channels would be mostly empty. Pointers and strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// The most output channels of a PlanarTile.
inline constexpr std::size_t kPlanarChannels = 8;

// For vectors v, lanes i and n < out_channels:
//   sum = sum over channels c and taps t of in[c * plane + taps[t] + in_at[v] + i] * weights[(c * weights_channel + t)
//   * out_channels + n], and what stands in sums[n * sums_plane + v * lanes<T>() + i] is added where accumulate is set.
// Where out is null the sum goes to `sums`, else with its bias to out[out_at[v] + i * out_channels + n]. out_at
// ascends. What lies beyond a vector's last position is overwritten by the vectors that follow; nothing is written from
// out_end on.
template <class T>
struct PlanarTile {
  const T* in;
  const std::ptrdiff_t* offsets;  // a plane and a place in it
  std::size_t terms;
  const std::ptrdiff_t* in_at;
  std::size_t vectors;
  const T* weights;
  std::size_t out_channels;  // at most kPlanarChannels
  T* sums;                   // not read or written where out is given and accumulate is not set
  std::ptrdiff_t sums_plane;
  bool accumulate;
  T* out;
  const std::ptrdiff_t* out_at;
  const T* out_end;
  const T* bias;  // out_channels elements, or null
};

template <class T>
void planar_tile(const PlanarTile<T>& tile);

// sums[(t * out_channels + n) * lanes<T>() + i] += sum over lines l and pixels p with p % lanes<T>() == i of
//   in[l * in_line + offsets[t] + p] * dz[n * dz_plane + l * dz_line + p],
// for terms t, n < out_channels and lanes i; the sum of the lanes is the gradient. Lines are readable up to whole
// vectors.
template <class T>
struct PlanarWeights {
  const T* in;
  std::ptrdiff_t in_line;
  const std::ptrdiff_t* offsets;
  std::size_t terms;
  const T* dz;
  std::ptrdiff_t dz_plane, dz_line;
  std::size_t lines, pixels;
  std::size_t out_channels;
  T* sums;
};

template <class T>
void planar_weights(const PlanarWeights<T>& args);

// out[i] = the sum of the lanes of vector i of `sums`, i < n; out == sums is allowed.
template <class T>
void add_lanes(const T* sums, std::size_t n, T* out);

}  // namespace hubel::simd
