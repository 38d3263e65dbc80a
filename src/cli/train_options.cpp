// See train_options.hpp.
#include "cli/train_options.hpp"

#include <charconv>

#include "cli/augment_option.hpp"
#include "text/formatted.hpp"
#include "text/number.hpp"

namespace hubel::cli {

namespace {

constexpr std::int64_t kMany = 1'000'000;

// Checks of options: what is wrong with the text, or nothing.
std::string is_rate(const std::string& text) {
  return detail::finite_number(text).value_or(0) > 0
             ? ""
             : detail::formatted("a learning rate is a number above 0, not {}", text);
}

std::string is_size(const std::string& text) {
  return detail::finite_number(text).value_or(-1) >= 0
             ? ""
             : detail::formatted("it must be a number from 0 on, not {}", text);
}

std::string is_part(const std::string& text) {
  const double part = detail::finite_number(text).value_or(-1);
  return part >= 0 && part < 1 ? "" : detail::formatted("it must be a number in [0, 1), not {}", text);
}

std::string is_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool right = error == std::errc() && end == text.data() + text.size();
  return right ? "" : detail::formatted("a seed is a whole number from 0 to 18446744073709551615, not {}", text);
}

std::string is_schedule(const std::string& text) {
  constexpr std::string_view kWho = "--schedule";
  try {
    schedule_from_text(text, kWho);
  } catch (const std::invalid_argument& error) {
    return std::string(error.what()).substr(kWho.size() + 2);  // CLI11 puts the option's name before it
  }
  return "";
}

std::string is_augmentation(const std::string& text) {
  try {
    augment_option(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

std::string is_interval(const std::string& text) {
  if (checkpoint_interval(text)) return "";
  return detail::formatted("it must be such as 500steps or 2epochs, not {}", text);
}

// Options of learning from what was learnt before.
void add_transfer_options(CLI::App& c, TrainArguments& o) {
  c.add_option("--weights", o.weights,
               "Begin with the weights of this model file, where its layers' names and shapes are the network's; the "
               "others, such as of other classes, begin afresh")
      ->type_name("FILE");
  c.add_option("--freeze", o.frozen,
               "Layers that training leaves as they are, by their names as `hubel summary` prints them; * stands for "
               "any characters: --freeze 'conv2d_*,batch_norm_*'")
      ->delimiter(',')
      ->type_name("NAMES");
}

// Options of how it learns.
void add_learning_options(CLI::App& c, TrainArguments& o) {
  c.add_option("--epochs", o.epochs, "How often to go through the training images")
      ->check(CLI::Range(std::int64_t{1}, kMany))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--batch", o.batch, "Images for one step of the optimiser")
      ->check(CLI::Range(std::int64_t{1}, kMany))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--lr", o.lr, "The learning rate at the start")
      ->check(CLI::Validator(is_rate, "RATE"))
      ->type_name("RATE")
      ->capture_default_str();
  c.add_option("--optimizer", o.optimizer, "How gradients change weights")
      ->check(CLI::IsMember(
          {"sgd", "adam", "adamw", "rmsprop", "adagrad", "lamb", "nadam", "adamax", "adadelta", "lion", "radam"}))
      ->capture_default_str();
  c.add_flag("--amsgrad", o.amsgrad, "Steps by the largest second moment so far, of adam and adamw");
  c.add_option("--momentum", o.momentum, "The optimiser's momentum, of sgd and rmsprop")
      ->check(CLI::Validator(is_part, "SHARE"))
      ->type_name("SHARE");
  c.add_option("--weight-decay", o.weight_decay, "How far kernels are drawn to zero (default: the optimiser's)")
      ->check(CLI::Validator(is_size, "X"))
      ->type_name("X");
  c.add_option("--schedule", o.schedule,
               "How the learning rate goes on from there: constant, linear, cosine, one_cycle, step, milestones, "
               "exponential, polynomial or triangular; options behind a colon: step:every=10,gamma=0.5, "
               "milestones:at=30/60, cosine:restarts=2, triangular:cycles=3")
      ->check(CLI::Validator(is_schedule, "SCHEDULE"))
      ->type_name("SCHEDULE")
      ->capture_default_str();
  c.add_option("--warmup", o.warmup, "The share of all steps over which the learning rate rises first")
      ->check(CLI::Validator(is_part, "SHARE"))
      ->type_name("SHARE")
      ->capture_default_str();
}

// Options of what keeps it from going wrong.
void add_regularisation_options(CLI::App& c, TrainArguments& o) {
  c.add_option("--clip-norm", o.clip_norm, "The largest norm that all gradients together may have; 0 is without")
      ->check(CLI::Validator(is_size, "NORM"))
      ->type_name("NORM")
      ->capture_default_str();
  c.add_option("--clip-parameter-norm", o.clip_parameter_norm,
               "The largest norm that each parameter's gradient may have by itself; 0 is without")
      ->check(CLI::Validator(is_size, "NORM"))
      ->type_name("NORM")
      ->capture_default_str();
  c.add_option("--label-smoothing", o.label_smoothing, "The share of a label that is spread over all classes")
      ->check(CLI::Validator(is_part, "SHARE"))
      ->type_name("SHARE")
      ->capture_default_str();
  c.add_option(
       "--augment", o.augment,
       "Change the images at random, such as shift=0.1,rotation=10 or crop=4,flip=0.5,cutout=8. Degrees, pixels, "
       "shares, probabilities, or mixup's and cutmix's alpha of: " +
           augment_names())
      ->check(CLI::Validator(is_augmentation, "LIST"))
      ->type_name("LIST");
  c.add_option("--ema", o.ema, "Keep an average of the weights with this decay, such as 0.999, instead of the last")
      ->check(CLI::Validator(is_part, "DECAY"))
      ->type_name("DECAY")
      ->capture_default_str();
  c.add_option("--early-stopping", o.early_stopping,
               "Stop after so many epochs in a row in which the loss in validation was no better")
      ->check(CLI::Range(std::int64_t{1}, kMany))
      ->type_name("N");
  c.add_option("--seed", o.seed, "Starting weights and order of images; the same seed gives the same bits")
      ->check(CLI::Validator(is_seed, "N"))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--validation", o.validation,
               "Training images to hold out for choosing the best epoch (default: a twelfth, at most 5,000, unless the "
               "data set brings its own)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000}))
      ->type_name("N");
}

// Options of files.
void add_file_options(CLI::App& c, TrainArguments& o) {
  c.add_option("--log", o.log, "Write lines of JSON: one for each epoch and each --log-every steps")->type_name("FILE");
  c.add_option("--log-every", o.log_every, "Steps between lines of the log")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--tensorboard", o.tensorboard, "Write event files for TensorBoard into this folder")->type_name("DIR");
  c.add_option("--checkpoint", o.checkpoint, "Write all of the training's state to this file now and then")
      ->type_name("FILE");
  c.add_option("--checkpoint-every", o.checkpoint_every, "How often: 500steps, 2epochs; a number alone is of epochs")
      ->check(CLI::Validator(is_interval, "N[steps|epochs]"))
      ->type_name("N[steps|epochs]")
      ->capture_default_str();
  c.add_option(
       "--resume", o.resume,
       "Go on from a checkpoint, with the same options, to the same bits as without the interruption, and write "
       "further checkpoints to it, or to --checkpoint")
      ->type_name("FILE");
  c.add_option("--out", o.out, "The model file to write, in safetensors format")
      ->type_name("FILE")
      ->capture_default_str();
}

OptimizerOptions optimizer_options(const TrainArguments& o) {
  OptimizerOptions options = optimizer_from_name(o.optimizer);
  std::visit(
      [&](auto& chosen) {
        chosen.learning_rate = o.lr;
        if (o.weight_decay) chosen.weight_decay = *o.weight_decay;
        if constexpr (requires { chosen.momentum; }) chosen.momentum = o.momentum.value_or(0);
        if constexpr (requires { chosen.amsgrad; }) chosen.amsgrad = o.amsgrad;
      },
      options);
  return options;
}

}  // namespace

void add_train_options(CLI::App& command, TrainArguments& o) {
  command.add_option("--data", o.data, kDataHelp)->capture_default_str();
  command.add_option("--model", o.model, "The network: a name that `hubel zoo` lists, or an architecture (.json)")
      ->type_name("NAME|FILE.json")
      ->capture_default_str();
  command.add_flag("--small", o.small_images, "The named network's variant for images of about 32x32");
  add_transfer_options(command, o);
  add_learning_options(command, o);
  add_regularisation_options(command, o);
  command
      .add_option("--recipe", o.recipe,
                  "Train as a recipe has it instead, network and all. fast99: MNIST to 99 % of the test images in the "
                  "shortest time")
      ->check(CLI::IsMember({"fast99"}));
  add_threads_option(command);
  add_file_options(command, o);
}

void check_together(const CLI::App& command, const TrainArguments& o) {
  if (o.momentum && o.optimizer != "sgd" && o.optimizer != "rmsprop")
    throw CLI::ValidationError(detail::formatted("--momentum goes with sgd and rmsprop; {} has none", o.optimizer));
  if (o.amsgrad && o.optimizer != "adam" && o.optimizer != "adamw")
    throw CLI::ValidationError(detail::formatted("--amsgrad goes with adam and adamw, not with {}", o.optimizer));
  if (command.count("--checkpoint-every") > 0 && o.checkpoint_path().empty())
    throw CLI::ValidationError("--checkpoint-every asks how often, but there is no --checkpoint to write");
  if (o.recipe.empty()) return;
  // What a recipe settles may not be asked for beside it.
  for (const CLI::Option* option : command.get_options()) {
    const std::string& name = option->get_name();
    const bool goes_along = name == "--recipe" || name == "--data" || name == "--seed" || name == "--threads" ||
                            name == "--out" || name == "--help";
    if (option->count() > 0 && !goes_along) {
      throw CLI::ValidationError(
          detail::formatted("--recipe {} settles what {} asks for; leave one of the two out", o.recipe, name));
    }
  }
}

std::optional<CheckpointInterval> checkpoint_interval(const std::string& text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string unit(end, text.data() + text.size());
  if (error != std::errc() || n < 1) return std::nullopt;
  if (unit == "steps" || unit == "step") return CheckpointInterval{n, 0};
  if (unit.empty() || unit == "epochs" || unit == "epoch") return CheckpointInterval{0, n};
  return std::nullopt;
}

TrainOptions train_options(const TrainArguments& o) {
  TrainOptions options;
  options.epochs = o.epochs;
  options.batch_size = o.batch;
  options.optimizer = optimizer_options(o);
  options.schedule = schedule_from_text(o.schedule, "--schedule");
  options.warmup = o.warmup;
  options.seed = o.seed;
  options.keep_best = true;
  options.loss = CrossEntropy{.label_smoothing = o.label_smoothing};
  options.clip_norm = o.clip_norm;
  options.clip_parameter_norm = o.clip_parameter_norm;
  if (o.ema > 0) options.average = AverageOptions{.decay = o.ema, .bias_correction = true};
  if (o.early_stopping) options.early_stopping = EarlyStoppingOptions{.patience = *o.early_stopping};
  const auto interval = checkpoint_interval(o.checkpoint_every).value_or(CheckpointInterval{});
  options.save_every_steps = interval.steps;
  options.save_every_epochs = interval.epochs;
  return options;
}

std::string described(const TrainArguments& o) {
  std::string text =
      detail::formatted("{}, learning rate {} ({}), batch {}, seed {}", o.optimizer, o.lr, o.schedule, o.batch, o.seed);
  if (o.amsgrad) text += ", amsgrad";
  if (o.warmup > 0) text += detail::formatted(", warm-up {}", o.warmup);
  if (o.momentum) text += detail::formatted(", momentum {}", *o.momentum);
  if (o.weight_decay) text += detail::formatted(", weight decay {}", *o.weight_decay);
  if (o.clip_norm > 0) text += detail::formatted(", clipped to {}", o.clip_norm);
  if (o.clip_parameter_norm > 0) text += detail::formatted(", each parameter clipped to {}", o.clip_parameter_norm);
  if (o.label_smoothing > 0) text += detail::formatted(", label smoothing {}", o.label_smoothing);
  if (!o.augment.empty()) text += detail::formatted(", augmented by {}", o.augment);
  if (o.ema > 0) text += detail::formatted(", average {}", o.ema);
  if (!o.frozen.empty()) text += detail::formatted(", frozen {}", detail::joined(o.frozen, " "));
  return text;
}

}  // namespace hubel::cli
