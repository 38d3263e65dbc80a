// PNG and JPEG files made with the libraries' writers, for the tests of their readers.
#pragma once

#include <cstddef>
#include <cstdio>
// jpeglib.h wants these two before it.
#include <jpeglib.h>
#include <png.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "data_testing.hpp"

namespace hubel::test {

struct PngOptions {
  int colour_type = PNG_COLOR_TYPE_GRAY;
  int bit_depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette{};
  std::vector<std::uint8_t> palette_alpha{};   // tRNS of a palette
  std::optional<std::uint16_t> transparent{};  // tRNS of grey: this sample is transparent
};

// A PNG whose rows are given as the file has them (packed bits, big-endian 16-bit samples).
inline Bytes png(std::uint32_t width, std::uint32_t height, const PngOptions& options,
                 std::vector<std::uint8_t> samples) {
  Bytes out;
  png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(writer);
  const auto write = [](png_structp png, png_bytep data, std::size_t n) {
    auto& bytes = *static_cast<Bytes*>(png_get_io_ptr(png));
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + n);
  };
  png_set_write_fn(writer, &out, write, [](png_structp) {});
  png_set_IHDR(writer, info, width, height, options.bit_depth, options.colour_type,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!options.palette.empty()) {
    png_set_PLTE(writer, info, options.palette.data(), static_cast<int>(options.palette.size()));
  }
  if (!options.palette_alpha.empty()) {
    png_set_tRNS(writer, info, options.palette_alpha.data(), static_cast<int>(options.palette_alpha.size()), nullptr);
  }
  if (options.transparent) {
    png_color_16 grey{};
    grey.gray = *options.transparent;
    png_set_tRNS(writer, info, nullptr, 0, &grey);
  }
  png_write_info(writer, info);
  std::vector<png_bytep> rows(height);
  const std::size_t row_bytes = png_get_rowbytes(writer, info);
  for (std::size_t y = 0; y < height; ++y) rows[y] = samples.data() + y * row_bytes;
  png_write_image(writer, rows.data());
  png_write_end(writer, nullptr);
  png_destroy_write_struct(&writer, &info);
  return out;
}

struct JpegOptions {
  int components = 1;
  J_COLOR_SPACE space = JCS_GRAYSCALE;
  int quality = 95;
  bool progressive = false;
  Bytes app1{};                         // the content of an APP1 marker, when not empty
  std::vector<jpeg_scan_info> scans{};  // of a progressive image, when not empty
};

// A JPEG of (height, width, components) samples.
inline Bytes jpeg(std::uint32_t width, std::uint32_t height, const JpegOptions& options,
                  std::vector<std::uint8_t> samples) {
  jpeg_compress_struct writer{};
  jpeg_error_mgr errors{};
  writer.err = jpeg_std_error(&errors);
  jpeg_create_compress(&writer);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&writer, &buffer, &size);
  writer.image_width = width;
  writer.image_height = height;
  writer.input_components = options.components;
  writer.in_color_space = options.space;
  jpeg_set_defaults(&writer);
  jpeg_set_quality(&writer, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&writer);
  if (!options.scans.empty()) {
    writer.scan_info = options.scans.data();
    writer.num_scans = static_cast<int>(options.scans.size());
  }
  jpeg_start_compress(&writer, TRUE);
  if (!options.app1.empty()) {
    jpeg_write_marker(&writer, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(options.app1.data()),
                      static_cast<unsigned>(options.app1.size()));
  }
  const std::size_t row_bytes = std::size_t{width} * static_cast<std::size_t>(options.components);
  while (writer.next_scanline < height) {
    JSAMPROW row = samples.data() + writer.next_scanline * row_bytes;
    jpeg_write_scanlines(&writer, &row, 1);
  }
  jpeg_finish_compress(&writer);
  const auto* begin = reinterpret_cast<const std::byte*>(buffer);
  Bytes out(begin, begin + size);
  jpeg_destroy_compress(&writer);
  std::free(buffer);
  return out;
}

}  // namespace hubel::test
