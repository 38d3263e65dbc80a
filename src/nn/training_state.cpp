// A training's state: what it writes down between two steps, and going on from it.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <utility>

#include "nn/state_numbers.hpp"
#include "nn/training.hpp"
#include "nn/training_settings.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

using Tensors = std::vector<NamedView<float>>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr const char* kEpochRate = "epoch_learning_rate";

constexpr const char* kNetwork = "network/";
constexpr const char* kOptimizer = "optimizer/";
constexpr const char* kAverage = "average/";
constexpr const char* kBest = "best/";
constexpr const char* kLosses = "losses/";
constexpr const char* kAccumulated = "accumulated/";
constexpr const char* kGroups[] = {kNetwork, kOptimizer, kAverage, kBest, kLosses, kAccumulated};

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
      refuse_state(detail::formatted("has a tensor \"{}\", which is no part of a training", tensor.name));
  }
}

void check_settings(const TrainingState& state, const std::map<std::string, std::string>& own) {
  const std::map<std::string, std::string>& given = state.settings;
  const auto compare = [&](const auto& from, const auto& to) {
    for (const auto& [name, value] : from) {
      const auto other = to.find(name);
      if (other != to.end() && other->second == value) continue;
      const auto in = [&key = name](const auto& settings) {  // a binding itself is not captured by older compilers
        const auto found = settings.find(key);
        return found == settings.end() ? std::string("none") : found->second;
      };
      if (name.ends_with(kFingerprint)) {
        refuse_state(formatted("is of a training on other {}: the {}, taken of values, labels and weights, is another",
                               name.substr(0, name.size() - kFingerprint.size()), name));
      }
      const auto known = state.names.find(name);
      refuse_state(formatted("is of a training with {} = {}, but this one has {}",
                             known == state.names.end() ? name : known->second, in(given), in(own)));
    }
  };
  compare(own, given);
  compare(given, own);
}

// Writes what StateNumbers reads.
class NumberWriter {
 public:
  template <class Number>
  void read(const char* name, const Number& value) {
    numbers[name] = static_cast<double>(value);
  }
  std::map<std::string, double> numbers;
};

// The sums of an output; the first one's names go without its number.
std::string sum_name(const char* name, std::size_t output) {
  return output == 0 ? std::string(name) : formatted("{} of output {}", name, output);
}

template <class Visitor, class Of>
void visit_totals(Visitor& v, std::size_t output, Of&& totals) {
  v.read(sum_name("loss", output).c_str(), totals.loss);
  v.read(sum_name("weight", output).c_str(), totals.weight);
  v.read(sum_name("correct", output).c_str(), totals.correct);
  v.read(sum_name("top_k", output).c_str(), totals.top_k);
  v.read(sum_name("answers", output).c_str(), totals.answers);
  v.read(sum_name("samples", output).c_str(), totals.count);
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

// An epoch's value has been taken in at the end of each.
void check_early_stopping(const StateNumbers& numbers, std::int64_t epochs_done) {
  const double done = static_cast<double>(epochs_done);
  numbers.check_range("early_stopping.epochs", done, done);
  numbers.check_range("early_stopping.best_epoch", 0, done);
  const double waited = done - numbers["early_stopping.best_epoch"];
  numbers.check_range("early_stopping.waited", waited, waited);
  numbers.check_range("early_stopping.best", -kInfinity, kInfinity);
}

void check_plateau(const StateNumbers& numbers, const PlateauOptions& options, double first_rate) {
  numbers.check_range("plateau.learning_rate", 0, first_rate);
  numbers.check_range("plateau.bad_epochs", 0, static_cast<double>(options.patience));
  numbers.check_range("plateau.cooling", 0, static_cast<double>(options.cooldown));
  numbers.check_range("plateau.best", -kInfinity, kInfinity);
}

}  // namespace

std::map<std::string, std::string> Training::settings() const {
  auto settings = training_settings(options_, scores_.losses(), source_, validation_);
  std::string frozen;
  for (const Parameter<float>& p : std::as_const(network_).parameters())
    if (p.frozen) frozen += (frozen.empty() ? "" : ", ") + p.name;
  if (!frozen.empty()) settings["frozen"] = frozen;
  // Older states have no such settings.
  if (options_.swa_start > 0) settings["swa_start"] = formatted("{}", options_.swa_start);
  if (options_.learning_rate) settings["learning_rate"] = "by epoch";
  if (options_.accumulation_steps > 1) settings["accumulation_steps"] = formatted("{}", options_.accumulation_steps);
  return settings;
}

bool Training::is_due(bool epoch_ended) const {
  if (!options_.save_state) return false;
  const std::int64_t steps = options_.save_every_steps, epochs = options_.save_every_epochs;
  return (steps > 0 && batches_done() % steps == 0) || (epoch_ended && epochs > 0 && epoch_ % epochs == 0);
}

std::map<std::string, double> Training::numbers() const {
  NumberWriter writer;
  writer.read("epoch", epoch_);
  writer.read("step", step_);
  writer.read("all_steps", optimizer_.steps());
  writer.read("learning_rate", learning_rate_);
  writer.read("seconds", seconds_);
  writer.read("stopped_early", stopped_early_);
  if (options_.learning_rate) writer.read(kEpochRate, epoch_rate_);
  for (std::size_t i = 0; i < scores_.totals().size(); ++i) visit_totals(writer, i, scores_.totals()[i]);
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
  add_group(state.tensors, kAccumulated, batch_step_.accumulated().state());
  options_.save_state(state);
}

void Training::load_numbers(const StateNumbers& numbers) {
  numbers.read("epoch", epoch_);
  numbers.read("step", step_);
  numbers.read("learning_rate", learning_rate_);
  numbers.read("seconds", seconds_);
  numbers.read("stopped_early", stopped_early_);
  if (options_.learning_rate) {
    numbers.read(kEpochRate, epoch_rate_);
    numbers.check_range(kEpochRate, 0, std::numeric_limits<double>::max());
  }
  for (std::size_t i = 0; i < scores_.totals().size(); ++i) visit_totals(numbers, i, scores_.totals()[i]);
  check_position(numbers);
  if (early_stopping_) {
    EarlyStopping::State state;
    visit_early_stopping(numbers, state);
    check_early_stopping(numbers, epoch_ - 1);
    early_stopping_->load_state(state);
  }
  if (plateau_) {
    ReduceOnPlateau::State state;
    visit_plateau(numbers, state);
    check_plateau(numbers, *options_.plateau, hubel::learning_rate(options_.optimizer));
    plateau_->load_state(state);
  }
}

// Where a training of these settings can be.
void Training::check_position(const StateNumbers& numbers) const {
  const auto whole = [&](const char* name, std::int64_t least, std::int64_t most) {
    numbers.check_range(name, static_cast<double>(least), static_cast<double>(most));
  };
  whole("epoch", 1, saturating_sum(options_.epochs, 1));
  const std::int64_t samples = samples_of_epoch();
  whole("step", 0, epoch_ > options_.epochs ? 0 : steps_of(samples));
  const std::int64_t all_steps = batches_done() / options_.accumulation_steps;
  whole("all_steps", all_steps, all_steps);
  const std::int64_t seen = std::min(step_ * batch_size_, samples);
  numbers.check_range("stopped_early", 0, early_stopping_ ? 1 : 0);
  constexpr double kLargest = std::numeric_limits<double>::max();
  for (const char* name : {"learning_rate", "seconds"}) numbers.check_range(name, 0, kLargest);
  for (std::size_t i = 0; i < scores_.totals().size(); ++i) {
    whole(sum_name("samples", i).c_str(), seen, seen);
    for (const char* name : {"weight", "correct", "top_k", "answers"})
      numbers.check_range(sum_name(name, i).c_str(), 0, kLargest);
    numbers.check_range(sum_name("loss", i).c_str(), std::numeric_limits<double>::lowest(), kLargest);
  }
}

void Training::load_best(const StateNumbers& numbers, const TrainingState& state) {
  std::int64_t epoch = 0;
  Evaluation validation;
  visit_best(numbers, epoch, validation);
  numbers.check_range("best.epoch", 0, static_cast<double>(epoch_ - 1));
  numbers.check_range("best.accuracy", 0, 1);
  numbers.check_range("best.top_k_accuracy", 0, 1);
  best_->load_state(group_of(state.tensors, kBest), epoch, validation);
}

void Training::load(const TrainingState& state) {
  check_settings(state, settings_);
  check_groups(state.tensors);
  const StateNumbers numbers(state.numbers);
  load_numbers(numbers);
  std::int64_t all_steps = 0;
  numbers.read("all_steps", all_steps);
  optimizer_.load_state(group_of(state.tensors, kOptimizer), all_steps);
  const std::int64_t averaged = std::max<std::int64_t>(epoch_ - options_.swa_start, 0);  // ends of epochs
  if (average_) average_->load_state(group_of(state.tensors, kAverage), options_.swa_start > 0 ? averaged : all_steps);
  losses_.load_state(group_of(state.tensors, kLosses));
  batch_step_.accumulated().load_state(group_of(state.tensors, kAccumulated));
  if (best_) load_best(numbers, state);
  // The network's weights last, when nothing can fail any more.
  std::vector<NamedPlace<float>> places;
  for (Parameter<float>& p : network_.parameters()) places.push_back({p.name, p.value});
  load_named<float>("fit (weights)", group_of(state.tensors, kNetwork), places);
}

void Training::resume(const TrainingState& state) {
  try {
    load(state);
  } catch (const std::invalid_argument& error) {
    if (state.origin.empty()) throw;
    throw std::invalid_argument(detail::formatted("{} (in {})", error.what(), state.origin));
  }
}

}  // namespace hubel::detail
