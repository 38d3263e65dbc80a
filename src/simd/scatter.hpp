// The inner loop of backward-data by scattering: each position's gradient, times the kernel, is added to the pixels
// that the position sees. Pointers and strides count elements.
#pragma once

#include <cstddef>

namespace hubel::simd {

// One row of the kernel:
//   image[l * image_line + p * image_pixel + e] += sum over c < channels of dz[l * dz_line + p * dz_pixel + c] *
//   weights[c * weights_step + e],
// for lines l, pixels p and e < run. The image's lines do not overlap; the runs of a line's pixels may. Weights are
// readable, and the image both readable and writable, up to whole vectors of a run; what stands there stays.
template <class T>
struct ScatterRow {
  const T* dz;
  std::ptrdiff_t dz_line, dz_pixel;
  std::size_t lines, pixels, channels;
  const T* weights;
  std::ptrdiff_t weights_step;
  std::size_t run;
  T* image;
  std::ptrdiff_t image_line, image_pixel;
};

template <class T>
void scatter_row(const ScatterRow<T>& row);

}  // namespace hubel::simd
