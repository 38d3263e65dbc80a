// The terms of a correlation's sum, kernel taps x channels, as runs that lie one after another in memory.
//
// Neighbouring columns whose pixels touch are one run: with one group and no dilation a kernel row of kw pixels is a
// run of kw * c elements. With many channels every tap is a run of its own, which leaves it open how far apart pixels
// lie.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/patch.hpp"

namespace hubel::detail {

struct TermRuns {
  // Channels from which on a tap's run is long enough by itself.
  static constexpr std::int64_t kManyChannels = 32;

  std::int64_t columns_in_run;  // taps of a run
  std::int64_t count, length;   // length counts elements
  std::int64_t channels;        // of a group
  std::int64_t runs_in_row;     // of the kernel

  TermRuns(const PatchGrid& grid, std::int64_t groups, std::int64_t channels_of_group) : channels(channels_of_group) {
    const auto columns = static_cast<std::int64_t>(grid.columns.size());
    const bool touch = groups == 1 && channels < kManyChannels &&
                       grid.columns.back().offset - grid.columns.front().offset == columns - 1;
    columns_in_run = touch ? columns : 1;
    runs_in_row = columns / columns_in_run;
    count = static_cast<std::int64_t>(grid.rows.size()) * runs_in_row;
    length = columns_in_run * channels;
  }
  std::int64_t terms() const { return count * length; }

  // The elements from one copied pixel to the next: that of touching pixels is fixed.
  template <class T>
  std::int64_t copied_pixel(const PatchGrid& grid) const {
    return columns_in_run > 1 ? grid.channels : padded_pixel<T>(grid.channels);
  }

  const Tap& row(const PatchGrid& grid, std::int64_t run) const {
    return grid.rows[static_cast<std::size_t>(run / runs_in_row)];
  }
  // Of the run's element e.
  const Tap& column(const PatchGrid& grid, std::int64_t run, std::int64_t e) const {
    return grid.columns[static_cast<std::size_t>(run % runs_in_row * columns_in_run + e / channels)];
  }
  // From a position's origin in a patch to the run's first element (of the first group).
  template <class T>
  std::ptrdiff_t offset(const PatchGrid& grid, const Patch<T>& patch, std::int64_t run) const {
    return row(grid, run).offset * patch.line + column(grid, run, 0).offset * patch.pixel;
  }
};

}  // namespace hubel::detail
