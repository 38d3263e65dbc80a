// Sums and maxima over pixels that lie one behind the other, channel by channel, at the speed of memory: global
// pooling.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hubel::simd {

// Elements of room that each of them needs, for 32 pixels and more.
std::size_t pixel_buffers(std::size_t pixels, std::size_t channels);

// out[c] = the sum over p < pixels of in[p * channels + c], pairwise: its rounding error grows with the logarithm of
// the number of pixels. pixels >= 1.
template <class T>
void sum_of_pixels(const T* in, std::size_t pixels, std::size_t channels, T* buffers, T* out);
// out[c] = the maximum; a NaN is taken as larger than all else.
template <class T>
void max_of_pixels(const T* in, std::size_t pixels, std::size_t channels, T* buffers, T* out);
// places[c] = the number of the first pixel that has channel c's maximum. Fewer than 2^31 pixels.
template <class T>
void max_places_of_pixels(const T* in, std::size_t pixels, std::size_t channels, T* buffers, std::int64_t* places);

}  // namespace hubel::simd
