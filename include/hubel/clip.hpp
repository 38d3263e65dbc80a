// Gradient clipping: bounding a step that one batch would make too large.
#pragma once

#include <span>

#include "hubel/tensor.hpp"

namespace hubel {

// Scales all gradients by max_norm / norm where their norm, of all elements together, is above max_norm, and returns
// the norm before that. (Pascanu et al. 2013.) Where the norm is not finite nothing is changed: the caller sees it. The
// sum is in double and has the same bits on any number of threads. Throws std::invalid_argument for a max_norm that is
// negative or NaN.
double clip_by_global_norm(std::span<const TensorView<float>> gradients, double max_norm);
double clip_by_global_norm(std::span<const TensorView<double>> gradients, double max_norm);

// The same for each gradient by itself: what has a norm above max_norm, of its own elements, is scaled to it. One whose
// norm is not finite is not changed. Throws as clip_by_global_norm does.
void clip_by_norm(std::span<const TensorView<float>> gradients, double max_norm);
void clip_by_norm(std::span<const TensorView<double>> gradients, double max_norm);

// Brings every element into [-max_value, max_value]; NaN stays. Throws std::invalid_argument for a max_value that is
// negative or NaN.
void clip_by_value(std::span<const TensorView<float>> gradients, double max_value);
void clip_by_value(std::span<const TensorView<double>> gradients, double max_value);

}  // namespace hubel
