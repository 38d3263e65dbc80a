// How many threads Hubel computes with. Results do not depend on it: work is cut by the problem, and partial sums are
// added in a fixed order.
#pragma once

namespace hubel {

// The number of threads the calling thread's operations use: as set, else OMP_NUM_THREADS, else the number of cores
// this process may run on.
int num_threads();
// The most that may be asked for; more would only cost memory for their stacks.
inline constexpr int kMaxThreads = 1024;
// n from 1 to kMaxThreads sets it, 0 returns to the default; another throws std::invalid_argument. More than twice the
// cores (or 16) are never used at a time.
void set_num_threads(int n);

}  // namespace hubel
