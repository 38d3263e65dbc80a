// See machine_memory.hpp.
#include "nn/machine_memory.hpp"

#include <unistd.h>

#include <limits>
#include <stdexcept>

#include "text/formatted.hpp"

namespace hubel::detail {

double machine_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(pages) * static_cast<double>(page);
}

void check_memory(double bytes) {
  const double there = machine_memory();
  if (bytes <= there) return;
  constexpr double kGiB = 1 << 30;
  throw std::runtime_error(formatted(
      "Execution: the network's activations take {:.1f} GiB for a batch of this size, but the machine has {:.1f} "
      "GiB of memory; a smaller batch or smaller inputs take less",
      bytes / kGiB, there / kGiB));
}

}  // namespace hubel::detail
