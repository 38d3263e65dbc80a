// The one file that fmt's machinery is compiled in; see formatted.hpp.
#include "text/formatted.hpp"

#include <fmt/format.h>

namespace hubel::detail {

std::string format_text(fmt::string_view format, fmt::format_args arguments) { return fmt::vformat(format, arguments); }

void print_text(std::FILE* file, fmt::string_view format, fmt::format_args arguments) {
  fmt::vprint(file, format, arguments);
}

}  // namespace hubel::detail
