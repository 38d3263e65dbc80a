// Timing layers and the machine; see hubel/benchmark.hpp.
#include "hubel/benchmark.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "hubel/random.hpp"
#include "hubel/threads.hpp"
#include "nn/network_plan.hpp"
#include "ops/parallel.hpp"
#include "simd/machine.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The median time of one run, over as many as fit into `seconds`, at least five. The first, which makes memory, does
// not count, and neither does what prepares a run.
double median_seconds(
    const std::function<void()>& run, double seconds, const std::function<void()>& prepare = [] {}) {
  prepare();
  run();
  constexpr std::size_t kFewest = 5, kMost = 10'000;
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.size() < kFewest || (since(begin) < seconds && times.size() < kMost)) {
    prepare();
    const auto start = Clock::now();
    run();
    times.push_back(since(start));
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// The best of some runs: a limit is what is possible, not what is usual beside others.
double best_seconds(const std::function<void()>& run, int runs) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    run();
    best = std::min(best, since(start));
  }
  return best;
}

Tensor<float> random_values(const Shape& shape, std::uint64_t stream) {
  Tensor<float> x(shape);
  const Random random(1, stream);
  for (std::int64_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(2 * random.uniform(static_cast<std::uint64_t>(i)) - 1);
  return x;
}

double bytes_of(std::int64_t floats) { return sizeof(float) * static_cast<double>(floats); }

// Beyond the last cache, four times over; with bounds where the system does not say or says wonders.
std::size_t beyond_caches() {
  constexpr std::size_t kLeast = std::size_t{64} << 20, kMost = std::size_t{512} << 20;
  long cache = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
  cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  return std::clamp(4 * static_cast<std::size_t>(std::max(cache, 0L)), kLeast, kMost);
}

double measure_flops(int threads) {
  // Some 2 ms a thread, which is long beside what handing out the work takes.
  constexpr std::size_t kRounds = 500'000;
  double flops = 0;
  const double seconds = best_seconds(
      [&] {
        detail::parallel_for(threads, 1e9, [&](std::int64_t i) {
          const double done = simd::busy_multiply_adds(kRounds);
          if (i == 0) flops = done;
        });
      },
      40);
  return flops * threads / seconds;
}

double measure_bytes(int threads) {
  const std::size_t n = beyond_caches() / sizeof(float);
  const Tensor<float> x(Shape{static_cast<std::int64_t>(n)});
  constexpr std::size_t kItem = std::size_t{1} << 18;  // a megabyte
  const auto items = static_cast<std::int64_t>(n / kItem);
  const double seconds = best_seconds(
      [&] {
        detail::parallel_for(items, threads > 1 ? 1e9 : 0, [&](std::int64_t i) {
          volatile float used = simd::sum(x.data() + static_cast<std::size_t>(i) * kItem, kItem);
          (void)used;
        });
      },
      8);
  return static_cast<double>(static_cast<std::size_t>(items) * kItem * sizeof(float)) / seconds;
}

void check_seconds(std::string_view who, double seconds) {
  if (seconds > 0 && std::isfinite(seconds)) return;
  throw std::invalid_argument(detail::formatted("{}: seconds = {}, it must be above 0", who, seconds));
}

}  // namespace

MachineLimits measure_machine() {
  const int threads = std::min(num_threads(), detail::loop_threads(1'000'000, 1e12));
  return {simd::instruction_set(), threads, measure_flops(threads), measure_bytes(threads)};
}

double attainable_seconds(const Timing& timing, const MachineLimits& limits) {
  return std::max(timing.flops / limits.flops, timing.bytes / limits.bytes);
}

std::vector<Timing> time_layers(const Network<float>& network, std::int64_t batch, double seconds) {
  if (batch < 1)
    throw std::invalid_argument(detail::formatted("time_layers: batch = {}, it must be at least 1", batch));
  check_seconds("time_layers", seconds);
  std::vector<Timing> timings;
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const GraphLayer& placed = network.layers()[i];
    if (std::holds_alternative<Flatten>(placed.layer) || placed.inputs.size() > 1) continue;  // moves or adds little
    const LayerInfo& info = network.info()[i];
    const Network<float> layer(info.input_shape, {placed.layer}, 1);
    const Tensor<float> x = random_values(detail::batch_shape(batch, info.input_shape), 2 * i);
    const Tensor<float> dout = random_values(detail::batch_shape(batch, info.output_shape), 2 * i + 1);
    Execution<float> execution(layer, batch, Execution<float>::Mode::training);
    const double flops = 2.0 * static_cast<double>(info.macs) * static_cast<double>(batch);
    const double moved = bytes_of(x.size() + dout.size() + layer.parameter_count());
    const auto forward = [&] { execution.forward(x); };
    timings.push_back({info.name, "forward", info.options, median_seconds(forward, seconds), flops, moved});
    timings.push_back({info.name, "backward", info.options,
                       median_seconds([&] { execution.backward(dout); }, seconds, forward), 2 * flops, 2 * moved});
  }
  return timings;
}

std::vector<Timing> time_convolution(const ConvBenchmark& c, double seconds) {
  check_seconds("time_convolution", seconds);
  const ConvGeometry g = conv_geometry(c.x, c.W, c.options, c.name);
  const Tensor<float> x = random_values(c.x, 1), W = random_values(c.W, 2), dy = random_values(g.output_shape(), 3);
  Tensor<float> y(g.output_shape()), dx(c.x), dW(c.W);
  const double flops = 2.0 * static_cast<double>(y.size()) * static_cast<double>(c.W[0] * c.W[1] * c.W[2]);
  const double bytes = bytes_of(x.size() + W.size() + y.size());
  const auto timing = [&](const char* pass, const std::function<void()>& run) {
    const std::string detail = detail::formatted("{} by {}", c.x.to_string(), c.W.to_string());
    return Timing{c.name, pass, detail, median_seconds(run, seconds), flops, bytes};
  };
  const TensorView<const float> none;
  return {timing("forward", [&] { conv_forward(x, W, none, Activation::identity, c.options, y); }),
          timing("backward-data", [&] { conv_backward(dy, x, W, c.options, dx, {}, {}); }),
          timing("backward-weights", [&] { conv_backward(dy, x, W, c.options, {}, dW, {}); })};
}

}  // namespace hubel
