// The numbers that a training's state holds: each must be there, and be one that a training can come to.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

#include "text/formatted.hpp"

namespace hubel::detail {

[[noreturn]] inline void refuse_state(const std::string& what) {
  throw std::invalid_argument(formatted("fit: the state to go on from {}", what));
}

class StateNumbers {
 public:
  explicit StateNumbers(const std::map<std::string, double>& numbers) : numbers_(numbers) {}

  double operator[](const char* name) const {
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) refuse_state(formatted("has no number \"{}\"", name));
    return found->second;
  }

  void read(const char* name, double& value) const { value = (*this)[name]; }
  void read(const char* name, std::int64_t& value) const {
    constexpr double kMost = 0x1p53;
    const double number = (*this)[name];
    if (!(number >= 0 && number <= kMost && number == std::floor(number)))
      refuse_state(formatted("has {} for its number \"{}\", it must be a whole number", number, name));
    value = static_cast<std::int64_t>(number);
  }
  void read(const char* name, bool& value) const { value = (*this)[name] != 0; }

  // NaN is in no range.
  void check_range(const char* name, double least, double most) const {
    const double number = (*this)[name];
    if (number >= least && number <= most) return;
    const std::string wanted = least == most ? formatted("{}", least) : formatted("from {} to {}", least, most);
    refuse_state(formatted("has {} for its number \"{}\", it must be {}", number, name, wanted));
  }

 private:
  const std::map<std::string, double>& numbers_;
};

}  // namespace hubel::detail
