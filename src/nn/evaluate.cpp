// Evaluating and predicting, batch by batch.
#include <algorithm>
#include <numeric>

#include "hubel/trainer.hpp"
#include "nn/train_batch.hpp"
#include "nn/train_checks.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

using Mode = Execution<float>::Mode;

// The first of the largest values of each row counts as the prediction, as in softmax_cross_entropy.
void count_predictions(TensorView<const float> logits, std::span<const std::int32_t> labels,
                       std::vector<std::int64_t>& confusion) {
  const std::int64_t classes = logits.shape().back();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes) continue;  // to be ignored
    const float* row = logits.data() + static_cast<std::int64_t>(i) * classes;
    const std::int64_t prediction = std::max_element(row, row + classes) - row;
    ++confusion[static_cast<std::size_t>(labels[i] * classes + prediction)];
  }
}

}  // namespace

Evaluation evaluate(const Network<float>& network, const SampleSource& source, const EvaluateOptions& options) {
  detail::check_batch_size("evaluate", options.batch_size);
  detail::OutputScores scores(detail::output_losses("evaluate", network, options.loss, options.losses),
                              detail::output_whos("evaluate", network), options.top_k);
  detail::check_source("evaluate", network, source, scores.losses(), options.top_k);
  if (options.confusion && scores.losses().size() > 1)
    throw std::invalid_argument("evaluate: a confusion matrix is of one output, but the network has several");
  const std::int64_t count = source.count(), classes = network.output_shape().back();
  if (options.confusion) options.confusion->assign(static_cast<std::size_t>(classes * classes), 0);
  const std::int64_t size = std::clamp<std::int64_t>(count, 1, options.batch_size);
  detail::Batch batch(source, size);
  Execution<float> execution(network, size, Mode::frozen);
  std::vector<std::int32_t> indices(static_cast<std::size_t>(size));
  while (scores.count() < count) {
    const std::int64_t begin = scores.count(), n = source.begin_batch(std::min(size, count - begin));
    if (n == 0) break;
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(begin));
    batch.gather(std::span(indices).first(static_cast<std::size_t>(n)));
    const std::span<const LossResult> losses = execution.losses(batch.xs(), scores.aims(batch));
    scores.check_outputs(execution);
    scores.add(losses, batch, execution, options.on_batch);
    if (options.confusion) count_predictions(execution.logits(), batch.labels(0), *options.confusion);
    if (options.on_progress && !options.on_progress(scores.count())) break;
  }
  return scores.evaluation();
}

Evaluation evaluate(const Network<float>& network, const SampleSource& source, std::int64_t batch_size,
                    std::vector<std::int64_t>* confusion, const std::function<bool(std::int64_t)>& on_progress) {
  EvaluateOptions options;
  options.batch_size = batch_size;
  options.confusion = confusion;
  options.on_progress = on_progress;
  return evaluate(network, source, options);
}

Tensor<float> predict(const Network<float>& network, TensorView<const float> x, std::int64_t batch_size) {
  detail::check_batch_size("predict", batch_size);
  detail::check_numbers_of("predict", network, 1, 1);
  const Shape& sample = network.input_shape();
  const std::int64_t count = x.shape().rank() > 0 ? x.shape()[0] : 0;
  if (!(x.shape() == detail::batch_shape(count, sample))) {
    throw std::invalid_argument(
        detail::formatted("predict: x has shape {}, the network takes samples of shape {} with a batch axis before",
                          x.shape().to_string(), sample.to_string()));
  }
  Tensor<float> output = Tensor<float>::uninitialized(detail::batch_shape(count, network.output_shape()));
  if (count == 0) return output;
  Execution<float> execution(network, std::min(batch_size, count), Mode::frozen);
  for (std::int64_t begin = 0; begin < count; begin += batch_size) {
    const std::int64_t n = std::min(batch_size, count - begin);
    const auto y = execution.forward({x.data() + begin * sample.elements(), detail::batch_shape(n, sample)});
    std::copy(y.begin(), y.end(), output.data() + begin * network.output_shape().elements());
  }
  return output;
}

}  // namespace hubel
