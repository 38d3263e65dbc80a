// Products of matrices with few rows, and their gradients: what a dense layer for a few samples, or a 1x1 convolution
// of a few pixels, is. W and X are used as they lie: to pack them would take as long as to multiply.
#pragma once

#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// Whether every position has one pixel of its own and they lie side by side, so that the source is a matrix (positions,
// channels).
bool is_matrix(const PatchGrid& grid);

// Whether the problem is such a product, with a kernel that is not packed already.
template <class T>
bool by_few_rows(const Correlation<T>& k);
template <class T>
bool by_few_rows(const WeightGradient<T>& k);

// The sums are those of the other ways, bit by bit: what comes of a position does not depend on their number.
template <class T>
void correlate_few_rows(const Correlation<T>& k);
template <class T>
void weight_gradient_few_rows(const WeightGradient<T>& k);

}  // namespace hubel::detail
