// PNG with libpng. Samples are taken as stored (gamma and colour profiles are not applied), as other readers for
// learning do. libpng leaves a broken file by longjmp: the functions that it may jump out of are the two with setjmp,
// which hold nothing that needs destroying.
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>
#include <new>
#include <vector>

#include "data/image_codecs.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

struct PngReader {
  PngReader(ByteSpan all, const std::string& file) : bytes(all), name(file) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  [[noreturn]] void fail() const {
    throw FormatError(detail::formatted("{}: is a broken PNG ({})", name, error.data()));
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto& self = *static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(self.error.data(), message, self.error.size() - 1);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, std::size_t n) {
    auto& self = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (n > self.bytes.size()) png_error(png, "it is truncated");
    if (n > 0) std::memcpy(out, self.bytes.data(), n);
    self.bytes = self.bytes.subspan(n);
  }

  ByteSpan bytes;  // not yet read
  const std::string& name;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::array<char, 128> error{};
};

// Reads everything before the pixels. False when libpng found it broken.
bool read_header(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_read_fn(reader.png, &reader, PngReader::on_read);
  // Sizes are checked by the caller, against its own limit.
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(reader.png, reader.info);
  return true;
}

// Reads the pixels, as 8-bit grey, grey + alpha, RGB or RGBA, into `rows`, and the file to its end.
bool read_pixels(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

// Asks libpng for 8 bits a sample, no palette, transparency as alpha.
bool set_transforms(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_expand(reader.png);
  png_set_scale_16(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

// Lays (pixels, colours + alpha) over white, in place at the front of the buffer.
void lay_over_white(std::vector<std::uint8_t>& samples, std::size_t colours) {
  const std::size_t pixels = samples.size() / (colours + 1);
  for (std::size_t i = 0; i < pixels; ++i) {
    const unsigned alpha = samples[i * (colours + 1) + colours];
    for (std::size_t c = 0; c < colours; ++c) {
      const unsigned sample = samples[i * (colours + 1) + c];
      samples[i * colours + c] = static_cast<std::uint8_t>((sample * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  samples.resize(pixels * colours);
}

}  // namespace

Image decode_png(ByteSpan bytes, const std::string& name, std::int64_t max_pixels) {
  PngReader reader(bytes, name);
  if (!read_header(reader)) reader.fail();
  const std::size_t height = png_get_image_height(reader.png, reader.info);
  const std::size_t width = png_get_image_width(reader.png, reader.info);
  check_image_size(static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), name, max_pixels);
  if (height * png_get_rowbytes(reader.png, reader.info) > most_unpacked(bytes.size())) {
    throw FormatError(detail::formatted("{}: is a broken PNG (too short for {} x {} pixels)", name, width, height));
  }
  if (!set_transforms(reader)) reader.fail();

  const std::size_t channels = png_get_channels(reader.png, reader.info);
  Image image;
  image.height = static_cast<std::int64_t>(height);
  image.width = static_cast<std::int64_t>(width);
  image.pixels.resize(height * width * channels);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = image.pixels.data() + y * width * channels;
  if (!read_pixels(reader, rows.data())) reader.fail();

  const bool alpha = channels == 2 || channels == 4;
  if (alpha) lay_over_white(image.pixels, channels - 1);
  image.channels = static_cast<std::int64_t>(alpha ? channels - 1 : channels);
  return image;
}

}  // namespace hubel::detail
