// Which parameters weight decay is for.
#pragma once

#include <algorithm>
#include <string_view>

namespace hubel::detail {

// Kernels decay. Biases, the scales and shifts of norms, the slopes of a PReLU and running statistics do not: they are
// few, and to pull them to zero is no regularisation. Told by the last part of the name, as in "conv2d_1.bias".
inline bool weight_decays(std::string_view parameter) {
  constexpr std::string_view kKept[] = {"bias", "gamma", "beta", "alpha", "running_mean", "running_variance"};
  const std::string_view last = parameter.substr(parameter.rfind('.') + 1);
  return std::find(std::begin(kKept), std::end(kKept), last) == std::end(kKept);
}

}  // namespace hubel::detail
