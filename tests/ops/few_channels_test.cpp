// Convolutions with few channels, which have inner loops of their own (planes and scattering), on every instruction
// set: the edges of their tiles, whose sizes differ from one set to the next.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "conv_cases.hpp"
#include "every_target.hpp"
#include "hubel/conv.hpp"
#include "simd/transpose.hpp"
#include "testing.hpp"
#include "text/formatted.hpp"

namespace hubel::test {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-14;

ConvOptions with(Padding padding, std::array<std::int64_t, 2> stride = {1, 1},
                 std::array<std::int64_t, 2> dilation = {1, 1}, std::int64_t groups = 1) {
  return {padding, stride, dilation, groups};
}

// One to eight output channels, and forward the other way round as many input channels, at every width up to three
// vectors of the widest set.
std::vector<ConvCase> every_width() {
  std::vector<ConvCase> cases;
  for (std::int64_t w = 1; w <= 49; ++w) {
    const std::int64_t few = 1 + w % 8, other = 1 + w * 5 % 7;
    cases.push_back({{1, 5, w, other}, {3, 3, other, few}, with(Padding::same()), w % 2 == 0});
    cases.push_back({{1, 4, w + 4, few}, {2, 5, few, 2 * other}, with(Padding::valid())});
    cases.push_back({{1, 5, 2 * w, few}, {3, 4, few, other}, with(Padding::same(), {2, 2})});
  }
  return cases;
}

std::vector<ConvCase> tiles_and_blocks() {
  return {
      {{2, 28, 28, 1}, {5, 5, 1, 6}, with(Padding::same())},    // LeNet-5
      {{2, 14, 14, 6}, {5, 5, 6, 16}, with(Padding::valid())},  //
      {{1, 40, 41, 3}, {7, 7, 3, 20}, with(Padding::all(3), {2, 2})},
      {{1, 45, 39, 3}, {11, 11, 3, 9}, with(Padding::all(2), {4, 4})},
      {{1, 60, 33, 2}, {3, 3, 2, 3}, with(Padding::same())},           // several tiles, the last one smaller
      {{1, 3, 1100, 1}, {3, 5, 1, 3}, with(Padding::same())},          // tiles that are parts of a row
      {{1, 2, 1030, 3}, {1, 4, 3, 2}, with(Padding::same(), {1, 3})},  //
      {{1, 9, 10, 40}, {3, 3, 40, 3}, with(Padding::same())},          // several blocks of terms
      {{1, 20, 19, 2}, {17, 17, 2, 3}, with(Padding::same())},         // of one channel
      {{1, 12, 13, 3}, {5, 5, 3, 40}, with(Padding::valid())},         // backward
      {{1, 9, 9, 3}, {3, 3, 3, 300}, with(Padding::same(), {2, 2})},   // several blocks of channels
      {{1, 10, 10, 7}, {3, 13, 7, 5}, with(Padding::all(6))},          // a long run
      {{1, 40, 9, 3}, {3, 3, 3, 8}, with(Padding::same(), {3, 1})},    // several bands
      {{1, 50, 9, 3}, {2, 3, 3, 8}, with(Padding::valid(), {4, 2})},   // rows that no window sees
      {{1, 30, 9, 3}, {3, 3, 3, 8}, with(Padding::sides(5, 9, 1, 4), {2, 2})},
      {{1, 30, 9, 3}, {3, 3, 3, 8}, with(Padding::same(), {2, 1}, {3, 1})},
      {{1, 17, 21, 3}, {3, 3, 3, 4}, with(Padding::same(), {1, 1}, {2, 3})},
      {{2, 11, 19, 6}, {3, 3, 2, 9}, with(Padding::same(), {1, 1}, {1, 1}, 3)},
      {{2, 11, 19, 6}, {3, 3, 2, 9}, with(Padding::valid(), {2, 2}, {1, 1}, 3)},
      {{1, 6, 30, 16}, {1, 1, 16, 1}, with(Padding::same())},
  };
}

template <class T>
void check(const std::vector<ConvCase>& cases) {
  check_convs<T>(cases, 31, kTolerance<T>);
}

TEST(FewChannelsTest, EveryWidth) {
  with_every_target([] { check<float>(every_width()), check<double>(every_width()); });
}

TEST(FewChannelsTest, TilesAndBlocks) {
  with_every_target([] { check<float>(tiles_and_blocks()), check<double>(tiles_and_blocks()); });
}

// NaN and infinity next to where vectors and tiles end come out where the definition has them, and nowhere else: not in
// the lanes beyond a line or a run.
template <class T>
void check_nonfinite(T value) {
  for (const ConvCase& c : {ConvCase{{1, 6, 13, 2}, {3, 3, 2, 3}, with(Padding::same())},
                            ConvCase{{1, 5, 30, 1}, {3, 5, 1, 6}, with(Padding::same())},
                            ConvCase{{1, 9, 11, 3}, {3, 3, 3, 8}, with(Padding::valid(), {2, 2})},
                            ConvCase{{1, 9, 9, 6}, {5, 5, 6, 4}, with(Padding::valid())}}) {
    ConvData<T> clean(c, 32);
    for (Tensor<T> ConvData<T>::*which : {&ConvData<T>::A_prev, &ConvData<T>::W, &ConvData<T>::dZ}) {
      const std::int64_t n = (clean.*which).size();
      for (std::int64_t i = 0; i < n; i += 1 + n / 40) {
        ConvData<T> data = clean;
        (data.*which)[i] = value;
        check_forward(c, data, kTolerance<T>);
        check_backward(c, data, kTolerance<T>);
      }
    }
  }
}

TEST(FewChannelsTest, NanAndInfinityStayWhereTheyBelong) {
  with_every_target([] {
    check_nonfinite(std::numeric_limits<float>::infinity());
    check_nonfinite(std::numeric_limits<double>::quiet_NaN());
  });
}

TEST(FewChannelsTest, SameBitsForAnyNumberOfThreads) {
  for (const ConvCase& c : {ConvCase{{3, 60, 60, 3}, {7, 7, 3, 24}, with(Padding::all(3), {2, 2})},
                            ConvCase{{5, 40, 40, 4}, {5, 5, 4, 6}, with(Padding::same())},
                            ConvCase{{2, 50, 50, 6}, {5, 5, 6, 16}, with(Padding::valid())}}) {
    const ConvData<float> data(c, 33);
    const auto forward = [&] { return conv_forward(data.A_prev, data.W, data.b, Activation::relu, c.options); };
    const auto backward = [&] { return conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options); };
    const Tensor<float> out = with_threads(1, forward);
    const ConvGradients<float> gradients = with_threads(1, backward);
    for (int threads : {2, 3}) {
      EXPECT_TRUE(same_bits(with_threads(threads, forward), out)) << c;
      const ConvGradients<float> again = with_threads(threads, backward);
      EXPECT_TRUE(same_bits(again.dA_prev, gradients.dA_prev)) << c;
      EXPECT_TRUE(same_bits(again.dW, gradients.dW)) << c;
    }
  }
}

// All small sizes, rows of both matrices dense or with gaps, in memory that ends with the last element.
template <class T>
void check_transpose(std::int64_t rows, std::int64_t columns, std::int64_t in_gap, std::int64_t out_gap) {
  const std::int64_t in_step = columns + in_gap, out_step = rows + out_gap;
  const std::int64_t in_size = (rows - 1) * in_step + columns, out_size = (columns - 1) * out_step + rows;
  const std::string what = detail::formatted("transpose {} x {}, gaps {} and {}", rows, columns, in_gap, out_gap);
  const OnCrashSay say(what);
  const Tensor<T> values = random_tensor<T>({in_size}, 34);
  const FencedTensor<T> in(values, Fence::after);
  FencedTensor<T> out({out_size}, Fence::after);
  const TensorView<T> to = out;
  std::fill(to.begin(), to.end(), T(7));
  simd::transpose(in.view().data(), in_step, static_cast<std::size_t>(rows), static_cast<std::size_t>(columns),
                  static_cast<std::size_t>(in_size), to.data(), out_step);
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t i = 0; i < out_step && j * out_step + i < out_size; ++i)
      ASSERT_EQ(to.data()[j * out_step + i], i < rows ? values[i * in_step + j] : T(7)) << what;
  }
}

TEST(FewChannelsTest, Transpose) {
  with_every_target([] {
    for (std::int64_t rows = 1; rows <= 19; ++rows)
      for (std::int64_t columns = 1; columns <= 19; ++columns)
        for (std::int64_t in_gap : {0, 5})
          for (std::int64_t out_gap : {0, 3}) {
            check_transpose<float>(rows, columns, in_gap, out_gap);
            check_transpose<double>(rows, columns, in_gap, out_gap);
          }
  });
}

}  // namespace
}  // namespace hubel::test
