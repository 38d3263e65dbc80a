// Images known by their first bytes.
#include "hubel/image.hpp"

#include <limits>

#include "data/file.hpp"
#include "data/image_codecs.hpp"
#include "hubel/errors.hpp"
#include "hubel/npz.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace detail {

void check_image_size(std::int64_t height, std::int64_t width, const std::string& name, std::int64_t max_pixels) {
  if (height < 1 || width < 1) throw FormatError(detail::formatted("{}: is an image without pixels", name));
  if (height > max_pixels / width) {
    throw FormatError(detail::formatted("{}: is an image of {} x {} pixels, more than the limit of {}", name, width,
                                        height, max_pixels));
  }
}

}  // namespace detail

Image decode_image(std::span<const std::byte> bytes, const std::string& name, std::int64_t max_pixels) {
  if (detail::starts_with(bytes, "\x89PNG\r\n\x1a\n")) return detail::decode_png(bytes, name, max_pixels);
  if (detail::starts_with(bytes, "\xff\xd8")) return detail::decode_jpeg(bytes, name, max_pixels);
  throw FormatError(
      detail::formatted("{}: is neither a PNG nor a JPEG image{}", name, bytes.empty() ? " (it is empty)" : ""));
}

Image read_image(const std::string& path, std::int64_t max_pixels) {
  return detail::with_memory_for(
      path, [&] { return decode_image(detail::read_file(path, ReadLimits::default_max_bytes()), path, max_pixels); });
}

}  // namespace hubel
