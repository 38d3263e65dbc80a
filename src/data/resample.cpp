// Separable resampling: rows first, then columns. Pixels are squares whose centres lie at i + 1/2.
#include "data/resample.hpp"

#include <algorithm>
#include <cmath>

namespace hubel::detail {
namespace {

// One output pixel of an axis: the sum of weights[k] * input[first + k]. The weights add up to 1.
struct Tap {
  std::int64_t first = 0;
  std::vector<float> weights;
};

// The part of [begin, end) that lies in each input pixel it meets.
Tap area_tap(double begin, double end, std::int64_t in) {
  Tap tap;
  tap.first = std::clamp(static_cast<std::int64_t>(begin), std::int64_t{0}, in - 1);
  const auto last = std::clamp(static_cast<std::int64_t>(std::ceil(end)), tap.first + 1, in);
  for (std::int64_t i = tap.first; i < last; ++i) {
    const double overlap = std::min(end, static_cast<double>(i + 1)) - std::max(begin, static_cast<double>(i));
    tap.weights.push_back(static_cast<float>(std::max(overlap, 0.0) / (end - begin)));
  }
  return tap;
}

// The two input pixels whose centres surround `centre`, the border's repeated.
Tap linear_tap(double centre, std::int64_t in) {
  const double place = std::clamp(centre - 0.5, 0.0, static_cast<double>(in - 1));
  Tap tap;
  tap.first = static_cast<std::int64_t>(place);
  const auto fraction = static_cast<float>(place - static_cast<double>(tap.first));
  tap.weights.push_back(1 - fraction);
  if (tap.first + 1 < in) tap.weights.push_back(fraction);
  return tap;
}

std::vector<Tap> make_taps(std::int64_t in, std::int64_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  std::vector<Tap> taps;
  for (std::int64_t i = 0; i < out; ++i) {
    const auto begin = static_cast<double>(i) * step;
    taps.push_back(out < in ? area_tap(begin, begin + step, in) : linear_tap(begin + step / 2, in));
  }
  return taps;
}

}  // namespace

Plane resample(const Plane& plane, std::int64_t height, std::int64_t width) {
  const std::vector<Tap> across = make_taps(plane.width, width), down = make_taps(plane.height, height);
  Plane narrow(plane.height, width);
  for (std::int64_t y = 0; y < plane.height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const Tap& tap = across[static_cast<std::size_t>(x)];
      float sum = 0;
      for (std::size_t k = 0; k < tap.weights.size(); ++k) {
        sum += tap.weights[k] * plane.at(y, tap.first + static_cast<std::int64_t>(k));
      }
      narrow.at(y, x) = sum;
    }
  }
  Plane out(height, width);
  for (std::int64_t y = 0; y < height; ++y) {
    const Tap& tap = down[static_cast<std::size_t>(y)];
    for (std::size_t k = 0; k < tap.weights.size(); ++k) {
      for (std::int64_t x = 0; x < width; ++x) {
        out.at(y, x) += tap.weights[k] * narrow.at(tap.first + static_cast<std::int64_t>(k), x);
      }
    }
  }
  return out;
}

}  // namespace hubel::detail
