// Sums and maxima over pixels that lie one behind the other, channel by channel, at the speed of memory: global
// pooling.
#pragma once

#include <cstddef>

namespace hubel::simd {

// Elements of room that both need.
std::size_t pixel_buffers(std::size_t pixels, std::size_t channels);

// out[c] = the sum over p < pixels of in[p * channels + c], pairwise: its rounding error grows with the logarithm of
// the number of pixels. pixels >= 1.
template <class T>
void sum_of_pixels(const T* in, std::size_t pixels, std::size_t channels, T* buffers, T* out);
// out[c] = the maximum; a NaN is taken as larger than all else.
template <class T>
void max_of_pixels(const T* in, std::size_t pixels, std::size_t channels, T* buffers, T* out);

}  // namespace hubel::simd
