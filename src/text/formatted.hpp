// Texts made by fmt, with its formats checked by the compiler. fmt's machinery is compiled once, in formatted.cpp: as
// headers only it would be compiled in every file that has a message, which took four of such a file's five seconds.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace hubel::detail {

std::string format_text(fmt::string_view format, fmt::format_args arguments);
void print_text(std::FILE* file, fmt::string_view format, fmt::format_args arguments);

// As fmt::format and fmt::print.
template <class... Args>
std::string formatted(fmt::format_string<Args...> format, Args&&... arguments) {
  return format_text(format, fmt::make_format_args(arguments...));
}
template <class... Args>
void print(std::FILE* file, fmt::format_string<Args...> format, Args&&... arguments) {
  print_text(file, format, fmt::make_format_args(arguments...));
}
template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... arguments) {
  print_text(stdout, format, fmt::make_format_args(arguments...));
}

// The elements' texts with `between` between them.
template <class Range>
std::string joined(const Range& range, std::string_view between) {
  std::string text;
  bool first = true;
  for (const auto& element : range) {
    if (!first) text += between;
    first = false;
    text += formatted("{}", element);
  }
  return text;
}

}  // namespace hubel::detail
