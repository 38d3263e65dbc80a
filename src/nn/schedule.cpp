// Learning-rate schedules.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "hubel/trainer.hpp"
#include "nn/named.hpp"

namespace hubel {

namespace {

constexpr detail::Named<Schedule> kNames[] = {
    {"constant", Schedule::constant},
    {"linear", Schedule::linear},
    {"cosine", Schedule::cosine},
    {"one_cycle", Schedule::one_cycle},
};

// From `from` at t = 0 to `to` at t = 1 along half a cosine.
double anneal(double from, double to, double t) { return to + (from - to) * (1 + std::cos(std::numbers::pi * t)) / 2; }

// Smith and Topin leave the shares open; these are the ones in common use since fast.ai's course of 2018.
double one_cycle(double t) {
  constexpr double kRise = 0.3, kStart = 1.0 / 25, kEnd = 1e-4;
  return t < kRise ? anneal(kStart, 1, t / kRise) : anneal(1, kEnd, (t - kRise) / (1 - kRise));
}

// At the share t of the way.
double at(Schedule schedule, double t) {
  switch (schedule) {
    case Schedule::constant:
      return 1;
    case Schedule::linear:
      return 1 - t;
    case Schedule::cosine:
      return anneal(1, 0, t);
    case Schedule::one_cycle:
      return one_cycle(t);
  }
  throw std::invalid_argument("schedule_factor: not a schedule");
}

}  // namespace

std::string_view schedule_name(Schedule schedule) { return detail::name_of(kNames, schedule); }

Schedule schedule_from_name(std::string_view name, std::string_view who) {
  return detail::value_of(kNames, name, who, "schedule");
}

double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t steps, double warmup) {
  const auto rise = static_cast<std::int64_t>(std::llround(warmup * static_cast<double>(steps)));
  if (step < rise) return at(schedule, 0) * static_cast<double>(step + 1) / static_cast<double>(rise + 1);
  const auto rest = static_cast<double>(std::max<std::int64_t>(steps - rise, 1));
  return at(schedule, std::clamp(static_cast<double>(step - rise) / rest, 0.0, 1.0));
}

}  // namespace hubel
