// How output channels are cut into blocks of whole vectors, the width of the inner loops' register tiles.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "simd/conv.hpp"

namespace hubel::detail {

// Output channels [first, first + count) of one group, `vectors` vectors wide.
struct ChannelBlock {
  std::int64_t group, first, count, vectors;
  std::int64_t vectors_before;  // of all blocks before it, in all groups
};

// Blocks of nearly equal width: five vectors are 2 + 3 rather than 4 + 1, since a narrow tile does not fill the units.
class ChannelBlocks {
 public:
  ChannelBlocks(std::int64_t groups, std::int64_t out_channels, std::int64_t lanes)
      : groups_(groups), out_channels_(out_channels), lanes_(lanes), vectors_((out_channels + lanes - 1) / lanes) {
    const simd::BlockVectors v = simd::block_vectors();
    const auto best = static_cast<std::int64_t>(v.best), most = static_cast<std::int64_t>(v.most);
    // As many blocks of the best width as there are, one of which may be wider.
    per_group_ = std::max<std::int64_t>(1, most > best ? vectors_ / best : (vectors_ + best - 1) / best);
  }
  std::int64_t count() const { return groups_ * per_group_; }
  std::int64_t lanes() const { return lanes_; }
  // Elements of all blocks' vectors, side by side.
  std::int64_t width() const { return groups_ * vectors_ * lanes_; }

  ChannelBlock operator[](std::int64_t i) const {
    const std::int64_t group = i / per_group_, in_group = i % per_group_;
    const std::int64_t begin = vectors_ * in_group / per_group_, end = vectors_ * (in_group + 1) / per_group_;
    return {group, begin * lanes_, std::min(end * lanes_, out_channels_) - begin * lanes_, end - begin,
            group * vectors_ + begin};
  }

 private:
  std::int64_t groups_, out_channels_, lanes_, vectors_, per_group_;
};

}  // namespace hubel::detail
