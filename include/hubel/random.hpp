// Seeded, counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel Random Numbers: As Easy
// as 1, 2, 3", SC 2011).
//
// The n-th number of a stream is a function of (seed, stream, n) alone: no state is carried, so any thread can make any
// part of a stream, and a resumed run goes on exactly where it stopped.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// The block function: 128 random bits from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

class Random {
 public:
  // `stream` keeps uses apart that share a seed (each parameter tensor, each epoch's shuffle, ...).
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  // The n-th 64 random bits of the stream.
  std::uint64_t bits(std::uint64_t n) const;
  // The n-th number, uniform in [0, 1), 53 random bits.
  double uniform(std::uint64_t n) const;
  // The n-th number of the standard normal distribution (Box & Muller 1958).
  double normal(std::uint64_t n) const;
  // normal(2 k) and normal(2 k + 1), for the work of one.
  std::array<double, 2> normal_pair(std::uint64_t k) const;
  // The n-th number uniform in {0, ..., bound - 1}, without bias beyond 2^-64 * bound (Lemire 2019). bound >= 1.
  std::uint64_t below(std::uint64_t n, std::uint64_t bound) const;

  // A permutation of 0 ... n - 1 (Fisher & Yates), n < 2^31.
  std::vector<std::int32_t> permutation(std::int64_t n) const;

 private:
  // bits(2 k) and bits(2 k + 1).
  std::array<std::uint64_t, 2> block(std::uint64_t k) const;

  std::uint64_t seed_, stream_;
};

}  // namespace hubel
