// What this machine can do at most, and how near to it a network's layers come: the roofline of Williams, Waterman &
// Patterson ("Roofline: an insightful visual performance model for multicore architectures", 2009).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hubel/network.hpp"

namespace hubel {

// Measured, on as many threads as num_threads() says.
struct MachineLimits {
  std::string instruction_set;  // the one that was chosen: "AVX2", "AVX3" (AVX-512), "NEON", ...
  int threads = 1;
  double flops = 0;  // float multiplications and additions a second, of vectors that stay in registers
  double bytes = 0;  // a second, read from memory beyond the caches
};

// Takes about half a second.
MachineLimits measure_machine();

// One thing that was timed.
struct Timing {
  std::string name;    // "conv2d_1"
  std::string pass;    // "forward", "backward"
  std::string detail;  // "6 @ 5x5, same, relu"
  double seconds = 0;  // the median of the runs
  double flops = 0;    // counted as direct computation: a multiplication and an addition are two
  double bytes = 0;    // of inputs, weights and results, each once
};

// What the machine would allow for that work: the longer of computing at its peak and moving the bytes, in seconds.
double attainable_seconds(const Timing& timing, const MachineLimits& limits);

// Each layer of the network (but Flatten, which does nothing) by itself, on a batch of random samples, forward and
// backward (the gradients of its input and of its parameters). `seconds` is the time to spend on each pass of each
// layer. Throws std::invalid_argument for batch < 1 or seconds not above 0.
std::vector<Timing> time_layers(const Network<float>& network, std::int64_t batch, double seconds = 0.2);

// One convolution's passes.
struct ConvBenchmark {
  std::string name;
  Shape x, W;  // (m, h, w, c_prev), (kh, kw, c_prev / groups, c_new)
  ConvOptions options;
};
// "forward", "backward-data", "backward-weights". Throws std::invalid_argument when the shapes do not fit.
std::vector<Timing> time_convolution(const ConvBenchmark& convolution, double seconds = 0.2);

// Reads a list of convolutions: one a line, a name and ten numbers, m c_prev h w c_new kh kw stride padding groups; #
// begins a comment. Lines are up to 200 printable ASCII characters, the file up to 1 MiB. Throws std::runtime_error,
// with the file and the line, for what is not such a list, and IoError where there is no such file.
std::vector<ConvBenchmark> read_conv_shapes(const std::string& path);

}  // namespace hubel
