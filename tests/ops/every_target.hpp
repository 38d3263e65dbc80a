// Running a test with every instruction set.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>

namespace hubel::test {

// Calls body() with every instruction set that is compiled in and that this machine has, from the best down to the
// baseline, which cannot be left out.
template <class Body>
void with_every_target(Body body) {
  struct Restore {
    ~Restore() { hwy::DisableTargets(0); }
  } restore;
  std::int64_t without = 0;
  for (std::int64_t last = 0;;) {
    const std::int64_t supported = hwy::SupportedTargets(),
                       best = supported & -supported;  // the lowest bit is the best
    if (best == last) return;
    SCOPED_TRACE(hwy::TargetName(best));
    body();
    last = best;
    without |= best;
    hwy::DisableTargets(without);
  }
}

}  // namespace hubel::test
