// Learning-rate schedules, by their formulas.
#include "hubel/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

TEST(Schedule, Factors) {
  for (const std::int64_t step : {0, 500, 999}) EXPECT_EQ(schedule_factor(Schedule::constant, step, 1000), 1);
  EXPECT_EQ(schedule_factor(Schedule::linear, 0, 1000), 1);
  EXPECT_NEAR(schedule_factor(Schedule::linear, 250, 1000), 0.75, 1e-15);
  EXPECT_NEAR(schedule_factor(Schedule::linear, 1000, 1000), 0, 1e-15);
  for (const double t : {0.0, 0.2, 0.5, 0.9})
    EXPECT_NEAR(schedule_factor(Schedule::cosine, static_cast<std::int64_t>(1000 * t), 1000),
                (1 + std::cos(std::numbers::pi * t)) / 2, 1e-15);
  EXPECT_NEAR(schedule_factor(Schedule::one_cycle, 0, 1000), 1.0 / 25, 1e-15);
  EXPECT_NEAR(schedule_factor(Schedule::one_cycle, 150, 1000), (1 + 1.0 / 25) / 2, 1e-12);
  EXPECT_NEAR(schedule_factor(Schedule::one_cycle, 300, 1000), 1, 1e-15);
  EXPECT_NEAR(schedule_factor(Schedule::one_cycle, 650, 1000), (1 + 1e-4) / 2, 1e-12);
  EXPECT_NEAR(schedule_factor(Schedule::one_cycle, 1000, 1000), 1e-4, 1e-15);
}

TEST(Schedule, Warmup) {
  const auto factors = [](Schedule schedule, std::int64_t steps, double warmup) {
    std::vector<double> all;
    for (std::int64_t step = 0; step <= steps; ++step) all.push_back(schedule_factor(schedule, step, steps, warmup));
    return all;
  };
  const auto expect = [](const std::vector<double>& got, const std::vector<double>& wanted) {
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-15) << i;
  };
  expect(factors(Schedule::constant, 6, 0.5), {0.25, 0.5, 0.75, 1, 1, 1, 1});
  expect(factors(Schedule::linear, 7, 3.0 / 7), {0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0});
  expect(factors(Schedule::one_cycle, 4, 0.25),
         {0.02, 0.04, schedule_factor(Schedule::one_cycle, 1, 3), schedule_factor(Schedule::one_cycle, 2, 3), 1e-4});
  for (const Schedule& schedule : {Schedule::linear, Schedule::cosine, Schedule::one_cycle})
    EXPECT_EQ(factors(schedule, 9, 0.05), factors(schedule, 9, 0));  // less than half a step
  expect(factors(Schedule::linear, 1, 0.9), {0.5, 1});
}

TEST(Schedule, WarmupInSteps) {
  const TrainingLength length{.steps = 10, .warmup_steps = 4};
  for (std::int64_t step = 0; step < 10; ++step)
    EXPECT_EQ(schedule_factor(Schedule::linear, step, length), schedule_factor(Schedule::linear, step, 10, 0.4));
  EXPECT_EQ(schedule_factor(Schedule::linear, 3, length), 0.8);
}

TEST(Schedule, LinearAndPolynomial) {
  EXPECT_NEAR(schedule_factor(LinearSchedule{.end = 0.2}, 50, 100), 0.6, 1e-15);
  EXPECT_NEAR(schedule_factor(PolynomialSchedule{}, 30, 100), 0.7, 1e-15);
  EXPECT_NEAR(schedule_factor(PolynomialSchedule{.power = 0.9, .end = 0.1}, 30, 100), 0.1 + 0.9 * std::pow(0.7, 0.9),
              1e-15);
  EXPECT_EQ(schedule_factor(PolynomialSchedule{.power = 2}, 100, 100), 0);
}

// Cycles of 10, 20 and 40 steps.
TEST(Schedule, CosineWithRestarts) {
  const CosineSchedule cosine{.restarts = 2, .growth = 2, .end = 0.1};
  const auto wanted = [](double t) { return 0.1 + 0.9 * (1 + std::cos(std::numbers::pi * t)) / 2; };
  for (std::int64_t step = 0; step < 70; ++step) {
    const std::int64_t start = step < 10 ? 0 : step < 30 ? 10 : 30, length = step < 10 ? 10 : step < 30 ? 20 : 40;
    EXPECT_NEAR(schedule_factor(cosine, step, 70),
                wanted(static_cast<double>(step - start) / static_cast<double>(length)), 1e-14)
        << step;
  }
  EXPECT_NEAR(schedule_factor(cosine, 70, 70), 0.1, 1e-15);
}

TEST(Schedule, Epochs) {
  const TrainingLength length{.steps = 700, .epoch_steps = 7};
  const StepSchedule every{.every = 3, .gamma = 0.5};
  const MilestoneSchedule milestones{.milestones = {2, 5}, .gamma = 0.1};
  for (std::int64_t step = 0; step < 100; ++step) {
    const std::int64_t epoch = step / 7;
    EXPECT_EQ(schedule_factor(every, step, length), std::pow(0.5, static_cast<double>(epoch / 3))) << step;
    EXPECT_EQ(schedule_factor(milestones, step, length), std::pow(0.1, epoch < 2 ? 0 : epoch < 5 ? 1 : 2)) << step;
    EXPECT_NEAR(schedule_factor(ExponentialSchedule{.gamma = 0.9}, step, length),
                std::pow(0.9, static_cast<double>(step) / 7), 1e-15);
  }
  EXPECT_EQ(schedule_factor(MilestoneSchedule{}, 50, length), 1);
  // The warm-up counts.
  EXPECT_EQ(schedule_factor(every, 21, {.steps = 700, .warmup_steps = 14, .epoch_steps = 7}), 0.5);
}

// Straight lines through the corners of the triangles.
TEST(Schedule, Triangles) {
  const Schedule triangles = TriangularSchedule{.cycles = 4, .low = 0.2, .gamma = 0.5};
  double peak = 1;
  for (std::int64_t cycle = 0; cycle < 4; ++cycle, peak = 0.2 + (peak - 0.2) / 2)
    for (std::int64_t step = 0; step < 50; ++step) {
      const double up = static_cast<double>(step < 25 ? step : 50 - step) / 25;
      EXPECT_NEAR(schedule_factor(triangles, 50 * cycle + step, 200), 0.2 + (peak - 0.2) * up, 1e-12) << step;
    }
  EXPECT_NEAR(schedule_factor(triangles, 200, 200), 0.2, 1e-15);
  const Schedule plain = TriangularSchedule{};
  for (const std::int64_t step : {0, 200, 400, 600}) EXPECT_NEAR(schedule_factor(plain, step, 600), 0.25, 1e-12);
  for (const std::int64_t step : {100, 300, 500}) EXPECT_NEAR(schedule_factor(plain, step, 600), 1, 1e-12);
  // The warm-up leads to the first `low`.
  EXPECT_NEAR(schedule_factor(plain, 0, {.steps = 609, .warmup_steps = 9}), 0.025, 1e-12);
  EXPECT_NEAR(schedule_factor(plain, 109, {.steps = 609, .warmup_steps = 9}), 1, 1e-12);
}

TEST(Schedule, Names) {
  for (const char* name :
       {"constant", "linear", "cosine", "one_cycle", "step", "milestones", "exponential", "polynomial", "triangular"})
    EXPECT_EQ(schedule_name(schedule_from_name(name)), name);
  EXPECT_EQ(schedule_name(Schedule()), "constant");
  const auto factor = [](const char* text, std::int64_t step) {
    return schedule_factor(schedule_from_text(text), step, {.steps = 100, .epoch_steps = 10});
  };
  EXPECT_EQ(factor("step:every=2,gamma=0.5", 45), 0.25);
  EXPECT_EQ(factor("milestones:at=1/3,gamma=0.5", 45), 0.25);
  EXPECT_EQ(factor("polynomial:power=2,end=0.5", 50), 0.625);
  EXPECT_EQ(factor("linear", 50), 0.5);
  EXPECT_EQ(factor("triangular:cycles=2,low=0.5,gamma=0.5", 75), 0.75);
  for (const auto& [wrong, word] : {std::pair("step:every=0", "every"),
                                    {"linear:every=2", "every"},
                                    {"milestones", "30/60"},
                                    {"milestones:at=3/1", "milestones"},
                                    {"step:every=x", "x"},
                                    {"step:", "no option"},
                                    {"step:every=1.5", "1.5"},
                                    {"triangular:cycles=0", "cycles = 0"},
                                    {"triangular:cycles=1.5", "triangular: cycles must be a whole number"},
                                    {"triangular:cycles=2e9", "cycles must be a whole number of at most"},
                                    {"triangular:low=nan", "triangular: low must be a finite number, got 'nan'"},
                                    {"milestones:at=1/x", "at must be a finite number, got 'x'"},
                                    {"triangular:cycles=2,low=0,cycles=2", "triangular: cycles is given twice"},
                                    {"linear:", "linear has no option ''"},
                                    {"cosine:cycles=2", "cycles"},
                                    {"magic:a=1", "magic"}})
    EXPECT_TRUE(refuses([wrong = wrong] { schedule_from_text(wrong, "here"); }, "here", {word})) << wrong;
  EXPECT_TRUE(refuses([] { schedule_from_name("steps"); }, "schedule",
                      {"\"steps\"", "constant, linear, cosine, one_cycle, step"}));
}

TEST(Schedule, RefusesWrongOptions) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses([] { Schedule s(StepSchedule{.every = 0}); }, "step", {"every = 0", "at least 1"}));
  EXPECT_TRUE(refuses([] { Schedule s(StepSchedule{.gamma = 0}); }, "step", {"gamma = 0", "above 0"}));
  EXPECT_TRUE(refuses([&] { Schedule s(ExponentialSchedule{.gamma = nan}); }, "exponential", {"gamma = nan"}));
  EXPECT_TRUE(refuses([] { Schedule s(CosineSchedule{.restarts = -1}); }, "cosine", {"restarts = -1"}));
  EXPECT_TRUE(refuses([] { Schedule s(CosineSchedule{.growth = 0}); }, "cosine", {"growth = 0"}));
  EXPECT_TRUE(refuses([] { Schedule s(TriangularSchedule{.low = -1}); }, "triangular", {"low = -1", "[0, 1]"}));
  EXPECT_TRUE(refuses([] { Schedule s(LinearSchedule{.end = 2}); }, "linear", {"end = 2", "[0, 1]"}));
  EXPECT_TRUE(refuses([] { Schedule s(PolynomialSchedule{.power = -1}); }, "polynomial", {"power = -1"}));
  EXPECT_TRUE(refuses([] { Schedule s(MilestoneSchedule{.milestones = {3, 3}}); }, "milestones", {"milestones = 3"}));
  for (const Schedule& schedule :
       {Schedule(StepSchedule{}), Schedule(MilestoneSchedule{}), Schedule(ExponentialSchedule{})})
    EXPECT_TRUE(refuses([&] { schedule_factor(schedule, 1, 10); }, "schedule_factor", {"epoch_steps", "are 0"}));
}

}  // namespace
}  // namespace hubel::test
