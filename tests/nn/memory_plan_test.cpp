// The plan of memory: blocks of one time never overlap, and those of different times share.
#include "nn/memory_plan.hpp"

#include <gtest/gtest.h>

#include <new>

#include "testing.hpp"

namespace hubel::test {
namespace {

using detail::MemoryPlan;

TEST(MemoryPlanTest, BlocksOfDifferentTimesShare) {
  MemoryPlan plan;
  const auto a = plan.add(100, 0, 1), b = plan.add(60, 2, 3), c = plan.add(40, 2, 2);
  EXPECT_EQ(plan.arrange(1), 100);
  EXPECT_EQ(plan.place(a), 0);
  EXPECT_EQ(plan.place(b), 0);
  EXPECT_EQ(plan.place(c), 60);
}

TEST(MemoryPlanTest, ABlockFitsBetweenOthers) {
  MemoryPlan plan;
  plan.add(100, 0, 2);
  const auto b = plan.add(50, 0, 0), c = plan.add(40, 0, 2), d = plan.add(30, 1, 1);
  EXPECT_EQ(plan.arrange(1), 190);
  EXPECT_EQ(plan.place(b), 100);
  EXPECT_EQ(plan.place(c), 150);
  EXPECT_EQ(plan.place(d), 100);
}

TEST(MemoryPlanTest, ExtendingKeepsApart) {
  MemoryPlan plan;
  const auto a = plan.add(8, 0, 0);
  plan.add(8, 3, 3);
  plan.extend(a, 5);
  EXPECT_EQ(plan.arrange(1), 16);
}

TEST(MemoryPlanTest, RandomPlansNeverOverlap) {
  Noise noise(1);
  for (int round = 0; round < 200; ++round) {
    struct Use {
      std::int64_t size, first, last;
      MemoryPlan::Block block;
    };
    MemoryPlan plan;
    std::vector<Use> uses;
    const std::int64_t n = noise.integer(0, 30);
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t first = noise.integer(0, 20), last = first + noise.integer(0, 8), size = noise.integer(0, 50);
      uses.push_back({size, first, last, plan.add(size, first, last)});
    }
    const std::int64_t total = plan.arrange(16);
    for (const Use& a : uses) {
      EXPECT_EQ(plan.place(a.block) % 16, 0);
      EXPECT_LE(plan.place(a.block) + a.size, total);
      for (const Use& b : uses) {
        if (a.block == b.block || a.last < b.first || b.last < a.first || a.size == 0 || b.size == 0) continue;
        const std::int64_t at_a = plan.place(a.block), at_b = plan.place(b.block);
        EXPECT_TRUE(at_a + a.size <= at_b || at_b + b.size <= at_a) << "round " << round;
      }
    }
  }
}

TEST(MemoryPlanTest, TooMuchIsRefused) {
  MemoryPlan plan;
  plan.add(std::int64_t{1} << 61, 0, 0);
  plan.add(std::int64_t{1} << 61, 0, 0);
  plan.add(std::int64_t{1} << 61, 0, 0);
  EXPECT_THROW(plan.arrange(16), std::bad_alloc);
}

}  // namespace
}  // namespace hubel::test
