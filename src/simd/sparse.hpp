// Inner loops of gradients that are zero but for a few positions, as those behind a max pooling are: for each such
// position and one output channel, a kernel's window of the input takes part as a whole. Pointers and strides count
// elements.
//
// A window is `rows` lines of `run` elements. What is written or accumulated for one is `run` rounded up to whole
// vectors (padded_run) wide; the elements beyond `run` are there to be read and written and have no meaning. Vectors
// are of at most kSparseBytes: stores across the borders of cache lines cost several times as much as others, and
// windows whose pixels are a multiple of that apart, from an aligned start, have none.
#pragma once

#include <cstddef>

namespace hubel::simd {

inline constexpr std::size_t kSparseBytes = 32;

// `run` rounded up to whole vectors of T.
template <class T>
std::size_t padded_run(std::size_t run);

template <class T>
struct Windows {
  const T* at;  // each window's first element: a whole number
  std::size_t count;
  std::ptrdiff_t line;  // from one line of a window to the next
  std::size_t rows, run;
};

// dw[r * padded_run + e] += sum over windows i of g[i] * in[at[i] + r * line + e].
template <class T>
void sparse_weights(const Windows<T>& windows, const T* in, const T* g, T* dw);

// dx[i % buffers][at[i] + r * line + e] += g[i] * w[r * padded_run + e], for each window i. w is 0 beyond `run`.
// Several buffers, `buffer` elements apart: a window that overlaps the one before it would have to wait for its stores.
template <class T>
void sparse_data(const Windows<T>& windows, const T* w, const T* g, T* dx, std::ptrdiff_t buffer, std::size_t buffers);

// Of n positions those whose gradient g is not zero, in their order: how many they are, at[...] = origin + distance and
// out[...] = g. Both have room for n and a vector more.
template <class T>
std::size_t list_nonzero(const T* g, const T* origin, const T* distance, std::size_t n, T* at, T* out);

// Copies `count` pixels of `channels` elements from an image whose pixels are `from_step` apart to one where they are
// `to_step` apart. What lies between the pixels there is overwritten with anything.
template <class T>
void copy_pixels(const T* from, std::ptrdiff_t from_step, T* to, std::ptrdiff_t to_step, std::size_t channels,
                 std::size_t count);

}  // namespace hubel::simd
