// The sum of a loss over a batch, in runs that threads share and whose sums are added in order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/loss_rows.hpp"
#include "ops/parallel.hpp"
#include "ops/workspace.hpp"

namespace hubel::detail {

// The mean of a loss over rows of `columns` elements each: add(begin, end, sum) adds those of rows [begin, end). An
// element costs about `flops`.
template <class Add>
LossResult mean_over_rows(std::int64_t rows, std::int64_t columns, double flops, double divisor, const Add& add) {
  constexpr std::int64_t kRun = 1 << 14;  // elements: some tens of microseconds
  const std::int64_t run = std::max<std::int64_t>(1, kRun / columns), runs = (rows + run - 1) / run;
  LossSum* sums = scratch<LossSum>(Scratch::partials, static_cast<std::size_t>(runs));
  parallel_for(runs, flops * static_cast<double>(rows) * static_cast<double>(columns), [&](std::int64_t i) {
    LossSum sum;
    add(i * run, std::min((i + 1) * run, rows), sum);
    sums[i] = sum;
  });
  LossSum total;
  for (std::int64_t i = 0; i < runs; ++i) total.add(sums[i]);
  return total.mean(divisor);
}

}  // namespace hubel::detail
