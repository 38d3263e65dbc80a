// What can be shown where standard output goes, and the progress line.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace hubel::cli {

// Whether standard output is a terminal, and whether its locale says UTF-8 (also asked when it is not a terminal).
bool is_terminal();
bool speaks_unicode();

// Text that came from a file, with its control characters taken out: no file may move the terminal's cursor, clear its
// screen or ring its bell.
std::string printable(std::string_view text);

// "1,234,567"
std::string with_commas(long long n);
// "0:07", "1:02:03"
std::string clock_time(double seconds);

// A line that says how far the work is. On a terminal it is redrawn in place with a bar; elsewhere a plain line is
// printed now and then, so that a log shows life without filling up.
class Progress {
 public:
  // done in [0, 1]; `before` and `after` are put to the left and right of the bar. Cheap to call often.
  void show(double done, const std::string& before, const std::string& after);
  // Whether a call of show now would print: spares the making of texts.
  bool due() const;
  // Takes the line away (on a terminal), for something lasting to be printed in its place.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool drawn_ = false;
  Clock::time_point last_ = Clock::now();
};

}  // namespace hubel::cli
