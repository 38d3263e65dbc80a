// Tests on every instruction set that is compiled in and that this machine has: by itself only the best one runs.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>

namespace hubel::test {

// Calls check() with each, from the best down to the baseline.
template <class Check>
void on_every_instruction_set(const Check& check) {
  std::int64_t without = 0;
  // Each round leaves out the best set of the last; the baseline cannot be left out.
  for (std::int64_t last = 0;;) {
    const std::int64_t supported = hwy::SupportedTargets(), best = supported & -supported;
    if (best == last) break;
    SCOPED_TRACE(hwy::TargetName(best));
    check();
    last = best;
    without |= best;
    hwy::DisableTargets(without);
  }
  hwy::DisableTargets(0);
}

}  // namespace hubel::test
