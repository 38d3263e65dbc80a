// Images turned, zoomed, moved and mirrored in one resampling.
#pragma once

#include <cstdint>

#include "hubel/augment.hpp"
#include "hubel/tensor.hpp"

namespace hubel::detail {

// What is done to an image, in this order.
struct Movement {
  double zoom = 1;        // about the middle; above 1 enlarges
  double angle = 0;       // radians, counter-clockwise, about the middle
  double dy = 0, dx = 0;  // pixels, downwards and to the right
  bool mirrored = false, upside_down = false;
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
