// The values of the dense layer and its gradients: against the reference over random sizes, long sums, NaN and
// infinity, fused activations, results into given memory, the same bits for any number of threads.
#include "hubel/dense.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "testing.hpp"

namespace hubel::test {
namespace {

// Sums of up to a hundred terms.
template <class T>
constexpr double kSmallSums = std::is_same_v<T, float> ? 5e-6 : 1e-14;

template <class T>
constexpr double kContract = std::is_same_v<T, float> ? 2e-5 : 1e-12;

struct DenseCase {
  std::int64_t m, n_in, n_out;
  bool bias = true;
};

std::ostream& operator<<(std::ostream& out, const DenseCase& c) {
  return out << "(" << c.m << ", " << c.n_in << ") to " << c.n_out << (c.bias ? " with b" : " without b");
}

DenseCase random_dense(std::uint64_t seed) {
  Noise noise(seed);
  const std::int64_t most_m = seed % 4 == 0 ? 100 : 9;
  return {noise.integer(0, most_m), noise.integer(1, 100), noise.integer(1, 70), noise.chance(0.8)};
}

template <class T>
struct DenseData {
  DenseData(const DenseCase& c, std::uint64_t seed)
      : X(random_tensor<T>({c.m, c.n_in}, 4 * seed)),
        W(random_tensor<T>({c.n_in, c.n_out}, 4 * seed + 1)),
        b(random_tensor<T>({c.n_out}, 4 * seed + 2)),
        dZ(random_tensor<T>({c.m, c.n_out}, 4 * seed + 3)),
        has_bias(c.bias) {}

  TensorView<const T> bias() const { return has_bias ? b.view() : TensorView<const T>(); }

  Tensor<T> X, W, b, dZ;
  bool has_bias;
};

template <class T>
void check(const DenseCase& c, const DenseData<T>& data, double tolerance) {
  const Tensor<T> out = dense_forward(data.X, data.W, data.bias());
  ASSERT_EQ(out.shape(), (Shape{c.m, c.n_out})) << c;
  EXPECT_TRUE(close(out, reference::dense_forward<T>(data.X, data.W, data.bias()), tolerance)) << c;
  const DenseGradients<T> got = dense_backward(data.dZ, data.X, data.W);
  ASSERT_EQ(got.dX.shape(), (Shape{c.m, c.n_in})) << c;
  ASSERT_EQ(got.dW.shape(), (Shape{c.n_in, c.n_out})) << c;
  ASSERT_EQ(got.db.shape(), (Shape{c.n_out})) << c;
  const reference::DenseGradients expected = reference::dense_backward<T>(data.dZ, data.X, data.W);
  EXPECT_TRUE(close(got.dX, expected.dX, tolerance)) << "dX: " << c;
  EXPECT_TRUE(close(got.dW, expected.dW, tolerance)) << "dW: " << c;
  EXPECT_TRUE(close(got.db, expected.db, tolerance)) << "db: " << c;
}

template <class T>
class DenseTest : public ::testing::Test {};
TYPED_TEST_SUITE(DenseTest, FloatTypes);

TYPED_TEST(DenseTest, RandomSizes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const DenseCase c = random_dense(seed);
    check(c, DenseData<TypeParam>(c, seed), kSmallSums<TypeParam>);
  }
}

TYPED_TEST(DenseTest, ByHand) {
  using T = TypeParam;
  const Tensor<T> X({2, 2}, {1, 2, 3, 4}), W({2, 3}, {1, 10, 100, 2, 20, 200}), b({3}, {1, 2, 3});
  EXPECT_TRUE(same_bits(dense_forward(X, W, b), Tensor<T>({2, 3}, {6, 52, 503, 12, 112, 1103})));
  const DenseGradients<T> got = dense_backward(Tensor<T>({2, 3}, {1, 0, 2, 0, 3, 0}), X, W);
  EXPECT_TRUE(same_bits(got.dX, Tensor<T>({2, 2}, {201, 402, 30, 60})));
  EXPECT_TRUE(same_bits(got.dW, Tensor<T>({2, 3}, {1, 9, 2, 2, 12, 4})));
  EXPECT_TRUE(same_bits(got.db, Tensor<T>({3}, {1, 3, 2})));
}

// LeNet-5's layers, and larger.
TYPED_TEST(DenseTest, LargeLayers) {
  for (const DenseCase& c : {DenseCase{32, 400, 120}, DenseCase{32, 120, 84}, DenseCase{32, 84, 10},
                             DenseCase{1, 4608, 300}, DenseCase{200, 1000, 33}}) {
    check(c, DenseData<TypeParam>(c, 1), kContract<TypeParam> / 2);
  }
}

// Few rows, some and many go different ways; each with sizes that leave a remainder of vectors, tiles and blocks.
TYPED_TEST(DenseTest, EveryRemainder) {
  for (std::int64_t m : {0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 25, 33, 65})
    for (std::int64_t n_in : {1, 7, 8, 17, 130, 300})
      for (std::int64_t n_out : {1, 7, 8, 17, 130, 300}) {
        const DenseCase c{m, n_in, n_out, m % 2 == 1};
        check(c, DenseData<TypeParam>(c, 6), kContract<TypeParam> / 2);
      }
}

// What comes of a row does not depend on the rows beside it, nor on how many there are.
TYPED_TEST(DenseTest, TheSameBitsForAnyNumberOfRows) {
  using T = TypeParam;
  for (const DenseCase& c : {DenseCase{300, 130, 300}, DenseCase{300, 300, 130}, DenseCase{300, 17, 600},
                             DenseCase{300, 600, 7}, DenseCase{300, 512, 512}, DenseCase{300, 3, 5},
                             DenseCase{300, 600, 1}, DenseCase{300, 84, 10}, DenseCase{300, 300, 9}}) {
    const DenseData<T> data(c, 7);
    const Tensor<T> all = dense_forward(data.X, data.W, data.b, Activation::relu);
    const Tensor<T> dx = dense_backward(data.dZ, data.X, data.W).dX;
    for (std::int64_t m : {1, 2, 4, 5, 8, 13, 16, 25, 32, 33, 65, 128, 129, 257}) {
      const TensorView<const T> X(data.X.data(), {m, c.n_in}), dZ(data.dZ.data(), {m, c.n_out});
      const Tensor<T> some = dense_forward(X, data.W, data.b, Activation::relu);
      EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin())) << m << " rows of " << c;
      const Tensor<T> some_dx = dense_backward(dZ, X, data.W).dX;
      EXPECT_TRUE(std::equal(some_dx.begin(), some_dx.end(), dx.begin())) << "dX: " << m << " rows of " << c;
    }
  }
}

// Equal terms, where a running sum in float drifts by the same rounding at every step.
TYPED_TEST(DenseTest, LongSumsOfEqualTerms) {
  using T = TypeParam;
  for (const DenseCase& c : {DenseCase{2, 30'000, 3}, DenseCase{30'000, 3, 2}, DenseCase{2, 3, 30'000},
                             DenseCase{1, 1'000'000, 1}, DenseCase{1'000'000, 1, 1}, DenseCase{1, 1, 1'000'000}}) {
    DenseData<T> data(c, 0);
    for (Tensor<T>* x : {&data.X, &data.W, &data.b, &data.dZ}) *x = constant_tensor<T>(x->shape(), T(0.1));
    check(c, data, kContract<T>);
  }
}

TYPED_TEST(DenseTest, NoRows) {
  const DenseCase c{0, 7, 5};
  const DenseData<TypeParam> data(c, 0);
  check(c, data, 0);
  EXPECT_TRUE(same_bits(dense_backward(data.dZ, data.X, data.W).dW, Tensor<TypeParam>({7, 5})));
}

TYPED_TEST(DenseTest, FusedActivationIsDenseThenActivation) {
  for (std::string_view name : activation_names()) {
    const Activation activation = activation_from_name(name);
    for (const DenseCase& c : {DenseCase{5, 30, 19}, DenseCase{1, 7, 40, false}}) {
      const DenseData<TypeParam> data(c, 2);
      EXPECT_TRUE(same_bits(dense_forward(data.X, data.W, data.bias(), activation),
                            activation_forward(dense_forward(data.X, data.W, data.bias()), activation)))
          << name << ": " << c;
    }
  }
}

TYPED_TEST(DenseTest, NanAndInfinityComeOutWhereTheDefinitionHasThem) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const DenseCase c = random_dense(seed);
    if (c.m == 0) continue;
    for (int where = 0; where < 3; ++where) {
      DenseData<T> data(c, seed);
      Tensor<T>& x = where == 0 ? data.X : where == 1 ? data.W : data.dZ;
      Noise noise(seed);
      for (T sign : {T(1), T(1), T(-1)})
        x[noise.integer(0, x.size() - 1)] =
            sign * (seed % 2 == 0 ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::quiet_NaN());
      check(c, data, kSmallSums<T>);
    }
  }
}

// 0 * infinity: no zero may be skipped.
TYPED_TEST(DenseTest, ZeroTimesInfinityIsNan) {
  using T = TypeParam;
  const DenseCase c{3, 20, 17};
  for (int infinite = 0; infinite < 3; ++infinite) {
    DenseData<T> data(c, 0);
    for (Tensor<T>* x : {&data.X, &data.W, &data.dZ}) *x = Tensor<T>(x->shape());
    Tensor<T>& x = infinite == 0 ? data.X : infinite == 1 ? data.W : data.dZ;
    x[x.size() / 2] = std::numeric_limits<T>::infinity();
    check(c, data, 0);
  }
}

TYPED_TEST(DenseTest, ForwardIntoGivenMemory) {
  using T = TypeParam;
  const DenseCase c{6, 33, 21};
  const DenseData<T> data(c, 3);
  Tensor<T> out = constant_tensor<T>({6, 21}, std::numeric_limits<T>::quiet_NaN());
  dense_forward(data.X, data.W, data.b, Activation::relu, out);
  EXPECT_TRUE(same_bits(out, dense_forward(data.X, data.W, data.b, Activation::relu)));
}

template <class T>
void expect_same_bits(const DenseGradients<T>& a, const DenseGradients<T>& b, const DenseCase& c) {
  EXPECT_TRUE(same_bits(a.dX, b.dX)) << "dX: " << c;
  EXPECT_TRUE(same_bits(a.dW, b.dW)) << "dW: " << c;
  EXPECT_TRUE(same_bits(a.db, b.db)) << "db: " << c;
}

TYPED_TEST(DenseTest, BackwardIntoGivenMemory) {
  using T = TypeParam;
  const DenseCase c{6, 33, 21};
  const DenseData<T> data(c, 4);
  const DenseGradients<T> expected = dense_backward(data.dZ, data.X, data.W);
  for (int wanted = 0; wanted < 8; ++wanted) {
    DenseGradients<T> got = expected;
    const auto given = [&](int bit, Tensor<T>& x) {
      if ((wanted & bit) == 0) return TensorView<T>();
      std::fill(x.begin(), x.end(), std::numeric_limits<T>::quiet_NaN());
      return x.view();
    };
    dense_backward(data.dZ, data.X, data.W, given(1, got.dX), given(2, got.dW), given(4, got.db));
    expect_same_bits(got, expected, c);
  }
}

TYPED_TEST(DenseTest, SameBitsForAnyNumberOfThreads) {
  for (const DenseCase& c : {DenseCase{32, 400, 120}, DenseCase{300, 50, 10}, DenseCase{1, 2000, 500},
                             DenseCase{1000, 3, 2}, DenseCase{70, 84, 33}}) {
    const DenseData<TypeParam> data(c, 5);
    const auto forward = [&] { return dense_forward(data.X, data.W, data.bias(), Activation::tanh); };
    const auto backward = [&] { return dense_backward(data.dZ, data.X, data.W); };
    for (int threads : {2, 3, 5}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), with_threads(1, forward))) << c;
      expect_same_bits(with_threads(threads, backward), with_threads(1, backward), c);
    }
  }
}

}  // namespace
}  // namespace hubel::test
