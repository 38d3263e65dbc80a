// Normalisations: batch (Ioffe & Szegedy 2015), group (Wu & He 2018), of which instance normalisation (Ulyanov et al.
// 2016) is the case of one channel a group, and layer (Ba, Kiros & Hinton 2016); root-mean-square (Zhang & Sennrich
// 2019) and unit, which leave the mean where it is.
//
// Each of the first three takes values to (x - mean) / sqrt(variance + epsilon) gamma + beta, with the mean and the
// biased variance (the sum of squared distances divided by n) of the values normalised together. gamma and beta may be
// empty views (default-constructed), for 1 and 0. epsilon must be at least 0. Means and variances do not suffer from
// cancellation: those of floats about 1000 with a deviation of 1 are right to some 1e-7 and 1e-6.
//
// NaN or infinity among the values normalised together makes their inv_std and all of their y NaN.
//
// Everything throws std::invalid_argument for a wrong rank, shapes that do not fit, or epsilon below 0 or NaN. Backward
// functions take dy = dL/dy and write the gradients whose views are not empty; dx may be the memory of dy.
#pragma once

#include <cstdint>

#include "hubel/activation.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// ---- Batch normalisation ---------------------------------------------------------------------------------------
//
// x and y (m, ..., c), of rank 2 or more; normalised over all axes but the last. gamma, beta, mean, inv_std and
// variance (c). An activation may follow; relu, relu6 and identity cost nothing.

// For training: y = activation((x - mean) inv_std gamma + beta), with mean, inv_std = 1 / sqrt(variance + epsilon) and,
// unless it is an empty view, variance of this batch written too. Of no rows the mean and the variance are 0.
void batch_norm_forward(TensorView<const float> x, TensorView<const float> gamma, TensorView<const float> beta,
                        double epsilon, Activation activation, TensorView<float> y, TensorView<float> mean,
                        TensorView<float> inv_std, TensorView<float> variance = {});
void batch_norm_forward(TensorView<const double> x, TensorView<const double> gamma, TensorView<const double> beta,
                        double epsilon, Activation activation, TensorView<double> y, TensorView<double> mean,
                        TensorView<double> inv_std, TensorView<double> variance = {});

template <class T>
struct BatchNormResult {
  Tensor<T> y, mean, inv_std, variance;
};
BatchNormResult<float> batch_norm_forward(TensorView<const float> x, TensorView<const float> gamma,
                                          TensorView<const float> beta, double epsilon = 1e-5,
                                          Activation activation = Activation::identity);
BatchNormResult<double> batch_norm_forward(TensorView<const double> x, TensorView<const double> gamma,
                                           TensorView<const double> beta, double epsilon = 1e-5,
                                           Activation activation = Activation::identity);

// With a given mean and variance. y may be the memory of x.
void batch_norm_inference(TensorView<const float> x, TensorView<const float> gamma, TensorView<const float> beta,
                          TensorView<const float> mean, TensorView<const float> variance, double epsilon,
                          Activation activation, TensorView<float> y);
void batch_norm_inference(TensorView<const double> x, TensorView<const double> gamma, TensorView<const double> beta,
                          TensorView<const double> mean, TensorView<const double> variance, double epsilon,
                          Activation activation, TensorView<double> y);
Tensor<float> batch_norm_inference(TensorView<const float> x, TensorView<const float> gamma,
                                   TensorView<const float> beta, TensorView<const float> mean,
                                   TensorView<const float> variance, double epsilon = 1e-5,
                                   Activation activation = Activation::identity);
Tensor<double> batch_norm_inference(TensorView<const double> x, TensorView<const double> gamma,
                                    TensorView<const double> beta, TensorView<const double> mean,
                                    TensorView<const double> variance, double epsilon = 1e-5,
                                    Activation activation = Activation::identity);

// The gradients of batch_norm_forward, from what it took and wrote; through the mean and the variance too. gamma, beta
// are those of forward: where beta is an empty view it was 0.
void batch_norm_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> y,
                         TensorView<const float> gamma, TensorView<const float> beta, TensorView<const float> mean,
                         TensorView<const float> inv_std, Activation activation, TensorView<float> dx,
                         TensorView<float> dgamma, TensorView<float> dbeta);
void batch_norm_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> y,
                         TensorView<const double> gamma, TensorView<const double> beta, TensorView<const double> mean,
                         TensorView<const double> inv_std, Activation activation, TensorView<double> dx,
                         TensorView<double> dgamma, TensorView<double> dbeta);

// The gradients of batch_norm_inference: mean and variance are constants, so that dx = dz gamma / sqrt(variance +
// epsilon), dz being dy through the activation.
void batch_norm_inference_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> y,
                                   TensorView<const float> gamma, TensorView<const float> beta,
                                   TensorView<const float> mean, TensorView<const float> variance, double epsilon,
                                   Activation activation, TensorView<float> dx, TensorView<float> dgamma,
                                   TensorView<float> dbeta);
void batch_norm_inference_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> y,
                                   TensorView<const double> gamma, TensorView<const double> beta,
                                   TensorView<const double> mean, TensorView<const double> variance, double epsilon,
                                   Activation activation, TensorView<double> dx, TensorView<double> dgamma,
                                   TensorView<double> dbeta);

// ---- Group normalisation ---------------------------------------------------------------------------------------
//
// x and y (m, ..., c), of rank 2 or more; normalised for each sample and group of c / groups channels side by side,
// over all of the sample's pixels. groups from 1 to c, a divisor of c. gamma, beta (c); mean, inv_std (m, groups).

// y may be the memory of x. Of no pixels the mean and the variance are 0.
void group_norm_forward(TensorView<const float> x, std::int64_t groups, TensorView<const float> gamma,
                        TensorView<const float> beta, double epsilon, TensorView<float> y, TensorView<float> mean,
                        TensorView<float> inv_std);
void group_norm_forward(TensorView<const double> x, std::int64_t groups, TensorView<const double> gamma,
                        TensorView<const double> beta, double epsilon, TensorView<double> y, TensorView<double> mean,
                        TensorView<double> inv_std);
void group_norm_backward(TensorView<const float> dy, TensorView<const float> x, std::int64_t groups,
                         TensorView<const float> gamma, TensorView<const float> mean, TensorView<const float> inv_std,
                         TensorView<float> dx, TensorView<float> dgamma, TensorView<float> dbeta);
void group_norm_backward(TensorView<const double> dy, TensorView<const double> x, std::int64_t groups,
                         TensorView<const double> gamma, TensorView<const double> mean,
                         TensorView<const double> inv_std, TensorView<double> dx, TensorView<double> dgamma,
                         TensorView<double> dbeta);

// What group and layer normalisation write.
template <class T>
struct NormResult {
  Tensor<T> y, mean, inv_std;
};
NormResult<float> group_norm_forward(TensorView<const float> x, std::int64_t groups, TensorView<const float> gamma,
                                     TensorView<const float> beta, double epsilon = 1e-5);
NormResult<double> group_norm_forward(TensorView<const double> x, std::int64_t groups, TensorView<const double> gamma,
                                      TensorView<const double> beta, double epsilon = 1e-5);

// ---- Layer normalisation ---------------------------------------------------------------------------------------
//
// x and y of rank 2 or more; normalised over the last `axes` axes, from 1 to all but the first. gamma and beta have
// these axes' extents, mean and inv_std those of the axes before them.

// y may be the memory of x.
void layer_norm_forward(TensorView<const float> x, std::int64_t axes, TensorView<const float> gamma,
                        TensorView<const float> beta, double epsilon, TensorView<float> y, TensorView<float> mean,
                        TensorView<float> inv_std);
void layer_norm_forward(TensorView<const double> x, std::int64_t axes, TensorView<const double> gamma,
                        TensorView<const double> beta, double epsilon, TensorView<double> y, TensorView<double> mean,
                        TensorView<double> inv_std);
NormResult<float> layer_norm_forward(TensorView<const float> x, std::int64_t axes, TensorView<const float> gamma,
                                     TensorView<const float> beta, double epsilon = 1e-5);
NormResult<double> layer_norm_forward(TensorView<const double> x, std::int64_t axes, TensorView<const double> gamma,
                                      TensorView<const double> beta, double epsilon = 1e-5);
void layer_norm_backward(TensorView<const float> dy, TensorView<const float> x, std::int64_t axes,
                         TensorView<const float> gamma, TensorView<const float> mean, TensorView<const float> inv_std,
                         TensorView<float> dx, TensorView<float> dgamma, TensorView<float> dbeta);
void layer_norm_backward(TensorView<const double> dy, TensorView<const double> x, std::int64_t axes,
                         TensorView<const double> gamma, TensorView<const double> mean,
                         TensorView<const double> inv_std, TensorView<double> dx, TensorView<double> dgamma,
                         TensorView<double> dbeta);

// ---- Root-mean-square and unit normalisation -------------------------------------------------------------------
//
// x and y (m, ..., c), of rank 2 or more; each pixel's channels by themselves. gamma (c); inv (m, ...), what they are
// multiplied with. A NaN makes all of its pixel's y NaN; an infinity makes its own y NaN and the others 0.

// y = x inv gamma, inv = 1 / sqrt(mean(x^2) + epsilon). gamma may be an empty view, for 1. y may be the memory of x.
void rms_norm_forward(TensorView<const float> x, TensorView<const float> gamma, double epsilon, TensorView<float> y,
                      TensorView<float> inv);
void rms_norm_forward(TensorView<const double> x, TensorView<const double> gamma, double epsilon, TensorView<double> y,
                      TensorView<double> inv);
void rms_norm_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> gamma,
                       TensorView<const float> inv, TensorView<float> dx, TensorView<float> dgamma);
void rms_norm_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> gamma,
                       TensorView<const double> inv, TensorView<double> dx, TensorView<double> dgamma);

// y = x inv, of length 1: inv = 1 / sqrt(max(sum(x^2), 1e-12)), as Keras has it (PyTorch's F.normalize bounds the
// length itself by 1e-12). Where that bound holds inv is a constant. y may be the memory of x.
void unit_norm_forward(TensorView<const float> x, TensorView<float> y, TensorView<float> inv);
void unit_norm_forward(TensorView<const double> x, TensorView<double> y, TensorView<double> inv);
void unit_norm_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> inv,
                        TensorView<float> dx);
void unit_norm_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> inv,
                        TensorView<double> dx);

}  // namespace hubel
