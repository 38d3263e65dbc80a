// JPEG with libjpeg(-turbo). It leaves a broken file through error_exit, which must not return: here by longjmp. The
// functions that it may jump out of are those with setjmp, which hold nothing that needs destroying.
#include <cstddef>
#include <cstdio>
// jpeglib.h wants these two before it.
#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <vector>

#include "data/image_codecs.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

// Every scan of a progressive image goes over all its blocks: a small file with thousands of scans would take hours.
// Encoders write about 10.
constexpr int kMaxScans = 100;

struct JpegReader {
  JpegReader(ByteSpan all, const std::string& file) : bytes(all), name(file) {
    jpeg.err = jpeg_std_error(&errors);
    errors.error_exit = on_error;
    errors.emit_message = on_message;
    jpeg.client_data = this;
    progress.progress_monitor = on_progress;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  [[noreturn]] void fail() const {
    throw FormatError(detail::formatted("{}: is a broken JPEG ({})", name, text.data()));
  }

  [[noreturn]] static void on_error(j_common_ptr common) {
    auto& self = *static_cast<JpegReader*>(common->client_data);
    self.errors.format_message(common, self.text.data());
    std::longjmp(self.jump, 1);
  }
  // libjpeg only warns of data that ends early or makes no sense, and invents the missing pixels: here that is an
  // error. What harms no pixel passes: padding between markers, an unknown version number or colour transform.
  static void on_message(j_common_ptr common, int level) {
    const int code = common->err->msg_code;
    const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
    if (level < 0 && !harmless) on_error(common);
  }
  static void on_progress(j_common_ptr common) {
    if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number <= kMaxScans) return;
    auto& self = *static_cast<JpegReader*>(common->client_data);
    std::snprintf(self.text.data(), self.text.size(), "more than %d scans", kMaxScans);
    std::longjmp(self.jump, 1);
  }

  ByteSpan bytes;
  const std::string& name;
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump{};
  std::array<char, JMSG_LENGTH_MAX> text{};
};

// Reads up to the first scan. False when the file is broken.
bool read_header(JpegReader& reader) {
  if (setjmp(reader.jump) != 0) return false;
  jpeg_create_decompress(&reader.jpeg);
  reader.jpeg.progress = &reader.progress;
  constexpr unsigned kWholeMarker = 0xFFFF;
  jpeg_save_markers(&reader.jpeg, JPEG_APP0 + 1, kWholeMarker);
  jpeg_mem_src(&reader.jpeg, reinterpret_cast<const unsigned char*>(reader.bytes.data()), reader.bytes.size());
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

bool start(JpegReader& reader) {
  if (setjmp(reader.jump) != 0) return false;
  reader.jpeg.out_color_space = reader.jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&reader.jpeg);
  return true;
}

bool read_row(JpegReader& reader, JSAMPROW row) {
  if (setjmp(reader.jump) != 0) return false;
  jpeg_read_scanlines(&reader.jpeg, &row, 1);
  return true;
}

bool finish(JpegReader& reader) {
  if (setjmp(reader.jump) != 0) return false;
  jpeg_finish_decompress(&reader.jpeg);
  return true;
}

int orientation(const JpegReader& reader) {
  for (jpeg_saved_marker_ptr marker = reader.jpeg.marker_list; marker != nullptr; marker = marker->next) {
    const auto* data = reinterpret_cast<const std::byte*>(marker->data);
    if (const int found = exif_orientation({data, marker->data_length}); found != 1) return found;
  }
  return 1;
}

}  // namespace

Image decode_jpeg(ByteSpan bytes, const std::string& name, std::int64_t max_pixels) {
  JpegReader reader(bytes, name);
  if (!read_header(reader)) reader.fail();
  check_image_size(reader.jpeg.image_height, reader.jpeg.image_width, name, max_pixels);
  if (reader.jpeg.num_components != 1 && reader.jpeg.num_components != 3) {
    throw FormatError(detail::formatted("{}: is a JPEG of {} colour components (CMYK?); save it as grey or RGB", name,
                                        reader.jpeg.num_components));
  }
  const int turned = orientation(reader);
  if (!start(reader)) reader.fail();

  Image image;
  image.height = reader.jpeg.output_height;
  image.width = reader.jpeg.output_width;
  image.channels = reader.jpeg.output_components;
  const std::size_t row_bytes = std::size_t{reader.jpeg.output_width} * static_cast<std::size_t>(image.channels);
  // The rows are appended as they come, so that a header that promises more than the file has takes no memory.
  image.pixels.reserve(row_bytes * reader.jpeg.output_height);
  for (std::int64_t y = 0; y < image.height; ++y) {
    image.pixels.resize(image.pixels.size() + row_bytes);
    if (!read_row(reader, image.pixels.data() + image.pixels.size() - row_bytes)) reader.fail();
  }
  if (!finish(reader)) reader.fail();
  return upright(std::move(image), turned);
}

}  // namespace hubel::detail
