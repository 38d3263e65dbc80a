// The decoders behind decode_image. Each has the header checked against max_pixels before memory is taken, and throws
// FormatError, naming `name`, for a file that is broken or ends early.
#pragma once

#include <cstdint>
#include <string>

#include "data/bytes.hpp"
#include "hubel/image.hpp"

namespace hubel::detail {

Image decode_png(ByteSpan bytes, const std::string& name, std::int64_t max_pixels);
Image decode_jpeg(ByteSpan bytes, const std::string& name, std::int64_t max_pixels);

// Throws FormatError when the header's size is 0 or more than max_pixels.
void check_image_size(std::int64_t height, std::int64_t width, const std::string& name, std::int64_t max_pixels);

// The Exif orientation (1 ... 8, JEITA CP-3451) in a JPEG's APP1 marker; 1, which is upright, when it tells none.
int exif_orientation(ByteSpan app1);

// The image turned and mirrored from how the camera stored it to upright.
Image upright(Image image, int orientation);

}  // namespace hubel::detail
