// Convolution and max pooling as one; see conv_pool.hpp.
//
// Backward goes image by image. For each output channel it lists the winners whose gradient is not zero, by the first
// element of their window in a copy of the image with its padding; the inner loops take whole windows. Gradients of W
// are summed transposed, (c_new, kh, kw c), so that a window's lines are vectors.
#include "ops/conv_pool.hpp"

#include <algorithm>
#include <cstddef>

#include "ops/parallel.hpp"
#include "ops/parts.hpp"
#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/pool.hpp"
#include "simd/sparse.hpp"

namespace hubel::detail {

namespace {

// Elements of a padded image up to which the copies of it stay in L1 or L2.
constexpr std::int64_t kMaxImage = std::int64_t{1} << 14;

// Images of an item of the forward pass: their kernel is packed once, and their convolution is some 100 KB.
constexpr std::int64_t kChunk = 8;

// Elements that all parts of the gradient may have: of large kernels there are fewer parts.
constexpr std::int64_t kMaxPartElements = std::int64_t{1} << 20;

// Copies of dx that windows go to in turn.
constexpr std::size_t kBuffers = 4;

// Sizes of the pair at work.
struct Sizes {
  ConvGeometry g;
  Shape pooled;                  // (m, h, w, c_new)
  std::int64_t run, padded_run;  // elements of a window's line, and up to whole vectors
  std::int64_t height, width;    // of the part of the padded image that windows see
  std::int64_t line;             // elements of its line
  std::int64_t image;            // elements, with room for a window's last vector
  std::int64_t gradient;         // elements of a transposed dW

  template <class T>
  static Sizes of(const ConvPool& pair, const Shape& x, const Shape& W) {
    Sizes s{};
    s.g = conv_geometry(x, W, pair.conv, "conv_pool");
    s.pooled = pool_output_shape(s.g.output_shape(), pair.pool, "conv_pool");
    s.run = s.g.kw * s.g.c_prev;
    s.padded_run = static_cast<std::int64_t>(simd::padded_run<T>(static_cast<std::size_t>(s.run)));
    s.height = (s.g.h_new - 1) * s.g.sh + s.g.kh;
    s.width = (s.g.w_new - 1) * s.g.sw + s.g.kw;
    s.line = s.width * s.g.c_prev;
    s.image = s.height * s.line + s.padded_run;
    s.gradient = s.g.c_new * s.g.kh * s.padded_run;
    return s;
  }
};

simd::PoolWindows pool_windows(const ConvPool& pair, const Sizes& s) {
  simd::PoolWindows w{};
  w.channels = static_cast<std::size_t>(s.g.c_new);
  w.kh = static_cast<std::size_t>(pair.pool.kernel_shape[0]);
  w.kw = static_cast<std::size_t>(pair.pool.kernel_shape[1]);
  w.line = s.g.w_new * s.g.c_new;
  w.pixel_step = pair.pool.stride[1] * s.g.c_new;
  w.pixels = static_cast<std::size_t>(s.pooled[2]);
  return w;
}

// The part of an image that windows see, with its padding.
template <class T>
void copy_image(const Sizes& s, const T* from, T* to) {
  const ConvGeometry& g = s.g;
  const std::int64_t x1 = std::min(g.w_prev, s.width - g.left), y1 = std::min(g.h_prev, s.height - g.top);
  if (g.left > 0 || g.top > 0 || x1 + g.left < s.width || y1 + g.top < s.height)
    std::fill_n(to, s.height * s.line, T(0));
  for (std::int64_t y = 0; y < y1; ++y) {
    const T* row = from + y * g.w_prev * g.c_prev;
    std::copy(row, row + x1 * g.c_prev, to + (y + g.top) * s.line + g.left * g.c_prev);
  }
  std::fill_n(to + s.height * s.line, s.padded_run, T(0));
}

// The winners with a gradient, channel by channel: places and values, and how many of each channel.
template <class T>
struct Winners {
  std::int64_t positions;  // room of a channel
  std::int32_t* at;
  T* g;
  std::int32_t* count;

  explicit Winners(const Sizes& s)
      : positions(s.pooled[1] * s.pooled[2]),
        at(scratch<std::int32_t>(Scratch::fused, static_cast<std::size_t>((positions + 1) * s.g.c_new))),
        g(scratch<T>(Scratch::fused_gradients, static_cast<std::size_t>(positions * s.g.c_new))),
        count(at + positions * s.g.c_new) {}

  void list(const ConvPool& pair, const Sizes& s, const T* dz, const T* winners) {
    const std::int64_t c = s.g.c_new, kw = pair.pool.kernel_shape[1];
    // A winner's number in its pooling window to the distance of its window from the first one's.
    auto* distance = scratch<std::int32_t>(Scratch::taps, static_cast<std::size_t>(pair.pool.kernel_shape[0] * kw));
    for (std::int64_t i = 0; i < pair.pool.kernel_shape[0] * kw; ++i)
      distance[i] = static_cast<std::int32_t>(i / kw * s.g.sh * s.line + i % kw * s.g.sw * s.g.c_prev);
    std::fill_n(count, c, 0);
    for (std::int64_t p = 0; p < positions; ++p, dz += c, winners += c) {
      const std::int64_t y = p / s.pooled[2] * pair.pool.stride[0], x = p % s.pooled[2] * pair.pool.stride[1];
      const auto first = static_cast<std::int32_t>(y * s.g.sh * s.line + x * s.g.sw * s.g.c_prev);
      for (std::int64_t n = 0; n < c; ++n) {
        const std::int64_t to = n * positions + count[n];
        at[to] = first + distance[static_cast<std::int64_t>(winners[n])];
        g[to] = dz[n];
        count[n] += dz[n] != T(0);  // false only for a zero: the next one takes its place
      }
    }
  }
};

// W as (c_new, kh, padded_run), zeros beyond a run.
template <class T>
const T* transposed_kernel(const Sizes& s, const T* W) {
  T* to = scratch<T>(Scratch::weights, static_cast<std::size_t>(s.gradient));
  std::fill_n(to, s.gradient, T(0));
  for (std::int64_t r = 0; r < s.g.kh; ++r) {
    for (std::int64_t e = 0; e < s.run; ++e, W += s.g.c_new) {
      for (std::int64_t n = 0; n < s.g.c_new; ++n) to[(n * s.g.kh + r) * s.padded_run + e] = W[n];
    }
  }
  return to;
}

template <class T>
void put_dx(const Sizes& s, const T* buffers, T* dx) {
  const ConvGeometry& g = s.g;
  std::fill_n(dx, g.h_prev * g.w_prev * g.c_prev, T(0));
  const std::int64_t x1 = std::min(g.w_prev, s.width - g.left), y1 = std::min(g.h_prev, s.height - g.top);
  for (std::int64_t y = 0; y < y1; ++y) {
    const T* from = buffers + (y + g.top) * s.line + g.left * g.c_prev;
    T* to = dx + y * g.w_prev * g.c_prev;
    for (std::int64_t i = 0; i < x1 * g.c_prev; ++i) {
      to[i] = (from[i] + from[i + s.image]) + (from[i + 2 * s.image] + from[i + 3 * s.image]);
    }
  }
}

// One image's part of the gradients.
template <class T>
void add_image(const Sizes& s, const Winners<T>& winners, const T* x, const T* kernel, T* dx, T* dW, T* db) {
  static_assert(kBuffers == 4);  // put_dx
  T* image = scratch<T>(Scratch::pixels, static_cast<std::size_t>((1 + kBuffers) * static_cast<std::size_t>(s.image)));
  T* buffers = image + s.image;
  copy_image(s, x, image);
  if (dx) std::fill_n(buffers, static_cast<std::int64_t>(kBuffers) * s.image, T(0));
  simd::Windows w{};
  w.line = s.line;
  w.rows = static_cast<std::size_t>(s.g.kh);
  w.run = static_cast<std::size_t>(s.run);
  for (std::int64_t n = 0; n < s.g.c_new; ++n) {
    w.at = winners.at + n * winners.positions;
    w.count = static_cast<std::size_t>(winners.count[n]);
    const T* g = winners.g + n * winners.positions;
    const std::int64_t place = n * s.g.kh * s.padded_run;
    simd::sparse_weights(w, image, g, dW + place);
    if (dx) simd::sparse_data(w, kernel + place, g, buffers, s.image, kBuffers);
    T sum = 0;
    for (std::size_t i = 0; i < w.count; ++i) sum += g[i];
    db[n] += sum;
  }
  if (dx) put_dx(s, buffers, dx);
}

}  // namespace

bool conv_pool_pays(const ConvPool& pair, const Shape& x, const Shape& W) {
  const Sizes s = Sizes::of<float>(pair, Shape{1, x[0], x[1], x[2]}, W);
  constexpr std::array<std::int64_t, 2> kOne = {1, 1};
  const bool apart =
      pair.pool.stride[0] >= pair.pool.kernel_shape[0] && pair.pool.stride[1] >= pair.pool.kernel_shape[1];
  const bool plain = pair.pool.mode == PoolMode::max && pair.conv.groups == 1 && pair.conv.dilation == kOne;
  // From so many channels on Winograd's algorithm, with a quarter of the multiplications, is ahead of a quarter of the
  // positions, whose every multiplication costs a load.
  const bool winograd = s.g.kh == 3 && s.g.kw == 3 && pair.conv.stride == kOne && std::min(s.g.c_prev, s.g.c_new) >= 32;
  return plain && apart && !winograd && s.image <= kMaxImage && s.g.output_shape().elements() <= kMaxImage &&
         s.gradient <= kMaxPartElements;
}

template <class T>
void conv_pool_forward(const ConvPool& pair, TensorView<const T> x, TensorView<const T> W, TensorView<const T> b,
                       TensorView<T> y, TensorView<T> winners) {
  const Sizes s = Sizes::of<T>(pair, x.shape(), W.shape());
  const simd::PoolWindows windows = pool_windows(pair, s);
  const std::int64_t in = s.g.h_prev * s.g.w_prev * s.g.c_prev, conv = s.g.h_new * s.g.w_new * s.g.c_new;
  const std::int64_t pooled = s.pooled[1] * s.pooled[2] * s.pooled[3], pooled_row = s.pooled[2] * s.pooled[3];
  const double flops = 2.0 * static_cast<double>(s.g.m * conv) * static_cast<double>(s.g.kh * s.run);
  parallel_for((s.g.m + kChunk - 1) / kChunk, flops, [&](std::int64_t i) {
    const std::int64_t begin = i * kChunk, count = std::min(kChunk, s.g.m - begin);
    T* z = scratch<T>(Scratch::fused, static_cast<std::size_t>(count * conv));
    conv_forward({x.data() + begin * in, Shape{count, s.g.h_prev, s.g.w_prev, s.g.c_prev}}, W, b, pair.activation,
                 pair.conv, {z, Shape{count, s.g.h_new, s.g.w_new, s.g.c_new}});
    for (std::int64_t image = 0; image < count; ++image) {
      const std::int64_t place = (begin + image) * pooled;
      for (std::int64_t row = 0; row < s.pooled[1]; ++row) {
        simd::max_pool_row_winners(windows, z + image * conv + row * pair.pool.stride[0] * windows.line,
                                   y.data() + place + row * pooled_row, winners.data() + place + row * pooled_row);
      }
    }
  });
}

template <class T>
void conv_pool_backward(const ConvPool& pair, TensorView<const T> dz, TensorView<const T> winners,
                        TensorView<const T> x, TensorView<const T> W, TensorView<T> dx, TensorView<T> dW,
                        TensorView<T> db) {
  const Sizes s = Sizes::of<T>(pair, x.shape(), W.shape());
  const std::int64_t in = s.g.h_prev * s.g.w_prev * s.g.c_prev;
  const std::int64_t pooled = s.pooled[1] * s.pooled[2] * s.pooled[3];
  const T* kernel = dx.data() ? transposed_kernel(s, W.data()) : nullptr;
  const std::int64_t part_size = s.gradient + s.g.c_new;
  const std::int64_t parts = std::clamp<std::int64_t>(std::min(s.g.m, kMaxPartElements / part_size), 1, kMaxParts);
  const double flops =
      2.0 * static_cast<double>(s.g.m * pooled) * static_cast<double>(s.g.kh * s.run) * (dx.data() ? 2 : 1);
  const T* sums = sum_in_parts<T>(parts, part_size, flops, [&](std::int64_t part, T* own) {
    Winners<T> list(s);
    for (std::int64_t i = s.g.m * part / parts; i < s.g.m * (part + 1) / parts; ++i) {
      const T* dz_i = dz.data() + i * pooled;
      T* dx_i = dx.data() ? dx.data() + i * in : nullptr;
      if (std::all_of(dz_i, dz_i + pooled, [](T v) { return v == T(0); })) {  // as of samples that the loss skipped
        if (dx_i) std::fill_n(dx_i, in, T(0));
        continue;
      }
      list.list(pair, s, dz_i, winners.data() + i * pooled);
      add_image(s, list, x.data() + i * in, kernel, dx_i, own, own + s.gradient);
    }
  });
  T* to = dW.data();
  for (std::int64_t r = 0; r < s.g.kh; ++r) {
    for (std::int64_t e = 0; e < s.run; ++e, to += s.g.c_new) {
      for (std::int64_t n = 0; n < s.g.c_new; ++n) to[n] = sums[(n * s.g.kh + r) * s.padded_run + e];
    }
  }
  if (db.data()) std::copy_n(sums + s.gradient, s.g.c_new, db.data());
}

template void conv_pool_forward(const ConvPool&, TensorView<const float>, TensorView<const float>,
                                TensorView<const float>, TensorView<float>, TensorView<float>);
template void conv_pool_forward(const ConvPool&, TensorView<const double>, TensorView<const double>,
                                TensorView<const double>, TensorView<double>, TensorView<double>);
template void conv_pool_backward(const ConvPool&, TensorView<const float>, TensorView<const float>,
                                 TensorView<const float>, TensorView<const float>, TensorView<float>, TensorView<float>,
                                 TensorView<float>);
template void conv_pool_backward(const ConvPool&, TensorView<const double>, TensorView<const double>,
                                 TensorView<const double>, TensorView<const double>, TensorView<double>,
                                 TensorView<double>, TensorView<double>);

}  // namespace hubel::detail
