// Any loss behind any network: gradients by central differences, and the same figures by whichever way they come.
#include <gtest/gtest.h>

#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

using Mode = Execution<double>::Mode;

std::vector<std::int32_t> labels_of(std::int64_t n, std::int64_t classes) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(static_cast<std::int32_t>((i * 7 + i / 3) % classes));
  return labels;
}

// Checks the gradients of execution.loss_and_gradients(x, loss, answers) and that its loss is that of loss().
template <class Answers>
void expect_loss_gradients(Network<double> network, const Loss& loss, const Answers& answers, std::int64_t m) {
  SCOPED_TRACE(std::string(loss_name(loss)) + "\n" + network.summary());
  Noise noise(5);
  for (Parameter<double>& p : network.parameters())
    if (p.role == ParameterRole::offset)
      for (double& b : p.value) b += noise.real(-0.1, 0.1);
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), network.input_shape().begin(), network.input_shape().end());
  const Tensor<double> x = random_tensor<double>(Shape(extents), 3);
  Execution<double> execution(network, m, Mode::training), other(network, m, Mode::training);
  const LossResult learned = execution.loss_and_gradients(x, loss, answers), plain = other.loss(x, loss, answers);
  EXPECT_NEAR(learned.loss, plain.loss, 1e-14 * std::abs(plain.loss));
  EXPECT_EQ(learned.correct, plain.correct);
  EXPECT_EQ(learned.weight, plain.weight);
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    Parameter<double>& p = network.parameters()[i];
    if (p.role == ParameterRole::statistic) continue;
    expect_gradient(
        p.name, p.value.data(), execution.gradients()[i], [&] { return other.loss(x, loss, answers).loss; }, 12, noise);
  }
}

Shape execution_shape(const Network<double>& network, std::int64_t m) {
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), network.output_shape().begin(), network.output_shape().end());
  return Shape(extents);
}

std::vector<Layer> dense_layers(std::int64_t outputs, Activation last) {
  return {Dense{.units = 7, .activation = Activation::tanh}, Dense{.units = outputs, .activation = last}};
}

TEST(ExecutionLoss, OfLabelsBySample) {
  constexpr std::int64_t m = 19;
  const std::vector<std::int32_t> all = labels_of(m, 4);
  const std::span<const std::int32_t> labels = all;
  for (const Activation last : {Activation::softmax, Activation::identity}) {
    const Network<double> network({5}, dense_layers(4, last), 1);
    const Network<double> images({8, 8, 1}, quadrant_layers(), 1);
    for (const Loss& loss :
         {Loss(CrossEntropy{}), Loss(CrossEntropy{.label_smoothing = 0.2}),
          Loss(CrossEntropy{.label_smoothing = 0.1, .class_weights = {1, 0.5, 2, 0}, .ignore_label = 2})}) {
      expect_loss_gradients(network, loss, labels, m);
      expect_loss_gradients(images, loss, labels, m);
    }
  }
  expect_loss_gradients(Network<double>({5}, dense_layers(4, Activation::identity), 1), CategoricalHinge{}, labels, m);
  expect_loss_gradients(Network<double>({5}, dense_layers(4, Activation::log_softmax), 1),
                        NegativeLogLikelihood{.class_weights = {1, 2, 3, 4}}, labels, m);
}

TEST(ExecutionLoss, OfLabelsOfPixels) {
  constexpr std::int64_t m = 3;
  std::vector<std::int32_t> all = labels_of(m * 5 * 6, 3);
  all[7] = 255;
  const std::span<const std::int32_t> labels = all;
  for (const Activation last : {Activation::softmax, Activation::identity}) {
    const Network<double> network({5, 6, 2},
                                  {Conv2D{.filters = 4, .padding = Padding::same(), .activation = Activation::tanh},
                                   Conv2D{.filters = 3, .kernel_size = {1, 1}, .activation = last}},
                                  1);
    EXPECT_EQ(network.ends_in_softmax(), last == Activation::softmax);
    expect_loss_gradients(network, CrossEntropy{.class_weights = {1, 2, 3}, .ignore_label = 255}, labels, m);
  }
}

void expect_near(TensorView<const double> got, const Tensor<double>& wanted) {
  ASSERT_EQ(got.shape(), wanted.shape());
  for (std::int64_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-12) << i;
}

// The network's outputs are softmax(plain's), in every mode, and so is the loss's gradient.
void expect_softmax_of(const Network<double>& plain, const Network<double>& network, std::int64_t m) {
  SCOPED_TRACE(network.summary());
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), network.input_shape().begin(), network.input_shape().end());
  const Tensor<double> x = random_tensor<double>(Shape(extents), 3);
  for (const Mode mode : {Mode::training, Mode::inference, Mode::frozen, Mode::inspection}) {
    Execution<double> of_plain(plain, m, mode), execution(network, m, mode);
    const auto logits = of_plain.forward(x);
    const Tensor<double> wanted = activation_forward(logits, Activation::softmax);
    expect_near(execution.forward(x), wanted);
    const std::vector<std::int32_t> labels = labels_of(wanted.size() / wanted.shape().back(), wanted.shape().back());
    const Loss loss = CrossEntropy{};
    EXPECT_NEAR(execution.loss(x, loss, labels).loss, of_plain.loss(x, loss, labels).loss, 1e-12);
    expect_near(execution.output(), wanted);
  }
}

TEST(ExecutionLoss, OfASoftmaxBehindEveryKind) {
  const auto same = Padding::same();
  const std::vector<Layer> kinds = {Conv2D{.filters = 3, .padding = same},
                                    DepthwiseConv2D{.padding = same},
                                    Conv2DTranspose{.filters = 4},
                                    BatchNorm{},
                                    GroupNorm{.groups = 1},
                                    LayerNorm{},
                                    PReLU{},
                                    Pool2D{},
                                    Pool2D{.mode = PoolMode::avg},
                                    GlobalPool2D{},
                                    UpSampling2D{},
                                    Cropping2D{{0, 1, 1, 0}},
                                    ZeroPadding2D{{1, 0, 0, 2}},
                                    Rescaling{.scale = 0.5},
                                    LocalResponseNorm{},
                                    RMSNorm{},
                                    UnitNorm{},
                                    LayerScale{},
                                    ChannelSlice{.begin = 1, .end = 3},
                                    Permute{{2, 3, 1}},
                                    Dense{.units = 4},
                                    Dropout{.rate = 0},
                                    Reshape{{8, 9}},
                                    Flatten{},
                                    ActivationLayer{Activation::tanh}};
  for (const Layer& layer : kinds) {
    for (const bool convolved : {false, true}) {
      std::vector<Layer> layers = {layer};
      if (convolved) layers.insert(layers.begin(), Conv2D{.filters = 3, .kernel_size = {1, 1}});
      const Network<double> plain({4, 6, 3}, layers, 1);
      layers.push_back(ActivationLayer{Activation::softmax});
      const Network<double> network({4, 6, 3}, layers, 1);
      EXPECT_TRUE(network.ends_in_softmax());
      expect_softmax_of(plain, network, 3);
      const Shape& output = network.output_shape();
      const std::vector<std::int32_t> labels = labels_of(3 * output.elements() / output.back(), output.back());
      expect_loss_gradients(network, CrossEntropy{}, std::span<const std::int32_t>(labels), 3);
      const Tensor<double> targets = random_tensor<double>(execution_shape(network, 3), 9);
      expect_loss_gradients(network, MeanSquaredError{}, targets.view(), 3);
    }
  }
  for (const bool softmax : {false, true}) {
    const Activation last = softmax ? Activation::softmax : Activation::identity;
    const Network<double> network({4, 6, 3}, {BatchNorm{.activation = last}}, 1);
    if (softmax) expect_softmax_of(Network<double>({4, 6, 3}, {BatchNorm{}}, 1), network, 3);
  }
}

// Outputs that are probabilities by another way than a softmax at the end.
std::vector<Graph> of_probabilities() {
  std::vector<Graph> graphs;
  const auto begin = [&]() -> Graph& { return graphs.emplace_back(Shape{4, 6, 3}); };
  const Conv2D pixels{
      .filters = 4, .kernel_size = {3, 3}, .padding = Padding::same(), .activation = Activation::softmax};
  {
    Graph& graph = begin();  // the mean of two heads
    const auto x = graph(Flatten{}, graph.input());
    const auto a = graph(Dense{.units = 4, .activation = Activation::softmax}, x);
    graph(Merge{.mode = MergeMode::average},
          {a, graph(ActivationLayer{Activation::softmax}, graph(Dense{.units = 4}, x))});
  }
  {
    Graph& graph = begin();  // over all pixels
    graph(GlobalPool2D{}, graph(pixels, graph.input()));
  }
  {
    Graph& graph = begin();  // over windows, then enlarged, then a border off
    const auto small = graph(Pool2D{.mode = PoolMode::avg}, graph(pixels, graph.input()));
    graph(Cropping2D{{1, 0, 0, 1}}, graph(UpSampling2D{.interpolation = Interpolation::bilinear}, small));
  }
  {
    Graph& graph = begin();  // rows, of the image turned
    graph(Reshape{{24, 4}}, graph(Permute{{2, 1, 3}}, graph(pixels, graph.input())));
  }
  return graphs;
}

TEST(ExecutionLoss, OfWhatIsProbabilitiesAlready) {
  constexpr std::int64_t m = 5;
  for (const Graph& graph : of_probabilities()) {
    const Network<double> network(graph, 1);
    SCOPED_TRACE(network.summary());
    EXPECT_TRUE(network.ends_in_softmax());
    const std::int64_t classes = 4, rows = m * network.output_shape().elements() / classes;
    const std::vector<std::int32_t> all = labels_of(rows, classes);
    const std::span<const std::int32_t> labels = all;
    const Tensor<double> x = random_tensor<double>(Shape{m, 4, 6, 3}, 3);
    for (const Mode mode : {Mode::training, Mode::inference, Mode::frozen, Mode::inspection}) {
      Execution<double> execution(network, m, mode);
      const TensorView<const double> p = execution.forward(x);
      double sum = 0;
      for (std::int64_t i = 0; i < rows; ++i) sum -= std::log(p[i * classes + labels[static_cast<std::size_t>(i)]]);
      EXPECT_NEAR(execution.loss(x, Loss(CrossEntropy{}), labels).loss, sum / static_cast<double>(rows), 1e-12);
    }
    for (const Loss& loss :
         {Loss(CrossEntropy{}), Loss(CrossEntropy{.label_smoothing = 0.1, .class_weights = {1, 2, 3, 4}})})
      expect_loss_gradients(network, loss, labels, m);
    const Tensor<double> targets =
        activation_forward(random_tensor<double>(execution_shape(network, m), 9).view(), Activation::softmax);
    expect_loss_gradients(network, CrossEntropy{}, targets.view(), m);
    expect_loss_gradients(network, KLDivergence{}, targets.view(), m);
  }
}

// Also where it has come to 0 in float32: the loss is large and finite.
TEST(ExecutionLoss, OfAProbabilityOfZero) {
  Graph graph({3});
  const auto p = graph(ActivationLayer{Activation::softmax}, graph.input());
  graph(Merge{.mode = MergeMode::average}, {p, p});
  const Network<float> network(graph, 1);
  Tensor<float> x(Shape{1, 3});
  x[0] = 200, x[2] = -200;
  Execution<float> execution(network, 1, Execution<float>::Mode::training);
  const LossResult result = execution.loss_and_gradients(x, std::vector<std::int32_t>{2});
  EXPECT_GT(result.loss, 80);
  EXPECT_LT(result.loss, 110);
}

TEST(ExecutionLoss, OfTargets) {
  constexpr std::int64_t m = 11;
  Tensor<double> shares = random_tensor<double>(Shape{m, 4}, 8, 0.1, 1);
  for (std::int64_t i = 0; i < m; ++i) {
    double sum = 0;
    for (std::int64_t c = 0; c < 4; ++c) sum += shares[4 * i + c];
    for (std::int64_t c = 0; c < 4; ++c) shares[4 * i + c] /= sum;
  }
  const TensorView<const double> targets = shares;
  const auto network = [](Activation last) { return Network<double>({5}, dense_layers(4, last), 1); };
  for (const Activation last : {Activation::softmax, Activation::identity})
    expect_loss_gradients(network(last), CrossEntropy{.label_smoothing = 0.1}, targets, m);
  expect_loss_gradients(Network<double>({8, 8, 1}, quadrant_layers(), 1), CrossEntropy{}, targets, m);
  expect_loss_gradients(network(Activation::softmax), KLDivergence{}, targets, m);
  expect_loss_gradients(network(Activation::softmax), MeanSquaredError{}, targets, m);
  expect_loss_gradients(network(Activation::sigmoid), BinaryCrossEntropy{}, targets, m);
  expect_loss_gradients(network(Activation::identity), BinaryCrossEntropy{.from_logits = true}, targets, m);
  expect_loss_gradients(network(Activation::tanh), Huber{.delta = 0.5}, targets, m);
  expect_loss_gradients(network(Activation::identity), MeanAbsoluteError{}, targets, m);
}

TEST(ExecutionLoss, OfImagesWithBatchNorm) {
  constexpr std::int64_t m = 4;
  const Network<double> network({6, 5, 3},
                                {Conv2D{.filters = 4, .padding = Padding::same()}, BatchNorm{},
                                 ActivationLayer{Activation::tanh}, Conv2D{.filters = 2, .padding = Padding::same()}},
                                1);
  const Tensor<double> targets = random_tensor<double>(Shape{m, 6, 5, 2}, 9);
  expect_loss_gradients(network, MeanSquaredError{}, targets.view(), m);
}

TEST(ExecutionLoss, TheOptionsOfTheHeadAreThoseOfTheLoss) {
  constexpr std::int64_t m = 21;
  const std::vector<std::int32_t> labels = labels_of(m, 4);
  const std::vector<double> weights = {1, 2, 0.5, 1};
  const Network<double> network({8, 8, 1}, quadrant_layers(), 1);
  const Tensor<double> x = random_tensor<double>(Shape{m, 8, 8, 1}, 3);
  Execution<double> one(network, m, Mode::training), other(network, m, Mode::training);
  std::vector<float> losses(m);
  const LossResult by_options =
      one.loss_and_gradients(x, labels, {.losses = losses, .label_smoothing = 0.1, .class_weights = weights});
  const Loss loss = CrossEntropy{.label_smoothing = 0.1, .class_weights = weights};
  const LossResult by_loss = other.loss_and_gradients(x, loss, labels);
  EXPECT_EQ(by_options.loss, by_loss.loss);
  EXPECT_EQ(by_options.weight, by_loss.weight);
  double sum = 0;
  for (const float l : losses) sum += static_cast<double>(l);
  EXPECT_NEAR(sum / by_loss.weight, by_loss.loss, 1e-6);
  for (std::size_t i = 0; i < network.parameters().size(); ++i)
    EXPECT_TRUE(
        same_bits(TensorView<const double>(one.gradients()[i]), TensorView<const double>(other.gradients()[i])));
}

TEST(ExecutionLoss, TheOutputIsThereAfterwards) {
  const Network<double> network({8, 8, 1}, quadrant_layers(), 1);
  const Tensor<double> x = random_tensor<double>(Shape{5, 8, 8, 1}, 3);
  Execution<double> execution(network, 5, Mode::training), plain(network, 5, Mode::inference);
  EXPECT_THROW(execution.output(), std::logic_error);
  const TensorView<const double> expected = plain.forward(x);
  execution.loss_and_gradients(x, labels_of(5, 4));
  EXPECT_TRUE(same_bits(execution.output(), expected));
}

TEST(ExecutionLoss, RefusesWhatDoesNotFit) {
  const Network<double> network({5}, dense_layers(4, Activation::softmax), 1);
  const Tensor<double> x = random_tensor<double>(Shape{3, 5}, 3), targets(Shape{3, 2});
  Execution<double> execution(network, 3, Mode::training), inference(network, 3, Mode::inference);
  const Loss squared = MeanSquaredError{};
  EXPECT_TRUE(refuses([&] { execution.loss_and_gradients(x, squared, targets.view()); }, "compute_loss", {"(3, 2)"}));
  EXPECT_TRUE(refuses([&] { execution.loss(x, squared, labels_of(3, 4)); }, "compute_loss", {"mse takes targets"}));
  EXPECT_THROW(inference.loss_and_gradients(x, squared, targets.view()), std::logic_error);
}

}  // namespace
}  // namespace hubel::test
