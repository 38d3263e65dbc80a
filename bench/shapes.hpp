// The lists of convolution shapes that the benchmarks read: one shape a line, as conv_shapes.txt explains.
#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace hubel::bench {

struct ConvShape {
  std::string name;
  std::int64_t m, c_prev, h, w, c_new, kh, kw, stride, padding, groups;

  std::int64_t out_h() const { return (h + 2 * padding - kh) / stride + 1; }
  std::int64_t out_w() const { return (w + 2 * padding - kw) / stride + 1; }
  bool depthwise() const { return groups > 1 && groups == c_prev && groups == c_new; }
  // Operations of any one of the three passes, counted as direct convolution.
  double flops() const {
    return 2.0 * static_cast<double>(m * out_h() * out_w() * c_new) * static_cast<double>(kh * kw * c_prev / groups);
  }
};

inline std::vector<ConvShape> read_shapes(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read the shapes " + path);
  std::vector<ConvShape> shapes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    ConvShape s{};
    if (!(words >> s.name)) continue;
    if (!(words >> s.m >> s.c_prev >> s.h >> s.w >> s.c_new >> s.kh >> s.kw >> s.stride >> s.padding >> s.groups)) {
      throw std::runtime_error(path + ": a shape is a name and ten numbers, not: " + line);
    }
    shapes.push_back(s);
  }
  return shapes;
}

}  // namespace hubel::bench
