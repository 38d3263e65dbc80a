// What joins branches of a network: sums, products and concatenations, each with its gradients; and what takes channels
// apart.
//
// Everything throws std::invalid_argument for shapes that do not fit.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hubel/activation.hpp"
#include "hubel/tensor.hpp"

namespace hubel {

// out = activation(the sum of xs), elementwise: one or more of one shape, added in their order. out may be the memory
// of any of them. relu, relu6 and identity cost nothing. (The gradient of each x is activation_backward's.)
void add_forward(std::span<const TensorView<const float>> xs, Activation activation, TensorView<float> out);
void add_forward(std::span<const TensorView<const double>> xs, Activation activation, TensorView<double> out);
Tensor<float> add_forward(std::span<const TensorView<const float>> xs, Activation activation = Activation::identity);
Tensor<double> add_forward(std::span<const TensorView<const double>> xs, Activation activation = Activation::identity);

// Of two, where b may be spread over the pixels or channels of a, (m, ..., c): b has a's shape, or (m, 1, ..., 1, c), a
// number for each channel of each sample (as squeeze-and-excitation has it: Hu et al. 2018), or (m, ..., 1), one for
// each pixel. out has a's shape and may be its memory.
void add_forward(TensorView<const float> a, TensorView<const float> b, TensorView<float> out);
void add_forward(TensorView<const double> a, TensorView<const double> b, TensorView<double> out);
void multiply_forward(TensorView<const float> a, TensorView<const float> b, TensorView<float> out);
void multiply_forward(TensorView<const double> a, TensorView<const double> b, TensorView<double> out);
Tensor<float> add_forward(TensorView<const float> a, TensorView<const float> b);
Tensor<double> add_forward(TensorView<const double> a, TensorView<const double> b);
Tensor<float> multiply_forward(TensorView<const float> a, TensorView<const float> b);
Tensor<double> multiply_forward(TensorView<const double> a, TensorView<const double> b);

// The gradients from dout = dL/dout; an empty view (default-constructed) leaves one out. That of a b that was spread is
// summed over where it went. da may be the memory of dout. A gradient of add's needs no operands; the shape of b's says
// how b was spread.
void add_backward(TensorView<const float> dout, TensorView<float> da, TensorView<float> db);
void add_backward(TensorView<const double> dout, TensorView<double> da, TensorView<double> db);
void multiply_backward(TensorView<const float> dout, TensorView<const float> a, TensorView<const float> b,
                       TensorView<float> da, TensorView<float> db);
void multiply_backward(TensorView<const double> dout, TensorView<const double> a, TensorView<const double> b,
                       TensorView<double> da, TensorView<double> db);

// out (m, ..., the sum of the channels) = xs side by side along the last axis: one or more, of rank 1 or more, alike in
// all axes but the last. Backward copies the channels of dout to where they came from; an empty view among dxs
// (default- constructed) stands for a gradient that is not wanted, of `channels` channels.
void concat_forward(std::span<const TensorView<const float>> xs, TensorView<float> out);
void concat_forward(std::span<const TensorView<const double>> xs, TensorView<double> out);
Tensor<float> concat_forward(std::span<const TensorView<const float>> xs);
Tensor<double> concat_forward(std::span<const TensorView<const double>> xs);
void concat_backward(TensorView<const float> dout, std::span<const std::int64_t> channels,
                     std::span<const TensorView<float>> dxs);
void concat_backward(TensorView<const double> dout, std::span<const std::int64_t> channels,
                     std::span<const TensorView<double>> dxs);

// y (m, ..., end - begin) = the channels of x (m, ..., c) from begin on. Backward: dx, of the shape of x, is dy in
// these channels and 0 in the others. Both throw unless 0 <= begin and begin + the channels of y <= c.
Shape slice_output_shape(const Shape& x, std::int64_t begin, std::int64_t end, std::string_view who = "slice");
void slice_forward(TensorView<const float> x, std::int64_t begin, TensorView<float> y);
void slice_forward(TensorView<const double> x, std::int64_t begin, TensorView<double> y);
void slice_backward(TensorView<const float> dy, std::int64_t begin, TensorView<float> dx);
void slice_backward(TensorView<const double> dy, std::int64_t begin, TensorView<double> dx);

}  // namespace hubel
