// From any picture to a network's input; and for digits, MNIST's own preparation.
//
// MNIST's digits were "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", grey from the
// anti-aliasing of that, and "centered in a 28x28 image by computing the center of mass of the pixels, and translating
// the image so as to position this point at the center" (LeCun, Cortes & Burges). Measured on its files: the larger
// side of every digit is 20, and the centre of mass, in pixel indices, lies within 1/2 of 14 on both axes, so that the
// translation was by whole pixels.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "data/resample.hpp"
#include "hubel/errors.hpp"
#include "hubel/image.hpp"
#include "text/formatted.hpp"

namespace hubel {
namespace {

using detail::Plane;

void check_arguments(const Image& image, const Shape& input, bool fit_digit) {
  const bool sized = image.height >= 1 && image.width >= 1 && (image.channels == 1 || image.channels == 3) &&
                     std::ssize(image.pixels) / image.channels / image.width == image.height &&
                     std::ssize(image.pixels) % (image.channels * image.width) == 0;
  if (!sized) {
    throw std::invalid_argument(
        detail::formatted("prepare_image: image is ({}, {}, {}) with {} samples, but it must be "
                          "(height, width, 1 or 3) with a sample for each",
                          image.height, image.width, image.channels, image.pixels.size()));
  }
  if (input.rank() != 3 || input.elements() == 0 || (input[2] != 1 && input[2] != 3)) {
    throw std::invalid_argument(
        detail::formatted("prepare_image: input is {}, but it must be (h, w, c) with c = 1 or 3", input.to_string()));
  }
  if (fit_digit && input[2] != 1) {
    throw std::invalid_argument(
        detail::formatted("prepare_image: fit_digit needs c = 1, but input is {}", input.to_string()));
  }
}

// One channel of the image in [0, 1].
Plane channel_plane(const Image& image, std::int64_t channel) {
  Plane plane(image.height, image.width);
  const auto stride = static_cast<std::size_t>(image.channels), first = static_cast<std::size_t>(channel);
  for (std::size_t i = 0; i < plane.values.size(); ++i) {
    plane.values[i] = static_cast<float>(image.pixels[i * stride + first]) / 255;
  }
  return plane;
}

// Brightness in [0, 1], with the weights of ITU-R BT.601.
Plane grey_plane(const Image& image) {
  if (image.channels == 1) return channel_plane(image, 0);
  Plane grey(image.height, image.width);
  for (std::size_t i = 0; i < grey.values.size(); ++i) {
    const std::uint8_t* rgb = &image.pixels[3 * i];
    grey.values[i] = (0.299F * rgb[0] + 0.587F * rgb[1] + 0.114F * rgb[2]) / 255;
  }
  return grey;
}

// The value below which `share` of the values lie. Reorders them.
float quantile(std::vector<float>& values, double share) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::vector<float> border(const Plane& plane) {
  std::vector<float> values;
  for (std::int64_t x = 0; x < plane.width; ++x)
    values.insert(values.end(), {plane.at(0, x), plane.at(plane.height - 1, x)});
  for (std::int64_t y = 0; y < plane.height; ++y)
    values.insert(values.end(), {plane.at(y, 0), plane.at(y, plane.width - 1)});
  return values;
}

// How much ink each pixel has, 0 ... 1. The ground is the border's median; ink is what differs from it, to the side
// where the image differs more. Below a floor nothing is ink: four times what the border itself differs (by its median,
// so that strokes which touch the border do not count: 2.7 deviations of noise, or all of an even shading), and at
// least what JPEG leaves around strokes.
Plane find_ink(Plane plane) {
  constexpr float kRinging = 0.05F;        // of the contrast: what JPEG leaves around strokes is mostly below it
  constexpr float kLeastContrast = 0.08F;  // 20 of 255 levels: less than the faintest pencil, more than paper's grain
  std::vector<float> edge = border(plane);
  const float ground = quantile(edge, 0.5);
  for (float& value : edge) value = std::abs(value - ground);
  const float noise = quantile(edge, 0.5);

  const auto [least, most] = std::minmax_element(plane.values.begin(), plane.values.end());
  const float contrast = std::max(*most - ground, ground - *least);
  const float sign = *most - ground > ground - *least ? 1.0F : -1.0F;
  const float floor = std::max(kRinging * contrast, 4 * noise);
  if (contrast < kLeastContrast || floor >= contrast) return Plane();
  for (float& value : plane.values) value = std::max(sign * (value - ground) - floor, 0.0F) / (contrast - floor);
  return plane;
}

// Walks over the connected ink from `start`, its eight neighbours and theirs, and moves it from `ink` to `patch`, which
// lists the places and values; returns its sum.
double take_patch(Plane& ink, std::int64_t start, std::vector<std::pair<std::int64_t, float>>& patch) {
  patch.clear();
  double sum = 0;
  const auto take = [&](std::int64_t i) {
    float& value = ink.values[static_cast<std::size_t>(i)];
    if (value <= 0) return;
    patch.emplace_back(i, value);
    sum += double{value};
    value = 0;
  };
  take(start);
  for (std::size_t next = 0; next < patch.size(); ++next) {
    const std::int64_t y = patch[next].first / ink.width, x = patch[next].first % ink.width;
    for (std::int64_t v = std::max<std::int64_t>(y - 1, 0); v <= std::min(y + 1, ink.height - 1); ++v) {
      for (std::int64_t u = std::max<std::int64_t>(x - 1, 0); u <= std::min(x + 1, ink.width - 1); ++u) {
        take(v * ink.width + u);
      }
    }
  }
  return sum;
}

// The ink without its specks: patches that touch nothing else and hold little of it.
Plane without_specks(Plane ink) {
  constexpr double kSpeck = 0.01;  // of all ink; a stroke of its own, as of a 5, has far more
  double total = 0;
  for (const float value : ink.values) total += double{value};
  Plane kept(ink.height, ink.width);
  std::vector<std::pair<std::int64_t, float>> patch;
  for (std::int64_t i = 0; i < std::ssize(ink.values); ++i) {
    if (take_patch(ink, i, patch) < kSpeck * total) continue;
    for (const auto& [place, value] : patch) kept.values[static_cast<std::size_t>(place)] = value;
  }
  return kept;
}

// The ink of each row (or column), summed.
std::vector<double> ink_along(const Plane& ink, bool rows) {
  std::vector<double> sums(static_cast<std::size_t>(rows ? ink.height : ink.width));
  for (std::int64_t y = 0; y < ink.height; ++y) {
    for (std::int64_t x = 0; x < ink.width; ++x) sums[static_cast<std::size_t>(rows ? y : x)] += double{ink.at(y, x)};
  }
  return sums;
}

// The part [begin, end) that has all the ink but a fringe on either side: what JPEG leaves around strokes and is above
// the floor hangs on to them, and would widen the box.
std::pair<std::int64_t, std::int64_t> inked_range(const std::vector<double>& sums) {
  constexpr double kFringe = 0.0002;
  const double left_out = kFringe * std::accumulate(sums.begin(), sums.end(), 0.0);
  std::int64_t begin = 0, end = std::ssize(sums);
  const auto sum = [&](std::int64_t i) { return sums[static_cast<std::size_t>(i)]; };
  for (double seen = sum(begin); seen < left_out; seen += sum(begin)) ++begin;
  for (double seen = sum(end - 1); seen < left_out; seen += sum(end - 1)) --end;
  return {begin, end};
}

Plane crop_to_ink(const Plane& ink) {
  const auto [top, bottom] = inked_range(ink_along(ink, true));
  const auto [left, right] = inked_range(ink_along(ink, false));
  Plane part(bottom - top, right - left);
  for (std::int64_t y = top; y < bottom; ++y) {
    for (std::int64_t x = left; x < right; ++x) part.at(y - top, x - left) = ink.at(y, x);
  }
  return part;
}

constexpr const char* kNoDigit = "the image shows no digit: nothing in it stands out from its border's brightness";

// Scaled to fit into 20/28 of (height, width), its aspect kept; the brightest pixel, which thin strokes lose to the
// averaging, is 1 again.
Plane fit_to_box(const Plane& ink, std::int64_t height, std::int64_t width) {
  constexpr double kBox = 20.0 / 28.0;
  const double scale = std::min(kBox * static_cast<double>(height) / static_cast<double>(ink.height),
                                kBox * static_cast<double>(width) / static_cast<double>(ink.width));
  const auto scaled = [&](std::int64_t side) {
    return std::max(std::int64_t{1}, static_cast<std::int64_t>(std::llround(scale * static_cast<double>(side))));
  };
  Plane fitted = detail::resample(ink, scaled(ink.height), scaled(ink.width));
  const float most = *std::max_element(fitted.values.begin(), fitted.values.end());
  if (!(most > 0)) throw FormatError(kNoDigit);  // so long and thin that nothing is left of it
  for (float& value : fitted.values) value /= most;
  return fitted;
}

// Where in `space` to put the first row (or column) of a digit, whose rows' ink this is, so that its centre of mass
// comes to the middle and all of it is inside.
std::int64_t place(const std::vector<double>& sums, std::int64_t space) {
  double mass = 0, moment = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    mass += sums[i];
    moment += sums[i] * static_cast<double>(i);
  }
  const std::int64_t middle = space / 2;
  const auto first = static_cast<std::int64_t>(std::llround(static_cast<double>(middle) - moment / mass));
  return std::clamp(first, std::int64_t{0}, space - std::ssize(sums));
}

Tensor<float> prepare_digit(const Image& image, const Shape& input) {
  const Plane ink = find_ink(grey_plane(image));
  if (ink.values.empty()) {
    throw FormatError(kNoDigit);
  }
  const Plane digit = fit_to_box(crop_to_ink(without_specks(ink)), input[0], input[1]);
  const std::int64_t top = place(ink_along(digit, true), input[0]), left = place(ink_along(digit, false), input[1]);
  Tensor<float> out(Shape{1, input[0], input[1], 1});
  for (std::int64_t y = 0; y < digit.height; ++y) {
    for (std::int64_t x = 0; x < digit.width; ++x) out[(top + y) * input[1] + left + x] = digit.at(y, x);
  }
  return out;
}

}  // namespace

Tensor<float> prepare_image(const Image& image, const Shape& input, bool fit_digit) {
  check_arguments(image, input, fit_digit);
  if (fit_digit) return prepare_digit(image, input);
  const std::int64_t h = input[0], w = input[1], channels = input[2];
  Tensor<float> out = Tensor<float>::uninitialized(Shape{1, h, w, channels});
  for (std::int64_t c = 0; c < channels; ++c) {
    const Plane whole = channels == 1 ? grey_plane(image) : channel_plane(image, image.channels == 1 ? 0 : c);
    const Plane sized = detail::resample(whole, h, w);
    for (std::int64_t i = 0; i < h * w; ++i) out[i * channels + c] = sized.values[static_cast<std::size_t>(i)];
  }
  return out;
}

}  // namespace hubel
