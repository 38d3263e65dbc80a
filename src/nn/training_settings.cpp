// See training_settings.hpp. Numbers are written so that they can be told apart to the last bit.
#include "nn/training_settings.hpp"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "nn/train_batch.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

template <class Value>
std::string text_of(const Value& value) {
  if constexpr (requires { value.has_value(); }) {
    return value ? detail::formatted("{}", *value) : "none";
  } else if constexpr (std::is_same_v<Value, Goal>) {
    return value == Goal::minimum ? "minimum" : "maximum";
  } else if constexpr (std::ranges::range<Value> && !std::is_convertible_v<Value, std::string_view>) {
    return "[" + detail::joined(value, ", ") + "]";
  } else {
    return detail::formatted("{}", value);
  }
}

// "name option=value ...", of whichever of these options there are.
#define HUBEL_OPTION(field) \
  if constexpr (requires { o.field; }) text += detail::formatted(" " #field "={}", text_of(o.field))

template <class Options>
std::string optimizer_text(std::string_view name, const Options& o) {
  std::string text(name);
  HUBEL_OPTION(learning_rate);
  HUBEL_OPTION(momentum);
  HUBEL_OPTION(nesterov);
  HUBEL_OPTION(beta_1);
  HUBEL_OPTION(beta_2);
  HUBEL_OPTION(rho);
  HUBEL_OPTION(centered);
  HUBEL_OPTION(initial_accumulator);
  HUBEL_OPTION(epsilon);
  HUBEL_OPTION(momentum_decay);
  HUBEL_OPTION(weight_decay);
  if constexpr (requires { o.amsgrad; })
    if (o.amsgrad) text += " amsgrad=true";  // older states have no such option
  return text;
}

template <class Kind>
std::string schedule_text(std::string_view name, const Kind& o) {
  std::string text(name);
  HUBEL_OPTION(cycles);
  HUBEL_OPTION(low);
  HUBEL_OPTION(restarts);
  HUBEL_OPTION(growth);
  HUBEL_OPTION(every);
  HUBEL_OPTION(milestones);
  HUBEL_OPTION(gamma);
  HUBEL_OPTION(power);
  HUBEL_OPTION(end);
  return text;
}

template <class Of>
std::string loss_text(std::string_view name, const Of& o) {
  std::string text(name);
  HUBEL_OPTION(label_smoothing);
  HUBEL_OPTION(class_weights);
  HUBEL_OPTION(ignore_label);
  HUBEL_OPTION(from_logits);
  HUBEL_OPTION(pos_weight);
  HUBEL_OPTION(delta);
  HUBEL_OPTION(gamma);
  HUBEL_OPTION(alpha);
  HUBEL_OPTION(beta);
  return text;
}

template <class Options>
std::string watcher_text(const std::optional<Options>& options) {
  if (!options) return "none";
  const Options& o = *options;
  std::string text = "on";
  HUBEL_OPTION(decay);
  HUBEL_OPTION(warm_up);
  HUBEL_OPTION(bias_correction);
  HUBEL_OPTION(patience);
  HUBEL_OPTION(min_delta);
  HUBEL_OPTION(goal);
  HUBEL_OPTION(factor);
  HUBEL_OPTION(relative);
  HUBEL_OPTION(cooldown);
  HUBEL_OPTION(min_lr);
  return text;
}

#undef HUBEL_OPTION

// FNV-1a (Fowler, Noll & Vo) over words of 32 bits.
template <class Word>
void add_words(std::uint64_t& hash, const Word* words, std::int64_t n) {
  static_assert(sizeof(Word) == sizeof(std::uint32_t));
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, words + i, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3;
  }
}

// Of some samples, evenly spread, with their labels or targets, and weights: that another data set has all of them is
// not to be expected, and reading all samples would take its time.
std::string fingerprint(const SampleSource& source, std::uint64_t seed) {
  constexpr std::int64_t kSamples = 64;
  std::uint64_t hash = 0xcbf29ce484222325;
  source.begin_epoch(1, seed);
  const std::int64_t count = source.count(), n = std::min(count, kSamples);
  Batch sample(source, 1);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto index = static_cast<std::int32_t>(i * count / n);
    sample.gather({&index, 1});
    for (const TensorView<const float>& x : sample.xs()) add_words(hash, x.data(), x.size());
    for (std::size_t output = 0; output < sample.outputs(); ++output) {
      const std::span<const std::int32_t> labels = sample.labels(output);
      if (sample.has_targets(output)) add_words(hash, sample.targets(output).data(), sample.targets(output).size());
      add_words(hash, labels.data(), std::ssize(labels));
    }
    add_words(hash, sample.weights().data(), std::ssize(sample.weights()));
  }
  return detail::formatted("{:016x}", hash);
}

std::string losses_text(std::span<const OutputLoss> losses) {
  std::string text;
  for (const OutputLoss& of : losses) {
    if (!text.empty()) text += ", ";
    text += std::visit([&](const auto& o) { return loss_text(loss_name(of.loss), o); }, of.loss);
    if (of.weight != 1) text += formatted(" times {}", of.weight);
  }
  return text;
}

}  // namespace

std::map<std::string, std::string> training_settings(const TrainOptions& options, std::span<const OutputLoss> losses,
                                                     const SampleSource& train, const SampleSource* validation) {
  const auto optimizer = [&](const auto& o) { return optimizer_text(optimizer_name(options.optimizer), o); };
  const auto schedule = [&](const auto& o) { return schedule_text(schedule_name(options.schedule), o); };
  std::map<std::string, std::string> settings = {
      {"epochs", text_of(options.epochs)},
      {"batch_size", text_of(options.batch_size)},
      {"optimizer", std::visit(optimizer, options.optimizer)},
      {"schedule", std::visit(schedule, options.schedule.kind())},
      {"warmup", text_of(options.warmup)},
      {"shuffle", text_of(options.shuffle)},
      {"seed", text_of(options.seed)},
      {"hard_share", text_of(options.hard_share)},
      {"skip_above", text_of(options.skip_above)},
      {"keep_best", text_of(options.keep_best)},
      {"loss", losses_text(losses)},
      {"clip_value", text_of(options.clip_value)},
      {"clip_norm", text_of(options.clip_norm)},
      {"average", watcher_text(options.average)},
      {"early_stopping", watcher_text(options.early_stopping)},
      {"plateau", watcher_text(options.plateau)},
      {"top_k", text_of(options.top_k)},
      {"augmentation", train.changes()},
      {"samples", text_of(train.count())},
      {"samples' fingerprint", fingerprint(train, options.seed)},
  };
  if (options.clip_parameter_norm > 0) settings["clip_parameter_norm"] = text_of(options.clip_parameter_norm);
  if (validation) {
    settings["validation samples"] = text_of(validation->count());
    settings["validation samples' fingerprint"] = fingerprint(*validation, options.seed);
  }
  return settings;
}

}  // namespace hubel::detail
