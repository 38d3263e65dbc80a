// A convolution's passes; see conv_passes.hpp.
#include "ops/conv_passes.hpp"

#include "ops/workspace.hpp"

namespace hubel::detail {

namespace {

// The taps of one kernel axis for the forward pass: tap i lies i * dilation - before pixels from the position's origin.
std::span<const Tap> forward_taps(Tap* taps, std::int64_t kernel, std::int64_t dilation, std::int64_t before) {
  for (std::int64_t i = 0; i < kernel; ++i) taps[i] = {i * dilation - before, i};
  return {taps, static_cast<std::size_t>(kernel)};
}

PatchGrid forward_grid(const ConvGeometry& g) {
  Tap* taps = tap_room(g);
  return {g.m,
          g.h_prev,
          g.w_prev,
          g.c_prev,
          g.h_new,
          g.w_new,
          g.sh,
          g.sw,
          forward_taps(taps, g.kh, g.dh, g.top),
          forward_taps(taps + g.kh, g.kw, g.dw, g.left)};
}

}  // namespace

Tap* tap_room(const ConvGeometry& g) {
  return scratch<Tap>(Scratch::kernel_taps, static_cast<std::size_t>(g.kh + g.kw));
}

ConvGeometry flattened(ConvGeometry g) {
  if (g.kh == 1 && g.kw == 1 && g.sh == 1 && g.sw == 1 && g.h_new == g.h_prev && g.w_new == g.w_prev) {
    g.w_new = g.w_prev = g.m * g.h_prev * g.w_prev;
    g.m = g.h_new = g.h_prev = 1;
  }
  return g;
}

template <class T>
Correlation<T> forward_correlation(const ConvGeometry& g) {
  Correlation<T> k{};
  k.grid = forward_grid(g);
  k.groups = g.groups;
  k.channels = g.c_prev / g.groups;
  k.out_channels = g.c_new / g.groups;
  k.w_c = g.c_new;
  k.w_column = k.channels * g.c_new;
  k.w_row = g.kw * k.w_column;
  k.w_group = k.out_channels;
  k.w_n = 1;
  k.out_pixel = g.c_new;
  k.out_row = g.w_new * g.c_new;
  k.out_image = g.h_new * k.out_row;
  return k;
}

template <class T>
WeightGradient<T> weight_gradient_of(const ConvGeometry& g) {
  WeightGradient<T> k{};
  k.grid = forward_grid(g);
  k.groups = g.groups;
  k.channels = g.c_prev / g.groups;
  k.out_channels = g.c_new / g.groups;
  return k;
}

std::span<const Tap> backward_taps(Tap* taps, std::int64_t phase, std::int64_t kernel, std::int64_t stride,
                                   std::int64_t dilation, std::int64_t before) {
  std::size_t count = 0;
  for (std::int64_t i = kernel - 1; i >= 0; --i) {
    const std::int64_t distance = phase + before - i * dilation;
    if (distance % stride == 0) taps[count++] = {distance / stride, i};
  }
  return {taps, count};
}

bool covers_input(const ConvGeometry& g) {
  const auto reached = [](std::int64_t extent, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                          std::int64_t before) {
    for (std::int64_t phase = 0; phase < std::min(stride, extent); ++phase) {
      bool hit = false;
      for (std::int64_t i = 0; i < kernel && !hit; ++i) hit = (phase + before - i * dilation) % stride == 0;
      if (!hit) return false;
    }
    return true;
  };
  return reached(g.h_prev, g.kh, g.sh, g.dh, g.top) && reached(g.w_prev, g.kw, g.sw, g.dw, g.left);
}

template Correlation<float> forward_correlation(const ConvGeometry&);
template Correlation<double> forward_correlation(const ConvGeometry&);
template WeightGradient<float> weight_gradient_of(const ConvGeometry&);
template WeightGradient<double> weight_gradient_of(const ConvGeometry&);

}  // namespace hubel::detail
