// Each sample's loss when it was last trained on, where someone will ask which were hardest.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "nn/named_state.hpp"

namespace hubel::detail {

class SampleLosses {
 public:
  SampleLosses(std::int64_t count, std::int64_t batch_size, bool wanted)
      : now_(wanted ? static_cast<std::size_t>(count) : 0),
        at_start_(now_.size()),
        batch_(wanted ? static_cast<std::size_t>(batch_size) : 0) {}

  // Room for the losses of a batch of n, for note() to take; none where none are wanted.
  std::span<float> room(std::int64_t n) {
    return std::span(batch_).first(batch_.empty() ? 0 : static_cast<std::size_t>(n));
  }
  void note(std::span<const std::int32_t> indices) {
    for (std::size_t i = 0; i < indices.size() && !batch_.empty(); ++i)
      now_[static_cast<std::size_t>(indices[i])] = batch_[i];
  }
  // From here on hardest() is of the losses as they are now, until the next epoch begins.
  void begin_epoch() { at_start_ = now_; }
  // The `count` samples with the highest loss (the first, on a tie), in ascending order.
  std::vector<std::int32_t> hardest(std::int64_t count) const {
    std::vector<std::int32_t> indices(at_start_.size());
    std::iota(indices.begin(), indices.end(), 0);
    const auto harder = [&](std::int32_t a, std::int32_t b) {
      const float loss_a = at_start_[static_cast<std::size_t>(a)], loss_b = at_start_[static_cast<std::size_t>(b)];
      return loss_a != loss_b ? loss_a > loss_b : a < b;
    };
    if (count < std::ssize(indices)) {
      std::nth_element(indices.begin(), indices.begin() + count, indices.end(), harder);
      indices.resize(static_cast<std::size_t>(count));
    }
    std::sort(indices.begin(), indices.end());
    return indices;
  }

  std::vector<NamedView<float>> state() const {
    if (now_.empty()) return {};
    const Shape shape{std::ssize(now_)};
    return {{"now", {now_.data(), shape}}, {"at_start", {at_start_.data(), shape}}};
  }
  void load_state(std::span<const NamedView<float>> state) {
    std::vector<NamedPlace<float>> places;
    const Shape shape{std::ssize(now_)};
    if (!now_.empty()) places = {{"now", {now_.data(), shape}}, {"at_start", {at_start_.data(), shape}}};
    for (const NamedView<float>& tensor : state) {
      // There would be no order of the hardest.
      if (std::any_of(tensor.value.begin(), tensor.value.end(), [](float loss) { return std::isnan(loss); }))
        throw std::invalid_argument(formatted("fit (losses of the samples): \"{}\" has a NaN", tensor.name));
    }
    load_named<float>("fit (losses of the samples)", state, places);
  }

 private:
  std::vector<float> now_, at_start_, batch_;
};

}  // namespace hubel::detail
