// The operations on NumPy arrays: what Python's four functions and hubel.ops call.
//
// Each parses its arguments, makes the result's array and lets the C++ function write into it with the GIL released.
// The arguments are positional: names, defaults and documentation are Python's, in functions.py and ops.py.
#include <nanobind/nanobind.h>

#include <span>
#include <stdexcept>

#include "arguments.hpp"
#include "bindings.hpp"
#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/dense.hpp"
#include "hubel/loss.hpp"
#include "hubel/pool.hpp"
#include "numpy_api.hpp"

namespace hubel::python {

namespace {

constexpr const char* kImages = "(m, h_prev, w_prev, c_prev)";
constexpr const char* kOutput = "(m, h_new, w_new, c_new)";
constexpr const char* kKernel = "(kh, kw, c_prev, c_new)";
constexpr const char* kBias = "(1, 1, 1, c_new)";

// body(T()) with T the type that the arrays are computed in.
template <class Body>
nb::object in_type_of(const Arrays& arrays, const Body& body) {
  return arrays.is_double() ? body(double()) : body(float());
}

template <class Body>
void without_gil(const Body& body) {
  nb::gil_scoped_release release;
  body();
}

ConvOptions conv_options(const char* who, nb::handle padding_, nb::handle stride, nb::handle dilation,
                         nb::handle groups, nb::handle algorithm) {
  ConvOptions options;
  options.padding = padding(who, padding_);
  options.stride = integer_pair({who, "stride", "a pair of integers (sh, sw) or one integer"}, stride);
  options.dilation = integer_pair({who, "dilation", "a pair of integers (dh, dw) or one integer"}, dilation);
  options.groups = integer({who, "groups", "an integer"}, groups);
  const Context name{who, "algorithm", "\"auto\", \"direct\" or \"winograd\""};
  options.algorithm = conv_algorithm_from_name(text(name, algorithm), who);
  return options;
}

nb::object conv_forward_(nb::handle A_prev, nb::handle W, nb::handle b, nb::handle activation_, nb::handle padding_,
                         nb::handle stride, nb::handle dilation, nb::handle groups, nb::handle algorithm) {
  constexpr const char* who = "conv_forward";
  const Arrays in(who, {{"A_prev", kImages, A_prev}, {"W", kKernel, W}, {"b", kBias, b}});
  const ActivationArgument act = activation(who, activation_);
  const ConvOptions options = conv_options(who, padding_, stride, dilation, groups, algorithm);
  nb::object Z = in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> out(conv_geometry(in.shape(0), in.shape(1), options, who).output_shape());
    without_gil([&] { conv_forward(in.view<T>(0), in.view<T>(1), in.view<T>(2), act.fused, options, out.view); });
    return out.object;
  });
  return act.function.is_valid() ? act.function(Z) : Z;
}

nb::object conv_backward_(nb::handle dZ, nb::handle A_prev, nb::handle W, nb::handle b, nb::handle padding_,
                          nb::handle stride, nb::handle dilation, nb::handle groups, nb::handle algorithm) {
  constexpr const char* who = "conv_backward";
  const Arrays in(who, {{"dZ", kOutput, dZ}, {"A_prev", kImages, A_prev}, {"W", kKernel, W}, {"b", kBias, b}});
  const ConvOptions options = conv_options(who, padding_, stride, dilation, groups, algorithm);
  const ConvGeometry geometry = conv_geometry(in.shape(1), in.shape(2), options, who);
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    // The function that writes to given memory takes no b; the one that takes it refuses this shape in the one wording.
    if (in.shape(3) != Shape{1, 1, 1, geometry.c_new}) {
      conv_backward(in.view<T>(0), in.view<T>(1), in.view<T>(2), in.view<T>(3), options);
    }
    const NewArray<T> dA_prev(in.shape(1)), dW(in.shape(2)), db(in.shape(3));
    without_gil(
        [&] { conv_backward(in.view<T>(0), in.view<T>(1), in.view<T>(2), options, dA_prev.view, dW.view, db.view); });
    return nb::make_tuple(dA_prev.object, dW.object, db.object);
  });
}

PoolOptions pool_options(const char* who, nb::handle kernel_shape, nb::handle stride, nb::handle mode) {
  PoolOptions options;
  options.kernel_shape =
      integer_pair({who, "kernel_shape", "a pair of integers (kh, kw) or one integer"}, kernel_shape);
  options.stride = integer_pair({who, "stride", "a pair of integers (sh, sw) or one integer"}, stride);
  options.mode = pool_mode_from_name(text({who, "mode", "'max' or 'avg'"}, mode), who);
  return options;
}

nb::object pool_forward_(nb::handle A_prev, nb::handle kernel_shape, nb::handle stride, nb::handle mode) {
  constexpr const char* who = "pool_forward";
  const Arrays in(who, {{"A_prev", kImages, A_prev}});
  const PoolOptions options = pool_options(who, kernel_shape, stride, mode);
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> out(pool_output_shape(in.shape(0), options, who));
    without_gil([&] { pool_forward(in.view<T>(0), options, out.view); });
    return out.object;
  });
}

nb::object pool_backward_(nb::handle dA, nb::handle A_prev, nb::handle kernel_shape, nb::handle stride,
                          nb::handle mode) {
  constexpr const char* who = "pool_backward";
  const Arrays in(who, {{"dA", kOutput, dA}, {"A_prev", kImages, A_prev}});
  const PoolOptions options = pool_options(who, kernel_shape, stride, mode);
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> dA_prev(in.shape(1));
    without_gil([&] { pool_backward(in.view<T>(0), in.view<T>(1), options, dA_prev.view); });
    return dA_prev.object;
  });
}

// n_in x n_out of a dense layer. Of wrong ranks it is any shape: dense_forward refuses them before it writes.
Shape dense_output_shape(const Shape& X, const Shape& W) {
  return {X.rank() > 0 ? X[0] : 0, W.rank() > 0 ? W.back() : 0};
}

nb::object dense_forward_(nb::handle X, nb::handle W, nb::handle b, nb::handle activation_) {
  constexpr const char* who = "dense_forward";
  const Arrays::Argument x_argument{"X", "(m, n_in)", X}, w_argument{"W", "(n_in, n_out)", W};
  const Arrays in =
      b.is_none() ? Arrays(who, {x_argument, w_argument}) : Arrays(who, {x_argument, w_argument, {"b", "(n_out,)", b}});
  const ActivationArgument act = activation(who, activation_);
  nb::object Z = in_type_of(in, [&]<class T>(T) -> nb::object {
    const TensorView<const T> bias = b.is_none() ? TensorView<const T>() : in.view<T>(2);
    const NewArray<T> out(dense_output_shape(in.shape(0), in.shape(1)));
    without_gil([&] { dense_forward(in.view<T>(0), in.view<T>(1), bias, act.fused, out.view); });
    return out.object;
  });
  return act.function.is_valid() ? act.function(Z) : Z;
}

nb::object dense_backward_(nb::handle dZ, nb::handle X, nb::handle W) {
  constexpr const char* who = "dense_backward";
  const Arrays in(who, {{"dZ", "(m, n_out)", dZ}, {"X", "(m, n_in)", X}, {"W", "(n_in, n_out)", W}});
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> dX(in.shape(1)), dW(in.shape(2)), db(Shape{dense_output_shape(in.shape(1), in.shape(2))[1]});
    without_gil([&] { dense_backward(in.view<T>(0), in.view<T>(1), in.view<T>(2), dX.view, dW.view, db.view); });
    return nb::make_tuple(dX.object, dW.object, db.object);
  });
}

Activation named_activation(const char* who, nb::handle name) {
  return activation_from_name(text({who, "activation", "a name such as 'relu'"}, name), who);
}

nb::object activation_forward_(nb::handle x, nb::handle name) {
  constexpr const char* who = "activation_forward";
  const Arrays in(who, {{"x", "an array of at most 6 axes", x}});
  const Activation act = named_activation(who, name);
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> out(in.shape(0));
    without_gil([&] { activation_forward(in.view<T>(0), act, out.view); });
    return out.object;
  });
}

nb::object activation_backward_(nb::handle dy, nb::handle x, nb::handle name) {
  constexpr const char* who = "activation_backward";
  const Arrays in(who, {{"dy", "an array of at most 6 axes", dy}, {"x", "an array of at most 6 axes", x}});
  const Activation act = named_activation(who, name);
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> dx(in.shape(1));
    without_gil([&] {
      const Tensor<T> y = activation_forward(in.view<T>(1), act);
      activation_backward(in.view<T>(0), in.view<T>(1), y.view(), act, dx.view);
    });
    return dx.object;
  });
}

// Labels as softmax_cross_entropy takes them: an int32 array, C-contiguous. hubel/ops.py sees to it, and here it is
// checked.
std::span<const std::int32_t> label_span(nb::handle labels) {
  PyArrayObject* array = as_array(labels);
  if (!PyArray_Check(array) || PyArray_TYPE(array) != NPY_INT32 || !PyArray_ISCARRAY_RO(array)) {
    throw std::logic_error("labels must be an int32 array");
  }
  return {static_cast<const std::int32_t*>(PyArray_DATA(array)), static_cast<std::size_t>(PyArray_SIZE(array))};
}

nb::object softmax_cross_entropy_(nb::handle logits, nb::handle labels) {
  constexpr const char* who = "softmax_cross_entropy";
  const Arrays in(who, {{"logits", "(m, classes)", logits}});
  const std::span<const std::int32_t> all_labels = label_span(labels);
  return in_type_of(in, [&]<class T>(T) -> nb::object {
    const NewArray<T> dlogits(in.shape(0));
    LossResult result;
    without_gil([&] { result = softmax_cross_entropy(in.view<T>(0), all_labels, dlogits.view); });
    return nb::make_tuple(result.loss, dlogits.object);
  });
}

nb::tuple activation_names_() {
  nb::list names;
  for (std::string_view name : activation_names()) names.append(nb::str(name.data(), name.size()));
  return nb::tuple(names);
}

}  // namespace

void bind_ops(nb::module_& m) {
  define(m, "conv_forward", &conv_forward_);
  define(m, "conv_backward", &conv_backward_);
  define(m, "pool_forward", &pool_forward_);
  define(m, "pool_backward", &pool_backward_);
  define(m, "dense_forward", &dense_forward_);
  define(m, "dense_backward", &dense_backward_);
  define(m, "activation_forward", &activation_forward_);
  define(m, "activation_backward", &activation_backward_);
  define(m, "softmax_cross_entropy", &softmax_cross_entropy_);
  m.def("activation_names", &activation_names_);
}

}  // namespace hubel::python
