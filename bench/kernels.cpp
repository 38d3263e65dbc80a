// The operations that memory bounds, dense layers, the optimisers and the network by Google Benchmark, each with its
// rate beside what this machine was measured to allow at the start: `of_memory` and `of_peak` are shares of it. A share
// of memory above 1 says that the data was in the caches.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <random>

#include "hubel/activation.hpp"
#include "hubel/adaptive_pool.hpp"
#include "hubel/benchmark.hpp"
#include "hubel/dense.hpp"
#include "hubel/loss.hpp"
#include "hubel/network.hpp"
#include "hubel/optimizer.hpp"
#include "hubel/pad.hpp"
#include "hubel/pool.hpp"
#include "hubel/resize.hpp"
#include "hubel/threads.hpp"
#include "hwy/targets.h"

namespace {

using benchmark::Counter;
using benchmark::State;
using hubel::Shape;
using hubel::Tensor;

hubel::MachineLimits limits;  // measured in main()

Tensor<float> random_tensor(const Shape& shape, unsigned seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  Tensor<float> x(shape);
  for (float& v : x) v = uniform(random);
  return x;
}

double bytes_of(std::int64_t floats) { return sizeof(float) * static_cast<double>(floats); }

Counter rate(double of_a_run) { return {of_a_run, Counter::kIsIterationInvariantRate, Counter::kIs1000}; }

// What a run moves, each array once.
void moves(State& state, double bytes) {
  state.counters["bytes/s"] = rate(bytes);
  state.counters["of_memory"] = rate(bytes / limits.bytes);
}

void computes(State& state, double flops) {
  state.counters["FLOP/s"] = rate(flops);
  state.counters["of_peak"] = rate(flops / limits.flops);
}

// Measured by the clock, since several threads work.
template <class Run>
void add(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

void add_pools() {
  struct Pool {
    Shape x;
    std::int64_t kernel, stride;
  };
  const Pool pools[] = {{{32, 28, 28, 6}, 2, 2}, {{8, 56, 56, 64}, 2, 2}, {{8, 112, 112, 64}, 3, 2}};
  for (const Pool& p : pools) {
    for (hubel::PoolMode mode : {hubel::PoolMode::max, hubel::PoolMode::avg}) {
      const hubel::PoolOptions options{{p.kernel, p.kernel}, {p.stride, p.stride}, mode};
      const std::string what = fmt::format("{}_pool {}x{}/{} of {}", hubel::pool_mode_name(mode), p.kernel, p.kernel,
                                           p.stride, p.x.to_string());
      add(what + " forward", [=](State& state) {
        const Tensor<float> x = random_tensor(p.x, 1);
        Tensor<float> y = hubel::pool_forward(x, options);
        for (auto _ : state) hubel::pool_forward(x, options, y);
        moves(state, bytes_of(x.size() + y.size()));
      });
      add(what + " backward", [=](State& state) {
        const Tensor<float> x = random_tensor(p.x, 1);
        const Tensor<float> dy = random_tensor(hubel::pool_forward(x, options).shape(), 2);
        Tensor<float> dx(p.x);
        for (auto _ : state) hubel::pool_backward(dy, x, options, dx);
        const std::int64_t read = mode == hubel::PoolMode::max ? x.size() : 0;  // the mean's gradient does not need it
        moves(state, bytes_of(read + dy.size() + dx.size()));
      });
    }
  }
}

void add_global_pools() {
  for (const Shape& shape : {Shape{32, 7, 7, 2048}, Shape{32, 56, 56, 64}, Shape{16, 224, 224, 3}}) {
    for (hubel::PoolMode mode : {hubel::PoolMode::max, hubel::PoolMode::avg}) {
      const std::string what = fmt::format("global_{}_pool of {}", hubel::pool_mode_name(mode), shape.to_string());
      add(what + " forward", [=](State& state) {
        const Tensor<float> x = random_tensor(shape, 1);
        Tensor<float> y = hubel::adaptive_pool_forward(x, {1, 1}, mode);
        for (auto _ : state) hubel::adaptive_pool_forward(x, {1, 1}, mode, y);
        moves(state, bytes_of(x.size() + y.size()));
      });
      add(what + " backward", [=](State& state) {
        const Tensor<float> x = random_tensor(shape, 1), dy = random_tensor({shape[0], 1, 1, shape[3]}, 2);
        Tensor<float> dx(shape);
        for (auto _ : state) hubel::adaptive_pool_backward(dy, x, mode, dx);
        const std::int64_t read = mode == hubel::PoolMode::max ? x.size() : 0;
        moves(state, bytes_of(read + dy.size() + dx.size()));
      });
    }
  }
}

// To twice the size.
void add_resizes() {
  for (const Shape& shape : {Shape{8, 56, 56, 64}, Shape{8, 112, 112, 3}}) {
    for (const auto how : {hubel::Interpolation::nearest, hubel::Interpolation::bilinear}) {
      const hubel::ResizeOptions options{{2 * shape[1], 2 * shape[2]}, how};
      const std::string what = fmt::format("resize {} x2 of {}", hubel::interpolation_name(how), shape.to_string());
      add(what + " forward", [=](State& state) {
        const Tensor<float> x = random_tensor(shape, 1);
        Tensor<float> y = hubel::resize_forward(x, options);
        for (auto _ : state) hubel::resize_forward(x, options, y);
        moves(state, bytes_of(x.size() + y.size()));
      });
      add(what + " backward", [=](State& state) {
        const Tensor<float> dy = random_tensor(hubel::resize_output_shape(shape, options), 1);
        Tensor<float> dx(shape);
        for (auto _ : state) hubel::resize_backward(dy, options, dx);
        moves(state, bytes_of(dx.size() + dy.size()));
      });
    }
  }
}

void add_pads() {
  const hubel::Margins margins{1, 1, 1, 1};
  add("pad 1 of (8, 112, 112, 64)", [=](State& state) {
    const Tensor<float> x = random_tensor({8, 112, 112, 64}, 1);
    Tensor<float> y = hubel::pad_forward(x, margins);
    for (auto _ : state) hubel::pad_forward(x, margins, 0, y);
    moves(state, bytes_of(x.size() + y.size()));
  });
}

void add_activations() {
  for (std::int64_t n : {1 << 14, 1 << 24}) {  // in the nearest caches, and beyond all of them
    for (const char* name : {"relu", "leaky_relu", "sigmoid", "tanh", "gelu", "silu"}) {
      const hubel::Activation activation = hubel::activation_from_name(name);
      const std::string what = fmt::format("{} of {} KB", name, n * 4 / 1024);
      add(what + " forward", [=](State& state) {
        const Tensor<float> x = random_tensor({n}, 1, -4, 4);
        Tensor<float> y({n});
        for (auto _ : state) hubel::activation_forward(x, activation, y);
        moves(state, bytes_of(2 * n));
      });
      add(what + " backward", [=](State& state) {
        const Tensor<float> x = random_tensor({n}, 1, -4, 4), dy = random_tensor({n}, 2);
        const Tensor<float> y = hubel::activation_forward(x, activation);
        Tensor<float> dx({n});
        for (auto _ : state) hubel::activation_backward(dy, x, y, activation, dx);
        moves(state, bytes_of(3 * n));
      });
    }
  }
  add("softmax_cross_entropy of (128, 1000)", [](State& state) {
    const Tensor<float> logits = random_tensor({128, 1000}, 1, -4, 4);
    const std::vector<std::int32_t> labels(128, 7);
    Tensor<float> dlogits(logits.shape());
    for (auto _ : state) hubel::softmax_cross_entropy(logits, labels, dlogits);
    moves(state, bytes_of(2 * logits.size()));
  });
}

void add_denses() {
  struct Dense {
    std::int64_t m, n_in, n_out;
  };
  for (const Dense& d : {Dense{32, 400, 120}, {128, 512, 512}, {256, 1024, 1024}, {32, 2048, 1000}, {64, 9216, 4096}}) {
    const double flops = 2.0 * static_cast<double>(d.m * d.n_in * d.n_out);
    const std::string what = fmt::format("dense {}x{}x{}", d.m, d.n_in, d.n_out);
    add(what + " forward", [=](State& state) {
      const Tensor<float> X = random_tensor({d.m, d.n_in}, 1), W = random_tensor({d.n_in, d.n_out}, 2),
                          b = random_tensor({d.n_out}, 3);
      Tensor<float> out({d.m, d.n_out});
      for (auto _ : state) hubel::dense_forward(X, W, b, hubel::Activation::relu, out);
      computes(state, flops);
    });
    for (const bool data : {true, false}) {
      add(what + (data ? " backward-data" : " backward-weights"), [=](State& state) {
        const Tensor<float> X = random_tensor({d.m, d.n_in}, 1), W = random_tensor({d.n_in, d.n_out}, 2),
                            dZ = random_tensor({d.m, d.n_out}, 3);
        Tensor<float> dX(X.shape()), dW(W.shape());
        using View = hubel::TensorView<float>;
        for (auto _ : state) hubel::dense_backward(dZ, X, W, data ? dX.view() : View(), data ? View() : dW.view(), {});
        computes(state, flops);
      });
    }
  }
}

void add_optimizers() {
  struct Kind {
    hubel::OptimizerOptions options;
    std::int64_t arrays;  // read or written
  };
  const Kind kinds[] = {{hubel::SGD{}, 3}, {hubel::SGD{0.01, 0.9, false}, 5}, {hubel::Adam{}, 7}};
  for (std::int64_t n : {61'706, 1 << 23}) {  // LeNet-5's parameters, and beyond the caches
    for (const Kind& kind : kinds) {
      const auto* sgd = std::get_if<hubel::SGD>(&kind.options);
      add(fmt::format("{}{} of {}", hubel::optimizer_name(kind.options), sgd && sgd->momentum > 0 ? " momentum" : "",
                      n),
          [=](State& state) {
            std::vector<hubel::Parameter<float>> parameters{{"w", random_tensor({n}, 1)}};
            Tensor<float> gradient = random_tensor({n}, 2);
            const hubel::TensorView<float> gradients[] = {gradient.view()};
            hubel::Optimizer<float> optimizer(kind.options, parameters);
            for (auto _ : state) optimizer.step(parameters, gradients);
            moves(state, bytes_of(kind.arrays * n));
          });
    }
  }
}

void add_lenet() {
  for (std::int64_t batch : {1, 32}) {
    add(fmt::format("LeNet-5 inference of {}", batch), [=](State& state) {
      const hubel::Network<float> network = hubel::lenet5(1);
      hubel::Execution<float> execution(network, batch, hubel::Execution<float>::Mode::inference);
      const Tensor<float> x = random_tensor({batch, 28, 28, 1}, 1, 0, 1);
      for (auto _ : state) execution.forward(x);
      std::int64_t macs = 0;
      for (const hubel::LayerInfo& layer : network.info()) macs += layer.macs;
      computes(state, 2.0 * static_cast<double>(macs * batch));
    });
  }
}

// The shares are rates to Google Benchmark, since it divides them by the time; they are printed as the numbers they
// are.
class Reporter : public benchmark::ConsoleReporter {
 public:
  Reporter() : ConsoleReporter(OO_Tabular) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> told = runs;
    for (Run& run : told) {
      for (auto& [name, counter] : run.counters) {
        if (name.starts_with("of_")) counter.flags = Counter::kDefaults;
      }
    }
    ConsoleReporter::ReportRuns(told);
  }
};

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);  // takes its own options out
  CLI::App app("Operations beside this machine's measured limits; --benchmark_filter=REGEX chooses some.");
  int threads = 0;
  std::string isa = "best";
  app.add_option("--threads", threads, "Threads; 0 is the number of cores")->capture_default_str();
  app.add_option("--isa", isa, "best, or avx2: without AVX-512")
      ->check(CLI::IsMember({"best", "avx2"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  if (isa == "avx2") hwy::DisableTargets(HWY_AVX2 - 1);  // lower bits are better targets
  hubel::set_num_threads(threads);
  limits = hubel::measure_machine();
  benchmark::AddCustomContext("instruction set", limits.instruction_set);
  benchmark::AddCustomContext("threads", fmt::format("{}", limits.threads));
  benchmark::AddCustomContext("peak of multiply-adds", fmt::format("{:.0f} GFLOP/s", limits.flops / 1e9));
  benchmark::AddCustomContext("reading from memory", fmt::format("{:.1f} GB/s", limits.bytes / 1e9));
  add_pools(), add_global_pools(), add_resizes(), add_pads(), add_activations(), add_denses(), add_optimizers(),
      add_lenet();
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
