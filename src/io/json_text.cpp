// Strict JSON; see json_text.hpp.
#include "io/json_text.hpp"

#include <fmt/format.h>

#include <set>
#include <stdexcept>
#include <vector>

#include "hubel/errors.hpp"

namespace hubel::detail {

namespace {

using Event = nlohmann::json::parse_event_t;

// The deepest of ours is an architecture's padding: object, array of layers, layer, padding, side pair.
constexpr std::size_t kMaxDepth = 8;

// Watches the parser: how deep it is, and which keys each open object has had.
class Watch {
 public:
  explicit Watch(std::string_view who) : who_(who) {}

  bool operator()(int, Event event, const nlohmann::json& parsed) {
    if (event == Event::object_start || event == Event::array_start) {
      if (open_.size() == kMaxDepth) throw FormatError(fmt::format("{}: more than {} levels of JSON", who_, kMaxDepth));
      open_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      open_.pop_back();
    } else if (event == Event::key && !open_.back().insert(parsed.get<std::string>()).second) {
      throw FormatError(fmt::format("{}: the key {} is there twice", who_, json_for_message(parsed)));
    }
    return true;
  }

 private:
  std::string_view who_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view who) {
  try {
    return nlohmann::json::parse(text.begin(), text.end(), Watch(who));
  } catch (const nlohmann::json::parse_error& error) {
    throw FormatError(fmt::format("{}: not valid JSON (at byte {})", who, error.byte));
  } catch (const nlohmann::json::exception&) {  // a number that no double holds
    throw FormatError(fmt::format("{}: not valid JSON", who));
  }
}

std::string dump_json(const nlohmann::json& value, std::string_view who) {
  try {
    return value.dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::invalid_argument(fmt::format("{} is not valid UTF-8", who));
  }
}

std::string json_for_message(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 60;
  const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace hubel::detail
