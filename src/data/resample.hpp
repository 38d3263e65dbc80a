// Planes of floats, and their resampling: area average where an axis shrinks, bilinear where it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hubel::detail {

// (height, width), rows from the top.
struct Plane {
  Plane() = default;
  Plane(std::int64_t h, std::int64_t w) : height(h), width(w), values(static_cast<std::size_t>(h * w)) {}

  float& at(std::int64_t y, std::int64_t x) { return values[static_cast<std::size_t>(y * width + x)]; }
  float at(std::int64_t y, std::int64_t x) const { return values[static_cast<std::size_t>(y * width + x)]; }

  std::int64_t height = 0, width = 0;
  std::vector<float> values;
};

// The plane at another size, both at least 1 x 1.
Plane resample(const Plane& plane, std::int64_t height, std::int64_t width);

}  // namespace hubel::detail
