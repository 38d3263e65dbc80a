// Argument checks that the operations share, and their wording.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string_view>

#include "hubel/tensor.hpp"

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
    throw std::invalid_argument(fmt::format("{}: {} has {} dimension{}, shape {}, but must have {}: {}", who, name,
                                            got.rank(), got.rank() == 1 ? "" : "s", got.to_string(), rank, meaning));
  }
}

// `meaning` says why: "(m, h_new, w_new, c_new)".
inline void check_shape(std::string_view who, std::string_view name, const Shape& got, const Shape& wanted,
                        std::string_view meaning) {
  if (got != wanted) {
    throw std::invalid_argument(fmt::format("{}: {} has shape {} but must have {}, {}", who, name, got.to_string(),
                                            wanted.to_string(), meaning));
  }
}

// "1 channel", "3 channels".
inline std::string counted(std::int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

}  // namespace hubel::detail
