// How a layer's weights start.
#pragma once

#include <cstdint>
#include <string_view>

#include "hubel/tensor.hpp"

namespace hubel {

// fan_in and fan_out are the numbers of inputs and outputs that one unit is joined to: for a convolution
// kh kw c_prev / groups and kh kw c_new / groups, for a dense layer n_in and n_out, for a vector such as a bias both
// its number of elements. The last three are Keras's, with its numbers.
enum class Initializer {
  zeros,
  he_normal,       // N(0, 2 / fan_in)                     He et al. 2015
  he_uniform,      // U(-r, r), r = sqrt(6 / fan_in)
  glorot_normal,   // N(0, 2 / (fan_in + fan_out))         Glorot & Bengio 2010
  glorot_uniform,  // U(-r, r), r = sqrt(6 / (fan_in + fan_out))
  lecun_normal,    // N(0, 1 / fan_in)                     LeCun et al. 1998
  lecun_uniform,   // U(-r, r), r = sqrt(3 / fan_in)
  ones,
  random_normal,     // N(0, 0.05^2)                       (also "normal")
  random_uniform,    // U(-0.05, 0.05)                     (also "uniform")
  truncated_normal,  // N(0, 0.05^2), of which what lies beyond 0.1 is drawn anew
};

std::string_view initializer_name(Initializer initializer);
// An unknown name throws std::invalid_argument that begins with `who` and lists the known names.
Initializer initializer_from_name(std::string_view name, std::string_view who = "initializer");

// Fills w. Its values are a function of (initializer, fans, seed, stream) and the element's index alone; `stream` tells
// the tensors of one network apart.
void initialize(TensorView<float> w, Initializer initializer, std::int64_t fan_in, std::int64_t fan_out,
                std::uint64_t seed, std::uint64_t stream);
void initialize(TensorView<double> w, Initializer initializer, std::int64_t fan_in, std::int64_t fan_out,
                std::uint64_t seed, std::uint64_t stream);

}  // namespace hubel
