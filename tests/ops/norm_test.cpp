// Batch, group and layer normalisation: against the reference over random shapes, gradients by differences, far means,
// NaN, empty arrays, threads, memory, instruction sets, errors.
#include "hubel/norm.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "every_target.hpp"
#include "norm_reference.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// Values are normalised to about 1 and have a few roundings each; gradients are differences of such.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 3e-6 : 1e-14;

constexpr double kEpsilon = 1e-3;

// The same for values about 1000 with a deviation of 1: their mean is known to a few units of a double's precision.
template <class T>
constexpr double kFarTolerance = kTolerance<T> + 1000 * 0x1p-51;

template <class T>
class NormTest : public ::testing::Test {};
TYPED_TEST_SUITE(NormTest, FloatTypes);

// ---- Cases -----------------------------------------------------------------------------------------------------

enum class Kind { batch, group, layer };

struct NormCase {
  Kind kind;
  Shape x;
  std::int64_t count = 1;  // groups, or axes
  Activation activation = Activation::identity;
  bool gamma = true, beta = true;

  reference::NormMap map() const {
    if (kind == Kind::batch) return reference::batch_map(x);
    return kind == Kind::group ? reference::group_map(x, count) : reference::layer_map(x, count);
  }
  Shape parameter() const {
    if (kind != Kind::layer) return Shape{x.back()};
    return Shape(std::span(x.end() - count, x.end()));
  }
  Shape statistics() const {
    if (kind == Kind::batch) return Shape{x.back()};
    if (kind == Kind::group) return Shape{x[0], count};
    return Shape(std::span(x.begin(), x.end() - count));
  }
};

std::ostream& operator<<(std::ostream& out, const NormCase& c) {
  static constexpr std::string_view kKinds[] = {"batch", "group", "layer"};
  return out << kKinds[static_cast<int>(c.kind)] << " of " << c.x.to_string() << ", " << c.count << " groups or axes, "
             << activation_name(c.activation) << (c.gamma ? ", gamma" : "") << (c.beta ? ", beta" : "");
}

constexpr Activation kActivations[] = {Activation::identity, Activation::relu,    Activation::relu6,
                                       Activation::gelu,     Activation::sigmoid, Activation::hard_swish,
                                       Activation::elu,      Activation::silu};

NormCase random_case(std::uint64_t seed) {
  Noise noise(seed);
  const std::int64_t c = noise.chance(0.3) ? noise.integer(1, 4) : noise.integer(1, 90);
  NormCase n{static_cast<Kind>(seed % 3), {}};
  const bool matrix = noise.chance(0.2);
  n.x = matrix ? Shape{noise.integer(2, 300), c}
               : Shape{noise.integer(1, 4), noise.integer(1, 17), noise.integer(2, 17), c};
  if (n.kind == Kind::batch) n.activation = kActivations[noise.integer(0, 7)];
  if (n.kind == Kind::layer) n.count = noise.integer(1, matrix ? 1 : 3);
  if (n.kind == Kind::group) {
    do n.count = noise.integer(1, c);
    while (c % n.count != 0);
  }
  n.gamma = noise.chance(0.8), n.beta = noise.chance(0.8);
  return n;
}

// Many rows, many channels, long rows: where parts, blocks and segments divide the work, none even.
std::vector<NormCase> larger_cases() {
  return {{Kind::batch, {3, 61, 67, 3}, 1, Activation::relu},
          {Kind::batch, {2, 33, 35, 67}, 1, Activation::relu6},
          {Kind::batch, {9, 1203}, 1, Activation::silu},
          {Kind::batch, {70'001, 1}},
          {Kind::group, {3, 61, 67, 6}, 2},
          {Kind::group, {2, 31, 33, 68}, 17},
          {Kind::group, {1, 3, 5, 1206}, 3},
          {Kind::layer, {3, 61, 67, 3}, 3},
          {Kind::layer, {2, 300, 257}, 1},
          {Kind::layer, {5, 33, 129}, 2},
          {Kind::layer, {20'003, 3}, 1}};
}

template <class T>
struct Data {
  Tensor<T> x, gamma, beta, dy;

  Data(const NormCase& c, std::uint64_t seed)
      : x(random_tensor<T>(c.x, seed, -2, 3)),
        gamma(random_tensor<T>(c.parameter(), seed + 1, -1.5, 1.5)),
        beta(random_tensor<T>(c.parameter(), seed + 2)),
        dy(random_tensor<T>(c.x, seed + 3)) {}
};

template <class T>
TensorView<const T> if_given(bool given, TensorView<const T> view) {
  return given ? view : TensorView<const T>();
}

// The operation under test, whichever it is.
template <class T>
void run_forward(const NormCase& c, TensorView<const T> x, TensorView<const T> gamma, TensorView<const T> beta,
                 TensorView<T> y, TensorView<T> mean, TensorView<T> inv_std) {
  gamma = if_given(c.gamma, gamma), beta = if_given(c.beta, beta);
  if (c.kind == Kind::batch) batch_norm_forward(x, gamma, beta, kEpsilon, c.activation, y, mean, inv_std);
  if (c.kind == Kind::group) group_norm_forward(x, c.count, gamma, beta, kEpsilon, y, mean, inv_std);
  if (c.kind == Kind::layer) layer_norm_forward(x, c.count, gamma, beta, kEpsilon, y, mean, inv_std);
}

template <class T>
struct Results {
  Tensor<T> y, mean, inv_std, dx, dgamma, dbeta;

  explicit Results(const NormCase& c)
      : y(c.x), mean(c.statistics()), inv_std(c.statistics()), dx(c.x), dgamma(c.parameter()), dbeta(c.parameter()) {}
};

template <class T>
struct Inputs {
  TensorView<const T> x, gamma, beta, dy, y, mean, inv_std;
};

template <class T>
void run_backward(const NormCase& c, const Inputs<T>& in, TensorView<T> dx, TensorView<T> dgamma, TensorView<T> dbeta) {
  const auto gamma = if_given(c.gamma, in.gamma), beta = if_given(c.beta, in.beta);
  if (c.kind == Kind::batch)
    batch_norm_backward(in.dy, in.x, in.y, gamma, beta, in.mean, in.inv_std, c.activation, dx, dgamma, dbeta);
  if (c.kind == Kind::group) group_norm_backward(in.dy, in.x, c.count, gamma, in.mean, in.inv_std, dx, dgamma, dbeta);
  if (c.kind == Kind::layer) layer_norm_backward(in.dy, in.x, c.count, gamma, in.mean, in.inv_std, dx, dgamma, dbeta);
}

template <class T>
Results<T> run(const NormCase& c, const Data<T>& d) {
  Results<T> r(c);
  run_forward<T>(c, d.x, d.gamma, d.beta, r.y, r.mean, r.inv_std);
  run_backward<T>(c, {d.x, d.gamma, d.beta, d.dy, r.y, r.mean, r.inv_std}, r.dx, r.dgamma, r.dbeta);
  return r;
}

// Sums over n values may be off by the rounding of their terms, of size 1: measured against sqrt(n), the size of a
// typical sum, since the sum itself may be small.
void expect_sums(const auto& got, const reference::Array& expected, double tolerance, std::int64_t n) {
  for (std::int64_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::abs(got[i] - expected[i]), tolerance * std::sqrt(static_cast<double>(n)) * 4) << i;
}

template <class T>
void check(const NormCase& c, std::uint64_t seed) {
  SCOPED_TRACE(testing::PrintToString(c));
  const Data<T> d(c, seed);
  const Results<T> r = run(c, d);
  const auto map = c.map();
  const auto *gamma = c.gamma ? &d.gamma : nullptr, *beta = c.beta ? &d.beta : nullptr;
  const reference::Norm f = reference::norm_forward(map, d.x, gamma, beta, kEpsilon);
  EXPECT_TRUE(close(r.mean, f.mean, kTolerance<T>));
  EXPECT_TRUE(close(r.inv_std, f.inv_std, kTolerance<T>));
  EXPECT_TRUE(close(r.y, reference::activated(c.activation, f.z), kTolerance<T>));
  const reference::Array dz = reference::through(c.activation, reference::Array::of(d.dy.view()), f.z);
  const reference::NormGradients g = reference::norm_backward(map, f, dz, gamma, c.parameter().elements());
  for (std::int64_t i = 0; i < r.dx.size(); ++i)
    ASSERT_LE(std::abs(r.dx[i] - g.dx[i]), kTolerance<T> * g.largest) << position(c.x, i);
  const std::int64_t terms = c.x.elements() / c.parameter().elements();
  expect_sums(r.dgamma, g.dgamma, kTolerance<T>, terms);
  expect_sums(r.dbeta, g.dbeta, kTolerance<T>, terms);
}

TYPED_TEST(NormTest, RandomShapes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) check<TypeParam>(random_case(seed), seed);
}

TYPED_TEST(NormTest, EveryNumberOfChannels) {
  for (std::int64_t channels = 1; channels <= 70; ++channels) {
    check<TypeParam>({Kind::batch, {2, 7, 9, channels}, 1, Activation::relu}, 1);
    check<TypeParam>({Kind::group, {2, 7, 9, channels}, channels}, 2);  // instance normalisation
    check<TypeParam>({Kind::layer, {2, 5, channels + 1}, 1}, 3);
  }
}

TYPED_TEST(NormTest, LargerShapes) {
  for (const NormCase& c : larger_cases()) check<TypeParam>(c, 4);
}

TYPED_TEST(NormTest, EveryInstructionSet) {
  with_every_target([] {
    for (std::uint64_t seed = 1000; seed < 1060; ++seed) check<TypeParam>(random_case(seed), seed);
  });
}

// ---- Accuracy --------------------------------------------------------------------------------------------------

// Values about 1000 with a deviation of 1; the first row, of which a shift might be taken, lies far off or does not.
TYPED_TEST(NormTest, MeansFarFromZero) {
  using T = TypeParam;
  for (double first : {1000.0, 0.0, -3000.0})
    for (std::int64_t c : {1, 3, 16, 40}) {
      Tensor<T> x = random_tensor<T>({40'000, c}, 5, 1000 - 1.7320508, 1000 + 1.7320508);
      for (std::int64_t i = 0; i < c; ++i) x[i] = static_cast<T>(first);
      const BatchNormResult<T> r = batch_norm_forward(x, {}, {}, 0);
      const reference::Norm f = reference::norm_forward<T>(reference::batch_map(x.shape()), x, nullptr, nullptr, 0);
      for (std::int64_t i = 0; i < c; ++i) {
        EXPECT_NEAR(r.variance[i] / static_cast<double>(f.variance[i]), 1, kTolerance<T>) << first << ", " << c;
        EXPECT_NEAR(r.mean[i] / static_cast<double>(f.mean[i]), 1, kTolerance<T> / 10) << first << ", " << c;
      }
      EXPECT_TRUE(close(r.y, f.z, kFarTolerance<T>)) << first << ", " << c;
    }
}

TYPED_TEST(NormTest, MeansFarFromZeroInGroupsAndLayers) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({2, 70, 60, 6}, 6, 1000 - 1.7320508, 1000 + 1.7320508);
  for (Kind kind : {Kind::group, Kind::layer}) {
    const NormCase c{kind, x.shape(), 3};
    const NormResult<T> r =
        kind == Kind::group ? group_norm_forward(x, 3, {}, {}, 0) : layer_norm_forward(x, 3, {}, {}, 0);
    const reference::Norm f = reference::norm_forward<T>(c.map(), x, nullptr, nullptr, 0);
    EXPECT_TRUE(close(r.y, f.z, kFarTolerance<T>)) << c;
    EXPECT_TRUE(close(r.inv_std, f.inv_std, kTolerance<T>)) << c;
  }
}

// The mean of the same value is that value, and the variance 0, whatever its size.
TYPED_TEST(NormTest, ConstantValues) {
  using T = TypeParam;
  for (T value : {T(0), T(0.1), T(-1e30), std::numeric_limits<T>::max() / 4, std::numeric_limits<T>::denorm_min()})
    for (std::int64_t c : {3, 33}) {
      const Tensor<T> x = constant_tensor<T>({500, c}, value);
      const BatchNormResult<T> r = batch_norm_forward(x, {}, {});
      for (std::int64_t i = 0; i < c; ++i) {
        EXPECT_EQ(r.mean[i], value);
        EXPECT_EQ(r.variance[i], T(0)) << value;
      }
      for (T y : r.y) ASSERT_EQ(y, T(0));
    }
}

TYPED_TEST(NormTest, NanAndInfinityStayInTheirChannel) {
  using T = TypeParam;
  for (T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
    for (std::int64_t at : {2, 5'000 * 5 + 2, 19'999 * 5 + 2}) {
      Tensor<T> x = random_tensor<T>({20'000, 5}, 7);
      x[at] = bad;
      const BatchNormResult<T> r = batch_norm_forward(x, {}, {});
      for (std::int64_t c = 0; c < 5; ++c) {
        EXPECT_EQ(std::isfinite(r.mean[c]), c != 2);
        EXPECT_EQ(std::isnan(r.inv_std[c]), c == 2);
      }
      for (std::int64_t i = 0; i < x.size(); ++i) ASSERT_EQ(std::isnan(r.y[i]), i % 5 == 2) << i;
    }
}

// ---- Frozen statistics -----------------------------------------------------------------------------------------

TYPED_TEST(NormTest, Inference) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 120; seed += 3) {
    const NormCase c = random_case(seed);
    SCOPED_TRACE(testing::PrintToString(c));
    const Data<T> d(c, seed);
    const Tensor<T> mean = random_tensor<T>(c.parameter(), 8), variance = random_tensor<T>(c.parameter(), 9, 0.1, 3);
    const auto *gamma = c.gamma ? &d.gamma : nullptr, *beta = c.beta ? &d.beta : nullptr;
    const auto map = c.map();
    reference::Norm f = reference::norm_forward(map, d.x, gamma, beta, kEpsilon);
    for (std::int64_t i = 0; i < mean.size(); ++i)
      f.inv_std[i] = 1 / std::sqrt(variance[i] + reference::Real(kEpsilon));
    for (std::int64_t i = 0; i < d.x.size(); ++i) {
      const std::int64_t k = map.channel(i);
      f.centred[i] = static_cast<reference::Real>(d.x[i]) - mean[k];
      f.z[i] = f.centred[i] * f.inv_std[k] * (gamma ? d.gamma[k] : 1) + (beta ? d.beta[k] : 0);
    }
    const auto given_gamma = if_given<T>(c.gamma, d.gamma), given_beta = if_given<T>(c.beta, d.beta);
    const Tensor<T> y = batch_norm_inference(d.x, given_gamma, given_beta, mean, variance, kEpsilon, c.activation);
    EXPECT_TRUE(close(y, reference::activated(c.activation, f.z), kTolerance<T>));
    const reference::Array dz = reference::through(c.activation, reference::Array::of(d.dy.view()), f.z);
    const auto g = reference::norm_backward(map, f, dz, gamma, mean.size(), true);
    Tensor<T> dx(c.x), dgamma(mean.shape()), dbeta(mean.shape());
    batch_norm_inference_backward(d.dy, d.x, y, given_gamma, given_beta, mean, variance, kEpsilon, c.activation, dx,
                                  dgamma, dbeta);
    EXPECT_TRUE(close(dx, g.dx, kTolerance<T>));
    const std::int64_t terms = d.x.size() / mean.size();
    expect_sums(dgamma, g.dgamma, 3 * kTolerance<T>, terms);
    expect_sums(dbeta, g.dbeta, kTolerance<T>, terms);
  }
}

// ---- Gradients -------------------------------------------------------------------------------------------------

void check_gradients(const NormCase& c) {
  Data<double> d(c, 10);
  const Results<double> r = run(c, d);
  const auto loss = [&] {
    Results<double> moved(c);
    run_forward<double>(c, d.x, d.gamma, d.beta, moved.y, moved.mean, moved.inv_std);
    return weighted_sum(d.dy, moved.y);
  };
  constexpr double kStep = 1e-5, kCurved = 1e-8;
  EXPECT_TRUE(close(r.dx, numerical_gradient(d.x, loss, kStep), kCurved)) << "dx: " << c;
  EXPECT_TRUE(close(r.dgamma, numerical_gradient(d.gamma, loss, kStep), kCurved)) << "dgamma: " << c;
  EXPECT_TRUE(close(r.dbeta, numerical_gradient(d.beta, loss, kStep), kCurved)) << "dbeta: " << c;
}

TEST(NormGradientTest, ByDifferences) {
  for (Activation activation : {Activation::identity, Activation::relu, Activation::gelu, Activation::tanh})
    for (std::int64_t c : {2, 9, 35}) check_gradients({Kind::batch, {2, 3, 3, c}, 1, activation});
  for (std::int64_t groups : {1, 3, 6}) check_gradients({Kind::group, {2, 3, 4, 6}, groups});
  for (std::int64_t axes : {1, 2, 3}) check_gradients({Kind::layer, {2, 3, 2, 5}, axes});
}

// ---- Edges, threads, memory ------------------------------------------------------------------------------------

TYPED_TEST(NormTest, OfNothing) {
  using T = TypeParam;
  const BatchNormResult<T> none = batch_norm_forward(Tensor<T>({0, 4, 4, 3}), {}, {}, 0.25);
  for (std::int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(none.mean[c], T(0));
    EXPECT_EQ(none.variance[c], T(0));
    EXPECT_EQ(none.inv_std[c], T(2));
  }
  for (const NormCase& c : {NormCase{Kind::batch, {0, 4, 4, 3}}, NormCase{Kind::batch, {2, 0, 4, 3}},
                            NormCase{Kind::batch, {3, 4, 0}}, NormCase{Kind::group, {0, 4, 4, 6}, 3},
                            NormCase{Kind::group, {2, 4, 0, 6}, 3}, NormCase{Kind::layer, {0, 4, 4, 6}, 2},
                            NormCase{Kind::layer, {2, 4, 0, 6}, 2}, NormCase{Kind::layer, {2, 4, 0, 6}, 1}}) {
    const Results<T> r = run(c, Data<T>(c, 11));
    for (T x : r.dgamma) EXPECT_EQ(x, T(0)) << c;
    for (T x : r.dbeta) EXPECT_EQ(x, T(0)) << c;
    for (T x : r.mean) EXPECT_EQ(x, T(0)) << c;
  }
}

TYPED_TEST(NormTest, OfOneRowIsBeta) {
  using T = TypeParam;
  const Tensor<T> x = random_tensor<T>({1, 7}, 12), beta = random_tensor<T>({7}, 13);
  EXPECT_TRUE(close(batch_norm_forward(x, {}, beta).y, reference::Array::of(beta.view()), 0));
}

template <class T>
bool same_results(const Results<T>& a, const Results<T>& b) {
  return same_bits(a.y, b.y) && same_bits(a.mean, b.mean) && same_bits(a.inv_std, b.inv_std) && same_bits(a.dx, b.dx) &&
         same_bits(a.dgamma, b.dgamma) && same_bits(a.dbeta, b.dbeta);
}

TYPED_TEST(NormTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  for (const NormCase& c : larger_cases()) {
    const Data<T> d(c, 14);
    const Results<T> one = with_threads(1, [&] { return run(c, d); });
    for (int threads : {2, 3, 4, 8})
      EXPECT_TRUE(same_results(with_threads(threads, [&] { return run(c, d); }), one)) << c << " on " << threads;
  }
}

TYPED_TEST(NormTest, InPlaceAndInPart) {
  using T = TypeParam;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const NormCase c = random_case(seed);
    const Data<T> d(c, seed);
    const Results<T> r = run(c, d);
    const Inputs<T> in{d.x, d.gamma, d.beta, d.dy, r.y, r.mean, r.inv_std};
    Tensor<T> both = d.dy, dgamma(c.parameter()), dbeta(c.parameter()), dx(c.x);
    Inputs<T> over = in;
    over.dy = both;
    run_backward<T>(c, over, both, dgamma, {});
    EXPECT_TRUE(same_bits(both, r.dx) && same_bits(dgamma, r.dgamma)) << c;
    run_backward<T>(c, in, {}, {}, dbeta);
    EXPECT_TRUE(same_bits(dbeta, r.dbeta)) << c;
    run_backward<T>(c, in, dx, {}, {});
    EXPECT_TRUE(same_bits(dx, r.dx)) << c;
  }
}

template <class T>
void check_fenced(const NormCase& c, Fence fence) {
  const OnCrashSay say(testing::PrintToString(c));
  SCOPED_TRACE(testing::PrintToString(c));
  const Data<T> d(c, 15);
  const Results<T> r = run(c, d);
  const FencedTensor<T> x(d.x, fence), gamma(d.gamma, fence), beta(d.beta, fence), dy(d.dy, fence), y(r.y, fence),
      mean(r.mean, fence), inv_std(r.inv_std, fence);
  FencedTensor<T> y_out(c.x, fence), mean_out(c.statistics(), fence), inv_std_out(c.statistics(), fence);
  run_forward<T>(c, x, gamma, beta, y_out, mean_out, inv_std_out);
  FencedTensor<T> dx(c.x, fence), dgamma(c.parameter(), fence), dbeta(c.parameter(), fence);
  run_backward<T>(c, {x, gamma, beta, dy, y, mean, inv_std}, dx, dgamma, dbeta);
  EXPECT_TRUE(same_bits(y_out.view(), r.y.view()) && same_bits(mean_out.view(), r.mean.view()));
  EXPECT_TRUE(same_bits(inv_std_out.view(), r.inv_std.view()) && same_bits(dx.view(), r.dx.view()));
  EXPECT_TRUE(same_bits(dgamma.view(), r.dgamma.view()) && same_bits(dbeta.view(), r.dbeta.view()));
  for (const auto* written : {&y_out, &mean_out, &inv_std_out, &dx, &dgamma, &dbeta}) EXPECT_TRUE(written->untouched());
}

TYPED_TEST(NormTest, NothingOutsideItsArrays) {
  with_every_target([] {
    for (Fence fence : {Fence::before, Fence::after}) {
      for (std::int64_t c = 1; c <= 40; ++c) {
        check_fenced<TypeParam>({Kind::batch, {2, 3, 5, c}, 1, kActivations[c % 8]}, fence);
        check_fenced<TypeParam>({Kind::group, {2, 3, 5, c}, c}, fence);
        check_fenced<TypeParam>({Kind::layer, {2, 5, c}, 1}, fence);
      }
      for (const NormCase& c : larger_cases()) check_fenced<TypeParam>(c, fence);
    }
  });
}

// ---- Errors ----------------------------------------------------------------------------------------------------

TEST(NormErrorTest, Batch) {
  const Tensor<float> x({2, 3, 4}), flat({4}), c3({3}), c4({4});
  Tensor<float> y({2, 3, 4}), wrong({2, 4, 3}), s3({3}), s4({4}), also4({4});
  constexpr std::string_view who = "batch_norm_forward", back = "batch_norm_backward";
  constexpr Activation kNone = Activation::identity;
  EXPECT_TRUE(refuses([&] { batch_norm_forward(flat, {}, {}); }, who, {"x", "(4,)", "(m, ..., c)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, c3, {}); }, who, {"gamma", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, {}, c3); }, who, {"beta", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, {}, {}, -1); }, who, {"epsilon", "-1", "0"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, {}, {}, std::nan("")); }, who, {"epsilon", "nan", "0"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, {}, {}, 0, kNone, wrong, s4, also4); }, who, {"y", "(2, 4, 3)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, {}, {}, 0, kNone, y, s3, s4); }, who, {"mean", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_forward(x, {}, {}, 0, kNone, y, s4, s3); }, who, {"inv_std", "(3,)", "(4,)"}));
  EXPECT_TRUE(
      refuses([&] { batch_norm_forward(x, {}, {}, 0, kNone, y, s4, also4, s3); }, who, {"variance", "(3,)", "(4,)"}));
  const auto backward = [&](auto dy, auto out, auto gamma, auto mean, auto inv, auto dx, auto dgamma, auto dbeta) {
    using In = TensorView<const float>;
    using Out = TensorView<float>;
    return [=, &x] {
      batch_norm_backward(In(dy), x, In(out), In(gamma), {}, In(mean), In(inv), Activation::relu, Out(dx), Out(dgamma),
                          Out(dbeta));
    };
  };
  const auto v = [](Tensor<float>& t) { return t.view(); };
  const TensorView<float> none;
  EXPECT_TRUE(refuses(backward(v(wrong), v(y), none, v(s4), v(s4), none, none, none), back, {"dy", "(2, 4, 3)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(wrong), none, v(s4), v(s4), none, none, none), back, {"y", "(2, 4, 3)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(y), v(s3), v(s4), v(s4), none, none, none), back, {"gamma", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(y), none, v(s3), v(s4), none, none, none), back, {"mean", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(y), none, v(s4), v(s3), none, none, none), back, {"inv_std", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(y), none, v(s4), v(s4), v(wrong), none, none), back, {"dx", "(2, 4, 3)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(y), none, v(s4), v(s4), none, v(s3), none), back, {"dgamma", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses(backward(v(y), v(y), none, v(s4), v(s4), none, none, v(s3)), back, {"dbeta", "(3,)", "(4,)"}));
}

TEST(NormErrorTest, BatchInference) {
  const Tensor<double> x({2, 3, 4}), c3({3}), c4({4});
  Tensor<double> wrong({2, 4, 3});
  constexpr std::string_view who = "batch_norm_inference", back = "batch_norm_inference_backward";
  EXPECT_TRUE(refuses([&] { batch_norm_inference(x, {}, {}, c3, c4); }, who, {"mean", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_inference(x, {}, {}, c4, c3); }, who, {"variance", "(3,)", "(4,)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_inference(x, {}, {}, c4, c4, -0.5); }, who, {"epsilon", "-0.5"}));
  EXPECT_TRUE(refuses([&] { batch_norm_inference(x, {}, {}, c4, c4, 0, Activation::relu, wrong); }, who,
                      {"y", "(2, 4, 3)", "(2, 3, 4)"}));
  EXPECT_TRUE(
      refuses([&] { batch_norm_inference_backward(x, x, x, {}, {}, c4, c3, 0, Activation::relu, wrong, {}, {}); }, back,
              {"dx", "(2, 4, 3)"}));
  EXPECT_TRUE(refuses([&] { batch_norm_inference_backward(x, x, x, {}, {}, c4, c3, 0, Activation::relu, {}, {}, {}); },
                      back, {"variance", "(3,)", "(4,)"}));
}

TEST(NormErrorTest, Group) {
  const Tensor<float> x({2, 3, 6}), flat({6}), c3({3});
  Tensor<float> y({2, 3, 6}), wrong({2, 6, 3}), right({2, 3}), bad({3, 2});
  constexpr std::string_view who = "group_norm_forward", back = "group_norm_backward";
  EXPECT_TRUE(refuses([&] { group_norm_forward(flat, 1, {}, {}); }, who, {"x", "(6,)", "(m, ..., c)"}));
  for (std::int64_t groups : {0, -1, 4, 12})
    EXPECT_TRUE(refuses([&] { group_norm_forward(x, groups, {}, {}); }, who,
                        {"groups", std::to_string(groups), "6 channels", "(2, 3, 6)"}));
  EXPECT_TRUE(refuses([&] { group_norm_forward(x, 3, c3, {}); }, who, {"gamma", "(3,)", "(6,)"}));
  EXPECT_TRUE(refuses([&] { group_norm_forward(x, 3, {}, c3); }, who, {"beta", "(3,)", "(6,)"}));
  EXPECT_TRUE(refuses([&] { group_norm_forward(x, 3, {}, {}, -1); }, who, {"epsilon", "-1"}));
  EXPECT_TRUE(refuses([&] { group_norm_forward(x, 3, {}, {}, 0, wrong, right, right); }, who, {"y", "(2, 6, 3)"}));
  EXPECT_TRUE(refuses([&] { group_norm_forward(x, 3, {}, {}, 0, y, bad, right); }, who, {"mean", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { group_norm_forward(x, 3, {}, {}, 0, y, right, bad); }, who, {"inv_std", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { group_norm_backward(wrong, x, 3, {}, right, right, {}, {}, {}); }, back, {"dy"}));
  EXPECT_TRUE(refuses([&] { group_norm_backward(x, x, 3, c3, right, right, {}, {}, {}); }, back, {"gamma", "(3,)"}));
  EXPECT_TRUE(refuses([&] { group_norm_backward(x, x, 3, {}, bad, right, {}, {}, {}); }, back, {"mean", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { group_norm_backward(x, x, 3, {}, right, right, wrong, {}, {}); }, back, {"dx"}));
  EXPECT_TRUE(refuses([&] { group_norm_backward(x, x, 3, {}, right, right, {}, bad, {}); }, back, {"dgamma"}));
  EXPECT_TRUE(refuses([&] { group_norm_backward(x, x, 3, {}, right, right, {}, {}, bad); }, back, {"dbeta"}));
}

TEST(NormErrorTest, Layer) {
  const Tensor<float> x({2, 3, 6}), flat({6}), c6({6}), c3({3, 6});
  Tensor<float> y({2, 3, 6}), wrong({2, 6, 3}), right({2, 3}), bad({3, 2});
  constexpr std::string_view who = "layer_norm_forward", back = "layer_norm_backward";
  EXPECT_TRUE(refuses([&] { layer_norm_forward(flat, 1, {}, {}); }, who, {"x", "(6,)"}));
  for (std::int64_t axes : {0, -1, 3})
    EXPECT_TRUE(refuses([&] { layer_norm_forward(x, axes, {}, {}); }, who, {"axes", std::to_string(axes), "1 to 2"}));
  EXPECT_TRUE(refuses([&] { layer_norm_forward(x, 1, c3, {}); }, who, {"gamma", "(3, 6)", "(6,)"}));
  EXPECT_TRUE(refuses([&] { layer_norm_forward(x, 2, {}, c6); }, who, {"beta", "(6,)", "(3, 6)"}));
  EXPECT_TRUE(refuses([&] { layer_norm_forward(x, 1, {}, {}, -1); }, who, {"epsilon", "-1"}));
  EXPECT_TRUE(refuses([&] { layer_norm_forward(x, 1, {}, {}, 0, wrong, right, right); }, who, {"y", "(2, 6, 3)"}));
  EXPECT_TRUE(refuses([&] { layer_norm_forward(x, 1, {}, {}, 0, y, bad, right); }, who, {"mean", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { layer_norm_forward(x, 1, {}, {}, 0, y, right, bad); }, who, {"inv_std", "(3, 2)"}));
  EXPECT_TRUE(refuses([&] { layer_norm_backward(wrong, x, 1, {}, right, right, {}, {}, {}); }, back, {"dy"}));
  EXPECT_TRUE(refuses([&] { layer_norm_backward(x, x, 1, c3, right, right, {}, {}, {}); }, back, {"gamma"}));
  EXPECT_TRUE(refuses([&] { layer_norm_backward(x, x, 1, {}, bad, right, {}, {}, {}); }, back, {"mean"}));
  EXPECT_TRUE(refuses([&] { layer_norm_backward(x, x, 1, {}, right, right, wrong, {}, {}); }, back, {"dx"}));
  EXPECT_TRUE(refuses([&] { layer_norm_backward(x, x, 1, {}, right, right, {}, bad, {}); }, back, {"dgamma"}));
  EXPECT_TRUE(refuses([&] { layer_norm_backward(x, x, 1, {}, right, right, {}, {}, bad); }, back, {"dbeta"}));
}

}  // namespace
}  // namespace hubel::test
