// Local response normalisation over neighbouring channels, as AlexNet and GoogLeNet have it (Krizhevsky et al. 2012,
// section 3.3).
#pragma once

#include <cstdint>
#include <string_view>

#include "hubel/tensor.hpp"

namespace hubel {

// y_c = x_c / (k + alpha / size * the sum of x_j^2 over the `size` channels j around c)^beta. Channels beyond the first
// and last count as 0. Around c are those from c - size / 2 to c + (size - 1) / 2. Defaults and the division of alpha
// by size are PyTorch's; the paper's alpha is not divided: there it is 1e-4, here size times that.
struct LocalResponseNormOptions {
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
};

// x (m, ..., c), of rank 2 or more; y of its shape, in memory of its own. Throws std::invalid_argument for shapes that
// do not fit, a size below 1, and numbers that are not finite or below 0 (k: not above 0).
void local_response_norm_forward(TensorView<const float> x, const LocalResponseNormOptions& options,
                                 TensorView<float> y);
void local_response_norm_forward(TensorView<const double> x, const LocalResponseNormOptions& options,
                                 TensorView<double> y);
// dx from dy = dL/dy and x; dx may be the memory of dy.
void local_response_norm_backward(TensorView<const float> dy, TensorView<const float> x,
                                  const LocalResponseNormOptions& options, TensorView<float> dx);
void local_response_norm_backward(TensorView<const double> dy, TensorView<const double> x,
                                  const LocalResponseNormOptions& options, TensorView<double> dx);
// The checks of the options alone; messages begin with `who`.
void check_local_response_norm(const LocalResponseNormOptions& options, std::string_view who);

}  // namespace hubel
