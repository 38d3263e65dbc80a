// See schedule_option.hpp.
#include "cli/schedule_option.hpp"

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "cli/shared.hpp"
#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(detail::formatted("--schedule: {}", what));
}

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

double number_of(const std::string& text) {
  const std::optional<double> number = finite_number(text);
  if (!number) refuse(detail::formatted("{} is not a number", text));
  return *number;
}

std::int64_t whole_number_of(const std::string& text) {
  constexpr double kMost = 1e9;
  const double number = number_of(text);
  if (number != std::floor(number) || std::abs(number) > kMost)
    refuse(detail::formatted("{} is not a whole number", text));
  return static_cast<std::int64_t>(number);
}

// Sets the option of that name if the schedule has one.
template <class Kind>
bool set_option(Kind& kind, const std::string& name, const std::string& value) {
  const auto set = [&](const char* own, auto& field) {
    if (name != own) return false;
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, double>) {
      field = number_of(value);
    } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, std::int64_t>) {
      field = whole_number_of(value);
    } else {
      for (const std::string& part : parts_of(value, '/')) field.push_back(whole_number_of(part));
    }
    return true;
  };
  if constexpr (requires { kind.end; })
    if (set("end", kind.end)) return true;
  if constexpr (requires { kind.restarts; })
    if (set("restarts", kind.restarts)) return true;
  if constexpr (requires { kind.growth; })
    if (set("growth", kind.growth)) return true;
  if constexpr (requires { kind.every; })
    if (set("every", kind.every)) return true;
  if constexpr (requires { kind.milestones; })
    if (set("at", kind.milestones)) return true;
  if constexpr (requires { kind.gamma; })
    if (set("gamma", kind.gamma)) return true;
  if constexpr (requires { kind.power; })
    if (set("power", kind.power)) return true;
  return false;
}

}  // namespace

Schedule schedule_option(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  Schedule::Kind kind = schedule_from_name(text.substr(0, colon), "--schedule").kind();
  if (colon == text.size()) return std::visit([](const auto& k) { return Schedule(k); }, kind);
  for (const std::string& option : parts_of(text.substr(colon + 1), ',')) {
    const std::size_t equals = std::min(option.find('='), option.size());
    const std::string name = option.substr(0, equals), value = option.substr(std::min(equals + 1, option.size()));
    if (!std::visit([&](auto& k) { return set_option(k, name, value); }, kind))
      refuse(detail::formatted("{} has no option {}", text.substr(0, colon), option));
  }
  return std::visit([](const auto& k) { return Schedule(k); }, kind);
}

}  // namespace hubel::cli
