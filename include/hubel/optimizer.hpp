// Optimisers: how gradients change weights.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "hubel/network.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// v = momentum v + g; w -= lr v, or with nesterov w -= lr (g + momentum v). (Polyak 1964; Sutskever et al. 2013, in
// PyTorch's form.)
struct SGD {
  double learning_rate = 0.01;
  double momentum = 0.0;
  bool nesterov = false;
};

// Kingma & Ba 2015, with bias correction; epsilon is added to the square root of the corrected second moment.
struct Adam {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
};

// Adam with decoupled weight decay, w -= lr weight_decay w (Loshchilov & Hutter 2019). Biases do not decay.
struct AdamW {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

using OptimizerOptions = std::variant<SGD, Adam, AdamW>;

std::string_view optimizer_name(const OptimizerOptions& options);  // "sgd", "adam", "adamw"
// An optimiser of that name with its defaults. An unknown name throws std::invalid_argument that begins with `who` and
// lists the known names.
OptimizerOptions optimizer_from_name(std::string_view name, std::string_view who = "optimizer");
double learning_rate(const OptimizerOptions& options);

// An optimiser at work on one network's parameters: it owns the moments. A moment that has decayed to a subnormal
// number, which could move no weight any more but would slow the processor down, becomes zero.
template <class T>
class Optimizer {
 public:
  // Throws std::invalid_argument for a learning rate that is negative or not finite, a momentum or beta outside [0, 1),
  // a negative epsilon or weight decay, or nesterov without momentum.
  Optimizer(const OptimizerOptions& options, std::span<const Parameter<T>> parameters);

  // One step: parameters (in the order given to the constructor) and their gradients. The learning rate is
  // scale * options.learning_rate; a schedule sets the scale. Allocates nothing, and the result has the same bits on
  // any number of threads. Throws std::invalid_argument when shapes are not those of the constructor's parameters.
  void step(std::span<Parameter<T>> parameters, std::span<const TensorView<T>> gradients, double scale = 1.0);

  std::int64_t steps() const { return steps_; }

 private:
  // A stretch of one parameter that a thread updates in one go.
  struct Piece {
    std::size_t parameter;
    std::int64_t begin, end;
  };

  OptimizerOptions options_;
  std::int64_t steps_ = 0;
  std::vector<Shape> shapes_;
  std::vector<bool> decays_;
  std::vector<Tensor<T>> first_, second_;  // momentum or first moment; second moment; empty where there is none
  std::vector<Piece> pieces_;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace hubel
