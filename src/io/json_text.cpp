// Strict JSON; see json_text.hpp.
#include "io/json_text.hpp"

#include <set>
#include <stdexcept>
#include <vector>

#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

// The deepest of ours is an architecture's padding: object, array of layers, layer, padding, side pair.
constexpr std::size_t kMaxDepth = 8;

// Watches a parser's events: how deep it is, and which keys each open object has had. (The parser's own callback, which
// sees the same, takes time that grows with the square of a container's elements.)
class Watch : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Watch(std::string_view who) : who_(who) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!open_.back().insert(name).second)
      throw FormatError(detail::formatted("{}: the key {} is there twice", who_, json_for_message(name)));
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    if (const auto* at = dynamic_cast<const nlohmann::json::parse_error*>(&error))
      throw FormatError(detail::formatted("{}: not valid JSON (at byte {})", who_, at->byte));
    throw FormatError(detail::formatted("{}: not valid JSON", who_));  // a number that no double holds
  }

 private:
  bool open() {
    if (open_.size() == kMaxDepth)
      throw FormatError(detail::formatted("{}: more than {} levels of JSON", who_, kMaxDepth));
    open_.emplace_back();
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view who_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view who) {
  Watch watch(who);
  nlohmann::json::sax_parse(text.begin(), text.end(), &watch);
  return nlohmann::json::parse(text.begin(), text.end());
}

std::string dump_json(const nlohmann::json& value, std::string_view who) {
  try {
    return value.dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::invalid_argument(detail::formatted("{} is not valid UTF-8", who));
  }
}

std::string json_for_message(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 60;
  const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace hubel::detail
