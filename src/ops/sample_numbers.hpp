// The random numbers of samples that dropout and noise take from Philox: their key, and its bounds.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "hubel/dropout.hpp"
#include "ops/checks.hpp"
#include "simd/philox.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// The probability that dropout leaves an element out, or that says how strong its noise is.
inline void check_rate(std::string_view who, double rate) {
  if (rate >= 0 && rate < 1) return;
  throw std::invalid_argument(formatted("{}: rate = {}, it must be at least 0 and below 1", who, rate));
}

inline void check_bits(std::string_view who, std::string_view name, std::uint64_t value, int bits) {
  if (value >> bits == 0) return;
  throw std::invalid_argument(formatted("{}: {} = {}, it must be below 2^{}", who, name, value, bits));
}

// That x and y (m, ...), called `in` and `out`, are of one shape, that the key and the samples have numbers, and that a
// sample has less than 2^size_bits elements.
template <class T>
void check_sample_numbers(std::string_view who, std::string_view in, std::string_view out, TensorView<const T> x,
                          const DropoutKey& key, std::int64_t first_sample, int size_bits, TensorView<T> y) {
  check_bits(who, "key.layer", key.layer, 16);
  check_bits(who, "key.step", key.step, 48);
  if (x.shape().rank() == 0)
    throw std::invalid_argument(formatted("{}: {} has shape () but must have samples, (m, ...)", who, in));
  const std::int64_t m = x.shape()[0];
  if (first_sample < 0 || first_sample > (std::int64_t{1} << 32) - m) {
    throw std::invalid_argument(
        formatted("{}: first_sample = {}, it and the {} samples of {} must be in [0, 2^32)", who, first_sample, m, in));
  }
  check_bits(who, "a sample's size", static_cast<std::uint64_t>(x.shape().without_first().elements()), size_bits);
  check_shape(who, out, y.shape(), x.shape(), formatted("the shape of {}", in));
}

// Rows of numbers of 16 bits (simd/philox.hpp) of single samples. The seed is marked, lest the bits be those that
// Random takes from it, or another use of the same key.
class SampleNumbers {
 public:
  SampleNumbers(const DropoutKey& key, std::uint32_t mark) : key_(key), mark_(mark) {}

  // The sample's rows from `first` on.
  void rows(std::int64_t sample, std::int64_t first, std::int64_t rows, std::uint32_t* to) const {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const simd::PhiloxRun run{
        {low(key_.seed), low(key_.seed >> 32) ^ mark_},
        {static_cast<std::uint32_t>(sample), low(key_.step), low(key_.step >> 32 << 16 | key_.layer)}};
    simd::philox_rows(run, static_cast<std::uint32_t>(first), static_cast<std::size_t>(rows), to);
  }

 private:
  DropoutKey key_;
  std::uint32_t mark_;
};

}  // namespace hubel::detail
