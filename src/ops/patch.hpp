// Where the pixels under a kernel lie: the geometry that forward, backward-data and backward-weights share.
//
// All three walk a grid of output positions (y, x); position (y, x) sees the source pixels
// (y * step_y + dy, x * step_x + dx) for dy in rows and dx in columns. Pixels outside the source are zeros.
// A tile of the grid is served either straight from the source, when none of its pixels lies outside, or from a copy of
// its part of the source with the zeros filled in.
#pragma once

#include <algorithm>
#include <array>
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

// A rectangle of the grid, positions [y0, y1) x [x0, x1), in one image or in several that follow one another.
struct GridTile {
  std::int64_t image, y0, y1, x0, x1;
  std::int64_t images = 1;
  std::int64_t positions() const { return images * (y1 - y0) * (x1 - x0); }
};

// How a grid is cut into tiles. Cut by the problem alone, so that results do not depend on the number of threads.
class Tiling {
 public:
  enum class Images { apart, together };  // whether a tile may go over several images, when they are small
  Tiling(const PatchGrid& grid, std::int64_t positions_wanted, Images images = Images::apart);
  std::int64_t count() const { return per_image_ * stacks_; }
  GridTile operator[](std::int64_t i) const;

 private:
  std::int64_t images_, grid_h_, grid_w_, tile_h_, tile_w_, across_, per_image_, stacks_;
};

// The source pixels of a tile: origin is where offset (0, 0) of the tile's first position would be; pixels, lines and
// images are so many elements apart. (origin itself may lie before the memory that is read.)
template <class T>
struct Patch {
  const T* origin;
  std::ptrdiff_t pixel, line, image;
};

// Whether pixels so many elements apart fall into the same one or two sets of L1 and drive each other out: its sets
// repeat every 4 KB.
template <class T>
bool pixels_collide(std::int64_t step) {
  constexpr std::int64_t kSetsBytes = 2048;
  return step * static_cast<std::int64_t>(sizeof(T)) % kSetsBytes == 0;
}

// The elements of a pixel with so many channels that is an odd number of cache lines long, so that none collide.
template <class T>
std::int64_t padded_pixel(std::int64_t channels) {
  constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  return ((channels + kLine - 1) / kLine | 1) * kLine;
}

// Elements that a copied patch may have before it is not made any more: a kernel with a dilation or padding of
// thousands can ask for a patch far larger than its image. 2^22 floats are 16 MB, beyond every cache.
inline constexpr std::int64_t kMaxPatchElements = std::int64_t{1} << 22;

// The source rectangle that a tile sees: rows [top, bottom), columns [left, right), possibly beyond the source.
struct PatchBounds {
  std::int64_t top, bottom, left, right;
};
PatchBounds patch_bounds(const PatchGrid& grid, const GridTile& tile);
bool inside(const PatchGrid& grid, const PatchBounds& bounds);
// Whether the tile can be served by tile_patch, with pixels padded to a multiple of a cache line or not.
bool patch_fits(const PatchGrid& grid, const GridTile& tile);

// When a tile is copied although all of its pixels lie inside the source, and how far apart the copy's pixels are.
struct PatchCopy {
  bool always;
  std::int64_t pixel;
};

// Copies the part of one image that the bounds enclose, zeros where they reach beyond it.
template <class T>
void copy_patch(const PatchGrid& grid, const PatchBounds& b, std::int64_t pixel, const T* image, T* copy) {
  const std::int64_t c = grid.channels, line = (b.right - b.left) * pixel;
  const std::int64_t from = std::clamp<std::int64_t>(b.left, 0, grid.width);
  const std::int64_t to = std::clamp<std::int64_t>(b.right, from, grid.width);
  for (std::int64_t y = b.top; y < b.bottom; ++y, copy += line) {
    if (y < 0 || y >= grid.height || from == to) {
      std::fill_n(copy, line, T(0));
      continue;
    }
    std::fill_n(copy, (from - b.left) * pixel, T(0));
    const T* source = image + (y * grid.width + from) * c;
    T* out = copy + (from - b.left) * pixel;
    if (pixel == c) {
      std::copy_n(source, (to - from) * c, out);
    } else {
      for (std::int64_t x = from; x < to; ++x, source += c, out += pixel) std::copy_n(source, c, out);
    }
    std::fill_n(copy + (to - b.left) * pixel, (b.right - to) * pixel, T(0));
  }
}

// The tile's pixels; valid until this thread's next call. Needs patch_fits.
template <class T>
Patch<T> tile_patch(const PatchGrid& grid, const GridTile& tile, const T* source, const PatchCopy& how) {
  const PatchBounds b = patch_bounds(grid, tile);
  const std::int64_t c = grid.channels, image = grid.height * grid.width * c;
  const T* first = source + tile.image * image;
  if (inside(grid, b) && !how.always) {
    return {first + (tile.y0 * grid.step_y * grid.width + tile.x0 * grid.step_x) * c, c, grid.width * c, image};
  }
  const std::int64_t line = (b.right - b.left) * how.pixel, copied = (b.bottom - b.top) * line;
  T* copy = scratch<T>(Scratch::pixels, static_cast<std::size_t>(tile.images * copied));
  for (std::int64_t i = 0; i < tile.images; ++i) copy_patch(grid, b, how.pixel, first + i * image, copy + i * copied);
  return {copy - grid.rows.front().offset * line - grid.columns.front().offset * how.pixel, how.pixel, line, copied};
}

// Where a tile's positions lie, from its first one: row by row, image by image, so many elements apart. The table for
// `use` is kept, for tile after tile has the same; it lasts until this thread's next call for the use.
struct PositionSteps {
  std::int64_t image, row, position;
};
inline const std::ptrdiff_t* position_table(Scratch use, const GridTile& tile, const PositionSteps& steps) {
  using Key = std::array<std::int64_t, 6>;
  thread_local std::array<Key, static_cast<std::size_t>(Scratch::count)> kept{};
  const std::int64_t rows = tile.y1 - tile.y0, columns = tile.x1 - tile.x0;
  std::ptrdiff_t* table = scratch<std::ptrdiff_t>(use, static_cast<std::size_t>(tile.positions()));
  const Key key{tile.images, rows, columns, steps.image, steps.row, steps.position};
  Key& last = kept[static_cast<std::size_t>(use)];
  if (key == last) return table;
  last = key;
  std::ptrdiff_t* to = table;
  for (std::int64_t i = 0; i < tile.images; ++i) {
    for (std::int64_t y = 0; y < rows; ++y) {
      for (std::int64_t x = 0; x < columns; ++x) *to++ = i * steps.image + y * steps.row + x * steps.position;
    }
  }
  return table;
}

}  // namespace hubel::detail
