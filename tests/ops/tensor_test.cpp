// Shapes, tensors and views.
#include "hubel/tensor.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "testing.hpp"

namespace hubel::test {
namespace {

TEST(ShapeTest, Extents) {
  const Shape shape{32, 28, 27, 3};
  EXPECT_EQ(shape.rank(), 4u);
  EXPECT_EQ(shape[0], 32);
  EXPECT_EQ(shape[2], 27);
  EXPECT_EQ(shape.back(), 3);
  EXPECT_EQ(shape.elements(), 32 * 28 * 27 * 3);
  EXPECT_EQ(std::vector<std::int64_t>(shape.begin(), shape.end()), (std::vector<std::int64_t>{32, 28, 27, 3}));
}

TEST(ShapeTest, ElementsOfRankZeroAndOfNothing) {
  EXPECT_EQ(Shape{}.rank(), 0u);
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ((Shape{3, 0, 5}).elements(), 0);
  EXPECT_EQ((Shape{std::int64_t(1) << 58, 0}).elements(), 0);
}

TEST(ShapeTest, EqualityIsOfRankAndExtents) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{3, 2}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{2, 3, 1}));
  EXPECT_FALSE(Shape{} == Shape{1});
}

TEST(ShapeTest, FirstAxis) {
  EXPECT_EQ((Shape{5, 2, 3}).without_first(), (Shape{2, 3}));
  EXPECT_EQ((Shape{5}).without_first(), Shape{});
  EXPECT_EQ((Shape{5, 2, 3}).with_first(7), (Shape{7, 2, 3}));
}

TEST(ShapeTest, PrintsAsNumPyDoes) {
  EXPECT_EQ((Shape{32, 28, 28, 1}).to_string(), "(32, 28, 28, 1)");
  EXPECT_EQ((Shape{5}).to_string(), "(5,)");
  EXPECT_EQ(Shape{}.to_string(), "()");
}

TEST(ShapeTest, FromASpan) {
  const std::vector<std::int64_t> extents = {4, 5};
  EXPECT_EQ(Shape(std::span<const std::int64_t>(extents)), (Shape{4, 5}));
}

TEST(ShapeTest, Limits) {
  EXPECT_EQ((Shape{1, 2, 3, 4, 5, 6}).rank(), Shape::kMaxRank);
  EXPECT_THROW((Shape{1, 2, 3, 4, 5, 6, 7}), std::invalid_argument);
  EXPECT_THROW((Shape{2, -1}), std::invalid_argument);
  EXPECT_THROW((Shape{0, -1}), std::invalid_argument);
  EXPECT_THROW((Shape{2, std::numeric_limits<std::int64_t>::min()}), std::invalid_argument);
}

TEST(ShapeTest, ProductsBeyondTheLimit) {
  const std::int64_t most = std::int64_t(1) << 58;
  EXPECT_EQ((Shape{most}).elements(), most);
  EXPECT_EQ((Shape{most / 4, 2, 2}).elements(), most);
  EXPECT_THROW((Shape{most + 1}), std::invalid_argument);
  EXPECT_THROW((Shape{most / 2, 3}), std::invalid_argument);
  EXPECT_THROW((Shape{most, most, most}), std::invalid_argument);
  EXPECT_THROW((Shape{most, 0, 2}), std::invalid_argument);  // an axis of 0 hides nothing
  EXPECT_THROW((Shape{std::int64_t(1) << 32, std::int64_t(1) << 32}), std::invalid_argument);  // 2^64 is 0 in 64 bits
  EXPECT_THROW((Shape{std::numeric_limits<std::int64_t>::max()}), std::invalid_argument);
}

TEST(ShapeTest, FirstAxisKeepsTheLimit) {
  EXPECT_THROW(static_cast<void>((Shape{1, std::int64_t(1) << 40}).with_first(std::int64_t(1) << 40)),
               std::invalid_argument);
  EXPECT_THROW(static_cast<void>((Shape{1, 2}).with_first(-1)), std::invalid_argument);
}

template <class T>
class TensorTest : public ::testing::Test {};
TYPED_TEST_SUITE(TensorTest, FloatTypes);

TYPED_TEST(TensorTest, BeginsWithZeros) {
  const Tensor<TypeParam> x({3, 5});
  for (TypeParam value : x) EXPECT_EQ(value, TypeParam(0));
  EXPECT_EQ(x.size(), 15);
}

TYPED_TEST(TensorTest, Values) {
  const Tensor<TypeParam> x({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(x[0], TypeParam(1));
  EXPECT_EQ(x[3], TypeParam(4));
  EXPECT_THROW((Tensor<TypeParam>({2, 2}, {1, 2, 3})), std::invalid_argument);
}

TYPED_TEST(TensorTest, DefaultIsEmpty) {
  const Tensor<TypeParam> x;
  EXPECT_EQ(x.size(), 0);
  EXPECT_EQ(x.shape(), Shape{0});
}

TYPED_TEST(TensorTest, IsAligned) {
  for (std::int64_t n = 0; n < 40; ++n)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(Tensor<TypeParam>({n}).data()) % kAlignment, 0u) << n;
}

TYPED_TEST(TensorTest, ACopyIsItsOwn) {
  Tensor<TypeParam> x({2}, {1, 2});
  Tensor<TypeParam> copy = x;
  x[0] = 7;
  EXPECT_EQ(copy[0], TypeParam(1));
  copy = x;
  EXPECT_EQ(copy[0], TypeParam(7));
  const Tensor<TypeParam>& itself = copy;
  copy = itself;
  EXPECT_EQ(copy[0], TypeParam(7));
  EXPECT_EQ(copy[1], TypeParam(2));
}

TYPED_TEST(TensorTest, AMoveTakesTheMemory) {
  Tensor<TypeParam> x({2}, {1, 2});
  const TypeParam* memory = x.data();
  Tensor<TypeParam> moved = std::move(x);
  EXPECT_EQ(moved.data(), memory);
  EXPECT_EQ(x.size(), 0);  // NOLINT(bugprone-use-after-move): what is left is an empty tensor
  Tensor<TypeParam> assigned({5});
  assigned = std::move(moved);
  EXPECT_EQ(assigned.data(), memory);
  EXPECT_EQ(assigned.shape(), Shape{2});
  EXPECT_EQ(moved.size(), 0);  // NOLINT(bugprone-use-after-move)
}

TYPED_TEST(TensorTest, ACopyOfNothing) {
  const Tensor<TypeParam> none({0, 3});
  const Tensor<TypeParam> copy = none;
  EXPECT_EQ(copy.shape(), (Shape{0, 3}));
}

TYPED_TEST(TensorTest, ViewsBorrow) {
  Tensor<TypeParam> x({2, 2}, {1, 2, 3, 4});
  const TensorView<TypeParam> view = x;
  view[3] = 9;
  EXPECT_EQ(x[3], TypeParam(9));
  const TensorView<const TypeParam> reading = view;
  EXPECT_EQ(reading.data(), x.data());
  EXPECT_EQ(reading.shape(), x.shape());
  EXPECT_EQ(reading.end() - reading.begin(), 4);
  EXPECT_EQ(TensorView<TypeParam>().data(), nullptr);
}

// The limits of a shape do not promise the memory: asking for too much is std::bad_alloc.
TYPED_TEST(TensorTest, TooLargeForMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer stops the program instead";
#endif
  EXPECT_THROW(Tensor<TypeParam>::uninitialized({std::int64_t(1) << 58}), std::bad_alloc);
  EXPECT_THROW(Tensor<TypeParam>::uninitialized({std::int64_t(1) << 50}), std::bad_alloc);
}

}  // namespace
}  // namespace hubel::test
