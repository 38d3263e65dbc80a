// See interrupt.hpp.
#include "cli/interrupt.hpp"

#include <atomic>
#include <csignal>

namespace hubel::cli {

namespace {

std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch lock-free atomics only");

extern "C" void on_signal(int signal) {
  g_signal.store(signal);
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A lost connection; who has it ignored (nohup) wants the work to go on.
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

bool interrupted() { return g_signal.load() != 0; }

int interrupted_code() { return 128 + g_signal.load(); }

}  // namespace hubel::cli
