// Convolution and max pooling as one; see conv_pool.hpp.
//
// Backward lists, for each output channel, the winners whose gradient is not zero, by the first element of their window
// in a copy of the image with its padding; the inner loops take whole windows. Gradients of W are summed transposed,
// (c_new, kh, kw c), so that a window's lines are vectors.
#include "ops/conv_pool.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "ops/workspace.hpp"
#include "simd/conv.hpp"
#include "simd/conv_pool.hpp"
#include "simd/pool.hpp"
#include "simd/sparse.hpp"
#include "simd/transpose.hpp"

namespace hubel::detail {

namespace {

// Elements of a padded image up to which the copies of it stay in L1 or L2.
constexpr std::int64_t kMaxImage = std::int64_t{1} << 14;

// Elements of a kernel up to which there is room for its gradient many times over.
constexpr std::int64_t kMaxKernel = std::int64_t{1} << 20;

// Terms up to which a sum is taken in one go; longer ones would round worse than the convolution's, which are cut.
constexpr std::int64_t kMaxTerms = 256;

constexpr std::array<std::int64_t, 2> kOne = {1, 1};

std::int64_t rounded_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

ConvGeometry geometry(const ConvPool& pair, const Shape& x, const Shape& W) {
  return conv_geometry(Shape{1, x[0], x[1], x[2]}, W, pair.conv, "conv_pool");
}

}  // namespace

template <class T>
bool ConvPoolPlan<T>::pays(const ConvPool& pair, const Shape& x, const Shape& W) {
  const auto [kh, kw] = pair.pool.kernel_shape;
  const bool apart = pair.pool.stride[0] >= kh && pair.pool.stride[1] >= kw;
  const bool unpadded = pair.pool.padding == Padding::valid() && !pair.pool.ceil_mode;
  const bool plain = pair.pool.mode == PoolMode::max && unpadded && pair.conv.groups == 1 && pair.conv.dilation == kOne;
  if (!plain || !apart) return false;
  const ConvPoolPlan plan(pair, x, W);
  const ConvGeometry& g = plan.g_;
  // From so many channels on Winograd's algorithm, with a quarter of the multiplications, is ahead of a quarter of the
  // positions, whose every multiplication costs a load.
  const bool winograd = g.kh == 3 && g.kw == 3 && pair.conv.stride == kOne && std::min(g.c_prev, g.c_new) >= 32;
  return !winograd && plan.image_ <= kMaxImage && g.output_shape().elements() <= kMaxImage &&
         plan.gradient_size() <= kMaxKernel;
}

template <class T>
ConvPoolPlan<T>::ConvPoolPlan(const ConvPool& pair, const Shape& x, const Shape& W)
    : pair_(pair), g_(geometry(pair, x, W)), lanes_(static_cast<std::int64_t>(simd::lanes<T>())) {
  const Shape pooled = pool_output_shape(g_.output_shape(), pair.pool, "conv_pool");
  pooled_h_ = pooled[1];
  pooled_w_ = pooled[2];
  run_ = g_.kw * g_.c_prev;
  height_ = (g_.h_new - 1) * g_.sh + g_.kh;
  width_ = (g_.w_new - 1) * g_.sw + g_.kw;
  choose_pixel();
  if (image_ > kMaxImage) return;  // it will not be used, and the tables might not fit
  way_ = choose_way();
  if (way_ == Way::columns) plan_columns();
  in_place_ = g_.left == 0 && g_.top == 0 && width_ <= g_.w_prev && height_ <= g_.h_prev;
  plan_winners();
  const std::int64_t width = rounded_up(g_.c_new, lanes_);
  constexpr std::int64_t kLine = kAlignment / sizeof(T);
  bias_at_ = way_ == Way::apart ? 0 : width * g_.kh * run_;
  backward_at_ = rounded_up(bias_at_ + width, kLine);
}

// Pixels apart by whole vectors keep windows off the borders of cache lines (simd/sparse.hpp), and dx needs no copies,
// since overlapping windows overlap in whole vectors, whose stores the processor forwards to the next load. It pays
// where it does not make many more vectors of a line.
template <class T>
void ConvPoolPlan<T>::choose_pixel() {
  constexpr std::int64_t kVector = simd::kSparseBytes / sizeof(T);
  const std::int64_t aligned = rounded_up(g_.c_prev, kVector);
  const bool pays = g_.kw * aligned * 2 <= rounded_up(run_, kVector) * 3;
  pixel_ = pays ? aligned : g_.c_prev;
  buffers_ = pays ? 1 : 4;
  line_ = width_ * pixel_;
  padded_run_ = static_cast<std::int64_t>(simd::padded_run<T>(static_cast<std::size_t>(g_.kw * pixel_)));
  image_ = rounded_up(height_ * line_ + padded_run_, kVector);
}

// The lanes of the last vector that lie idle decide.
template <class T>
typename ConvPoolPlan<T>::Way ConvPoolPlan<T>::choose_way() const {
  constexpr std::array<std::int64_t, 2> kTwo = {2, 2};
  const bool linear = pair_.activation == Activation::identity || pair_.activation == Activation::relu;
  if (!linear || pair_.pool.kernel_shape != kTwo || g_.kh * run_ > kMaxTerms) return Way::apart;
  const auto waste = [this](std::int64_t n) {
    return static_cast<double>(rounded_up(n, lanes_)) / static_cast<double>(n);
  };
  // With one vector of channels a broadcast pixel serves a single multiply-add, and loads are the limit.
  const double channels = waste(g_.c_new) * (g_.c_new <= lanes_ ? 1.1 : 1.0);
  return waste(pooled_w_) < channels ? Way::columns : Way::channels;
}

template <class T>
void ConvPoolPlan<T>::plan_columns() {
  split_ = pair_.pool.stride[1] * g_.sw;
  // A vector of pixels that begins at the last column ends so far beyond it.
  plane_ = rounded_up(pooled_w_, lanes_) + (width_ + split_ - 1) / split_;
  for (std::int64_t r = 0; r < g_.kh; ++r) {
    for (std::int64_t e = 0; e < run_; ++e) {
      for (std::int64_t i = 0; i < 2; ++i) {
        const std::int64_t column = i * g_.sw + e / g_.c_prev;
        const std::int64_t plane = (r * g_.c_prev + e % g_.c_prev) * split_ + column % split_;
        taps_.push_back(static_cast<std::int32_t>(plane * plane_ + column / split_));
      }
    }
  }
}

template <class T>
void ConvPoolPlan<T>::plan_winners() {
  const auto [kh, kw] = pair_.pool.kernel_shape;
  for (std::int64_t p = 0; p < kh * kw; ++p)
    distance_.push_back(static_cast<T>(p / kw * g_.sh * line_ + p % kw * g_.sw * pixel_));
  row_ = way_ == Way::columns ? rounded_up(pooled_w_, lanes_) : pooled_w_;
  plane_size_ = rounded_up(pooled_h_ * row_, lanes_);
  origin_.resize(static_cast<std::size_t>(plane_size_));
  for (std::int64_t y = 0; y < pooled_h_; ++y) {
    for (std::int64_t x = 0; x < pooled_w_; ++x) {
      origin_[static_cast<std::size_t>(y * row_ + x)] =
          static_cast<T>(y * pair_.pool.stride[0] * g_.sh * line_ + x * pair_.pool.stride[1] * g_.sw * pixel_);
    }
  }
}

template <class T>
double ConvPoolPlan<T>::forward_flops() const {
  return 2.0 * static_cast<double>(g_.output_shape().elements()) * static_cast<double>(g_.kh * run_);
}
template <class T>
double ConvPoolPlan<T>::backward_flops(bool to_input) const {
  return (to_input ? 4.0 : 2.0) * static_cast<double>(output_size()) * static_cast<double>(g_.kh * run_);
}

// ---- Weights ---------------------------------------------------------------------------------------------------

template <class T>
void ConvPoolPlan<T>::pack(const T* W, const T* b, bool backward, T* packed) const {
  if (way_ == Way::columns) pack_columns(W, packed);
  if (way_ == Way::channels) pack_channels(W, packed);
  T* bias = packed + bias_at_;
  std::fill(bias, packed + backward_at_, T(0));
  if (b) std::copy_n(b, g_.c_new, bias);
  if (!backward) return;
  // (c_new, kh, padded_run), zeros beyond a run.
  T* to = packed + backward_at_;
  std::fill_n(to, g_.c_new * g_.kh * padded_run_, T(0));
  for (std::int64_t r = 0; r < g_.kh; ++r) {
    for (std::int64_t e = 0; e < run_; ++e, W += g_.c_new) {
      T* at = to + r * padded_run_ + e / g_.c_prev * pixel_ + e % g_.c_prev;
      for (std::int64_t n = 0; n < g_.c_new; ++n) at[n * g_.kh * padded_run_] = W[n];
    }
  }
}

template <class T>
void ConvPoolPlan<T>::pack_columns(const T* W, T* to) const {
  for (std::int64_t n = 0; n < g_.c_new;) {
    const auto count = static_cast<std::int64_t>(simd::column_block(static_cast<std::size_t>(g_.c_new - n)));
    for (std::int64_t t = 0; t < g_.kh * run_; ++t) to = std::copy_n(W + t * g_.c_new + n, count, to);
    n += count;
  }
}

template <class T>
void ConvPoolPlan<T>::pack_channels(const T* W, T* to) const {
  for (std::int64_t n = 0; n < g_.c_new; n += 2 * lanes_) {
    const std::int64_t count = std::min(2 * lanes_, g_.c_new - n), width = rounded_up(count, lanes_);
    for (std::int64_t t = 0; t < g_.kh * run_; ++t, to += width)
      std::fill(std::copy_n(W + t * g_.c_new + n, count, to), to + width, T(0));
  }
}

// ---- Forward ---------------------------------------------------------------------------------------------------

// The part of an image that windows see, with its padding.
template <class T>
void ConvPoolPlan<T>::copy_image(const T* from, std::int64_t pixel, T* to) const {
  // Columns and rows of the image that windows see; none where they end before it begins.
  const std::int64_t x1 = std::clamp<std::int64_t>(width_ - g_.left, 0, g_.w_prev);
  const std::int64_t y1 = std::clamp<std::int64_t>(height_ - g_.top, 0, g_.h_prev);
  const std::int64_t line = width_ * pixel;
  if (g_.left > 0 || g_.top > 0 || x1 + g_.left < width_ || y1 + g_.top < height_)
    std::fill_n(to, height_ * line, T(0));
  for (std::int64_t y = 0; y < y1; ++y) {
    const T* row = from + y * g_.w_prev * g_.c_prev;
    T* to_row = to + (y + g_.top) * line + g_.left * pixel;
    if (pixel == g_.c_prev) {
      std::copy(row, row + x1 * g_.c_prev, to_row);
    } else {
      simd::copy_pixels(row, g_.c_prev, to_row, pixel, static_cast<std::size_t>(g_.c_prev),
                        static_cast<std::size_t>(x1));
    }
  }
}

// The image's planes: [row][channel][remainder of the column modulo split_][column / split_].
template <class T>
const T* ConvPoolPlan<T>::split_image(const T* x) const {
  const std::int64_t c_prev = g_.c_prev, row_size = c_prev * split_ * plane_;
  T* planes = scratch<T>(Scratch::pixels, static_cast<std::size_t>(height_ * row_size));
  std::fill_n(planes, height_ * row_size, T(0));
  // Columns and rows of the image that windows see; none where they end before it begins.
  const std::int64_t x1 = std::clamp<std::int64_t>(width_ - g_.left, 0, g_.w_prev);
  const std::int64_t y1 = std::clamp<std::int64_t>(height_ - g_.top, 0, g_.h_prev);
  for (std::int64_t y = 0; y < y1; ++y) {
    const T* from = x + y * g_.w_prev * c_prev;
    T* row = planes + (y + g_.top) * row_size;
    std::int64_t i = 0;
    if (split_ == 2 && c_prev == 1 && g_.left % 2 == 0) {
      simd::split_pairs(from, static_cast<std::size_t>(x1 / 2), row + g_.left / 2, plane_);
      i = x1 / 2 * 2;
    }
    for (; i < x1; ++i) {
      const std::int64_t column = i + g_.left;
      T* to = row + column % split_ * plane_ + column / split_;
      for (std::int64_t c = 0; c < c_prev; ++c) to[c * split_ * plane_] = from[i * c_prev + c];
    }
  }
  return planes;
}

template <class T>
void ConvPoolPlan<T>::forward_columns(const T* packed, const T* x, T* y, T* winners) const {
  const T* planes = split_image(x);
  const std::int64_t pitch = rounded_up(pooled_w_, lanes_);
  T* row = scratch<T>(Scratch::fused, static_cast<std::size_t>(pitch * g_.c_new));
  simd::ColumnConvPool<T> a{};
  a.pool.relu = pair_.activation == Activation::relu;
  a.below = g_.sh * g_.c_prev * split_ * plane_;
  a.taps = taps_.data();
  a.tap_count = static_cast<std::size_t>(g_.kh * run_);
  a.weights = packed;
  a.bias = packed + bias_at_;
  a.channels = static_cast<std::size_t>(g_.c_new);
  a.columns = static_cast<std::size_t>(pooled_w_);
  a.pool.out = row;
  a.out_channel = pitch;
  a.winners_channel = plane_size_;
  std::copy_n(distance_.begin(), 4, a.pool.distance);
  for (std::int64_t r = 0; r < pooled_h_; ++r) {
    a.in = planes + r * pair_.pool.stride[0] * g_.sh * g_.c_prev * split_ * plane_;
    a.pool.winners = winners ? winners + r * row_ : nullptr;
    simd::column_conv_pool(a);
    simd::transpose(row, pitch, static_cast<std::size_t>(g_.c_new), static_cast<std::size_t>(pooled_w_),
                    static_cast<std::size_t>((g_.c_new - 1) * pitch + pooled_w_), y + r * pooled_w_ * g_.c_new,
                    g_.c_new);
  }
}

template <class T>
void ConvPoolPlan<T>::forward_channels(const T* packed, const T* x, T* y, T* winners) const {
  simd::ChannelConvPool<T> a{};
  const T* image = x;
  if (!in_place_) {
    T* copy = scratch<T>(Scratch::pixels, static_cast<std::size_t>(height_ * width_ * g_.c_prev));
    copy_image(x, g_.c_prev, copy);
    image = copy;
  }
  a.pool.relu = pair_.activation == Activation::relu;
  a.step = pair_.pool.stride[1] * g_.sw * g_.c_prev;
  a.line = (in_place_ ? g_.w_prev : width_) * g_.c_prev;
  a.right = g_.sw * g_.c_prev;
  a.below = g_.sh * a.line;
  a.rows = static_cast<std::size_t>(g_.kh);
  a.run = static_cast<std::size_t>(run_);
  a.weights = packed;
  a.bias = packed + bias_at_;
  a.channels = static_cast<std::size_t>(g_.c_new);
  a.columns = static_cast<std::size_t>(pooled_w_);
  a.out_column = g_.c_new;
  std::copy_n(distance_.begin(), 4, a.pool.distance);
  for (std::int64_t r = 0; r < pooled_h_; ++r) {
    a.in = image + r * pair_.pool.stride[0] * g_.sh * a.line;
    a.pool.out = y + r * pooled_w_ * g_.c_new;
    a.pool.winners = winners ? winners + r * pooled_w_ * g_.c_new : nullptr;
    simd::channel_conv_pool(a);
  }
}

template <class T>
void ConvPoolPlan<T>::forward_apart(const Weights& weights, const T* x, std::int64_t count, T* y, T* winners) const {
  const std::int64_t conv = g_.output_shape().elements(), pooled_row = pooled_w_ * g_.c_new;
  TensorView<const T> b;
  if (weights.b) b = {weights.b, Shape{1, 1, 1, g_.c_new}};
  T* z = scratch<T>(Scratch::fused, static_cast<std::size_t>(count * conv));
  conv_forward({x, Shape{count, g_.h_prev, g_.w_prev, g_.c_prev}},
               {weights.W, Shape{g_.kh, g_.kw, g_.c_prev, g_.c_new}}, b, pair_.activation, pair_.conv,
               {z, Shape{count, g_.h_new, g_.w_new, g_.c_new}});
  simd::PoolWindows w{};
  w.channels = static_cast<std::size_t>(g_.c_new);
  w.kh = static_cast<std::size_t>(pair_.pool.kernel_shape[0]);
  w.kw = static_cast<std::size_t>(pair_.pool.kernel_shape[1]);
  w.line = g_.w_new * g_.c_new;
  w.pixel_step = pair_.pool.stride[1] * g_.c_new;
  w.pixels = static_cast<std::size_t>(pooled_w_);
  for (std::int64_t row = 0; row < count * pooled_h_; ++row) {
    const T* from = z + row / pooled_h_ * conv + row % pooled_h_ * pair_.pool.stride[0] * w.line;
    if (winners) {
      T* number = winners + row * pooled_row;
      simd::max_pool_row_winners(w, from, y + row * pooled_row, number);
      std::transform(number, number + pooled_row, number,
                     [this](T p) { return distance_[static_cast<std::size_t>(p)]; });
    } else {
      simd::max_pool_row(w, from, y + row * pooled_row);
    }
  }
}

template <class T>
void ConvPoolPlan<T>::forward(const Weights& weights, const T* x, std::int64_t count, T* y, T* winners) const {
  if (way_ == Way::apart) return forward_apart(weights, x, count, y, winners);
  for (std::int64_t i = 0; i < count; ++i) {
    T* own = winners ? winners + i * winners_size() : nullptr;
    way_ == Way::columns ? forward_columns(weights.packed, x + i * input_size(), y + i * output_size(), own)
                         : forward_channels(weights.packed, x + i * input_size(), y + i * output_size(), own);
  }
}

// ---- Backward --------------------------------------------------------------------------------------------------

// From (h, w, c_new) to planes of a channel, whose rows are as long as the winners'; zeros fill them up.
template <class T>
void ConvPoolPlan<T>::transpose_rows(const T* from, T* to) const {
  const std::int64_t rows = row_ == pooled_w_ ? 1 : pooled_h_, length = positions() / rows;
  if (pooled_h_ * pooled_w_ < plane_size_) std::fill_n(to, g_.c_new * plane_size_, T(0));
  for (std::int64_t r = 0; r < rows; ++r)
    simd::transpose(from + r * length * g_.c_new, g_.c_new, static_cast<std::size_t>(length),
                    static_cast<std::size_t>(g_.c_new), static_cast<std::size_t>(length * g_.c_new), to + r * row_,
                    plane_size_);
}

// In four sums side by side, which do not wait for one another.
template <class T>
static T sum_of(const T* x, std::size_t n) {
  T sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) sums[k] += x[i + k];
  }
  for (; i < n; ++i) sums[0] += x[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
void ConvPoolPlan<T>::put_dx(T* buffers, T* dx) const {
  for (std::int64_t copy = 1; copy < buffers_; ++copy) {
    for (std::int64_t i = 0; i < image_; ++i) buffers[i] += buffers[copy * image_ + i];
  }
  // Columns and rows of the image that windows see; none where they end before it begins.
  const std::int64_t x1 = std::clamp<std::int64_t>(width_ - g_.left, 0, g_.w_prev);
  const std::int64_t y1 = std::clamp<std::int64_t>(height_ - g_.top, 0, g_.h_prev);
  if (x1 < g_.w_prev || y1 < g_.h_prev) std::fill_n(dx, input_size(), T(0));
  for (std::int64_t y = 0; y < y1; ++y) {
    simd::copy_pixels(buffers + (y + g_.top) * line_ + g_.left * pixel_, pixel_, dx + y * g_.w_prev * g_.c_prev,
                      g_.c_prev, static_cast<std::size_t>(g_.c_prev), static_cast<std::size_t>(x1));
  }
}

template <class T>
void ConvPoolPlan<T>::add_gradients(const T* packed, const T* dz, const T* winners, const T* x, T* dx, T* sums) const {
  if (std::all_of(dz, dz + output_size(), [](T v) { return v == T(0); })) {  // as of samples that the loss skipped
    if (dx) std::fill_n(dx, input_size(), T(0));
    return;
  }
  T* image = scratch<T>(Scratch::pixels, static_cast<std::size_t>((1 + buffers_) * image_));
  T* buffers = image + image_;
  copy_image(x, pixel_, image);
  std::fill_n(image + height_ * line_, image_ - height_ * line_, T(0));
  if (dx) std::fill_n(buffers, buffers_ * image_, T(0));
  // Both by channel: gradients, zeros where a row is longer than the pooled image, and distances.
  const std::int64_t by_channel = g_.c_new * plane_size_;
  T* gradients = scratch<T>(Scratch::fused_gradients, static_cast<std::size_t>(2 * by_channel));
  transpose_rows(dz, gradients);
  const T* distances = winners;
  if (way_ != Way::columns) {
    transpose_rows(winners, gradients + by_channel);
    distances = gradients + by_channel;
  }
  const std::int64_t room = plane_size_ + lanes_;
  T* at = scratch<T>(Scratch::fused, static_cast<std::size_t>(2 * room));
  T* g = at + room;
  T* db = sums + gradient_size() - g_.c_new;
  simd::Windows<T> w{};
  w.at = at;
  w.line = line_;
  w.rows = static_cast<std::size_t>(g_.kh);
  w.run = static_cast<std::size_t>(g_.kw * pixel_);
  for (std::int64_t n = 0; n < g_.c_new; ++n) {
    w.count = simd::list_nonzero(gradients + n * plane_size_, origin_.data(), distances + n * plane_size_,
                                 static_cast<std::size_t>(plane_size_), at, g);
    db[n] += sum_of(g, w.count);
    const std::int64_t place = n * g_.kh * padded_run_;
    simd::sparse_weights(w, image, g, sums + place);
    if (dx) simd::sparse_data(w, packed + backward_at_ + place, g, buffers, image_, static_cast<std::size_t>(buffers_));
  }
  if (dx) put_dx(buffers, dx);
}

template <class T>
void ConvPoolPlan<T>::put_gradients(const T* sums, T* dW, T* db) const {
  for (std::int64_t r = 0; dW && r < g_.kh; ++r) {
    for (std::int64_t e = 0; e < run_; ++e, dW += g_.c_new) {
      const T* at = sums + r * padded_run_ + e / g_.c_prev * pixel_ + e % g_.c_prev;
      for (std::int64_t n = 0; n < g_.c_new; ++n) dW[n] = at[n * g_.kh * padded_run_];
    }
  }
  if (db) std::copy_n(sums + gradient_size() - g_.c_new, g_.c_new, db);
}

template class ConvPoolPlan<float>;
template class ConvPoolPlan<double>;

}  // namespace hubel::detail
