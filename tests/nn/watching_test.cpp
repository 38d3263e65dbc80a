// Rules that go by a value watched from epoch to epoch: lowering the learning rate, and stopping.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "hubel/early_stopping.hpp"
#include "hubel/plateau.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The epoch, from 1, at whose end a training with these values stops; 0 if it goes on.
std::int64_t stops_at(const EarlyStoppingOptions& options, const std::vector<double>& values) {
  EarlyStopping stopping(options);
  for (const double value : values)
    if (stopping.update(value)) return stopping.epochs();
  return 0;
}

TEST(EarlyStopping, Patience) {
  EXPECT_EQ(stops_at({}, {1, 0.9, 0.9}), 3);
  EXPECT_EQ(stops_at({.patience = 1}, {1, 0.9, 0.9}), 3);  // as Keras has it
  EXPECT_EQ(stops_at({.patience = 2}, {1, 2, 0.5, 1, 0.4, 0.4, 0.4}), 7);
  EXPECT_EQ(stops_at({.patience = 3}, {1, 2, 2, 0.5, 1, 1}), 0);
  EXPECT_EQ(stops_at({.patience = 2, .goal = Goal::maximum}, {0.5, 0.6, 0.6, 0.55}), 4);
}

TEST(EarlyStopping, SmallChangesAreNoImprovement) {
  EXPECT_EQ(stops_at({.min_delta = 0.1, .patience = 2}, {1, 0.95, 0.91}), 3);
  EXPECT_EQ(stops_at({.min_delta = 0.1, .patience = 2}, {1, 0.95, 0.85, 0.8}), 0);
  EXPECT_EQ(stops_at({.min_delta = 0.25, .patience = 1, .goal = Goal::maximum}, {0, 0.5, 0.75}), 3);
}

TEST(EarlyStopping, KeepsTheBest) {
  EarlyStopping stopping({.patience = 5});
  EXPECT_EQ(stopping.best_epoch(), 0);
  for (const double value : {3.0, 1.0, kNan, 2.0}) stopping.update(value);
  EXPECT_EQ(stopping.best(), 1);
  EXPECT_EQ(stopping.best_epoch(), 2);
  EXPECT_EQ(stopping.epochs(), 4);
  EXPECT_EQ(stops_at({}, {kNan, kNan}), 2);  // not at the end of the first epoch, whatever it brings
}

TEST(EarlyStopping, RefusesWrongOptions) {
  EXPECT_TRUE(refuses([] { EarlyStopping s({.min_delta = -1}); }, "EarlyStopping", {"min_delta = -1"}));
  EXPECT_TRUE(refuses([] { EarlyStopping s({.patience = -1}); }, "EarlyStopping", {"patience = -1"}));
}

std::vector<double> rates(const PlateauOptions& options, const std::vector<double>& values) {
  ReduceOnPlateau plateau(1, options);
  std::vector<double> result;
  for (const double value : values) result.push_back(plateau.update(value));
  return result;
}

TEST(ReduceOnPlateau, Patience) {
  using Rates = std::vector<double>;
  EXPECT_EQ(rates({.factor = 0.5, .patience = 1}, {3, 2, 2, 2, 2, 2}), (Rates{1, 1, 1, 0.5, 0.5, 0.25}));
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0}, {3, 2, 2, 1, 1}), (Rates{1, 1, 0.5, 0.5, 0.25}));
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0, .goal = Goal::maximum}, {1, 2, 2, 3}), (Rates{1, 1, 0.5, 0.5}));
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0}, {kNan, 1, kNan}), (Rates{0.5, 0.5, 0.25}));
}

TEST(ReduceOnPlateau, CooldownAndLeast) {
  using Rates = std::vector<double>;
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0, .cooldown = 2}, {1, 1, 1, 1, 1, 1}),
            (Rates{1, 0.5, 0.5, 0.5, 0.25, 0.25}));
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0, .min_lr = 0.4}, {1, 1, 1, 1}), (Rates{1, 0.5, 0.4, 0.4}));
  ReduceOnPlateau small(1e-8, {.patience = 0});
  for (const double value : {1.0, 1.0, 1.0}) small.update(value);
  EXPECT_EQ(small.learning_rate(), 1e-8);  // a change by less than 1e-8 is none
}

TEST(ReduceOnPlateau, SmallChangesAreNoImprovement) {
  using Rates = std::vector<double>;
  const std::vector<double> values = {10, 9.5, 8.5};
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0, .min_delta = 0.1}, values), (Rates{1, 0.5, 0.5}));
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0, .min_delta = 0.1, .relative = false}, values), (Rates{1, 1, 1}));
  EXPECT_EQ(rates({.factor = 0.5, .patience = 0, .min_delta = 0.1, .goal = Goal::maximum}, {10, 10.9, 11.1}),
            (Rates{1, 0.5, 0.5}));
}

TEST(ReduceOnPlateau, RefusesWrongOptions) {
  const std::string_view who = "ReduceOnPlateau";
  EXPECT_TRUE(refuses([] { ReduceOnPlateau p(kNan); }, who, {"learning_rate = nan"}));
  EXPECT_TRUE(refuses([] { ReduceOnPlateau p(1, {.factor = 1}); }, who, {"factor = 1", "(0, 1)"}));
  EXPECT_TRUE(refuses([] { ReduceOnPlateau p(1, {.patience = -1}); }, who, {"patience = -1"}));
  EXPECT_TRUE(refuses([] { ReduceOnPlateau p(1, {.min_delta = -1}); }, who, {"min_delta = -1"}));
  EXPECT_TRUE(refuses([] { ReduceOnPlateau p(1, {.cooldown = -1}); }, who, {"cooldown = -1"}));
  EXPECT_TRUE(refuses([] { ReduceOnPlateau p(1, {.min_lr = -1}); }, who, {"min_lr = -1"}));
}

}  // namespace
}  // namespace hubel::test
