// How the learning rate goes over the whole of training, as a factor of the optimiser's.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hubel {

// In the formulas t goes from 0 to 1 over the steps after the warm-up. Where epochs are counted, they are counted from
// the beginning, warm-up and all.

struct ConstantSchedule {};  // 1

struct LinearSchedule {  // from 1 down to `end`
  double end = 0;
};

// (1 - end) (1 + cos(pi t)) / 2 + end; with restarts this again and again, each time `growth` times as long as the
// last. (Loshchilov & Hutter 2017.)
struct CosineSchedule {
  std::int64_t restarts = 0;
  double growth = 1;
  double end = 0;
};

// Up from 1/25 to 1 by the cosine over the first 30 %, then down by it to 1/10000. (Smith & Topin 2018.)
struct OneCycleSchedule {};

struct StepSchedule {  // gamma^k after k times `every` epochs
  std::int64_t every = 30;
  double gamma = 0.1;
};

struct MilestoneSchedule {  // gamma^k after k of the milestones, which are numbers of epochs, ascending
  std::vector<std::int64_t> milestones = {};
  double gamma = 0.1;
};

struct ExponentialSchedule {  // gamma^epochs, falling within each epoch too
  double gamma = 0.95;
};

struct PolynomialSchedule {  // (1 - end) (1 - t)^power + end
  double power = 1;
  double end = 0;
};

// From `low` up to 1 and down again in straight lines, so often as there are cycles, all of one length: a cyclic
// learning rate (Smith 2017, who advises a `low` of 1/4 to 1/3, three cycles or more, and to end where one ends). Cycle
// k = 0, 1,
// ... rises by gamma^k of the way to 1: Smith's "triangular" with 1, "triangular2" with 0.5.
struct TriangularSchedule {
  std::int64_t cycles = 3;
  double low = 0.25;
  double gamma = 1;
};

class Schedule {
 public:
  using Kind = std::variant<ConstantSchedule, LinearSchedule, CosineSchedule, OneCycleSchedule, StepSchedule,
                            MilestoneSchedule, ExponentialSchedule, PolynomialSchedule, TriangularSchedule>;

  Schedule() = default;  // constant
  // Throws std::invalid_argument for a gamma, growth or power that is not above 0 and finite, an end or low outside
  // [0, 1], negative restarts, `every` or cycles below 1, or milestones that do not ascend from 0 or more.
  template <class Of>
  requires(!std::is_same_v<Of, Schedule> && std::is_constructible_v<Kind, Of>) Schedule(Of kind)
      : kind_(std::move(kind)) {  // NOLINT(google-explicit-constructor): a schedule is what describes it
    check();
  }

  const Kind& kind() const { return kind_; }

  // Those that are most used, with their defaults.
  static const Schedule constant, linear, cosine, one_cycle;

 private:
  void check() const;

  Kind kind_;
};

inline const Schedule Schedule::constant(ConstantSchedule{});
inline const Schedule Schedule::linear(LinearSchedule{});
inline const Schedule Schedule::cosine(CosineSchedule{});
inline const Schedule Schedule::one_cycle(OneCycleSchedule{});

// "constant", "linear", "cosine", "one_cycle", "step", "milestones", "exponential", "polynomial",
// "triangular".
std::string_view schedule_name(const Schedule& schedule);
// A schedule of that name with its defaults. An unknown name throws std::invalid_argument that begins with `who` and
// lists the known names.
Schedule schedule_from_name(std::string_view name, std::string_view who = "schedule");

// The same with options behind a colon: "step:every=10,gamma=0.5", "milestones:at=30/60". They are the fields above,
// the milestones under "at". Throws as well for an option that the schedule does not have, a value out of its range, or
// milestones without any.
Schedule schedule_from_text(std::string_view text, std::string_view who = "schedule");

// The length of a training, in steps.
struct TrainingLength {
  std::int64_t steps = 0;
  std::int64_t warmup_steps = 0;  // come before the schedule, which has the rest
  std::int64_t epoch_steps = 0;   // in an epoch; only schedules that count epochs need it
};

// The factor at step `step` = 0, 1, ...; t = step / steps, so that the end, where linear and cosine are 0, lies just
// after the last step and none is wasted. During the warm-up it rises in equal steps from near 0 to the schedule's
// first. Throws std::invalid_argument where the schedule counts epochs and epoch_steps is below 1.
double schedule_factor(const Schedule& schedule, std::int64_t step, const TrainingLength& length);
// The same with a share `warmup` in [0, 1) of the steps for the warm-up, for schedules that do not count epochs.
double schedule_factor(const Schedule& schedule, std::int64_t step, std::int64_t steps, double warmup = 0);

}  // namespace hubel
