// PNG in all its colour types and JPEG in grey, RGB and CMYK; broken, truncated and boastful files of both.
#include "hubel/image.hpp"

#include <algorithm>
#include <numeric>

#include "image_files.hpp"

namespace hubel::test {
namespace {

using Samples = std::vector<std::uint8_t>;

Image decode(const Bytes& bytes) { return decode_image(bytes, "file"); }

void expect_image(const Bytes& bytes, std::int64_t height, std::int64_t width, std::int64_t channels,
                  const Samples& pixels) {
  const Image image = decode(bytes);
  EXPECT_EQ(image.height, height);
  EXPECT_EQ(image.width, width);
  EXPECT_EQ(image.channels, channels);
  EXPECT_EQ(image.pixels, pixels);
}

TEST(Png, ReadsGreyOfEveryDepth) {
  expect_image(png(4, 1, {PNG_COLOR_TYPE_GRAY, 1}, {0b10100000}), 1, 4, 1, {255, 0, 255, 0});
  expect_image(png(4, 1, {PNG_COLOR_TYPE_GRAY, 2}, {0b00011011}), 1, 4, 1, {0, 85, 170, 255});
  expect_image(png(2, 1, {PNG_COLOR_TYPE_GRAY, 4}, {0x1f}), 1, 2, 1, {17, 255});
  expect_image(png(2, 2, {PNG_COLOR_TYPE_GRAY, 8}, {1, 2, 3, 254}), 2, 2, 1, {1, 2, 3, 254});
  // 16 bits are rounded to 8: 0x0180 / 257 = 1.49, 0x01ff / 257 = 1.99
  expect_image(png(2, 2, {PNG_COLOR_TYPE_GRAY, 16}, {0x01, 0x80, 0x01, 0xff, 0xff, 0xff, 0, 0}), 2, 2, 1,
               {1, 2, 255, 0});
}

TEST(Png, ReadsColour) {
  expect_image(png(2, 1, {PNG_COLOR_TYPE_RGB, 8}, {1, 2, 3, 4, 5, 6}), 1, 2, 3, {1, 2, 3, 4, 5, 6});
  expect_image(png(1, 1, {PNG_COLOR_TYPE_RGB, 16}, {10, 10, 20, 20, 30, 30}), 1, 1, 3, {10, 20, 30});
  const PngOptions palette{PNG_COLOR_TYPE_PALETTE, 2, false, {{9, 8, 7}, {6, 5, 4}, {3, 2, 1}}};
  expect_image(png(3, 1, palette, {0b10010000}), 1, 3, 3, {3, 2, 1, 6, 5, 4, 9, 8, 7});
}

// alpha 0 is white, 255 the colour, 51 (a fifth) between.
TEST(Png, LaysTransparencyOverWhite) {
  expect_image(png(3, 1, {PNG_COLOR_TYPE_GRAY_ALPHA, 8}, {100, 0, 100, 255, 100, 51}), 1, 3, 1, {255, 100, 224});
  expect_image(png(2, 1, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {1, 2, 3, 255, 0, 100, 200, 51}), 1, 2, 3,
               {1, 2, 3, 204, 224, 244});
  expect_image(png(1, 1, {PNG_COLOR_TYPE_RGB_ALPHA, 16}, {0, 0, 0, 0, 0, 0, 0, 0}), 1, 1, 3, {255, 255, 255});
  const PngOptions palette{PNG_COLOR_TYPE_PALETTE, 8, false, {{0, 0, 0}, {10, 20, 30}}, {0}};
  expect_image(png(2, 1, palette, {0, 1}), 1, 2, 3, {255, 255, 255, 10, 20, 30});
  PngOptions grey{PNG_COLOR_TYPE_GRAY, 8};
  grey.transparent = 7;
  expect_image(png(2, 1, grey, {7, 8}), 1, 2, 1, {255, 8});
}

Samples ramp(std::size_t size) {
  Samples samples(size);
  for (std::size_t i = 0; i < size; ++i) samples[i] = static_cast<std::uint8_t>(7 * i);
  return samples;
}

TEST(Png, ReadsInterlaced) {
  const Samples samples = ramp(std::size_t{13} * 11 * 3);
  expect_image(png(13, 11, {PNG_COLOR_TYPE_RGB, 8, true}, samples), 11, 13, 3, samples);
  expect_image(png(1, 1, {PNG_COLOR_TYPE_GRAY, 8, true}, {9}), 1, 1, 1, {9});
}

TEST(Png, RefusesEveryTruncationAndSurvivesEveryFlip) {
  for (const bool interlaced : {false, true}) {
    const Bytes good = png(5, 5, {PNG_COLOR_TYPE_RGB_ALPHA, 8, interlaced}, ramp(100));
    EXPECT_EQ(survive_damage(good, 1, decode), 0);
  }
}

// The header of the PNG with another size, its CRC made right again.
Bytes with_png_size(Bytes bytes, std::uint32_t width, std::uint32_t height) {
  Bytes header;  // after the signature and the chunk's length: "IHDR", 13 bytes, CRC
  append_integer(header, width, 4, true);
  append_integer(header, height, 4, true);
  std::copy(header.begin(), header.end(), bytes.begin() + 16);
  Bytes crc;
  append_integer(crc, crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + 12, 17), 4, true);
  std::copy(crc.begin(), crc.end(), bytes.begin() + 29);
  return bytes;
}

TEST(Png, TellsWhatIsWrong) {
  const Bytes good = png(2, 2, {PNG_COLOR_TYPE_GRAY, 8}, {1, 2, 3, 4});
  const auto refuses = [](const Bytes& bytes, const std::vector<std::string>& parts) {
    return throws<FormatError>([&] { decode(bytes); }, parts);
  };
  EXPECT_TRUE(refuses(with_png_size(good, 0x7fffffff, 0x7fffffff), {"file", "2147483647 x 2147483647", "limit"}));
  EXPECT_TRUE(refuses(with_png_size(good, 9000, 9000), {"too short for 9000 x 9000"}));
  EXPECT_TRUE(refuses(with_png_size(good, 2, 3), {"broken PNG"}));
  EXPECT_TRUE(refuses(with_png_size(good, 0, 2), {"broken PNG"}));
  EXPECT_TRUE(refuses(to_bytes("\x89PNG\r\n\x1a\n"), {"broken PNG", "truncated"}));
  EXPECT_TRUE(throws<FormatError>([&] { decode_image(good, "file", 3); }, {"2 x 2", "limit of 3"}));
  EXPECT_EQ(decode_image(good, "file", 4).pixels.size(), 4u);
}

// The largest difference of two images' samples.
int difference(const Samples& a, const Samples& b) {
  int most = a.size() == b.size() ? 0 : 256;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, std::abs(int{a[i]} - int{b[i]}));
  return most;
}

// A smooth picture, which JPEG keeps well: 4 levels at quality 95 is what its quantisation may change.
Samples smooth(std::uint32_t width, std::uint32_t height, int channels) {
  Samples samples;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c)
        samples.push_back(static_cast<std::uint8_t>(3 * x + 2 * y + 20 * static_cast<unsigned>(c)));
    }
  }
  return samples;
}

TEST(Jpeg, ReadsGreyAndColourBaselineAndProgressive) {
  for (const bool progressive : {false, true}) {
    const Samples grey = smooth(37, 21, 1), colour = smooth(37, 21, 3);
    const Image one = decode(jpeg(37, 21, {1, JCS_GRAYSCALE, 95, progressive}, grey));
    EXPECT_EQ(one.height, 21);
    EXPECT_EQ(one.width, 37);
    EXPECT_EQ(one.channels, 1);
    EXPECT_LE(difference(one.pixels, grey), 4);
    const Image three = decode(jpeg(37, 21, {3, JCS_RGB, 95, progressive}, colour));
    EXPECT_EQ(three.channels, 3);
    EXPECT_LE(difference(three.pixels, colour), 6);  // and its chroma is halved
  }
  EXPECT_LE(difference(decode(jpeg(1, 1, {}, {77})).pixels, {77}), 1);
}

TEST(Jpeg, RefusesCmyk) {
  EXPECT_TRUE(throws<FormatError>(
      [] {
        decode(jpeg(8, 8, {4, JCS_CMYK}, Samples(256)));
      },
      {"file", "4 colour", "RGB"}));
}

TEST(Jpeg, RefusesEveryTruncationAndSurvivesEveryFlip) {
  for (const bool progressive : {false, true}) {
    const Bytes good = jpeg(20, 20, {3, JCS_RGB, 90, progressive}, ramp(1200));
    EXPECT_EQ(survive_damage(good, 1, decode), 0);
  }
}

TEST(Jpeg, TellsWhatIsWrong) {
  Bytes huge = jpeg(16, 16, {}, smooth(16, 16, 1));
  const Bytes frame = to_bytes(std::string_view("\xff\xc0\x00\x0b\x08", 5));
  const auto at = std::search(huge.begin(), huge.end(), frame.begin(), frame.end());
  ASSERT_NE(at, huge.end());
  std::fill(at + 5, at + 9, std::byte{0xff});  // height and width
  EXPECT_TRUE(throws<FormatError>([&] { decode(huge); }, {"file", "65535 x 65535", "limit"}) ||
              throws<FormatError>([&] { decode(huge); }, {"broken JPEG", "65500"}));  // libjpeg's own
  EXPECT_TRUE(
      throws<FormatError>([] { decode_image(jpeg(4, 4, {}, Samples(16)), "file", 15); }, {"4 x 4", "limit of 15"}));
  EXPECT_TRUE(throws<FormatError>([] { decode(to_bytes("\xff\xd8\xff")); }, {"broken JPEG"}));
}

// Every coefficient in a scan of its own, and its last bit in another.
TEST(Jpeg, RefusesMoreScansThanAnyEncoderWrites) {
  JpegOptions options;
  options.scans = {{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) options.scans.push_back({1, {0}, k, k, 0, 1});
  EXPECT_EQ(decode(jpeg(16, 16, options, Samples(256))).height, 16);
  for (int k = 1; k < 64; ++k) options.scans.push_back({1, {0}, k, k, 1, 0});
  EXPECT_TRUE(
      throws<FormatError>([&] { decode(jpeg(16, 16, options, Samples(256))); }, {"file", "more than 100 scans"}));
}

// A TIFF directory whose only entry is the orientation.
Bytes exif(int orientation, bool big_endian) {
  Bytes bytes = to_bytes(std::string_view("Exif\0\0", 6));
  append(bytes, to_bytes(big_endian ? "MM" : "II"));
  append_integer(bytes, 42, 2, big_endian);
  append_integer(bytes, 8, 4, big_endian);
  append_integer(bytes, 1, 2, big_endian);
  append_integer(bytes, 0x0112, 2, big_endian);
  append_integer(bytes, 3, 2, big_endian);
  append_integer(bytes, 1, 4, big_endian);
  append_integer(bytes, static_cast<std::uint64_t>(orientation), 2, big_endian);
  append_integer(bytes, 0, 2, big_endian);
  append_integer(bytes, 0, 4, big_endian);
  return bytes;
}

// The stored picture has a bright upper left quarter of 8 x 16 blocks. Where it lies upright is what the standard's
// table of "the 0th row is at the visual ..., the 0th column at the visual ..." says.
TEST(Jpeg, TurnsPicturesUpright) {
  Samples stored(32 * 16);
  for (std::size_t y = 0; y < 8; ++y) std::fill_n(stored.begin() + static_cast<std::ptrdiff_t>(y * 32), 16, 255);
  struct Expected {
    int orientation;
    bool at_bottom, at_right, transposed;
  };
  for (const Expected& e : {Expected{1, false, false, false},
                            {2, false, true, false},
                            {3, true, true, false},
                            {4, true, false, false},
                            {5, false, false, true},
                            {6, false, true, true},
                            {7, true, true, true},
                            {8, true, false, true}}) {
    for (const bool big_endian : {false, true}) {
      JpegOptions options;
      options.app1 = exif(e.orientation, big_endian);
      const Image image = decode(jpeg(32, 16, options, stored));
      ASSERT_EQ(image.height, e.transposed ? 32 : 16) << e.orientation;
      ASSERT_EQ(image.width, e.transposed ? 16 : 32);
      const std::int64_t y = e.at_bottom ? image.height - 1 : 0, x = e.at_right ? image.width - 1 : 0;
      const auto at = [&](std::int64_t row, std::int64_t column) {
        return image.pixels[static_cast<std::size_t>(row * image.width + column)];
      };
      EXPECT_GT(at(y, x), 250) << e.orientation;
      EXPECT_LT(at(image.height - 1 - y, x), 5) << e.orientation;
      EXPECT_LT(at(y, image.width - 1 - x), 5) << e.orientation;
    }
  }
}

TEST(Jpeg, NonsenseInExifIsPassedOver) {
  for (const int orientation : {0, 9, 65535}) {
    JpegOptions options;
    options.app1 = exif(orientation, true);
    EXPECT_EQ(decode(jpeg(16, 8, options, Samples(128))).width, 16);
  }
  const Bytes whole = exif(6, true);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    JpegOptions options;
    options.app1 = Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_GE(decode(jpeg(16, 8, options, Samples(128))).width, 8) << size;
  }
}

TEST(Image, TellsWhatIsNoImage) {
  const TemporaryFolder folder;
  EXPECT_TRUE(throws<FormatError>([] { decode({}); }, {"file", "neither", "empty"}));
  EXPECT_TRUE(throws<FormatError>([] { decode(to_bytes("GIF89a")); }, {"file", "neither a PNG nor a JPEG"}));
  EXPECT_TRUE(throws<IoError>([&] { read_image(folder.path()); }, {folder.path(), "folder"}));
  EXPECT_TRUE(throws<IoError>([&] { read_image(folder.path() + "/none.png"); }, {"none.png", "No such file"}));
  // The name does not matter.
  EXPECT_EQ(read_image(folder.write("x.jpg", png(1, 1, {}, {5}))).pixels, Samples{5});
}

}  // namespace
}  // namespace hubel::test
