// Colours of red, green and blue changed: saturation, hue, grey.
#pragma once

#include <cstdint>

namespace hubel::detail {

// What is done to each pixel, in this order. Nothing is clipped, and numbers outside [0, 1] are changed as those
// within.
struct ColourChange {
  double saturation = 1;  // the distance from the pixel's grey is multiplied by this
  double hue = 0;         // turned by this share of the circle of hues, red to green to blue; in [-1, 1]
  bool grey = false;      // red, green and blue become the pixel's grey
};

// A pixel's grey is 0.299 red + 0.587 green + 0.114 blue, the luma of ITU-R BT.601. Its hue is that of the hexagonal
// HSV model (Smith 1978), whose turning keeps the largest and the smallest of the three numbers.
// `image` holds that many pixels of three numbers each, and is changed in place.
void change_colours(const ColourChange& change, std::int64_t pixels, float* image);

}  // namespace hubel::detail
