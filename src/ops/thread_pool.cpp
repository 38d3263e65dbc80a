// The threads behind parallel_for; see parallel.hpp for why they are our own.
//
// Items are claimed from both ends: the owner and every second worker from the front, the others from the back. When
// one loop follows another over the same memory, as in training, a thread so comes back to what its core's cache holds.
//
// Loops in progress stand in a list. An idle worker looks there for one that has unclaimed items and wants more
// threads, and claims its first item as it joins; so whoever owns the loop waits only for items that somebody is
// working on. Idle workers poll for a moment, since in training one loop follows another within microseconds, and then
// sleep.
#include <pthread.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "hubel/threads.hpp"
#include "ops/parallel.hpp"

namespace hubel::detail {

namespace {

// How long a finished owner polls before it waits for its helpers asleep: about what putting a thread to sleep and
// waking it costs.
constexpr auto kOwnerPolls = std::chrono::microseconds(50);

// How long an idle worker polls before it sleeps. On a virtual machine a core that sleeps may be given to others, and
// it takes up to a millisecond to get it back (measured: 0.4 to 0.8 ms for a wake-up, against 20 us of a physical
// core). A worker that polls gives way to whoever else wants its core.
constexpr auto kWorkerPolls = std::chrono::milliseconds(2);

thread_local bool t_in_loop = false;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Polls `ready` for at most `time`.
template <class Ready>
bool poll(const Ready& ready, std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (unsigned i = 1;; ++i) {
    if (ready()) return true;
    pause();
    if (i % 64 != 0) continue;  // the clock and the system cost more than a look
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
}

// The CPUs that a loop's threads were last seen on, of the first 64.
//
// Linux may wake a worker on the very CPU of the thread that woke it, beside an idle one, and takes many milliseconds
// to notice: longer than a loop lasts, so that the two threads of every loop share one CPU and the second is worth
// nothing. A worker that finds itself on a taken CPU therefore moves to a free one, within what the process is allowed.
class Places {
 public:
  // Called by each thread as it begins.
  void settle() {
#if defined(__linux__)
    const int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= kMost) return;
    const std::uint64_t others = taken_.fetch_or(bit(cpu), std::memory_order_relaxed);
    if (others & bit(cpu)) move(others);
#endif
  }

 private:
#if defined(__linux__)
  static constexpr int kMost = 64;
  static std::uint64_t bit(int cpu) { return std::uint64_t{1} << cpu; }

  // To be kept off the taken CPUs for a moment is enough: afterwards the thread stays where it is.
  void move(std::uint64_t others) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
    cpu_set_t free = allowed;
    for (int cpu = 0; cpu < kMost; ++cpu) {
      if (others & bit(cpu)) CPU_CLR(static_cast<std::size_t>(cpu), &free);
    }
    if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof(free), &free) != 0) return;
    const int cpu = sched_getcpu();
    if (cpu >= 0 && cpu < kMost) taken_.fetch_or(bit(cpu), std::memory_order_relaxed);
    sched_setaffinity(0, sizeof(allowed), &allowed);
  }

  std::atomic<std::uint64_t> taken_{0};
#endif
};

struct Loop {
  static constexpr std::int64_t kNone = -1;
  static constexpr std::uint64_t kFromBack = std::uint64_t{1} << 32;

  Loop(std::int64_t items_, LoopBody body_, const void* context_, int places_)
      : items(items_), body(body_), context(context_), places(places_) {}

  std::int64_t items;
  LoopBody body;
  const void* context;
  int places;  // further threads that may join; guarded by the pool's mutex
  // Items claimed from the front, and in the upper half from the back. Each claim finds another sum of the two, and
  // those that find less than `items` have an item.
  std::atomic<std::uint64_t> claimed{0};
  int joined = 0;               // workers that have ever helped; guarded by the pool's mutex
  std::atomic<int> helpers{0};  // workers with an item in hand
  std::atomic<bool> failed{false};
  Places cpus;
  std::exception_ptr error;  // written by the first that fails

  // An item, or kNone.
  std::int64_t claim(bool from_back) {
    const std::uint64_t before = claimed.fetch_add(from_back ? kFromBack : 1, std::memory_order_relaxed);
    const auto front = static_cast<std::int64_t>(before % kFromBack),
               back = static_cast<std::int64_t>(before / kFromBack);
    if (front + back >= items) return kNone;
    return from_back ? items - 1 - back : front;
  }

  // Does `item` and then whatever else there is to claim.
  void work(std::int64_t item, bool from_back) {
    t_in_loop = true;
    for (; item != kNone; item = claim(from_back)) {
      if (failed.load(std::memory_order_relaxed)) continue;
      try {
        body(context, item);
      } catch (...) {
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
    t_in_loop = false;
  }
};

class ThreadPool {
 public:
  void run(Loop& loop) {
    loop.cpus.settle();
    add(loop);
    loop.work(loop.claim(false), false);
    remove(loop);
    wait_for_helpers(loop);
    if (loop.error) std::rethrow_exception(loop.error);
  }

 private:
  void add(Loop& loop) {
    int wake = 0;
    {
      const std::lock_guard lock(mutex_);
      while (workers_ < loop.places && start_worker()) {
      }
      loops_.push_back(&loop);
      added_.fetch_add(1, std::memory_order_release);
      wake = std::min(asleep_, loop.places);
    }
    for (; wake > 0; --wake) work_there_.notify_one();
  }

  void remove(Loop& loop) {
    const std::lock_guard lock(mutex_);
    loops_.erase(std::find(loops_.begin(), loops_.end(), &loop));
  }

  // After remove() nobody can join any more.
  void wait_for_helpers(Loop& loop) {
    const auto none = [&] { return loop.helpers.load(std::memory_order_acquire) == 0; };
    if (poll(none, kOwnerPolls)) return;
    std::unique_lock lock(mutex_);
    helper_left_.wait(lock, none);
  }

  // Called with the mutex held. A system that gives no more threads is lived with: the loop has fewer.
  bool start_worker() {
    try {
      std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    ++workers_;
    return true;
  }

  // Called with the mutex held: a loop to help with, joined, and its first item claimed; or null.
  Loop* join(std::int64_t& item, bool& from_back) {
    for (Loop* loop : loops_) {
      if (loop->places == 0) continue;
      from_back = loop->joined % 2 == 0;
      item = loop->claim(from_back);
      if (item == Loop::kNone) continue;
      ++loop->joined;
      --loop->places;
      loop->helpers.fetch_add(1, std::memory_order_relaxed);
      return loop;
    }
    return nullptr;
  }

  // A worker's life.
  void serve() {
    for (;;) {
      std::int64_t item = 0;
      bool from_back = false;
      Loop* loop = next_loop(item, from_back);
      loop->cpus.settle();
      loop->work(item, from_back);
      // Under the mutex, for the loop may be gone as soon as its owner sees the count at 0.
      const std::lock_guard lock(mutex_);
      loop->helpers.fetch_sub(1, std::memory_order_release);
      helper_left_.notify_all();
    }
  }

  // Polls, then sleeps, until there is a loop to help with. Places never come back, so after a look in vain there is
  // nothing new before another loop is added.
  Loop* next_loop(std::int64_t& item, bool& from_back) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (Loop* loop = join(item, from_back)) return loop;
      const std::uint64_t seen = added_.load(std::memory_order_relaxed);
      const auto news = [&] { return added_.load(std::memory_order_acquire) != seen; };
      lock.unlock();
      const bool came = poll(news, kWorkerPolls);
      lock.lock();
      if (came) continue;
      ++asleep_;
      work_there_.wait(lock, news);
      --asleep_;
    }
  }

  std::mutex mutex_;
  std::condition_variable work_there_, helper_left_;
  std::vector<Loop*> loops_;
  std::atomic<std::uint64_t> added_{0};  // loops so far, to be polled without the mutex
  int workers_ = 0, asleep_ = 0;
};

// Never destroyed: workers may outlive main(). After fork() the child has none of the workers, so it starts afresh.
std::atomic<ThreadPool*> g_pool{nullptr};

ThreadPool& pool() {
  if (ThreadPool* existing = g_pool.load(std::memory_order_acquire)) return *existing;
  static std::mutex making;
  const std::lock_guard lock(making);
  if (!g_pool.load(std::memory_order_acquire)) {
    static const int registered = pthread_atfork(nullptr, nullptr, [] { g_pool.store(nullptr); });
    (void)registered;
    g_pool.store(new ThreadPool, std::memory_order_release);
  }
  return *g_pool.load(std::memory_order_acquire);
}

}  // namespace

int loop_threads(std::int64_t items, double flops) {
  if (items <= 1 || flops < kParallelFlops || t_in_loop) return 1;
  // Threads beyond the cores only take turns; a few are allowed, so that a small machine can test what a large one
  // does.
  static const int most = std::max(16, 2 * static_cast<int>(std::thread::hardware_concurrency()));
  return static_cast<int>(std::min<std::int64_t>(std::min(num_threads(), most), items));
}

void run_loop(std::int64_t items, int threads, LoopBody body, const void* context) {
  constexpr std::int64_t kMostItems = std::int64_t{1} << 30;  // that a loop's counts have room for
  if (items <= kMostItems) {
    Loop loop{items, body, context, threads - 1};
    return pool().run(loop);
  }
  for (std::int64_t first = 0; first < items; first += kMostItems) {
    const struct {
      LoopBody body;
      const void* context;
      std::int64_t first;
    } part{body, context, first};
    run_loop(
        std::min(kMostItems, items - first), threads,
        [](const void* of, std::int64_t item) {
          const auto& p = *static_cast<const decltype(part)*>(of);
          p.body(p.context, p.first + item);
        },
        &part);
  }
}

}  // namespace hubel::detail
