// Optimisers against their papers' formulas, written here once more for a single number.
#include "hubel/optimizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "simd/optimizer.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// One weight's update: changes the weight for gradient g at step t = 1, 2, ... LAMB's needs the whole parameter.
struct Scalar {
  double w, m = 0, v = 0, mean = 0, product = 1, largest = 0;

  void step(const SGD& o, double g, double lr, int, bool decays) {
    if (decays) g += o.weight_decay * w;
    m = o.momentum * m + g;
    w -= lr * (o.nesterov ? g + o.momentum * m : m);
  }
  template <class AdamOptions>
  double adam_direction(const AdamOptions& o, double g, int t) {
    m = o.beta_1 * m + (1 - o.beta_1) * g;
    v = o.beta_2 * v + (1 - o.beta_2) * g * g;
    largest = std::max(largest, v);
    double second = v;
    if constexpr (requires { o.amsgrad; })
      if (o.amsgrad) second = largest;
    const double m_hat = m / (1 - std::pow(o.beta_1, t)), v_hat = second / (1 - std::pow(o.beta_2, t));
    return m_hat / (std::sqrt(v_hat) + o.epsilon);
  }
  void step(const Adam& o, double g, double lr, int t, bool decays) {
    w -= lr * adam_direction(o, decays ? g + o.weight_decay * w : g, t);
  }
  void step(const AdamW& o, double g, double lr, int t, bool decays) {
    if (decays) w -= lr * o.weight_decay * w;
    w -= lr * adam_direction(o, g, t);
  }
  // The paper's Algorithm 2, but for its threshold and where PyTorch has epsilon.
  void step(const RAdam& o, double g, double lr, int t, bool decays) {
    if (decays) g += o.weight_decay * w;
    m = o.beta_1 * m + (1 - o.beta_1) * g;
    v = o.beta_2 * v + (1 - o.beta_2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta_1, t)), power = std::pow(o.beta_2, t);
    const double most = 2 / (1 - o.beta_2) - 1, rho = most - 2 * t * power / (1 - power);
    if (rho <= 5) {
      w -= lr * m_hat;
      return;
    }
    const double r = std::sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho));
    w -= lr * m_hat * r * std::sqrt(1 - power) / (std::sqrt(v) + o.epsilon);
  }
  void step(const RMSProp& o, double g, double lr, int, bool decays) {
    if (decays) g += o.weight_decay * w;
    v = o.rho * v + (1 - o.rho) * g * g;
    mean = o.rho * mean + (1 - o.rho) * g;
    m = o.momentum * m + g / (std::sqrt(o.centered ? v - mean * mean : v) + o.epsilon);
    w -= lr * m;
  }
  void step(const Adagrad& o, double g, double lr, int t, bool decays) {
    if (decays) g += o.weight_decay * w;
    v = (t == 1 ? o.initial_accumulator : v) + g * g;
    w -= lr * g / (std::sqrt(v) + o.epsilon);
  }
  void step(const Nadam& o, double g, double lr, int t, bool decays) {
    const auto mu = [&](int s) { return o.beta_1 * (1 - std::pow(0.96, o.momentum_decay * s) / 2); };
    if (decays) w -= lr * o.weight_decay * w;
    product *= mu(t);
    m = o.beta_1 * m + (1 - o.beta_1) * g;
    v = o.beta_2 * v + (1 - o.beta_2) * g * g;
    const double m_hat = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product);
    w -= lr * m_hat / (std::sqrt(v / (1 - std::pow(o.beta_2, t))) + o.epsilon);
  }
  void step(const Adamax& o, double g, double lr, int t, bool decays) {
    if (decays) w -= lr * o.weight_decay * w;
    m = o.beta_1 * m + (1 - o.beta_1) * g;
    v = std::max(o.beta_2 * v, std::abs(g));
    w -= lr / (1 - std::pow(o.beta_1, t)) * m / (v + o.epsilon);
  }
  void step(const Adadelta& o, double g, double lr, int, bool decays) {
    if (decays) w -= lr * o.weight_decay * w;
    v = o.rho * v + (1 - o.rho) * g * g;
    const double change = std::sqrt(m + o.epsilon) / std::sqrt(v + o.epsilon) * g;
    m = o.rho * m + (1 - o.rho) * change * change;
    w -= lr * change;
  }
  void step(const Lion& o, double g, double lr, int, bool decays) {
    if (decays) w -= lr * o.weight_decay * w;
    const double ahead = o.beta_1 * m + (1 - o.beta_1) * g;
    w -= lr * (ahead > 0 ? 1 : ahead < 0 ? -1 : 0);
    m = o.beta_2 * m + (1 - o.beta_2) * g;
  }
};

// A whole parameter's.
template <class Options, class T>
void step_all(std::vector<Scalar>& parameter, const Options& o, const Tensor<T>& g, double lr, int t, bool decays) {
  for (std::size_t i = 0; i < parameter.size(); ++i)
    parameter[i].step(o, static_cast<double>(g[static_cast<std::int64_t>(i)]), lr, t, decays);
}
template <class T>
void step_all(std::vector<Scalar>& parameter, const LAMB& o, const Tensor<T>& g, double lr, int t, bool decays) {
  std::vector<double> direction;
  double weights = 0, directions = 0;
  for (std::size_t i = 0; i < parameter.size(); ++i) {
    Scalar& s = parameter[i];
    const double u = s.adam_direction(o, static_cast<double>(g[static_cast<std::int64_t>(i)]), t);
    direction.push_back(decays ? u + o.weight_decay * s.w : u);
    weights += s.w * s.w;
    directions += direction.back() * direction.back();
  }
  const double ratio = decays && weights > 0 && directions > 0 ? std::sqrt(weights / directions) : 1;
  for (std::size_t i = 0; i < parameter.size(); ++i) parameter[i].w -= lr * ratio * direction[i];
}

template <class T>
class OptimizerTest : public ::testing::Test {};
TYPED_TEST_SUITE(OptimizerTest, FloatTypes);

// Sizes around the vector's width and the pieces that threads share (4096).
template <class T>
std::vector<Parameter<T>> parameters() {
  std::vector<Parameter<T>> p;
  p.push_back({"dense_1.kernel", random_tensor<T>({4100, 3}, 1)});
  p.push_back({"dense_1.bias", random_tensor<T>({3}, 2)});
  p.push_back({"conv2d_1.kernel", random_tensor<T>({1, 1, 1, 1}, 3)});
  p.push_back({"conv2d_1.bias", random_tensor<T>({17}, 4)});
  p.push_back({"batch_norm_1.gamma", random_tensor<T>({5}, 5)});
  for (Parameter<T>& parameter : p)
    if (!parameter.name.ends_with(".kernel")) parameter.role = ParameterRole::offset;
  return p;
}

template <class T>
std::vector<Tensor<T>> gradients(std::span<const Parameter<T>> parameters, std::uint64_t seed) {
  std::vector<Tensor<T>> g;
  for (const Parameter<T>& p : parameters) g.push_back(random_tensor<T>(p.value.shape(), seed++));
  return g;
}

template <class T>
std::vector<TensorView<T>> views(std::vector<Tensor<T>>& tensors) {
  return {tensors.begin(), tensors.end()};
}

template <class T>
void expect_formula(const OptimizerOptions& options) {
  std::vector<Parameter<T>> weights = parameters<T>();
  std::vector<std::vector<Scalar>> wanted;
  for (const Parameter<T>& p : weights) {
    wanted.emplace_back();
    for (T w : p.value) wanted.back().push_back({static_cast<double>(w)});
  }
  Optimizer<T> optimizer(options, std::span<const Parameter<T>>(weights));
  for (int t = 1; t <= 6; ++t) {
    const double scale = t == 4 ? 0.25 : 1;
    std::vector<Tensor<T>> g = gradients<T>(weights, 100 * static_cast<std::uint64_t>(t));
    const auto g_views = views(g);
    optimizer.step(std::span(weights), g_views, scale);
    EXPECT_EQ(optimizer.steps(), t);
    double worst = 0;
    for (std::size_t p = 0; p < weights.size(); ++p) {
      const bool decays = weights[p].name.ends_with(".kernel");
      std::visit([&](const auto& o) { step_all(wanted[p], o, g[p], scale * o.learning_rate, t, decays); }, options);
      for (std::size_t i = 0; i < wanted[p].size(); ++i) {
        const double got = static_cast<double>(weights[p].value[static_cast<std::int64_t>(i)]);
        worst = std::max(worst, std::abs(got - wanted[p][i].w));
      }
    }
    // Weights are of size 1 and a step changes each by a few roundings.
    EXPECT_LE(worst, 4 * t * static_cast<double>(std::numeric_limits<T>::epsilon())) << "step " << t;
  }
}

TYPED_TEST(OptimizerTest, Sgd) {
  expect_formula<TypeParam>(SGD{.learning_rate = 0.1});
  expect_formula<TypeParam>(SGD{.learning_rate = 0.05, .momentum = 0.9});
  expect_formula<TypeParam>(SGD{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true});
  expect_formula<TypeParam>(SGD{.learning_rate = 0.05, .weight_decay = 0.5});
  expect_formula<TypeParam>(SGD{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 0.5});
}

TYPED_TEST(OptimizerTest, Adam) {
  expect_formula<TypeParam>(Adam{});
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .beta_1 = 0.8, .beta_2 = 0.99, .epsilon = 1e-3});
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .beta_1 = 0, .beta_2 = 0, .epsilon = 1});
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .epsilon = 1e-3, .weight_decay = 0.5});
}

TYPED_TEST(OptimizerTest, AdamW) {
  expect_formula<TypeParam>(AdamW{.learning_rate = 0.02, .weight_decay = 0.5});
  expect_formula<TypeParam>(AdamW{.learning_rate = 0.02, .weight_decay = 0});
}

// The second moment falls where a gradient is smaller than those before, and the largest one does not.
TYPED_TEST(OptimizerTest, Amsgrad) {
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .beta_2 = 0.5, .epsilon = 1e-3, .amsgrad = true});
  expect_formula<TypeParam>(Adam{.learning_rate = 0.02, .epsilon = 1e-3, .weight_decay = 0.5, .amsgrad = true});
  expect_formula<TypeParam>(AdamW{.learning_rate = 0.02, .beta_2 = 0.5, .weight_decay = 0.5, .amsgrad = true});
}

TYPED_TEST(OptimizerTest, RAdam) {
  expect_formula<TypeParam>(RAdam{});
  // Sure from the sixth step on, the last one here; with the last of these options never.
  expect_formula<TypeParam>(RAdam{.learning_rate = 0.02, .beta_2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.5});
  expect_formula<TypeParam>(RAdam{.learning_rate = 0.02, .beta_1 = 0.8, .epsilon = 1e-3});
  expect_formula<TypeParam>(RAdam{.learning_rate = 0.02, .beta_2 = 0.5});
}

// While it is not sure of its second moment RAdam does not divide by it, not even where it has overflown.
TYPED_TEST(OptimizerTest, RAdamBeginsWithoutItsSecondMoment) {
  using T = TypeParam;
  std::vector<Parameter<T>> weights;
  weights.push_back({"dense_1.kernel", Tensor<T>({1}, {1})});
  Optimizer<T> optimizer(RAdam{.learning_rate = 0.5}, std::span<const Parameter<T>>(weights));
  Tensor<T> g({1}, {std::sqrt(std::numeric_limits<T>::max()) * 64});
  const TensorView<T> view = g;
  optimizer.step(std::span(weights), std::span(&view, 1));
  EXPECT_NEAR(static_cast<double>(weights[0].value[0] / g[0]), -0.5, 1e-6);
}

TYPED_TEST(OptimizerTest, RmsProp) {
  expect_formula<TypeParam>(RMSProp{.epsilon = 1e-3});
  expect_formula<TypeParam>(RMSProp{.learning_rate = 0.02, .rho = 0.9, .epsilon = 0.1, .momentum = 0.9});
  expect_formula<TypeParam>(RMSProp{.rho = 0.9, .epsilon = 0.1, .centered = true, .weight_decay = 0.5});
  expect_formula<TypeParam>(RMSProp{.rho = 0.9, .epsilon = 0.1, .momentum = 0.5, .centered = true});
}

TYPED_TEST(OptimizerTest, Adagrad) {
  expect_formula<TypeParam>(Adagrad{});
  expect_formula<TypeParam>(
      Adagrad{.learning_rate = 0.1, .initial_accumulator = 0.1, .epsilon = 1e-3, .weight_decay = 0.5});
}

TYPED_TEST(OptimizerTest, Lamb) {
  expect_formula<TypeParam>(LAMB{});
  expect_formula<TypeParam>(LAMB{.learning_rate = 0.02, .beta_1 = 0.8, .beta_2 = 0.9, .epsilon = 1e-3});
  expect_formula<TypeParam>(LAMB{.learning_rate = 0.02, .epsilon = 1e-3, .weight_decay = 0});
}

TYPED_TEST(OptimizerTest, Nadam) {
  expect_formula<TypeParam>(Nadam{});
  expect_formula<TypeParam>(Nadam{.learning_rate = 0.02, .beta_1 = 0.8, .beta_2 = 0.99, .epsilon = 1e-3});
  expect_formula<TypeParam>(
      Nadam{.learning_rate = 0.02, .epsilon = 1e-3, .momentum_decay = 0.004, .weight_decay = 0.5});
}

TYPED_TEST(OptimizerTest, Adamax) {
  expect_formula<TypeParam>(Adamax{});
  expect_formula<TypeParam>(
      Adamax{.learning_rate = 0.02, .beta_1 = 0.8, .beta_2 = 0.5, .epsilon = 1e-3, .weight_decay = 0.5});
}

TYPED_TEST(OptimizerTest, Adadelta) {
  expect_formula<TypeParam>(Adadelta{});
  expect_formula<TypeParam>(Adadelta{.learning_rate = 1, .rho = 0.9, .epsilon = 1e-4, .weight_decay = 0.25});
}

TYPED_TEST(OptimizerTest, Lion) {
  expect_formula<TypeParam>(Lion{});
  expect_formula<TypeParam>(Lion{.learning_rate = 0.02, .beta_1 = 0.5, .beta_2 = 0.75, .weight_decay = 0.5});
}

TYPED_TEST(OptimizerTest, LionTakesNoStepWhereNothingPulls) {
  using T = TypeParam;
  std::vector<Parameter<T>> weights;
  weights.push_back({"dense_1.kernel", Tensor<T>({4}, {1, 2, 3, 4})});
  Optimizer<T> optimizer(Lion{.learning_rate = 0.5}, std::span<const Parameter<T>>(weights));
  Tensor<T> g({4}, {0, -3, T(1e-30), std::numeric_limits<T>::quiet_NaN()});
  const TensorView<T> view = g;
  optimizer.step(std::span(weights), std::span(&view, 1));
  EXPECT_EQ(weights[0].value[0], 1);
  EXPECT_EQ(weights[0].value[1], T(2.5));
  EXPECT_EQ(weights[0].value[2], T(2.5));
  EXPECT_TRUE(std::isnan(weights[0].value[3]));
}

// The product of Nadam's momenta becomes less than can be told from 0 beside 1, and is then no longer taken further: a
// state of very many steps is there at once.
TYPED_TEST(OptimizerTest, NadamAfterVeryManySteps) {
  using T = TypeParam;
  std::vector<Parameter<T>> weights;
  weights.push_back({"dense_1.kernel", Tensor<T>({1}, {1})});
  Optimizer<T> optimizer(Nadam{.learning_rate = 0.25, .epsilon = 0}, std::span<const Parameter<T>>(weights));
  optimizer.load_state(optimizer.state(), std::int64_t{1} << 60);
  Tensor<T> g({1}, {2});
  const TensorView<T> view = g;
  optimizer.step(std::span(weights), std::span(&view, 1));
  // mu is beta_1, and no moment is corrected any more.
  const double expected = 1 - 0.25 * (0.9 * 0.1 + 0.1) * 2 / std::sqrt(0.001 * 4);
  EXPECT_NEAR(weights[0].value[0], expected, 8 * static_cast<double>(std::numeric_limits<T>::epsilon()));
}

// Weights of zero have no norm to keep to.
TYPED_TEST(OptimizerTest, LambOfZeros) {
  using T = TypeParam;
  std::vector<Parameter<T>> weights;
  weights.push_back({"dense_1.kernel", Tensor<T>({3})});
  Optimizer<T> optimizer(LAMB{.learning_rate = 0.5, .epsilon = 0}, std::span<const Parameter<T>>(weights));
  Tensor<T> g({3}, {1, -2, 3});
  const TensorView<T> view = g;
  optimizer.step(std::span(weights), std::span(&view, 1));
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_NEAR(weights[0].value[i], g[i] > 0 ? -0.5 : 0.5, 1e-6);
}

std::vector<OptimizerOptions> all_optimizers() {
  return {SGD{.momentum = 0.9, .weight_decay = 0.1},
          Adam{.weight_decay = 0.1},
          AdamW{},
          RMSProp{.momentum = 0.9, .centered = true},
          Adagrad{.initial_accumulator = 0.1},
          LAMB{},
          Nadam{.weight_decay = 0.1},
          Adamax{.weight_decay = 0.1},
          Adadelta{.learning_rate = 1, .weight_decay = 0.1},
          Lion{.weight_decay = 0.1},
          Adam{.amsgrad = true},
          AdamW{.amsgrad = true},
          RAdam{.beta_2 = 0.9, .weight_decay = 0.1}};
}

constexpr const char* kNames[] = {"sgd",   "adam",   "adamw",    "rmsprop", "adagrad", "lamb",
                                  "nadam", "adamax", "adadelta", "lion",    "radam"};

// ---- State -----------------------------------------------------------------------------------------------------

template <class T>
void run_steps(Optimizer<T>& optimizer, std::vector<Parameter<T>>& weights, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t t = first; t <= last; ++t) {
    std::vector<Tensor<T>> g = gradients<T>(weights, 100 * t);
    const auto g_views = views(g);
    optimizer.step(std::span(weights), g_views);
  }
}

// A training that is taken up again goes on as if it had not been interrupted.
TYPED_TEST(OptimizerTest, StateGoesOn) {
  using T = TypeParam;
  for (const OptimizerOptions& options : all_optimizers()) {
    std::vector<Parameter<T>> weights = parameters<T>();
    Optimizer<T> optimizer(options, std::span<const Parameter<T>>(weights));
    run_steps(optimizer, weights, 1, 3);
    std::vector<Parameter<T>> copied = weights, kept;
    for (const NamedView<T>& view : optimizer.state()) {
      kept.push_back({view.name, Tensor<T>(view.value.shape())});
      std::copy(view.value.begin(), view.value.end(), kept.back().value.begin());
    }
    std::vector<NamedView<T>> state;
    for (const Parameter<T>& tensor : kept) state.insert(state.begin(), {tensor.name, tensor.value});
    Optimizer<T> other(options, std::span<const Parameter<T>>(copied));
    other.load_state(state, optimizer.steps());
    EXPECT_EQ(other.steps(), 3);
    run_steps(optimizer, weights, 4, 6);
    run_steps(other, copied, 4, 6);
    for (std::size_t i = 0; i < weights.size(); ++i)
      EXPECT_TRUE(same_bits(weights[i].value, copied[i].value)) << optimizer_name(options);
  }
}

TEST(Optimizer, StateHasNames) {
  std::vector<Parameter<float>> weights;
  weights.push_back({"conv2d_1.kernel", Tensor<float>({2, 3})});
  const auto names = [&](const OptimizerOptions& options) {
    std::vector<std::string> all;
    const Optimizer<float> optimizer(options, std::span<const Parameter<float>>(weights));
    for (const NamedView<float>& view : optimizer.state()) {
      EXPECT_EQ(view.value.shape(), (Shape{2, 3}));
      all.push_back(view.name);
    }
    return all;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(SGD{}), Names{});
  EXPECT_EQ(names(SGD{.momentum = 0.5}), Names{"conv2d_1.kernel/momentum"});
  EXPECT_EQ(names(Adam{}), (Names{"conv2d_1.kernel/first_moment", "conv2d_1.kernel/second_moment"}));
  EXPECT_EQ(names(Adam{.amsgrad = true}), (Names{"conv2d_1.kernel/first_moment", "conv2d_1.kernel/second_moment",
                                                 "conv2d_1.kernel/largest_second_moment"}));
  EXPECT_EQ(names(AdamW{.amsgrad = true}), names(Adam{.amsgrad = true}));
  EXPECT_EQ(names(RAdam{}), names(Adam{}));
  EXPECT_EQ(names(RMSProp{.centered = true}),
            (Names{"conv2d_1.kernel/square_average", "conv2d_1.kernel/gradient_average"}));
  EXPECT_EQ(names(Adagrad{}), Names{"conv2d_1.kernel/accumulator"});
  EXPECT_EQ(names(Nadam{}), names(Adam{}));
  EXPECT_EQ(names(Adamax{}), (Names{"conv2d_1.kernel/first_moment", "conv2d_1.kernel/infinity_norm"}));
  EXPECT_EQ(names(Adadelta{}), (Names{"conv2d_1.kernel/square_average", "conv2d_1.kernel/change_average"}));
  EXPECT_EQ(names(Lion{}), Names{"conv2d_1.kernel/momentum"});
}

TEST(Optimizer, RefusesAnotherState) {
  std::vector<Parameter<float>> weights = parameters<float>();
  Optimizer<float> optimizer(SGD{.momentum = 0.5}, std::span<const Parameter<float>>(weights));
  run_steps(optimizer, weights, 1, 1);
  const std::vector<NamedView<float>> state = optimizer.state();
  const Tensor<float> wrong({7});
  std::vector<NamedView<float>> twice = state, renamed = state, reshaped = state, short_of_one = state;
  twice.push_back(state[0]);
  renamed[1].name = "dense_9.bias/momentum";
  reshaped[1].value = wrong;
  short_of_one.pop_back();
  const auto load = [&](const std::vector<NamedView<float>>& given, std::int64_t steps) {
    return [&optimizer, &given, steps] { optimizer.load_state(given, steps); };
  };
  EXPECT_TRUE(refuses(load(twice, 1), "Optimizer", {"\"dense_1.kernel/momentum\" is given twice"}));
  EXPECT_TRUE(refuses(load(renamed, 1), "Optimizer", {"\"dense_9.bias/momentum\" is not part"}));
  EXPECT_TRUE(refuses(load(reshaped, 1), "Optimizer", {"\"dense_1.bias/momentum\"", "(7,)", "(3,)"}));
  EXPECT_TRUE(refuses(load(short_of_one, 1), "Optimizer", {"\"batch_norm_1.gamma/momentum\" is missing"}));
  EXPECT_TRUE(refuses(load(state, -1), "Optimizer", {"steps = -1"}));
  EXPECT_EQ(optimizer.steps(), 1);
}

TEST(Optimizer, StatisticsMoveByTheirSteps) {
  for (const char* name : kNames) {
    std::vector<Parameter<float>> weights;
    weights.push_back({"a.kernel", random_tensor<float>({3}, 1)});
    weights.push_back({"a.running_mean", Tensor<float>(Shape{2}, {5, 6}), ParameterRole::statistic});
    Optimizer<float> optimizer(optimizer_from_name(name), std::span<const Parameter<float>>(weights));
    Tensor<float> g = random_tensor<float>({3}, 2), step(Shape{2}, {1, -2});
    optimizer.step(weights, std::vector<TensorView<float>>{g, step}, 0.5);
    EXPECT_EQ(weights[1].value[0], 4) << name;
    EXPECT_EQ(weights[1].value[1], 8) << name;
    for (const auto& state : optimizer.state()) EXPECT_TRUE(state.name.starts_with("a.kernel/")) << state.name;
  }
}

// ---- Numbers and threads ---------------------------------------------------------------------------------------

// Moments that decay below the smallest normal number become zero, unless the epsilon is so small that the second one
// would be missed.
TYPED_TEST(OptimizerTest, NoSubnormalMoments) {
  using T = TypeParam;
  constexpr T kSmall = std::numeric_limits<T>::min();
  const T g[2] = {0, 1};
  const auto moments = [&](T least) {
    std::array<std::array<T, 2>, 2> both = {{{kSmall, kSmall}, {kSmall, kSmall}}};
    T w[2] = {1, 1};
    const simd::AdamStep<T> step{T(0.001), 1, T(1e-8), 1, T(0.5), T(0.5), T(0.5), T(0.5), least};
    simd::adam_step(step, g, both[0].data(), both[1].data(), static_cast<T*>(nullptr), w, 2);
    EXPECT_EQ(w[0], 1);
    return both;
  };
  for (const auto& moment : moments(kSmall)) EXPECT_EQ(moment, (std::array<T, 2>{0, T(0.5)}));
  for (const auto& moment : moments(0)) EXPECT_EQ(moment[0], kSmall / 2);
  T velocity[1] = {kSmall}, w[1] = {1};
  simd::sgd_step(simd::SgdStep<T>{T(0.1), T(0.5), false}, g, velocity, w, 1);
  EXPECT_EQ(velocity[0], 0);
}

TYPED_TEST(OptimizerTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  for (const OptimizerOptions& options : all_optimizers()) {
    const auto run = [&] {
      std::vector<Parameter<T>> weights = parameters<T>();
      weights.push_back({"dense_2.kernel", random_tensor<T>({300, 301}, 9)});  // enough for threads to be used
      Optimizer<T> optimizer(options, std::span<const Parameter<T>>(weights));
      for (std::uint64_t t = 1; t <= 3; ++t) {
        std::vector<Tensor<T>> g = gradients<T>(weights, t);
        const auto g_views = views(g);
        optimizer.step(std::span(weights), g_views);
      }
      return weights;
    };
    const auto one = with_threads(1, run);
    for (const int threads : {2, 3}) {
      const auto many = with_threads(threads, run);
      for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i].value, many[i].value));
    }
  }
}

TEST(Optimizer, NamesAndDefaults) {
  for (const char* name : kNames) EXPECT_EQ(optimizer_name(optimizer_from_name(name)), name);
  EXPECT_EQ(learning_rate(optimizer_from_name("adam")), 1e-3);
  EXPECT_EQ(learning_rate(SGD{.learning_rate = 0.5}), 0.5);
  EXPECT_TRUE(refuses([] { optimizer_from_name("adma", "fit"); }, "fit", {"\"adma\"", "sgd, adam, adamw, rmsprop"}));
}

TEST(Optimizer, RefusesWrongOptions) {
  const std::vector<Parameter<float>> weights = parameters<float>();
  const auto make = [&](const OptimizerOptions& o) { Optimizer<float>(o, std::span<const Parameter<float>>(weights)); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses([&] { make(SGD{.learning_rate = -1}); }, "sgd", {"learning_rate = -1"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.learning_rate = nan}); }, "adam", {"learning_rate = nan"}));
  EXPECT_TRUE(refuses([&] { make(SGD{.momentum = 1}); }, "sgd", {"momentum = 1", "[0, 1)"}));
  EXPECT_TRUE(refuses([&] { make(SGD{.nesterov = true}); }, "sgd", {"momentum = 0", "nesterov"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.beta_1 = 1}); }, "adam", {"beta_1 = 1"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.beta_2 = -0.1}); }, "adam", {"beta_2 = -0.1"}));
  EXPECT_TRUE(refuses([&] { make(Adam{.epsilon = -1e-8}); }, "adam", {"epsilon = -1e-08"}));
  EXPECT_TRUE(refuses([&] { make(AdamW{.weight_decay = -1}); }, "adamw", {"weight_decay = -1"}));
  EXPECT_TRUE(refuses([&] { make(SGD{.weight_decay = -1}); }, "sgd", {"weight_decay = -1"}));
  EXPECT_TRUE(refuses([&] { make(RMSProp{.rho = 1}); }, "rmsprop", {"rho = 1", "[0, 1)"}));
  EXPECT_TRUE(refuses([&] { make(RMSProp{.momentum = -1}); }, "rmsprop", {"momentum = -1"}));
  EXPECT_TRUE(refuses([&] { make(Adagrad{.initial_accumulator = nan}); }, "adagrad", {"initial_accumulator = nan"}));
  EXPECT_TRUE(refuses([&] { make(LAMB{.beta_2 = 1}); }, "lamb", {"beta_2 = 1"}));
  EXPECT_TRUE(refuses([&] { make(Nadam{.momentum_decay = -1}); }, "nadam", {"momentum_decay = -1"}));
  EXPECT_TRUE(refuses([&] { make(Adamax{.beta_2 = 1}); }, "adamax", {"beta_2 = 1"}));
  EXPECT_TRUE(refuses([&] { make(Adadelta{.epsilon = 0}); }, "adadelta", {"epsilon = 0", "above 0"}));
  EXPECT_TRUE(refuses([&] { make(Lion{.beta_1 = 1}); }, "lion", {"beta_1 = 1"}));
  EXPECT_TRUE(refuses([&] { make(RAdam{.beta_2 = 1}); }, "radam", {"beta_2 = 1"}));
}

TEST(Optimizer, RefusesOtherParameters) {
  std::vector<Parameter<float>> weights = parameters<float>();
  Optimizer<float> optimizer(Adam{}, std::span<const Parameter<float>>(weights));
  std::vector<Tensor<float>> g = gradients<float>(weights, 1);
  g[1] = Tensor<float>(Shape{4});
  auto g_views = views(g);
  EXPECT_TRUE(refuses([&] { optimizer.step(std::span(weights), g_views); }, "Optimizer", {"made for"}));
  g_views.pop_back();
  EXPECT_TRUE(refuses([&] { optimizer.step(std::span(weights), g_views); }, "Optimizer", {"made for"}));
  EXPECT_EQ(optimizer.steps(), 0);
}

}  // namespace
}  // namespace hubel::test
