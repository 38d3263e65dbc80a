// Parallel loops over independent items of work.
//
// What an item is depends on the problem only, never on the number of threads, and items write to places of their own:
// so the result has the same bits on any number of threads.
#pragma once

#include <omp.h>

#include <atomic>
#include <cstdint>
#include <exception>

#include "hubel/threads.hpp"

namespace hubel::detail {

// Floating-point operations below which starting threads costs more than it brings: waking an OpenMP team takes a few
// microseconds, in which one core does about 10^5 operations.
inline constexpr double kParallelFlops = 2e5;

// Calls body(item, thread) for each item in [0, items), on up to num_threads() threads numbered from 0. Items are
// claimed one by one, so that a busy neighbour on one core does not hold up the rest. `flops` is what the whole loop
// costs, to decide whether threads pay. Inside another parallel region the loop runs on the calling thread.
// The first exception thrown by a body is thrown again here.
template <class Body>
void parallel_for(std::int64_t items, double flops, const Body& body) {
  if (items <= 0) return;
  const std::int64_t wanted = flops < kParallelFlops || omp_in_parallel() ? 1 : num_threads();
  const int threads = static_cast<int>(wanted < items ? wanted : items);
  if (threads == 1) {
    for (std::int64_t i = 0; i < items; ++i) body(i, 0);
    return;
  }
  std::exception_ptr error;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::int64_t i = 0; i < items; ++i) {
    try {
      body(i, omp_get_thread_num());
    } catch (...) {
      if (!failed.test_and_set()) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace hubel::detail
