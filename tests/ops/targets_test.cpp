// The operations with every instruction set that is compiled in and that this machine has, from the best down to the
// baseline: elsewhere in these tests only the best one runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "conv_cases.hpp"
#include "conv_pool_cases.hpp"
#include "every_target.hpp"
#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/dense.hpp"
#include "hubel/network.hpp"
#include "hubel/optimizer.hpp"
#include "hubel/pool.hpp"
#include "small_dense_cases.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

// As in the tests of each operation.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-13;

template <class T>
void check_convs() {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const ConvCase c = random_conv(seed);
    const ConvData<T> data(c, seed);
    check_forward(c, data, kTolerance<T>);
    check_backward(c, data, kTolerance<T>);
  }
}

// Shapes that go ways of their own: few channels in or out, long rows, depthwise, 1x1, strides, many channels.
std::vector<ConvCase> special_convs() {
  const auto strided = [](std::int64_t s) { return ConvOptions{.stride = {s, s}}; };
  const auto depthwise = [](std::int64_t channels, std::int64_t s) {
    return ConvOptions{.stride = {s, s}, .groups = channels};
  };
  return {
      {{3, 28, 28, 1}, {5, 5, 1, 6}, {}},
      {{2, 14, 14, 6}, {5, 5, 6, 16}, {.padding = Padding::valid()}},
      {{1, 37, 45, 3}, {7, 7, 3, 24}, {.padding = Padding::all(3), .stride = {2, 2}}},
      {{1, 21, 19, 3}, {3, 3, 3, 64}, {}},
      {{1, 19, 21, 40}, {3, 3, 40, 3}, {}},
      {{1, 9, 11, 96}, {3, 3, 1, 96}, depthwise(96, 1)},
      {{1, 11, 9, 67}, {3, 3, 1, 67}, depthwise(67, 2)},
      {{2, 7, 7, 80}, {1, 1, 80, 72}, {}},
      {{1, 14, 14, 48}, {1, 1, 48, 96}, strided(2)},
      {{1, 15, 14, 33}, {3, 3, 33, 70}, strided(2)},
      {{1, 5, 5, 300}, {3, 3, 300, 9}, {.algorithm = ConvAlgorithm::direct}},
  };
}

template <class T>
void check_special_convs() {
  for (const ConvCase& c : special_convs()) {
    const ConvData<T> data(c, 9);
    check_forward(c, data, kTolerance<T>);
    check_backward(c, data, kTolerance<T>);
  }
}

template <class T>
void check_winograd() {
  // As documented at ConvAlgorithm.
  constexpr double kBound = std::is_same_v<T, float> ? 1e-5 : 1e-12;
  for (std::uint64_t seed = 1000; seed < 1040; ++seed) {
    const ConvCase c = random_winograd_conv(seed);
    const ConvData<T> data(c, seed);
    check_forward(c, data, kBound);
    check_backward(c, data, kBound);
  }
}

template <class T>
void check_pools() {
  for (std::int64_t channels = 1; channels <= 40; ++channels)
    for (PoolMode mode : {PoolMode::max, PoolMode::avg})
      for (const PoolCase& c : {PoolCase{{1, 6, 4, channels}, {{2, 2}, {2, 2}, mode}},
                                PoolCase{{1, 5, 7, channels}, {{3, 2}, {1, 3}, mode}}}) {
        const Tensor<T> A_prev = random_tensor<T>(c.A_prev, 1), dA = random_tensor<T>(c.output(), 2);
        EXPECT_TRUE(
            close(pool_forward(A_prev, c.options), reference::pool_forward<T>(A_prev, c.options), kTolerance<T>))
            << c;
        EXPECT_TRUE(close(pool_backward(dA, A_prev, c.options), reference::pool_backward<T>(dA, A_prev, c.options),
                          kTolerance<T>))
            << c;
      }
}

template <class T>
void check_dense(std::int64_t m, std::int64_t n_in, std::int64_t n_out) {
  SCOPED_TRACE(detail::formatted("({}, {}) to {}", m, n_in, n_out));
  const Tensor<T> X = random_tensor<T>({m, n_in}, 3), W = random_tensor<T>({n_in, n_out}, 4),
                  b = random_tensor<T>({n_out}, 5), dZ = random_tensor<T>({m, n_out}, 6);
  EXPECT_TRUE(close(dense_forward(X, W, b), reference::dense_forward<T>(X, W, b), kTolerance<T>));
  const DenseGradients<T> got = dense_backward(dZ, X, W);
  const reference::DenseGradients expected = reference::dense_backward<T>(dZ, X, W);
  EXPECT_TRUE(close(got.dX, expected.dX, kTolerance<T>));
  EXPECT_TRUE(close(got.dW, expected.dW, kTolerance<T>));
  EXPECT_TRUE(close(got.db, expected.db, kTolerance<T>));
}

template <class T>
void check_denses() {
  for (std::int64_t n = 1; n <= 40; ++n) check_dense<T>(1 + n % 7, n, 41 - n);
  for (std::int64_t m : {1, 3, 8, 33, 70}) {
    check_dense<T>(m, 130, 300);
    check_dense<T>(m, 300, 130);
  }
}

template <class T>
void check_pairs() {
  for (std::uint64_t seed = 1000; seed < 1060; ++seed)
    expect_alike(PairData<T>(random_pair(seed), seed), kTolerance<T>);
}

template <class T>
void check_small_denses() {
  for (std::int64_t n = 1; n <= 40; ++n)
    for (Fence fence : {Fence::before, Fence::after}) check_small_dense<T>(1 + n % 9, n, 41 - n, kTolerance<T>, fence);
}

template <class T>
void check_activations() {
  for (std::string_view name : activation_names()) {
    const Activation activation = activation_from_name(name);
    const Tensor<T> x = random_tensor<T>({5, 67}, 7, -9, 9), dy = random_tensor<T>({5, 67}, 8);
    const Tensor<T> y = activation_forward(x, activation);
    Tensor<T> dx(x.shape());
    activation_backward(dy, x, y, activation, dx);
    const reference::Array in = reference::Array::of(x.view()), gradient = reference::Array::of(dy.view());
    EXPECT_TRUE(close(y, reference::activate(activation, in, 67), kTolerance<T>)) << name;
    EXPECT_TRUE(close(dx, reference::activate_backward(activation, gradient, in, 67), kTolerance<T>)) << name;
  }
}

// One step from zero moments: w + change(w, g).
template <class T, class Change>
void check_first_step(const OptimizerOptions& options, const Change& change) {
  for (std::int64_t n = 1; n <= 40; ++n) {
    const Tensor<T> before = random_tensor<T>({n}, 9, 0.5, 1);
    Tensor<T> g = random_tensor<T>({n}, 10, 0.5, 1);
    std::vector<Parameter<T>> parameters{{"w", before}};
    const TensorView<T> gradients[] = {g.view()};
    Optimizer<T>(options, parameters).step(parameters, gradients);
    reference::Array expected(n);
    for (std::int64_t i = 0; i < n; ++i)
      expected[i] = before[i] + change(static_cast<long double>(before[i]), static_cast<long double>(g[i]));
    EXPECT_TRUE(close(parameters[0].value, expected, kTolerance<T>)) << optimizer_name(options) << ' ' << n;
  }
}

template <class T>
void check_optimizers() {
  const auto root = [](long double g, long double factor) { return std::sqrt(factor) * g; };
  check_first_step<T>(Adam{}, [](long double, long double g) { return -1e-3L * g / (g + 1e-8L); });
  check_first_step<T>(Adam{.amsgrad = true}, [](long double, long double g) { return -1e-3L * g / (g + 1e-8L); });
  check_first_step<T>(RAdam{.learning_rate = 0.1, .weight_decay = 0.5},
                      [](long double w, long double g) { return -0.1L * (g + 0.5L * w); });
  check_first_step<T>(SGD{.learning_rate = 0.1, .momentum = 0.5, .nesterov = true, .weight_decay = 0.5},
                      [](long double w, long double g) { return -0.15L * (g + 0.5L * w); });
  check_first_step<T>(Adagrad{.learning_rate = 0.1, .epsilon = 0.5},
                      [](long double, long double g) { return -0.1L * g / (g + 0.5L); });
  const auto rmsprop = [&](long double mean_share) {
    return [root, mean_share](long double, long double g) { return -0.1L * g / (root(g, mean_share) + 0.5L); };
  };
  check_first_step<T>(RMSProp{.learning_rate = 0.1, .rho = 0.75, .epsilon = 0.5, .momentum = 0.5}, rmsprop(0.25L));
  check_first_step<T>(RMSProp{.learning_rate = 0.1, .rho = 0.75, .epsilon = 0.5, .centered = true},
                      rmsprop(0.25L - 0.0625L));
  // mu_1 is 0.52 beta_1, mu_2 is 0.5392 beta_1.
  check_first_step<T>(Nadam{.learning_rate = 0.1, .beta_1 = 0.5, .epsilon = 0.5}, [](long double, long double g) {
    return -0.1L * (0.2696L * 0.5L / (1 - 0.26L * 0.2696L) + 1) * g / (g + 0.5L);
  });
  check_first_step<T>(Adamax{.learning_rate = 0.1, .epsilon = 0.5},
                      [](long double, long double g) { return -0.1L * g / (g + 0.5L); });
  check_first_step<T>(Adadelta{.learning_rate = 0.1, .rho = 0.75, .epsilon = 0.5},
                      [](long double, long double g) { return -0.1L * g * std::sqrt(0.5L / (0.25L * g * g + 0.5L)); });
  check_first_step<T>(Lion{.learning_rate = 0.1, .weight_decay = 0.5},
                      [](long double w, long double) { return -0.05L * w - 0.1L; });
}

// Its direction is then the gradient's sign, and the weights' norm is kept to.
template <class T>
void check_lamb() {
  for (std::int64_t n = 1; n <= 40; ++n) {
    const Tensor<T> before = random_tensor<T>({n}, 9);
    Tensor<T> g = random_tensor<T>({n}, 10, 0.5, 1);
    std::vector<Parameter<T>> parameters{{"w", before}};
    const TensorView<T> gradients[] = {g.view()};
    Optimizer<T>(LAMB{.learning_rate = 0.1, .epsilon = 0, .weight_decay = 0}, parameters).step(parameters, gradients);
    long double squares = 0;
    for (const T w : before) squares += static_cast<long double>(w) * w;
    reference::Array expected(n);
    for (std::int64_t i = 0; i < n; ++i)
      expected[i] = before[i] - 0.1L * std::sqrt(squares / static_cast<long double>(n));
    EXPECT_TRUE(close(parameters[0].value, expected, kTolerance<T>)) << n;
  }
}

// Numbers too small for a full mantissa come through unharmed where nothing is to be rounded.
template <class T>
void check_denormals() {
  Tensor<T> x = random_tensor<T>({1, 5, 7, 19}, 11);
  for (T& v : x) v *= std::numeric_limits<T>::min() / 8;
  const Shape all{35, 19};
  Tensor<T> unit({1, 1, 19, 19});
  for (std::int64_t c = 0; c < 19; ++c) unit[c * 19 + c] = 1;
  const TensorView<const T> matrix(unit.data(), {19, 19}), rows(x.data(), all), none;
  EXPECT_TRUE(same_bits(conv_forward(x, unit, none), x));
  EXPECT_TRUE(same_bits(conv_backward(x, x, unit, Tensor<T>({1, 1, 1, 19})).dA_prev, x));
  EXPECT_TRUE(same_bits<T>(dense_forward(rows, matrix, none).view(), rows));
  EXPECT_TRUE(same_bits(pool_forward(x, {{1, 1}, {1, 1}, PoolMode::max}), x));
  for (T& v : x) v = std::abs(v);
  EXPECT_TRUE(same_bits(activation_forward(x, Activation::relu), x));
}

template <class T>
void check_everything() {
  check_convs<T>();
  check_special_convs<T>();
  check_winograd<T>();
  check_pools<T>();
  check_denses<T>();
  check_pairs<T>();
  check_small_denses<T>();
  check_activations<T>();
  check_optimizers<T>();
  check_lamb<T>();
  check_denormals<T>();
}

TEST(TargetsTest, EveryInstructionSet) {
  with_every_target([] {
    check_everything<float>();
    check_everything<double>();
  });
}

// The gradients of LeNet-5's parameters for some images.
template <class T>
std::vector<Tensor<T>> lenet_gradients() {
  const Network<T> network = lenet5<T>(1);
  Execution<T> execution(network, 5, Execution<T>::Mode::training);
  const std::vector<std::int32_t> labels = {3, 1, 4, 1, 5};
  const Tensor<T> x = random_tensor<T>({5, 28, 28, 1}, 12, 0, 1);
  execution.loss_and_gradients(x, labels);
  std::vector<Tensor<T>> gradients;
  for (const TensorView<T>& g : execution.gradients()) {
    gradients.emplace_back(g.shape());
    std::copy(g.begin(), g.end(), gradients.back().begin());
  }
  return gradients;
}

template <class T>
void expect_near(const std::vector<Tensor<T>>& got, const std::vector<Tensor<double>>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(close(got[i], reference::Array::of(expected[i].view()), tolerance)) << "parameter " << i;
}

// What a network does in one go (a convolution and its pooling) has loops of its own.
TEST(TargetsTest, NetworksAgree) {
  const std::vector<Tensor<double>> expected = lenet_gradients<double>();
  with_every_target([&] {
    expect_near(lenet_gradients<double>(), expected, 1e-12);
    expect_near(lenet_gradients<float>(), expected, 2e-5);
  });
}

}  // namespace
}  // namespace hubel::test
