// The ways to fill a DatasetSplits, and what all of them end with.
#pragma once

#include <cstdint>
#include <string>

#include "data/bytes.hpp"
#include "hubel/dataset.hpp"

namespace hubel::detail {

// The largest label sets the size of a network's last layer: beyond this it is a number of another kind (ImageNet's
// largest set has 21,841 classes).
inline constexpr std::int32_t kMaxClasses = 65536;

// Whether the folder has any of the files that read_idx_folder looks for.
bool has_idx_files(const std::string& folder);

// From a folder of IDX files. Fills the parts and `source`.
DatasetSplits read_idx_folder(const std::string& folder, const ReadLimits& limits);

// From an NPZ in memory. Fills the parts and `source`; the classes of one-hot labels are their rows' widths.
DatasetSplits read_npz_splits(ByteSpan bytes, const std::string& name, const ReadLimits& limits);

// Checks that the parts agree and gives them one class count and one image shape. Classes that have no name yet are
// named by their numbers.
void finish_splits(DatasetSplits& splits);

}  // namespace hubel::detail
