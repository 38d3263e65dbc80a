// Images turned, zoomed, moved and mirrored in one resampling.
#pragma once

#include <cstdint>
#include <optional>

#include "hubel/augment.hpp"
#include "hubel/tensor.hpp"

namespace hubel::detail {

// Pixels [top, top + height) x [left, left + width) of an image.
struct Part {
  std::int64_t top, left, height, width;
};

// What is done to an image: first a part takes its place and is sheared; then as they follow.
struct Movement {
  double zoom = 1;        // about the middle; above 1 enlarges
  double angle = 0;       // radians, counter-clockwise, about the middle
  double dy = 0, dx = 0;  // pixels, downwards and to the right
  bool mirrored = false, upside_down = false;
  double shear = 0;  // radians: what is one pixel above the middle moves tan(shear) pixels to the right
  // Spread over the whole extent, so that its outermost pixels come to lie on the image's outermost ones: then no place
  // lies outside it, and none is mixed with the border.
  std::optional<Part> part = std::nullopt;
};

// From an output pixel (y, x) to the place (y0 + yy y + yx x, x0 + xy y + xx x) of the input that it shows. Pixels'
// centres have whole coordinates.
struct AffineMap {
  double y0, yy, yx, x0, xy, xx;
};

AffineMap affine_map(std::int64_t height, std::int64_t width, const Movement& movement);

// out (h, w, c) from in, which it may not overlap, shape (h, w, c): bilinear, or copied where the map leads from pixels
// to pixels.
void resample_affine(const AffineMap& map, Border border, const Shape& shape, const float* in, float* out);

}  // namespace hubel::detail
