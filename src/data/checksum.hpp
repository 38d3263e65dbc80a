// The checksums that well-known files are published with.
#pragma once

#include <string>

#include "data/bytes.hpp"

namespace hubel::detail {

// MD5 (RFC 1321) in lower-case hexadecimal digits: what data sets are published with. It tells a damaged or a wrong
// file; and to make another file with the MD5 of a given one (a second preimage) is beyond anybody's means, unlike two
// files of one's own with the same. Throws IoError where the system's libcrypto has no MD5.
std::string md5(ByteSpan bytes);

}  // namespace hubel::detail
