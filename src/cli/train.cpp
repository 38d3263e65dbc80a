// `hubel train`: trains a network on a data set and saves it.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <list>
#include <optional>
#include <stdexcept>

#include "cli/augment_option.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/network_by_name.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "cli/train_log.hpp"
#include "cli/train_options.hpp"
#include "cli/train_outcome.hpp"
#include "cli/transfer.hpp"
#include "files/atomic_file.hpp"
#include "files/file_lock.hpp"
#include "hubel/hubel.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

// One file for two things would lose one of them.
void check_distinct(const TrainArguments& o) {
  struct File {
    const char* option;
    const std::string& path;
  };
  const auto compare = [](const File& one, const File& other) {
    if (one.path.empty() || other.path.empty()) return;
    std::error_code ignored;
    if (std::filesystem::weakly_canonical(one.path, ignored) == std::filesystem::weakly_canonical(other.path, ignored))
      throw std::runtime_error(
          detail::formatted("{} and {} are the same file, {}", one.option, other.option, other.path));
  };
  const File out = {"--out", o.out}, log = {"--log", o.log};
  const File checkpoint = {o.checkpoint.empty() ? "--resume" : "--checkpoint", o.checkpoint_path()};
  compare(out, checkpoint);
  compare(out, log);
  compare(checkpoint, log);
}

// Found out before the training rather than after it, by beginning to write and leaving it at that.
void check_writable(const TrainArguments& o) {
  if (o.out.empty()) throw std::runtime_error("--out is empty, but must name the file to write");
  check_distinct(o);
  const detail::AtomicFile begun(o.out);
  if (!o.checkpoint.empty()) check_checkpoint_path(o.checkpoint);
  if (!o.checkpoint_path().empty()) const detail::AtomicFile checkpoint(o.checkpoint_path());
  if (!o.log.empty()) check_log(o.log);
}

// Of what is written while the training goes on: two of them at once would mix their lines, or undo each other's
// states.
class Locks {
 public:
  explicit Locks(const TrainArguments& o) {
    for (const std::string& path : {o.checkpoint_path(), o.log})
      if (!path.empty()) locks_.emplace_back(path);
  }

 private:
  std::list<detail::FileLock> locks_;
};

// Training images to hold out, so that the best epoch is chosen without a look at the test images. As many as asked
// for, else a twelfth, at most 5,000 (which tells accuracies apart to about 0.1 %).
std::int64_t held_out(const TrainArguments& o, const DatasetSplits& data) {
  const std::int64_t count = data.train.count();
  if (!o.validation) return data.validation.count() > 0 ? 0 : std::min<std::int64_t>(count / 12, 5000);
  if (*o.validation > 0 && data.validation.count() > 0) {
    throw std::runtime_error(
        detail::formatted("{} brings validation images of its own; leave --validation out", data.source));
  }
  if (*o.validation >= count) {
    throw std::runtime_error(detail::formatted("--validation {} leaves nothing to train on: {} has {} training images",
                                               *o.validation, data.source, with_commas(count)));
  }
  return *o.validation;
}

// Prints training as it goes: a progress line within the epoch, a lasting line after it.
class Reporter {
 public:
  Reporter(const Network<float>& network, const Dataset& test, TrainLog& log)
      : network_(network), test_(test), log_(log) {}

  bool step(const TrainProgress& p) {
    so_far_ = {p.all_steps, p.epoch - 1};
    log_.step(p);
    if (progress_.due()) {
      const double rate = static_cast<double>(p.samples) / std::max(p.seconds, 1e-9);
      const double left = p.seconds / static_cast<double>(p.step) * static_cast<double>(p.steps - p.step);
      progress_.show(static_cast<double>(p.step) / static_cast<double>(p.steps), epoch_label(p.epoch, p.epochs),
                     detail::formatted("loss {:.4f}  acc {}  {} images/s  {} left", p.loss, percent(p.accuracy),
                                       with_commas(static_cast<long long>(rate)), clock_time(left)));
    }
    epochs_ = p.epochs;
    return !interrupted();
  }

  bool epoch(const EpochResult& e) {
    so_far_.epochs = e.epoch;
    log_.epoch(e);
    progress_.clear();
    std::string line =
        detail::formatted("{}  loss {:.4f}  accuracy {}", epoch_label(e.epoch, epochs_), e.loss, percent(e.accuracy));
    if (e.validation) line += "  validation " + accuracy_text(*e.validation);
    if (test_.count() > 0 && !interrupted()) line += "  test " + accuracy_text(evaluate(network_, test_));
    detail::print("{}  {:.1f} s\n", line, e.seconds);
    std::fflush(stdout);
    return !interrupted();
  }

  void done() { progress_.clear(); }
  SoFar so_far() const { return so_far_; }

 private:
  static std::string epoch_label(std::int64_t epoch, std::int64_t epochs) {
    return detail::formatted("epoch {}/{}", epoch, epochs);
  }

  const Network<float>& network_;
  const Dataset& test_;
  TrainLog& log_;
  Progress progress_;
  SoFar so_far_;
  std::int64_t epochs_ = 0;
};

std::string threads_in_use() { return detail::formatted("{} thread{}", num_threads(), num_threads() == 1 ? "" : "s"); }

void print_start(const DatasetSplits& data, const std::string& model, const std::string& training) {
  detail::print("Data: {}: {} images to train on, {} to validate, {} to test, {} of {} classes\n", data.source,
                with_commas(data.train.count()), with_commas(data.validation.count()), with_commas(data.test.count()),
                data.train.sample_shape().to_string(), data.train.classes);
  detail::print("Model: {}; {}, {}\n", model, training, threads_in_use());
  std::fflush(stdout);
}

DatasetSplits load_to_train(const TrainArguments& o) {
  DatasetSplits data = load_shown(o.data);
  if (choose_split(data, "train").classes < 2) {
    throw std::runtime_error(detail::formatted("{} has images of one class only, {}: there is nothing to tell apart",
                                               data.source, data.class_names[0]));
  }
  return data;
}

// Images to train on, with those to validate held out.
DatasetSplits load_for_training(const TrainArguments& o) {
  DatasetSplits data = load_to_train(o);
  const std::int64_t hold = held_out(o, data), count = data.train.count();
  if (hold == 0) return data;
  data.validation = data.train.slice(count - hold, count);
  data.train.keep_first(count - hold);
  return data;
}

// The images to train on, changed at random where that is asked for.
class TrainingImages {
 public:
  TrainingImages(const Dataset& images, const std::string& augment) : source_(&images) {
    if (augment.empty()) return;
    source_ = &augmented_.emplace(images, augment_option(augment));
    const Augmentation& options = augmented_->options();
    if (options.mixup > 0 || options.cutmix > 0) source_ = &mixed_.emplace(*augmented_, images.classes);
  }
  TrainingImages(const TrainingImages&) = delete;
  TrainingImages& operator=(const TrainingImages&) = delete;

  const SampleSource& source() const { return *source_; }

 private:
  std::optional<Augmented> augmented_;
  std::optional<Mixed> mixed_;
  const SampleSource* source_;
};

int train(const TrainArguments& o) {
  check_writable(o);
  const Locks locks(o);
  const DatasetSplits data = load_for_training(o);
  Network<float> network =
      chosen_network({o.model, o.small_images}, data.train.classes, data.train.sample_shape(), o.seed);
  if (!o.weights.empty() && o.resume.empty()) begin_with_weights(network, o.weights);
  freeze_layers(network, o.frozen);
  std::optional<Checkpoint> checkpoint;
  if (!o.resume.empty()) checkpoint = load_checkpoint(o.resume, network);
  catch_interrupts();
  const std::string training = described(o), name = o.model == "lenet5" ? "LeNet-5" : o.model;
  print_start(data, detail::formatted("{}, {} parameters", printable(name), with_commas(network.parameter_count())),
              training);

  TrainLog log(o.log, o.tensorboard, o.log_every, checkpoint.has_value());
  Reporter reporter(network, data.test, log);
  TrainOptions options = train_options(o);
  options.on_step = [&](const TrainProgress& p) { return reporter.step(p); };
  options.on_epoch = [&](const EpochResult& e) { return reporter.epoch(e); };
  if (!o.checkpoint_path().empty())
    options.save_state = [&](const TrainingState& state) { save_checkpoint(state, network, o.checkpoint_path()); };
  if (checkpoint) options.resume = &checkpoint->state;
  const TrainingImages images(data.train, o.augment);
  const Trained trained = {o, data, network, training};
  TrainResult result;
  try {
    result = fit(network, images.source(), options, data.validation.count() > 0 ? &data.validation : nullptr);
    reporter.done();
  } catch (const std::exception& error) {
    reporter.done();
    save_after(error, trained, reporter.so_far());
    throw;
  }
  return finish(trained, result);
}

// A training that a recipe settles. The clock runs while fit does: memory, the order of images, batches, steps. Nothing
// is printed and nothing evaluated in that time, and no test image is looked at before it is over.
int train_by_recipe(const TrainArguments& o) {
  check_writable(o);
  const DatasetSplits data = load_to_train(o);
  Recipe recipe = recipe_from_name(o.recipe, o.seed, data.train.classes, data.train.sample_shape());
  catch_interrupts();
  const std::string training = detail::formatted("recipe {}, seed {}", o.recipe, o.seed);
  print_start(data, detail::formatted("{} parameters", with_commas(recipe.network.parameter_count())), training);

  recipe.options.on_step = [](const TrainProgress&) { return !interrupted(); };
  const auto start = std::chrono::steady_clock::now();
  const TrainResult trained = fit(recipe.network, data.train, recipe.options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  for (const EpochResult& e : trained.epochs) {
    detail::print("epoch {}/{}  {} images  loss {:.4f}  accuracy {}  {:.3f} s\n", e.epoch, recipe.options.epochs,
                  with_commas(e.samples), e.loss, percent(e.accuracy), e.seconds);
  }
  detail::print("Trained in {:.3f} s on {} (without reading the data and testing)\n", seconds.count(),
                threads_in_use());
  return finish({o, data, recipe.network, training}, trained);
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<TrainArguments>();
  CLI::App* c = app.add_subcommand("train", "Train a network, LeNet-5 by default, on a data set and save it");
  add_train_options(*c, *o);
  c->footer(R"(After each epoch a line is printed; on a terminal a progress bar runs within it. At the end the weights
of the best epoch in validation are saved, with test accuracy and confusion matrix printed. Ctrl-C stops
cleanly and saves the best so far; so does an error on the way, such as a full disk under the log.

With --checkpoint the training can be ended at any time, even by a power cut, and gone on with later: the same
command with --resume FILE. Ctrl-C writes a checkpoint too.

--recipe fast99 goes with --data, --seed, --threads and --out only. It prints the seconds of training, from before
the first batch to after the last step; reading the data set and testing are not counted.)");
  c->callback([c, o, &exit_code] {
    check_together(*c, *o);
    exit_code = o->recipe.empty() ? train(*o) : train_by_recipe(*o);
  });
}

}  // namespace hubel::cli
