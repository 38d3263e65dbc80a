// An average of the weights over training, which often does better than where they end.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hubel/named_view.hpp"
#include "hubel/network.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

struct AverageOptions {
  double decay = 0.999;
  // The first weights count less: update t = 0, 1, ... decays by min(decay, (1 + t) / (10 + t)). (TensorFlow's.)
  bool warm_up = false;
  // The average begins with the first update, as Adam's moments do: it is divided by 1 - the product of all decays.
  // Without it the average begins with the weights the object was made with.
  bool bias_correction = false;
  // The plain mean of all that update() has taken in, instead; the options above then mean nothing.
  bool equal = false;
};

// average = decay average + (1 - decay) weights, once a step: Polyak & Juditsky's averaging (1992), with weights that
// fade; or their plain mean.
template <class T>
class WeightAverage {
 public:
  // Throws std::invalid_argument for a decay outside [0, 1).
  explicit WeightAverage(std::span<const Parameter<T>> parameters, const AverageOptions& options = {});

  // Takes the weights in, in the order of the constructor's. Allocates nothing, and has the same bits on any number of
  // threads. Throws std::invalid_argument for other shapes, as apply and restore do, and while the average is applied.
  void update(std::span<const Parameter<T>> parameters);

  // Puts the average in the weights' place and keeps them; restore puts them back. Without any update the average is
  // what the weights were, or are where it begins with the first update. Throws std::invalid_argument for a second
  // apply, or a restore without one.
  void apply(std::span<Parameter<T>> parameters);
  void restore(std::span<Parameter<T>> parameters);
  bool applied() const { return applied_; }

  std::int64_t updates() const { return updates_; }
  // What a checkpoint keeps besides updates(): the sums as they are, not yet corrected, "conv2d_1.kernel/average".
  std::vector<NamedView<T>> state() const;
  // Goes on from such a state. Throws std::invalid_argument, and changes nothing, for a negative number of updates or
  // where names or shapes are not those of state().
  void load_state(std::span<const NamedView<T>> state, std::int64_t updates);

 private:
  // A stretch of one parameter that a thread goes through at a time.
  struct Piece {
    std::size_t parameter;
    std::int64_t begin, end;
  };

  void check(std::span<const Parameter<T>> parameters, bool applied) const;
  double decay_of(std::int64_t update) const;
  // Whether nothing but updates is in the average.
  bool begins_empty() const { return options_.bias_correction || options_.equal; }
  // body(parameter, begin, end) for each piece, shared out over threads.
  template <class Body>
  void for_each_piece(const Body& body) const;

  AverageOptions options_;
  std::int64_t updates_ = 0;
  double left_ = 1;  // the product of all decays: what is left of the beginning
  bool applied_ = false;
  std::vector<std::string> names_;
  std::vector<Tensor<T>> averages_, kept_;
  std::vector<Piece> pieces_;
};

extern template class WeightAverage<float>;
extern template class WeightAverage<double>;

}  // namespace hubel
