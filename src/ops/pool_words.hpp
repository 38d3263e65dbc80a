// A pooling's output shape, and what does not fit told in the words of whoever asks.
#pragma once

#include <string_view>

#include "hubel/pool.hpp"

namespace hubel::detail {

// What pool_forward calls them; a layer has other names.
struct PoolWords {
  std::string_view kernel = "kernel_shape", input = "A_prev";
};

// As the public pool_output_shape.
Shape pool_shape_in_words(const Shape& A_prev, const PoolOptions& options, std::string_view who,
                          const PoolWords& words);

}  // namespace hubel::detail
