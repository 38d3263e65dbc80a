// What `hubel train` is asked for, and what that is for the trainer.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/shared.hpp"
#include "hubel/trainer.hpp"

namespace hubel::cli {

// How often a checkpoint is written: after so many steps, or epochs.
struct CheckpointInterval {
  std::int64_t steps = 0, epochs = 1;
};

struct TrainArguments {
  std::string data = "mnist";
  std::string model = "lenet5";
  bool small_images = false;
  std::string weights;              // a model file to begin with, or empty
  std::vector<std::string> frozen;  // patterns of layers' names
  std::int64_t epochs = 5;
  std::int64_t batch = 32;
  double lr = 1e-3;
  std::string optimizer = "adam";
  std::optional<double> momentum, weight_decay;
  bool amsgrad = false;
  std::string schedule = "linear";
  double warmup = 0;
  double clip_norm = 0, clip_parameter_norm = 0;
  double label_smoothing = 0;
  std::string augment;
  double ema = 0;
  std::optional<std::int64_t> early_stopping;
  std::uint64_t seed = 0;
  std::optional<std::int64_t> validation;
  std::string recipe;
  std::string out = kDefaultModel;
  std::string log, tensorboard;
  std::int64_t log_every = 100;
  std::string checkpoint, checkpoint_every = "1epochs", resume;

  // Where checkpoints go: one that is resumed is gone on writing unless another is named.
  const std::string& checkpoint_path() const { return checkpoint.empty() ? resume : checkpoint; }
};

// Adds the options to the command.
void add_train_options(CLI::App& command, TrainArguments& arguments);

// Throws CLI::ValidationError for options that do not go together.
void check_together(const CLI::App& command, const TrainArguments& arguments);

// "100steps", "2epochs" or "2", which are epochs; nothing for anything else.
std::optional<CheckpointInterval> checkpoint_interval(const std::string& text);

// The trainer's options but for its callbacks. Throws std::invalid_argument for values out of their range.
TrainOptions train_options(const TrainArguments& arguments);

// "adam, learning rate 0.001 (linear), batch 32, seed 0, ..."
std::string described(const TrainArguments& arguments);

}  // namespace hubel::cli
