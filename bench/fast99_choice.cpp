// How the recipe fast99 was chosen: the recipe, the one it was made from, and the recipe with one choice after another
// made differently, each trained on 50,000 of MNIST's training images and judged by the other 10,000. The test images
// have no say. Every candidate is trained with every seed, in turn; docs/performance.md has what came out.
//
//   build/bench/bench/bench_fast99_choice [--seeds N] [--first N] [--threads N]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "hubel/hubel.hpp"

namespace {

using namespace hubel;

constexpr std::int64_t kHeldOut = 10'000;  // the last ones

struct Candidate {
  std::string name;
  std::function<Recipe(std::uint64_t)> recipe;
  std::vector<double> accuracies = {};  // %, a seed each
  double seconds = 1e300;               // the least
};

Candidate but(std::string name, const std::function<void(TrainOptions&)>& change) {
  return {std::move(name), [change](std::uint64_t seed) {
            Recipe recipe = fast99(seed);
            change(recipe.options);
            return recipe;
          }};
}

// fast99's network with a last layer that starts from he_normal, as the others do.
Network<float> all_he_normal(std::uint64_t seed) {
  const Network<float> network = fast99(seed).network;
  std::vector<Layer> layers;
  for (const GraphLayer& placed : network.layers()) layers.push_back(placed.layer);
  std::get<Dense>(layers.back()).kernel_initializer = Initializer::he_normal;
  return {network.input_shape(), layers, seed};
}

std::vector<Candidate> candidates() {
  const auto adam = [](double rate, double beta_2) { return Adam{.learning_rate = rate, .beta_2 = beta_2}; };
  const auto later = [](std::int64_t epochs, double share, double skip) {
    return [=](TrainOptions& o) {
      o.epochs = epochs;
      o.hard_share = share;
      o.skip_above = skip;
    };
  };
  return {
      but("fast99", [](TrainOptions&) {}),
      {"where it began",
       [=](std::uint64_t seed) {
         Recipe recipe{all_he_normal(seed), fast99(seed).options};
         recipe.options.optimizer = adam(0.01, 0.99);
         recipe.options.warmup = 0.2;
         later(3, 0.1, 0.99)(recipe.options);
         return recipe;
       }},
      {"all layers start from he_normal",
       [](std::uint64_t seed) {
         return Recipe{all_he_normal(seed), fast99(seed).options};
       }},
      but("learning rate 0.010", [=](TrainOptions& o) { o.optimizer = adam(0.010, 0.99); }),
      but("learning rate 0.012", [=](TrainOptions& o) { o.optimizer = adam(0.012, 0.99); }),
      but("learning rate 0.020", [=](TrainOptions& o) { o.optimizer = adam(0.020, 0.99); }),
      but("beta_2 0.98", [=](TrainOptions& o) { o.optimizer = adam(0.014, 0.98); }),
      but("beta_2 0.995", [=](TrainOptions& o) { o.optimizer = adam(0.014, 0.995); }),
      but("warm-up 0.05", [](TrainOptions& o) { o.warmup = 0.05; }),
      but("warm-up 0.2", [](TrainOptions& o) { o.warmup = 0.2; }),
      but("cosine", [](TrainOptions& o) { o.schedule = Schedule::cosine; }),
      but("batches of 48", [](TrainOptions& o) { o.batch_size = 48; }),
      but("batches of 96", [](TrainOptions& o) { o.batch_size = 96; }),
      but("3 epochs, the later of 0.1", later(3, 0.1, 0.95)),
      but("3 epochs, the later of 0.15", later(3, 0.15, 0.95)),
      but("5 epochs, the later of 0.1", later(5, 0.1, 0.95)),
      but("skip above 0.9", [](TrainOptions& o) { o.skip_above = 0.9; }),
      but("skip above 0.99", [](TrainOptions& o) { o.skip_above = 0.99; }),
  };
}

void train(Candidate& candidate, std::uint64_t seed, const Dataset& images, const Dataset& held_out) {
  Recipe recipe = candidate.recipe(seed);
  const auto start = std::chrono::steady_clock::now();
  fit(recipe.network, images, recipe.options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  candidate.seconds = std::min(candidate.seconds, seconds.count());
  candidate.accuracies.push_back(100 * evaluate(recipe.network, held_out).accuracy);
}

void print(const Candidate& candidate, double seconds_of_first) {
  const std::vector<double>& all = candidate.accuracies;
  const auto n = static_cast<double>(all.size());
  double mean = 0, squares = 0;
  for (const double accuracy : all) mean += accuracy / n;
  for (const double accuracy : all) squares += (accuracy - mean) * (accuracy - mean);
  const double error = std::sqrt(squares / std::max(n - 1, 1.0) / n);
  fmt::print("{:32} {:7.3f} +- {:.3f} {:9.2f} {:9.2f}\n", candidate.name, mean, error,
             *std::min_element(all.begin(), all.end()), candidate.seconds / seconds_of_first);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("How the recipe fast99 was chosen");
  std::uint64_t first = 0;
  int seeds = 16, threads = 1;
  app.add_option("--first", first, "The first seed")->capture_default_str();
  app.add_option("--seeds", seeds, "Seeds for each candidate")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--threads", threads, "The accuracies do not depend on it")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  set_num_threads(threads);
  DatasetSplits mnist = load_dataset("mnist");
  const std::int64_t count = mnist.train.count() - kHeldOut;
  const Dataset held_out = mnist.train.slice(count, mnist.train.count());
  mnist.train.keep_first(count);
  std::vector<Candidate> all = candidates();
  for (int i = 0; i < seeds; ++i)
    for (Candidate& candidate : all) train(candidate, first + static_cast<std::uint64_t>(i), mnist.train, held_out);

  fmt::print("{} seeds from {}, {} of the training images held out\n\n", seeds, first, kHeldOut);
  fmt::print("{:32} {:>16} {:>9} {:>9}\n", "", "accuracy %", "least", "time");
  for (const Candidate& candidate : all) print(candidate, all.front().seconds);
}
