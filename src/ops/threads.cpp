// The number of threads; who they are is in thread_pool.cpp.
#include "hubel/threads.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace hubel {

namespace {

std::atomic<int> g_threads{0};  // 0: the default

// OMP_NUM_THREADS is what users of numerical programs set; its first number counts. Something else is ignored, as
// OpenMP ignores it.
int threads_from_environment() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (!text) return 0;
  const std::string_view view = text;
  int n = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), n);
  return error == std::errc() && n >= 1 && n <= kMaxThreads ? n : 0;
}

int default_threads() {
  static const int threads = [] {
    const int wanted = threads_from_environment();
    return wanted > 0 ? wanted : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  }();
  return threads;
}

}  // namespace

int num_threads() {
  const int set = g_threads.load(std::memory_order_relaxed);
  return set > 0 ? set : default_threads();
}

void set_num_threads(int n) {
  if (n < 0 || n > kMaxThreads) {
    throw std::invalid_argument("set_num_threads: n = " + std::to_string(n) + ", it must be from 0 to " +
                                std::to_string(kMaxThreads));
  }
  g_threads.store(n, std::memory_order_relaxed);
}

}  // namespace hubel
