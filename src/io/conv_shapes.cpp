// Lists of convolutions to measure; see read_conv_shapes in hubel/benchmark.hpp.
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "hubel/benchmark.hpp"

namespace hubel {

namespace {

// Beyond this no number of such a line makes sense, and products of several stay within 64 bits.
constexpr std::int64_t kMostNumber = 1 << 20;

// One line without its comment; nothing for an empty one.
bool parse_line(const std::string& text, ConvBenchmark& c) {
  std::istringstream words(text);
  if (!(words >> c.name)) return false;
  std::array<std::int64_t, 10> n{};
  for (std::int64_t& value : n) {
    if (!(words >> value) || value < 0 || value > kMostNumber)
      throw std::runtime_error(fmt::format("expected a name and ten numbers from 0 to {}, not: {}", kMostNumber, text));
  }
  if (std::string more; words >> more) throw std::runtime_error(fmt::format("more than ten numbers: {}", text));
  const auto [m, c_prev, h, w, c_new, kh, kw, stride, padding, groups] = n;
  c.x = {m, h, w, c_prev};
  c.W = {kh, kw, groups > 0 ? c_prev / groups : c_prev, c_new};
  c.options = {.padding = Padding::all(padding), .stride = {stride, stride}, .groups = groups};
  conv_geometry(c.x, c.W, c.options, c.name);
  return true;
}

}  // namespace

std::vector<ConvBenchmark> read_conv_shapes(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", path));
  std::vector<ConvBenchmark> list;
  std::int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    ConvBenchmark c;
    try {
      if (parse_line(line.substr(0, line.find('#')), c)) list.push_back(c);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}, line {}: {}", path, number, error.what()));
    }
  }
  if (list.empty()) throw std::runtime_error(fmt::format("{}: there are no convolutions in it", path));
  return list;
}

}  // namespace hubel
