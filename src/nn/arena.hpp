// An execution's memory: one block, in which places are asked for before it exists and share room over time.
#pragma once

#include <utility>
#include <vector>

#include "hubel/tensor.hpp"
#include "nn/machine_memory.hpp"
#include "nn/memory_plan.hpp"
#include "nn/network_plan.hpp"

namespace hubel::detail {

template <class T>
class Arena {
 public:
  using Block = MemoryPlan::Block;

  // `where` will point to n elements, on a vector-friendly boundary, in use from `first` to `last`; it must stay where
  // it is until make().
  Block place(T*& where, std::int64_t n, std::int64_t first, std::int64_t last) {
    const Block block = plan_.add(n, first, last);
    share(where, block);
    return block;
  }
  Block place(T*& where, std::int64_t m, const Shape& sample, std::int64_t first, std::int64_t last) {
    return place(where, batch_shape(m, sample).elements(), first, last);  // a Shape refuses what overflows
  }
  // `where` will point to that block too.
  void share(T*& where, Block block) { pointers_.emplace_back(&where, block); }
  void extend(Block block, std::int64_t time) { plan_.extend(block, time); }

  // Throws std::runtime_error for more than the machine has: touching it would end the process, with nobody told why.
  void make() {
    const std::int64_t elements = plan_.arrange(kAlignment / sizeof(T));
    check_memory(static_cast<double>(elements) * sizeof(T));
    memory_ = Tensor<T>(Shape{elements});  // zeros: pages are touched here, not in a step
    for (const auto& [where, block] : pointers_) *where = memory_.data() + plan_.place(block);
    pointers_.clear();
  }

 private:
  MemoryPlan plan_;
  std::vector<std::pair<T**, Block>> pointers_;
  Tensor<T> memory_;
};

}  // namespace hubel::detail
