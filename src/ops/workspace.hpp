// Scratch memory that outlives a call, so that repeating an operation allocates nothing.
//
// Each thread has one buffer for each use; it grows to the largest size asked for. What is in it is not kept from one
// request for the same use to the next.
#pragma once

#include <array>
#include <cstddef>

#include "hubel/tensor.hpp"

namespace hubel::detail {

enum class Scratch {
  weights,
  bias,
  taps,
  kernel_taps,
  pixels,
  in_places,
  out_places,
  gathered,
  gathered_places,
  gradients,
  partials,
  transformed,
  products,
  origins,
  fused,
  fused_gradients,
  flow,
  moments,
  widened,
  blocks,
  samples,
  windows,
  window_runs,
  rows,
  pixel_sums,
  pixel_places,
  statistics,
  channels,
  exponentials,
  augmented,
  count
};

// Room for n elements of U, aligned to kAlignment; unset. Throws std::bad_alloc.
template <class U>
U* scratch(Scratch use, std::size_t n) {
  struct Buffer {
    void* memory = nullptr;
    std::size_t bytes = 0;
    ~Buffer() { ::operator delete[](memory, std::align_val_t(kAlignment)); }
  };
  thread_local std::array<Buffer, static_cast<std::size_t>(Scratch::count)> buffers;
  Buffer& buffer = buffers[static_cast<std::size_t>(use)];
  const std::size_t bytes = n * sizeof(U);
  if (buffer.bytes < bytes) {
    ::operator delete[](buffer.memory, std::align_val_t(kAlignment));
    buffer = {nullptr, 0};
    buffer.memory = ::operator new[](bytes, std::align_val_t(kAlignment));
    buffer.bytes = bytes;
  }
  return static_cast<U*>(buffer.memory);
}

}  // namespace hubel::detail
