// The weights of the best epoch so far.
#pragma once

#include <algorithm>
#include <vector>

#include "hubel/trainer.hpp"
#include "nn/named_state.hpp"

namespace hubel::detail {

class BestWeights {
 public:
  explicit BestWeights(const Network<float>& network) {
    for (const Parameter<float>& p : network.parameters()) weights_.push_back({p.name, p.value});
  }

  std::int64_t epoch() const { return epoch_; }
  const Evaluation& validation() const { return validation_; }

  void offer(const Network<float>& network, std::int64_t epoch, const Evaluation& validation) {
    const bool better = validation.accuracy > validation_.accuracy ||
                        (validation.accuracy == validation_.accuracy && validation.loss < validation_.loss);
    if (epoch_ != 0 && !better) return;
    epoch_ = epoch;
    validation_ = validation;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const Tensor<float>& now = network.parameters()[i].value;
      std::copy(now.begin(), now.end(), weights_[i].value.begin());
    }
  }
  void put_back(Network<float>& network) const {
    if (epoch_ == 0) return;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      std::copy(weights_[i].value.begin(), weights_[i].value.end(), network.parameters()[i].value.begin());
  }

  std::vector<NamedView<float>> state() const {
    std::vector<NamedView<float>> state;
    for (const auto& [name, value] : weights_) state.push_back({name, value});
    return state;
  }
  void load_state(std::span<const NamedView<float>> state, std::int64_t epoch, const Evaluation& validation) {
    std::vector<NamedPlace<float>> places;
    for (auto& [name, value] : weights_) places.push_back({name, value});
    load_named<float>("fit (best weights)", state, places);
    epoch_ = epoch;
    validation_ = validation;
  }

 private:
  struct Named {
    std::string name;
    Tensor<float> value;
  };

  std::int64_t epoch_ = 0;
  Evaluation validation_;
  std::vector<Named> weights_;
};

}  // namespace hubel::detail
