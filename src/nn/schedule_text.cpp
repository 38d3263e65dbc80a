// A schedule with options, as text.
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "hubel/schedule.hpp"
#include "text/formatted.hpp"
#include "text/number.hpp"

namespace hubel {

namespace {

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

double number_of(std::string_view option, std::string_view text) {
  const std::optional<double> number = detail::finite_number(text);
  if (!number) throw std::invalid_argument(detail::formatted("{} must be a finite number, got '{}'", option, text));
  return *number;
}

std::int64_t whole_number_of(std::string_view option, std::string_view text) {
  constexpr double kMost = 1e9;
  const double number = number_of(option, text);
  if (number != std::floor(number) || std::abs(number) > kMost)
    throw std::invalid_argument(
        detail::formatted("{} must be a whole number of at most {}, got '{}'", option, kMost, text));
  return static_cast<std::int64_t>(number);
}

// Sets the option of that name if the schedule has one.
template <class Kind>
bool set_option(Kind& kind, std::string_view name, std::string_view value) {
  const auto set = [&](const char* own, auto& field) {
    if (name != own) return false;
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, double>) {
      field = number_of(own, value);
    } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, std::int64_t>) {
      field = whole_number_of(own, value);
    } else {
      for (const std::string_view part : parts_of(value, '/')) field.push_back(whole_number_of(own, part));
    }
    return true;
  };
  if constexpr (requires { kind.end; })
    if (set("end", kind.end)) return true;
  if constexpr (requires { kind.low; })
    if (set("low", kind.low)) return true;
  if constexpr (requires { kind.cycles; })
    if (set("cycles", kind.cycles)) return true;
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

// The schedule of that name with the options of "every=10,gamma=0.5".
Schedule with_options(Schedule::Kind kind, std::string_view options, std::string_view name) {
  std::set<std::string_view> given;
  for (const std::string_view part : parts_of(options, ',')) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view option = part.substr(0, equals), value = part.substr(std::min(equals + 1, part.size()));
    if (!given.insert(option).second)
      throw std::invalid_argument(detail::formatted("{}: {} is given twice", name, option));
    try {
      if (std::visit([&](auto& k) { return set_option(k, option, value); }, kind)) continue;
    } catch (const std::invalid_argument& wrong) {
      throw std::invalid_argument(detail::formatted("{}: {}", name, wrong.what()));
    }
    throw std::invalid_argument(detail::formatted("{} has no option '{}'", name, option));
  }
  return std::visit([](const auto& k) { return Schedule(k); }, kind);
}

}  // namespace

Schedule schedule_from_text(std::string_view text, std::string_view who) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  const Schedule plain = schedule_from_name(name, who);
  if (colon == text.size()) {
    if (name == "milestones")
      throw std::invalid_argument(detail::formatted("{}: milestones needs some, as in milestones:at=30/60", who));
    return plain;
  }
  try {
    return with_options(plain.kind(), text.substr(colon + 1), name);
  } catch (const std::invalid_argument& wrong) {
    throw std::invalid_argument(detail::formatted("{}: {}", who, wrong.what()));
  }
}

}  // namespace hubel
