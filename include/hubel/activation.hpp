// Activation functions: elementwise ones, by name, and softmax over the last axis; each with its backward.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// The elementwise activations, and softmax / log_softmax, which normalise over the last axis (the channels).
// x is the pre-activation. NaN gives NaN in each of them.
enum class Activation {
  identity,      // x                                              (also "linear")
  relu,          // max(x, 0)                                      Nair & Hinton 2010
  relu6,         // min(max(x, 0), 6)                              Krizhevsky 2010
  leaky_relu,    // x for x > 0, else 0.01 x                       Maas et al. 2013
  elu,           // x for x > 0, else exp(x) - 1                   (also "celu", with alpha 1) Clevert et al. 2016
  selu,          // 1.0507... (x for x > 0, else 1.6733... (exp(x) - 1))   Klambauer et al. 2017
  gelu,          // x Phi(x), Phi the normal distribution (exact)  Hendrycks & Gimpel 2016
  gelu_tanh,     // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, close to gelu   Hendrycks & Gimpel 2016
  silu,          // x sigmoid(x)                                   (also "swish") Elfwing et al. 2018
  mish,          // x tanh(softplus(x))                            Misra 2019
  softplus,      // log(1 + exp(x))                                Dugas et al. 2001
  softsign,      // x / (1 + |x|)                                  Turian et al. 2009
  sigmoid,       // 1 / (1 + exp(-x))
  hard_sigmoid,  // min(max(x / 6 + 1/2, 0), 1)                    Howard et al. 2019
  hard_swish,    // x hard_sigmoid(x)                              (also "hard_silu") Howard et al. 2019
  hard_tanh,     // min(max(x, -1), 1)                             Collobert 2004
  tanh,          // tanh(x)
  exponential,   // exp(x)
  softmax,       // exp(x_i) / sum_j exp(x_j) over the last axis
  log_softmax,   // log(softmax(x)) over the last axis
};

// The name of an activation ("relu"), and the activation of a name. An unknown name throws std::invalid_argument that
// begins with `who` and lists the known names.
std::string_view activation_name(Activation activation);
Activation activation_from_name(std::string_view name, std::string_view who = "activation");
std::vector<std::string_view> activation_names();

// out = activation(x), elementwise (softmax and log_softmax: over the last axis). Any shape; x and out may be the same
// memory. Throws std::invalid_argument when the shapes differ, or for softmax of rank 0.
void activation_forward(TensorView<const float> x, Activation activation, TensorView<float> out);
void activation_forward(TensorView<const double> x, Activation activation, TensorView<double> out);
Tensor<float> activation_forward(TensorView<const float> x, Activation activation);
Tensor<double> activation_forward(TensorView<const double> x, Activation activation);

// dx = dL/dx from dy = dL/dy, the pre-activation x and the output y = activation(x). All of one shape; dx may be the
// memory of dy. At a kink the derivative is PyTorch's: 0 for relu at 0, for relu6 at 0 and 6, for hard_sigmoid at -3
// and 3 and for hard_tanh at -1 and 1, the negative side's for leaky_relu at 0.
void activation_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> y,
                         Activation activation, TensorView<float> dx);
void activation_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> y,
                         Activation activation, TensorView<double> dx);

}  // namespace hubel
