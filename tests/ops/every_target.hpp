// Running a test with every instruction set.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>
#include <string>

#include "simd/machine.hpp"

namespace hubel::test {

// Calls body() with every instruction set that is compiled in and that this machine has, from the best down to the
// baseline.
template <class Body>
void with_every_target(Body body) {
  struct Restore {
    ~Restore() { hwy::SetSupportedTargetsForTest(0); }
  } restore;
  std::string tested;
  // Each round leaves out the best of the last, which is the lowest bit.
  for (std::int64_t targets = hwy::SupportedTargets(); targets != 0; targets &= targets - 1) {
    hwy::SetSupportedTargetsForTest(targets);
    const std::string chosen = simd::instruction_set();
    if (chosen == tested) continue;  // the best of these is not compiled in
    SCOPED_TRACE(chosen);
    body();
    tested = chosen;
  }
  EXPECT_NE(tested, "");
}

}  // namespace hubel::test
