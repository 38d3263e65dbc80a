// Networks whose samples pass through in groups: outputs and gradients against the layers' plain functions one after
// another, the same bits on any number of threads and in any company, and weights that change between calls.
#include <gtest/gtest.h>

#include "hubel/activation.hpp"
#include "hubel/dense.hpp"
#include "nn/nn_testing.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 2e-5 : 1e-12;

struct Case {
  Shape input;
  std::vector<Layer> layers;
};

Activation random_activation(Noise& noise) {
  const Activation some[] = {Activation::relu, Activation::tanh, Activation::identity, Activation::gelu};
  return some[noise.integer(0, 3)];
}

// One to three convolutions, most with a pooling, and one to three dense layers for four classes.
Case random_case(std::uint64_t seed) {
  Noise noise(seed);
  Case c{{noise.integer(8, 17), noise.integer(8, 17), noise.integer(1, 3)}, {}};
  for (std::int64_t i = noise.integer(1, 3); i > 0; --i) {
    Conv2D conv{.filters = noise.integer(1, 20), .kernel_size = {noise.integer(1, 5), noise.integer(1, 5)}};
    conv.padding = Padding::same();
    if (noise.chance(0.2)) conv.strides = {1, 2};
    conv.activation = random_activation(noise);
    conv.use_bias = noise.chance(0.8);
    c.layers.push_back(conv);
    if (noise.chance(0.8)) c.layers.push_back(Pool2D{.mode = noise.chance(0.8) ? PoolMode::max : PoolMode::avg});
    if (noise.chance(0.2)) c.layers.push_back(ActivationLayer{random_activation(noise)});
  }
  c.layers.push_back(Flatten{});
  for (std::int64_t i = noise.integer(0, 2); i > 0; --i)
    c.layers.push_back(
        Dense{.units = noise.integer(1, 70), .activation = random_activation(noise), .use_bias = noise.chance(0.8)});
  c.layers.push_back(Dense{.units = 4, .activation = noise.chance(0.7) ? Activation::softmax : Activation::identity});
  return c;
}

Case random_fitting_case(std::uint64_t& seed) {
  for (;; ++seed) {
    const Case c = random_case(seed);
    try {
      Network<float>(c.input, c.layers);
      ++seed;
      return c;
    } catch (const std::invalid_argument&) {
    }
  }
}

Shape batch(std::int64_t m, const Shape& sample) {
  std::vector<std::int64_t> extents = {m};
  extents.insert(extents.end(), sample.begin(), sample.end());
  return Shape(extents);
}

std::vector<std::int32_t> labels_of(std::int64_t m) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < m; ++i) labels.push_back(static_cast<std::int32_t>(i * 7 % 4));
  return labels;
}

// The plain functions, layer after layer and back.
template <class T>
class OneByOne {
 public:
  OneByOne(const Network<T>& network, const Tensor<T>& x) : network_(network) {
    y_.push_back(x);
    for (const GraphLayer& placed : network.layers()) std::visit([&](const auto& l) { forward(l); }, placed.layer);
  }

  const Tensor<T>& output() const { return y_.back(); }
  const std::vector<Tensor<T>>& gradients() const { return gradients_; }
  const Tensor<T>& dx() const { return d_; }

  void backward(const Tensor<T>& dout) {
    d_ = dout;
    gradients_.resize(network_.parameters().size());
    std::size_t parameter = network_.parameters().size();
    for (std::size_t i = network_.layers().size(); i-- > 0;)
      std::visit([&](const auto& l) { back(l, i, parameter); }, network_.layers()[i].layer);
  }

 private:
  TensorView<const T> bias(bool used, std::size_t at, bool of_images) const {
    if (!used) return {};
    const Tensor<T>& b = network_.parameters()[at].value;
    return {b.data(), of_images ? Shape{1, 1, 1, b.size()} : b.shape()};
  }
  void forward(const auto&) { throw std::logic_error("a kind of layer that these tests do not have"); }
  void forward(const Conv2D& l) {
    const ConvOptions options{.padding = l.padding, .stride = l.strides};
    z_.push_back(conv_forward(y_.back(), network_.parameters()[next_].value, bias(l.use_bias, next_ + 1, true),
                              Activation::identity, options));
    next_ += l.use_bias ? 2 : 1;
    y_.push_back(activation_forward(z_.back(), l.activation));
  }
  void forward(const Dense& l) {
    z_.push_back(dense_forward(y_.back(), network_.parameters()[next_].value, bias(l.use_bias, next_ + 1, false),
                               Activation::identity));
    next_ += l.use_bias ? 2 : 1;
    y_.push_back(activation_forward(z_.back(), l.activation));
  }
  void forward(const Pool2D& l) { keep(pool_forward(y_.back(), {l.pool_size, l.strides, l.mode})); }
  void forward(const ActivationLayer& l) {
    z_.push_back(y_.back());
    y_.push_back(activation_forward(z_.back(), l.activation));
  }
  void forward(const Flatten&) {
    const std::int64_t m = y_.back().shape()[0];
    Tensor<T> flat(Shape{m, y_.back().size() / m});
    std::copy(y_.back().begin(), y_.back().end(), flat.begin());
    keep(flat);
  }
  void keep(Tensor<T> y) {
    z_.push_back(y);
    y_.push_back(std::move(y));
  }

  void through_activation(Activation activation, std::size_t i) {
    activation_backward(d_, z_[i], y_[i + 1], activation, d_);
  }
  void back(const auto&, std::size_t, std::size_t&) {}
  void back(const Conv2D& l, std::size_t i, std::size_t& parameter) {
    through_activation(l.activation, i);
    parameter -= l.use_bias ? 2 : 1;
    const ConvOptions options{.padding = l.padding, .stride = l.strides};
    ConvGradients<T> g = conv_backward(d_, y_[i], network_.parameters()[parameter].value, {}, options);
    gradients_[parameter] = std::move(g.dW);
    if (l.use_bias) gradients_[parameter + 1] = std::move(g.db);
    d_ = std::move(g.dA_prev);
  }
  void back(const Dense& l, std::size_t i, std::size_t& parameter) {
    through_activation(l.activation, i);
    parameter -= l.use_bias ? 2 : 1;
    DenseGradients<T> g = dense_backward(d_, y_[i], network_.parameters()[parameter].value);
    gradients_[parameter] = std::move(g.dW);
    if (l.use_bias) gradients_[parameter + 1] = std::move(g.db);
    d_ = std::move(g.dX);
  }
  void back(const Pool2D& l, std::size_t i, std::size_t&) {
    d_ = pool_backward(d_, y_[i], {l.pool_size, l.strides, l.mode});
  }
  void back(const ActivationLayer& l, std::size_t i, std::size_t&) { through_activation(l.activation, i); }
  void back(const Flatten&, std::size_t i, std::size_t&) {
    Tensor<T> image(y_[i].shape());
    std::copy(d_.begin(), d_.end(), image.begin());
    d_ = std::move(image);
  }

  const Network<T>& network_;
  std::vector<Tensor<T>> y_, z_, gradients_;
  Tensor<T> d_;
  std::size_t next_ = 0;
};

template <class T>
::testing::AssertionResult alike(TensorView<const T> a, const Tensor<T>& b) {
  return close(a, reference::Array::of(b.view()), kTolerance<T>);
}

template <class T>
void check_against_one_by_one(const Case& c, std::int64_t m, std::uint64_t seed) {
  using Mode = typename Execution<T>::Mode;
  Network<T> network(c.input, c.layers, seed);
  for (Parameter<T>& p : network.parameters())
    if (p.name.ends_with(".bias")) p.value = random_tensor<T>(p.value.shape(), seed + 1, -0.1, 0.1);
  SCOPED_TRACE(network.summary());
  const Tensor<T> x = random_tensor<T>(batch(m, c.input), seed + 2), dout = random_tensor<T>({m, 4}, seed + 3);
  OneByOne<T> expected(network, x);
  expected.backward(dout);
  Execution<T> inference(network, m, Mode::inference), training(network, m + 3, Mode::training);
  EXPECT_TRUE(alike(inference.forward(x), expected.output()));
  EXPECT_TRUE(alike(training.forward(x), expected.output()));
  EXPECT_TRUE(alike(training.backward(dout), expected.dx()));
  for (std::size_t i = 0; i < network.parameters().size(); ++i)
    EXPECT_TRUE(alike(TensorView<const T>(training.gradients()[i]), expected.gradients()[i]))
        << network.parameters()[i].name;
}

TEST(BySample, LikeTheLayersOneByOne) {
  std::uint64_t seed = 0;
  for (int i = 0; i < 60; ++i) {
    const Case c = random_fitting_case(seed);
    SCOPED_TRACE(seed);
    check_against_one_by_one<float>(c, 1 + i % 20, seed);
    check_against_one_by_one<double>(c, 1 + i % 20, seed);
  }
}

TEST(BySample, LeNet5LikeItsLayersOneByOne) {
  for (const std::int64_t m : {1, 8, 33}) {
    check_against_one_by_one<float>({{28, 28, 1}, lenet5_layers(4)}, m, 1);
    check_against_one_by_one<double>({{20, 24, 3}, lenet5_layers(4)}, m, 2);
  }
}

// With softmax and cross-entropy in the same pass as the rest, against forward, the loss, and backward.
TEST(BySample, LossAndGradientsInOnePass) {
  std::uint64_t seed = 1000;
  for (int i = 0; i < 30; ++i) {
    const Case c = random_fitting_case(seed);
    const std::int64_t m = 1 + i % 20;
    const Network<double> network(c.input, c.layers, seed);
    SCOPED_TRACE(network.summary());
    const Tensor<double> x = random_tensor<double>(batch(m, c.input), seed);
    const std::vector<std::int32_t> labels = labels_of(m);
    using Mode = Execution<double>::Mode;
    Execution<double> once(network, m, Mode::training), apart(network, m, Mode::training);
    const LossResult result = once.loss_and_gradients(x, labels), loss = apart.loss(x, labels);
    EXPECT_EQ(result.loss, loss.loss);
    EXPECT_EQ(result.correct, loss.correct);
    // dL/dp of the cross-entropy, which backward takes through the softmax; or dL/dlogits, which it takes as it is.
    const TensorView<const double> output = apart.forward(x);
    Tensor<double> dout({m, 4});
    if (network.ends_in_softmax()) {
      for (std::int64_t k = 0; k < m; ++k) {
        const std::int64_t at = 4 * k + labels[static_cast<std::size_t>(k)];
        dout[at] = -1 / (output[at] * static_cast<double>(m));
      }
    } else {
      softmax_cross_entropy(apart.logits(), labels, dout.view());
    }
    apart.backward(dout);
    for (std::size_t p = 0; p < network.parameters().size(); ++p)
      EXPECT_TRUE(close(TensorView<const double>(once.gradients()[p]),
                        reference::Array::of(TensorView<const double>(apart.gradients()[p])), 1e-9))
          << network.parameters()[p].name;
  }
}

TEST(BySample, TheSameBitsOnAnyNumberOfThreads) {
  std::uint64_t seed = 2000;
  for (int i = 0; i < 12; ++i) {
    const Case c = i == 0 ? Case{{28, 28, 1}, lenet5_layers(4)} : random_fitting_case(seed);
    const Network<float> network(c.input, c.layers, seed);
    SCOPED_TRACE(network.summary());
    for (const std::int64_t m : {1, 7, 9, 32, 150}) {
      const Tensor<float> x = random_tensor<float>(batch(m, c.input), seed);
      const std::vector<std::int32_t> labels = labels_of(m);
      const auto run = [&] {
        Execution<float> execution(network, m, Execution<float>::Mode::training);
        std::vector<Tensor<float>> results(1, Tensor<float>({1}));
        results[0][0] = static_cast<float>(execution.loss_and_gradients(x, labels).loss);
        for (const TensorView<float>& g : execution.gradients()) {
          results.emplace_back(g.shape());
          std::copy(g.begin(), g.end(), results.back().begin());
        }
        return results;
      };
      const std::vector<Tensor<float>> one = with_threads(1, run);
      for (int threads : {2, 3, 8}) {
        const std::vector<Tensor<float>> many = with_threads(threads, run);
        for (std::size_t k = 0; k < one.size(); ++k) EXPECT_TRUE(same_bits(many[k], one[k])) << threads << ", " << k;
      }
    }
  }
}

// The output for a sample, and the gradient that comes back to it, whatever else is in the batch.
TEST(BySample, AnyCompany) {
  std::uint64_t seed = 3000;
  for (int i = 0; i < 12; ++i) {
    const Case c = i == 0 ? Case{{28, 28, 1}, lenet5_layers(4)} : random_fitting_case(seed);
    const Network<float> network(c.input, c.layers, seed);
    SCOPED_TRACE(network.summary());
    constexpr std::int64_t m = 13;
    const Tensor<float> x = random_tensor<float>(batch(m, c.input), seed), dout = random_tensor<float>({m, 4}, seed);
    using Mode = Execution<float>::Mode;
    Execution<float> all(network, m, Mode::training), inference(network, m, Mode::inference);
    const Tensor<float> y = [&] {
      Tensor<float> copy({m, 4});
      const auto out = all.forward(x);
      std::copy(out.begin(), out.end(), copy.begin());
      return copy;
    }();
    const TensorView<const float> dx = all.backward(dout);
    Execution<float> one(network, 1, Mode::training), predicts(network, 1, Mode::inference);
    const auto together = inference.forward(x);
    const std::int64_t size = c.input.elements();
    for (std::int64_t k = 0; k < m; ++k) {
      const TensorView<const float> sample(x.data() + k * size, batch(1, c.input));
      EXPECT_TRUE(same_bits(one.forward(sample), TensorView<const float>(y.data() + 4 * k, {1, 4})));
      EXPECT_TRUE(same_bits(one.backward({dout.data() + 4 * k, Shape{1, 4}}),
                            TensorView<const float>(dx.data() + k * size, sample.shape())));
      EXPECT_TRUE(same_bits(predicts.forward(sample), TensorView<const float>(together.data() + 4 * k, {1, 4})));
    }
  }
}

// A convolution's weights are packed when they have changed, however that happens.
TEST(BySample, WeightsThatChangeBetweenCalls) {
  Network<float> network = lenet5(1);
  const Tensor<float> x = random_tensor<float>({2, 28, 28, 1}, 1);
  using Mode = Execution<float>::Mode;
  Execution<float> kept(network, 2, Mode::inference), trains(network, 2, Mode::training);
  const auto expect_current = [&] {
    Execution<float> fresh(network, 2, Mode::inference);
    const TensorView<const float> expected = fresh.forward(x);
    EXPECT_TRUE(same_bits(kept.forward(x), expected));
    EXPECT_TRUE(same_bits(trains.forward(x), expected));
  };
  expect_current();
  float& last = network.parameter("conv2d_2.bias").value[15];  // a reference that is kept and written through later
  for (const float value : {1.0f, -2.0f, 0.0f, -0.0f}) {
    last = value;
    expect_current();
  }
  network.parameter("conv2d_1.kernel").value[3] += 1;
  expect_current();
  network.reset(7);
  expect_current();
}

}  // namespace
}  // namespace hubel::test
