// The number of threads, and the one place that starts parallel work: see parallel.hpp.
#include "hubel/threads.hpp"

#include <omp.h>

#include <atomic>
#include <stdexcept>
#include <string>

namespace hubel {

namespace {
std::atomic<int> g_threads{0};  // 0: OpenMP's own default
}

int num_threads() {
  const int set = g_threads.load(std::memory_order_relaxed);
  return set > 0 ? set : omp_get_max_threads();
}

void set_num_threads(int n) {
  if (n < 0) throw std::invalid_argument("set_num_threads: n = " + std::to_string(n) + ", it must be at least 0");
  g_threads.store(n, std::memory_order_relaxed);
}

}  // namespace hubel
