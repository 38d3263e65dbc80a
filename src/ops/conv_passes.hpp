// A convolution's three passes as correlations and a weight gradient: geometry, without the arrays.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "hubel/conv.hpp"
#include "ops/correlate.hpp"
#include "ops/weight_gradient.hpp"

namespace hubel::detail {

// A 1x1 convolution at stride 1 without padding does not care where rows and images end: one long row serves as well.
ConvGeometry flattened(ConvGeometry g);

// The forward pass, all but its pointers; g may be flattened. The taps lie in this thread's scratch memory.
template <class T>
Correlation<T> forward_correlation(const ConvGeometry& g);

// The gradient with respect to the weights, all but its pointers.
template <class T>
WeightGradient<T> weight_gradient_of(const ConvGeometry& g);

// Whether every input position is reached by a tap of its phase, so that the phases write all of dA_prev.
bool covers_input(const ConvGeometry& g);

// Whether no element is infinite or NaN.
template <class T>
bool all_finite(const T* x, std::int64_t n) {
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) finite &= std::abs(x[i]) <= std::numeric_limits<T>::max();
  return finite;
}

// Taps of one axis and one phase, ascending, written to `taps`: input position phase + stride * t takes from output
// position t + offset.
std::span<const Tap> backward_taps(Tap* taps, std::int64_t phase, std::int64_t kernel, std::int64_t stride,
                                   std::int64_t dilation, std::int64_t before);
// Room for the taps of both axes, in this thread's scratch memory.
Tap* tap_room(const ConvGeometry& g);

// dA_prev: for each pair of phases (y mod sh, x mod sw) of the input a correlation of dZ at stride 1, with the taps
// that reach that phase and with W's two channel axes exchanged. Calls f(correlation, offset) for each that has taps;
// offset is where its output begins in dA_prev. g may be flattened. skip_outside: W is not finite.
template <class T, class F>
void for_each_phase(const ConvGeometry& g, bool skip_outside, const F& f) {
  Tap* taps = tap_room(g);
  Correlation<T> k{};
  k.groups = g.groups;
  k.channels = g.c_new / g.groups;
  k.out_channels = g.c_prev / g.groups;
  k.w_c = 1;
  k.w_n = g.c_new;
  k.w_column = k.out_channels * g.c_new;
  k.w_row = g.kw * k.w_column;
  k.w_group = k.channels;
  k.out_pixel = g.sw * g.c_prev;
  k.out_row = g.sh * g.w_prev * g.c_prev;
  k.out_image = g.h_prev * g.w_prev * g.c_prev;
  k.skip_outside = skip_outside;
  const std::int64_t phases_y = std::min(g.sh, g.h_prev), phases_x = std::min(g.sw, g.w_prev);
  for (std::int64_t py = 0; py < phases_y; ++py) {
    for (std::int64_t px = 0; px < phases_x; ++px) {
      const auto rows = backward_taps(taps, py, g.kh, g.sh, g.dh, g.top);
      const auto columns = backward_taps(taps + g.kh, px, g.kw, g.sw, g.dw, g.left);
      if (rows.empty() || columns.empty()) continue;
      k.grid = {g.m, g.h_new, g.w_new, g.c_new, (g.h_prev - py + g.sh - 1) / g.sh, (g.w_prev - px + g.sw - 1) / g.sw,
                1,   1,       rows,    columns};
      f(k, (py * g.w_prev + px) * g.c_prev);
    }
  }
}

}  // namespace hubel::detail
