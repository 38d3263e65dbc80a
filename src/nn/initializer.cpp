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
    {"lecun_uniform", Initializer::lecun_uniform},
    {"ones", Initializer::ones},
    {"random_normal", Initializer::random_normal},
    {"normal", Initializer::random_normal},
    {"random_uniform", Initializer::random_uniform},
    {"uniform", Initializer::random_uniform},
    {"truncated_normal", Initializer::truncated_normal},
};

enum class Kind { constant, normal, truncated_normal, uniform };

// Keras's standard deviation and bound where fans do not matter.
constexpr double kKerasScale = 0.05;

// A distribution of mean 0: its standard deviation (before it is truncated), or for a uniform one its bound. Or a
// constant.
struct Distribution {
  Kind kind;
  double scale;
};

Distribution distribution(Initializer initializer, double fan_in, double fan_out) {
  switch (initializer) {
    case Initializer::zeros:
      return {Kind::constant, 0};
    case Initializer::ones:
      return {Kind::constant, 1};
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
    case Initializer::lecun_uniform:
      return {Kind::uniform, std::sqrt(3 / fan_in)};
    case Initializer::random_normal:
      return {Kind::normal, kKerasScale};
    case Initializer::random_uniform:
      return {Kind::uniform, kKerasScale};
    case Initializer::truncated_normal:
      return {Kind::truncated_normal, kKerasScale};
  }
  throw std::invalid_argument("initialize: not an initializer");
}

// The n-th normal number within two standard deviations: of every 22 one is drawn again, from numbers of the stream
// that no element begins with, there being fewer than 2^40.
double truncated_normal(const Random& random, std::uint64_t n) {
  constexpr std::uint64_t kAgain = std::uint64_t{1} << 40;
  double x = random.normal(n);
  while (std::abs(x) > 2) x = random.normal(n += kAgain);
  return x;
}

// The n-th number of mean 0, before it is scaled.
double draw(Kind kind, const Random& random, std::uint64_t n) {
  if (kind == Kind::normal) return random.normal(n);
  if (kind == Kind::truncated_normal) return truncated_normal(random, n);
  return 2 * random.uniform(n) - 1;
}

constexpr std::int64_t kBlock = 4096;     // elements a thread claims at once
constexpr double kFlopsPerElement = 200;  // two Philox blocks, a logarithm, a cosine: about 100 ns

template <class T>
void fill(TensorView<T> w, Initializer initializer, std::int64_t fan_in, std::int64_t fan_out, const Random& random) {
  if (fan_in < 1 || fan_out < 1) {
    throw std::invalid_argument(
        detail::formatted("initialize: fan_in = {}, fan_out = {}, both must be at least 1", fan_in, fan_out));
  }
  const auto [kind, scale] = distribution(initializer, static_cast<double>(fan_in), static_cast<double>(fan_out));
  if (kind == Kind::constant) return std::fill(w.begin(), w.end(), static_cast<T>(scale));
  const std::int64_t size = w.size();
  detail::parallel_for((size + kBlock - 1) / kBlock, kFlopsPerElement * static_cast<double>(size),
                       [&, kind = kind, scale = scale](std::int64_t block) {
                         const std::int64_t end = std::min(size, (block + 1) * kBlock);
                         for (std::int64_t i = block * kBlock; i < end; ++i) {
                           w[i] = static_cast<T>(scale * draw(kind, random, static_cast<std::uint64_t>(i)));
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
