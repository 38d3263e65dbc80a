// The layers of a network, as plain descriptions: what a layer is, without its weights. A Network makes weights and
// memory from them, a model file stores them.
//
// An image layer takes (m, h, w, c), Dense (m, ..., n). Defaults are Keras's, but that kernels start he-normal.
// Parameters that are called bias or beta start at 0, gamma at 1, unless their initializers say otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/initializer.hpp"
#include "hubel/merge.hpp"
#include "hubel/pad.hpp"
#include "hubel/pool.hpp"
#include "hubel/resize.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// (m, h, w, c) -> (m, h_new, w_new, filters); see conv.hpp for h_new.
// Parameters: kernel (kh, kw, c / groups, filters) and, with use_bias, bias (filters).
struct Conv2D {
  std::int64_t filters = 1;
  std::array<std::int64_t, 2> kernel_size = {3, 3};
  std::array<std::int64_t, 2> strides = {1, 1};
  Padding padding = Padding::valid();
  std::array<std::int64_t, 2> dilation_rate = {1, 1};
  std::int64_t groups = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::he_normal;
  Initializer bias_initializer = Initializer::zeros;

  friend bool operator==(const Conv2D&, const Conv2D&) = default;
};

// Each channel by itself: (m, h, w, c) -> (m, h_new, w_new, c depth_multiplier), output channel k being of input
// channel k / depth_multiplier. Parameters: kernel (kh, kw, 1, c depth_multiplier) and, with use_bias, bias.
struct DepthwiseConv2D {
  std::array<std::int64_t, 2> kernel_size = {3, 3};
  std::array<std::int64_t, 2> strides = {1, 1};
  Padding padding = Padding::valid();
  std::array<std::int64_t, 2> dilation_rate = {1, 1};
  std::int64_t depth_multiplier = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::he_normal;
  Initializer bias_initializer = Initializer::zeros;

  friend bool operator==(const DepthwiseConv2D&, const DepthwiseConv2D&) = default;
};

// (m, h, w, c) -> (m, h_new, w_new, filters), larger by the strides; see conv_transpose.hpp for h_new. Parameters:
// kernel (kh, kw, filters / groups, c) and, with use_bias, bias (filters).
struct Conv2DTranspose {
  std::int64_t filters = 1;
  std::array<std::int64_t, 2> kernel_size = {3, 3};
  std::array<std::int64_t, 2> strides = {1, 1};
  Padding padding = Padding::valid();
  std::array<std::int64_t, 2> output_padding = {0, 0};
  std::array<std::int64_t, 2> dilation_rate = {1, 1};
  std::int64_t groups = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::he_normal;
  Initializer bias_initializer = Initializer::zeros;

  friend bool operator==(const Conv2DTranspose&, const Conv2DTranspose&) = default;
};

// (m, w, c) -> (m, w_new, filters), as a Conv2D over images of one row: padding's left and right count. Parameters:
// kernel (k, c / groups, filters) and, with use_bias, bias (filters).
struct Conv1D {
  std::int64_t filters = 1;
  std::int64_t kernel_size = 3;
  std::int64_t strides = 1;
  Padding padding = Padding::valid();
  std::int64_t dilation_rate = 1;
  std::int64_t groups = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::he_normal;
  Initializer bias_initializer = Initializer::zeros;

  friend bool operator==(const Conv1D&, const Conv1D&) = default;
};

// (m, h, w, c) -> (m, h_new, w_new, c); see pool.hpp for h_new and what the options mean.
struct Pool2D {
  PoolMode mode = PoolMode::max;
  std::array<std::int64_t, 2> pool_size = {2, 2};
  std::array<std::int64_t, 2> strides = {2, 2};
  Padding padding = Padding::valid();
  bool ceil_mode = false;
  bool count_include_pad = false;

  friend bool operator==(const Pool2D&, const Pool2D&) = default;
};

// (m, h, w, c) -> (m, c), or (m, 1, 1, c) with keepdims.
struct GlobalPool2D {
  PoolMode mode = PoolMode::avg;
  bool keepdims = false;

  friend bool operator==(const GlobalPool2D&, const GlobalPool2D&) = default;
};

// (m, w, c) -> (m, w_new, c), as a Pool2D over images of one row: padding's left and right count.
struct Pool1D {
  PoolMode mode = PoolMode::max;
  std::int64_t pool_size = 2;
  std::int64_t strides = 2;
  Padding padding = Padding::valid();
  bool ceil_mode = false;
  bool count_include_pad = false;

  friend bool operator==(const Pool1D&, const Pool1D&) = default;
};

// (m, w, c) -> (m, c), or (m, 1, c) with keepdims.
struct GlobalPool1D {
  PoolMode mode = PoolMode::avg;
  bool keepdims = false;

  friend bool operator==(const GlobalPool1D&, const GlobalPool1D&) = default;
};

// (m, h, w, c) -> (m, output_size[0], output_size[1], c); see adaptive_pool.hpp for the windows.
struct AdaptivePool2D {
  PoolMode mode = PoolMode::avg;
  std::array<std::int64_t, 2> output_size = {1, 1};

  friend bool operator==(const AdaptivePool2D&, const AdaptivePool2D&) = default;
};

// (m, h, w, c) -> (m, h size[0], w size[1], c); see resize.hpp for the interpolations.
struct UpSampling2D {
  std::array<std::int64_t, 2> size = {2, 2};
  Interpolation interpolation = Interpolation::nearest;
  bool align_corners = false;

  friend bool operator==(const UpSampling2D&, const UpSampling2D&) = default;
};

// (m, h, w, c) -> (m, size[0], size[1], c).
struct Resizing {
  std::array<std::int64_t, 2> size = {1, 1};
  Interpolation interpolation = Interpolation::bilinear;
  bool align_corners = false;

  friend bool operator==(const Resizing&, const Resizing&) = default;
};

// (m, h, w, c) -> (m, top + h + bottom, left + w + right, c), with zeros around.
struct ZeroPadding2D {
  Margins padding = {1, 1, 1, 1};

  friend bool operator==(const ZeroPadding2D&, const ZeroPadding2D&) = default;
};

// (m, h, w, c) -> (m, top + h + bottom, left + w + right, c), with pixels of the image around; see pad.hpp.
struct Padding2D {
  Margins padding = {1, 1, 1, 1};
  PadMode mode = PadMode::reflect;

  friend bool operator==(const Padding2D&, const Padding2D&) = default;
};

// (m, h, w, c) -> (m, h - top - bottom, w - left - right, c).
struct Cropping2D {
  Margins cropping = {1, 1, 1, 1};

  friend bool operator==(const Cropping2D&, const Cropping2D&) = default;
};

// (m, h, w, r r c) -> (m, r h, r w, c), and back, with r = block_size: blocks of pixels out of channels, in the order
// of Keras's ops.depth_to_space, which is not that of PyTorch's PixelShuffle; see permute.hpp.
struct DepthToSpace {
  std::int64_t block_size = 2;

  friend bool operator==(const DepthToSpace&, const DepthToSpace&) = default;
};
struct SpaceToDepth {
  std::int64_t block_size = 2;

  friend bool operator==(const SpaceToDepth&, const SpaceToDepth&) = default;
};

// A sample's axes in another order: axis i of the output is axis dims[i] of the input, counted from 1 as in Keras.
// {3, 1, 2} makes (m, h, w, c) (m, c, h, w).
struct Permute {
  std::vector<std::int64_t> dims;

  friend bool operator==(const Permute&, const Permute&) = default;
};

// (m, ..., c) -> (m, ..., end - begin): the channels from begin on, up to but without end.
struct ChannelSlice {
  std::int64_t begin = 0, end = 1;

  friend bool operator==(const ChannelSlice&, const ChannelSlice&) = default;
};

// The same numbers, row-major, in another shape; one extent may be -1, for what is left.
struct Reshape {
  std::vector<std::int64_t> target_shape;

  friend bool operator==(const Reshape&, const Reshape&) = default;
};

// (m, ...) -> (m, product of the rest), row-major.
struct Flatten {
  friend bool operator==(const Flatten&, const Flatten&) = default;
};

// (m, ..., n) -> (m, ..., units): of each pixel of an image as a Conv2D of 1x1, whose path it takes. Parameters: kernel
// (n, units) and, with use_bias, bias (units).
struct Dense {
  std::int64_t units = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::he_normal;
  Initializer bias_initializer = Initializer::zeros;

  friend bool operator==(const Dense&, const Dense&) = default;
};

// The activation alone; the shape stays.
struct ActivationLayer {
  Activation activation = Activation::relu;

  friend bool operator==(const ActivationLayer&, const ActivationLayer&) = default;
};

// Activations with a number or weights of their own; the shape stays. PReLU's parameter: alpha (c) or, shared, (1).
struct LeakyReLU {
  double negative_slope = 0.3;

  friend bool operator==(const LeakyReLU&, const LeakyReLU&) = default;
};
struct ELU {
  double alpha = 1;

  friend bool operator==(const ELU&, const ELU&) = default;
};
struct PReLU {
  bool shared = false;
  double initial = 0.25;  // as in the paper and PyTorch; Keras starts from 0

  friend bool operator==(const PReLU&, const PReLU&) = default;
};

// In training each number, or with SpatialDropout2D each channel of an image, or with StochasticDepth each sample, is
// left out with probability `rate` and the rest made larger by 1 / (1 - rate); see dropout.hpp. Else nothing is done.
struct Dropout {
  double rate = 0.5;

  friend bool operator==(const Dropout&, const Dropout&) = default;
};
struct SpatialDropout2D {
  double rate = 0.5;

  friend bool operator==(const SpatialDropout2D&, const SpatialDropout2D&) = default;
};
struct StochasticDepth {
  double rate = 0.5;

  friend bool operator==(const StochasticDepth&, const StochasticDepth&) = default;
};
// Dropout that keeps mean 0 and variance 1, beside SELU.
struct AlphaDropout {
  double rate = 0.5;

  friend bool operator==(const AlphaDropout&, const AlphaDropout&) = default;
};

// In training numbers of the normal distribution are added, of this standard deviation, or multiplied with, about 1 and
// with the variance rate / (1 - rate); see noise.hpp. Else nothing is done.
struct GaussianNoise {
  double stddev = 0.1;

  friend bool operator==(const GaussianNoise&, const GaussianNoise&) = default;
};
struct GaussianDropout {
  double rate = 0.5;

  friend bool operator==(const GaussianDropout&, const GaussianDropout&) = default;
};

// Normalisations over the channels, with what they scale and shift by; see norm.hpp. The shape stays.
//
// Parameters: gamma (c) with scale, beta (c) with center; BatchNorm's running_mean and running_variance (c) move in
// training by running = momentum running + (1 - momentum) batch's, the variance unbiased as in PyTorch (whose momentum
// is 1 less this one), and are what it normalises with outside of training.
struct BatchNorm {
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Activation activation = Activation::identity;
  Initializer beta_initializer = Initializer::zeros;
  Initializer gamma_initializer = Initializer::ones;

  friend bool operator==(const BatchNorm&, const BatchNorm&) = default;
};
struct GroupNorm {
  // Divides c: c, or -1 for that, is instance normalisation, 1 is layer normalisation over whole images. A group must
  // have two values at least, since a single one would become 0; so must what LayerNorm normalises together.
  std::int64_t groups = 32;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = Initializer::zeros;
  Initializer gamma_initializer = Initializer::ones;

  friend bool operator==(const GroupNorm&, const GroupNorm&) = default;
};
// Over the last `axes` axes, whose extents gamma and beta have.
struct LayerNorm {
  std::int64_t axes = 1;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = Initializer::zeros;
  Initializer gamma_initializer = Initializer::ones;

  friend bool operator==(const LayerNorm&, const LayerNorm&) = default;
};

// Of each pixel's channels by themselves: divided by the root of the mean of their squares, times gamma (c) with scale,
// and made of length 1. The mean stays where it is.
struct RMSNorm {
  double epsilon = 1e-6;
  bool scale = true;
  Initializer gamma_initializer = Initializer::ones;

  friend bool operator==(const RMSNorm&, const RMSNorm&) = default;
};
struct UnitNorm {
  friend bool operator==(const UnitNorm&, const UnitNorm&) = default;
};

// Each channel times gamma (c), which starts at `initial`: at the end of a block's branch (Touvron et al. 2021).
struct LayerScale {
  double initial = 1e-6;

  friend bool operator==(const LayerScale&, const LayerScale&) = default;
};

// What joins branches; see combine.hpp. Add: the sum of two or more of one shape, as closes a residual block (He et al.
// 2016). Multiply: the product of two, of which the second may be (1, 1, c) or (h, w, 1) beside (h, w, c). Concatenate:
// two or more side by side along the last axis.
struct Add {
  Activation activation = Activation::identity;

  friend bool operator==(const Add&, const Add&) = default;
};
struct Multiply {
  friend bool operator==(const Multiply&, const Multiply&) = default;
};
struct Concatenate {
  friend bool operator==(const Concatenate&, const Concatenate&) = default;
};

// The difference of two, or the mean, maximum or minimum of two or more, of one shape; see merge.hpp.
struct Merge {
  MergeMode mode = MergeMode::maximum;

  friend bool operator==(const Merge&, const Merge&) = default;
};

// scale x + offset, numbers that are not learned: bytes to [-1, 1] with 1 / 127.5 and -1.
struct Rescaling {
  double scale = 1, offset = 0;

  friend bool operator==(const Rescaling&, const Rescaling&) = default;
};

// (m, ..., c), divided by what neighbouring channels have; see lrn.hpp.
struct LocalResponseNorm {
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;

  friend bool operator==(const LocalResponseNorm&, const LocalResponseNorm&) = default;
};

using Layer = std::variant<Conv2D, DepthwiseConv2D, Conv2DTranspose, Conv1D, Pool2D, GlobalPool2D, AdaptivePool2D,
                           UpSampling2D, Resizing, ZeroPadding2D, Cropping2D, Reshape, Flatten, Dense, ActivationLayer,
                           LeakyReLU, ELU, PReLU, Dropout, SpatialDropout2D, BatchNorm, GroupNorm, LayerNorm, Add,
                           Multiply, Concatenate, Pool1D, GlobalPool1D, Merge, Rescaling, LocalResponseNorm,
                           StochasticDepth, AlphaDropout, GaussianNoise, GaussianDropout, DepthToSpace, SpaceToDepth,
                           Padding2D, RMSNorm, UnitNorm, Permute, ChannelSlice, LayerScale>;

// The layer's kind as files and summaries name it: "conv2d", "max_pool2d", "flatten", "batch_norm", ...
std::string_view layer_kind(const Layer& layer);

// The output's shape for an input's (both with the batch axis first). Throws std::invalid_argument, its message
// beginning with `who`, when the input does not fit or an option is out of range.
Shape layer_output_shape(const Layer& layer, const Shape& input, std::string_view who);

}  // namespace hubel
