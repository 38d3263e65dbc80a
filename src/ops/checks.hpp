// Argument checks that the operations share, and their wording.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "hubel/tensor.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {

// Whether a view was given at all; one of zero samples was.
template <class T>
bool is_given(TensorView<T> view) {
  return view.shape().rank() > 0;
}

// `meaning` says what the axes are: "(m, h_prev, w_prev, c_prev)".
inline void check_rank(std::string_view who, std::string_view name, const Shape& got, std::size_t rank,
                       std::string_view meaning) {
  if (got.rank() != rank) {
    throw std::invalid_argument(detail::formatted("{}: {} has {} dimension{}, shape {}, but must have {}: {}", who,
                                                  name, got.rank(), got.rank() == 1 ? "" : "s", got.to_string(), rank,
                                                  meaning));
  }
}

// `meaning` says why: "(m, h_new, w_new, c_new)".
inline void check_shape(std::string_view who, std::string_view name, const Shape& got, const Shape& wanted,
                        std::string_view meaning) {
  if (got != wanted) {
    throw std::invalid_argument(detail::formatted("{}: {} has shape {} but must have {}, {}", who, name,
                                                  got.to_string(), wanted.to_string(), meaning));
  }
}

// Sizes beyond this serve nobody, and below it no product of two of them overflows 64 bits.
inline constexpr std::int64_t kMaxOption = std::numeric_limits<std::int32_t>::max();

// Both of [1, largest], where `largest` is kMaxOption or no bound at all. `meaning` says which is which: "(kh, kw)".
inline void check_pair(std::string_view who, std::string_view name, const std::array<std::int64_t, 2>& pair,
                       std::int64_t largest, std::string_view meaning) {
  for (std::int64_t value : pair) {
    if (value < 1 || value > largest) {
      throw std::invalid_argument(detail::formatted("{}: {} is ({}, {}) but both must be {} ({} is {})", who, name,
                                                    pair[0], pair[1], value < 1 ? "at least 1" : "below 2^31", name,
                                                    meaning));
    }
  }
}

// Given padding: each side of [0, kMaxOption].
inline void check_sides(std::string_view who, std::string_view name, const std::array<std::int64_t, 4>& sides) {
  for (std::int64_t side : sides) {
    if (side < 0 || side > kMaxOption) {
      throw std::invalid_argument(detail::formatted(
          "{}: {} is (({}, {}), ({}, {})) but each side must be {} ({} is ((top, bottom), (left, right)))", who, name,
          sides[0], sides[1], sides[2], sides[3], side < 0 ? "at least 0" : "below 2^31", name));
    }
  }
}

// "1 channel", "3 channels".
inline std::string counted(std::int64_t n, std::string_view noun) {
  return detail::formatted("{} {}{}", n, noun, n == 1 ? "" : "s");
}

}  // namespace hubel::detail
