// Changes of colours; see colour.hpp.
#include "data/colour.hpp"

#include <algorithm>

namespace hubel::detail {
namespace {

float grey_of(const float* rgb) { return 0.299F * rgb[0] + 0.587F * rgb[1] + 0.114F * rgb[2]; }

void saturate(float factor, float* rgb) {
  const float kept = (1 - factor) * grey_of(rgb);
  for (int c = 0; c < 3; ++c) rgb[c] = factor * rgb[c] + kept;
}

// Hues are counted in sixths of the circle: red at 0, green at 2, blue at 4. `sixths` is in [-6, 6].
void turn(float sixths, float* rgb) {
  const float red = rgb[0], green = rgb[1], blue = rgb[2];
  const float most = std::max({red, green, blue}), least = std::min({red, green, blue}), chroma = most - least;
  if (!(chroma > 0)) return;
  float hue = sixths;
  if (most == red) {
    hue += (green - blue) / chroma;
  } else if (most == green) {
    hue += 2 + (blue - red) / chroma;
  } else {
    hue += 4 + (red - green) / chroma;
  }
  // A colour is at its least for two sixths around the opposite hue, and rises and falls over one sixth on either side.
  const float opposite[3] = {3, 5, 1};
  for (int c = 0; c < 3; ++c) {
    float away = hue - opposite[c];
    while (away < -3) away += 6;
    while (away > 3) away -= 6;
    rgb[c] = least + chroma * std::clamp(std::max(away, -away) - 1, 0.0F, 1.0F);
  }
}

}  // namespace

void change_colours(const ColourChange& change, std::int64_t pixels, float* image) {
  const auto saturation = static_cast<float>(change.saturation), sixths = static_cast<float>(6 * change.hue);
  for (std::int64_t i = 0; i < pixels; ++i, image += 3) {
    if (saturation != 1) saturate(saturation, image);
    if (sixths != 0) turn(sixths, image);
    if (change.grey) std::fill_n(image, 3, grey_of(image));
  }
}

}  // namespace hubel::detail
