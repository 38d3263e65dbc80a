// Options that go by name: one table for each kind, looked up both ways.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "text/formatted.hpp"

namespace hubel::detail {

template <class Value>
struct Named {
  std::string_view name;
  Value value;
};

template <class Value, std::size_t N>
std::string_view name_of(const Named<Value> (&table)[N], Value value) {
  for (const auto& entry : table)
    if (entry.value == value) return entry.name;
  throw std::invalid_argument("not a value of its enumeration");
}

// Throws std::invalid_argument: <who>: <what> is "x" but must be one of a, b, c.
template <class Value, std::size_t N>
Value value_of(const Named<Value> (&table)[N], std::string_view name, std::string_view who, std::string_view what) {
  std::string known;
  for (const auto& entry : table) {
    if (entry.name == name) return entry.value;
    known += detail::formatted("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  throw std::invalid_argument(detail::formatted("{}: {} is \"{}\" but must be one of {}", who, what, name, known));
}

}  // namespace hubel::detail
