// The cross-entropy of a softmax sample by sample, for batches that are computed in pieces.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "hubel/loss.hpp"

namespace hubel::detail {

// Throws as softmax_cross_entropy does when the logits' shape, the labels and the options' losses do not fit.
void check_labels(const Shape& logits, std::span<const std::int32_t> labels, const CrossEntropyOptions& options);

struct RowLoss {
  double loss;
  bool correct;
};

// One sample's loss; with `gradient`, if that is not null, also that of its logits for the mean over m samples, zero when
// the label's probability is above skip_above.
template <class T>
RowLoss row_cross_entropy(const T* logits, std::int64_t classes, std::int32_t label, std::int64_t m, T* gradient,
                          double skip_above);

// The batch's result from its samples', in their order.
class LossSum {
 public:
  void add(const RowLoss& row) {
    const double term = row.loss - compensation_;
    const double total = result_.loss + term;
    compensation_ = std::isfinite(total) ? (total - result_.loss) - term : 0.0;
    result_.loss = total;
    result_.correct += row.correct;
  }
  LossResult mean(std::int64_t m) const {
    LossResult result = result_;
    if (m > 0) result.loss /= static_cast<double>(m);
    return result;
  }

 private:
  LossResult result_;
  double compensation_ = 0;  // what rounding took from the sum so far (Kahan 1965)
};

}  // namespace hubel::detail
