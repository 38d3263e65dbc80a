// Where the pixels under a kernel lie: the geometry that forward, backward-data and backward-weights share.
//
// All three walk a grid of output positions (y, x); position (y, x) sees the source pixels
// (y * step_y + dy, x * step_x + dx) for dy in rows and dx in columns. Pixels outside the source are zeros.
// A tile of the grid is served either straight from the source, when none of its pixels lies outside, or from a copy of
// its part of the source with the zeros filled in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/workspace.hpp"

namespace hubel::detail {

// A kernel row or column: its distance from the grid position's origin in the source, and its index in the kernel.
struct Tap {
  std::int64_t offset;
  std::int64_t index;
};

struct PatchGrid {
  std::int64_t images, height, width, channels;  // of the source, dense (images, height, width, channels)
  std::int64_t grid_h, grid_w;                   // output positions
  std::int64_t step_y, step_x;                   // source pixels from one position to the next
  std::span<const Tap> rows, columns;            // ascending offsets; both non-empty
};

// A rectangle of the grid in one image: positions [y0, y1) x [x0, x1).
struct GridTile {
  std::int64_t image, y0, y1, x0, x1;
  std::int64_t positions() const { return (y1 - y0) * (x1 - x0); }
};

// How a grid is cut into tiles. Cut by the problem alone, so that results do not depend on the number of threads.
class Tiling {
 public:
  Tiling(const PatchGrid& grid, std::int64_t positions_wanted);
  std::int64_t count() const { return per_image_ * images_; }
  GridTile operator[](std::int64_t i) const;

 private:
  std::int64_t images_, grid_h_, grid_w_, tile_h_, tile_w_, across_, per_image_;
};

// The source pixels of a tile: origin is where offset (0, 0) of the tile's first position would be, `line` elements
// apart from one source row to the next. (origin itself may lie before the memory that is read.)
template <class T>
struct Patch {
  const T* origin;
  std::ptrdiff_t line;
};

// Elements that a copied patch may have before it is not made any more: a kernel with a dilation or padding of
// thousands can ask for a patch far larger than its image. 2^22 floats are 16 MB, beyond every cache.
inline constexpr std::int64_t kMaxPatchElements = std::int64_t{1} << 22;

// The source rectangle that a tile sees: rows [top, bottom), columns [left, right), possibly beyond the source.
struct PatchBounds {
  std::int64_t top, bottom, left, right;
};
PatchBounds patch_bounds(const PatchGrid& grid, const GridTile& tile);
bool inside(const PatchGrid& grid, const PatchBounds& bounds);
// Whether the tile can be served by tile_patch.
bool patch_fits(const PatchGrid& grid, const GridTile& tile);

// The tile's pixels; valid until this thread's next call. Needs patch_fits.
template <class T>
Patch<T> tile_patch(const PatchGrid& grid, const GridTile& tile, const T* source) {
  const PatchBounds b = patch_bounds(grid, tile);
  const std::int64_t c = grid.channels;
  const std::ptrdiff_t source_line = grid.width * c;
  const T* image = source + tile.image * grid.height * source_line;
  if (inside(grid, b)) {
    return {image + tile.y0 * grid.step_y * source_line + tile.x0 * grid.step_x * c, source_line};
  }
  const std::ptrdiff_t line = (b.right - b.left) * c;
  T* copy = scratch<T>(Scratch::pixels, static_cast<std::size_t>((b.bottom - b.top) * line));
  const std::int64_t from = std::clamp<std::int64_t>(b.left, 0, grid.width);
  const std::int64_t to = std::clamp<std::int64_t>(b.right, from, grid.width);
  for (std::int64_t y = b.top; y < b.bottom; ++y) {
    T* row = copy + (y - b.top) * line;
    if (y < 0 || y >= grid.height || from == to) {
      std::fill(row, row + line, T(0));
      continue;
    }
    std::fill(row, row + (from - b.left) * c, T(0));
    std::copy(image + y * source_line + from * c, image + y * source_line + to * c, row + (from - b.left) * c);
    std::fill(row + (to - b.left) * c, row + line, T(0));
  }
  return {copy - grid.rows.front().offset * line - grid.columns.front().offset * c, line};
}

}  // namespace hubel::detail
