// Affine resampling; see affine.hpp.
#include "data/affine.hpp"

#include <algorithm>
#include <cmath>

namespace hubel::detail {
namespace {

// Where index i of n lies inside, or -1 for nothing.
std::int64_t inside(std::int64_t i, std::int64_t n, Border border) {
  if (i >= 0 && i < n) return i;
  if (border == Border::zero) return -1;
  if (n == 1) return 0;
  const std::int64_t period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return std::min(i, period - i);
}

// Whether output pixels fall on input pixels.
bool is_copy(const AffineMap& map) {
  return map.yx == 0 && map.xy == 0 && std::abs(map.yy) == 1 && std::abs(map.xx) == 1 && map.y0 == std::floor(map.y0) &&
         map.x0 == std::floor(map.x0);
}

void copy_pixels(const AffineMap& map, Border border, const Shape& shape, const float* in, float* out) {
  const std::int64_t h = shape[0], w = shape[1], c = shape[2];
  const auto y0 = static_cast<std::int64_t>(map.y0), x0 = static_cast<std::int64_t>(map.x0);
  const std::int64_t y_step = map.yy > 0 ? 1 : -1, x_step = map.xx > 0 ? 1 : -1;
  for (std::int64_t y = 0; y < h; ++y, out += w * c) {
    const std::int64_t from_y = inside(y0 + y_step * y, h, border);
    if (from_y < 0) {
      std::fill(out, out + w * c, 0.0F);
      continue;
    }
    const float* row = in + from_y * w * c;
    // Rightwards, the pixels that lie inside are one piece.
    const std::int64_t begin = x_step > 0 ? std::clamp(-x0, std::int64_t{0}, w) : w;
    const std::int64_t end = x_step > 0 ? std::clamp(w - x0, begin, w) : w;
    if (begin < end) std::copy(row + (x0 + begin) * c, row + (x0 + end) * c, out + begin * c);
    for (std::int64_t x = begin == 0 ? end : 0; x < w; x = x + 1 == begin ? end : x + 1) {
      const std::int64_t from_x = inside(x0 + x_step * x, w, border);
      if (from_x >= 0) std::copy(row + from_x * c, row + (from_x + 1) * c, out + x * c);
      if (from_x < 0) std::fill(out + x * c, out + (x + 1) * c, 0.0F);
    }
  }
}

// The four pixels around a place and their weights. One outside has no weight.
struct Corners {
  const float* pixel[4];
  float weight[4];
};

Corners corners_of(double y, double x, Border border, const Shape& shape, const float* in) {
  const std::int64_t h = shape[0], w = shape[1], c = shape[2];
  const double floor_y = std::floor(y), floor_x = std::floor(x);
  const auto top = static_cast<std::int64_t>(floor_y), left = static_cast<std::int64_t>(floor_x);
  const auto down = static_cast<float>(y - floor_y), right = static_cast<float>(x - floor_x);
  Corners corners;
  if (top >= 0 && top + 1 < h && left >= 0 && left + 1 < w) {
    const float* first = in + (top * w + left) * c;
    corners = {{first, first + c, first + w * c, first + (w + 1) * c}, {}};
  } else {
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t py = inside(top + i / 2, h, border), px = inside(left + i % 2, w, border);
      corners.pixel[i] = py < 0 || px < 0 ? nullptr : in + (py * w + px) * c;
    }
  }
  const float weights[4] = {(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right};
  for (int i = 0; i < 4; ++i) {
    corners.weight[i] = corners.pixel[i] == nullptr ? 0 : weights[i];
    if (corners.pixel[i] == nullptr) corners.pixel[i] = in;
  }
  return corners;
}

void interpolate(const AffineMap& map, Border border, const Shape& shape, const float* in, float* out) {
  const std::int64_t h = shape[0], w = shape[1], c = shape[2];
  for (std::int64_t y = 0; y < h; ++y) {
    const double row_y = map.y0 + map.yy * static_cast<double>(y), row_x = map.x0 + map.xy * static_cast<double>(y);
    for (std::int64_t x = 0; x < w; ++x, out += c) {
      const auto column = static_cast<double>(x);
      const auto [pixel, weight] = corners_of(row_y + map.yx * column, row_x + map.xx * column, border, shape, in);
      for (std::int64_t k = 0; k < c; ++k) {
        out[k] =
            (weight[0] * pixel[0][k] + weight[1] * pixel[1][k]) + (weight[2] * pixel[2][k] + weight[3] * pixel[3][k]);
      }
    }
  }
}

// How many pixels of a part a pixel of the whole extent is.
double pixels_of_part(std::int64_t part, std::int64_t whole) {
  return whole == 1 ? 1 : static_cast<double>(part - 1) / static_cast<double>(whole - 1);
}

// A map to places of a part that fills the image, as one to places of the image itself.
AffineMap within(const Part& part, std::int64_t height, std::int64_t width, AffineMap map) {
  const double y = pixels_of_part(part.height, height), x = pixels_of_part(part.width, width);
  map.y0 = static_cast<double>(part.top) + y * map.y0;
  map.x0 = static_cast<double>(part.left) + x * map.x0;
  map.yy *= y;
  map.yx *= y;
  map.xy *= x;
  map.xx *= x;
  return map;
}

}  // namespace

// Backwards from the output: mirrored back, moved back, turned back (the y axis points down), zoomed back, sheared back
// along x; then from the image to its part.
AffineMap affine_map(std::int64_t height, std::int64_t width, const Movement& m) {
  const double middle_y = static_cast<double>(height - 1) / 2, middle_x = static_cast<double>(width - 1) / 2;
  const double cosine = std::cos(m.angle) / m.zoom, sine = std::sin(m.angle) / m.zoom;
  const double slope = std::tan(m.shear);
  const double x_of_y = -sine + slope * cosine, x_of_x = cosine + slope * sine;
  const double y_sign = m.upside_down ? -1 : 1, x_sign = m.mirrored ? -1 : 1;
  AffineMap map{};
  map.yy = cosine * y_sign;
  map.yx = sine * x_sign;
  map.xy = x_of_y * y_sign;
  map.xx = x_of_x * x_sign;
  const double from_y = -y_sign * middle_y - m.dy, from_x = -x_sign * middle_x - m.dx;  // output pixel (0, 0)
  map.y0 = middle_y + cosine * from_y + sine * from_x;
  map.x0 = middle_x + x_of_y * from_y + x_of_x * from_x;
  return m.part ? within(*m.part, height, width, map) : map;
}

void resample_affine(const AffineMap& map, Border border, const Shape& shape, const float* in, float* out) {
  if (shape.elements() == 0) return;
  is_copy(map) ? copy_pixels(map, border, shape, in, out) : interpolate(map, border, shape, in, out);
}

}  // namespace hubel::detail
