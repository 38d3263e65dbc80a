// See terminal.hpp.
#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "text/formatted.hpp"

namespace hubel::cli {

namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);  // faster than the eye asks for, slow enough to cost nothing
constexpr auto kPlainLine = std::chrono::seconds(10);     // the pace of a log

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string bar(double done, std::size_t width) {
  const auto full = static_cast<std::size_t>(std::lround(std::clamp(done, 0.0, 1.0) * static_cast<double>(width)));
  std::string text;
  for (std::size_t i = 0; i < width; ++i) {
    text += speaks_unicode() ? (i < full ? "━" : "─") : (i < full ? "#" : "-");
  }
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C0 and DEL; and C1, which UTF-8 writes as 0xC2 and 0x80 to 0x9F
    const bool c1 = byte == 0xC2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80;
    if (byte >= 0x20 && byte != 0x7F && !c1) {
      result += text[i];
      continue;
    }
    result += '?';
    i += c1;
  }
  return result;
}

bool is_terminal() {
  static const bool terminal = isatty(STDOUT_FILENO) == 1;
  return terminal;
}

bool speaks_unicode() {
  static const bool unicode = [] {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
      const char* value = std::getenv(name);
      if (!value || !*value) continue;
      const std::string_view v = value;
      return v.find("UTF-8") != v.npos || v.find("utf8") != v.npos || v.find("utf-8") != v.npos;
    }
    return false;
  }();
  return unicode;
}

std::string with_commas(long long n) {
  std::string digits = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string clock_time(double seconds) {
  const auto s = static_cast<long long>(std::max(0.0, std::round(seconds)));
  if (s >= 3600) return detail::formatted("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return detail::formatted("{}:{:02}", s / 60, s % 60);
}

bool Progress::due() const { return Clock::now() - last_ >= (is_terminal() ? Clock::duration(kRedraw) : kPlainLine); }

void Progress::show(double done, const std::string& before, const std::string& after) {
  if (!due()) return;
  last_ = Clock::now();
  if (!is_terminal()) {
    detail::print("{}  {:3.0f} %  {}\n", before, 100 * done, after);
    std::fflush(stdout);
    return;
  }
  // What does not fit into the line would break it and leave ruins behind; the bar gives way first, then the tail.
  constexpr std::size_t kMinBar = 6, kMaxBar = 24;
  const std::size_t width = terminal_width() - 1;
  const std::string tail = detail::formatted(" {:3.0f} %  {}", 100 * done, after);
  const std::size_t texts = before.size() + 1 + tail.size();
  const std::size_t bar_width = texts + kMinBar <= width ? std::min(kMaxBar, width - texts) : 0;
  const std::size_t room = width > before.size() + 1 + bar_width ? width - before.size() - 1 - bar_width : 0;
  detail::print("\r\x1b[2K{} {}{}", before, bar(done, bar_width), tail.substr(0, room));
  std::fflush(stdout);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) detail::print("\r\x1b[2K");
  std::fflush(stdout);
  drawn_ = false;
}

}  // namespace hubel::cli
