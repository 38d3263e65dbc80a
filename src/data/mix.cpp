// Mixup, cutmix and the labels that come of them.

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "hubel/augment.hpp"
#include "hubel/random.hpp"
#include "ops/parallel.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

// Streams beside those of augment.cpp.
constexpr std::uint64_t kStreams = std::uint64_t{1} << 41;

// A sample's random numbers: those named, then those of two gamma variates, a power of two each.
constexpr std::uint64_t kDraws = 1024, kGammas = 256, kDrawsAGamma = 256;
enum Draw : std::uint64_t { kWhich, kCentreY, kCentreX, kDistance };

// log of a variate of Gamma(alpha, 1), from the numbers first, first + 1, ...: Marsaglia & Tsang, "A Simple Method for
// Generating Gamma Variables" (2000), for alpha + 1, times U^(1 / alpha). In logarithms, since for small alphas the
// variate itself is 0 in doubles (and the least of them divides without an infinity). An attempt takes four numbers and
// fails with a probability below 5 %, so that they do not run out.
double log_gamma_variate(const Random& random, std::uint64_t first, double alpha) {
  const double d = alpha + 1 - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const double boost = std::log1p(-random.uniform(first)) / std::max(alpha, 1e-300);
  for (std::uint64_t at = first + 4;; at += 4) {
    const double x = random.normal(at), u = 1 - random.uniform(at + 2), v = std::pow(1 + c * x, 3);
    const bool last = at + 8 > first + kDrawsAGamma;
    if (v > 0 && (last || std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v))) return std::log(d * v) + boost;
    if (last) return std::log(d) + boost;
  }
}

// Of Beta(alpha, alpha): a / (a + b) of two gamma variates.
double beta_variate(const Random& random, std::uint64_t first, double alpha) {
  const double a = log_gamma_variate(random, first + kGammas, alpha);
  const double b = log_gamma_variate(random, first + kGammas + kDrawsAGamma, alpha);
  return 1 / (1 + std::exp(b - a));
}

// out = share * own + (1 - share) * other.
void blend(const float* own, const float* other, float share, std::int64_t size, float* out) {
  for (std::int64_t i = 0; i < size; ++i) out[i] = share * own[i] + (1 - share) * other[i];
}

// [begin, end) of a side of `length` around a centre, cut off at 0 and extent.
std::array<std::int64_t, 2> clipped(std::int64_t centre, std::int64_t length, std::int64_t extent) {
  const std::int64_t begin = centre - length / 2;
  return {std::max<std::int64_t>(begin, 0), std::min(begin + length, extent)};
}

// Pastes a rectangle of `other` into `own`; returns the share of the area that is own's still.
float paste(const Shape& shape, const Random& random, std::uint64_t first, double lambda, const float* own,
            const float* other, float* out) {
  const std::int64_t h = shape[0], w = shape[1], c = shape[2];
  const auto part = [&](std::int64_t extent) {
    return std::llround(static_cast<double>(extent) * std::sqrt(1 - lambda));
  };
  const auto centre = [&](Draw draw, std::int64_t extent) {
    return static_cast<std::int64_t>(random.below(first + draw, static_cast<std::uint64_t>(extent)));
  };
  const auto [top, bottom] = clipped(centre(kCentreY, h), part(h), h);
  const auto [left, right] = clipped(centre(kCentreX, w), part(w), w);
  std::copy_n(own, h * w * c, out);
  for (std::int64_t y = top; y < bottom; ++y) {
    std::copy(other + (y * w + left) * c, other + (y * w + right) * c, out + (y * w + left) * c);
  }
  const std::int64_t pasted = std::max<std::int64_t>(bottom - top, 0) * std::max<std::int64_t>(right - left, 0);
  return static_cast<float>(1 - static_cast<double>(pasted) / static_cast<double>(h * w));
}

// Mixes one sample; returns its own share.
float mix_one(const Augmentation& o, const Shape& shape, const Random& random, std::uint64_t first, const float* own,
              const float* other, float* out) {
  const bool pasted = o.cutmix > 0 && (o.mixup == 0 || random.uniform(first + kWhich) < 0.5);
  const double lambda = beta_variate(random, first, pasted ? o.cutmix : o.mixup);
  if (pasted) return paste(shape, random, first, lambda, own, other, out);
  const auto share = static_cast<float>(lambda);
  blend(own, other, share, shape.elements(), out);
  return share;
}

}  // namespace

void mix_samples(const Augmentation& options, const Shape& sample_shape, const float* images,
                 const std::int32_t* indices, const std::int32_t* labels, std::int64_t n, std::uint64_t seed,
                 std::int64_t epoch, float* out, std::int32_t* other_labels, float* shares) {
  check_augmentation("mix_samples", options, sample_shape);
  const std::int64_t size = sample_shape.elements();
  if (n < 2 || size == 0 || (options.mixup == 0 && options.cutmix == 0)) {
    std::copy_n(images, n * size, out);
    std::copy_n(labels, n, other_labels);
    std::fill_n(shares, n, 1.0F);
    return;
  }
  const Random random(seed, kStreams + static_cast<std::uint64_t>(epoch));
  const auto first = [&](std::int64_t i) { return std::uint64_t{static_cast<std::uint32_t>(indices[i])} * kDraws; };
  const auto distance =
      1 + static_cast<std::int64_t>(random.below(first(0) + kDistance, static_cast<std::uint64_t>(n - 1)));
  constexpr double kFlopsAValue = 3;
  detail::parallel_for(n, kFlopsAValue * static_cast<double>(n * size), [&](std::int64_t i) {
    const std::int64_t other = (i + distance) % n;
    shares[i] =
        mix_one(options, sample_shape, random, first(i), images + i * size, images + other * size, out + i * size);
    other_labels[i] = labels[other];
  });
}

void soft_targets(const std::int32_t* labels, const std::int32_t* other_labels, const float* shares, std::int64_t n,
                  std::int32_t classes, float* out) {
  std::fill_n(out, n * std::max(classes, 0), 0.0F);
  for (std::int64_t i = 0; i < n; ++i) {
    for (const std::int32_t label : {labels[i], other_labels[i]}) {
      if (label < 0 || label >= classes) {
        throw std::invalid_argument(detail::formatted("soft_targets: label {} is not in [0, {})", label, classes));
      }
    }
    out[i * classes + labels[i]] += shares[i];
    out[i * classes + other_labels[i]] += 1 - shares[i];
  }
}

}  // namespace hubel
