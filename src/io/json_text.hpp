// JSON from outside: parsed strictly, with bounds, and with errors of one sentence.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hubel::detail {

// Throws FormatError, its message beginning with `who`, for text that is not JSON, that nests deeper than any of
// Hubel's formats, or that has the same key twice in one object (nlohmann would silently take the last).
nlohmann::json parse_json(std::string_view text, std::string_view who);

// A value as it may stand in a message: its JSON, in ASCII, cut when long.
std::string json_for_message(const nlohmann::json& value);

// The value's JSON text. Throws std::invalid_argument "<who> is not valid UTF-8" when a string in it is not, which JSON
// cannot hold.
std::string dump_json(const nlohmann::json& value, std::string_view who);

// Text as JSON has it, and back into a message the same way.
inline std::string json_quoted(std::string_view text) { return json_for_message(nlohmann::json(text)); }

}  // namespace hubel::detail
