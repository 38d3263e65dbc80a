// Training and evaluating networks of several inputs and outputs: a loss for each output, and their weighted sum.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "hubel/weighted.hpp"
#include "nn/check_gradients.hpp"
#include "nn/joint_testing.hpp"

namespace hubel::test {
namespace {

template <class T>
using Aims = std::vector<OutputAim<T>>;

// What random labels and targets hold a network's outputs against, loss by loss.
struct RandomAims {
  RandomAims(const Network<double>& network, std::vector<Loss> losses, std::vector<bool> by_labels, std::int64_t m)
      : losses_(std::move(losses)), labels_(losses_.size()) {
    Noise noise(3);
    targets_ = random_batches<double>(network.output_shapes(), m, 5);
    for (std::size_t i = 0; i < losses_.size(); ++i) {
      const Shape& output = network.output_shapes()[i];
      const std::int64_t rows = m * output.elements() / output.back();
      for (std::int64_t row = 0; row < rows && by_labels[i]; ++row)
        labels_[i].push_back(static_cast<std::int32_t>(noise.integer(0, output.back() - 1)));
      OutputAim<double>& aim = aims.emplace_back();
      aim.loss = &losses_[i];
      aim.weight = 0.5 + static_cast<double>(i);
      aim.labels = labels_[i];
      if (!by_labels[i]) aim.targets = targets_[i];
    }
  }

  std::vector<OutputAim<double>> aims;

 private:
  std::vector<Loss> losses_;
  std::vector<std::vector<std::int32_t>> labels_;
  std::vector<Tensor<double>> targets_;
};

// Two towers that meet, whose outputs are classes, numbers, an image of classes and a value that layers take too.
Graph towers() {
  Graph graph;
  const auto a = graph.add_input({5, 4, 2}), b = graph.add_input({3});
  const auto x = graph(Conv2D{.filters = 4, .padding = Padding::same(), .activation = Activation::tanh}, a);
  const auto y = graph(Dense{.units = 4, .activation = Activation::silu}, b);
  const auto pixels = graph(Conv2D{.filters = 3, .padding = Padding::same(), .activation = Activation::softmax}, x);
  const auto both = graph(Concatenate{}, {graph(Flatten{}, x), y});
  const auto classes = graph(Dense{.units = 5, .activation = Activation::softmax}, both);
  const auto likely = graph(Dense{.units = 3, .activation = Activation::softmax}, both);
  graph.set_outputs({classes, y, pixels, likely});
  return graph;
}

TEST(Joint, LossesAreThoseOfTheOutputs) {
  const Network<double> network(towers(), 1);
  const auto x = random_batches<double>(network.input_shapes(), 3, 1);
  const std::vector<Loss> losses = {CrossEntropy{.label_smoothing = 0.2}, Huber{.delta = 0.3}, CrossEntropy{},
                                    MeanSquaredError{}};
  const RandomAims random(network, losses, {true, false, true, false}, 3);
  using Mode = Execution<double>::Mode;
  for (const Mode mode : {Mode::inference, Mode::training, Mode::frozen}) {
    Execution<double> execution(network, 3, mode);
    const std::span<const LossResult> results = execution.losses(views_of(x), random.aims);
    ASSERT_EQ(results.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
      const OutputAim<double>& aim = random.aims[i];
      const LossResult wanted = i % 2 == 0 ? compute_loss(losses[i], execution.logits(i), aim.labels)
                                           : compute_loss(losses[i], execution.output(i), aim.targets);
      EXPECT_NEAR(results[i].loss, wanted.loss, 1e-12);
      EXPECT_EQ(results[i].correct, wanted.correct);
    }
  }
}

TEST(Joint, GradientsWhereASoftmaxFeedsOthersToo) {
  Graph graph({4, 3, 2});
  const auto pixels =
      graph(Conv2D{.filters = 3, .kernel_size = {1, 1}, .activation = Activation::softmax}, graph.input());
  const auto flat = graph(Flatten{}, pixels);
  const auto classes = graph(Dense{.units = 4, .activation = Activation::softmax}, flat);
  const auto box = graph(Dense{.units = 2}, classes);
  graph.set_outputs({box, classes, pixels});
  Network<double> network(graph, 1);
  const auto x = random_batches<double>(network.input_shapes(), 5, 1);
  for (const double weight : {0.0, 1.0}) {
    RandomAims random(network, {MeanSquaredError{}, CrossEntropy{}, CrossEntropy{.label_smoothing = 0.1}},
                      {false, true, true}, 5);
    random.aims[0].weight = weight;
    using Mode = Execution<double>::Mode;
    Execution<double> execution(network, 5, Mode::training), other(network, 5, Mode::training);
    const auto sum = [&] {
      double all = 0;
      const auto outputs = other.forward(views_of(x));
      const LossResult squares = compute_loss(MeanSquaredError{}, outputs[0], random.aims[0].targets);
      all += weight * squares.loss;
      for (const std::size_t i : {1, 2}) {
        const std::int64_t n = outputs[i].shape().back(), rows = outputs[i].size() / n;
        const double smoothing = i == 2 ? 0.1 : 0;
        for (std::int64_t row = 0; row < rows; ++row) {
          for (std::int64_t c = 0; c < n; ++c) {
            const bool is_label = random.aims[i].labels[static_cast<std::size_t>(row)] == c;
            const double target = (is_label ? 1 - smoothing : 0) + smoothing / static_cast<double>(n);
            all -= random.aims[i].weight * target * std::log(outputs[i][row * n + c]) / static_cast<double>(rows);
          }
        }
      }
      return all;
    };
    double total = 0;
    const std::span<const LossResult> results = execution.losses_and_gradients(views_of(x), random.aims);
    for (std::size_t i = 0; i < results.size(); ++i) total += random.aims[i].weight * results[i].loss;
    EXPECT_NEAR(total, sum(), 1e-12);
    for (std::size_t p = 0; p < network.parameters().size(); ++p) {
      Parameter<double>& parameter = network.parameters()[p];
      for (std::int64_t i = 0; i < parameter.value.size(); ++i)
        EXPECT_NEAR(execution.gradients()[p][i], slope_at(parameter.value[i], sum), 1e-7) << parameter.name;
    }
  }
}

// Of the weighted sum, by central differences.
TEST(Joint, Gradients) {
  Network<double> network(towers(), 1);
  const auto x = random_batches<double>(network.input_shapes(), 11, 1);
  const RandomAims random(network, {CrossEntropy{}, MeanSquaredError{}, CrossEntropy{.label_smoothing = 0.1}, Huber{}},
                          {true, false, true, false}, 11);
  Execution<double> execution(network, 11, Execution<double>::Mode::training);
  const auto sum = [&] {
    Execution<double> other(network, 11, Execution<double>::Mode::training);
    double all = 0;
    const std::span<const LossResult> results = other.losses(views_of(x), random.aims);
    for (std::size_t i = 0; i < results.size(); ++i) all += random.aims[i].weight * results[i].loss;
    return all;
  };
  for (int repeat = 0; repeat < 2; ++repeat) {  // the second time after another way back
    execution.losses_and_gradients(views_of(x), random.aims);
    Noise noise(2);
    for (std::size_t p = 0; p < network.parameters().size(); ++p) {
      Parameter<double>& parameter = network.parameters()[p];
      for (int i = 0; i < 8; ++i) {
        const std::int64_t at = noise.integer(0, parameter.value.size() - 1);
        EXPECT_NEAR(execution.gradients()[p][at], slope_at(parameter.value[at], sum), 1e-7) << parameter.name;
      }
    }
    execution.forward(views_of(x));
    execution.backward(views_of(random_batches<double>(network.output_shapes(), 11, 7)));
  }
}

// With one output it is what loss_and_gradients does, sample by sample too, to the bit; a weight is a factor.
TEST(Joint, OneOutputIsASpecialCase) {
  const Network<float> network = quadrant_network(1);
  const Samples samples = quadrants(21, 1);
  const TensorView<const float> x = samples.x();
  const Loss loss = CrossEntropy{.label_smoothing = 0.1};
  Execution<float> one(network, 21, Execution<float>::Mode::training),
      joint(network, 21, Execution<float>::Mode::training);
  const LossResult wanted = one.loss_and_gradients(x, loss, samples.labels());
  OutputAim<float> aim = {.loss = &loss, .labels = samples.labels()};
  for (const double weight : {1.0, 2.0, 0.0}) {
    aim.weight = weight;
    const LossResult got = joint.losses_and_gradients({&x, 1}, {&aim, 1}).front();
    EXPECT_EQ(got.loss, wanted.loss);
    EXPECT_EQ(got.correct, wanted.correct);
    for (std::size_t p = 0; p < one.gradients().size(); ++p)
      for (std::int64_t i = 0; i < one.gradients()[p].size(); ++i)
        ASSERT_NEAR(joint.gradients()[p][i], weight * one.gradients()[p][i], 1e-6 * std::abs(one.gradients()[p][i]));
  }
}

TEST(Joint, LearnsAllOutputs) {
  const JointSamples train = joint_samples(300, 1), test = joint_samples(100, 9);
  Network<float> network = joint_network(1);
  const TrainOptions o = joint_options(30);
  const TrainResult result = fit(network, train, o, &test);
  const EpochResult &first = result.epochs.front(), &last = result.epochs.back();
  ASSERT_EQ(last.outputs.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_LT(last.outputs[i].loss, 0.6 * first.outputs[i].loss) << i;
  EXPECT_GT(last.validation->outputs[0].accuracy, 0.85);
  EXPECT_LT(last.validation->outputs[1].loss, 0.05);
  EXPECT_GT(last.validation->outputs[2].accuracy, 0.85);
  EXPECT_EQ(last.validation->outputs[1].accuracy, 0);
  EXPECT_EQ(last.accuracy, 0);
  const EvaluateOptions how = {.losses = o.losses};
  const Evaluation evaluation = evaluate(network, test, how);
  EXPECT_EQ(evaluation.count, 100);
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(evaluation.outputs[i].loss, last.validation->outputs[i].loss);
    sum += o.losses[i].weight * evaluation.outputs[i].loss;
  }
  EXPECT_EQ(evaluation.loss, sum);
  EXPECT_EQ(evaluation.loss, last.validation->loss);
}

// Towers that do not meet learn as each would alone, at a learning rate times its loss's weight.
TEST(Joint, SeparateTowersLearnAsIfAlone) {
  const Samples a = quadrants(40, 1), b = quadrants(40, 2);
  const JointSamples both({a.x(), b.x()}, {{a.labels(), {}}, {b.labels(), {}}});
  const Network<float> one = quadrant_network(1), other = quadrant_network(2);
  Graph graph;
  const auto x = graph.add_input({8, 8, 1}), y = graph.add_input({8, 8, 1});
  graph.set_outputs({graph.append(one.graph(), x, "a/"), graph.append(other.graph(), y, "b/")});
  Network<float> joint(graph);
  joint.copy_weights(one, "a/");
  joint.copy_weights(other, "b/");
  TrainOptions o;
  o.epochs = 3;
  o.batch_size = 16;
  o.losses = {{CrossEntropy{}, 1}, {CrossEntropy{}, 0.5}};
  o.optimizer = SGD{.learning_rate = 0.1, .momentum = 0.9};
  const TrainResult together = fit(joint, both, o);
  const auto alone = [&](Network<float> network, const Samples& samples, double weight, std::size_t output,
                         const std::string& prefix) {
    TrainOptions own = o;
    own.losses = {};
    own.optimizer = SGD{.learning_rate = 0.1 * weight, .momentum = 0.9};
    const TrainResult result = fit(network, samples, own);
    EXPECT_NEAR(result.epochs.back().loss, together.epochs.back().outputs[output].loss, 1e-5);
    EXPECT_EQ(result.epochs.back().accuracy, together.epochs.back().outputs[output].accuracy);
    for (const Parameter<float>& p : network.parameters()) {
      const Tensor<float>& learned = joint.parameter(prefix + p.name).value;
      for (std::int64_t i = 0; i < p.value.size(); ++i) ASSERT_NEAR(p.value[i], learned[i], 1e-5) << prefix << p.name;
    }
  };
  alone(one, a, 1, 0, "a/");
  alone(other, b, 0.5, 1, "b/");
}

TEST(Joint, AStepIsTheOptimizersOnTheGradientsOfTheSum) {
  const JointSamples train = joint_samples(12, 1);
  Network<float> network = joint_network(1), by_hand = network;
  TrainOptions o = joint_options(1);
  o.batch_size = 12;
  o.shuffle = false;
  const TrainResult result = fit(network, train, o);
  Execution<float> execution(by_hand, 12, Execution<float>::Mode::training);
  execution.set_dropout(o.seed, 0);
  Aims<float> aims(3);
  for (std::size_t i = 0; i < 3; ++i) {
    aims[i] = {.loss = &o.losses[i].loss, .weight = o.losses[i].weight, .labels = train.answers(i).labels};
    if (i == 1) aims[i].targets = train.answers(1).targets;
  }
  const std::span<const LossResult> losses = execution.losses_and_gradients(views_of(train.xs()), aims);
  Optimizer<float> optimizer(o.optimizer, std::as_const(by_hand).parameters());
  optimizer.step(by_hand.parameters(), execution.gradients());
  EXPECT_TRUE(same_weights(network, by_hand));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(result.epochs[0].outputs[i].loss, losses[i].loss);
}

TEST(Joint, SameBitsOnAnyNumberOfThreads) {
  const JointSamples train = joint_samples(70, 1);
  const auto trained = [&] {
    Network<float> network = joint_network(1);
    fit(network, train, joint_options(2));
    return network;
  };
  const Network<float> wanted = with_threads(1, trained);
  for (const int threads : {2, 4}) EXPECT_TRUE(same_weights(with_threads(threads, trained), wanted));
}

// A sample of weight 0 might as well not be there, but for what the sum is divided by.
TEST(Joint, WeightsOfSamplesAreOfAllOutputs) {
  const JointSamples samples = joint_samples(8, 1);
  const std::vector<float> weights = {1, 0, 2, 0.5, 1, 0, 1, 3};
  const Network<float> network = joint_network(1);
  const TrainOptions o = joint_options(1);
  const EvaluateOptions how = {.losses = o.losses}, one_by_one = {.batch_size = 1, .losses = o.losses};
  const Evaluation whole = evaluate(network, Weighted(samples, weights), how);
  std::vector<double> sums(3);
  for (std::int64_t i = 0; i < 8; ++i) {
    const std::int64_t size = 36;
    const auto part = [&](const Tensor<float>& all, const Shape& shape) {
      Tensor<float> own(shape);
      std::copy_n(all.data() + i * own.size(), own.size(), own.data());
      return own;
    };
    const auto& pixels = samples.answers(2).labels;
    std::vector<JointSamples::Answers> answers(3);
    answers[0].labels = {samples.answers(0).labels[static_cast<std::size_t>(i)]};
    answers[1].targets = part(samples.answers(1).targets, {1, 2});
    answers[2].labels.assign(pixels.begin() + i * size, pixels.begin() + (i + 1) * size);
    const JointSamples single({part(samples.xs()[0], {1, 2}), part(samples.xs()[1], {1, 6, 6, 1})}, std::move(answers));
    const Evaluation own = evaluate(network, single, one_by_one);
    for (std::size_t k = 0; k < 3; ++k) sums[k] += weights[static_cast<std::size_t>(i)] * own.outputs[k].loss;
  }
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(whole.outputs[k].loss, sums[k] / 8, 1e-5);
}

TEST(Joint, TellsOfEachOutputOfABatch) {
  const JointSamples samples = joint_samples(20, 1);
  Network<float> network = joint_network(1);
  TrainOptions o = joint_options(1);
  o.shuffle = false;
  std::vector<std::size_t> told;
  o.on_batch = [&](const BatchResult& batch) {
    told.push_back(batch.output);
    EXPECT_EQ(batch.outputs.shape().without_first(), network.output_shapes()[batch.output]);
    EXPECT_EQ(batch.labels.empty(), batch.output == 1);
    EXPECT_EQ(batch.targets.shape().rank(), batch.output == 1 ? 2u : 0u);
  };
  o.on_step = [&](const TrainProgress& progress) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += o.losses[i].weight * progress.outputs[i].loss;
    EXPECT_DOUBLE_EQ(progress.loss, sum);
    return true;
  };
  fit(network, samples, o);
  EXPECT_EQ(told, (std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(Joint, KeepsTheEpochOfTheLowestLoss) {
  const JointSamples train = joint_samples(60, 1), validation = joint_samples(30, 2);
  Network<float> network = joint_network(1);
  TrainOptions o = joint_options(8);
  o.optimizer = Adam{.learning_rate = 0.1};  // too high, so that some epochs are worse than those before
  o.keep_best = true;
  o.early_stopping = EarlyStoppingOptions{.patience = 4};
  const TrainResult result = fit(network, train, o, &validation);
  const auto lower = [](const EpochResult& a, const EpochResult& b) { return a.validation->loss < b.validation->loss; };
  const EpochResult& best = *std::ranges::min_element(result.epochs, lower);
  EXPECT_EQ(result.best_epoch, best.epoch);
  EXPECT_EQ(evaluate(network, validation, EvaluateOptions{.losses = o.losses}).loss, best.validation->loss);
}

TEST(Joint, OneLossForAll) {
  Graph graph({3});
  graph.set_outputs({graph(Dense{.units = 2}, graph.input()), graph(Dense{.units = 1}, graph.input())});
  Network<float> network(graph, 1);
  const Tensor<float> x = random_tensor<float>({10, 3}, 1);
  std::vector<JointSamples::Answers> answers(2);
  answers[0].targets = random_tensor<float>({10, 2}, 2);
  answers[1].targets = random_tensor<float>({10, 1}, 3);
  const JointSamples samples({x}, std::move(answers));
  TrainOptions o;
  o.loss = MeanSquaredError{};
  const TrainResult result = fit(network, samples, o);
  const auto& outputs = result.epochs[0].outputs;
  EXPECT_DOUBLE_EQ(result.epochs[0].loss, outputs[0].loss + outputs[1].loss);
}

TEST(Joint, SaysWhatDoesNotFit) {
  const JointSamples good = joint_samples(8, 1);
  const auto refused = [&](const JointSamples& samples, const TrainOptions& o, const std::vector<std::string>& parts,
                           std::string_view who = "fit") {
    Network<float> network = joint_network(1);
    return refuses([&] { fit(network, samples, o); }, who, parts);
  };
  const auto with = [](auto change) {
    TrainOptions o = joint_options(1);
    change(o);
    return o;
  };
  using O = TrainOptions;
  EXPECT_TRUE(refused(good, with([](O& o) { o.losses.pop_back(); }), {"2 losses", "3 outputs"}));
  EXPECT_TRUE(refused(good, with([](O& o) { o.losses[0].weight = -1; }), {"weight -1"}));
  EXPECT_TRUE(refused(good, with([](O& o) { o.losses[0].weight = std::nan(""); }), {"weight nan"}));
  EXPECT_TRUE(refused(good, with([](O& o) { o.top_k = 2; }), {"top_k is of one output"}));
  EXPECT_TRUE(refused(good, with([](O& o) { o.hard_share = 0.5; }), {"hard_share"}));
  EXPECT_TRUE(refused(good, with([](O& o) { o.skip_above = 0.5; }), {"skip_above"}));
  EXPECT_TRUE(refused(good, with([](O& o) { o.early_stopping = EarlyStoppingOptions{.goal = Goal::maximum}; }),
                      {"early stopping", "accuracy"}));
  EXPECT_TRUE(
      refused(good, with([](O& o) { o.plateau = PlateauOptions{.goal = Goal::maximum}; }), {"plateau", "accuracy"}));
  const auto changed = [&](auto change) {
    std::vector<Tensor<float>> xs = good.xs();
    std::vector<JointSamples::Answers> answers = {good.answers(0), good.answers(1), good.answers(2)};
    change(xs, answers);
    return JointSamples(std::move(xs), std::move(answers));
  };
  const TrainOptions o = joint_options(1);
  EXPECT_TRUE(refused(changed([](auto& xs, auto&) { xs.pop_back(); }), o, {"2 inputs and 3 outputs", "1 input and"}));
  EXPECT_TRUE(refused(changed([](auto&, auto& answers) { answers.pop_back(); }), o, {"2 inputs and 2 outputs"}));
  EXPECT_TRUE(refused(changed([](auto& xs, auto&) {
                        xs[1] = Tensor<float>({8, 6, 5, 1});
                      }),
                      o, {"the samples of image", "(6, 5, 1)", "(6, 6, 1)"}));
  EXPECT_TRUE(refused(changed([](auto&, auto& answers) {
                        answers[1].targets = Tensor<float>({8, 3});
                      }),
                      o, {"(3,)", "(2,)"}, "fit (box)"));
  EXPECT_TRUE(
      refused(changed([](auto&, auto& answers) { answers[2].labels.resize(16); }), o, {"36 rows"}, "fit (pixels)"));
  EXPECT_TRUE(refused(changed([](auto&, auto& answers) { answers[0].labels[3] = 4; }), o, {"must be in [0, 4)"},
                      "softmax_cross_entropy"));
  Network<float> network = joint_network(1);
  std::vector<std::int64_t> confusion;
  EXPECT_TRUE(refuses([&] { evaluate(network, good, EvaluateOptions{.losses = o.losses, .confusion = &confusion}); },
                      "evaluate", {"confusion"}));
  EXPECT_TRUE(refuses([&] { fit(network, quadrants(4, 1), o); }, "fit", {"2 inputs and 3 outputs", "1 input and 1"}));
  EXPECT_THROW(good.gather(nullptr, 0, nullptr, nullptr), std::logic_error);
}

}  // namespace
}  // namespace hubel::test
