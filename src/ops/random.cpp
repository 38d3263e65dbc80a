// Philox4x32-10 and the distributions made from it. Constants are those of the paper (Salmon et al., SC 2011).
#include "hubel/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace hubel {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;  // golden ratio, sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = kMul0 * counter[0], p1 = kMul1 * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

namespace {

double uniform_of(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

// The counter's low half counts the blocks, its high half is the stream; the key is the seed.
std::array<std::uint64_t, 2> Random::block(std::uint64_t k) const {
  const auto r = philox4x32({static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32),
                             static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                            {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
  return {r[0] | static_cast<std::uint64_t>(r[1]) << 32, r[2] | static_cast<std::uint64_t>(r[3]) << 32};
}

std::uint64_t Random::bits(std::uint64_t n) const { return block(n / 2)[n % 2]; }

double Random::uniform(std::uint64_t n) const { return uniform_of(bits(n)); }

// The two that Box and Muller's transform makes of the uniforms 2k and 2k + 1.
std::array<double, 2> Random::normal_pair(std::uint64_t k) const {
  const auto [first, second] = block(k);
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform_of(first)));  // 1 - u is in (0, 1], so the log is finite
  const double angle = 2.0 * std::numbers::pi * uniform_of(second);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

double Random::normal(std::uint64_t n) const { return normal_pair(n / 2)[n % 2]; }

std::uint64_t Random::below(std::uint64_t n, std::uint64_t bound) const {
  if (bound == 0) throw std::invalid_argument("Random::below: bound = 0, it must be at least 1");
  // The high 64 bits of bits * bound, in 32-bit parts for compilers without a 128-bit integer.
  const std::uint64_t x = bits(n), x_lo = x & 0xFFFFFFFF, x_hi = x >> 32, b_lo = bound & 0xFFFFFFFF, b_hi = bound >> 32;
  const std::uint64_t middle = x_hi * b_lo + (x_lo * b_lo >> 32);
  return x_hi * b_hi + (middle >> 32) + (((middle & 0xFFFFFFFF) + x_lo * b_hi) >> 32);
}

std::vector<std::int32_t> Random::permutation(std::int64_t n) const {
  if (n < 0 || n > INT32_MAX) {
    throw std::invalid_argument("Random::permutation: n = " + std::to_string(n) + ", it must be in [0, 2^31)");
  }
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i, i)]);
  return order;
}

}  // namespace hubel
