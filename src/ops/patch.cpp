// Geometry of patches; see patch.hpp.
#include "ops/patch.hpp"

namespace hubel::detail {

// A tile is whole rows of the grid where several fit, else a part of one row; or whole images.
Tiling::Tiling(const PatchGrid& grid, std::int64_t positions_wanted, Images images)
    : images_(grid.images), grid_h_(grid.grid_h), grid_w_(grid.grid_w) {
  const std::int64_t width = std::max<std::int64_t>(grid_w_, 1), height = std::max<std::int64_t>(grid_h_, 1);
  tile_w_ = std::clamp<std::int64_t>(positions_wanted, 1, width);
  tile_h_ = tile_w_ < grid_w_ ? 1 : std::max<std::int64_t>(1, positions_wanted / width);
  across_ = (grid_w_ + tile_w_ - 1) / tile_w_;
  per_image_ = across_ * ((grid_h_ + tile_h_ - 1) / tile_h_);
  const std::int64_t stack = per_image_ == 1 && images == Images::together ? tile_h_ / height : 1;
  stacks_ = (images_ + stack - 1) / stack;
}

GridTile Tiling::operator[](std::int64_t i) const {
  const std::int64_t in_image = i % per_image_, stack = i / per_image_;
  const std::int64_t y = in_image / across_ * tile_h_, x = in_image % across_ * tile_w_;
  const std::int64_t image = images_ * stack / stacks_, end = images_ * (stack + 1) / stacks_;
  return {image, y, std::min(y + tile_h_, grid_h_), x, std::min(x + tile_w_, grid_w_), end - image};
}

PatchBounds patch_bounds(const PatchGrid& grid, const GridTile& tile) {
  return {tile.y0 * grid.step_y + grid.rows.front().offset, (tile.y1 - 1) * grid.step_y + grid.rows.back().offset + 1,
          tile.x0 * grid.step_x + grid.columns.front().offset,
          (tile.x1 - 1) * grid.step_x + grid.columns.back().offset + 1};
}

bool inside(const PatchGrid& grid, const PatchBounds& b) {
  return b.top >= 0 && b.left >= 0 && b.bottom <= grid.height && b.right <= grid.width;
}

bool patch_fits(const PatchGrid& grid, const GridTile& tile) {
  const PatchBounds b = patch_bounds(grid, tile);
  if (inside(grid, b)) return true;
  // In double, for the product may exceed 64 bits.
  return static_cast<double>(b.bottom - b.top) * static_cast<double>(b.right - b.left) *
             static_cast<double>(grid.channels) * static_cast<double>(tile.images) <=
         static_cast<double>(kMaxPatchElements);
}

}  // namespace hubel::detail
