// Losses: what an output's distance from its target is, and its gradient. Softmax and cross-entropy are taken together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "hubel/tensor.hpp"

namespace hubel {

// What a batch of outputs says against its targets.
struct LossResult {
  double loss = 0;           // the mean; 0 where there is nothing to take it of
  std::int64_t correct = 0;  // of losses of rows: those whose largest output (the first, on a tie) is the label
  double weight = 0;  // what the sum was divided by: rows, elements or the sum of weights. Batches combine by it.
};

// ---- Cross-entropy ---------------------------------------------------------------------------------------------

struct CrossEntropyOptions {
  // A sample whose label has a probability above this counts as learned: its gradient is zero, so that the layers
  // below need not be gone through for it. 1 skips none. (Selecting by the loss: Jiang et al. 2019.)
  double skip_above = 1;
  std::span<float> losses = {};  // unless empty: one for each row, gets its loss
  // The targets become (1 - e) target + e / classes. (Szegedy et al. 2016.)
  double label_smoothing = 0;
  // Unless empty: a factor for each class's term, at least 0. As in PyTorch, labels' losses are then divided by the sum
  // of the labels' weights; rows of targets are still divided by their number.
  std::span<const double> class_weights = {};
  // Rows with this label count for nothing: no loss, no gradient, not in the mean. It need not be a class.
  std::optional<std::int32_t> ignore_label = {};
  std::span<const float> sample_weights = {};  // see compute_loss
};

// logits (m, classes), or with more axes before the classes, such as (m, h, w, classes), each of whose rows has a label
// of its own; labels, as many integers in [0, classes) as there are rows. The loss is the mean over the rows of
// -log softmax(logits)[label]. dlogits, when not an empty view, gets its gradient, (softmax(logits) - onehot(label)) /
// rows, the skipped rows counting. The softmax is shifted by the row's maximum, so no finite logit overflows. Throws
// std::invalid_argument for fewer than two axes, a number of labels or losses other than the rows', a label out of
// range, zero classes, smoothing outside [0, 1], or weights that are not one finite number of at least 0 for each
// class.
LossResult softmax_cross_entropy(TensorView<const float> logits, std::span<const std::int32_t> labels,
                                 TensorView<float> dlogits = {}, const CrossEntropyOptions& options = {});
LossResult softmax_cross_entropy(TensorView<const double> logits, std::span<const std::int32_t> labels,
                                 TensorView<double> dlogits = {}, const CrossEntropyOptions& options = {});
// The same with a row of targets for each row of logits: probabilities, one-hot or spread (Hinton et al. 2015; Zhang et
// al. 2018). Its loss is -sum_c target_c log softmax(logits)_c; its label, for `correct` and skip_above, the class of
// the largest target. Throws also when the targets' shape is not the logits' or a label is to be ignored.
LossResult softmax_cross_entropy(TensorView<const float> logits, TensorView<const float> targets,
                                 TensorView<float> dlogits = {}, const CrossEntropyOptions& options = {});
LossResult softmax_cross_entropy(TensorView<const double> logits, TensorView<const double> targets,
                                 TensorView<double> dlogits = {}, const CrossEntropyOptions& options = {});

// ---- Any loss --------------------------------------------------------------------------------------------------
//
// y is an output, t its target. Losses of elements take targets of the outputs' shape, which may be any, and are the
// mean over all elements. Losses of rows, along the last axis, are the mean over the rows.

// Of softmax(y): softmax_cross_entropy, by labels or targets.
struct CrossEntropy {
  double label_smoothing = 0;
  std::vector<double> class_weights = {};
  std::optional<std::int32_t> ignore_label = {};
};

// -(pos_weight t log p + (1 - t) log(1 - p)) of elements. p = y, its logarithms no smaller than -100 (as in PyTorch);
// or from logits p = sigmoid(y), which cannot overflow. With label_smoothing e, t becomes (1 - e) t + e / 2.
struct BinaryCrossEntropy {
  bool from_logits = false;
  double pos_weight = 1;
  double label_smoothing = 0;
};

// (1 - p_t)^gamma times the binary cross-entropy of elements, p_t = t p + (1 - t) (1 - p); with an alpha of at least 0
// also times t alpha + (1 - t) (1 - alpha). p as for the binary cross-entropy. (Lin et al. 2017.)
struct BinaryFocal {
  bool from_logits = false;
  double gamma = 2;
  double alpha = -1;
};

// -alpha sum_c (1 - p_c)^gamma t_c log p_c of rows, by labels or rows of probabilities t. p = y, its logarithms no
// smaller than -100 and 1 - p within [0, 1]; or from logits p = softmax(y). (Lin et al. 2017.)
//
// Of class_weights w, unless there are none, the term of class c is multiplied by w_c. As the cross-entropy's, labels'
// losses are then divided by the sum of the labels' weights.
struct CategoricalFocal {
  bool from_logits = false;
  double gamma = 2;
  double alpha = 0.25;
  std::vector<double> class_weights = {};
};

struct MeanSquaredError {};   // (y - t)^2 of elements
struct MeanAbsoluteError {};  // |y - t| of elements; its slope at 0 is 0

// (y - t)^2 / 2 of elements where |y - t| <= delta, else delta (|y - t| - delta / 2). (Huber 1964. PyTorch's smooth_l1
// for delta = 1.)
struct Huber {
  double delta = 1;
};

struct Hinge {};         // max(0, 1 - t y) of elements; t is -1 or 1, and 0 stands for -1
struct SquaredHinge {};  // its square

// max(0, 1 + max_c (1 - t_c) y_c - sum_c t_c y_c) of rows (Keras's), by labels or one-hot targets.
struct CategoricalHinge {};

// sum_c t_c log(t_c / y_c) of rows of probabilities; nothing where t_c is 0. (Kullback & Leibler 1951; Keras's, but for
// its clipping. PyTorch's takes log(y).)
struct KLDivergence {};

// -y[label] of rows of log-probabilities, by labels; the mean is weighted as the cross-entropy's is.
struct NegativeLogLikelihood {
  std::vector<double> class_weights = {};
  std::optional<std::int32_t> ignore_label = {};
};

struct LogCosh {};  // log(cosh(y - t)) of elements

struct MeanAbsolutePercentageError {};  // 100 |y - t| / max(|t|, 1e-7) of elements (Keras's)

// (log(1 + max(y, 1e-7)) - log(1 + max(t, 1e-7)))^2 of elements, whose slope below 1e-7 is 0. (Keras's.)
struct MeanSquaredLogarithmicError {};

// y - t log(max(y, 0) + 1e-7) of elements: y is the rate of events of which t were counted. (Keras's.)
struct Poisson {};

// -(sum_c t_c y_c) / (|t| |y|) of rows: -1 where the two point the same way. A row of zeros has no direction: 0.
struct CosineSimilarity {};

// 1 - TP / (TP + alpha FP + beta FN) of samples, over all elements of each, TP = sum t y, FP = sum (1 - t) y, FN = sum
// t (1 - y); y and t in [0, 1]. 1e-7 is added above and below, so that nothing found of nothing is 0. Its mean is over
// samples. (Salehi et al. 2017.)
struct Tversky {
  double alpha = 0.5, beta = 0.5;
};
struct Dice {};  // Tversky's with 0.5 and 0.5: 1 - 2 sum t y / (sum t + sum y) (Milletari et al. 2016)

using Loss =
    std::variant<CrossEntropy, BinaryCrossEntropy, MeanSquaredError, MeanAbsoluteError, Huber, Hinge, SquaredHinge,
                 CategoricalHinge, KLDivergence, NegativeLogLikelihood, BinaryFocal, CategoricalFocal, LogCosh, Poisson,
                 CosineSimilarity, Tversky, Dice, MeanAbsolutePercentageError, MeanSquaredLogarithmicError>;

// "cross_entropy", "binary_crossentropy", "mse", "mae", "huber", "hinge", "squared_hinge", "categorical_hinge",
// "kl_divergence", "nll", "binary_focal_crossentropy", "categorical_focal_crossentropy", "log_cosh", "poisson",
// "cosine_similarity", "tversky", "dice", "mape", "msle".
std::string_view loss_name(const Loss& loss);
// A loss of that name with its defaults. Known besides: Keras's (sparse_)categorical_crossentropy, mean_squared_error,
// mean_absolute_error, mean_absolute_percentage_error and mean_squared_logarithmic_error, and PyTorch's bce,
// bce_with_logits, l1 and smooth_l1. An unknown name throws std::invalid_argument that begins with `who` and lists the
// known names.
Loss loss_from_name(std::string_view name, std::string_view who = "loss");

// Whether the loss's numbers are in their ranges, as compute_loss asks too; how many class_weights there must be only
// the outputs tell. Throws std::invalid_argument that begins with `who` and names the option.
void check_loss_options(const Loss& loss, std::string_view who = "loss");

// The loss of outputs against targets of their shape, or labels for their rows. doutputs, when not an empty view, gets
// its gradient; it may be the outputs' memory for losses of elements. Sums are in double, in an order that depends on
// the shape alone. Throws std::invalid_argument for shapes and labels that do not fit (as softmax_cross_entropy does),
// a loss that does not take labels, or targets, and options out of range.
//
// sample_weights, unless empty, are factors of the losses and gradients, for each sample (m) or each row (m, ...) of
// the outputs (m, ..., classes). As in Keras they do not enter what the sum is divided by, be it the number of rows or
// elements or the sum of the labels' class weights: twice the weights are twice the loss. What has the weight 0 has no
// loss and no gradient, even where they would be infinite; `correct` goes without weights. Throws std::invalid_argument
// for another number of weights, or one that is negative or not finite.
LossResult compute_loss(const Loss& loss, TensorView<const float> outputs, TensorView<const float> targets,
                        TensorView<float> doutputs = {}, std::span<const float> sample_weights = {});
LossResult compute_loss(const Loss& loss, TensorView<const double> outputs, TensorView<const double> targets,
                        TensorView<double> doutputs = {}, std::span<const float> sample_weights = {});
LossResult compute_loss(const Loss& loss, TensorView<const float> outputs, std::span<const std::int32_t> labels,
                        TensorView<float> doutputs = {}, std::span<const float> sample_weights = {});
LossResult compute_loss(const Loss& loss, TensorView<const double> outputs, std::span<const std::int32_t> labels,
                        TensorView<double> doutputs = {}, std::span<const float> sample_weights = {});

// Whether targets (m, ...), a sample along each first axis, are what the loss is of. The binary cross-entropy's are in
// [0, 1], as are those of the binary focal loss, Tversky's and Dice's; the cross-entropy's, the categorical focal
// loss's and the KL divergence's are rows of probabilities: finite, at least 0, and of a sum within 1e-3 of 1;
// Poisson's are finite and at least 0. Other losses take any. Throws std::invalid_argument that begins with `who` and
// names the first sample, from 0, whose are not.
void check_target_values(const Loss& loss, TensorView<const float> targets, std::string_view who = "targets");
void check_target_values(const Loss& loss, TensorView<const double> targets, std::string_view who = "targets");

// Whether outputs (m, ...) are what the loss is of, as fit and evaluate ask of every batch: in [0, 1] (to 1e-3 above)
// for the binary cross-entropy and focal losses that are not from_logits, the KL divergence, Tversky's and Dice's; for
// Poisson's at least 0, for the negative log-likelihood at most 0 (to 1e-3). NaN counts as such. takes_any_output tells
// the others. Throws std::invalid_argument that begins with `who`, with the first sample, from 0, and the way out.
bool takes_any_output(const Loss& loss);
void check_output_values(const Loss& loss, TensorView<const float> outputs, std::string_view who = "outputs");
void check_output_values(const Loss& loss, TensorView<const double> outputs, std::string_view who = "outputs");

}  // namespace hubel
