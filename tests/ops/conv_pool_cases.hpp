// Cases for the tests of a convolution and its max pooling computed as one.
#pragma once

#include "conv_cases.hpp"
#include "hubel/activation.hpp"
#include "hubel/pool.hpp"
#include "ops/conv_pool.hpp"
#include "testing.hpp"

namespace hubel::test {

using detail::ConvPool;

struct PairCase {
  ConvPool pair;
  Shape x, W;
  bool bias;
};

// A pair whose shapes fit.
inline PairCase random_pair(std::uint64_t seed) {
  Noise noise(seed);
  for (;;) {
    PairCase c;
    const std::int64_t c_prev = noise.integer(1, 20);
    c.x = {noise.integer(1, 20), noise.integer(1, 14), noise.integer(1, 14), c_prev};
    c.W = {noise.integer(1, 5), noise.integer(1, 5), c_prev, noise.integer(1, 20)};
    c.bias = noise.chance(0.8);
    c.pair.conv.padding = noise.chance(0.3)   ? Padding::same()
                          : noise.chance(0.5) ? Padding::valid()
                                              : random_sides(noise, 4, 4);
    c.pair.conv.stride = {noise.integer(1, 3), noise.integer(1, 3)};
    const Activation activations[] = {Activation::identity, Activation::relu, Activation::tanh};
    c.pair.activation = activations[noise.integer(0, 2)];
    c.pair.pool.kernel_shape = {2, 2};
    if (noise.chance(0.4)) c.pair.pool.kernel_shape = {noise.integer(1, 3), noise.integer(1, 3)};
    c.pair.pool.stride = {c.pair.pool.kernel_shape[0] + noise.integer(0, 1),
                          c.pair.pool.kernel_shape[1] + noise.integer(0, 1)};
    try {
      pool_output_shape(conv_geometry(c.x, c.W, c.pair.conv).output_shape(), c.pair.pool);
      return c;
    } catch (const std::invalid_argument&) {
    }
  }
}

template <class T>
struct Results {
  Tensor<T> y, winners, dz, dx, dW, db;
};

template <class T>
struct PairData {
  PairData(const PairCase& c_, std::uint64_t seed)
      : c(c_),
        x(random_tensor<T>(c.x, 5 * seed)),
        W(random_tensor<T>(c.W, 5 * seed + 1)),
        b(random_tensor<T>({1, 1, 1, c.W[3]}, 5 * seed + 2)),
        dy(random_tensor<T>(pool_output_shape(conv_geometry(c.x, c.W, c.pair.conv).output_shape(), c.pair.pool),
                            5 * seed + 3)) {}

  TensorView<const T> bias() const { return c.bias ? b.view() : TensorView<const T>(); }

  Results<T> run(bool wants_dx = true) const {
    const Shape sample = x.shape().without_first();
    const detail::ConvPoolPlan<T> plan(c.pair, sample, W.shape());
    Results<T> r{Tensor<T>(dy.shape()), Tensor<T>(Shape{x.shape()[0], plan.winners_size()}),
                 Tensor<T>(dy.shape()), Tensor<T>(x.shape()),
                 Tensor<T>(W.shape()),  Tensor<T>(b.shape())};
    Tensor<T> packed(Shape{plan.packed_size()}), sums(Shape{plan.gradient_size()});
    plan.pack(W.data(), bias().data(), true, packed.data());
    plan.forward({W.data(), bias().data(), packed.data()}, x.data(), x.shape()[0], r.y.data(), r.winners.data());
    activation_backward(dy, r.y, r.y, c.pair.activation, r.dz);
    for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
      plan.add_gradients(packed.data(), r.dz.data() + i * plan.output_size(),
                         r.winners.data() + i * plan.winners_size(), x.data() + i * plan.input_size(),
                         wants_dx ? r.dx.data() + i * plan.input_size() : nullptr, sums.data());
    }
    plan.put_gradients(sums.data(), r.dW.data(), r.db.data());
    return r;
  }

  // The output alone.
  Tensor<T> infer() const {
    const detail::ConvPoolPlan<T> plan(c.pair, x.shape().without_first(), W.shape());
    Tensor<T> y(dy.shape()), packed(Shape{plan.packed_size()});
    plan.pack(W.data(), bias().data(), false, packed.data());
    plan.forward({W.data(), bias().data(), packed.data()}, x.data(), x.shape()[0], y.data(), nullptr);
    return y;
  }

  // The operations one after another.
  Results<T> one_by_one() const {
    Results<T> r;
    const Tensor<T> conv = conv_forward(x, W, bias(), c.pair.activation, c.pair.conv);
    r.y = pool_forward(conv, c.pair.pool);
    const Tensor<T> d = pool_backward(dy, conv, c.pair.pool);
    r.dz = Tensor<T>(d.shape());
    activation_backward(d, conv, conv, c.pair.activation, r.dz);
    ConvGradients<T> g = conv_backward(r.dz, x, W, b, c.pair.conv);
    r.dx = std::move(g.dA_prev), r.dW = std::move(g.dW), r.db = std::move(g.db);
    return r;
  }

  PairCase c;
  Tensor<T> x, W, b, dy;
};

// What the pair makes of the data, and the operations one after another, are alike.
template <class T>
void expect_alike(const PairData<T>& data, double tolerance) {
  const Results<T> got = data.run(), expected = data.one_by_one();
  const auto alike = [&](const Tensor<T>& a, const Tensor<T>& b) {
    return close(a, reference::Array::of(b.view()), tolerance);
  };
  EXPECT_TRUE(alike(got.y, expected.y));
  EXPECT_TRUE(alike(got.dx, expected.dx));
  EXPECT_TRUE(alike(got.dW, expected.dW));
  EXPECT_TRUE(alike(got.db, expected.db));
}

}  // namespace hubel::test
