// Tar archives (POSIX.1-1988's ustar and its GNU relative), plain or gzip-compressed, read from memory in one pass.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "data/bytes.hpp"

namespace hubel::detail {

// Asked for each regular file in turn, by its name: whether it is wanted.
using TarFilter = std::function<bool(const std::string&)>;

// The wanted files by name. Nothing is ever written to a disk, so that names with ".." or a leading "/" do no harm;
// folders, links, devices and the extensions' headers are passed over. Throws FormatError, naming `name`, for what is
// no tar archive, is truncated or damaged, has a wanted file twice or unpacks to more than max_bytes.
std::map<std::string, Bytes> read_tar(ByteSpan bytes, const std::string& name, std::size_t max_bytes,
                                      const TarFilter& wanted);

}  // namespace hubel::detail
