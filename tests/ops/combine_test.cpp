// Sums, products and concatenations of branches, and slices: against plain loops over random shapes and ways of
// spreading, in place, empty, threads, memory, instruction sets, errors.
#include "hubel/combine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "every_target.hpp"
#include "testing.hpp"

namespace hubel::test {
namespace {

// Products and sums of two are rounded once.
template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 1e-6 : 2e-15;

template <class T>
class CombineTest : public ::testing::Test {};
TYPED_TEST_SUITE(CombineTest, FloatTypes);

// ---- Sums of many ----------------------------------------------------------------------------------------------

template <class T>
void check_sum(const Shape& shape, std::size_t count, Activation activation, std::uint64_t seed) {
  std::vector<Tensor<T>> xs;
  for (std::size_t k = 0; k < count; ++k) xs.push_back(random_tensor<T>(shape, seed + k, -4, 4));
  const std::vector<TensorView<const T>> views(xs.begin(), xs.end());
  reference::Array expected(xs[0].size());
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    for (const Tensor<T>& x : xs) expected[i] += x[i];
    expected[i] = reference::activation(activation, expected[i]);
  }
  const Tensor<T> got = add_forward(views, activation);
  EXPECT_TRUE(close(got, expected, 2 * kTolerance<T>)) << count << " of " << shape.to_string();
  for (Tensor<T>& x : xs) {  // into the memory of each of them
    const Tensor<T> kept = x;
    add_forward(views, activation, x);
    EXPECT_TRUE(same_bits(x, got));
    std::copy(kept.begin(), kept.end(), x.begin());
  }
}

TYPED_TEST(CombineTest, SumsOfMany) {
  for (std::int64_t n = 1; n <= 40; ++n)
    for (Activation activation : {Activation::identity, Activation::relu, Activation::relu6, Activation::silu})
      check_sum<TypeParam>({2, n}, static_cast<std::size_t>(1 + n % 5), activation, 1);
  check_sum<TypeParam>({3, 57, 61, 7}, 3, Activation::relu, 2);
  check_sum<TypeParam>({3, 5}, 4, Activation::softplus, 3);
  check_sum<TypeParam>({0, 5}, 2, Activation::relu, 4);
}

// ---- Two, one of them spread -----------------------------------------------------------------------------------

struct SpreadCase {
  Shape a, b;

  // The element of b that meets element i of a.
  std::int64_t partner(std::int64_t i) const {
    std::int64_t at = 0, stride = 1;
    for (std::size_t axis = a.rank(); axis-- > 0; i /= a[axis]) {
      if (b[axis] != 1) at += i % a[axis] * stride;
      stride *= b[axis];
    }
    return at;
  }
};

std::ostream& operator<<(std::ostream& out, const SpreadCase& c) {
  return out << c.a.to_string() << " with " << c.b.to_string();
}

std::vector<SpreadCase> spread_cases() {
  std::vector<SpreadCase> cases = {{{5}, {5}},
                                   {{3, 4}, {3, 4}},
                                   {{3, 4}, {3, 1}},
                                   {{2, 61, 67, 5}, {2, 1, 1, 5}},
                                   {{2, 61, 67, 5}, {2, 61, 67, 1}},
                                   {{2, 31, 33, 67}, {2, 1, 1, 67}},
                                   {{2, 31, 33, 67}, {2, 31, 33, 1}},
                                   {{1, 3, 2, 9001}, {1, 3, 2, 1}},
                                   {{1, 3, 2, 1203}, {1, 1, 1, 1203}},
                                   {{1, 131, 129, 17}, {1, 1, 1, 17}},
                                   {{700, 3, 2}, {700, 1, 2}},
                                   {{2, 3, 2, 3, 2, 4}, {2, 1, 1, 1, 1, 4}}};
  for (std::int64_t c = 1; c <= 40; ++c) {
    cases.push_back({{2, 3, 5, c}, {2, 1, 1, c}});
    cases.push_back({{2, 3, 5, c}, {2, 3, 5, 1}});
    cases.push_back({{2, 3, 5, c}, {2, 3, 5, c}});
  }
  return cases;
}

template <class T>
struct SpreadResults {
  Tensor<T> sum, product, add_db, da, db;
};

template <class T>
SpreadResults<T> run(const SpreadCase& c, TensorView<const T> a, TensorView<const T> b, TensorView<const T> dout) {
  SpreadResults<T> r{add_forward(a, b), multiply_forward(a, b), Tensor<T>(c.b), Tensor<T>(c.a), Tensor<T>(c.b)};
  add_backward(dout, r.da, r.add_db);
  EXPECT_TRUE(same_bits<T>(r.da, dout));
  multiply_backward(dout, a, b, r.da, r.db);
  return r;
}

template <class T>
void check_spread(const SpreadCase& c) {
  SCOPED_TRACE(testing::PrintToString(c));
  const Tensor<T> a = random_tensor<T>(c.a, 5), b = random_tensor<T>(c.b, 6), dout = random_tensor<T>(c.a, 7);
  const SpreadResults<T> r = run<T>(c, a, b, dout);
  reference::Array sum(a.size()), product(a.size()), add_db(b.size()), da(a.size()), db(b.size());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const std::int64_t k = c.partner(i);
    const reference::Real x = a[i], y = b[k], g = dout[i];
    sum[i] = x + y, product[i] = x * y, da[i] = g * y;
    add_db[k] += g, db[k] += g * x;
  }
  EXPECT_TRUE(close(r.sum, sum, kTolerance<T>));
  EXPECT_TRUE(close(r.product, product, kTolerance<T>));
  EXPECT_TRUE(close(r.da, da, kTolerance<T>));
  const double terms = std::sqrt(static_cast<double>(a.size() / std::max<std::int64_t>(b.size(), 1)));
  for (std::int64_t i = 0; i < b.size(); ++i) {
    ASSERT_LE(std::abs(r.add_db[i] - add_db[i]), terms * kTolerance<T>) << i;
    ASSERT_LE(std::abs(r.db[i] - db[i]), terms * kTolerance<T>) << i;
  }
}

TYPED_TEST(CombineTest, Spread) {
  with_every_target([] {
    for (const SpreadCase& c : spread_cases()) check_spread<TypeParam>(c);
  });
}

TYPED_TEST(CombineTest, SpreadOfNothing) {
  using T = TypeParam;
  for (const SpreadCase& c : {SpreadCase{{0, 3, 4}, {0, 1, 4}}, SpreadCase{{2, 0, 4}, {2, 1, 4}},
                              SpreadCase{{2, 3, 0}, {2, 3, 1}}, SpreadCase{{2, 0, 4}, {2, 0, 1}}}) {
    const SpreadResults<T> r = run<T>(c, Tensor<T>(c.a), constant_tensor<T>(c.b, 1), Tensor<T>(c.a));
    for (T x : r.db) EXPECT_EQ(x, T(0)) << c;
    for (T x : r.add_db) EXPECT_EQ(x, T(0)) << c;
  }
}

TYPED_TEST(CombineTest, SpreadInPlaceAndInPart) {
  using T = TypeParam;
  for (const SpreadCase& c : spread_cases()) {
    const Tensor<T> a = random_tensor<T>(c.a, 8), b = random_tensor<T>(c.b, 9), dout = random_tensor<T>(c.a, 10);
    const SpreadResults<T> r = run<T>(c, a, b, dout);
    Tensor<T> both = a, db(c.b);
    add_forward(both, b, both);
    EXPECT_TRUE(same_bits(both, r.sum)) << c;
    both = a;
    multiply_forward(both, b, both);
    EXPECT_TRUE(same_bits(both, r.product)) << c;
    both = dout;
    multiply_backward(both, a, b, both, db);
    EXPECT_TRUE(same_bits(both, r.da) && same_bits(db, r.db)) << c;
    add_backward(dout, {}, db);
    EXPECT_TRUE(same_bits(db, r.add_db)) << c;
  }
}

TYPED_TEST(CombineTest, SameBitsOnAnyNumberOfThreads) {
  using T = TypeParam;
  for (const SpreadCase& c : spread_cases()) {
    if (c.a.elements() < 1000) continue;
    const Tensor<T> a = random_tensor<T>(c.a, 11), b = random_tensor<T>(c.b, 12), dout = random_tensor<T>(c.a, 13);
    const auto call = [&] { return run<T>(c, a, b, dout); };
    const SpreadResults<T> one = with_threads(1, call);
    for (int threads : {2, 4}) {
      const SpreadResults<T> r = with_threads(threads, call);
      EXPECT_TRUE(same_bits(r.sum, one.sum) && same_bits(r.product, one.product) && same_bits(r.da, one.da)) << c;
      EXPECT_TRUE(same_bits(r.db, one.db) && same_bits(r.add_db, one.add_db)) << c;
    }
  }
}

// ---- Concatenation ---------------------------------------------------------------------------------------------

template <class T>
void check_concat(const Shape& first, const std::vector<std::int64_t>& channels) {
  std::vector<Tensor<T>> xs;
  for (std::int64_t c : channels) {
    std::vector<std::int64_t> extents(first.begin(), first.end());
    extents.back() = c;
    xs.push_back(random_tensor<T>(Shape(extents), 14 + static_cast<std::uint64_t>(c)));
  }
  const std::vector<TensorView<const T>> views(xs.begin(), xs.end());
  const Tensor<T> out = concat_forward(views);
  const std::int64_t all = out.shape().back(), rows = all == 0 ? 0 : out.size() / all;
  for (std::int64_t row = 0, at = 0; row < rows; ++row)
    for (const Tensor<T>& x : xs)
      for (std::int64_t c = 0; c < x.shape().back(); ++c) ASSERT_EQ(out[at++], x[row * x.shape().back() + c]);
  std::vector<Tensor<T>> dxs;
  for (const Tensor<T>& x : xs) dxs.push_back(Tensor<T>(x.shape()));
  std::vector<TensorView<T>> back(dxs.begin(), dxs.end());
  back[0] = {};
  concat_backward(out, channels, back);
  for (T x : dxs[0]) EXPECT_EQ(x, T(0));
  for (std::size_t i = 1; i < xs.size(); ++i) EXPECT_TRUE(same_bits(dxs[i], xs[i]));
}

TYPED_TEST(CombineTest, Concat) {
  check_concat<TypeParam>({2, 3, 4, 0}, {3, 1, 17, 0, 5});
  check_concat<TypeParam>({7, 0}, {4});
  check_concat<TypeParam>({0}, {4, 3});
  check_concat<TypeParam>({0, 3, 0}, {4, 3});
  check_concat<TypeParam>({2, 70, 60, 0}, {3, 64});
  check_concat<TypeParam>({2, 3, 0}, {0, 0});
}

// ---- Slices ----------------------------------------------------------------------------------------------------

TYPED_TEST(CombineTest, Slices) {
  using T = TypeParam;
  for (const Shape& shape : {Shape{7}, Shape{2, 9}, Shape{0, 9}, Shape{3, 5, 7, 12}, Shape{2, 90, 70, 13}}) {
    const std::int64_t c = shape.back();
    const Tensor<T> x = random_tensor<T>(shape, 5);
    for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, c}, {0, 3}, {2, c}, {3, 4}, {1, 1}}) {
      SCOPED_TRACE(detail::formatted("{} from {} to {}", shape.to_string(), begin, end));
      const Shape part = slice_output_shape(shape, begin, end);
      const auto run = [&, first = begin] {
        Tensor<T> y = constant_tensor<T>(part, 77);
        slice_forward(x, first, y);
        return y;
      };
      const auto back = [&, first = begin](const Tensor<T>& dy) {
        Tensor<T> dx = constant_tensor<T>(shape, 77);
        slice_backward(dy, first, dx);
        return dx;
      };
      const Tensor<T> y = with_threads(1, run), dx = with_threads(1, [&] { return back(y); });
      const std::int64_t n = end - begin;
      for (std::int64_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], x[i / n * c + begin + i % n]);
      for (std::int64_t i = 0; i < x.size(); ++i) ASSERT_EQ(dx[i], i % c >= begin && i % c < end ? x[i] : T(0)) << i;
      for (const int threads : {2, 4}) {
        EXPECT_TRUE(same_bits(with_threads(threads, run), y));
        EXPECT_TRUE(same_bits(with_threads(threads, [&] { return back(y); }), dx));
      }
      for (const Fence fence : {Fence::before, Fence::after}) {
        const FencedTensor<T> whole(x, fence), dy(y, fence);
        FencedTensor<T> out(part, fence), dwhole(shape, fence);
        slice_forward(whole.view(), begin, out);
        slice_backward(dy.view(), begin, dwhole);
        EXPECT_TRUE(out.untouched() && dwhole.untouched());
      }
    }
  }
}

// ---- Memory ----------------------------------------------------------------------------------------------------

TYPED_TEST(CombineTest, NothingOutsideItsArrays) {
  using T = TypeParam;
  with_every_target([] {
    for (const SpreadCase& c : spread_cases())
      for (Fence fence : {Fence::before, Fence::after}) {
        const OnCrashSay say(testing::PrintToString(c));
        const Tensor<T> a = random_tensor<T>(c.a, 15), b = random_tensor<T>(c.b, 16), dout = random_tensor<T>(c.a, 17);
        const SpreadResults<T> r = run<T>(c, a, b, dout);
        const FencedTensor<T> fenced_a(a, fence), fenced_b(b, fence), fenced_dout(dout, fence);
        FencedTensor<T> sum(c.a, fence), product(c.a, fence), da(c.a, fence), db(c.b, fence), add_db(c.b, fence);
        add_forward(fenced_a, fenced_b, sum);
        multiply_forward(fenced_a, fenced_b, product);
        add_backward(fenced_dout, {}, add_db);
        multiply_backward(fenced_dout, fenced_a, fenced_b, da, db);
        EXPECT_TRUE(same_bits(sum.view(), r.sum.view()) && same_bits(product.view(), r.product.view())) << c;
        EXPECT_TRUE(same_bits(da.view(), r.da.view()) && same_bits(db.view(), r.db.view())) << c;
        EXPECT_TRUE(same_bits(add_db.view(), r.add_db.view())) << c;
        for (const auto* written : {&sum, &product, &da, &db, &add_db}) EXPECT_TRUE(written->untouched()) << c;
        const std::array<TensorView<const T>, 2> twice{fenced_a, fenced_dout};
        FencedTensor<T> many(c.a, fence);
        add_forward(twice, Activation::relu, many);
        EXPECT_TRUE(many.untouched());
      }
  });
}

// ---- Errors ----------------------------------------------------------------------------------------------------

TEST(CombineErrorTest, Sums) {
  const Tensor<float> x({2, 3, 4}), other({2, 4, 3});
  Tensor<float> wrong({2, 4, 3}), b({2, 1, 4});
  using Views = std::vector<TensorView<const float>>;
  EXPECT_TRUE(refuses([&] { add_forward(Views{}); }, "add_forward", {"xs", "0", "1"}));
  EXPECT_TRUE(refuses([&] { add_forward(Views{x, x, other}); }, "add_forward", {"xs[2]", "(2, 4, 3)", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses(
      [&] {
        add_forward(Views{x, x}, Activation::relu, wrong);
      },
      "add_forward", {"out", "(2, 4, 3)", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { add_backward(x, wrong, {}); }, "add_backward", {"da", "(2, 4, 3)", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { add_backward(x, {}, wrong); }, "add_backward", {"db", "(2, 4, 3)", "(2, 3, 4)"}));
}

TEST(CombineErrorTest, Spread) {
  const Tensor<double> a({2, 3, 5, 4});
  Tensor<double> wrong({2, 3, 4, 5}), b({2, 1, 1, 4});
  for (const Shape& shape : {Shape{1, 1, 1, 4}, Shape{2, 1, 5, 4}, Shape{2, 3, 5, 3}, Shape{2, 1, 1, 1}, Shape{4},
                             Shape{2, 4}, Shape{}, Shape{1, 3, 5, 1}, Shape{2, 3, 5, 4, 1}}) {
    const Tensor<double> bad(shape);
    const std::vector<std::string> parts = {"b ", shape.to_string(), "(2, 3, 5, 4)", "(m, 1, ..., 1, c)"};
    EXPECT_TRUE(refuses([&] { add_forward(a, bad); }, "add_forward", parts));
    EXPECT_TRUE(refuses([&] { multiply_forward(a, bad); }, "multiply_forward", parts));
    EXPECT_TRUE(refuses([&] { multiply_backward(a, a, bad, {}, {}); }, "multiply_backward", parts));
  }
  EXPECT_TRUE(refuses([&] { multiply_forward(a, b, wrong); }, "multiply_forward", {"out", "(2, 3, 4, 5)"}));
  EXPECT_TRUE(refuses([&] { multiply_backward(wrong, a, b, {}, {}); }, "multiply_backward", {"dout", "(2, 3, 4, 5)"}));
  EXPECT_TRUE(refuses([&] { multiply_backward(a, a, b, wrong, {}); }, "multiply_backward", {"da", "(2, 3, 4, 5)"}));
  EXPECT_TRUE(refuses([&] { multiply_backward(a, a, b, {}, wrong); }, "multiply_backward", {"db", "(2, 3, 4, 5)"}));
}

TEST(CombineErrorTest, Concat) {
  const Tensor<float> x({2, 3, 4}), other({2, 4, 4}), flat({4}), scalar(Shape{});
  Tensor<float> wrong({2, 3, 9}), dx({2, 3, 4});
  using Views = std::vector<TensorView<const float>>;
  using Outs = std::vector<TensorView<float>>;
  using Counts = std::vector<std::int64_t>;
  constexpr std::string_view who = "concat_forward", back = "concat_backward";
  EXPECT_TRUE(refuses([&] { concat_forward(Views{}); }, who, {"xs", "0", "1"}));
  EXPECT_TRUE(refuses([&] { concat_forward(Views{scalar}); }, who, {"xs[0]", "()"}));
  EXPECT_TRUE(refuses([&] { concat_forward(Views{x, flat}); }, who, {"xs[1]", "(4,)"}));
  EXPECT_TRUE(refuses([&] { concat_forward(Views{x, other}); }, who, {"xs[1]", "(2, 4, 4)", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { concat_forward(Views{x, x}, wrong); }, who, {"out", "(2, 3, 9)", "(2, 3, 8)"}));
  EXPECT_TRUE(refuses([&] { concat_backward(scalar, Counts{}, Outs{}); }, back, {"dout", "()"}));
  EXPECT_TRUE(refuses([&] { concat_backward(x, Counts{4}, Outs{}); }, back, {"channels", "1", "dxs", "0"}));
  EXPECT_TRUE(refuses([&] { concat_backward(x, Counts{3, 2}, Outs{{}, {}}); }, back, {"channels[1]", "2", "1 left"}));
  EXPECT_TRUE(refuses([&] { concat_backward(x, Counts{-1, 5}, Outs{{}, {}}); }, back, {"channels[0]", "-1"}));
  EXPECT_TRUE(refuses([&] { concat_backward(x, Counts{3}, Outs{{}}); }, back, {"channels", "3", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses(
      [&] {
        concat_backward(x, Counts{3, 1}, Outs{dx, {}});
      },
      back, {"dxs[0]", "(2, 3, 4)", "(2, 3, 3)"}));
}

TEST(CombineErrorTest, Slices) {
  const Tensor<float> x({2, 3, 4}), scalar(Shape{});
  Tensor<float> two({2, 3, 2}), wrong({2, 4, 2});
  constexpr std::string_view who = "slice_forward", back = "slice_backward";
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
  for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{-1, 2}, {3, 2}, {0, 5}, {kFar, kFar}})
    EXPECT_TRUE(refuses(
        [&, b = begin, e = end] {
          slice_output_shape({2, 4}, b, e, "f");
        },
        "f", {detail::formatted("{} to {}", begin, end), "(2, 4)", "[0, 4]"}));
  EXPECT_TRUE(refuses([&] { slice_forward(x, 3, two); }, who, {"3 to 5", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { slice_forward(x, kFar, two); }, who, {detail::formatted("{}", kFar)}));
  EXPECT_TRUE(refuses([&] { slice_forward(scalar, 0, two); }, who, {"()"}));
  EXPECT_TRUE(refuses([&] { slice_forward(x, 1, wrong); }, who, {"y", "(2, 4, 2)", "(2, 3, 2)"}));
  EXPECT_TRUE(refuses([&] { slice_backward(x, 0, two); }, back, {"0 to 4", "(2, 3, 2)"}));
}

}  // namespace
}  // namespace hubel::test
