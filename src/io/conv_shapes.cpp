// Lists of convolutions to measure; see read_conv_shapes in hubel/benchmark.hpp.

#include <algorithm>
#include <array>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>

#include "hubel/benchmark.hpp"
#include "hubel/errors.hpp"
#include "io/byte_source.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

// Beyond this no number of such a line makes sense, and products of several stay within 64 bits.
constexpr std::int64_t kMostNumber = 1 << 20;

// Far more than anyone would wait for.
constexpr std::size_t kMostBytes = std::size_t{1} << 20;

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

// One line without its comment; nothing for an empty one.
bool parse_line(const std::string& text, ConvBenchmark& c) {
  constexpr std::size_t kLongest = 200;  // names are printed, and lines repeated in messages
  if (text.size() > kLongest || !std::all_of(text.begin(), text.end(), is_printable))
    throw std::runtime_error(detail::formatted("not a line of up to {} printable ASCII characters", kLongest));
  std::istringstream words(text);
  if (!(words >> c.name)) return false;
  std::array<std::int64_t, 10> n{};
  for (std::int64_t& value : n) {
    if (!(words >> value) || value < 0 || value > kMostNumber)
      throw std::runtime_error(
          detail::formatted("expected a name and ten numbers from 0 to {}, not: {}", kMostNumber, text));
  }
  if (std::string more; words >> more) throw std::runtime_error(detail::formatted("more than ten numbers: {}", text));
  const auto [m, c_prev, h, w, c_new, kh, kw, stride, padding, groups] = n;
  if (m < 1 || c_prev < 1 || c_new < 1)
    throw std::runtime_error(detail::formatted("m, c_prev and c_new must be at least 1: {}", text));
  c.x = {m, h, w, c_prev};
  c.W = {kh, kw, groups > 0 ? c_prev / groups : c_prev, c_new};
  c.options = {.padding = Padding::all(padding), .stride = {stride, stride}, .groups = groups};
  conv_geometry(c.x, c.W, c.options, c.name);
  return true;
}

}  // namespace

std::vector<ConvBenchmark> read_conv_shapes(const std::string& path) {
  const detail::FileSource source(path);
  if (source.size() > kMostBytes) throw IoError(detail::formatted("{}: is larger than {} bytes", path, kMostBytes));
  std::string text(static_cast<std::size_t>(source.size()), '\0');
  source.read(0, std::as_writable_bytes(std::span(text)));
  std::istringstream file(text);
  std::vector<ConvBenchmark> list;
  std::int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    ConvBenchmark c;
    try {
      line = line.substr(0, line.find_first_of("#\r"));
      std::replace(line.begin(), line.end(), '\t', ' ');
      if (parse_line(line, c)) list.push_back(c);
    } catch (const std::exception& error) {
      throw std::runtime_error(detail::formatted("{}, line {}: {}", path, number, error.what()));
    }
  }
  if (list.empty()) throw std::runtime_error(detail::formatted("{}: there are no convolutions in it", path));
  return list;
}

}  // namespace hubel
