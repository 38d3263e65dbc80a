// See memory_plan.hpp.
#include "nn/memory_plan.hpp"

#include <algorithm>
#include <new>
#include <numeric>

namespace hubel::detail {

MemoryPlan::Block MemoryPlan::add(std::int64_t size, std::int64_t first, std::int64_t last) {
  blocks_.push_back({size, first, last});
  return blocks_.size() - 1;
}

void MemoryPlan::extend(Block block, std::int64_t time) {
  blocks_[block].first = std::min(blocks_[block].first, time);
  blocks_[block].last = std::max(blocks_[block].last, time);
}

std::int64_t MemoryPlan::arrange(std::int64_t step) {
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  std::vector<Block> order(blocks_.size());
  std::iota(order.begin(), order.end(), Block{0});
  std::stable_sort(order.begin(), order.end(), [&](Block a, Block b) { return blocks_[a].size > blocks_[b].size; });
  std::vector<Block> placed;  // by place
  std::int64_t total = 0;
  for (const Block block : order) {
    Use& use = blocks_[block];
    if (use.size > kMost - step) throw std::bad_alloc();
    const std::int64_t size = (use.size + step - 1) / step * step;
    std::int64_t place = 0;
    for (const Block other : placed) {
      const Use& there = blocks_[other];
      if (there.last < use.first || there.first > use.last) continue;
      if (place + size <= there.place) break;
      place = std::max(place, there.place + (there.size + step - 1) / step * step);
    }
    if (place > kMost - size) throw std::bad_alloc();
    use.place = place;
    const auto behind = std::upper_bound(placed.begin(), placed.end(), place,
                                         [&](std::int64_t at, Block other) { return at < blocks_[other].place; });
    placed.insert(behind, block);
    total = std::max(total, place + size);
  }
  return total;
}

}  // namespace hubel::detail
