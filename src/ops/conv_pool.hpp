// A convolution with its activation and the max pooling behind it, as one, for small images.
//
// Forward keeps the pooled output and where in its window each maximum was; the convolution's own output never leaves
// the registers or, at worst, the cache. Backward knows that behind the pooling all gradients are zero but the
// winners': it takes these alone, a quarter of the positions behind a 2x2 pooling and fewer where the activation is
// flat.
#pragma once

#include <cstdint>
#include <vector>

#include "hubel/conv.hpp"
#include "hubel/pool.hpp"

namespace hubel::detail {

struct ConvPool {
  ConvOptions conv;
  Activation activation = Activation::identity;  // elementwise, its derivative to be had from its output
  PoolOptions pool;
};

// A pair planned for the shapes of one sample, x (h, w, c), and of its kernel W (kh, kw, c, c_new). It has been checked
// that they fit. Its calls run on the calling thread, several threads may share it, and what it makes of a sample does
// not depend on the others.
template <class T>
class ConvPoolPlan {
 public:
  // Whether the pair may and should be computed so: one group, no dilation, windows that do not overlap and lie in the
  // image, small images, and a convolution that is not better off with Winograd's algorithm.
  static bool pays(const ConvPool& pair, const Shape& x, const Shape& W);

  ConvPoolPlan(const ConvPool& pair, const Shape& x, const Shape& W);

  // Elements of a sample's input, pooled output and winners.
  std::int64_t input_size() const { return g_.h_prev * g_.w_prev * g_.c_prev; }
  std::int64_t output_size() const { return positions() * g_.c_new; }
  std::int64_t winners_size() const { return way_ == Way::columns ? g_.c_new * plane_size_ : output_size(); }
  // Multiply-adds twice, of a sample; of backward at most.
  double forward_flops() const;
  double backward_flops(bool to_input) const;
  // Whether forward does without the convolution's output, which makes it worth while for inference as well.
  bool fused() const { return way_ != Way::apart; }

  // The weights in the order that the loops want; to be made again when they have changed.
  std::int64_t packed_size() const { return backward_at_ + g_.c_new * g_.kh * padded_run_; }
  void pack(const T* W, const T* b, bool backward, T* packed) const;

  // The weights as they are, and packed.
  struct Weights {
    const T* W;
    const T* b;  // or null
    const T* packed;
  };
  // y and winners (null: not wanted) of `count` samples x.
  void forward(const Weights& weights, const T* x, std::int64_t count, T* y, T* winners) const;

  // Adds to `sums`, gradient_size() elements in an order of its own, the gradients of one sample with respect to W and
  // b, and writes that with respect to x to dx unless that is null. dz is the gradient with respect to the winners'
  // pre-activations.
  std::int64_t gradient_size() const { return g_.c_new * g_.kh * padded_run_ + g_.c_new; }
  void add_gradients(const T* packed, const T* dz, const T* winners, const T* x, T* dx, T* sums) const;
  // The sums in the order of W and b. Either may be null.
  void put_gradients(const T* sums, T* dW, T* db) const;

 private:
  // How forward goes: lanes as pooled columns, lanes as channels (simd/conv_pool.hpp), or the convolution and the
  // pooling one after the other.
  enum class Way { columns, channels, apart };

  std::int64_t positions() const { return pooled_h_ * pooled_w_; }
  Way choose_way() const;
  void plan_columns();
  void plan_winners();
  void pack_columns(const T* W, T* to) const;
  void pack_channels(const T* W, T* to) const;
  const T* split_image(const T* x) const;
  void copy_image(const T* from, std::int64_t pixel, T* to) const;
  void forward_columns(const T* packed, const T* x, T* y, T* winners) const;
  void forward_channels(const T* packed, const T* x, T* y, T* winners) const;
  void forward_apart(const Weights& weights, const T* x, std::int64_t count, T* y, T* winners) const;
  void choose_pixel();
  void transpose_rows(const T* from, T* to) const;
  void put_dx(T* buffers, T* dx) const;

  ConvPool pair_;
  ConvGeometry g_;
  Way way_ = Way::apart;
  std::int64_t lanes_ = 1;
  std::int64_t pooled_h_ = 0, pooled_w_ = 0;
  std::int64_t run_ = 0;                 // terms of a kernel's line
  std::int64_t height_ = 0, width_ = 0;  // of the part of the padded image that windows see
  // Backward's copy of it: elements from pixel to pixel, of a line, of a window's line up to whole vectors, and of all
  // with room for a window's last vector. And of how many copies of dx windows go to in turn.
  std::int64_t pixel_ = 1, line_ = 0, padded_run_ = 0, image_ = 0, buffers_ = 1;
  // Packed weights: forward's, then the bias, then backward's from here on.
  std::int64_t bias_at_ = 0, backward_at_ = 0;
  // Lanes as columns. The padded image's columns are split by their remainder modulo `split_`, the pooled columns'
  // distance, into planes of `plane_` elements, so that the same pixel of neighbouring windows is next to itself.
  std::int64_t split_ = 1, plane_ = 0;
  std::vector<std::int32_t> taps_;
  // Lanes as channels: whether an image is used as it lies.
  bool in_place_ = false;
  // Where the window of a winner begins in backward's copy of the image: at its pooling window's origin, and so far
  // from there. Both are listed by position, in rows of `row_`, and `plane_size_` for a channel.
  std::vector<T> origin_, distance_;
  std::int64_t row_ = 0, plane_size_ = 0;
};

extern template class ConvPoolPlan<float>;
extern template class ConvPoolPlan<double>;

}  // namespace hubel::detail
