// Softmax and cross-entropy, taken together: the loss of a classifier.
#pragma once

#include <cstdint>
#include <span>

#include "hubel/tensor.hpp"

namespace hubel {

// What a batch of logits says against its labels.
struct LossResult {
  double loss = 0;           // the mean over the batch of -log softmax(logits)[label]; 0 for m = 0
  std::int64_t correct = 0;  // samples whose largest logit (the first, on a tie) is the label
};

struct CrossEntropyOptions {
  // A sample whose label has a probability above this counts as learned: its gradient is zero, so that the layers
  // below need not be gone through for it. 1 skips none. (Selecting by the loss: Jiang et al. 2019.)
  double skip_above = 1;
  std::span<float> losses = {};  // unless empty: m, gets each sample's loss
};

// logits (m, classes); labels m integers in [0, classes). dlogits, when not an empty view, gets the gradient of the
// mean loss, (softmax(logits) - onehot(label)) / m, the skipped samples counting in m. The softmax is shifted by the
// row's maximum, so no finite logit overflows. Throws std::invalid_argument for a wrong rank, a number of labels or
// losses other than m, a label out of range, or zero classes.
LossResult softmax_cross_entropy(TensorView<const float> logits, std::span<const std::int32_t> labels,
                                 TensorView<float> dlogits = {}, const CrossEntropyOptions& options = {});
LossResult softmax_cross_entropy(TensorView<const double> logits, std::span<const std::int32_t> labels,
                                 TensorView<double> dlogits = {}, const CrossEntropyOptions& options = {});

}  // namespace hubel
