// What the benchmarks beside oneDNN share: their options, running the sides in turn, medians and sums of ratios.
#pragma once

#include <omp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <thread>
#include <vector>

#include "hubel/threads.hpp"
#include "hwy/targets.h"

namespace hubel::bench {

using Work = std::function<void()>;

// The mean of `repeats` runs. Before them the other side's threads, which wait for work awake for a while, are given
// the time to fall asleep, and then the own ones some to wake up.
inline double seconds(const Work& work, int repeats) {
  using Clock = std::chrono::steady_clock;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto awake = Clock::now() + std::chrono::milliseconds(4);
  do work();
  while (Clock::now() < awake);
  const auto start = Clock::now();
  for (int i = 0; i < repeats; ++i) work();
  return std::chrono::duration<double>(Clock::now() - start).count() / repeats;
}

inline double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// Ratios' geometric mean and the lowest of them.
struct Sums {
  double log_ratio = 0, lowest = 1e9;
  int count = 0;

  void add(double ratio) {
    log_ratio += std::log(ratio);
    lowest = std::min(lowest, ratio);
    ++count;
  }
  double mean() const { return std::exp(log_ratio / count); }
};

// The options that every benchmark beside oneDNN has.
struct Settings {
  std::string isa = "best";
  int threads = 2, rounds = 11;
  bool best = false;

  void add_to(CLI::App& app) {
    app.add_option("--threads", threads, "Threads of both")->capture_default_str();
    app.add_option("--rounds", rounds, "Rounds, of which the median counts")->capture_default_str();
    app.add_flag("--best", best, "Let the best round count, not the median: on a machine that others use too");
    app.add_option("--isa", isa, "best, or avx2: both are kept from using AVX-512")
        ->check(CLI::IsMember({"best", "avx2"}))
        ->capture_default_str();
  }
  // To be called before the first work of either side.
  void apply() const {
    if (isa == "avx2") {
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
      hwy::DisableTargets(HWY_AVX2 - 1);  // lower bits are better targets
    }
    set_num_threads(threads);
    omp_set_num_threads(threads);
  }
};

// The seconds of each side, run in turn as often as the settings say. Short work is repeated to some 2 ms a sample.
inline std::vector<double> in_turn(const std::vector<Work>& sides, const Settings& settings) {
  for (const Work& side : sides) side();
  const int repeats = static_cast<int>(std::clamp(2e-3 / seconds(sides[0], 1), 1.0, 1000.0));
  std::vector<std::vector<double>> times(sides.size());
  for (int round = 0; round < settings.rounds; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) times[i].push_back(seconds(sides[i], repeats));
  }
  std::vector<double> counted;
  for (const auto& side : times) counted.push_back(settings.best ? *std::ranges::min_element(side) : median(side));
  return counted;
}

}  // namespace hubel::bench
