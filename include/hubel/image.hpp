// Images from files, and the preparation that makes a photographed or drawn digit look like one of MNIST's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// An image of 8-bit samples, (height, width, channels), rows from the top; channels is 1 (grey) or 3 (RGB).
// Transparency has been laid over white, and a camera's picture turned upright as its Exif orientation tells.
struct Image {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
};

// Reads a PNG or JPEG, known by its first bytes and not by its name. At most max_pixels pixels. Throws IoError when the
// file cannot be read, FormatError when it is neither, is broken, or is too large.
Image read_image(const std::string& path, std::int64_t max_pixels = 100'000'000);
Image decode_image(std::span<const std::byte> bytes, const std::string& name, std::int64_t max_pixels = 100'000'000);

// Prepares an image for a network that takes (h, w, c) = `input`, c 1 or 3. Returns (1, h, w, c), values in [0, 1].
//   fit_digit = true   as MNIST was made (LeCun, Cortes & Burges): grey, ink bright on dark (dark ink on a bright
//                      ground, which the border tells, is inverted), cropped to the ink, scaled to 20/28 of the size
//                      with its aspect kept, centred by its centre of mass. Needs c = 1. An image without ink throws
//                      FormatError.
//   fit_digit = false  the whole image resized (area average when shrinking, bilinear when growing).
// Throws std::invalid_argument for an image whose samples do not fit its size, or another `input`.
Tensor<float> prepare_image(const Image& image, const Shape& input, bool fit_digit);

}  // namespace hubel
