// Gaussian noise, which a network is trained with so that it does not rely on its inputs' last digits: added, or
// multiplied with (Srivastava et al. 2014, section 10).
//
// The noise z are numbers of the standard normal distribution, one for each element (Box & Muller 1958, of two uniform
// numbers of 32 bits, so that none is beyond 6.7). As in dropout.hpp they are a function of the key, the sample's
// number and the element's place in the sample alone, so that backward has forward's and a batch cut in pieces gives
// the bits of the whole; they are others than dropout's of the same key.
#pragma once

#include <cstdint>

#include "hubel/dropout.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// x and y (m, ...) of one shape; y may be the memory of x. Both throw std::invalid_argument as dropout_forward does,
// but that samples have less than 2^33 elements.

// y = x + stddev z. The gradient is the identity. Throws for a stddev that is negative or not finite.
void gaussian_noise(TensorView<const float> x, double stddev, const DropoutKey& key, std::int64_t first_sample,
                    TensorView<float> y);
void gaussian_noise(TensorView<const double> x, double stddev, const DropoutKey& key, std::int64_t first_sample,
                    TensorView<double> y);

// y = x (1 + sqrt(rate / (1 - rate)) z): each element has the variance that dropout of this rate would give it. The
// gradient is the same function of dy. Throws for a rate outside [0, 1).
void gaussian_dropout(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<float> y);
void gaussian_dropout(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<double> y);

}  // namespace hubel
