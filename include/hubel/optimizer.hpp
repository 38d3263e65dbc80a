// Optimisers: how gradients change weights.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hubel/named_view.hpp"
#include "hubel/network.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// The defaults are PyTorch's, LAMB's its authors'; of Nadam, Adamax, Adadelta and Lion they are Keras's, as is the
// formula. weight_decay is L2, g += weight_decay w, unless it is said to be decoupled, w -= lr weight_decay w. Kernels
// decay; biases, the parameters of norms (gamma, beta), the slopes of a PReLU (alpha) and running statistics do not, as
// the last part of their names tells.

// v = momentum v + g; w -= lr v, or with nesterov w -= lr (g + momentum v). (Polyak 1964; Sutskever et al. 2013, in
// PyTorch's form.)
struct SGD {
  double learning_rate = 0.01;
  double momentum = 0.0;
  bool nesterov = false;
  double weight_decay = 0.0;
};

// Kingma & Ba 2015, with bias correction; epsilon is added to the square root of the corrected second moment. With
// amsgrad the largest second moment so far takes the second one's place there (Reddi, Kale & Kumar 2018, corrected as
// in PyTorch).
struct Adam {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  bool amsgrad = false;
};

// Adam with decoupled weight decay, w -= lr weight_decay w (Loshchilov & Hutter 2019).
struct AdamW {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  bool amsgrad = false;  // as Adam's
};

// v = rho v + (1 - rho) g^2; centered, the square of a like mean of g is taken off it. u = g / (sqrt(v) + epsilon), or
// with momentum u = momentum u + that; w -= lr u. (Tieleman & Hinton 2012; centered: Graves 2013.)
struct RMSProp {
  double learning_rate = 0.01;
  double rho = 0.99;
  double epsilon = 1e-8;
  double momentum = 0.0;
  bool centered = false;
  double weight_decay = 0.0;
};

// s = s + g^2 from s = initial_accumulator; w -= lr g / (sqrt(s) + epsilon). (Duchi et al. 2011.)
struct Adagrad {
  double learning_rate = 0.01;
  double initial_accumulator = 0.0;
  double epsilon = 1e-10;
  double weight_decay = 0.0;
};

// With Adam's u = m / (sqrt(v) + epsilon), both corrected, + weight_decay w: w -= lr (|w| / |u|) u, the norms being
// those of the whole parameter and their ratio 1 where one of them is 0. (You et al. 2020.) What does not decay is not
// scaled either.
struct LAMB {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-6;
  double weight_decay = 0.01;
};

// Adam with Nesterov's momentum (Dozat 2016). With c = momentum_decay, mu_t = beta_1 (1 - 0.96^(c t) / 2) and
// p_t = mu_1 ... mu_t:
//   w -= lr (mu_(t+1) m / (1 - p_(t+1)) + (1 - mu_t) g / (1 - p_t)) / (sqrt(v / (1 - beta_2^t)) + epsilon).
// Keras's momentum_decay is 1; the paper's and PyTorch's is 0.004. Decoupled weight decay.
struct Nadam {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  double momentum_decay = 1.0;
  double weight_decay = 0.0;
};

// Adam by the infinity norm (Kingma & Ba 2015, section 7.1): u = max(beta_2 u, |g|); w -= lr m / (1 - beta_1^t) /
// (u + epsilon). Decoupled weight decay.
struct Adamax {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 0.0;
};

// a = rho a + (1 - rho) g^2; u = g sqrt(d + epsilon) / sqrt(a + epsilon); d = rho d + (1 - rho) u^2; w -= lr u. (Zeiler
// 2012, where lr is 1 and epsilon 1e-6; epsilon, from which the first steps come, must be above 0.) Decoupled weight
// decay.
struct Adadelta {
  double learning_rate = 1e-3;
  double rho = 0.95;
  double epsilon = 1e-7;
  double weight_decay = 0.0;
};

// w -= lr sign(beta_1 m + (1 - beta_1) g), where the sign of 0 is 0; then m = beta_2 m + (1 - beta_2) g. (Chen et al.
// 2023, "Symbolic Discovery of Optimization Algorithms", which advises a learning rate of a third to a tenth of
// AdamW's.) Decoupled weight decay.
struct Lion {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.99;
  double weight_decay = 0.0;
};

// Adam whose steps are as sure as its second moment is (Liu et al. 2020, "On the Variance of the Adaptive Learning Rate
// and Beyond"). With r = 2 / (1 - beta_2) - 1 and r_t = r - 2 t beta_2^t / (1 - beta_2^t), Adam's step is multiplied by
// sqrt((r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t)), its epsilon being added to the root before that is corrected;
// while r_t is at most 5, w -= lr m / (1 - beta_1^t). In PyTorch's form, with its defaults.
struct RAdam {
  double learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
};

using OptimizerOptions = std::variant<SGD, Adam, AdamW, RMSProp, Adagrad, LAMB, Nadam, Adamax, Adadelta, Lion, RAdam>;

// "sgd", "adam", "adamw", "rmsprop", "adagrad", "lamb", "nadam", "adamax", "adadelta", "lion", "radam".
std::string_view optimizer_name(const OptimizerOptions& options);
// An optimiser of that name with its defaults. An unknown name throws std::invalid_argument that begins with `who` and
// lists the known names.
OptimizerOptions optimizer_from_name(std::string_view name, std::string_view who = "optimizer");
double learning_rate(const OptimizerOptions& options);

// An optimiser at work on one network's parameters: it owns the moments. A moment that has decayed to a subnormal
// number, which could move no weight any more but would slow the processor down, becomes zero.
template <class T>
class Optimizer {
 public:
  // Throws std::invalid_argument for a learning rate that is negative or not finite, a momentum, beta or rho outside
  // [0, 1), a negative epsilon, weight decay, momentum decay or accumulator, an Adadelta's epsilon of 0, or nesterov
  // without momentum.
  // Frozen parameters have no moments, and no step changes them, whatever is given for their gradients.
  Optimizer(const OptimizerOptions& options, std::span<const Parameter<T>> parameters);

  // One step: parameters (in the order given to the constructor) and their gradients. The learning rate is
  // scale * options.learning_rate; a schedule sets the scale. Of the parameters' roles (network.hpp) only weights
  // decay, and statistics just move by what is given for their gradient. Allocates nothing, and the result has the same
  // bits on any number of threads. Throws std::invalid_argument when shapes are not those of the constructor's
  // parameters.
  void step(std::span<Parameter<T>> parameters, std::span<const TensorView<T>> gradients, double scale = 1.0);

  // Moves the running statistics alone, as step() does: for a batch whose gradients are kept for a later step.
  void move_statistics(std::span<Parameter<T>> parameters, std::span<const TensorView<T>> steps) const;

  std::int64_t steps() const { return steps_; }

  // What a checkpoint keeps besides steps(): the moments, as they are, named "conv2d_1.kernel/momentum". The names are
  // momentum, first_moment, second_moment and largest_second_moment, square_average, gradient_average and
  // change_average, accumulator, or infinity_norm.
  std::vector<NamedView<T>> state() const;
  // Goes on from such a state, of tensors in any order, and a number of steps. Throws std::invalid_argument, and
  // changes nothing, for a negative number or where names or shapes are not those of state().
  void load_state(std::span<const NamedView<T>> state, std::int64_t steps);

 private:
  // A stretch of one parameter that a thread updates in one go.
  struct Piece {
    std::size_t parameter;
    std::int64_t begin, end;
  };
  // One kind of moment: a tensor for each parameter.
  struct Moment {
    std::string name;
    std::vector<Tensor<T>> tensors;
  };
  static constexpr std::size_t kMostMoments = 3;

  // body(piece, its number, its moments) for each piece, shared out over threads.
  template <class Body>
  void for_each_piece(const Body& body);
  void scaled_step(const LAMB& options, std::span<Parameter<T>> parameters, std::span<const TensorView<T>> gradients,
                   double scale);
  void find_ratios();
  bool decays(std::size_t i) const { return roles_[i] == ParameterRole::weight; }
  bool is_statistic(std::size_t i) const { return roles_[i] == ParameterRole::statistic; }
  bool has_moments(std::size_t i) const { return !is_statistic(i) && !frozen_[i]; }

  OptimizerOptions options_;
  std::int64_t steps_ = 0;
  double momentum_product_ = 1;  // for Nadam: mu_1 ... mu_t, where t is steps_
  double elements_ = 0;
  std::vector<std::string> names_;
  std::vector<Shape> shapes_;
  std::vector<ParameterRole> roles_;
  std::vector<bool> frozen_;
  std::vector<Moment> moments_;  // at most kMostMoments
  std::vector<Piece> pieces_;
  // For LAMB: the sums of squares of each piece's weights and their direction, and each parameter's ratio of norms.
  std::vector<std::array<double, 2>> squares_;
  std::vector<double> ratios_;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace hubel
