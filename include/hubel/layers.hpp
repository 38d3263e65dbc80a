// The layers of a network, as plain descriptions: what a layer is, without its weights. A Network makes weights and
// memory from them, a model file stores them.
//
// An image layer takes (m, h, w, c), Dense takes (m, n). Defaults are Keras's.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/initializer.hpp"
#include "hubel/pool.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// (m, h, w, c) -> (m, h_new, w_new, filters); see conv.hpp for h_new.
// Parameters: kernel (kh, kw, c / groups, filters) and, with use_bias, bias (filters), which starts at 0.
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

  friend bool operator==(const Conv2D&, const Conv2D&) = default;
};

// (m, h, w, c) -> (m, floor((h - ph) / sh) + 1, floor((w - pw) / sw) + 1, c).
struct Pool2D {
  PoolMode mode = PoolMode::max;
  std::array<std::int64_t, 2> pool_size = {2, 2};
  std::array<std::int64_t, 2> strides = {2, 2};

  friend bool operator==(const Pool2D&, const Pool2D&) = default;
};

// (m, ...) -> (m, product of the rest), row-major.
struct Flatten {
  friend bool operator==(const Flatten&, const Flatten&) = default;
};

// (m, n) -> (m, units). Parameters: kernel (n, units) and, with use_bias, bias (units), which starts at 0.
struct Dense {
  std::int64_t units = 1;
  Activation activation = Activation::identity;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::he_normal;

  friend bool operator==(const Dense&, const Dense&) = default;
};

// The activation alone; the shape stays.
struct ActivationLayer {
  Activation activation = Activation::relu;

  friend bool operator==(const ActivationLayer&, const ActivationLayer&) = default;
};

// The sum of two or more inputs of one shape: what closes a residual block (He et al. 2016).
struct Add {
  Activation activation = Activation::identity;

  friend bool operator==(const Add&, const Add&) = default;
};

using Layer = std::variant<Conv2D, Pool2D, Flatten, Dense, ActivationLayer, Add>;

// The layer's kind as files and summaries name it: "conv2d", "max_pool2d", "avg_pool2d", "flatten", "dense",
// "activation".
std::string_view layer_kind(const Layer& layer);

// The output's shape for an input's (both with the batch axis first). Throws std::invalid_argument, its message
// beginning with `who`, when the input does not fit or an option is out of range.
Shape layer_output_shape(const Layer& layer, const Shape& input, std::string_view who);

}  // namespace hubel
