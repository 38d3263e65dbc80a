// Branches of one shape made into one, element by element: their difference, mean, maximum or minimum.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "hubel/tensor.hpp"

namespace hubel {

// subtract takes two: the first less the second. The others take one or more. A NaN among the elements that meet gives
// NaN.
enum class MergeMode { subtract, average, maximum, minimum };

// In the order of the modes.
inline constexpr std::array<std::string_view, 4> kMergeModeNames = {"subtract", "average", "maximum", "minimum"};
constexpr std::string_view merge_mode_name(MergeMode mode) { return kMergeModeNames[static_cast<std::size_t>(mode)]; }

// out = xs merged; all of one shape. out may be the memory of any of them. Throws std::invalid_argument for shapes that
// differ and for a number of xs that the mode does not take.
void merge_forward(MergeMode mode, std::span<const TensorView<const float>> xs, TensorView<float> out);
void merge_forward(MergeMode mode, std::span<const TensorView<const double>> xs, TensorView<double> out);
Tensor<float> merge_forward(MergeMode mode, std::span<const TensorView<const float>> xs);
Tensor<double> merge_forward(MergeMode mode, std::span<const TensorView<const double>> xs);

// The gradients of the xs from dout = dL/dout, one for each; an empty view (default-constructed) leaves one out. Of a
// maximum or minimum that several xs share each gets the same part, as in PyTorch's amax. One of the dxs may be the
// memory of dout. Errors as forward's.
void merge_backward(MergeMode mode, TensorView<const float> dout, std::span<const TensorView<const float>> xs,
                    std::span<const TensorView<float>> dxs);
void merge_backward(MergeMode mode, TensorView<const double> dout, std::span<const TensorView<const double>> xs,
                    std::span<const TensorView<double>> dxs);

}  // namespace hubel
