// Placeholder until merged: see branch norm.
#pragma once
#include <algorithm>
#include <span>

#include "hubel/activation.hpp"
#include "hubel/tensor.hpp"
namespace hubel {
template <class T>
void add_forward(std::span<const TensorView<const T>> xs, Activation activation, TensorView<T> out) {
  for (std::int64_t i = 0; i < out.size(); ++i) {
    T sum = 0;
    for (const auto& x : xs) sum += x[i];
    out[i] = sum;
  }
  activation_forward(TensorView<const T>(out), activation, out);
}
}  // namespace hubel
