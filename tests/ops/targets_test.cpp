// The operations with every instruction set: elsewhere in these tests only the best one runs.
#include <gtest/gtest.h>

#include <cstdint>

#include "conv_cases.hpp"
#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/dense.hpp"
#include "hubel/pool.hpp"
#include "instruction_sets.hpp"
#include "testing.hpp"

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
void check_denses() {
  for (std::int64_t n = 1; n <= 40; ++n) {
    const Shape x{1 + n % 7, n}, w{n, 41 - n};
    const Tensor<T> X = random_tensor<T>(x, 3), W = random_tensor<T>(w, 4), b = random_tensor<T>({41 - n}, 5),
                    dZ = random_tensor<T>({x[0], w[1]}, 6);
    EXPECT_TRUE(close(dense_forward(X, W, b), reference::dense_forward<T>(X, W, b), kTolerance<T>)) << n;
    const DenseGradients<T> got = dense_backward(dZ, X, W);
    const reference::DenseGradients expected = reference::dense_backward<T>(dZ, X, W);
    EXPECT_TRUE(close(got.dX, expected.dX, kTolerance<T>)) << n;
    EXPECT_TRUE(close(got.dW, expected.dW, kTolerance<T>)) << n;
    EXPECT_TRUE(close(got.db, expected.db, kTolerance<T>)) << n;
  }
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

TEST(TargetsTest, EveryInstructionSet) {
  on_every_instruction_set([] {
    check_convs<float>(), check_convs<double>();
    check_pools<float>(), check_pools<double>();
    check_denses<float>(), check_denses<double>();
    check_activations<float>(), check_activations<double>();
  });
}

}  // namespace
}  // namespace hubel::test
