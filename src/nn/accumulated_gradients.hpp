// Gradients of several batches, whose mean a step takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hubel/network.hpp"
#include "nn/named_state.hpp"
#include "ops/parallel.hpp"

namespace hubel::detail {

class AccumulatedGradients {
 public:
  // `gradients` are what each batch's are written to, in the order of the parameters; both outlive this. Running
  // statistics and what is frozen are left alone. With one batch a step there is nothing to keep.
  AccumulatedGradients(std::span<const TensorView<float>> gradients, std::span<const Parameter<float>> parameters,
                       std::int64_t batches)
      : batches_(batches) {
    for (std::size_t i = 0; i < parameters.size() && batches > 1; ++i) {
      if (parameters[i].role == ParameterRole::statistic || parameters[i].frozen) continue;
      names_.push_back(parameters[i].name);
      gradients_.push_back(gradients[i]);
      sums_.emplace_back(gradients[i].shape());
    }
  }

  // Takes in a batch's gradients, of which there were `before`. True when a step is due: the gradients are then the
  // mean over the batches since the last one.
  bool add(std::int64_t before) {
    if (batches_ == 1) return true;
    const bool first = before % batches_ == 0, due = (before + 1) % batches_ == 0;
    const float share = 1.0f / static_cast<float>(batches_);
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      float *sum = sums_[i].data(), *gradient = gradients_[i].data();
      for_each_run(sums_[i].size(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t k = begin; k < end; ++k) {
          sum[k] = first ? gradient[k] : sum[k] + gradient[k];
          if (due) gradient[k] = share * sum[k];
        }
      });
    }
    return due;
  }

  std::vector<NamedView<float>> state() const {
    std::vector<NamedView<float>> state;
    for (std::size_t i = 0; i < sums_.size(); ++i) state.push_back({names_[i], sums_[i]});
    return state;
  }
  void load_state(std::span<const NamedView<float>> state) {
    std::vector<NamedPlace<float>> places;
    for (std::size_t i = 0; i < sums_.size(); ++i) places.push_back({names_[i], sums_[i]});
    load_named<float>("fit (accumulated gradients)", state, places);
  }

 private:
  template <class Body>
  static void for_each_run(std::int64_t n, const Body& body) {
    constexpr std::int64_t kRun = 1 << 14;  // elements: some microseconds
    parallel_for((n + kRun - 1) / kRun, static_cast<double>(n),
                 [&](std::int64_t i) { body(i * kRun, std::min((i + 1) * kRun, n)); });
  }

  std::int64_t batches_;
  std::vector<std::string> names_;
  std::vector<TensorView<float>> gradients_;
  std::vector<Tensor<float>> sums_;
};

}  // namespace hubel::detail
