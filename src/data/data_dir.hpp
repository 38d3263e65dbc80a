// Where the named data sets lie.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hubel::detail {

// The folders that may have data sets as subfolders, in the order in which they are looked at.
std::vector<std::filesystem::path> data_dirs();

// The first of these folders' subfolder `name`; empty when none has it.
std::filesystem::path find_in_data_dirs(const std::string& name);

}  // namespace hubel::detail
