// LeNet-5 from C++: the time of one image through the network, on one thread, and of a training step (forward, loss,
// backward, Adam) on a batch, on 1 to --threads threads. Medians.
//
//   build/bench/bench/bench_lenet [--threads N] [--batch N] [--isa best|avx2] [--seconds S]
#include <fmt/format.h>
#include <hwy/targets.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "hubel/hubel.hpp"

namespace {

using namespace hubel;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The median time of a run, over those that fit into `seconds`, when it has gone on for a tenth of that.
template <class Run>
double median(const Run& run, double seconds) {
  const auto begin = Clock::now();
  while (since(begin) < seconds / 10) run();
  std::vector<double> times;
  while (since(begin) < seconds || times.empty()) {
    const auto start = Clock::now();
    run();
    times.push_back(since(start));
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

void time_image(const Dataset& images, double seconds) {
  const Network<float> network = lenet5(1);
  Execution<float> execution(network, 1, Execution<float>::Mode::inference);
  Tensor<float> x(Shape{1, 28, 28, 1});
  const std::int32_t index = 0;
  images.gather(&index, 1, x.data(), nullptr);
  set_num_threads(1);
  fmt::print("one image, 1 thread: {:.2f} us\n", 1e6 * median([&] { execution.forward(x); }, seconds));
}

void time_step(const Dataset& images, std::int64_t batch, int threads, double seconds) {
  Network<float> network = lenet5(1);
  Execution<float> execution(network, batch, Execution<float>::Mode::training);
  Optimizer<float> optimizer(Adam{}, std::as_const(network).parameters());
  Tensor<float> x(Shape{batch, 28, 28, 1});
  std::vector<std::int32_t> order = Random(0, 0).permutation(images.count()), labels(static_cast<std::size_t>(batch));
  std::int64_t next = 0;
  set_num_threads(threads);
  const double step = median(
      [&] {
        images.gather(order.data() + next, batch, x.data(), labels.data());
        next = next + 2 * batch <= images.count() ? next + batch : 0;
        execution.loss_and_gradients(x, labels);
        optimizer.step(network.parameters(), execution.gradients());
      },
      seconds);
  fmt::print("a step of {}, {} thread{}: {:.1f} us, {:.3f} s for 60,000 images\n", batch, threads,
             threads == 1 ? "" : "s", 1e6 * step, 60'000.0 / static_cast<double>(batch) * step);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("LeNet-5 from C++");
  int threads = 2;
  std::int64_t batch = 32;
  double seconds = 2;
  std::string isa = "best";
  app.add_option("--threads", threads, "The most threads")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--batch", batch, "Images of a step")->capture_default_str()->check(CLI::Range(1, 60'000));
  app.add_option("--isa", isa, "best, or avx2: AVX-512 is not used")
      ->check(CLI::IsMember({"best", "avx2"}))
      ->capture_default_str();
  app.add_option("--seconds", seconds, "Time for each figure")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (isa == "avx2") hwy::DisableTargets(HWY_AVX2 - 1);  // lower bits are better targets
  const DatasetSplits mnist = load_dataset("mnist");
  time_image(mnist.train, seconds);
  for (int n = 1; n <= threads; ++n) time_step(mnist.train, batch, n, seconds);
}
