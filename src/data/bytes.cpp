// Text from a file made safe to print, and the test for a file's first bytes.
#include "data/bytes.hpp"

#include <cstring>

#include "text/formatted.hpp"

namespace hubel::detail {

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 80;  // a line of a terminal
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += detail::formatted("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

bool starts_with(ByteSpan bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() && std::memcmp(bytes.data(), prefix.data(), prefix.size()) == 0;
}

}  // namespace hubel::detail
