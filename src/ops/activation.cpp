// Activations: names, checks, and the elementwise loops shared out over threads.
#include "hubel/activation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "ops/checks.hpp"
#include "ops/parallel.hpp"
#include "simd/elementwise.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

constexpr std::array<std::pair<std::string_view, Activation>, 20> kNames{{
    {"identity", Activation::identity},
    {"relu", Activation::relu},
    {"relu6", Activation::relu6},
    {"leaky_relu", Activation::leaky_relu},
    {"elu", Activation::elu},
    {"selu", Activation::selu},
    {"gelu", Activation::gelu},
    {"gelu_tanh", Activation::gelu_tanh},
    {"silu", Activation::silu},
    {"mish", Activation::mish},
    {"softplus", Activation::softplus},
    {"softsign", Activation::softsign},
    {"sigmoid", Activation::sigmoid},
    {"hard_sigmoid", Activation::hard_sigmoid},
    {"hard_swish", Activation::hard_swish},
    {"hard_tanh", Activation::hard_tanh},
    {"tanh", Activation::tanh},
    {"exponential", Activation::exponential},
    {"softmax", Activation::softmax},
    {"log_softmax", Activation::log_softmax},
}};

// Elements of one item of parallel work, and about what one costs.
constexpr std::int64_t kChunk = 1 << 14;
constexpr double kFlopsPerElement = 8;

bool by_row(Activation a) { return a == Activation::softmax || a == Activation::log_softmax; }

struct Rows {
  std::int64_t rows, columns;
};

Rows rows_of(std::string_view who, Activation activation, const Shape& shape) {
  if (shape.rank() == 0) {
    throw std::invalid_argument(detail::formatted("{}: {} works along the last dimension, but x has shape ()", who,
                                                  activation_name(activation)));
  }
  return {shape.back() == 0 ? 0 : shape.elements() / shape.back(), shape.back()};
}

// Calls f(begin, end) for chunks of whole rows, or of elements when columns is 1.
template <class F>
void for_each_chunk(std::int64_t rows, std::int64_t columns, const F& f) {
  const std::int64_t chunk = std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(columns, 1));
  const std::int64_t chunks = (rows + chunk - 1) / chunk;
  detail::parallel_for(chunks, kFlopsPerElement * static_cast<double>(rows) * static_cast<double>(columns),
                       [&](std::int64_t i) { f(i * chunk, std::min((i + 1) * chunk, rows)); });
}

template <class T>
void forward(TensorView<const T> x, Activation activation, TensorView<T> out) {
  constexpr std::string_view who = "activation_forward";
  detail::check_shape(who, "out", out.shape(), x.shape(), "the shape of x");
  if (by_row(activation)) {
    const Rows r = rows_of(who, activation, x.shape());
    for_each_chunk(r.rows, r.columns, [&](std::int64_t begin, std::int64_t end) {
      simd::softmax_rows(activation == Activation::log_softmax, x.data() + begin * r.columns,
                         out.data() + begin * r.columns, static_cast<std::size_t>(end - begin),
                         static_cast<std::size_t>(r.columns));
    });
    return;
  }
  for_each_chunk(x.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    simd::activate(activation, x.data() + begin, out.data() + begin, static_cast<std::size_t>(end - begin));
  });
}

// softmax: dx = y (dy - sum(dy y)). log_softmax: dx = dy - exp(y) sum(dy).
template <class T>
void softmax_row_backward(bool log, const T* dy, const T* y, T* dx, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += log ? static_cast<double>(dy[i]) : static_cast<double>(dy[i]) * y[i];
  const T s = static_cast<T>(sum);
  for (std::int64_t i = 0; i < n; ++i) dx[i] = log ? dy[i] - std::exp(y[i]) * s : y[i] * (dy[i] - s);
}

template <class T>
void backward(TensorView<const T> dy, TensorView<const T> x, TensorView<const T> y, Activation activation,
              TensorView<T> dx) {
  constexpr std::string_view who = "activation_backward";
  detail::check_shape(who, "x", x.shape(), dy.shape(), "the shape of dy");
  detail::check_shape(who, "y", y.shape(), dy.shape(), "the shape of dy");
  detail::check_shape(who, "dx", dx.shape(), dy.shape(), "the shape of dy");
  if (by_row(activation)) {
    const Rows r = rows_of(who, activation, dy.shape());
    for_each_chunk(r.rows, r.columns, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * r.columns; i < end * r.columns; i += r.columns) {
        softmax_row_backward(activation == Activation::log_softmax, dy.data() + i, y.data() + i, dx.data() + i,
                             r.columns);
      }
    });
    return;
  }
  for_each_chunk(dy.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    simd::activate_backward(activation, dy.data() + begin, x.data() + begin, y.data() + begin, dx.data() + begin,
                            static_cast<std::size_t>(end - begin));
  });
}

template <class T>
Tensor<T> forward_new(TensorView<const T> x, Activation activation) {
  auto out = Tensor<T>::uninitialized(x.shape());
  forward<T>(x, activation, out);
  return out;
}

}  // namespace

std::string_view activation_name(Activation activation) {
  for (const auto& [name, value] : kNames) {
    if (value == activation) return name;
  }
  throw std::invalid_argument("activation_name: not an activation");
}

std::vector<std::string_view> activation_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : kNames) names.push_back(name);
  return names;
}

Activation activation_from_name(std::string_view name, std::string_view who) {
  if (name == "linear") return Activation::identity;
  if (name == "swish") return Activation::silu;
  if (name == "celu") return Activation::elu;
  if (name == "hard_silu") return Activation::hard_swish;
  for (const auto& [known, value] : kNames) {
    if (known == name) return value;
  }
  throw std::invalid_argument(detail::formatted("{}: activation is \"{}\" but must be one of {}", who, name,
                                                detail::joined(activation_names(), ", ")));
}

void activation_forward(TensorView<const float> x, Activation activation, TensorView<float> out) {
  forward(x, activation, out);
}
void activation_forward(TensorView<const double> x, Activation activation, TensorView<double> out) {
  forward(x, activation, out);
}
Tensor<float> activation_forward(TensorView<const float> x, Activation activation) {
  return forward_new(x, activation);
}
Tensor<double> activation_forward(TensorView<const double> x, Activation activation) {
  return forward_new(x, activation);
}
void activation_backward(TensorView<const float> dy, TensorView<const float> x, TensorView<const float> y,
                         Activation activation, TensorView<float> dx) {
  backward(dy, x, y, activation, dx);
}
void activation_backward(TensorView<const double> dy, TensorView<const double> x, TensorView<const double> y,
                         Activation activation, TensorView<double> dx) {
  backward(dy, x, y, activation, dx);
}

}  // namespace hubel
