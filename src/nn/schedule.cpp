// Learning-rate schedules.
#include "hubel/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "ops/named.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::string_view kNames[] = {"constant",   "linear",      "cosine",     "one_cycle", "step",
                                       "milestones", "exponential", "polynomial", "triangular"};
static_assert(std::size(kNames) == std::variant_size_v<Schedule::Kind>);

// ---- Checks ----------------------------------------------------------------------------------------------------

void check(bool holds, std::string_view schedule, std::string_view option, double value, std::string_view wanted) {
  if (holds) return;
  throw std::invalid_argument(detail::formatted("{}: {} = {}, it must be {}", schedule, option, value, wanted));
}

// What of these a schedule has.
template <class Kind>
void check_common(std::string_view name, const Kind& kind) {
  const auto positive = [name](std::string_view option, double value) {
    check(std::isfinite(value) && value > 0, name, option, value, "finite and above 0");
  };
  if constexpr (requires { kind.gamma; }) positive("gamma", kind.gamma);
  if constexpr (requires { kind.growth; }) positive("growth", kind.growth);
  if constexpr (requires { kind.power; }) positive("power", kind.power);
  if constexpr (requires { kind.end; }) check(kind.end >= 0 && kind.end <= 1, name, "end", kind.end, "in [0, 1]");
  if constexpr (requires { kind.low; }) check(kind.low >= 0 && kind.low <= 1, name, "low", kind.low, "in [0, 1]");
  if constexpr (requires { kind.cycles; })
    check(kind.cycles >= 1, name, "cycles", static_cast<double>(kind.cycles), "at least 1");
  if constexpr (requires { kind.restarts; })
    check(kind.restarts >= 0, name, "restarts", static_cast<double>(kind.restarts), "at least 0");
  if constexpr (requires { kind.every; })
    check(kind.every >= 1, name, "every", static_cast<double>(kind.every), "at least 1");
  if constexpr (requires { kind.milestones; }) {
    std::int64_t least = 0;
    for (const std::int64_t milestone : kind.milestones) {
      check(milestone >= least, name, "milestones", static_cast<double>(milestone), "after the one before");
      least = milestone + 1;
    }
  }
}

// ---- The factors -----------------------------------------------------------------------------------------------

// Where a step lies: the share t of the way after the warm-up, and the epochs since the beginning.
struct Place {
  double t, epochs;
};

// From `from` at t = 0 to `to` at t = 1 along half a cosine.
double anneal(double from, double to, double t) { return to + (from - to) * (1 + std::cos(std::numbers::pi * t)) / 2; }

double at(const ConstantSchedule&, const Place&) { return 1; }
double at(const LinearSchedule& s, const Place& place) { return s.end + (1 - s.end) * (1 - place.t); }

// The cycles' lengths are 1, growth, growth^2, ... of the first's, and all of them together are the way.
double at(const CosineSchedule& s, const Place& place) {
  double all = 0, length = 1;
  for (std::int64_t cycle = 0; cycle <= s.restarts; ++cycle, length *= s.growth) all += length;
  double left = place.t * all;
  length = 1;
  for (std::int64_t cycle = 0; cycle < s.restarts && left >= length; ++cycle, length *= s.growth) left -= length;
  return anneal(1, s.end, std::min(left / length, 1.0));
}

// Smith and Topin leave the shares open; these are the ones in common use since fast.ai's course of 2018.
double at(const OneCycleSchedule&, const Place& place) {
  constexpr double kRise = 0.3, kStart = 1.0 / 25, kEnd = 1e-4;
  const double t = place.t;
  return t < kRise ? anneal(kStart, 1, t / kRise) : anneal(1, kEnd, (t - kRise) / (1 - kRise));
}

double at(const StepSchedule& s, const Place& place) {
  return std::pow(s.gamma, std::floor(place.epochs / static_cast<double>(s.every)));
}
double at(const MilestoneSchedule& s, const Place& place) {
  const auto passed = std::count_if(s.milestones.begin(), s.milestones.end(),
                                    [&](std::int64_t epoch) { return static_cast<double>(epoch) <= place.epochs; });
  return std::pow(s.gamma, static_cast<double>(passed));
}
double at(const ExponentialSchedule& s, const Place& place) { return std::pow(s.gamma, place.epochs); }
double at(const PolynomialSchedule& s, const Place& place) {
  return s.end + (1 - s.end) * std::pow(1 - place.t, s.power);
}

double at(const TriangularSchedule& s, const Place& place) {
  const double way = place.t * static_cast<double>(s.cycles);
  const double cycle = std::min(std::floor(way), static_cast<double>(s.cycles - 1));
  const double height = 1 - std::abs(2 * (way - cycle) - 1);
  return s.low + (1 - s.low) * std::pow(s.gamma, cycle) * height;
}

bool counts_epochs(const Schedule::Kind& kind) {
  return std::holds_alternative<StepSchedule>(kind) || std::holds_alternative<MilestoneSchedule>(kind) ||
         std::holds_alternative<ExponentialSchedule>(kind);
}

}  // namespace

void Schedule::check() const {
  std::visit([this](const auto& kind) { check_common(schedule_name(*this), kind); }, kind_);
}

std::string_view schedule_name(const Schedule& schedule) { return kNames[schedule.kind().index()]; }

Schedule schedule_from_name(std::string_view name, std::string_view who) {
  const detail::Named<Schedule> schedules[] = {
      {kNames[0], ConstantSchedule{}},    {kNames[1], LinearSchedule{}},     {kNames[2], CosineSchedule{}},
      {kNames[3], OneCycleSchedule{}},    {kNames[4], StepSchedule{}},       {kNames[5], MilestoneSchedule{}},
      {kNames[6], ExponentialSchedule{}}, {kNames[7], PolynomialSchedule{}}, {kNames[8], TriangularSchedule{}}};
  return detail::value_of(schedules, name, who, "schedule");
}

double schedule_factor(const Schedule& schedule, std::int64_t step, const TrainingLength& length) {
  if (length.epoch_steps < 1 && counts_epochs(schedule.kind())) {
    throw std::invalid_argument(
        detail::formatted("schedule_factor: {} counts epochs, but the steps of an epoch (epoch_steps) are {}",
                          schedule_name(schedule), length.epoch_steps));
  }
  const auto factor = [&](std::int64_t at_step) {
    const auto rest = static_cast<double>(std::max<std::int64_t>(length.steps - length.warmup_steps, 1));
    const double t = std::clamp(static_cast<double>(at_step - length.warmup_steps) / rest, 0.0, 1.0);
    const double epochs =
        static_cast<double>(at_step) / static_cast<double>(std::max<std::int64_t>(length.epoch_steps, 1));
    return std::visit([&](const auto& kind) { return at(kind, {t, epochs}); }, schedule.kind());
  };
  if (step >= length.warmup_steps) return factor(step);
  return factor(length.warmup_steps) * static_cast<double>(step + 1) / static_cast<double>(length.warmup_steps + 1);
}

double schedule_factor(const Schedule& schedule, std::int64_t step, std::int64_t steps, double warmup) {
  return schedule_factor(schedule, step,
                         {steps, static_cast<std::int64_t>(std::llround(warmup * static_cast<double>(steps))), 0});
}

}  // namespace hubel
