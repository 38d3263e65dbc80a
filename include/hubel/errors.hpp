// The exceptions Hubel throws beside the standard ones. A call with wrong shapes or options throws
// std::invalid_argument; the two here are for what comes from outside. what() is one sentence for a person to read.
#pragma once

#include <stdexcept>

namespace hubel {

// A file or URL that cannot be opened, read or written (Python: OSError).
struct IoError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A file whose bytes are not what its format asks for: truncated, lying about its size, of another kind
// (Python: ValueError).
struct FormatError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace hubel
