// Numbers in texts.
#pragma once

#include <optional>
#include <string_view>

namespace hubel::detail {

// The number that all of a text is, if it is a finite one: CLI11's own checks, for one, take NaN for a
// number in any range.
std::optional<double> finite_number(std::string_view text);

}  // namespace hubel::detail
