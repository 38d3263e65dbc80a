// Memory that is needed for a while: blocks whose times do not overlap may share a place.
//
// Finding the smallest total is NP-hard (dynamic storage allocation). Here the largest blocks are placed first, each at
// the lowest place that is free at its time (Pisarchyk & Lee, "Efficient memory management for deep neural net
// inference", 2020, "greedy by size"), which for networks comes within some percent of the bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hubel::detail {

class MemoryPlan {
 public:
  using Block = std::size_t;

  // A block of `size` units, in use at the times first ... last.
  Block add(std::int64_t size, std::int64_t first, std::int64_t last);
  // It is in use at that time as well, and at all between.
  void extend(Block block, std::int64_t time);
  // Gives every block its place; returns the total. Blocks begin at multiples of `step` units. Throws std::bad_alloc
  // when it is more than 2^62.
  std::int64_t arrange(std::int64_t step);
  // After arrange.
  std::int64_t place(Block block) const { return blocks_[block].place; }

 private:
  struct Use {
    std::int64_t size, first, last, place = 0;
  };
  std::vector<Use> blocks_;
};

}  // namespace hubel::detail
