// Starting weights. Each element is made from its index by the counter-based generator, so that threads may share the
// work and the values do not depend on how.
#include "hubel/initializer.hpp"

#include <algorithm>
#include <cmath>

#include "hubel/random.hpp"
#include "ops/named.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using detail::Named;

constexpr Named<Initializer> kNames[] = {
    {"zeros", Initializer::zeros},
    {"he_normal", Initializer::he_normal},
    {"he_uniform", Initializer::he_uniform},
    {"glorot_normal", Initializer::glorot_normal},
    {"glorot_uniform", Initializer::glorot_uniform},
    {"lecun_normal", Initializer::lecun_normal},
};

enum class Kind { normal, uniform };

// A distribution of mean 0: its standard deviation, or for a uniform one its bound.
struct Distribution {
  Kind kind;
  double scale;
};

Distribution distribution(Initializer initializer, double fan_in, double fan_out) {
  switch (initializer) {
    case Initializer::zeros:
      break;  // has no distribution
    case Initializer::he_normal:
      return {Kind::normal, std::sqrt(2 / fan_in)};
    case Initializer::he_uniform:
      return {Kind::uniform, std::sqrt(6 / fan_in)};
    case Initializer::glorot_normal:
      return {Kind::normal, std::sqrt(2 / (fan_in + fan_out))};
    case Initializer::glorot_uniform:
      return {Kind::uniform, std::sqrt(6 / (fan_in + fan_out))};
    case Initializer::lecun_normal:
      return {Kind::normal, std::sqrt(1 / fan_in)};
  }
  throw std::invalid_argument("initialize: not an initializer");
}

constexpr std::int64_t kBlock = 4096;     // elements a thread claims at once
constexpr double kFlopsPerElement = 200;  // two Philox blocks, a logarithm, a cosine: about 100 ns

template <class T>
void fill(TensorView<T> w, Initializer initializer, std::int64_t fan_in, std::int64_t fan_out, const Random& random) {
  if (fan_in < 1 || fan_out < 1) {
    throw std::invalid_argument(
        detail::formatted("initialize: fan_in = {}, fan_out = {}, both must be at least 1", fan_in, fan_out));
  }
  if (initializer == Initializer::zeros) return std::fill(w.begin(), w.end(), T(0));
  const auto [kind, scale] = distribution(initializer, static_cast<double>(fan_in), static_cast<double>(fan_out));
  const std::int64_t size = w.size();
  detail::parallel_for((size + kBlock - 1) / kBlock, kFlopsPerElement * static_cast<double>(size),
                       [&, kind = kind, scale = scale](std::int64_t block) {
                         const std::int64_t end = std::min(size, (block + 1) * kBlock);
                         for (std::int64_t i = block * kBlock; i < end; ++i) {
                           const auto n = static_cast<std::uint64_t>(i);
                           const double x = kind == Kind::normal ? random.normal(n) : 2 * random.uniform(n) - 1;
                           w[i] = static_cast<T>(scale * x);
                         }
                       });
}

}  // namespace

std::string_view initializer_name(Initializer initializer) { return detail::name_of(kNames, initializer); }

Initializer initializer_from_name(std::string_view name, std::string_view who) {
  return detail::value_of(kNames, name, who, "initializer");
}

void initialize(TensorView<float> w, Initializer initializer, std::int64_t fan_in, std::int64_t fan_out,
                std::uint64_t seed, std::uint64_t stream) {
  fill(w, initializer, fan_in, fan_out, Random(seed, stream));
}

void initialize(TensorView<double> w, Initializer initializer, std::int64_t fan_in, std::int64_t fan_out,
                std::uint64_t seed, std::uint64_t stream) {
  fill(w, initializer, fan_in, fan_out, Random(seed, stream));
}

}  // namespace hubel
