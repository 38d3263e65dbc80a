// The preparation of images: resizing, and MNIST's own treatment of digits.
#include <algorithm>
#include <cmath>

#include "hubel/dataset.hpp"
#include "hubel/image.hpp"
#include "image_files.hpp"

namespace hubel::test {
namespace {

const Shape kMnist{28, 28, 1};

// A grey image from its rows.
Image grey(std::int64_t height, std::int64_t width, std::vector<std::uint8_t> pixels) {
  return {height, width, 1, std::move(pixels)};
}

// A picture of ground with a 7 in it, strokes of one brightness, anti-aliased; `scale` pixels to a twentieth of its
// height, its corner at (left, top).
Image seven(std::int64_t side, double scale, double left, double top, int ground, int ink) {
  const auto inside = [&](double x, double y) {
    x = (x - left) / scale;
    y = (y - top) / scale;
    const bool bar = y >= 0 && y < 3 && x >= 0 && x < 15;
    const double slant = 15 - 3 - (y - 3) * 0.4;
    return bar || (y >= 3 && y < 20 && x >= slant && x < slant + 3);
  };
  Image image = grey(side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side)));
  constexpr int kSub = 4;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      int hits = 0;
      for (int s = 0; s < kSub * kSub; ++s) {
        hits +=
            inside(static_cast<double>(x) + (s % kSub + 0.5) / kSub, static_cast<double>(y) + (s / kSub + 0.5) / kSub);
      }
      image.pixels[static_cast<std::size_t>(y * side + x)] =
          static_cast<std::uint8_t>(ground + (ink - ground) * hits / (kSub * kSub));
    }
  }
  return image;
}

// The root of the mean squared difference.
double difference(const Tensor<float>& a, const Tensor<float>& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// The rows and columns that have ink, and its centre of mass.
struct Extent {
  std::int64_t top = 99, bottom = -1, left = 99, right = -1;
  double y = 0, x = 0;
};
Extent extent(const Tensor<float>& image) {
  Extent e;
  double mass = 0;
  const std::int64_t width = image.shape()[2];
  for (std::int64_t i = 0; i < image.size(); ++i) {
    if (image[i] <= 0) continue;
    const std::int64_t y = i / width, x = i % width;
    e.top = std::min(e.top, y), e.bottom = std::max(e.bottom, y);
    e.left = std::min(e.left, x), e.right = std::max(e.right, x);
    mass += double{image[i]};
    e.y += double{image[i]} * static_cast<double>(y);
    e.x += double{image[i]} * static_cast<double>(x);
  }
  e.y /= mass, e.x /= mass;
  return e;
}

TEST(PrepareDigit, IsPlacedAsInMnist) {
  const Tensor<float> out = prepare_image(seven(200, 5, 20, 60, 255, 0), kMnist, true);
  EXPECT_EQ(out.shape(), (Shape{1, 28, 28, 1}));
  const Extent e = extent(out);
  EXPECT_EQ(e.bottom - e.top + 1, 20);
  EXPECT_EQ(e.right - e.left + 1, 15);
  EXPECT_NEAR(e.y, 14, 0.5);
  EXPECT_NEAR(e.x, 14, 0.5);
  EXPECT_EQ(*std::max_element(out.begin(), out.end()), 1);
  EXPECT_EQ(*std::min_element(out.begin(), out.end()), 0);
}

TEST(PrepareDigit, GroundSizePlaceAndColourDoNotMatter) {
  const Tensor<float> reference = prepare_image(seven(200, 5, 20, 60, 255, 0), kMnist, true);
  EXPECT_LT(difference(prepare_image(seven(200, 5, 20, 60, 0, 255), kMnist, true), reference), 1e-6);
  EXPECT_LT(difference(prepare_image(seven(200, 5, 80, 10, 190, 60), kMnist, true), reference), 0.02);
  EXPECT_LT(difference(prepare_image(seven(900, 40, 33, 50, 40, 220), kMnist, true), reference), 0.05);
  EXPECT_LT(difference(prepare_image(seven(40, 1.5, 5, 5, 255, 0), kMnist, true), reference), 0.1);
  Image colour{200, 200, 3, {}};
  for (const std::uint8_t value : seven(200, 5, 20, 60, 255, 0).pixels) {
    colour.pixels.insert(colour.pixels.end(), {value, value, 255});  // blue ink on white
  }
  EXPECT_LT(difference(prepare_image(colour, kMnist, true), reference), 1e-3);
}

TEST(PrepareDigit, JpegNoiseAndShadingAreNoInk) {
  Image image = seven(200, 5, 20, 60, 235, 30);
  const Tensor<float> reference = prepare_image(image, kMnist, true);
  for (const int quality : {30, 75}) {
    const Image noisy = decode_image(jpeg(200, 200, {1, JCS_GRAYSCALE, quality}, image.pixels), "noisy");
    EXPECT_LT(difference(prepare_image(noisy, kMnist, true), reference), 0.05) << quality;
  }
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {  // darker to the right, by 40 levels
    image.pixels[i] = static_cast<std::uint8_t>(std::max(0, image.pixels[i] - static_cast<int>(i % 200) / 5));
  }
  EXPECT_LT(difference(prepare_image(image, kMnist, true), reference), 0.1);
}

TEST(PrepareDigit, ASpeckAndAStrokeAtTheBorderDoNotMislead) {
  Image image = seven(200, 5, 20, 60, 255, 0);
  const Tensor<float> reference = prepare_image(image, kMnist, true);
  image.pixels[199 * 200 + 199] = 0;
  EXPECT_LT(difference(prepare_image(image, kMnist, true), reference), 1e-3);
  // Cropped so tightly that the strokes touch the border on every side.
  const Tensor<float> tight = prepare_image(seven(100, 5, 15, 0, 255, 0), kMnist, true);
  EXPECT_LT(difference(tight, reference), 0.02);
}

// A thin pen on a large sheet would fade to grey when it is averaged down.
TEST(PrepareDigit, ThinStrokesAreBright) {
  Image image = grey(400, 400, std::vector<std::uint8_t>(160000, 255));
  for (std::size_t y = 50; y < 350; ++y)
    std::fill_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(y * 400 + 200), 2, 0);
  const Tensor<float> out = prepare_image(image, kMnist, true);
  EXPECT_EQ(*std::max_element(out.begin(), out.end()), 1);
  EXPECT_EQ(extent(out).bottom - extent(out).top + 1, 20);
}

TEST(PrepareDigit, MnistsOwnImagesComeBack) {
  const Dataset test = load_dataset("mnist").test;
  const auto& pixels = std::get<0>(test.pixels);
  int apart = 0;
  double worst = 0;
  for (std::int32_t i = 0; i < 200; ++i) {
    Tensor<float> original(Shape{1, 28, 28, 1});
    test.gather(&i, 1, original.data(), nullptr);
    const auto begin = pixels.begin() + std::ptrdiff_t{i} * 784;
    const Image same = grey(28, 28, {begin, begin + 784});
    Image enlarged = grey(224, 224, {});
    for (std::ptrdiff_t y = 0; y < 224; ++y) {
      for (std::ptrdiff_t x = 0; x < 224; ++x) {
        enlarged.pixels.push_back(static_cast<std::uint8_t>(255 - begin[y / 8 * 28 + x / 8]));
      }
    }
    for (const Image* image : {&same, static_cast<const Image*>(&enlarged)}) {
      const double apart_by = difference(prepare_image(*image, kMnist, true), original);
      worst = std::max(worst, apart_by);
      apart += apart_by > 0.02 ? 1 : 0;
    }
  }
  // Some digits have a row at their edge that is as faint as what JPEG leaves around strokes. Without it they are
  // enlarged by 20/19 at most, which moves a stroke by a pixel at most.
  EXPECT_LE(apart, 40);  // of 400
  EXPECT_LT(worst, 0.25);
}

TEST(PrepareDigit, OtherSizesAreFilledInProportion) {
  const Extent e = extent(prepare_image(seven(200, 5, 20, 60, 255, 0), Shape{56, 84, 1}, true));
  EXPECT_EQ(e.bottom - e.top + 1, 40);
  EXPECT_NEAR(e.y, 28, 0.5);
  EXPECT_NEAR(e.x, 42, 0.5);
  EXPECT_EQ(prepare_image(seven(200, 5, 20, 60, 255, 0), Shape{1, 1, 1}, true)[0], 1);
}

TEST(PrepareDigit, AnEmptySheetIsRefused) {
  Image noisy = grey(100, 100, std::vector<std::uint8_t>(10000, 240));
  for (std::size_t i = 0; i < noisy.pixels.size(); i += 7) noisy.pixels[i] -= 12;
  const Image black = grey(1, 1, {0}), white = grey(5, 5, std::vector<std::uint8_t>(25, 255));
  std::vector<std::uint8_t> stripes(400);  // each of them a speck
  for (std::size_t i = 0; i < stripes.size(); i += 2) stripes[i] = 255;
  const Image wide = grey(1, 400, stripes), high = grey(400, 1, stripes);
  for (const Image* image : {&black, &white, static_cast<const Image*>(&noisy), &wide, &high}) {
    EXPECT_TRUE(throws<FormatError>([&] { prepare_image(*image, kMnist, true); }, {"no digit"}));
  }
}

TEST(PrepareImage, ShrinksByAreaAndGrowsLinearly) {
  const Image image = grey(2, 4, {0, 51, 102, 153, 204, 255, 0, 51});
  const auto expect = [&](const Shape& input, const std::vector<float>& expected) {
    const Tensor<float> out = prepare_image(image, input, false);
    ASSERT_EQ(out.size(), std::ssize(expected));
    for (std::int64_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[static_cast<std::size_t>(i)], 1e-6) << i;
  };
  expect({2, 4, 1}, {0, 0.2F, 0.4F, 0.6F, 0.8F, 1, 0, 0.2F});
  expect({1, 2, 1}, {0.5F, 0.3F});
  expect({2, 2, 1}, {0.1F, 0.5F, 0.9F, 0.1F});
  expect({1, 3, 1}, {0.45F, 0.4F, 0.35F});  // pixels 4/3 wide: (0.4 + 0.6 / 3) * 3/4, ...
  expect({4, 1, 1}, {0.3F, 0.35F, 0.45F, 0.5F});
}

TEST(PrepareImage, ConvertsChannels) {
  const Image colour{1, 2, 3, {255, 0, 0, 0, 255, 51}}, one = grey(1, 1, {102});
  const Tensor<float> mono = prepare_image(colour, Shape{1, 2, 1}, false);
  EXPECT_NEAR(mono[0], 0.299, 1e-6);
  EXPECT_NEAR(mono[1], 0.587 + 0.114 * 0.2, 1e-6);
  const Tensor<float> same = prepare_image(colour, Shape{1, 2, 3}, false);
  for (std::int64_t i = 0; i < 6; ++i) EXPECT_NEAR(same[i], colour.pixels[static_cast<std::size_t>(i)] / 255.0, 1e-6);
  const Tensor<float> three = prepare_image(one, Shape{1, 1, 3}, false);
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_NEAR(three[i], 0.4, 1e-6);
}

TEST(PrepareImage, RefusesWrongArguments) {
  const Image good = grey(1, 1, {0}), short_of_samples = grey(2, 2, {0, 0, 0}), two_channels{1, 1, 2, {0, 0}};
  const auto refuses = [](const Image& image, const Shape& input, bool digit, const std::vector<std::string>& parts) {
    return throws<std::invalid_argument>([&] { prepare_image(image, input, digit); }, parts);
  };
  EXPECT_TRUE(refuses(short_of_samples, kMnist, false, {"prepare_image: image is (2, 2, 1) with 3 samples"}));
  EXPECT_TRUE(refuses(two_channels, kMnist, false, {"image is (1, 1, 2)"}));
  EXPECT_TRUE(refuses(Image(), kMnist, false, {"image is (0, 0, 0)"}));
  EXPECT_TRUE(refuses(good, Shape{28, 28}, false, {"input is (28, 28)", "(h, w, c)"}));
  EXPECT_TRUE(refuses(good, Shape{28, 28, 2}, false, {"input is (28, 28, 2)"}));
  EXPECT_TRUE(refuses(good, Shape{0, 28, 1}, false, {"input is (0, 28, 1)"}));
  EXPECT_TRUE(refuses(good, Shape{28, 28, 3}, true, {"fit_digit needs c = 1"}));
}

}  // namespace
}  // namespace hubel::test
