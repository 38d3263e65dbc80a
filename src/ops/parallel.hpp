// Parallel loops over independent items of work.
//
// What an item is depends on the problem only, never on the number of threads, and items write to places of their own:
// so the result has the same bits on any number of threads.
//
// Items are claimed one by one, and the calling thread claims along. A loop ends when its items are done, not when all
// threads have come by: on a machine that others use too, a thread that the system does not let run delays nobody,
// unless it has an item in hand. (OpenMP's loops end in a barrier of all threads; beside a busy neighbour a training
// step took ten times as long with two threads as with one.)
#pragma once

#include <cstdint>
#include <type_traits>

namespace hubel::detail {

// Floating-point operations below which sharing costs more than it brings: to wake a thread takes some microseconds, in
// which one core does about 10^5 operations and more.
inline constexpr double kParallelFlops = 3e5;

using LoopBody = void (*)(const void* context, std::int64_t item);

// Runs body(context, item) for each item in [0, items) on up to `threads` threads, the calling one among them. The
// first exception thrown by a body is thrown again here, after all claimed items have ended. From inside a body the
// loop runs on the calling thread alone.
void run_loop(std::int64_t items, int threads, LoopBody body, const void* context);

// The number of threads that a loop of so many items and operations should have.
int loop_threads(std::int64_t items, double flops);

// Calls body(item) for each item in [0, items); `flops` is what the whole loop costs, to decide whether sharing pays.
template <class Body>
void parallel_for(std::int64_t items, double flops, const Body& body) {
  const int threads = loop_threads(items, flops);
  if (threads <= 1) {
    for (std::int64_t i = 0; i < items; ++i) body(i);
    return;
  }
  run_loop(
      items, threads, [](const void* context, std::int64_t item) { (*static_cast<const Body*>(context))(item); },
      &body);
}

}  // namespace hubel::detail
