// Convolutions to try: random ones that reach every corner of the contract, and checks of one against the reference.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "hubel/conv.hpp"
#include "hubel/tensor.hpp"
#include "testing.hpp"

namespace hubel::test {

// The corners, tried in turn so that none is left to luck.
enum class Corner {
  same,
  valid,
  explicit_sides,
  long_stride,  // longer than the kernel: pixels that no window sees
  dilated,
  depthwise,
  grouped,
  tiny_image,  // one or two pixels, in padding that may be larger than the kernel
  pointwise,
  first_layer,  // one to four channels, wide images
  count
};

struct ConvDraw {
  std::int64_t m, h, w, c_prev, kh, kw, c_new;
  ConvOptions options;

  std::int64_t extent(std::size_t axis) const { return ((axis == 0 ? kh : kw) - 1) * options.dilation[axis] + 1; }
  // Products in the forward pass if every pixel had a window.
  std::int64_t work() const {
    const auto& p = options.padding;
    return (h + p.top + p.bottom) * (w + p.left + p.right) * kh * kw * c_prev * c_new /
           (options.groups * options.stride[0] * options.stride[1]);
  }
};

inline Padding random_sides(Noise& noise, std::int64_t most_h, std::int64_t most_w) {
  return Padding::sides(noise.integer(0, most_h), noise.integer(0, most_h), noise.integer(0, most_w),
                        noise.integer(0, most_w));
}

inline Padding random_padding(Noise& noise, const ConvDraw& draw) {
  switch (noise.integer(0, 2)) {
    case 0:
      return Padding::same();
    case 1:
      return Padding::valid();
    default:
      return random_sides(noise, draw.extent(0) + 1, draw.extent(1) + 1);
  }
}

inline void choose_groups(Noise& noise, Corner corner, ConvDraw& draw) {
  if (corner == Corner::depthwise) {
    draw.options.groups = draw.c_prev;
    draw.c_new = draw.c_prev * noise.integer(1, 3);
  }
  if (corner == Corner::grouped) {
    draw.options.groups = noise.integer(2, 4);
    draw.c_prev = draw.options.groups * noise.integer(1, 9);
    draw.c_new = draw.options.groups * noise.integer(1, 9);
  }
}

inline void choose_padding(Noise& noise, Corner corner, ConvDraw& draw) {
  ConvOptions& options = draw.options;
  options.padding = random_padding(noise, draw);
  if (corner == Corner::same) options.padding = Padding::same();
  if (corner == Corner::valid) options.padding = Padding::valid();
  if (corner == Corner::explicit_sides) options.padding = random_sides(noise, draw.extent(0) + 2, draw.extent(1) + 2);
  if (corner == Corner::tiny_image) options.padding = random_sides(noise, 2 * draw.extent(0), 2 * draw.extent(1));
}

// The image grows until the kernel fits; the channels shrink until the reference takes well under a millisecond.
inline void make_feasible(ConvDraw& draw) {
  const Padding& p = draw.options.padding;
  if (p.kind != Padding::Kind::same) {
    draw.h = std::max(draw.h, draw.extent(0) - p.top - p.bottom);
    draw.w = std::max(draw.w, draw.extent(1) - p.left - p.right);
  }
  const std::int64_t affordable = 60'000;
  if (draw.work() * draw.m > affordable) draw.m = 1;
  while (draw.work() > affordable && draw.options.groups == 1 && draw.c_prev * draw.c_new > 1) {
    std::int64_t& more = draw.c_prev > draw.c_new ? draw.c_prev : draw.c_new;
    more = (more + 1) / 2;
  }
}

inline ConvCase random_conv(std::uint64_t seed) {
  Noise noise(seed);
  const Corner corner = static_cast<Corner>(seed % static_cast<std::uint64_t>(Corner::count));
  ConvDraw draw{noise.integer(1, 3), noise.integer(1, 12), noise.integer(1, 12), noise.integer(1, 40),
                noise.integer(1, 5), noise.integer(1, 5),  noise.integer(1, 40), {}};
  for (std::size_t axis : {0, 1}) {
    draw.options.stride[axis] = noise.integer(1, 3);
    draw.options.dilation[axis] = noise.chance(0.2) ? 2 : 1;
    if (corner == Corner::dilated) draw.options.dilation[axis] = noise.integer(1, 4);
  }
  if (corner == Corner::same || corner == Corner::first_layer) draw.options.stride = {1, 1};
  if (corner == Corner::pointwise) draw.kh = draw.kw = 1;
  if (corner == Corner::tiny_image) draw.h = noise.integer(1, 2), draw.w = noise.integer(1, 2);
  if (corner == Corner::first_layer) {
    draw.c_prev = noise.integer(1, 4);
    draw.w = noise.integer(12, 45);
  }
  if (corner == Corner::long_stride)
    draw.options.stride = {draw.extent(0) + noise.integer(1, 3), draw.extent(1) + noise.integer(1, 3)};
  choose_groups(noise, corner, draw);
  choose_padding(noise, corner, draw);
  make_feasible(draw);
  return {{draw.m, draw.h, draw.w, draw.c_prev},
          {draw.kh, draw.kw, draw.c_prev / draw.options.groups, draw.c_new},
          draw.options,
          noise.chance(0.8)};
}

// A convolution that Winograd's algorithm can do, and is asked to.
inline ConvCase random_winograd_conv(std::uint64_t seed) {
  Noise noise(seed);
  const std::int64_t c_prev = noise.integer(1, 40), c_new = noise.integer(1, 40);
  const Padding padding = noise.chance(0.3) ? Padding::same() : random_sides(noise, 5, 5);
  const std::int64_t least = padding.kind == Padding::Kind::same ? 1 : 3;
  return {{noise.integer(1, 3), noise.integer(least, 13), noise.integer(least, 13), c_prev},
          {3, 3, c_prev, c_new},
          {.padding = padding, .algorithm = ConvAlgorithm::winograd},
          noise.chance(0.8)};
}

// The arrays of a case.
template <class T>
struct ConvData {
  ConvData(const ConvCase& c, std::uint64_t seed)
      : A_prev(random_tensor<T>(c.A_prev, 4 * seed)),
        W(random_tensor<T>(c.W, 4 * seed + 1)),
        b(random_tensor<T>(c.b(), 4 * seed + 2)),
        dZ(random_tensor<T>(c.output(), 4 * seed + 3)),
        has_bias(c.bias) {}

  TensorView<const T> bias() const { return has_bias ? b.view() : TensorView<const T>(); }

  Tensor<T> A_prev, W, b, dZ;
  bool has_bias;
};

template <class T>
void check_forward(const ConvCase& c, const ConvData<T>& data, double tolerance) {
  const Tensor<T> out = conv_forward(data.A_prev, data.W, data.bias(), Activation::identity, c.options);
  ASSERT_EQ(out.shape(), c.output()) << c;
  EXPECT_TRUE(close(out, reference::conv_forward<T>(data.A_prev, data.W, data.bias(), c.options), tolerance)) << c;
}

template <class T>
void check_backward(const ConvCase& c, const ConvData<T>& data, double tolerance) {
  const ConvGradients<T> got = conv_backward(data.dZ, data.A_prev, data.W, data.b, c.options);
  ASSERT_EQ(got.dA_prev.shape(), c.A_prev) << c;
  ASSERT_EQ(got.dW.shape(), c.W) << c;
  ASSERT_EQ(got.db.shape(), c.b()) << c;
  const reference::ConvGradients expected = reference::conv_backward<T>(data.dZ, data.A_prev, data.W, c.options);
  EXPECT_TRUE(close(got.dA_prev, expected.dA_prev, tolerance)) << "dA_prev: " << c;
  EXPECT_TRUE(close(got.dW, expected.dW, tolerance)) << "dW: " << c;
  EXPECT_TRUE(close(got.db, expected.db, tolerance)) << "db: " << c;
}

// Both passes of each case, with data of one seed.
template <class T>
void check_convs(const std::vector<ConvCase>& cases, std::uint64_t seed, double tolerance) {
  for (const ConvCase& c : cases) {
    const ConvData<T> data(c, seed);
    check_forward(c, data, tolerance);
    check_backward(c, data, tolerance);
  }
}

}  // namespace hubel::test
