// The setting of the number of threads. That results do not depend on it is tested with each operation.
#include "hubel/threads.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "testing.hpp"

namespace hubel::test {
namespace {

TEST(ThreadsTest, SetAndBackToTheDefault) {
  const int usual = num_threads();
  EXPECT_GE(usual, 1);
  set_num_threads(3);
  EXPECT_EQ(num_threads(), 3);
  set_num_threads(1);
  EXPECT_EQ(num_threads(), 1);
  set_num_threads(0);
  EXPECT_EQ(num_threads(), usual);
}

TEST(ThreadsTest, RefusesNegativeNumbers) {
  EXPECT_TRUE(refuses([] { set_num_threads(-1); }, "set_num_threads", {"-1"}));
  EXPECT_THROW(set_num_threads(std::numeric_limits<int>::min()), std::invalid_argument);
}

}  // namespace
}  // namespace hubel::test
