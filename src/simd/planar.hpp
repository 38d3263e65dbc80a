// Inner loops of convolutions with few output channels: the vectors lie along the width of planar images, one plane a
// channel, where vectors of output channels would be mostly empty. Pointers and strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// The most output channels of a PlanarTile.
inline constexpr std::size_t kPlanarChannels = 8;

// out[n * out_plane + v * lanes<T>() + i] (+)= sum over channels c and taps t of
//   in[c * plane + taps[t] + origins[v] + i] * weights[(c * weights_channel + t) * out_channels + n],
// for vectors v, lanes i and n < out_channels.
template <class T>
struct PlanarTile {
  const T* in;
  std::ptrdiff_t plane;
  std::size_t channels;
  const std::ptrdiff_t* taps;
  std::size_t tap_count;
  const std::ptrdiff_t* origins;
  std::size_t vectors;
  const T* weights;
  std::size_t weights_channel;  // taps from one channel's weights to the next
  std::size_t out_channels;     // at most kPlanarChannels
  T* out;
  std::ptrdiff_t out_plane;
  bool accumulate;  // add to out instead of replacing it
};

template <class T>
void planar_tile(const PlanarTile<T>& tile);

// dw[t * dw_tap + n] += sum over lines l and pixels p of in[l * in_line + taps[t] + p] * dz[n * dz_plane + l * dz_line
// + p], for taps t and n < out_channels. Nothing outside is read.
template <class T>
struct PlanarWeights {
  const T* in;
  std::ptrdiff_t in_line;
  const std::ptrdiff_t* taps;
  std::size_t tap_count;
  const T* dz;
  std::ptrdiff_t dz_plane, dz_line;
  std::size_t lines, pixels;
  std::size_t out_channels;
  T* dw;
  std::ptrdiff_t dw_tap;
};

template <class T>
void planar_weights(const PlanarWeights<T>& args);

}  // namespace hubel::simd
