// A training's state: what it writes down between two steps, and going on from it.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "nn/training.hpp"
#include "nn/training_settings.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

using Tensors = std::vector<NamedView<float>>;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(detail::formatted("fit: the state to go on from {}", what));
}

constexpr const char* kNetwork = "network/";
constexpr const char* kOptimizer = "optimizer/";
constexpr const char* kAverage = "average/";
constexpr const char* kBest = "best/";
constexpr const char* kLosses = "losses/";
constexpr const char* kGroups[] = {kNetwork, kOptimizer, kAverage, kBest, kLosses};

void add_group(Tensors& all, std::string_view group, const Tensors& tensors) {
  for (const NamedView<float>& tensor : tensors) all.push_back({std::string(group) + tensor.name, tensor.value});
}

Tensors group_of(const Tensors& all, std::string_view group) {
  Tensors tensors;
  for (const NamedView<float>& tensor : all)
    if (tensor.name.starts_with(group)) tensors.push_back({tensor.name.substr(group.size()), tensor.value});
  return tensors;
}

void check_groups(const Tensors& all) {
  for (const NamedView<float>& tensor : all) {
    const auto is_its = [&](const char* group) { return tensor.name.starts_with(group); };
    if (std::none_of(std::begin(kGroups), std::end(kGroups), is_its))
      refuse(detail::formatted("has a tensor \"{}\", which is no part of a training", tensor.name));
  }
}

void check_settings(const std::map<std::string, std::string>& given, const std::map<std::string, std::string>& own) {
  const auto compare = [&](const auto& from, const auto& to) {
    for (const auto& [name, value] : from) {
      const auto other = to.find(name);
      if (other != to.end() && other->second == value) continue;
      const auto in = [&name](const auto& settings) {
        const auto found = settings.find(name);
        return found == settings.end() ? std::string("none") : found->second;
      };
      refuse(detail::formatted("is of a training with {} = {}, but this one has {}", name, in(given), in(own)));
    }
  };
  compare(own, given);
  compare(given, own);
}

// The numbers that a state holds, one by one; each must be there.
class Numbers {
 public:
  explicit Numbers(const std::map<std::string, double>& numbers) : numbers_(numbers) {}

  void read(const char* name, double& value) const {
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) refuse(detail::formatted("has no number \"{}\"", name));
    value = found->second;
  }
  void read(const char* name, std::int64_t& value) const {
    constexpr double kMost = 0x1p53;
    double number = 0;
    read(name, number);
    if (!(number >= 0 && number <= kMost && number == std::floor(number)))
      refuse(detail::formatted("has {} for its number \"{}\"", number, name));
    value = static_cast<std::int64_t>(number);
  }
  void read(const char* name, bool& value) const {
    double number = 0;
    read(name, number);
    value = number != 0;
  }

 private:
  const std::map<std::string, double>& numbers_;
};

// Writes the same.
class NumberWriter {
 public:
  template <class Number>
  void read(const char* name, const Number& value) {
    numbers[name] = static_cast<double>(value);
  }
  std::map<std::string, double> numbers;
};

template <class Visitor, class Of>
void visit_totals(Visitor& v, Of&& totals) {
  v.read("loss", totals.loss);
  v.read("weight", totals.weight);
  v.read("correct", totals.correct);
  v.read("top_k", totals.top_k);
  v.read("answers", totals.answers);
  v.read("samples", totals.count);
}

template <class Visitor, class Of>
void visit_early_stopping(Visitor& v, Of&& s) {
  v.read("early_stopping.best", s.best);
  v.read("early_stopping.best_epoch", s.best_epoch);
  v.read("early_stopping.epochs", s.epochs);
  v.read("early_stopping.waited", s.waited);
}

template <class Visitor, class Of>
void visit_plateau(Visitor& v, Of&& s) {
  v.read("plateau.learning_rate", s.learning_rate);
  v.read("plateau.best", s.best);
  v.read("plateau.bad_epochs", s.bad_epochs);
  v.read("plateau.cooling", s.cooling);
}

template <class Visitor, class Epoch, class Of>
void visit_best(Visitor& v, Epoch&& epoch, Of&& validation) {
  v.read("best.epoch", epoch);
  v.read("best.loss", validation.loss);
  v.read("best.accuracy", validation.accuracy);
  v.read("best.top_k_accuracy", validation.top_k_accuracy);
  v.read("best.samples", validation.count);
}

}  // namespace

std::map<std::string, std::string> Training::settings() const {
  return training_settings(options_, source_, validation_);
}

bool Training::is_due(bool epoch_ended) const {
  if (!options_.save_state) return false;
  const std::int64_t steps = options_.save_every_steps, epochs = options_.save_every_epochs;
  return (steps > 0 && optimizer_.steps() % steps == 0) || (epoch_ended && epochs > 0 && epoch_ % epochs == 0);
}

std::map<std::string, double> Training::numbers() const {
  NumberWriter writer;
  writer.read("epoch", epoch_);
  writer.read("step", step_);
  writer.read("all_steps", optimizer_.steps());
  writer.read("learning_rate", learning_rate_);
  writer.read("seconds", seconds_);
  writer.read("stopped_early", stopped_early_);
  visit_totals(writer, totals_);
  if (early_stopping_) visit_early_stopping(writer, early_stopping_->state());
  if (plateau_) visit_plateau(writer, plateau_->state());
  if (best_) visit_best(writer, best_->epoch(), best_->validation());
  return writer.numbers;
}

void Training::save() const {
  TrainingState state;
  state.settings = settings_;
  state.numbers = numbers();
  for (const Parameter<float>& p : std::as_const(network_).parameters())
    state.tensors.push_back({kNetwork + p.name, p.value});
  add_group(state.tensors, kOptimizer, optimizer_.state());
  if (average_) add_group(state.tensors, kAverage, average_->state());
  if (best_) add_group(state.tensors, kBest, best_->state());
  add_group(state.tensors, kLosses, losses_.state());
  options_.save_state(state);
}

void Training::load_numbers(const std::map<std::string, double>& given) {
  const Numbers numbers(given);
  numbers.read("epoch", epoch_);
  numbers.read("step", step_);
  numbers.read("learning_rate", learning_rate_);
  numbers.read("seconds", seconds_);
  numbers.read("stopped_early", stopped_early_);
  visit_totals(numbers, totals_);
  if (early_stopping_) {
    EarlyStopping::State state;
    visit_early_stopping(numbers, state);
    early_stopping_->load_state(state);
  }
  if (plateau_) {
    ReduceOnPlateau::State state;
    visit_plateau(numbers, state);
    plateau_->load_state(state);
  }
}

// The network's weights last, when nothing can fail any more.
void Training::resume(const TrainingState& state) {
  check_settings(state.settings, settings_);
  check_groups(state.tensors);
  load_numbers(state.numbers);
  const Numbers numbers(state.numbers);
  std::int64_t all_steps = 0;
  numbers.read("all_steps", all_steps);
  optimizer_.load_state(group_of(state.tensors, kOptimizer), all_steps);
  if (average_) average_->load_state(group_of(state.tensors, kAverage), all_steps);
  losses_.load_state(group_of(state.tensors, kLosses));
  if (best_) {
    std::int64_t epoch = 0;
    Evaluation validation;
    visit_best(numbers, epoch, validation);
    best_->load_state(group_of(state.tensors, kBest), epoch, validation);
  }
  std::vector<NamedPlace<float>> places;
  for (Parameter<float>& p : network_.parameters()) places.push_back({p.name, p.value});
  load_named<float>("fit (weights)", group_of(state.tensors, kNetwork), places);
}

}  // namespace hubel::detail
