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
    const long double y = middle_y + (cosine * y1 + sine * x1) / m.zoom;
    const long double x = middle_x + (cosine * x1 - sine * y1) / m.zoom;
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

TEST(Affine, StaysWithinItsArrays) {
  Noise noise(3);
  for (int i = 0; i < 60; ++i) {
    const Shape shape{noise.integer(1, 9), noise.integer(1, 9), noise.integer(1, 4)};
    Movement m{noise.real(0.2, 4), noise.chance(0.3) ? 0 : noise.real(-4, 4), noise.real(-30, 30), noise.real(-30, 30)};
    if (noise.chance(0.3)) m = {1, 0, std::floor(m.dy), std::floor(m.dx), true, false};
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

Augmentation everything() {
  Augmentation o;
  o.zoom_min = 0.9, o.zoom_max = 1.2, o.rotation = 15, o.shift = 0.1, o.crop_padding = 2;
  o.flip_horizontal = o.flip_vertical = 0.5, o.border = Border::reflect;
  o.brightness = o.contrast = 0.2, o.mean = {0.5}, o.stddev = {0.25};
  o.cutout = 3, o.erase = 0.25;
  return o;
}

TEST(Augmented, ASampleDependsOnSeedEpochAndIndexAlone) {
  const Shape shape{9, 11, 3};
  const std::int64_t size = shape.elements(), count = 200;
  const Dataset data = some_images(count, shape);
  const Augmented augmented(data, everything());
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
  Augmentation o = everything();
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
  EXPECT_TRUE(says([](Augmentation& o) { o.mixup = -0.1; }, {"mixup = -0.1"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.cutmix = INFINITY; }, {"cutmix = inf"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.mean = {1, 2}; }, {"mean has 2 numbers", "3 channels"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.mean = {NAN}; }, {"mean = nan"}));
  EXPECT_TRUE(says([](Augmentation& o) { o.stddev = {1, 0, 1}; }, {"stddev = 0", "above 0"}));
  EXPECT_TRUE(refuses([] { check_augmentation("f", {}, Shape{3, 4}); }, "f", {"(3, 4)", "(h, w, c)"}));
}

}  // namespace
}  // namespace hubel::test
