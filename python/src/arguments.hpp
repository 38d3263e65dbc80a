// Arguments as Python gives them, made into what the C++ functions take.
//
// What is of the wrong type raises TypeError here, naming the function, the argument, what it got and what it wanted.
// What is of the right type but does not fit is left to the C++ functions, whose std::invalid_argument becomes
// ValueError: so that the rules and their messages exist once.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "hubel/activation.hpp"
#include "hubel/conv.hpp"
#include "hubel/tensor.hpp"
#include "numpy_api.hpp"

namespace hubel::python {

// An argument and what it should have been, for messages: conv_forward, stride, "a pair of integers (sh, sw) ...".
struct Context {
  const char* who;
  const char* name;
  const char* wanted;
};

// `value` in a few words: "2.5 (float)", "a list", "None".
std::string describe(nb::handle value);
[[noreturn]] void raise_type_error(const Context& context, nb::handle value);

// An int, or what has __index__ (NumPy's integers); bool is refused. Beyond 64 bits: ValueError.
std::int64_t integer(const Context& context, nb::handle value);
// A pair of integers (tuple, list or 1-D array), or one integer for both.
std::array<std::int64_t, 2> integer_pair(const Context& context, nb::handle value);
double real(const Context& context, nb::handle value);
bool boolean(const Context& context, nb::handle value);
// All of a str; UnicodeEncodeError, a ValueError, for what UTF-8 cannot say (os.fsdecode's lone surrogates).
std::string utf8(nb::handle str);
// A str that should be one of Hubel's own names, clipped: they are short, and a message should be too.
std::string text(const Context& context, nb::handle value);
// A str with what a user makes up, whole; ValueError for one of more than ten thousand characters.
std::string free_text(const Context& context, nb::handle value);

// "same", "valid", p, (ph, pw) or ((top, bottom), (left, right)).
Padding padding(const char* who, nb::handle value);

// An activation runs inside the C++ function (a name, or None) or is called on its result.
struct ActivationArgument {
  Activation fused = Activation::identity;
  nb::handle function;  // not set: none
};
ActivationArgument activation(const char* who, nb::handle value);

// The array arguments of one call, all in one element type: double when one of them is float64 or counts as it, else
// float. An array that already is of that type, C-contiguous, aligned and in native byte order is used where it lies;
// any other is copied into one. Holds a reference to each array.
class Arrays {
 public:
  struct Argument {
    const char* name;
    const char* shape;  // in the page's terms: "(m, h_prev, w_prev, c_prev)"
    nb::handle value;
  };

  static constexpr std::size_t kMax = 4;

  Arrays(const char* who, std::initializer_list<Argument> arguments);

  bool is_double() const { return is_double_; }
  const Shape& shape(std::size_t i) const { return shapes_[i]; }

  template <class T>
  TensorView<const T> view(std::size_t i) const {
    return {static_cast<const T*>(PyArray_DATA(as_array(arrays_[i]))), shapes_[i]};
  }

 private:
  bool is_double_ = false;
  std::array<nb::object, kMax> arrays_;
  std::array<Shape, kMax> shapes_;
};

// The type an array's elements are computed in, NPY_FLOAT or NPY_DOUBLE. TypeError when `value` is no plain array or
// its dtype is none that Hubel computes with.
int compute_type(const char* who, const char* name, nb::handle value);

}  // namespace hubel::python
