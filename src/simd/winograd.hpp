// The transforms of Winograd's convolution with 3x3 kernels on tiles of 4x4 outputs, F(4x4, 3x3), and of its gradient
// with respect to the kernel, F(3x3, 4x4). Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks"
// (2015); Winograd, "Arithmetic Complexity of Computations" (1980).
//
// A tile of 6x6 inputs, a kernel and a tile of 4x4 gradients are each turned into 36 values a channel; the products of
// these, summed over channels (or tiles), are turned back into 4x4 outputs (or 3x3 kernel gradients). All transforms
// are vectorised over channels. Pointers and strides count elements.
#pragma once

#include <cstddef>

#include "simd/fused.hpp"

namespace hubel::simd {

inline constexpr std::size_t kWinogradOut = 4;                             // outputs of a tile, each way
inline constexpr std::size_t kWinogradIn = 6;                              // inputs of a tile, each way
inline constexpr std::size_t kWinogradPoints = kWinogradIn * kWinogradIn;  // values of a transformed tile

// out[f * point] for each of the 36 values f, from the pixels in[y * line + x * pixel], top <= y < bottom and left <= x
// < right, and zeros elsewhere; for n channels, which lie next to each other in both.
template <class T>
struct WinogradTile {
  const T* in;
  std::ptrdiff_t line, pixel;
  std::size_t top, bottom, left, right;
  T* out;
  std::ptrdiff_t point;
  std::size_t n;
};
// Of a 6x6 tile of the input.
template <class T>
void winograd_input(const WinogradTile<T>& tile);
// Of a 4x4 tile of the output's gradient.
template <class T>
void winograd_gradient(const WinogradTile<T>& tile);
// Of a 3x3 kernel.
template <class T>
void winograd_kernel(const WinogradTile<T>& tile);

// out[y * line + x * pixel] for y < rows and x < columns, from the 36 sums in[f * point]; n values each. To them the
// bias is added and, with accumulate, what is there; what is stored is kept within bounds.
template <class T>
struct WinogradResult {
  const T* in;
  std::ptrdiff_t point;
  std::ptrdiff_t next;  // to the sums of the result that is computed next, for the cache
  const T* bias;        // n values that are added, or null
  T* out;
  std::ptrdiff_t line, pixel;
  std::size_t rows, columns;
  std::size_t n;
  bool accumulate;
  Bounds<T> bounds;
};
// A 4x4 tile of outputs; rows and columns are at most 4.
template <class T>
void winograd_output(const WinogradResult<T>& result);
// A 3x3 gradient of a kernel.
template <class T>
void winograd_kernel_gradient(const WinogradResult<T>& result);

}  // namespace hubel::simd
