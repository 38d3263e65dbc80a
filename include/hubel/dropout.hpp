// Dropout (Srivastava et al. 2014), inverted, so that inference is the identity; spatial dropout (Tompson et al. 2015),
// which drops whole channels; stochastic depth (Huang et al. 2016), which drops whole samples, of a branch; and alpha
// dropout (Klambauer et al. 2017), which keeps the mean and the variance of what goes through SELU.
//
// What is dropped is a function of the key, the sample's number and the element's place in the sample alone: it comes
// from Philox (random.hpp) and is not stored. Backward, given the same key and numbers, drops the same, and a batch cut
// in pieces gives the bits of the whole.
//
// An element has 16 random bits: it is dropped with the probability rate rounded to a multiple of 2^-16 (at most
// 1 - 2^-16), becoming 0 whatever it was; else it is multiplied with 1 / (1 - rate). rate 0 copies.
#pragma once

#include <cstdint>

#include "hubel/tensor.hpp"

namespace hubel {

// What the random numbers depend on; the layer, below 2^16, and the step, below 2^48, keep uses of a seed apart.
struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint64_t layer = 0;
};

// x and y (m, ...), of rank 1 or more and one shape; y may be the memory of x. The first sample has the number
// first_sample; numbers are from 0 to 2^32 - 1, samples have less than 2^35 elements. Throws std::invalid_argument for
// a rate outside [0, 1), NaN included, numbers beyond these, or shapes that do not fit.
void dropout_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                     TensorView<float> y);
void dropout_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                     TensorView<double> y);
// dx from dy = dL/dy; the same function.
void dropout_backward(TensorView<const float> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<float> dx);
void dropout_backward(TensorView<const double> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                      TensorView<double> dx);

// The same for whole channels of a sample: x (m, ..., c), of rank 2 or more.
void spatial_dropout_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                             TensorView<float> y);
void spatial_dropout_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                             TensorView<double> y);
void spatial_dropout_backward(TensorView<const float> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                              TensorView<float> dx);
void spatial_dropout_backward(TensorView<const double> dy, double rate, const DropoutKey& key,
                              std::int64_t first_sample, TensorView<double> dx);

// The same for whole samples: x (m, ...).
void stochastic_depth_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                              TensorView<float> y);
void stochastic_depth_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                              TensorView<double> y);
void stochastic_depth_backward(TensorView<const float> dy, double rate, const DropoutKey& key,
                               std::int64_t first_sample, TensorView<float> dx);
void stochastic_depth_backward(TensorView<const double> dy, double rate, const DropoutKey& key,
                               std::int64_t first_sample, TensorView<double> dx);

// Of elements, which dropout_forward of the same key drops too: of those x becomes a' = -1.758099 (the limit of SELU to
// the left), then all become s x + t, with s = ((1 - rate) (1 + rate a'^2))^(-1/2) and t = -s rate a', so that mean 0
// and variance 1 stay 0 and 1, as Keras and PyTorch have it. Backward: s dy where kept, else 0.
void alpha_dropout_forward(TensorView<const float> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                           TensorView<float> y);
void alpha_dropout_forward(TensorView<const double> x, double rate, const DropoutKey& key, std::int64_t first_sample,
                           TensorView<double> y);
void alpha_dropout_backward(TensorView<const float> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                            TensorView<float> dx);
void alpha_dropout_backward(TensorView<const double> dy, double rate, const DropoutKey& key, std::int64_t first_sample,
                            TensorView<double> dx);

}  // namespace hubel
