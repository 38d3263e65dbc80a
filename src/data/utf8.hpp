// Names from a file system or a file, which are any bytes, made into text.
#pragma once

#include <string>
#include <string_view>

namespace hubel::detail {

// The text with each byte that does not belong to well-formed UTF-8 (RFC 3629) replaced by U+FFFD.
std::string as_utf8(std::string_view bytes);

}  // namespace hubel::detail
