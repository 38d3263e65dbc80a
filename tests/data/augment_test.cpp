// Augmentation: the geometry against its definition in long double, each option against its formula, the same bits
// whatever the batch and the threads, mixing and its labels, statistics of channels, and every error.
#include "hubel/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <set>

#include "data/affine.hpp"
#include "data/colour.hpp"
#include "hubel/dataset.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

using detail::Movement;
using Image = std::vector<float>;

Image noise_image(const Shape& shape, std::uint64_t seed) {
  const Tensor<float> x = random_tensor<float>(shape, seed, -1, 2);
  return {x.begin(), x.end()};
}

// ---- Geometry --------------------------------------------------------------------------------------------------

long double pixel(const Image& in, const Shape& s, Border border, std::int64_t y, std::int64_t x, std::int64_t c) {
  const auto mirrored = [](std::int64_t i, std::int64_t n) {
    while (n > 1 && (i < 0 || i >= n)) i = i < 0 ? -i : 2 * (n - 1) - i;
    return n == 1 ? 0 : i;
  };
  if (border == Border::reflect) y = mirrored(y, s[0]), x = mirrored(x, s[1]);
  if (y < 0 || y >= s[0] || x < 0 || x >= s[1]) return 0;
  return in[static_cast<std::size_t>((y * s[1] + x) * s[2] + c)];
}

// Each output pixel on its way back through the movement's steps.
reference::Array moved(const Image& in, const Shape& s, Border border, const Movement& m) {
  reference::Array out(s.elements());
  const long double middle_y = (s[0] - 1) / 2.0L, middle_x = (s[1] - 1) / 2.0L;
  for (std::int64_t i = 0; i < s.elements(); ++i) {
    const std::int64_t c = i % s[2], column = i / s[2] % s[1], row = i / s[2] / s[1];
    const long double y1 = (m.upside_down ? s[0] - 1 - row : row) - m.dy - middle_y;
    const long double x1 = (m.mirrored ? s[1] - 1 - column : column) - m.dx - middle_x;
    const long double cosine = std::cos(static_cast<long double>(m.angle)),
                      sine = std::sin(static_cast<long double>(m.angle));
    const long double from_middle = (cosine * y1 + sine * x1) / m.zoom;
    long double y = middle_y + from_middle;
    long double x =
        middle_x + (cosine * x1 - sine * y1) / m.zoom + std::tan(static_cast<long double>(m.shear)) * from_middle;
    if (m.part) {  // its first pixel at 0, its last one at the image's last
      y = m.part->top + (s[0] > 1 ? y * (m.part->height - 1) / (s[0] - 1) : y);
      x = m.part->left + (s[1] > 1 ? x * (m.part->width - 1) / (s[1] - 1) : x);
    }
    const auto top = static_cast<std::int64_t>(std::floor(y)), left = static_cast<std::int64_t>(std::floor(x));
    const long double down = y - top, right = x - left;
    out[i] = (1 - down) *
                 ((1 - right) * pixel(in, s, border, top, left, c) + right * pixel(in, s, border, top, left + 1, c)) +
             down * ((1 - right) * pixel(in, s, border, top + 1, left, c) +
                     right * pixel(in, s, border, top + 1, left + 1, c));
  }
  return out;
}

Tensor<float> resampled(const Image& in, const Shape& s, Border border, const Movement& m) {
  Tensor<float> out(s);
  resample_affine(detail::affine_map(s[0], s[1], m), border, s, in.data(), out.data());
  return out;
}

detail::Part some_part(Noise& noise, const Shape& s) {
  detail::Part part{0, 0, noise.integer(1, s[0]), noise.integer(1, s[1])};
  part.top = noise.integer(0, s[0] - part.height), part.left = noise.integer(0, s[1] - part.width);
  return part;
}

// The places that a float image leads to are reckoned in double, weights in float: 2^-24, times a few.
constexpr double kTolerance = 0x1p-21;

TEST(Affine, IsWhatItsDefinitionSays) {
  Noise noise(1);
  for (int i = 0; i < 300; ++i) {
    const Shape shape{noise.integer(1, 12), noise.integer(1, 12), noise.integer(1, 5)};
    const Border border = noise.chance(0.5) ? Border::zero : Border::reflect;
    Movement m;
    if (noise.chance(0.7)) m.zoom = noise.real(0.3, 3);
    if (noise.chance(0.7)) m.angle = noise.real(-3.2, 3.2);
    if (noise.chance(0.7)) m.dy = noise.real(-15, 15), m.dx = noise.real(-15, 15);
    m.mirrored = noise.chance(0.5), m.upside_down = noise.chance(0.5);
    if (noise.chance(0.5)) m.shear = noise.real(-1.2, 1.2);
    if (noise.chance(0.5)) m.part = some_part(noise, shape);
    const Image in = noise_image(shape, static_cast<std::uint64_t>(i));
    EXPECT_TRUE(close(resampled(in, shape, border, m), moved(in, shape, border, m), kTolerance))
        << shape.to_string() << " zoom " << m.zoom << " angle " << m.angle << " by " << m.dy << ", " << m.dx;
  }
}

TEST(Affine, WholePixelsAreCopied) {
  Noise noise(2);
  for (int i = 0; i < 200; ++i) {
    const Shape shape{noise.integer(1, 9), noise.integer(1, 9), noise.integer(1, 4)};
    Image in = noise_image(shape, static_cast<std::uint64_t>(i));
    in[0] = std::numeric_limits<float>::infinity();  // no weight of 0 may touch it
    Movement m;
    m.dy = static_cast<double>(noise.integer(-12, 12)), m.dx = static_cast<double>(noise.integer(-12, 12));
    m.mirrored = noise.chance(0.5), m.upside_down = noise.chance(0.5);
    const Border border = noise.chance(0.5) ? Border::zero : Border::reflect;
    const Tensor<float> out = resampled(in, shape, border, m);
    for (std::int64_t k = 0; k < out.size(); ++k) {
      const std::int64_t c = k % shape[2], x = k / shape[2] % shape[1], y = k / shape[2] / shape[1];
      const std::int64_t from_y = (m.upside_down ? shape[0] - 1 - y : y) - static_cast<std::int64_t>(m.dy);
      const std::int64_t from_x = (m.mirrored ? shape[1] - 1 - x : x) - static_cast<std::int64_t>(m.dx);
      ASSERT_EQ(out[k], static_cast<float>(pixel(in, shape, border, from_y, from_x, c))) << shape.to_string() << k;
    }
  }
}

TEST(Affine, TurnsCounterClockwise) {
  Movement m;
  m.angle = std::numbers::pi / 2;
  const Tensor<float> out = resampled({1, 2, 3, 4}, {2, 2, 1}, Border::zero, m);
  const std::array expected{2.0F, 4.0F, 1.0F, 3.0F};  // as numpy.rot90
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], expected[static_cast<std::size_t>(i)], 1e-6);
}

TEST(Affine, ShearsWhatIsAboveToTheRight) {
  Movement m;
  m.shear = std::numbers::pi / 4;
  Image in(25);
  in[1 * 5 + 2] = 1;  // one pixel above the middle
  const Tensor<float> out = resampled(in, {5, 5, 1}, Border::zero, m);
  EXPECT_NEAR(out[1 * 5 + 3], 1, 1e-6);
}

TEST(Affine, StaysWithinItsArrays) {
  Noise noise(3);
  for (int i = 0; i < 60; ++i) {
    const Shape shape{noise.integer(1, 9), noise.integer(1, 9), noise.integer(1, 4)};
    Movement m{noise.real(0.2, 4), noise.chance(0.3) ? 0 : noise.real(-4, 4), noise.real(-30, 30), noise.real(-30, 30)};
    if (noise.chance(0.3)) m = {1, 0, std::floor(m.dy), std::floor(m.dx), true, false};
    if (noise.chance(0.3)) m.shear = noise.real(-1.3, 1.3);
    if (noise.chance(0.3)) m.part = some_part(noise, shape);
    for (const Fence fence : {Fence::before, Fence::after}) {
      const FencedTensor<float> in(random_tensor<float>(shape, 1), fence);
      FencedTensor<float> out(shape, fence);
      const OnCrashSay say(shape.to_string());
      resample_affine(detail::affine_map(shape[0], shape[1], m), noise.chance(0.5) ? Border::zero : Border::reflect,
                      shape, in.view().data(), TensorView<float>(out).data());
      EXPECT_TRUE(out.untouched());
    }
  }
}

// ---- Single options --------------------------------------------------------------------------------------------

// `count` copies of one image, changed as the samples 0, 1, ... of an epoch.
std::vector<Image> changed(const Augmentation& options, const Shape& shape, const Image& image, std::int32_t count,
                           std::uint64_t seed = 5, std::int64_t epoch = 1) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  Image all;
  for (std::int32_t i = 0; i < count; ++i) all.insert(all.end(), image.begin(), image.end());
  augment(options, shape, all.data(), indices.data(), count, seed, epoch);
  std::vector<Image> images;
  for (auto it = all.begin(); it != all.end(); it += std::ssize(image)) images.emplace_back(it, it + std::ssize(image));
  return images;
}

Image counting(const Shape& shape) {
  Image image(static_cast<std::size_t>(shape.elements()));
  std::iota(image.begin(), image.end(), 1.0F);
  return image;
}

TEST(Augment, DoesNothingUnasked) {
  const Shape shape{3, 4, 2};
  for (const Image& image : changed({}, shape, counting(shape), 5)) EXPECT_EQ(image, counting(shape));
  augment({}, shape, nullptr, nullptr, 0, 0, 0);
  const std::int32_t zero = 0;
  augment({}, Shape{0, 4, 1}, nullptr, &zero, 1, 0, 0);
}

TEST(Augment, FlipsWithTheProbability) {
  const Shape shape{2, 3, 1};
  const Image left_right{3, 2, 1, 6, 5, 4}, upside_down{4, 5, 6, 1, 2, 3};
  Augmentation o;
  o.flip_horizontal = 1;
  for (const Image& image : changed(o, shape, counting(shape), 20)) EXPECT_EQ(image, left_right);
  o.flip_horizontal = 0, o.flip_vertical = 1;
  for (const Image& image : changed(o, shape, counting(shape), 20)) EXPECT_EQ(image, upside_down);
  o.flip_vertical = 0, o.flip_horizontal = 0.3;
  const std::vector<Image> images = changed(o, shape, counting(shape), 10000);
  const auto flipped = std::count(images.begin(), images.end(), left_right);
  EXPECT_EQ(flipped + std::count(images.begin(), images.end(), counting(shape)), 10000);
  EXPECT_NEAR(static_cast<double>(flipped), 3000, 4 * std::sqrt(10000 * 0.3 * 0.7));
}

// Every move by up to the padding comes as often as any other.
TEST(Augment, CropsUniformly) {
  const Shape shape{4, 5, 1};
  for (const Border border : {Border::zero, Border::reflect}) {
    Augmentation o;
    o.crop_padding = 2;
    o.border = border;
    std::vector<Image> moves;
    for (int dy = -2; dy <= 2; ++dy) {
      for (int dx = -2; dx <= 2; ++dx) {
        const Tensor<float> move = resampled(counting(shape), shape, border, {1, 0, double(dy), double(dx)});
        moves.emplace_back(move.begin(), move.end());
      }
    }
    const std::vector<Image> images = changed(o, shape, counting(shape), 10000);
    std::ptrdiff_t all = 0;
    for (const Image& move : moves) {
      const auto count = std::count(images.begin(), images.end(), move);
      EXPECT_NEAR(static_cast<double>(count), 400, 4.5 * std::sqrt(400));
      all += count;
    }
    EXPECT_EQ(all, 10000);
  }
}

// A bright spot's place tells what was done to it.
TEST(Augment, ShiftsTurnsAndZoomsWithinTheirRanges) {
  const Shape shape{41, 41, 1};
  const auto spot_places = [&](const Augmentation& o) {
    Image image(41 * 41);
    image[20 * 41 + 30] = 1;  // 10 to the right of the middle
    std::vector<std::array<double, 2>> places;
    for (const Image& out : changed(o, shape, image, 500)) {
      double sum = 0, y = 0, x = 0;
      for (std::size_t i = 0; i < out.size(); ++i) {
        sum += double{out[i]};
        y += double{out[i]} * static_cast<double>(i / 41);
        x += double{out[i]} * static_cast<double>(i % 41);
      }
      places.push_back({y / sum - 20, x / sum - 20});
    }
    return places;
  };
  const auto range = [](const std::vector<double>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return std::array{*low, *high};
  };
  Augmentation o;
  o.shift = 0.1;
  std::vector<double> values;
  for (const auto& [y, x] : spot_places(o)) values.insert(values.end(), {y, x - 10});
  EXPECT_NEAR(range(values)[0], -4.1, 0.05);
  EXPECT_NEAR(range(values)[1], 4.1, 0.05);
  o = {};
  o.rotation = 30;
  values.clear();
  for (const auto& [y, x] : spot_places(o)) {
    EXPECT_NEAR(std::hypot(y, x), 10, 0.3);
    values.push_back(std::atan2(-y, x) * 180 / std::numbers::pi);
  }
  EXPECT_NEAR(range(values)[0], -30, 1.5);
  EXPECT_NEAR(range(values)[1], 30, 1.5);
  o = {};
  o.zoom_min = 0.8, o.zoom_max = 1.5;
  values.clear();
  for (const auto& [y, x] : spot_places(o)) values.push_back(x / 10);
  EXPECT_NEAR(range(values)[0], 0.8, 0.03);
  EXPECT_NEAR(range(values)[1], 1.5, 0.03);
}

TEST(Augment, ShearsWithinItsRange) {
  const Shape shape{41, 41, 1};
  Image image(41 * 41);
  image[10 * 41 + 20] = 1;  // 10 above the middle
  Augmentation o;
  o.shear = 30;
  double least = 0, most = 0;
  for (const Image& out : changed(o, shape, image, 500)) {
    double sum = 0, x = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] != 0) {
        ASSERT_EQ(i / 41, 10u);
      }
      sum += double{out[i]}, x += double{out[i]} * static_cast<double>(i % 41);
    }
    const double angle = std::atan2(x / sum - 20, 10) * 180 / std::numbers::pi;
    least = std::min(least, angle), most = std::max(most, angle);
  }
  EXPECT_NEAR(least, -30, 0.5);
  EXPECT_NEAR(most, 30, 0.5);
}

// The part that an image shows whose pixels are their own places, (y, x), with no other movement.
detail::Part part_shown(const Image& out) {
  const auto whole = [](float place) {
    EXPECT_NEAR(place, std::round(place), 1e-4);
    return static_cast<std::int64_t>(std::lround(place));
  };
  const std::int64_t top = whole(out[0]), left = whole(out[1]);
  return {top, left, whole(out[out.size() - 2]) - top + 1, whole(out[out.size() - 1]) - left + 1};
}

Image places_of(const Shape& shape) {
  Image places;
  for (std::int64_t i = 0; i < shape[0] * shape[1]; ++i)
    places.insert(places.end(), {static_cast<float>(i / shape[1]), static_cast<float>(i % shape[1])});
  return places;
}

// Areas, ratios and places of random parts are distributed as they are said to be; the resampling shows the part and
// nothing else.
TEST(Augment, ShowsRandomParts) {
  const Shape shape{60, 80, 2};
  Augmentation o;
  o.crop_area_min = 0.1, o.crop_area_max = 0.5;
  constexpr std::int32_t kCount = 4000;
  double area = 0, log_ratio = 0, top = 0, left = 0;
  for (const Image& out : changed(o, shape, places_of(shape), kCount)) {
    const detail::Part part = part_shown(out);
    const auto h = static_cast<double>(part.height), w = static_cast<double>(part.width);
    ASSERT_TRUE(part.top >= 0 && part.left >= 0 && part.top + part.height <= 60 && part.left + part.width <= 80);
    // Sides are rounded to pixels.
    ASSERT_LE((h - 0.5) * (w - 0.5), 0.5 * 4800);
    ASSERT_GE((h + 0.5) * (w + 0.5), 0.1 * 4800);
    ASSERT_GE((w + 0.5) / (h - 0.5), 0.75);
    ASSERT_LE((w - 0.5) / (h + 0.5), 4.0 / 3);
    area += h * w / 4800 / kCount, log_ratio += std::log(w / h) / kCount;
    top += static_cast<double>(part.top) / (60 - h) / kCount,
        left += static_cast<double>(part.left) / (80 - w) / kCount;
    for (std::int64_t y = 0; y < 60; y += 7)
      for (std::int64_t x = 0; x < 80; x += 9) {
        const float* shown = out.data() + 2 * (y * 80 + x);
        ASSERT_NEAR(shown[0], static_cast<double>(part.top) + static_cast<double>(y) * (h - 1) / 59, 1e-4);
        ASSERT_NEAR(shown[1], static_cast<double>(part.left) + static_cast<double>(x) * (w - 1) / 79, 1e-4);
      }
  }
  // Standard deviations of uniforms over their ranges, of the mean of so many.
  const double root = std::sqrt(12.0 * kCount);
  EXPECT_NEAR(area, 0.3, 4.5 * 0.4 / root);
  EXPECT_NEAR(log_ratio, 0, 4.5 * 2 * std::log(4.0 / 3) / root);
  EXPECT_NEAR(top, 0.5, 4.5 / root);
  EXPECT_NEAR(left, 0.5, 4.5 / root);
}

// No part of the whole area has such a ratio.
TEST(Augment, TakesTheMiddleWherePartsDoNotFit) {
  const Shape shape{20, 40, 2};
  Augmentation o;
  o.crop_area_min = 0.99, o.crop_ratio_min = o.crop_ratio_max = 1;
  const detail::Part wide = part_shown(changed(o, shape, places_of(shape), 1)[0]);
  EXPECT_EQ((std::array{wide.top, wide.left, wide.height, wide.width}), (std::array<std::int64_t, 4>{0, 10, 20, 20}));
  o.crop_ratio_min = o.crop_ratio_max = 4;
  const detail::Part high = part_shown(changed(o, shape, places_of(shape), 1)[0]);
  EXPECT_EQ((std::array{high.top, high.left, high.height, high.width}), (std::array<std::int64_t, 4>{5, 0, 10, 40}));
  for (const Image& out : changed(o, {1, 1, 1}, {3}, 3)) EXPECT_EQ(out, Image{3});
}

// A part and other movements are one resampling: the part's own, then theirs, of an image as linear as its places.
TEST(Augment, PartsJoinTheOtherGeometry) {
  const Shape shape{31, 31, 2};
  Augmentation o;
  o.crop_area_min = 0.3, o.crop_area_max = 0.6, o.flip_horizontal = 1;
  const std::vector<Image> mirrored = changed(o, shape, places_of(shape), 50);
  o.flip_horizontal = 0;
  const std::vector<Image> plain = changed(o, shape, places_of(shape), 50);
  for (std::size_t i = 0; i < 50; ++i)
    for (std::size_t y = 0; y < 31; ++y)
      for (std::size_t x = 0; x < 31; ++x)
        for (std::size_t c = 0; c < 2; ++c)
          ASSERT_NEAR(mirrored[i][(y * 31 + x) * 2 + c], plain[i][(y * 31 + 30 - x) * 2 + c], 1e-4);
}

TEST(Augment, NormalisesChannels) {
  const Shape shape{2, 2, 3};
  const Image image = noise_image(shape, 4);
  Augmentation o;
  o.mean = {0.5, 0.25, -1};
  o.stddev = {0.1, 2, 3};
  Image out = changed(o, shape, image, 1)[0];
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_NEAR(out[i], (double{image[i]} - o.mean[i % 3]) / o.stddev[i % 3], 1e-5);
  }
  o.mean = {0.5};
  o.stddev = {};
  out = changed(o, shape, image, 1)[0];
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], double{image[i]} - 0.5, 1e-6);
}

// out = b x c + (1 - c) b mean, for a b and a c in their ranges, which two pixels tell.
TEST(Augment, ChangesBrightnessAndContrast) {
  const Shape shape{1, 2, 1};
  Augmentation o;
  o.brightness = 0.4;
  double least = 9, most = -9;
  for (const Image& out : changed(o, shape, {1, 3}, 1000)) {
    EXPECT_NEAR(out[1], 3 * out[0], 1e-5);
    least = std::min(least, double{out[0]}), most = std::max(most, double{out[0]});
  }
  EXPECT_NEAR(least, 0.6, 0.01);
  EXPECT_NEAR(most, 1.4, 0.01);
  o.brightness = 0, o.contrast = 0.5;
  least = 9, most = -9;
  for (const Image& out : changed(o, shape, {1, 3}, 1000)) {
    EXPECT_NEAR(out[0] + out[1], 4, 1e-5);
    const double contrast = double{out[1] - out[0]} / 2;
    least = std::min(least, contrast), most = std::max(most, contrast);
  }
  EXPECT_NEAR(least, 0.5, 0.01);
  EXPECT_NEAR(most, 1.5, 0.01);
}

// ---- Colours -----------------------------------------------------------------------------------------------------

using Colour = std::array<double, 3>;

double grey(const Colour& rgb) { return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]; }

// By way of hue in degrees, chroma and value; the sixth of the circle tells which two numbers come from the chroma.
Colour turned(const Colour& rgb, double share) {
  const double value = std::max({rgb[0], rgb[1], rgb[2]}), chroma = value - std::min({rgb[0], rgb[1], rgb[2]});
  if (chroma == 0) return rgb;
  double hue = value == rgb[0]   ? 60 * (rgb[1] - rgb[2]) / chroma
               : value == rgb[1] ? 60 * (rgb[2] - rgb[0]) / chroma + 120
                                 : 60 * (rgb[0] - rgb[1]) / chroma + 240;
  hue = std::fmod(hue + 360 * share + 720, 360);
  const double x = chroma * (1 - std::abs(std::fmod(hue / 60, 2) - 1)), least = value - chroma;
  const std::array<Colour, 6> sixths = {
      {{chroma, x, 0}, {x, chroma, 0}, {0, chroma, x}, {0, x, chroma}, {x, 0, chroma}, {chroma, 0, x}}};
  Colour out = sixths[static_cast<std::size_t>(hue / 60) % 6];
  for (double& number : out) number += least;
  return out;
}

TEST(Colour, IsWhatItsDefinitionSays) {
  Noise noise(7);
  for (int i = 0; i < 3000; ++i) {
    // Some have two numbers, or all three, alike; some lie outside [0, 1].
    std::array<float, 3> pixel{};
    for (float& number : pixel) number = static_cast<float>(noise.chance(0.3) ? 0.5 : noise.real(-0.5, 1.5));
    const detail::ColourChange change{noise.chance(0.5) ? 1 : noise.real(0, 2),
                                      noise.chance(0.3) ? 0 : noise.real(-1, 1), noise.chance(0.2)};
    Colour expected{double{pixel[0]}, double{pixel[1]}, double{pixel[2]}};
    const double middle = grey(expected);
    for (double& number : expected) number = middle + change.saturation * (number - middle);
    expected = turned(expected, change.hue);
    if (change.grey) expected.fill(grey(expected));
    detail::change_colours(change, 1, pixel.data());
    // A hue is a quotient by the chroma, which is then multiplied by it: a few roundings of numbers up to 4.
    for (std::size_t c = 0; c < 3; ++c)
      ASSERT_NEAR(pixel[c], expected[c], 4e-6) << "saturation " << change.saturation << " hue " << change.hue;
  }
}

TEST(Colour, TurnsRedToGreenToBlue) {
  std::array<float, 6> pixels{1, 0, 0, 0.25F, 0.25F, 0.75F};
  detail::change_colours({1, 1.0 / 3, false}, 2, pixels.data());
  const std::array expected{0.0F, 1.0F, 0.0F, 0.75F, 0.25F, 0.25F};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(pixels[i], expected[i], 1e-6);
}

TEST(Augment, ChangesSaturationHueAndGreyWithinTheirRanges) {
  const Shape shape{1, 1, 3};
  const Image pixel{0.9F, 0.5F, 0.1F};
  const double middle = grey({0.9, 0.5, 0.1});
  Augmentation o;
  o.saturation = 0.4;
  double least = 9, most = -9;
  for (const Image& out : changed(o, shape, pixel, 1000)) {
    const double factor = (double{out[0]} - middle) / (0.9 - middle);
    EXPECT_NEAR((double{out[2]} - middle) / (0.1 - middle), factor, 1e-5);
    least = std::min(least, factor), most = std::max(most, factor);
  }
  EXPECT_NEAR(least, 0.6, 0.01);
  EXPECT_NEAR(most, 1.4, 0.01);
  o = {};
  o.hue = 0.05;  // the orange's hue is 30 degrees, and stays between 12 and 48, between red and yellow
  least = 9, most = -9;
  for (const Image& out : changed(o, shape, pixel, 1000)) {
    EXPECT_NEAR(out[0], 0.9, 1e-6);
    EXPECT_NEAR(out[2], 0.1, 1e-6);
    const double turn = (60 * (double{out[1]} - 0.1) / 0.8 - 30) / 360;
    least = std::min(least, turn), most = std::max(most, turn);
  }
  EXPECT_NEAR(least, -0.05, 0.001);
  EXPECT_NEAR(most, 0.05, 0.001);
  o = {};
  o.grayscale = 0.3;
  int greys = 0;
  for (const Image& out : changed(o, shape, pixel, 10000)) {
    if (out == pixel) continue;
    ++greys;
    for (const float number : out) ASSERT_NEAR(number, middle, 1e-6);
  }
  EXPECT_NEAR(greys, 3000, 4 * std::sqrt(10000 * 0.3 * 0.7));
}

// Normal numbers of that deviation, others for each number, sample and epoch, before normalisation.
TEST(Augment, AddsNoise) {
  const Shape shape{5, 5, 3};
  const Image image(75, 2);
  Augmentation o;
  o.noise = 0.5, o.mean = {2}, o.stddev = {0.1};
  std::set<float> different;
  double sum = 0, squares = 0, fourth = 0;
  const std::int32_t count = 400;
  for (const Image& out : changed(o, shape, image, count))
    for (const float x : out) {
      different.insert(x);
      const double z = double{x} / 5;
      sum += z, squares += z * z, fourth += z * z * z * z;
    }
  const double n = 75.0 * count;
  EXPECT_GT(different.size(), static_cast<std::size_t>(0.99 * n));
  EXPECT_NEAR(sum / n, 0, 4.5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4.5 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4.5 * std::sqrt(96 / n));
  EXPECT_NE(changed(o, shape, image, 1, 5, 1), changed(o, shape, image, 1, 5, 2));
}

// Brightness and contrast, then colours, then noise, then normalisation.
TEST(Augment, ChangesColoursInTheirOrder) {
  const Shape shape{3, 3, 3};
  const Image image = noise_image(shape, 6);
  Augmentation all;
  all.brightness = 0.3, all.contrast = 0.4, all.saturation = 0.5, all.hue = 0.3, all.grayscale = 0.5, all.noise = 0.1;
  all.mean = {0.5, 0.25, 0.1}, all.stddev = {2, 3, 4};
  Augmentation tones, colours, noise, normal;
  tones.brightness = 0.3, tones.contrast = 0.4;
  colours.saturation = 0.5, colours.hue = 0.3, colours.grayscale = 0.5;
  noise.noise = 0.1;
  normal.mean = all.mean, normal.stddev = all.stddev;
  for (std::int32_t index = 0; index < 20; ++index) {
    Image once = image, in_turn = image;
    augment(all, shape, once.data(), &index, 1, 3, 1);
    for (const Augmentation& part : {tones, colours, noise, normal})
      augment(part, shape, in_turn.data(), &index, 1, 3, 1);
    EXPECT_EQ(once, in_turn);
  }
}

TEST(Augment, CutsOutASquareAroundAnyPixel) {
  const Shape shape{6, 7, 2};
  Augmentation o;
  o.cutout = 3;
  std::set<Image> seen;
  for (const Image& out : changed(o, shape, Image(84, 1), 2000)) {
    std::int64_t top = 6, bottom = -1, left = 7, right = -1, cleared = 0;
    for (std::int64_t i = 0; i < 84; ++i) {
      if (out[static_cast<std::size_t>(i)] != 0) continue;
      ++cleared;
      top = std::min(top, i / 14), bottom = std::max(bottom, i / 14);
      left = std::min(left, i / 2 % 7), right = std::max(right, i / 2 % 7);
    }
    EXPECT_EQ(cleared, 2 * (bottom - top + 1) * (right - left + 1));
    EXPECT_TRUE(bottom - top + 1 == 3 || (bottom - top + 1 == 2 && (top == 0 || bottom == 5)));
    EXPECT_TRUE(right - left + 1 == 3 || (right - left + 1 == 2 && (left == 0 || right == 6)));
    seen.insert(out);
  }
  EXPECT_EQ(seen.size(), 42u);
}

TEST(Augment, ErasesRectanglesOfThePapersSizes) {
  const Shape shape{30, 40, 1};
  Augmentation o;
  o.erase = 0.5;
  int erased = 0;
  double area = 0;
  for (const Image& out : changed(o, shape, Image(1200, 1), 4000)) {
    const auto zeros = std::count(out.begin(), out.end(), 0.0F);
    if (zeros == 0) continue;
    ++erased;
    EXPECT_GE(zeros, 0.015 * 1200);
    EXPECT_LE(zeros, 0.42 * 1200);
    area += static_cast<double>(zeros) / 1200;
  }
  EXPECT_NEAR(erased, 2000, 4 * std::sqrt(1000));
  EXPECT_NEAR(area / erased, 0.2, 0.02);  // a little less than 0.21, since the largest do not always fit
}

// ---- The whole -------------------------------------------------------------------------------------------------

Dataset some_images(std::int64_t count, const Shape& shape) {
  Dataset data;
  data.shape = {count, shape[0], shape[1], shape[2]};
  const Tensor<float> x = random_tensor<float>(data.shape, 8, 0, 1);
  data.pixels = std::vector<float>(x.begin(), x.end());
  for (std::int64_t i = 0; i < count; ++i) data.labels.push_back(static_cast<std::int32_t>(i % 10));
  data.classes = 10;
  return data;
}

Augmentation everything(std::int64_t channels) {
  Augmentation o;
  o.zoom_min = 0.9, o.zoom_max = 1.2, o.rotation = 15, o.shift = 0.1, o.crop_padding = 2;
  o.flip_horizontal = o.flip_vertical = 0.5, o.border = Border::reflect;
  o.brightness = o.contrast = 0.2, o.mean = {0.5}, o.stddev = {0.25};
  o.cutout = 3, o.erase = 0.25;
  o.crop_area_min = 0.3, o.shear = 10, o.noise = 0.1;
  if (channels == 3) o.saturation = 0.3, o.hue = 0.1, o.grayscale = 0.2;
  return o;
}

TEST(Augmented, ASampleDependsOnSeedEpochAndIndexAlone) {
  const Shape shape{9, 11, 3};
  const std::int64_t size = shape.elements(), count = 200;
  const Dataset data = some_images(count, shape);
  const Augmented augmented(data, everything(3));
  std::vector<std::int32_t> all(count), order(count);
  std::iota(all.begin(), all.end(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i * 77 % count);
  const auto whole = [&](std::int64_t epoch, std::uint64_t seed) {
    augmented.begin_epoch(epoch, seed);
    Image out(static_cast<std::size_t>(count * size));
    std::vector<std::int32_t> labels(count);
    augmented.gather(all.data(), count, out.data(), labels.data());
    EXPECT_EQ(labels, data.labels);
    return out;
  };
  const Image expected = with_threads(1, [&] { return whole(3, 7); });
  for (const int threads : {2, 4}) EXPECT_EQ(with_threads(threads, [&] { return whole(3, 7); }), expected);
  Image one(static_cast<std::size_t>(size));
  for (const std::int32_t index : order) {
    std::int32_t label = 0;
    augmented.gather(&index, 1, one.data(), &label);
    ASSERT_TRUE(std::equal(one.begin(), one.end(), expected.begin() + index * size)) << index;
  }
  EXPECT_NE(whole(4, 7), expected);
  EXPECT_NE(whole(3, 8), expected);
  EXPECT_EQ(whole(3, 7), expected);
}

// Seeds that someone has noted down keep their images: these are those of the options that there were before random
// parts, shear, colours and noise.
TEST(Augmented, OldSeedsKeepTheirImages) {
  const Shape shape{4, 4, 1};
  Augmentation o;
  o.zoom_min = 0.9, o.zoom_max = 1.2, o.rotation = 15, o.shift = 0.1, o.crop_padding = 1, o.flip_horizontal = 0.5;
  o.brightness = 0.2, o.contrast = 0.2, o.mean = {8}, o.stddev = {4}, o.cutout = 1, o.erase = 0.5;
  const Image out = changed(o, shape, counting(shape), 3, 11, 2)[2];
  const Image expected{
      -2.05668354F, -0.54062545F, -0.55289078F, -0.56515598F, -1.40080464F, 0, 0, 0, -1.50447595F, 0.01849055F, 0, 0,
      -2.05668354F, -2.05668354F, -2.05668354F, -1.63126183F};
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-5) << i;
}

TEST(Augmented, TellsItsSourceOfEpochs) {
  const Dataset data = some_images(3, {4, 4, 1});
  Augmentation flips;
  flips.flip_horizontal = 0.5;
  const Augmented inner(data, flips), outer(inner, {});
  outer.begin_epoch(2, 9);
  const std::vector<std::int32_t> all{0, 1, 2};
  Image through(48), direct(48);
  std::vector<std::int32_t> labels(3);
  outer.gather(all.data(), 3, through.data(), labels.data());
  data.gather(all.data(), 3, direct.data(), nullptr);
  augment(flips, {4, 4, 1}, direct.data(), all.data(), 3, 9, 2);
  EXPECT_EQ(through, direct);
  EXPECT_EQ(outer.count(), 3);
}

// Each sample has two labels.
struct TwoLabels : Dataset {
  using Dataset::Dataset;
  std::int64_t labels_per_sample() const override { return 2; }
};

TEST(Augmented, RefusesLabelsThatWouldHaveToBeMoved) {
  TwoLabels pixels;
  pixels.shape = {0, 1, 2, 1};
  EXPECT_TRUE(refuses([&] { Augmented(pixels, {}); }, "Augmented", {"2 labels"}));
}

// ---- Mixing ----------------------------------------------------------------------------------------------------

struct Mixed {
  Image images;
  std::vector<std::int32_t> others;
  std::vector<float> shares;
};

Mixed mixed(const Augmentation& o, const Shape& shape, const Image& in, std::int64_t n, std::uint64_t seed = 1) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(n)), labels(indices.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    indices[i] = static_cast<std::int32_t>(10 * i), labels[i] = static_cast<std::int32_t>(i);
  Mixed m{Image(in.size()), std::vector<std::int32_t>(labels.size()), std::vector<float>(labels.size())};
  mix_samples(o, shape, in.data(), indices.data(), labels.data(), n, seed, 1, m.images.data(), m.others.data(),
              m.shares.data());
  return m;
}

TEST(Mix, MixupIsTheWeightedMean) {
  const Shape shape{3, 2, 2};
  const std::int64_t n = 16, size = shape.elements();
  const Image in = noise_image({n * shape[0], shape[1], shape[2]}, 3);
  Augmentation o;
  o.mixup = 0.4;
  const Mixed m = mixed(o, shape, in, n);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t other = m.others[static_cast<std::size_t>(i)];
    const double share = m.shares[static_cast<std::size_t>(i)];
    EXPECT_NE(other, i);
    for (std::int64_t k = 0; k < size; ++k) {
      EXPECT_NEAR(m.images[static_cast<std::size_t>(i * size + k)],
                  share * in[static_cast<std::size_t>(i * size + k)] +
                      (1 - share) * in[static_cast<std::size_t>(other * size + k)],
                  1e-6);
    }
  }
  EXPECT_EQ(std::set(m.others.begin(), m.others.end()).size(), static_cast<std::size_t>(n));  // each is once another
  for (const int threads : {1, 2, 4}) {
    EXPECT_EQ(with_threads(threads, [&] { return mixed(o, shape, in, n).images; }), m.images);
  }
}

// Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
TEST(Mix, SharesAreBetaDistributed) {
  const std::int64_t n = 20000;
  const Image in(n);
  for (const double alpha : {0.05, 0.2, 1.0, 4.0, 1e-320}) {
    Augmentation o;
    o.mixup = alpha;
    const std::vector<float> shares = mixed(o, {1, 1, 1}, in, n).shares;
    double sum = 0, squares = 0;
    for (const float share : shares) {
      ASSERT_TRUE(share >= 0 && share <= 1);
      sum += double{share};
      squares += (double{share} - 0.5) * (double{share} - 0.5);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(sum / n, 0.5, 4.5 * std::sqrt(variance / n)) << alpha;
    EXPECT_NEAR(squares / n, variance, 0.005) << alpha;
  }
}

TEST(Mix, CutmixPastesARectangleAndTellsItsShare) {
  const Shape shape{8, 10, 2};
  const std::int64_t n = 200, size = shape.elements();
  Image in;
  for (std::int64_t i = 0; i < n; ++i) in.insert(in.end(), static_cast<std::size_t>(size), static_cast<float>(i));
  Augmentation o;
  o.cutmix = 1;
  const Mixed m = mixed(o, shape, in, n);
  double mean = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto other = static_cast<float>(m.others[static_cast<std::size_t>(i)]);
    const auto begin = m.images.begin() + i * size;
    const auto own = std::count(begin, begin + size, static_cast<float>(i));
    EXPECT_EQ(own + std::count(begin, begin + size, other), size);
    EXPECT_FLOAT_EQ(m.shares[static_cast<std::size_t>(i)], static_cast<float>(own) / static_cast<float>(size));
    mean += double{m.shares[static_cast<std::size_t>(i)]} / n;
  }
  EXPECT_GT(mean, 0.5);  // rectangles are cut off at the border
  EXPECT_LT(mean, 0.75);
}

TEST(Mix, BothComeEquallyOften) {
  const std::int64_t n = 2000;
  Image in;
  for (std::int64_t i = 0; i < n; ++i) in.insert(in.end(), 100, static_cast<float>(1 + i));
  Augmentation o;
  o.mixup = o.cutmix = 1;
  const Mixed m = mixed(o, {10, 10, 1}, in, n, 4);
  int blended = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float value = m.images[static_cast<std::size_t>(i * 100)];
    const auto other = static_cast<float>(1 + m.others[static_cast<std::size_t>(i)]);
    blended += value != static_cast<float>(1 + i) && value != other ? 1 : 0;
  }
  EXPECT_NEAR(blended, n / 2, 4.5 * std::sqrt(n / 4));
}

TEST(Mix, NothingToMixIsCopied) {
  const Image in = noise_image({3, 2, 1}, 1);
  Augmentation o;
  EXPECT_EQ(mixed(o, {2, 1, 1}, in, 3).images, in);
  o.mixup = 1;
  const Mixed one = mixed(o, {3, 2, 1}, in, 1);
  EXPECT_EQ(one.images, in);
  EXPECT_EQ(one.shares, std::vector<float>{1});
  EXPECT_EQ(one.others, std::vector<std::int32_t>{0});
  mixed(o, {3, 2, 1}, {}, 0);
}

TEST(Mix, GatherMixedAugmentsAndMixes) {
  const Dataset data = some_images(12, {5, 6, 2});
  Augmentation o = everything(2);
  o.mixup = 0.5;
  const Augmented augmented(data, o);
  augmented.begin_epoch(2, 3);
  const std::vector<std::int32_t> indices{7, 3, 11, 0};
  Image images(240), out(240), expected(240);
  std::vector<std::int32_t> labels(4), others(4), expected_others(4);
  std::vector<float> shares(4), expected_shares(4);
  augmented.gather_mixed(indices.data(), 4, out.data(), labels.data(), others.data(), shares.data());
  data.gather(indices.data(), 4, images.data(), nullptr);
  augment(o, {5, 6, 2}, images.data(), indices.data(), 4, 3, 2);
  mix_samples(o, {5, 6, 2}, images.data(), indices.data(), labels.data(), 4, 3, 2, expected.data(),
              expected_others.data(), expected_shares.data());
  EXPECT_EQ(out, expected);
  EXPECT_EQ(others, expected_others);
  EXPECT_EQ(shares, expected_shares);
  EXPECT_EQ(labels, (std::vector<std::int32_t>{7, 3, 1, 0}));
  EXPECT_TRUE(refuses([&] { augmented.gather(indices.data(), 4, out.data(), labels.data()); }, "Augmented::gather",
                      {"mixup", "gather_mixed"}));
}

TEST(SoftTargets, AreRowsOfProbabilities) {
  const std::vector<std::int32_t> labels{0, 2, 1}, others{1, 2, 0};
  const std::vector<float> shares{0.75F, 0.5F, 1};
  std::vector<float> rows(9, 5);
  soft_targets(labels.data(), others.data(), shares.data(), 3, 3, rows.data());
  EXPECT_EQ(rows, (std::vector<float>{0.75F, 0.25F, 0, 0, 0, 1, 0, 1, 0}));
  EXPECT_TRUE(refuses([&] { soft_targets(labels.data(), others.data(), shares.data(), 3, 2, rows.data()); },
                      "soft_targets", {"label 2", "[0, 2)"}));
}

// ---- Statistics ------------------------------------------------------------------------------------------------

TEST(ChannelStatistics, AreThoseOfAllValues) {
  const Dataset data = some_images(37, {4, 5, 3});
  const auto& pixels = std::get<std::vector<float>>(data.pixels);
  std::array<long double, 3> mean{}, variance{};
  const long double count = static_cast<long double>(pixels.size()) / 3;
  for (std::size_t i = 0; i < pixels.size(); ++i) mean[i % 3] += pixels[i] / count;
  for (std::size_t i = 0; i < pixels.size(); ++i)
    variance[i % 3] += (pixels[i] - mean[i % 3]) * (pixels[i] - mean[i % 3]) / count;
  const ChannelStatistics whole = channel_statistics(data);
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(whole.mean[c], static_cast<double>(mean[c]), 1e-14);
    EXPECT_NEAR(whole.stddev[c], static_cast<double>(std::sqrt(variance[c])), 1e-14);
  }
  for (const int threads : {1, 2, 4}) {
    for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{10}, std::int64_t{1} << 40}) {
      const ChannelStatistics s = with_threads(threads, [&] { return channel_statistics(data, batch); });
      EXPECT_EQ(s.mean, whole.mean);
      EXPECT_EQ(s.stddev, whole.stddev);
    }
  }
}

TEST(ChannelStatistics, AreAccurateFarFromZero) {
  Dataset data = some_images(100, {3, 3, 1});
  for (float& value : std::get<std::vector<float>>(data.pixels)) value = value > 0.5F ? 16777215.0F : 16777214.0F;
  EXPECT_NEAR(channel_statistics(data).stddev[0], 0.5, 0.01);
}

TEST(ChannelStatistics, RefusesNothing) {
  const Dataset data = some_images(2, {3, 3, 1});
  EXPECT_TRUE(refuses([&] { channel_statistics(data, 0); }, "channel_statistics", {"batch_size = 0"}));
  EXPECT_TRUE(refuses([&] { channel_statistics(data.slice(0, 0)); }, "channel_statistics", {"0 samples", "(3, 3, 1)"}));
}

// ---- Errors ----------------------------------------------------------------------------------------------------

TEST(Augment, RefusesOptionsOutOfRange) {
  const Dataset data = some_images(2, {4, 4, 3});
  const auto says = [&](auto set, const std::vector<std::string>& parts) {
    Augmentation o;
    set(o);
    float pixels[48] = {};
    const std::int32_t index = 0;
    return refuses([&] { Augmented(data, o); }, "Augmented", parts) &&
           refuses(
               [&] {
                 augment(o, {4, 4, 3}, pixels, &index, 1, 0, 0);
               },
               "augment", parts) &&
           refuses(
               [&] {
                 mix_samples(o, {4, 4, 3}, pixels, &index, &index, 1, 0, 0, nullptr, nullptr, nullptr);
               },
               "mix_samples", parts);
  };
  EXPECT_TRUE(says([](Augmentation& o) { o.zoom_min = 0; }, {"zoom_min = 0", "[0.01, 100]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.zoom_max = 0.5; }, {"zoom_max = 0.5", "[1, 100]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.rotation = 181; }, {"rotation = 181", "[0, 180]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.rotation = NAN; }, {"rotation = nan"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.crop_padding = -1; }, {"crop_padding = -1"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.cutout = 65537; }, {"cutout = 65537", "[0, 65536]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.shift = 1.5; }, {"shift = 1.5", "[0, 1]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.flip_horizontal = -0.5; }, {"flip_horizontal = -0.5"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.flip_vertical = 2; }, {"flip_vertical = 2"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.brightness = 2; }, {"brightness = 2"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.contrast = -1; }, {"contrast = -1"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.erase = 1.01; }, {"erase = 1.01"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.crop_area_min = 0; }, {"crop_area_min = 0", "[1e-06, 1]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.crop_area_max = 0.5; }, {"crop_area_max = 0.5", "[1, 1]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.crop_ratio_min = 0; }, {"crop_ratio_min = 0"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.crop_ratio_max = 0.5; }, {"crop_ratio_max = 0.5", "[0.75, 100]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.shear = 90; }, {"shear = 90", "[0, 80]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.saturation = 1.5; }, {"saturation = 1.5"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.hue = 0.6; }, {"hue = 0.6", "[0, 0.5]"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.grayscale = NAN; }, {"grayscale = nan"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.noise = -1; }, {"noise = -1"}));
  for (double Augmentation::*field : {&Augmentation::saturation, &Augmentation::hue, &Augmentation::grayscale}) {
    Augmentation o;
    o.*field = 0.5;
    EXPECT_TRUE(refuses([&] { check_augmentation("f", o, Shape{4, 4, 1}); }, "f", {"hue", "(4, 4, 1)", "1 channel"}));
    EXPECT_TRUE(refuses([&] { check_augmentation("f", o, Shape{4, 4, 4}); }, "f", {"hue", "4 channels"}));
    check_augmentation("f", o, Shape{4, 4, 3});
  }
  EXPECT_TRUE(says([](Augmentation& o) { o.mixup = -0.1; }, {"mixup = -0.1"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.cutmix = INFINITY; }, {"cutmix = inf"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.mean = {1, 2}; }, {"mean has 2 numbers", "3 channels"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.mean = {NAN}; }, {"mean = nan"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.stddev = {1, 0, 1}; }, {"stddev = 0", "above 0"}));
  EXPECT_TRUE(refuses([] { check_augmentation("f", {}, Shape{3, 4}); }, "f", {"(3, 4)", "(h, w, c)"}));
}

}  // namespace
}  // namespace hubel::test
