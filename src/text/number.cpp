// See number.hpp.
#include "text/number.hpp"

#include <charconv>
#include <cmath>

namespace hubel::detail {

std::optional<double> finite_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool right = error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  return right ? std::optional(number) : std::nullopt;
}

}  // namespace hubel::detail
