// A whole file read into memory.
#pragma once

#include <cstddef>
#include <string>

#include "data/bytes.hpp"

namespace hubel::detail {

// The bytes of a regular file. Throws IoError when it cannot be read, is something else (a folder, a pipe, a device:
// reading one may never end) or has more than max_bytes.
Bytes read_file(const std::string& path, std::size_t max_bytes);

}  // namespace hubel::detail
