// `hubel train`: trains a network on a data set and saves it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/shared.hpp"
#include "cli/terminal.hpp"
#include "hubel/hubel.hpp"
#include "io/atomic_file.hpp"

namespace hubel::cli {

namespace {

struct Options {
  std::string data = "mnist";
  std::int64_t epochs = 5;
  std::int64_t batch = 32;
  double lr = 1e-3;
  std::string optimizer = "adam";
  std::string schedule = "linear";
  std::uint64_t seed = 0;
  std::optional<std::int64_t> validation;
  std::string recipe;
  std::string out = kDefaultModel;
};

// Found out before the training rather than after it, by beginning to write and leaving it at that.
void check_writable(const std::string& path) {
  if (path.empty()) throw std::runtime_error("--out is empty, but must name the file to write");
  const detail::AtomicFile begun(path);
}

// Training images to hold out, so that the best epoch is chosen without a look at the test images. As many as asked
// for, else a twelfth, at most 5,000 (which tells accuracies apart to about 0.1 %).
std::int64_t held_out(const Options& o, const DatasetSplits& data) {
  const std::int64_t count = data.train.count();
  if (!o.validation) return data.validation.count() > 0 ? 0 : std::min<std::int64_t>(count / 12, 5000);
  if (*o.validation > 0 && data.validation.count() > 0) {
    throw std::runtime_error(
        fmt::format("{} brings validation images of its own; leave --validation out", data.source));
  }
  if (*o.validation >= count) {
    throw std::runtime_error(fmt::format("--validation {} leaves nothing to train on: {} has {} training images",
                                         *o.validation, data.source, with_commas(count)));
  }
  return *o.validation;
}

OptimizerOptions optimizer_options(const Options& o) {
  OptimizerOptions options = optimizer_from_name(o.optimizer);
  std::visit([&](auto& chosen) { chosen.learning_rate = o.lr; }, options);
  return options;
}

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

// Prints training as it goes: a progress line within the epoch, a lasting line after it.
class Reporter {
 public:
  Reporter(const Network<float>& network, const Dataset& test) : network_(network), test_(test) {}

  bool step(const TrainProgress& p) {
    if (progress_.due()) {
      const double rate = static_cast<double>(p.samples) / std::max(p.seconds, 1e-9);
      const double left = p.seconds / static_cast<double>(p.step) * static_cast<double>(p.steps - p.step);
      progress_.show(static_cast<double>(p.step) / static_cast<double>(p.steps), epoch_label(p.epoch, p.epochs),
                     fmt::format("loss {:.4f}  acc {}  {} images/s  {} left", p.loss, percent(p.accuracy),
                                 with_commas(static_cast<long long>(rate)), clock_time(left)));
    }
    epochs_ = p.epochs;
    return !interrupted();
  }

  bool epoch(const EpochResult& e) {
    progress_.clear();
    std::string line =
        fmt::format("{}  loss {:.4f}  accuracy {}", epoch_label(e.epoch, epochs_), e.loss, percent(e.accuracy));
    if (e.validation) line += "  validation " + percent(e.validation->accuracy);
    if (test_.count() > 0 && !interrupted()) line += "  test " + percent(evaluate(network_, test_).accuracy);
    fmt::print("{}  {:.1f} s\n", line, e.seconds);
    std::fflush(stdout);
    return !interrupted();
  }

  void done() { progress_.clear(); }

 private:
  static std::string epoch_label(std::int64_t epoch, std::int64_t epochs) {
    return fmt::format("epoch {}/{}", epoch, epochs);
  }

  const Network<float>& network_;
  const Dataset& test_;
  Progress progress_;
  std::int64_t epochs_ = 0;
};

std::string threads_in_use() { return fmt::format("{} thread{}", num_threads(), num_threads() == 1 ? "" : "s"); }

void print_start(const DatasetSplits& data, const std::string& model, const std::string& training) {
  fmt::print("Data: {}: {} images to train on, {} to validate, {} to test, {} of {} classes\n", data.source,
             with_commas(data.train.count()), with_commas(data.validation.count()), with_commas(data.test.count()),
             data.train.sample_shape().to_string(), data.train.classes);
  fmt::print("Model: {}; {}, {}\n", model, training, threads_in_use());
  std::fflush(stdout);
}

std::map<std::string, std::string> notes(const DatasetSplits& data, const std::string& training,
                                         const TrainResult& trained, const Evaluation& test) {
  std::map<std::string, std::string> n;
  n["data"] = data.source;
  n["training"] = fmt::format("{} epochs, {}", trained.epochs.size(), training);
  if (test.count > 0) n["test_accuracy"] = fmt::format("{:.4f}", test.accuracy);
  return n;
}

// What came of it, in words, and the exit code. Weights that have not seen all images once replace no file.
int finish(const Options& o, const DatasetSplits& data, Network<float>& network, const std::string& training,
           const TrainResult& trained) {
  const bool first_epoch = trained.stopped && trained.epochs.empty();
  if (first_epoch && std::filesystem::exists(o.out)) {
    fmt::print("Stopped in the first epoch. {} stays as it was.\n", printable(o.out));
    return interrupted_code();
  }
  if (trained.stopped) {
    fmt::print("Stopped. Keeping the weights {}.\n",
               trained.best_epoch > 0 ? fmt::format("of epoch {}, the best so far", trained.best_epoch)
                                      : std::string("as they are"));
  }
  Evaluation test;
  if (data.test.count() > 0) {
    std::vector<std::int64_t> confusion;
    test = evaluate(network, data.test, 256, &confusion);
    fmt::print(
        "\n{}\nTest accuracy {} ({} of {} right), loss {:.4f}{}\n",
        confusion_table(confusion, printable_names(data.class_names)), percent(test.accuracy),
        with_commas(std::llround(test.accuracy * static_cast<double>(test.count))), with_commas(test.count), test.loss,
        trained.best_epoch > 0 ? fmt::format(" (weights of epoch {}, the best in validation)", trained.best_epoch)
                               : std::string());
  }
  save_model(Model{network, data.class_names, notes(data, training, trained, test)}, o.out);
  fmt::print("Saved {}\n", printable(o.out));
  return trained.stopped ? interrupted_code() : 0;
}

int train(const Options& o) {
  check_writable(o.out);
  DatasetSplits data = load_shown(o.data);
  choose_split(data, "train");
  const std::int64_t hold = held_out(o, data), count = data.train.count();
  if (hold > 0) {
    data.validation = data.train.slice(count - hold, count);
    data.train.keep_first(count - hold);
  }
  Network<float> network = lenet5(o.seed, data.train.classes, data.train.sample_shape());
  catch_interrupts();
  const std::string training =
      fmt::format("{}, learning rate {} ({}), batch {}, seed {}", o.optimizer, o.lr, o.schedule, o.batch, o.seed);
  print_start(data, fmt::format("LeNet-5, {} parameters", with_commas(network.parameter_count())), training);

  Reporter reporter(network, data.test);
  TrainOptions options;
  options.epochs = o.epochs;
  options.batch_size = o.batch;
  options.optimizer = optimizer_options(o);
  options.schedule = schedule_from_name(o.schedule);
  options.seed = o.seed;
  options.keep_best = true;
  options.on_step = [&](const TrainProgress& p) { return reporter.step(p); };
  options.on_epoch = [&](const EpochResult& e) { return reporter.epoch(e); };
  const TrainResult trained =
      fit(network, data.train, options, data.validation.count() > 0 ? &data.validation : nullptr);
  reporter.done();
  return finish(o, data, network, training, trained);
}

// A training that a recipe settles. The clock runs while fit does: memory, the order of images, batches, steps. Nothing
// is printed and nothing evaluated in that time, and no test image is looked at before it is over.
int train_by_recipe(const Options& o) {
  check_writable(o.out);
  const DatasetSplits data = load_shown(o.data);
  choose_split(data, "train");
  Recipe recipe = recipe_from_name(o.recipe, o.seed, data.train.classes, data.train.sample_shape());
  catch_interrupts();
  const std::string training = fmt::format("recipe {}, seed {}", o.recipe, o.seed);
  print_start(data, fmt::format("{} parameters", with_commas(recipe.network.parameter_count())), training);

  recipe.options.on_step = [](const TrainProgress&) { return !interrupted(); };
  const auto start = std::chrono::steady_clock::now();
  const TrainResult trained = fit(recipe.network, data.train, recipe.options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  for (const EpochResult& e : trained.epochs) {
    fmt::print("epoch {}/{}  {} images  loss {:.4f}  accuracy {}  {:.3f} s\n", e.epoch, recipe.options.epochs,
               with_commas(e.samples), e.loss, percent(e.accuracy), e.seconds);
  }
  fmt::print("Trained in {:.3f} s on {} (without reading the data and testing)\n", seconds.count(), threads_in_use());
  return finish(o, data, recipe.network, training, trained);
}

// What a recipe settles may not be asked for beside it.
void check_recipe(const CLI::App& command, const Options& o) {
  if (o.recipe.empty()) return;
  for (const char* option : {"--epochs", "--batch", "--lr", "--optimizer", "--schedule", "--validation"}) {
    if (command.count(option) > 0) {
      throw CLI::ValidationError(
          fmt::format("--recipe {} settles what {} asks for; leave one of the two out", o.recipe, option));
    }
  }
}

// Checks of options: what is wrong with the text, or nothing.
std::string is_rate(const std::string& text) {
  return finite_number(text).value_or(0) > 0 ? "" : fmt::format("a learning rate is a number above 0, not {}", text);
}

std::string is_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool right = error == std::errc() && end == text.data() + text.size();
  return right ? "" : fmt::format("a seed is a whole number from 0 to 18446744073709551615, not {}", text);
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("train", "Train LeNet-5 on a data set and save it");
  constexpr std::int64_t kMany = 1'000'000;
  c->add_option("--data", o->data, kDataHelp)->capture_default_str();
  c->add_option("--epochs", o->epochs, "How often to go through the training images")
      ->check(CLI::Range(std::int64_t{1}, kMany))
      ->type_name("N")
      ->capture_default_str();
  c->add_option("--batch", o->batch, "Images for one step of the optimiser")
      ->check(CLI::Range(std::int64_t{1}, kMany))
      ->type_name("N")
      ->capture_default_str();
  c->add_option("--lr", o->lr, "The learning rate at the start")
      ->check(CLI::Validator(is_rate, "RATE"))
      ->type_name("RATE")
      ->capture_default_str();
  c->add_option("--optimizer", o->optimizer, "How gradients change weights")
      ->check(CLI::IsMember({"adam", "adamw", "sgd"}))
      ->capture_default_str();
  c->add_option("--schedule", o->schedule, "How the learning rate goes on from there")
      ->check(CLI::IsMember({"constant", "linear", "cosine", "one_cycle"}))
      ->capture_default_str();
  c->add_option("--seed", o->seed, "Starting weights and order of images; the same seed gives the same bits")
      ->check(CLI::Validator(is_seed, "N"))
      ->type_name("N")
      ->capture_default_str();
  c->add_option(
       "--validation", o->validation,
       "Training images to hold out for choosing the best epoch (default: a twelfth, at most 5,000, unless the "
       "data set brings its own)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000}))
      ->type_name("N");
  c->add_option("--recipe", o->recipe,
                "Train as a recipe has it instead, network and all. fast99: MNIST to 99 % of the test images in the "
                "shortest time")
      ->check(CLI::IsMember({"fast99"}));
  add_threads_option(*c);
  c->add_option("--out", o->out, "The model file to write, in safetensors format")
      ->type_name("FILE")
      ->capture_default_str();
  c->footer(R"(After each epoch a line is printed; on a terminal a progress bar runs within it. At the end the weights
of the best epoch in validation are saved, with test accuracy and confusion matrix printed. Ctrl-C stops
cleanly and saves the best so far.

--recipe fast99 goes with --data, --seed, --threads and --out only. It prints the seconds of training, from before
the first batch to after the last step; reading the data set and testing are not counted.)");
  c->callback([c, o, &exit_code] {
    check_recipe(*c, *o);
    exit_code = o->recipe.empty() ? train(*o) : train_by_recipe(*o);
  });
}

}  // namespace hubel::cli
